//! Reports: what was submitted to us, and what became of it

use std::collections::BTreeMap;

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::aggregate::{self, Counted};
use crate::column::{get, number, parse, parse_optional, text, text_of};
use crate::digest::Digest;
use crate::fault::Fault;
use crate::id::Id;
use crate::job::{self, Lease, NewJob};
use crate::ledger::Ledger;
use crate::page::{Cursor, Page};
use crate::source::{self, Source};
use crate::turn::in_time;
use crate::words::words;

/// The most paths of files and mailboxes that are told at a time.
const PATHS: i64 = 50_000;

impl Ledger {
    /// Notes a report together with its first job, in one transaction; both are on the disk when this returns.
    ///
    /// The same Evidence for the same kind of recipient is one row, however often it comes: a sender that did not hear our `250`
    /// sends again. A DMARC report that proved nothing so far is another row where it comes by another way, which may prove its
    /// sender: a copy that somebody sent ahead does not displace the real one. See [`Receipt`] for what became of it.
    pub async fn receive(&self, intake: &Intake) -> Result<Receipt, Fault> {
        let receipts = self.receive_all(std::slice::from_ref(intake)).await?;
        Ok(receipts.into_iter().next().expect("one came in, one goes out"))
    }

    /// Notes many reports in one transaction: an import of a mailbox waits for the disk once and not for each mail.
    pub async fn receive_all(&self, intakes: &[Intake]) -> Result<Vec<Receipt>, Fault> {
        in_time(async {
            let mut turn = self.writing().await?;
            let mut receipts = Vec::with_capacity(intakes.len());
            for intake in intakes {
                receipts.push(receive(turn.on(), intake).await?);
                if let Some(source) = &intake.source {
                    source::note(turn.on(), source, Some(&intake.report.evidence), intake.report.received_at).await?;
                }
            }
            turn.end(receipts).await
        })
        .await
    }

    /// Returns a report.
    pub async fn report(&self, id: Id) -> Result<Option<Report>, Fault> {
        /// One by its id.
        const ONE: &str = "SELECT id, kind, read_as, channel, received_at, evidence, size, client, helo, mail_from, recipient, \
            told_spf, submitter, proven_by, domain, state, reason, marked_at FROM reports WHERE id = $1";
        in_time(async {
            let mut turn = self.reading().await?;
            let row = sqlx::query(ONE).bind(id.to_string()).fetch_optional(turn.on()).await?;
            turn.end(row.as_ref().map(Report::of).transpose()?).await
        })
        .await
    }

    /// Returns the newest reports that the filter lets through, at most `limit`.
    pub async fn reports(
        &self,
        filter: &ReportFilter,
        after: Option<Cursor>,
        limit: u16,
    ) -> Result<Page<Report>, Fault> {
        /// The newest first; a filter that is null lets all through.
        const LIST: &str = "SELECT id, kind, read_as, channel, received_at, evidence, size, client, helo, mail_from, recipient, \
            told_spf, submitter, proven_by, domain, state, reason, marked_at FROM reports \
            WHERE (CAST($1 AS TEXT) IS NULL OR state = $1) \
            AND (CAST($2 AS TEXT) IS NULL OR COALESCE(read_as, kind) = $2) \
            AND (CAST($3 AS TEXT) IS NULL OR domain = $3) \
            AND received_at >= $4 AND received_at < $5 \
            AND (received_at < $6 OR (received_at = $6 AND id < $7)) \
            ORDER BY received_at DESC, id DESC LIMIT $8";
        let (at, id) = after.map_or_else(Cursor::newest, |cursor| (cursor.at, cursor.id.to_string()));
        in_time(async {
            let mut turn = self.reading().await?;
            let rows = sqlx::query(LIST)
                .bind(filter.state.map(ReportState::word))
                .bind(filter.kind.map(ReportKind::word))
                .bind(filter.domain.as_deref().map(|domain| text(domain).into_owned()))
                .bind(filter.from.unwrap_or(i64::MIN))
                .bind(filter.before.unwrap_or(i64::MAX))
                .bind(at)
                .bind(id)
                .bind(i64::from(limit) + 1)
                .fetch_all(turn.on())
                .await?;
            let reports = rows.iter().map(Report::of).collect::<Result<_, _>>()?;
            turn.end(Page::cut(reports, limit.into(), |report: &Report| Cursor {
                at: report.received_at,
                id: report.id,
            }))
            .await
        })
        .await
    }

