//! Reports of ours: each is made and sent once, however many nodes there are

use sqlx::any::AnyRow;

use crate::column::{get, parse, parse_optional, text, text_of};
use crate::digest::Digest;
use crate::fault::Fault;
use crate::id::Id;
use crate::job::{self, NewJob};
use crate::ledger::Ledger;
use crate::page::{Cursor, Page};
use crate::turn::in_time;
use crate::words::words;

impl Ledger {
    /// Claims a report of ours together with the job that makes and sends it, in one transaction. Of all nodes that plan the same
    /// report one gets it; to the others it is known. The job is leased, so that it is done even if that node is lost.
    pub async fn plan(&self, outgoing: &NewOutgoing, job: &NewJob) -> Result<Planned, Fault> {
        /// The first one stays.
        const PLAN: &str = "INSERT INTO outgoing_reports (id, claim, domain, day, kind, destination, state, attempts, planned_at, \
            changed_at) VALUES ($1, $2, $3, $4, $5, $6, 'planned', 0, $7, $7) ON CONFLICT (claim) DO NOTHING";
        /// The one that stands.
        const KNOWN: &str = "SELECT id FROM outgoing_reports WHERE claim = $1";
        in_time(async {
            let (mut turn, claim) = (self.writing().await?, outgoing.claim());
            let done = sqlx::query(PLAN)
                .bind(outgoing.id.to_string())
                .bind(&claim)
                .bind(text_of(&outgoing.domain, 255).into_owned())
                .bind(outgoing.day)
                .bind(outgoing.kind.word())
                .bind(text(&outgoing.destination).into_owned())
                .bind(outgoing.planned_at)
                .execute(turn.on())
                .await?;
            if done.rows_affected() > 0 {
                job::insert(turn.on(), job).await?;
                return turn.end(Planned::New).await;
            }
            let row = sqlx::query(KNOWN).bind(&claim).fetch_one(turn.on()).await?;
            turn.end(Planned::Known(parse(&row, "id")?)).await
        })
        .await
    }

    /// Says what became of a report of ours; false where there is none of this id, or where it came back: that may be known before
    /// whoever sent it says that it was taken, and nothing is sent again that came back.
    pub async fn mark_outgoing(&self, id: Id, mark: &OutgoingMark) -> Result<bool, Fault> {
        /// What is not said stays as it was, but for the reason.
        const MARK: &str = "UPDATE outgoing_reports SET state = $1, reason = $2, evidence = COALESCE($3, evidence), \
            message_id = COALESCE($4, message_id), attempts = attempts + $5, changed_at = $6 WHERE id = $7 \
            AND state <> 'bounced'";
        in_time(async {
            let mut turn = self.writing().await?;
            let done = sqlx::query(MARK)
                .bind(mark.state.word())
                .bind(mark.reason.as_deref().map(|reason| text(reason).into_owned()))
                .bind(mark.evidence.map(|evidence| evidence.to_string()))
                .bind(mark.message_id.as_deref().map(|id| text(id).into_owned()))
                .bind(i64::from(mark.attempted))
                .bind(mark.at)
                .bind(id.to_string())
                .execute(turn.on())
                .await?;
            let is_marked = done.rows_affected() > 0;
            for job in mark.jobs.iter().filter(|_| is_marked) {
                job::insert(turn.on(), job).await?;
            }
            turn.end(is_marked).await
        })
        .await
    }

    /// Returns a report of ours.
    pub async fn outgoing(&self, id: Id) -> Result<Option<Outgoing>, Fault> {
        /// One by its id.
        const ONE: &str = "SELECT id, domain, day, kind, destination, state, attempts, reason, evidence, message_id, planned_at, \
            changed_at FROM outgoing_reports WHERE id = $1";
        self.outgoing_by(ONE, id.to_string()).await
    }

    /// Returns the report of ours that went out under this Message-ID: a bounce names it.
    pub async fn outgoing_by_message_id(&self, message_id: &str) -> Result<Option<Outgoing>, Fault> {
        /// One by its mail.
        const ONE: &str = "SELECT id, domain, day, kind, destination, state, attempts, reason, evidence, message_id, planned_at, \
            changed_at FROM outgoing_reports WHERE message_id = $1 ORDER BY planned_at LIMIT 1";
        self.outgoing_by(ONE, text(message_id).into_owned()).await
    }

    /// Returns reports of ours that the filter lets through, those first that were planned last, at most `limit`.
    pub async fn outgoings(
        &self,
        filter: &OutgoingFilter,
        after: Option<Cursor>,
        limit: u16,
    ) -> Result<Page<Outgoing>, Fault> {
        /// A filter that is null lets all through.
        const LIST: &str = "SELECT id, domain, day, kind, destination, state, attempts, reason, evidence, message_id, planned_at, \
            changed_at FROM outgoing_reports WHERE (CAST($1 AS TEXT) IS NULL OR state = $1) \
            AND (CAST($2 AS TEXT) IS NULL OR kind = $2) AND (CAST($3 AS TEXT) IS NULL OR domain = $3) \
            AND (CAST($4 AS BIGINT) IS NULL OR day = $4) \
            AND (planned_at < $5 OR (planned_at = $5 AND id < $6)) ORDER BY planned_at DESC, id DESC LIMIT $7";
        let (at, id) = after.map_or_else(Cursor::newest, |cursor| (cursor.at, cursor.id.to_string()));
        in_time(async {
            let mut turn = self.reading().await?;
            let rows = sqlx::query(LIST)
                .bind(filter.state.map(OutgoingState::word))
                .bind(filter.kind.map(OutgoingKind::word))
                .bind(filter.domain.as_deref().map(|domain| text_of(domain, 255).into_owned()))
                .bind(filter.day)
                .bind(at)
                .bind(id)
                .bind(i64::from(limit) + 1)
                .fetch_all(turn.on())
                .await?;
            let found = rows.iter().map(Outgoing::of).collect::<Result<_, _>>()?;
            turn.end(Page::cut(found, limit.into(), |one: &Outgoing| Cursor { at: one.planned_at, id: one.id })).await
        })
        .await
    }

