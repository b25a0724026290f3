//! Sources: files that `sekisho report import` has behind it, so that it goes on where it was broken off

use std::collections::BTreeSet;

use sqlx::AnyConnection;

use crate::column::{number, parse, text_of};
use crate::digest::Digest;
use crate::fault::Fault;
use crate::ledger::Ledger;
use crate::turn::in_time;

/// A file as it was: another size or time, and it is another source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// Its path, absolute; what is not UTF-8 is escaped by the caller.
    pub path: String,
    /// Its size.
    pub size: u64,
    /// When it was last written.
    pub modified_at: i64,
}

impl Source {
    /// Returns the hash that stands for it.
    fn key(&self) -> String {
        Digest::of_parts(&[&self.path, &self.size.to_string(), &self.modified_at.to_string()]).to_string()
    }
}

/// What stands in place of Evidence when the whole source is meant.
const WHOLE: &str = "";

impl Ledger {
    /// Tells of each of some sources whether all of it was imported.
    pub async fn are_imported(&self, sources: &[Source]) -> Result<Vec<bool>, Fault> {
        in_time(async {
            let mut turn = self.reading().await?;
            let mut known = Vec::with_capacity(sources.len());
            for source in sources {
                known.push(is_noted(turn.on(), source).await?);
            }
            turn.end(known).await
        })
        .await
    }

    /// Returns what of a source was imported so far: the mails of an mbox, say.
    pub async fn imported_of(&self, source: &Source) -> Result<BTreeSet<Digest>, Fault> {
        /// The rows that mean a part of it.
        const PARTS: &str = "SELECT evidence FROM imported_sources WHERE source = $1 AND evidence <> $2";
        in_time(async {
            let mut turn = self.reading().await?;
            let rows = sqlx::query(PARTS).bind(source.key()).bind(WHOLE).fetch_all(turn.on()).await?;
            turn.end(rows.iter().map(|row| parse(row, "evidence")).collect::<Result<_, _>>()?).await
        })
        .await
    }

    /// Notes that all of some sources was imported.
    pub async fn note_imported(&self, sources: &[Source], at: i64) -> Result<(), Fault> {
        in_time(async {
            let mut turn = self.writing().await?;
            for source in sources {
                note(turn.on(), source, None, at).await?;
            }
            turn.end(()).await
        })
        .await
    }
}

/// Tells, within a transaction, whether it is noted that all of a source was imported.
async fn is_noted(connection: &mut AnyConnection, source: &Source) -> Result<bool, Fault> {
    /// The row that means all of it.
    const ONE: &str = "SELECT evidence FROM imported_sources WHERE source = $1 AND evidence = $2";
    Ok(sqlx::query(ONE).bind(source.key()).bind(WHOLE).fetch_optional(connection).await?.is_some())
}

/// Notes, within a transaction, that this Evidence of a source was imported, or all of it.
pub(crate) async fn note(
    connection: &mut AnyConnection,
    source: &Source,
    evidence: Option<&Digest>,
    at: i64,
) -> Result<(), Fault> {
    /// Said twice it is as said once.
    const NOTE: &str = "INSERT INTO imported_sources (source, evidence, path, size, modified_at, imported_at) \
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (source, evidence) DO NOTHING";
    sqlx::query(NOTE)
        .bind(source.key())
        .bind(evidence.map_or(WHOLE.to_owned(), Digest::to_string))
        .bind(text_of(&source.path, 4096).into_owned())
        .bind(number(source.size))
        .bind(source.modified_at)
        .bind(at)
        .execute(connection)
        .await?;
    Ok(())
}