    /// Returns the paths of the files and mailboxes in which imports found the reports that the filter lets through, by report; what
    /// was found first stands first. Reports that came by another way have none.
    pub async fn sources_of_reports(&self, filter: &ReportFilter) -> Result<BTreeMap<Id, Vec<String>>, Fault> {
        /// The filter is that of the list of reports; a filter that is null lets all through.
        const FOUND: &str = "SELECT reports.id AS id, imported_sources.path AS path FROM reports \
            JOIN imported_sources ON imported_sources.evidence = reports.evidence \
            WHERE (CAST($1 AS TEXT) IS NULL OR reports.state = $1) \
            AND (CAST($2 AS TEXT) IS NULL OR COALESCE(reports.read_as, reports.kind) = $2) \
            AND (CAST($3 AS TEXT) IS NULL OR reports.domain = $3) \
            AND reports.received_at >= $4 AND reports.received_at < $5 \
            ORDER BY imported_sources.imported_at, imported_sources.source LIMIT $6";
        in_time(async {
            let mut turn = self.reading().await?;
            let rows = sqlx::query(FOUND)
                .bind(filter.state.map(ReportState::word))
                .bind(filter.kind.map(ReportKind::word))
                .bind(filter.domain.as_deref().map(|domain| text(domain).into_owned()))
                .bind(filter.from.unwrap_or(i64::MIN))
                .bind(filter.before.unwrap_or(i64::MAX))
                .bind(PATHS)
                .fetch_all(turn.on())
                .await?;
            let mut paths: BTreeMap<Id, Vec<String>> = BTreeMap::new();
            for row in &rows {
                paths.entry(parse(row, "id")?).or_default().push(get(row, "path")?);
            }
            turn.end(paths).await
        })
        .await
    }

    /// Says what became of reports and ends the jobs that read them, in one transaction. Tells of each whether its lease was held:
    /// where it was lost meanwhile, nothing of it is written, and whoever has the job does it. Said twice it is as said once.
    pub async fn conclude(&self, conclusions: &[Conclusion<'_>], now: i64) -> Result<Vec<bool>, Fault> {
        in_time(async {
            let mut turn = self.writing().await?;
            let mut held = Vec::with_capacity(conclusions.len());
            for one in conclusions {
                let is_held = job::finish(turn.on(), one.lease, now).await?;
                if is_held {
                    mark(turn.on(), one.report, &one.mark).await?;
                    for counted in &one.counted {
                        aggregate::count_in(turn.on(), one.report, counted).await?;
                    }
                    for job in &one.jobs {
                        job::insert(turn.on(), job).await?;
                    }
                }
                held.push(is_held);
            }
            turn.end(held).await
        })
        .await
    }
}

/// What became of a report, and the job that found it out.
#[derive(Clone, Debug)]
pub struct Conclusion<'l> {
    /// The job.
    pub lease: &'l Lease,
    /// The report.
    pub report: Id,
    /// What became of it.
    pub mark: Mark,
    /// What was counted of it.
    pub counted: Vec<Counted>,
    /// What is to be done now that this is known: enqueued with it, or not at all.
    pub jobs: Vec<NewJob>,
}

/// A report that arrives: its row, its first job, and the file it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intake {
    /// The row.
    pub report: NewReport,
    /// The job that reads it.
    pub job: FirstJob,
    /// Where `import` found it.
    pub source: Option<Source>,
}

/// The row of a report that arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReport {
    /// Its id, should it be new.
    pub id: Id,
    /// What its recipient is for.
    pub kind: ReportKind,
    /// How it came.
    pub channel: Channel,
    /// When.
    pub received_at: i64,
    /// Its bytes in the vault.
    pub evidence: Digest,
    /// How many they are.
    pub size: u64,
    /// From whom and to whom.
    pub envelope: Envelope,
}

/// Who handed a report over, and for whom; empty where the channel has no such thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The client's address.
    pub client: String,
    /// What it called itself.
    pub helo: String,
    /// MAIL FROM; empty is the null path, none is a channel without one.
    pub mail_from: Option<String>,
    /// The recipient.
    pub recipient: String,
    /// The domain of MAIL FROM, where the client is not known and an MTA of ours said that SPF passes for it.
    pub told_spf: Option<String>,
}

/// The job that a report begins with; its subject is the report's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstJob {
    /// Its id.
    pub id: Id,
    /// Who does it.
    pub queue: String,
    /// What else they must know.
    pub payload: String,
    /// How often it is tried.
    pub max_attempts: u32,
}

/// What became of a report that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It is new.
    New,
    /// It was here already, under this id; nothing was written.
    Known(Id),
}

impl Receipt {
    /// Returns the id of the row, where `new` is the one that was given to [`Ledger::receive`].
    pub fn id(self, new: Id) -> Id {
        match self {
            Receipt::New => new,
            Receipt::Known(id) => id,
        }
    }
}

