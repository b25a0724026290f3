//! Which reports count: each is counted once, whoever sends it how often

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::column::{count, get, number, parse, text, text_of};
use crate::digest::Digest;
use crate::fault::Fault;
use crate::id::Id;
use crate::ledger::Ledger;
use crate::report::ReportKind;
use crate::turn::in_time;

impl Ledger {
    /// Claims the right to count reports, in one transaction; of all who claim the same key one gets it, and gets it again
    /// whenever it asks. The answers stand in the order of the questions.
    ///
    /// `part` tells apart several reports in one mail. Claim as soon as the keys were read, and before anything is counted.
    pub async fn claim_aggregates(&self, claims: &[(AggregateKey, Id, u32)], now: i64) -> Result<Vec<Claim>, Fault> {
        in_time(async {
            let mut turn = self.writing().await?;
            let mut answers = Vec::with_capacity(claims.len());
            for (key, report, part) in claims {
                answers.push(claim(turn.on(), key, *report, *part, now).await?);
            }
            turn.end(answers).await
        })
        .await
    }

    /// Returns how many mails with reports somebody handed to our SMTP intake in a time, as its mails prove.
    pub async fn mails_of_submitter(&self, submitter: &str, from: i64, before: i64) -> Result<u64, Fault> {
        /// A mail with several reports is one; sums are cast: the engines differ in what they return.
        const MAILS: &str = "SELECT CAST(COUNT(DISTINCT r.id) AS BIGINT) AS mails FROM reports r \
            JOIN aggregate_reports a ON a.report = r.id \
            WHERE a.authenticated = 1 AND a.submitter = $1 AND r.channel = 'smtp' AND r.received_at >= $2 AND r.received_at < $3";
        in_time(async {
            let mut turn = self.reading().await?;
            let submitter = text_of(submitter, 255).into_owned();
            let row = sqlx::query(MAILS).bind(submitter).bind(from).bind(before).fetch_one(turn.on()).await?;
            turn.end(count(&row, "mails")?).await
        })
        .await
    }

    /// Returns what counts of a report, in the order of its parts.
    pub async fn aggregates_of(&self, report: Id) -> Result<Vec<AggregateRead>, Fault> {
        /// Its parts.
        const PARTS: &str = "SELECT report, part, kind, authenticated, submitter, org, report_id, domain, begin_at, end_at, \
            row_count, message_count, claimed_at FROM aggregate_reports WHERE report = $1 ORDER BY part, claim";
        in_time(async {
            let mut turn = self.reading().await?;
            let rows = sqlx::query(PARTS).bind(report.to_string()).fetch_all(turn.on()).await?;
            turn.end(rows.iter().map(AggregateRead::of).collect::<Result<_, _>>()?).await
        })
        .await
    }
}

/// What makes two reports the same one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AggregateKey {
    /// DMARC's or TLS's: their ids have nothing to do with each other.
    pub kind: ReportKind,
    /// The domain that was authenticated as the submitter's. Without one the key is among its like, and in nobody's way.
    pub submitter: Option<String>,
    /// What the reporter calls itself.
    pub org: String,
    /// What it calls the report.
    pub report_id: String,
    /// The domain it is about.
    pub domain: String,
    /// Where its period begins.
    pub begin: i64,
    /// Where it ends.
    pub end: i64,
}

impl AggregateKey {
    /// Returns the hash that stands for it. The parts are as long as their sender likes, and an index holds no such things.
    fn claim(&self) -> String {
        let proven = if self.submitter.is_some() { "authenticated" } else { "unauthenticated" };
        let submitter = self.submitter.as_deref().unwrap_or_default();
        let period = [self.begin.to_string(), self.end.to_string()];
        let parts =
            [self.kind.word(), proven, submitter, &self.org, &self.report_id, &self.domain, &period[0], &period[1]];
        Digest::of_parts(&parts).to_string()
    }
}

