//! Questions: what the house asks the lake, each one SQL text in `questions/` and one function here
//!
//! Values never become a part of the text. Days are those of UTC.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use jiff::civil::Date;
use sekisho_core::event::{FactEvent, FactHash, MailEvent};
use sekisho_core::sums::{PolicyDomain, ReportRow, Reported, Sender, Stream};
use serde::{Deserialize, de::DeserializeOwned};

use crate::ask::AskError;
use crate::lake::Lake;

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

    /// Returns what our own gate saw of a domain and those below it, as author or as MAIL FROM.
    pub async fn judged(&self, domain: &str, days: Days) -> Result<Vec<Reported>, AskError> {
        let values = vec![text(domain), date(days.first), date(days.last)];
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
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<_> = (3..hashes.len() + 3).map(|at| format!("${at}")).collect();
        let sql = include_str!("questions/facts.sql").replace('…', &places.join(", "));
        let mut values = vec![date(days.first), date(days.last)];
        values.extend(hashes.iter().map(|hash| ScalarValue::FixedSizeBinary(16, Some(hash.0.to_vec()))));
        self.rows_of(&sql, values).await
    }

    /// Returns what the DNS said on a day to a question: each outcome once, the first use of it.
    pub async fn answers(&self, kind: &str, name: &str, day: Date) -> Result<Vec<FactEvent>, AskError> {
        self.rows_of(include_str!("questions/answers.sql"), vec![date(day), text(kind), text(name)]).await
    }

    /// Returns a mail by its verdict's id.
    pub async fn verdict(&self, id: &str, days: Days) -> Result<Option<MailEvent>, AskError> {
        let values = vec![date(days.first), date(days.last), text(id)];
        Ok(self.rows_of(include_str!("questions/verdict.sql"), values).await?.pop())
    }

    /// Returns how many rows of a DMARC aggregate report there are: whoever reads it again begins after them.
    pub async fn rows_of_report(&self, report: &str) -> Result<u64, AskError> {
        self.count(include_str!("questions/rows_of_report.sql"), vec![text(report)]).await
    }

    /// Returns how many rows of a TLS report there are: whoever reads it again begins after them.
    pub async fn rows_of_tls_report(&self, report: &str) -> Result<u64, AskError> {
        self.count(include_str!("questions/rows_of_tls_report.sql"), vec![text(report)]).await
    }

    /// Asks for one number.
    async fn count(&self, sql: &str, values: Vec<ScalarValue>) -> Result<u64, AskError> {
        let rows: Vec<Count> = self.rows_of(sql, values).await?;
        Ok(rows.first().map_or(0, |count| count.rows))
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

/// Returns a day as a value.
fn date(day: Date) -> ScalarValue {
    let since = Date::new(1970, 1, 1).and_then(|first| day.since(first)).map(|span| span.get_days());
    since.map_or_else(
        |_| ScalarValue::try_from(&DataType::Date32).expect("dates can be null"),
        |days| ScalarValue::Date32(Some(days)),
    )
}