/// A row of the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its id.
    pub id: Id,
    /// What its recipient is for.
    pub kind: ReportKind,
    /// What it turned out to be, once it was read.
    pub read_as: Option<ReportKind>,
    /// How it came.
    pub channel: Channel,
    /// When.
    pub received_at: i64,
    /// Its bytes in the vault.
    pub evidence: Digest,
    /// How many they are.
    pub size: u64,
    /// From whom and to whom.
    pub envelope: Envelope,
    /// The domain that was authenticated as its submitter's, when it came or when it was read.
    pub submitter: Option<String>,
    /// What proved that, once it was read.
    pub proven_by: Option<ProvenBy>,
    /// The domain it is about, once it was read.
    pub domain: Option<String>,
    /// What became of it.
    pub state: ReportState,
    /// Why.
    pub reason: Option<String>,
    /// When that was said.
    pub marked_at: i64,
}

impl Report {
    /// Reads a row.
    fn of(row: &AnyRow) -> Result<Report, Fault> {
        Ok(Report {
            id: parse(row, "id")?,
            kind: parse(row, "kind")?,
            read_as: parse_optional(row, "read_as")?,
            channel: parse(row, "channel")?,
            received_at: get(row, "received_at")?,
            evidence: parse(row, "evidence")?,
            size: crate::column::count(row, "size")?,
            envelope: Envelope {
                client: get(row, "client")?,
                helo: get(row, "helo")?,
                mail_from: get(row, "mail_from")?,
                recipient: get(row, "recipient")?,
                told_spf: get(row, "told_spf")?,
            },
            submitter: get(row, "submitter")?,
            proven_by: parse_optional(row, "proven_by")?,
            domain: get(row, "domain")?,
            state: parse(row, "state")?,
            reason: get(row, "reason")?,
            marked_at: get(row, "marked_at")?,
        })
    }
}

/// What became of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The state.
    pub state: ReportState,
    /// Why, for a person.
    pub reason: Option<String>,
    /// What it turned out to be.
    pub read_as: Option<ReportKind>,
    /// The domain it is about.
    pub domain: Option<String>,
    /// Who proved to have sent it.
    pub submitter: Option<String>,
    /// By what.
    pub proven_by: Option<ProvenBy>,
    /// When this was found.
    pub at: i64,
}

/// Which reports to list; what is none lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportFilter {
    /// Only those of this state.
    pub state: Option<ReportState>,
    /// Only those of this kind, as they were read, or else as they came.
    pub kind: Option<ReportKind>,
    /// Only those about this domain.
    pub domain: Option<String>,
    /// Only those that came at this time or later.
    pub from: Option<i64>,
    /// Only those that came before this time.
    pub before: Option<i64>,
}

words! {
    /// What a report is.
    ReportKind, "kind of report" {
        /// A DMARC aggregate report (RFC 9990).
        DmarcAggregate = "dmarc-aggregate",
        /// A DMARC failure report (RFC 9991).
        DmarcFailure = "dmarc-failure",
        /// An SMTP TLS report (RFC 8460).
        Tls = "tls",
        /// A complaint to `abuse@`.
        Abuse = "abuse",
        /// A complaint from a mailbox provider's feedback loop (RFC 5965).
        Fbl = "fbl",
        /// A notice that a mail of ours could not be delivered (RFC 3464).
        Bounce = "bounce",
        /// Not known before it is read.
        Unknown = "unknown",
    }
}

words! {
    /// How a report came.
    Channel, "channel" {
        /// To the SMTP intake.
        Smtp = "smtp",
        /// To the intake, delivered by an MTA of ours (RFC 2033).
        Lmtp = "lmtp",
        /// As a file.
        File = "file",
        /// By HTTP POST.
        Http = "http",
        /// Fetched from an IMAP mailbox.
        Imap = "imap",
        /// From a Maildir.
        Maildir = "maildir",
        /// From an mbox.
        Mbox = "mbox",
    }
}

words! {
    /// What proved who sent a report.
    ProvenBy, "proof of a submitter" {
        /// A signature.
        Dkim = "dkim",
        /// The client's address.
        Spf = "spf",
        /// The client's address, as an MTA of ours in front found it (RFC 8601).
        AuthenticationResults = "authentication-results",
    }
}

words! {
    /// What became of a report.
    ReportState, "state of a report" {
        /// It waits to be read.
        Received = "received",
        /// It was read, and its rows are Events.
        Read = "read",
        /// It cannot be read; the reason says why.
        Unreadable = "unreadable",
        /// It was left out, as its standard demands; the reason says which rule.
        Ignored = "ignored",
        /// It was counted already.
        Duplicate = "duplicate",
    }
}