    /// Returns the one row that a statement finds by one text.
    async fn outgoing_by(&self, statement: &'static str, what: String) -> Result<Option<Outgoing>, Fault> {
        in_time(async {
            let mut turn = self.reading().await?;
            let row = sqlx::query(statement).bind(what).fetch_optional(turn.on()).await?;
            turn.end(row.as_ref().map(Outgoing::of).transpose()?).await
        })
        .await
    }
}

/// A report of ours that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOutgoing {
    /// Its id, should nobody else have planned it.
    pub id: Id,
    /// The policy domain.
    pub domain: String,
    /// The day it is about, counted from 1970-01-01, in UTC.
    pub day: i64,
    /// What it is.
    pub kind: OutgoingKind,
    /// Where it goes: the address in `rua`, `ruf` or the like.
    pub destination: String,
    /// Which one it is of several about that day; empty where there is one.
    pub part: String,
    /// Now.
    pub planned_at: i64,
}

impl NewOutgoing {
    /// Returns the hash that stands for what there is once.
    fn claim(&self) -> String {
        let day = self.day.to_string();
        let mut parts = vec![&*self.domain, &*day, self.kind.word(), &*self.destination];
        parts.extend(Some(&*self.part).filter(|part| !part.is_empty()));
        Digest::of_parts(&parts).to_string()
    }
}

/// Who has a report of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planned {
    /// It is new, and its job waits.
    New,
    /// It was planned before, under this id.
    Known(Id),
}

/// A row of the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Its id.
    pub id: Id,
    /// The policy domain.
    pub domain: String,
    /// The day it is about, counted from 1970-01-01.
    pub day: i64,
    /// What it is.
    pub kind: OutgoingKind,
    /// Where it goes.
    pub destination: String,
    /// What became of it.
    pub state: OutgoingState,
    /// How often it was handed to a server.
    pub attempts: u64,
    /// Why it is in this state.
    pub reason: Option<String>,
    /// The mail as it went out, in the vault.
    pub evidence: Option<Digest>,
    /// That mail's Message-ID.
    pub message_id: Option<String>,
    /// When it was planned.
    pub planned_at: i64,
    /// When its row last changed.
    pub changed_at: i64,
}

impl Outgoing {
    /// Reads a row.
    fn of(row: &AnyRow) -> Result<Outgoing, Fault> {
        Ok(Outgoing {
            id: parse(row, "id")?,
            domain: get(row, "domain")?,
            day: get(row, "day")?,
            kind: parse(row, "kind")?,
            destination: get(row, "destination")?,
            state: parse(row, "state")?,
            attempts: crate::column::count(row, "attempts")?,
            reason: get(row, "reason")?,
            evidence: parse_optional(row, "evidence")?,
            message_id: get(row, "message_id")?,
            planned_at: get(row, "planned_at")?,
            changed_at: get(row, "changed_at")?,
        })
    }
}

/// What became of a report of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingMark {
    /// The state.
    pub state: OutgoingState,
    /// Why, for a person.
    pub reason: Option<String>,
    /// The mail as it went out, in the vault.
    pub evidence: Option<Digest>,
    /// That mail's Message-ID.
    pub message_id: Option<String>,
    /// Whether it was handed to a server once more.
    pub attempted: bool,
    /// When this was found.
    pub at: i64,
    /// What is to be done now that this is known: enqueued with it, or not at all.
    pub jobs: Vec<NewJob>,
}

/// Which reports of ours to list; what is none lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutgoingFilter {
    /// Only those of this state.
    pub state: Option<OutgoingState>,
    /// Only those of this kind.
    pub kind: Option<OutgoingKind>,
    /// Only those of this policy domain.
    pub domain: Option<String>,
    /// Only those about this day.
    pub day: Option<i64>,
}

words! {
    /// What a report of ours is.
    OutgoingKind, "kind of report of ours" {
        /// A DMARC aggregate report (RFC 9990).
        DmarcAggregate = "dmarc-aggregate",
        /// A DMARC failure report (RFC 9991).
        DmarcFailure = "dmarc-failure",
        /// An SMTP TLS report (RFC 8460).
        Tls = "tls",
    }
}

words! {
    /// What became of a report of ours.
    OutgoingState, "state of a report of ours" {
        /// It waits for its job.
        Planned = "planned",
        /// It is made, and goes out in a row for each recipient.
        Made = "made",
        /// A server took it.
        Sent = "sent",
        /// A server took it, and it came back.
        Bounced = "bounced",
        /// No server took it.
        Failed = "failed",
        /// It is not sent; the reason says why.
        Skipped = "skipped",
    }
}