/// Whether a report may be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is the one that counts; perhaps it was claimed by the same report before, when its job was broken off.
    Ours,
    /// The one that counts came with this report.
    Duplicate(Id),
}

/// How much was in a report that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Which of those in a mail.
    pub part: u32,
    /// Its rows.
    pub rows: u64,
    /// The messages they speak of.
    pub messages: u64,
}

/// A report that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregateRead {
    /// The report it came with.
    pub report: Id,
    /// Which of those in it.
    pub part: u32,
    /// What makes it the same as another; its texts as they stand in columns.
    pub key: AggregateKey,
    /// How many rows it has.
    pub rows: u64,
    /// How many messages they speak of.
    pub messages: u64,
    /// When it was claimed.
    pub claimed_at: i64,
}

impl AggregateRead {
    /// Reads a row.
    fn of(row: &AnyRow) -> Result<AggregateRead, Fault> {
        let part: i64 = get(row, "part")?;
        let authenticated = get::<i64>(row, "authenticated")? != 0;
        let submitter: String = get(row, "submitter")?;
        Ok(AggregateRead {
            report: parse(row, "report")?,
            part: part.try_into().map_err(|_| Fault::nonsense("part", part.to_string()))?,
            key: AggregateKey {
                kind: parse(row, "kind")?,
                submitter: authenticated.then_some(submitter),
                org: get(row, "org")?,
                report_id: get(row, "report_id")?,
                domain: get(row, "domain")?,
                begin: get(row, "begin_at")?,
                end: get(row, "end_at")?,
            },
            rows: count(row, "row_count")?,
            messages: count(row, "message_count")?,
            claimed_at: get(row, "claimed_at")?,
        })
    }
}

/// Claims one report within a transaction.
async fn claim(
    connection: &mut AnyConnection,
    key: &AggregateKey,
    report: Id,
    part: u32,
    now: i64,
) -> Result<Claim, Fault> {
    /// The first one stays.
    const CLAIM: &str = "INSERT INTO aggregate_reports (claim, report, part, kind, authenticated, submitter, org, report_id, \
        domain, begin_at, end_at, row_count, message_count, claimed_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, 0, $12) ON CONFLICT (claim) DO NOTHING";
    /// Who has it.
    const HOLDER: &str = "SELECT report, part FROM aggregate_reports WHERE claim = $1";
    let claim = key.claim();
    let done = sqlx::query(CLAIM)
        .bind(&claim)
        .bind(report.to_string())
        .bind(i64::from(part))
        .bind(key.kind.word())
        .bind(i64::from(key.submitter.is_some()))
        .bind(text_of(key.submitter.as_deref().unwrap_or_default(), 255).into_owned())
        .bind(text(&key.org).into_owned())
        .bind(text(&key.report_id).into_owned())
        .bind(text_of(&key.domain, 255).into_owned())
        .bind(key.begin)
        .bind(key.end)
        .bind(now)
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() > 0 {
        return Ok(Claim::Ours);
    }
    let row = sqlx::query(HOLDER).bind(&claim).fetch_one(connection).await?;
    let holder: Id = parse(&row, "report")?;
    let same = holder == report && get::<i64>(&row, "part")? == i64::from(part);
    Ok(if same { Claim::Ours } else { Claim::Duplicate(holder) })
}

/// Notes within a transaction how much was in a report that was claimed. Said twice it is as said once.
pub(crate) async fn count_in(connection: &mut AnyConnection, report: Id, counted: &Counted) -> Result<(), Fault> {
    /// The part that was claimed.
    const COUNT: &str =
        "UPDATE aggregate_reports SET row_count = $1, message_count = $2 WHERE report = $3 AND part = $4";
    sqlx::query(COUNT)
        .bind(number(counted.rows))
        .bind(number(counted.messages))
        .bind(report.to_string())
        .bind(i64::from(counted.part))
        .execute(connection)
        .await?;
    Ok(())
}