/// Says within a transaction what became of a report.
async fn mark(connection: &mut AnyConnection, id: Id, mark: &Mark) -> Result<(), Fault> {
    /// What is not said stays as it was, but for the reason.
    const MARK: &str = "UPDATE reports SET state = $1, reason = $2, read_as = COALESCE($3, read_as), \
        domain = COALESCE($4, domain), submitter = COALESCE($5, submitter), proven_by = COALESCE($6, proven_by), \
        marked_at = $7 WHERE id = $8";
    sqlx::query(MARK)
        .bind(mark.state.word())
        .bind(mark.reason.as_deref().map(|reason| text(reason).into_owned()))
        .bind(mark.read_as.map(ReportKind::word))
        .bind(mark.domain.as_deref().map(|domain| text(domain).into_owned()))
        .bind(mark.submitter.as_deref().map(|domain| text_of(domain, 255).into_owned()))
        .bind(mark.proven_by.map(ProvenBy::word))
        .bind(mark.at)
        .bind(id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes a report and its job within a transaction.
async fn receive(connection: &mut AnyConnection, intake: &Intake) -> Result<Receipt, Fault> {
    let report = &intake.report;
    let way = way(&report.envelope);
    if let Some(known) = known(connection, report, &way).await? {
        return Ok(Receipt::Known(known));
    }
    if insert(connection, report, &way).await? {
        enqueue(connection, intake).await?;
        return Ok(Receipt::New);
    }
    // Somebody else brought it by the same way since we looked.
    known(connection, report, &way).await?.map(Receipt::Known).ok_or_else(|| sqlx::Error::RowNotFound.into())
}

/// Returns the way that a report came, as far as its sender may be proven by it.
fn way(envelope: &Envelope) -> String {
    let Envelope { client, helo, mail_from, told_spf, .. } = envelope;
    let text = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
    Digest::of_parts(&[client, helo, &text(mail_from), &text(told_spf)]).to_string()
}

/// Returns the row of a report that is here already: one that is proven, one that came by the same way, or any where this way can
/// prove nothing that the other could not.
async fn known(connection: &mut AnyConnection, report: &NewReport, way: &str) -> Result<Option<Id>, Fault> {
    /// The rows that are in the way, the first to come first.
    const KNOWN: &str =
        "SELECT id, way, submitter FROM reports WHERE evidence = $1 AND kind = $2 ORDER BY received_at, id";
    let rows =
        sqlx::query(KNOWN).bind(report.evidence.to_string()).bind(report.kind.word()).fetch_all(connection).await?;
    // Only who sends DMARC reports is known by the way they come, too: TLS reports are signed, and complaints need no proof.
    let Envelope { client, mail_from, told_spf, .. } = &report.envelope;
    let has_way = told_spf.is_some() || !client.is_empty() && mail_from.is_some();
    let is_dmarc = matches!(report.kind, ReportKind::DmarcAggregate | ReportKind::DmarcFailure);
    let may_prove = has_way && is_dmarc;
    for row in &rows {
        let is_proven = get::<Option<String>>(row, "submitter")?.is_some();
        if !may_prove || is_proven || get::<String>(row, "way")? == way {
            return Ok(Some(parse(row, "id")?));
        }
    }
    Ok(None)
}

/// Inserts the row; false where there is one of this Evidence, kind and way.
async fn insert(connection: &mut AnyConnection, report: &NewReport, way: &str) -> Result<bool, Fault> {
    /// It begins as received.
    const INSERT: &str = "INSERT INTO reports (id, kind, channel, received_at, evidence, size, client, helo, mail_from, \
        recipient, told_spf, way, state, marked_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'received', $4) \
        ON CONFLICT (evidence, kind, way) DO NOTHING";
    let envelope = &report.envelope;
    let done = sqlx::query(INSERT)
        .bind(report.id.to_string())
        .bind(report.kind.word())
        .bind(report.channel.word())
        .bind(report.received_at)
        .bind(report.evidence.to_string())
        .bind(number(report.size))
        .bind(text(&envelope.client).into_owned())
        .bind(text(&envelope.helo).into_owned())
        .bind(envelope.mail_from.as_deref().map(|from| text(from).into_owned()))
        .bind(text(&envelope.recipient).into_owned())
        .bind(envelope.told_spf.as_deref().map(|domain| text_of(domain, 255).into_owned()))
        .bind(way)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Enqueues the job that reads a report, once.
async fn enqueue(connection: &mut AnyConnection, intake: &Intake) -> Result<(), Fault> {
    let (first, report) = (&intake.job, intake.report.id);
    let job = NewJob {
        id: first.id,
        queue: first.queue.clone(),
        subject: report.to_string(),
        payload: first.payload.clone(),
        once: Some(format!("{}:{report}:", first.queue)),
        due: intake.report.received_at,
        made_at: intake.report.received_at,
        max_attempts: first.max_attempts,
    };
    job::insert(connection, &job).await.map(|_| ())
}
