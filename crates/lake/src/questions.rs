//! Questions: what the house asks the lake, each one SQL text in `questions/` and one function here
//!
//! Values never become a part of the text. Days are those of UTC.

use std::collections::BTreeSet;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use jiff::civil::Date;
use sekisho_core::event::{FactEvent, FactHash, FailureEvent, MailEvent};
use sekisho_core::search::{AuthorDomain, MailRow, MailSearch, Volume, given};
use sekisho_core::sums::{Failed, PolicyDomain, ReportRow, Reported, Sender, Stream};
use serde::{Deserialize, de::DeserializeOwned};

use crate::ask::AskError;
use crate::days;
use crate::lake::Lake;

/// The most spans of time that one answer adds up in.
const MOST_SPANS: i64 = 10_000;
/// How many facts are asked for at once: a question has a limit of words.
const FACTS_AT_ONCE: usize = 500;
/// How many days back a mail is looked for, one stretch after the other: most are asked for when they are fresh.
const STRETCHES: [i32; 3] = [1, 7, 31];

/// The days from one to another, both among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub first: Date,
    /// The last.
    pub last: Date,
}

impl From<Date> for Days {
    fn from(day: Date) -> Self {
        Self { first: day, last: day }
    }
}

/// How many rows there are.
#[derive(Deserialize)]
struct Count {
    /// So many.
    rows: u64,
}

impl Lake {
    /// Returns who sent most as an author domain on a day.
    pub async fn top_senders(&self, domain: &str, day: Date, at_most: u32) -> Result<Vec<Sender>, AskError> {
        let values = vec![text(domain), date(day), ScalarValue::Int64(Some(at_most.into()))];
        self.rows_of(include_str!("questions/top_senders.sql"), values).await
    }

    /// Returns the streams of an author domain.
    pub async fn streams(&self, domain: &str, days: Days) -> Result<Vec<Stream>, AskError> {
        let values = vec![text(domain), date(days.first), date(days.last)];
        self.rows_of(include_str!("questions/streams.sql"), values).await
    }

    /// Returns what receivers told about a policy domain; with `unproven`, also those whose report proves no sender.
    pub async fn reported(&self, domain: &str, days: Days, unproven: bool) -> Result<Vec<Reported>, AskError> {
        let values = vec![text(domain), date(days.first), date(days.last), ScalarValue::Boolean(Some(unproven))];
        self.rows_of(include_str!("questions/reported.sql"), values).await
    }

    /// Returns what receivers told of a MAIL FROM domain in reports about domains that it is not at or below.
    pub async fn reported_elsewhere(
        &self,
        domain: &str,
        days: Days,
        unproven: bool,
    ) -> Result<Vec<Reported>, AskError> {
        let values = vec![text(domain), date(days.first), date(days.last), ScalarValue::Boolean(Some(unproven))];
        self.rows_of(include_str!("questions/reported_elsewhere.sql"), values).await
    }

    /// Returns what our own gate saw of a domain and those below it, as author; with `or_mail_from`, as MAIL FROM, too.
    pub async fn judged(&self, domain: &str, days: Days, or_mail_from: bool) -> Result<Vec<Reported>, AskError> {
        let as_mail_from = ScalarValue::Boolean(Some(or_mail_from));
        let values = vec![text(domain), date(days.first), date(days.last), as_mail_from];
        self.rows_of(include_str!("questions/judged.sql"), values).await
    }

    /// Returns the rows of our aggregate report on a policy domain and a day.
    pub async fn report_rows(&self, policy_domain: &str, day: Date) -> Result<Vec<ReportRow>, AskError> {
        self.rows_of(include_str!("questions/report_rows.sql"), vec![text(policy_domain), date(day)]).await
    }

    /// Returns the policy domains whose mail was judged on a day.
    pub async fn policy_domains(&self, day: Date) -> Result<Vec<PolicyDomain>, AskError> {
        self.rows_of(include_str!("questions/policy_domains.sql"), vec![date(day)]).await
    }

    /// Returns facts by their names, as a mail of these days has them; what is not there is left out.
    pub async fn facts(&self, hashes: &[FactHash], days: Days) -> Result<Vec<FactEvent>, AskError> {
        let hashes: Vec<FactHash> = BTreeSet::from_iter(hashes).into_iter().copied().collect();
        let mut all = Vec::new();
        for hashes in hashes.chunks(FACTS_AT_ONCE) {
            let places: Vec<_> = (3..hashes.len() + 3).map(|at| format!("${at}")).collect();
            let sql = include_str!("questions/facts.sql").replace('…', &places.join(", "));
            let mut values = vec![date(days.first), date(days.last)];
            values.extend(hashes.iter().map(|hash| ScalarValue::FixedSizeBinary(16, Some(hash.0.to_vec()))));
            all.extend(self.rows_of::<FactEvent>(&sql, values).await?);
        }
        Ok(all)
    }

    /// Returns what the DNS said on a day to a question: each outcome once, the first use of it.
    pub async fn answers(&self, kind: &str, name: &str, day: Date) -> Result<Vec<FactEvent>, AskError> {
        self.rows_of(include_str!("questions/answers.sql"), vec![date(day), text(kind), text(name)]).await
    }

    /// Returns a mail by its verdict's id, the days around `now` first; with `within`, only where every recipient domain is one
    /// of these or below.
    pub async fn mail(&self, id: &str, within: Option<&[String]>, now: i64) -> Result<Option<MailEvent>, AskError> {
        let (today, mut last) = (days::today(now), None);
        for back in STRETCHES.into_iter().map(Some).chain([None]) {
            let first = back.map_or(0, |back| today.saturating_sub(back));
            let between = [ScalarValue::Date32(Some(first)), ScalarValue::Date32(Some(last.unwrap_or(days::LAST_DAY)))];
            let values = between.into_iter().chain([text(id), texts(within)]).collect();
            if let Some(mail) = self.rows_of(include_str!("questions/verdict.sql"), values).await?.pop() {
                return Ok(Some(mail));
            }
            last = Some(first.saturating_sub(1));
        }
        Ok(None)
    }

