//! The audit log: what people and programs did and looked at; rows are only added

use sqlx::any::AnyRow;

use crate::column::{get, parse, parse_optional, text, text_of};
use crate::fault::Fault;
use crate::id::Id;
use crate::ledger::Ledger;
use crate::page::{Cursor, Page};
use crate::turn::in_time;

impl Ledger {
    /// Notes what somebody does.
    pub async fn note_audit(&self, entry: &AuditEntry) -> Result<(), Fault> {
        /// One more.
        const ADD: &str = "INSERT INTO audit (id, at, person, what, subject, detail, client) \
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        in_time(async {
            let mut turn = self.writing().await?;
            sqlx::query(ADD)
                .bind(entry.id.to_string())
                .bind(entry.at)
                .bind(entry.person.map(|id| id.to_string()))
                .bind(text_of(&entry.what, 100).into_owned())
                .bind(text(&entry.subject).into_owned())
                .bind(text_of(&entry.detail, 8 * 1024).into_owned())
                .bind(entry.client.as_deref().map(|client| text_of(client, 64).into_owned()))
                .execute(turn.on())
                .await?;
            turn.end(()).await
        })
        .await
    }

    /// Lists what the filter lets through, the newest first, at most `limit`.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        after: Option<Cursor>,
        limit: u16,
    ) -> Result<Page<AuditEntry>, Fault> {
        /// A filter that is null lets all through.
        const LIST: &str = "SELECT id, at, person, what, subject, detail, client FROM audit \
            WHERE (CAST($1 AS TEXT) IS NULL OR person = $1) AND (CAST($2 AS TEXT) IS NULL OR what = $2) \
            AND (at < $3 OR (at = $3 AND id < $4)) ORDER BY at DESC, id DESC LIMIT $5";
        let (at, id) = after.map_or_else(Cursor::newest, |cursor| (cursor.at, cursor.id.to_string()));
        in_time(async {
            let mut turn = self.reading().await?;
            let rows = sqlx::query(LIST)
                .bind(filter.person.map(|id| id.to_string()))
                .bind(filter.what.as_deref().map(|what| text_of(what, 100).into_owned()))
                .bind(at)
                .bind(id)
                .bind(i64::from(limit) + 1)
                .fetch_all(turn.on())
                .await?;
            let found = rows.iter().map(AuditEntry::of).collect::<Result<_, _>>()?;
            turn.end(Page::cut(found, limit.into(), |one: &AuditEntry| Cursor { at: one.at, id: one.id })).await
        })
        .await
    }
}

/// A row of the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id.
    pub id: Id,
    /// When.
    pub at: i64,
    /// Who; none is the system, or who has its shell.
    pub person: Option<Id>,
    /// What was done: a stable word.
    pub what: String,
    /// What it was done to.
    pub subject: String,
    /// What else is to be known, as JSON; opaque here.
    pub detail: String,
    /// From which address.
    pub client: Option<String>,
}

impl AuditEntry {
    /// Reads a row.
    fn of(row: &AnyRow) -> Result<AuditEntry, Fault> {
        Ok(AuditEntry {
            id: parse(row, "id")?,
            at: get(row, "at")?,
            person: parse_optional(row, "person")?,
            what: get(row, "what")?,
            subject: get(row, "subject")?,
            detail: get(row, "detail")?,
            client: get(row, "client")?,
        })
    }
}

/// Which entries to list; what is none lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only what this person did.
    pub person: Option<Id>,
    /// Only this word.
    pub what: Option<String>,
}
