//! The book itself: opened, and asked whether it is there

use std::error::Error;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::any::AnyConnectOptions;
use sqlx::{Any, Pool};

use crate::engine::Engine;
use crate::fault::Fault;
use crate::migration;
use crate::turn::{Turn, in_time};

/// The relational book. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Which engine, and where.
    engine: Engine,
    /// How to connect to it.
    options: AnyConnectOptions,
    /// Connections that write; SQLite has one.
    writers: Pool<Any>,
    /// Connections that read; PostgreSQL has the same for both.
    readers: Pool<Any>,
}

impl Ledger {
    /// Opens the book at `sqlite:PATH` or `postgres://…`, makes it where there is none (SQLite), and brings it forward where it is
    /// older than this program.
    pub async fn open(url: &str, now: i64) -> Result<Ledger, OpenError> {
        let engine = Engine::of(url).ok_or(OpenError::Address)?;
        let _lock = lock(&engine).await?;
        let ledger = Ledger::unmigrated(url).await?;
        migration::migrate(ledger.writing().await?, &ledger.engine, now).await?;
        Ok(ledger)
    }

    /// Opens what is there, whatever it holds.
    pub(crate) async fn unmigrated(url: &str) -> Result<Ledger, OpenError> {
        sqlx::any::install_default_drivers();
        let engine = Engine::of(url).ok_or(OpenError::Address)?;
        let options = engine.options(url).map_err(Fault::from)?;
        engine.make_file().map_err(|source| OpenError::File { path: engine.path(), source })?;
        engine.probe(&options).await?;
        let (writers, readers) = engine.pools(&options);
        Ok(Ledger { engine, options, writers, readers })
    }

    /// Returns which engine it is.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Asks whether the book can be written now.
    pub async fn ping(&self) -> Result<(), Fault> {
        in_time(async { self.writing().await?.end(()).await }).await
    }

    /// Closes every connection, after what is under way has ended.
    pub async fn close(&self) {
        self.writers.close().await;
        self.readers.close().await;
    }

    /// Returns how to connect beside the pools.
    pub(crate) fn options(&self) -> &AnyConnectOptions {
        &self.options
    }

    /// Begins a transaction that writes.
    pub(crate) async fn writing(&self) -> Result<Turn, Fault> {
        Turn::writing(&self.writers, self.engine.begin()).await
    }

    /// Takes a connection that reads.
    pub(crate) async fn reading(&self) -> Result<Turn, Fault> {
        Turn::reading(&self.readers).await
    }
}

/// Why a book cannot be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The address is none of ours.
    Address,
    /// The file of SQLite cannot be made or locked.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has been migrating for too long.
    Locked(PathBuf),
    /// A newer program was here: use that one, or restore the backup that was made before it.
    Newer {
        /// The migration that we do not know.
        version: i64,
        /// The last one that we know.
        known: i64,
    },
    /// A migration was done that had this number and another text: a build that was never released was here.
    Altered {
        /// Its number.
        version: i64,
    },
    /// The database.
    Ledger(Fault),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Address => f.write_str("the ledger's address is neither `sqlite:PATH` nor `postgres://…`"),
            OpenError::File { path, .. } => write!(f, "cannot make the ledger `{}`", path.display()),
            OpenError::Locked(path) => write!(f, "another process holds `{}` and migrates the ledger", path.display()),
            OpenError::Newer { version, known } => write!(
                f,
                "the ledger was written by a newer Sekisho: it has migration {version}, and this one knows {known}"
            ),
            OpenError::Altered { version } => {
                write!(f, "migration {version} of the ledger is not the one of this Sekisho")
            }
            OpenError::Ledger(fault) => fault.fmt(f),
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            OpenError::File { source, .. } => Some(source),
            OpenError::Ledger(fault) => fault.source(),
            _ => None,
        }
    }
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> OpenError {
        OpenError::Ledger(fault)
    }
}

/// How long another process may migrate.
const MIGRATING: Duration = Duration::from_secs(60);

/// Takes the lock of a SQLite file, beside it. It goes when the value is dropped, and with the process.
async fn lock(engine: &Engine) -> Result<Option<File>, OpenError> {
    let Engine::Sqlite(path) = engine else { return Ok(None) };
    let path = beside(path, ".lock");
    let failed = |source| OpenError::File { path: path.clone(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let file = File::options().append(true).create(true).open(&path).map_err(failed)?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) if start.elapsed() > MIGRATING => return Err(OpenError::Locked(path)),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Returns a path with something added to its name.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use sekisho_testkit::postgres::Postgres;

    use super::*;

    /// Returns what a connection that writes says to a question.
    async fn setting(url: &str, question: &'static str) -> String {
        let ledger = Ledger::open(url, 0).await.unwrap();
        let mut turn = ledger.writing().await.unwrap();
        let row = sqlx::query(question).fetch_one(turn.on()).await.unwrap();
        let said: String = sqlx::Row::try_get(&row, 0).unwrap();
        turn.end(said).await.unwrap()
    }

    #[tokio::test]
    async fn nothing_is_put_aside_in_other_folders() {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = format!("sqlite:{}", folder.path().join("ledger.db").display());
        // 2 is MEMORY.
        let question = "SELECT CAST(temp_store AS TEXT) FROM pragma_temp_store";
        assert_eq!(setting(&sqlite, question).await, "2");
        let ledger = Ledger::open(&sqlite, 0).await.unwrap();
        let mut turn = ledger.reading().await.unwrap();
        let row = sqlx::query(question).fetch_one(turn.on()).await.unwrap();
        assert_eq!(sqlx::Row::try_get::<String, _>(&row, 0).unwrap(), "2");
    }

    #[tokio::test]
    async fn a_commit_is_on_the_disk_when_it_returns() {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = format!("sqlite:{}", folder.path().join("ledger.db").display());
        // 2 is FULL.
        assert_eq!(setting(&sqlite, "SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous").await, "2");
        assert_eq!(setting(&sqlite, "SELECT journal_mode FROM pragma_journal_mode").await, "wal");
        let Some(postgres) = Postgres::start() else { return };
        let url = postgres.database("books");
        assert_eq!(setting(&url, "SELECT current_setting('synchronous_commit')").await, "on");
    }
}