    /// Returns the mails that somebody looks for, newest first.
    pub async fn mails(&self, search: &MailSearch) -> Result<Vec<MailRow>, AskError> {
        let mut values = between(search.from_at, search.until_at).to_vec();
        values.push(ScalarValue::Int64(Some(search.limit.into())));
        let wanted = [
            &search.id,
            &search.queue_id,
            &search.author_domain,
            &search.mail_from_domain,
            &search.recipient_domain,
            &search.signer,
            &search.dkim,
            &search.client,
            &search.helo,
            &search.spf,
            &search.arc,
            &search.dmarc,
            &search.verdict,
            &search.decision,
        ];
        values.extend(wanted.map(|wanted| ScalarValue::Utf8(given(wanted).map(str::to_owned))));
        let (at, id) = search.after.clone().unzip();
        values.extend([texts(search.within.as_deref()), moment(at), ScalarValue::Utf8(id)]);
        self.rows_of(include_str!("questions/mails.sql"), values).await
    }

    /// Returns how many mails had each result in each span of `step` microseconds.
    pub async fn volumes(
        &self,
        from_at: i64,
        until_at: i64,
        step: i64,
        within: Option<&[String]>,
    ) -> Result<Vec<Volume>, AskError> {
        if step < 1 || until_at.saturating_sub(from_at) / step >= MOST_SPANS {
            return Err(AskError::Refused(format!("an answer has at most {MOST_SPANS} spans of time")));
        }
        let mut values = between(from_at, until_at).to_vec();
        values.extend([ScalarValue::Int64(Some(step)), texts(within)]);
        self.rows_of(include_str!("questions/volumes.sql"), values).await
    }

    /// Returns who sends, by author domain, the busiest first; with `domains`, only these and what is below them; with `within`, only
    /// mails of which every recipient domain is one of these or below.
    pub async fn author_domains(
        &self,
        from_at: i64,
        until_at: i64,
        domains: Option<&[String]>,
        within: Option<&[String]>,
        at_most: u32,
    ) -> Result<Vec<AuthorDomain>, AskError> {
        let mut values = between(from_at, until_at).to_vec();
        values.extend([ScalarValue::Int64(Some(at_most.into())), texts(domains), texts(within)]);
        self.rows_of(include_str!("questions/author_domains.sql"), values).await
    }

    /// Returns the mails that failed in the name of a domain or one below it, as failure reports tell, the latest first; with
    /// `unproven`, also those whose report proves no sender.
    pub async fn failures(&self, domain: &str, days: Days, unproven: bool) -> Result<Vec<Failed>, AskError> {
        let values = vec![text(domain), date(days.first), date(days.last), ScalarValue::Boolean(Some(unproven))];
        self.rows_of(include_str!("questions/failures.sql"), values).await
    }

    /// Returns what a failure report tells.
    pub async fn failure(&self, report: &str) -> Result<Option<FailureEvent>, AskError> {
        Ok(self.rows_of(include_str!("questions/failure.sql"), vec![text(report)]).await?.pop())
    }

    /// Returns how many rows of a report there are, whatever it tells of: whoever reads it again begins after them.
    pub async fn rows_of_report(&self, report: &str) -> Result<u64, AskError> {
        let rows: Vec<Count> = self.rows_of(include_str!("questions/rows_of_report.sql"), vec![text(report)]).await?;
        Ok(rows.iter().map(|count| count.rows).sum())
    }

    /// Asks, and returns the rows as values.
    async fn rows_of<T: DeserializeOwned>(&self, sql: &str, values: Vec<ScalarValue>) -> Result<Vec<T>, AskError> {
        let mut all = Vec::new();
        for batch in self.ask_with(sql, values).await?.collect().await? {
            let rows: Vec<T> = serde_arrow::from_record_batch(&batch).map_err(AskError::Rows)?;
            all.extend(rows);
        }
        Ok(all)
    }
}

/// Returns a text as a value.
fn text(text: &str) -> ScalarValue {
    ScalarValue::Utf8(Some(text.to_owned()))
}

/// Returns texts as a list, or nothing as null.
fn texts(texts: Option<&[String]>) -> ScalarValue {
    let Some(texts) = texts else { return ScalarValue::new_null_list(DataType::Utf8, true, 1) };
    let texts: Vec<_> = texts.iter().map(|one| text(one)).collect();
    ScalarValue::List(ScalarValue::new_list(&texts, &DataType::Utf8, true))
}

/// Returns a moment as a value.
fn moment(at: Option<i64>) -> ScalarValue {
    ScalarValue::TimestampMicrosecond(at, Some("UTC".into()))
}

/// Returns a span of time as values: its first day, its last, its first moment, and the moment before which it ends.
fn between(from_at: i64, until_at: i64) -> [ScalarValue; 4] {
    let day = |at| ScalarValue::Date32(Some(days::today(at)));
    [day(from_at), day(until_at.saturating_sub(1)), moment(Some(from_at)), moment(Some(until_at))]
}

/// Returns a day as a value.
fn date(day: Date) -> ScalarValue {
    let since = Date::new(1970, 1, 1).and_then(|first| day.since(first)).map(|span| span.get_days());
    since.map_or_else(
        |_| ScalarValue::try_from(&DataType::Date32).expect("dates can be null"),
        |days| ScalarValue::Date32(Some(days)),
    )
}
