//! Migrations: texts of SQL that bring an older database forward, all in one transaction

use sqlx::{AnyConnection, Row};

use crate::digest::Digest;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::ledger::OpenError;
use crate::turn::Turn;

/// One step forward. What was released is never changed: the next step mends it.
struct Migration {
    /// Its number; they have no gaps.
    version: i64,
    /// What it is for.
    name: &'static str,
    /// The SQL, one text for both engines.
    text: &'static str,
}

/// All of them, in order.
const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "books", text: include_str!("../migrations/0001_books.sql") },
    Migration { version: 2, name: "proof", text: include_str!("../migrations/0002_proof.sql") },
    Migration { version: 3, name: "people", text: include_str!("../migrations/0003_people.sql") },
    Migration { version: 4, name: "imported", text: include_str!("../migrations/0004_imported.sql") },
    Migration { version: 5, name: "ways", text: include_str!("../migrations/0005_ways.sql") },
];

/// Where it is noted which were done.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS migrations (
    version BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    done_at BIGINT NOT NULL
)";

/// Lets only one node migrate at a time; the lock goes with the transaction. A migration may take longer than an operation.
const POSTGRES_LOCK: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'; \
    DO $$ BEGIN PERFORM pg_advisory_xact_lock(7310585034226265189); END $$";

/// Lists what was done.
const DONE: &str = "SELECT version, sha256 FROM migrations ORDER BY version";

/// Notes that one was done.
const NOTE: &str = "INSERT INTO migrations (version, name, sha256, done_at) VALUES ($1, $2, $3, $4)";

/// Brings the database of this turn forward, and commits. A database that somebody newer was at is left as it is.
pub(crate) async fn migrate(turn: Turn, engine: &Engine, now: i64) -> Result<(), OpenError> {
    bring_forward(turn, engine, MIGRATIONS, now).await
}

/// Does those of `migrations` that were not done.
async fn bring_forward(mut turn: Turn, engine: &Engine, migrations: &[Migration], now: i64) -> Result<(), OpenError> {
    if *engine == Engine::Postgres {
        sqlx::raw_sql(POSTGRES_LOCK).execute(turn.on()).await.map_err(Fault::from)?;
    }
    sqlx::raw_sql(TABLE).execute(turn.on()).await.map_err(Fault::from)?;
    let done = sqlx::query(DONE).fetch_all(turn.on()).await.map_err(Fault::from)?;
    for row in &done {
        let version: i64 = row.try_get("version").map_err(Fault::from)?;
        let sha256: String = row.try_get("sha256").map_err(Fault::from)?;
        check(migrations, version, &sha256)?;
    }
    for migration in migrations.iter().skip(done.len()) {
        apply(turn.on(), migration, now).await?;
    }
    Ok(turn.end(()).await?)
}

/// Tells whether a migration that was done is one of ours.
fn check(migrations: &[Migration], version: i64, sha256: &str) -> Result<(), OpenError> {
    let ours = migrations.iter().find(|migration| migration.version == version);
    let Some(migration) = ours else {
        let known = migrations.last().map_or(0, |last| last.version);
        return Err(OpenError::Newer { version, known });
    };
    if Digest::of(migration.text.as_bytes()).to_string() != sha256 {
        return Err(OpenError::Altered { version });
    }
    Ok(())
}

/// Takes one step.
async fn apply(connection: &mut AnyConnection, migration: &Migration, now: i64) -> Result<(), Fault> {
    sqlx::raw_sql(migration.text).execute(&mut *connection).await?;
    sqlx::query(NOTE)
        .bind(migration.version)
        .bind(migration.name)
        .bind(Digest::of(migration.text.as_bytes()).to_string())
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sekisho_testkit::postgres::Postgres;

    use super::*;
    use crate::ledger::Ledger;

    /// Three steps, of which the last one cannot be taken.
    const STEPS: [Migration; 3] = [
        Migration { version: 1, name: "one", text: "CREATE TABLE one (a BIGINT NOT NULL)" },
        Migration {
            version: 2,
            name: "two",
            text: "ALTER TABLE one ADD COLUMN b TEXT; CREATE INDEX one_b ON one (b); INSERT INTO one (a, b) VALUES (1, 'x;y')",
        },
        Migration {
            version: 3,
            name: "three",
            text: "CREATE TABLE three (a BIGINT NOT NULL); INSERT INTO nowhere VALUES (1)",
        },
    ];

    /// Takes the first steps on an empty book.
    async fn step(ledger: &Ledger, count: usize) -> Result<(), OpenError> {
        bring_forward(ledger.writing().await?, ledger.engine(), &STEPS[..count], 0).await
    }

    /// Tells whether a statement can be done.
    async fn can(ledger: &Ledger, statement: &'static str) -> bool {
        let mut turn = ledger.writing().await.unwrap();
        sqlx::query(statement).fetch_all(turn.on()).await.is_ok()
    }

    #[tokio::test]
    async fn an_older_book_goes_forward_and_never_half_of_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let postgres = Postgres::start();
        let sqlite = format!("sqlite:{}", folder.path().join("ledger.db").display());
        for url in [Some(sqlite), postgres.as_ref().map(|postgres| postgres.database("books"))].into_iter().flatten() {
            let ledger = Ledger::unmigrated(&url).await.unwrap();
            step(&ledger, 1).await.unwrap();
            assert!(!can(&ledger, "SELECT b FROM one").await);
            // Steps two and three are one transaction: of both there is nothing.
            let refused = step(&ledger, 3).await;
            assert!(matches!(refused, Err(OpenError::Ledger(Fault::Refused(_)))), "{refused:?}");
            assert!(!can(&ledger, "SELECT b FROM one").await && !can(&ledger, "SELECT a FROM three").await);
            step(&ledger, 2).await.unwrap();
            step(&ledger, 2).await.unwrap();
            assert!(can(&ledger, "SELECT b FROM one").await);
            // Who knows only the first step does not touch what has two.
            let refused = step(&ledger, 1).await;
            assert!(matches!(refused, Err(OpenError::Newer { version: 2, known: 1 })), "{refused:?}");
        }
    }

    #[test]
    fn versions_have_no_gaps() {
        for (migration, version) in MIGRATIONS.iter().zip(1..) {
            assert_eq!(migration.version, version, "{}", migration.name);
        }
    }

    #[test]
    fn only_types_that_both_engines_read_alike_are_used() {
        for migration in MIGRATIONS {
            for line in
                migration.text.lines().filter(|line| line.starts_with("    ") && !line.contains("PRIMARY KEY ("))
            {
                let mut words = line.split_whitespace().skip(1);
                let kind = words.next().unwrap_or_default().trim_end_matches(',');
                assert!(["BIGINT", "TEXT", "DOUBLE", "BYTEA"].contains(&kind), "{}: {line}", migration.name);
            }
        }
    }
}
