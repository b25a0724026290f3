//! The two engines, and what a connection of each must be told

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{self, Path, PathBuf};
use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::pool::PoolOptions;
use sqlx::{Any, ConnectOptions, Connection, Pool};

use crate::fault::Fault;

/// Where a ledger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, in a file.
    Sqlite(PathBuf),
    /// PostgreSQL.
    Postgres,
}

/// How long to wait for a connection.
const ACQUIRE: Duration = Duration::from_secs(3);

/// What a connection to SQLite that only reads is told. What a statement puts aside stays in memory: a daemon that is confined to
/// its own folders may not write to /var/tmp, and once ten thousand jobs waited it could lease none.
const SQLITE_READER: &str = "PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY; PRAGMA query_only = 1";

/// What the one that writes is told: a commit is on the disk when it returns.
const SQLITE_WRITER: &str =
    "PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL";

/// What a connection to PostgreSQL is told. A commit is on the disk when it returns, whatever the server's default is; nothing
/// waits or stays open for longer than an operation may take.
const POSTGRES: &str = "SET synchronous_commit = on; SET statement_timeout = '10s'; SET lock_timeout = '5s'; \
    SET idle_in_transaction_session_timeout = '30s'";

impl Engine {
    /// Reads an address: `sqlite:PATH`, `postgres://…` or `postgresql://…`.
    pub(crate) fn of(url: &str) -> Option<Engine> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Some(Engine::Postgres);
        }
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"))?;
        let named = !path.is_empty() && path != ":memory:" && !path.contains('\0');
        named.then(|| path::absolute(path).ok()).flatten().map(Engine::Sqlite)
    }

    /// Returns the options to connect with.
    pub(crate) fn options(&self, url: &str) -> Result<AnyConnectOptions, sqlx::Error> {
        let options: AnyConnectOptions = match self {
            Engine::Sqlite(path) => format!("sqlite://{}", encoded(path)).parse()?,
            Engine::Postgres => url.parse()?,
        };
        // Statements stay out of the log: they carry addresses.
        Ok(options.disable_statement_logging())
    }

    /// Returns the connections that write, and those that read.
    pub(crate) fn pools(&self, options: &AnyConnectOptions) -> (Pool<Any>, Pool<Any>) {
        match self {
            // SQLite has one writer at a time: the others wait their turn here, in order, and not in its busy loop.
            Engine::Sqlite(_) => (pool(1, SQLITE_WRITER, options), pool(4, SQLITE_READER, options)),
            Engine::Postgres => {
                let both = pool(8, POSTGRES, options);
                (both.clone(), both)
            }
        }
    }

    /// Connects once and says why that fails; a pool would only say that it took too long.
    pub(crate) async fn probe(&self, options: &AnyConnectOptions) -> Result<(), Fault> {
        let told = match self {
            Engine::Sqlite(_) => SQLITE_WRITER,
            Engine::Postgres => POSTGRES,
        };
        let mut connection = tokio::time::timeout(ACQUIRE, options.connect()).await.map_err(|_| Fault::late())??;
        sqlx::raw_sql(told).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// Returns how a transaction that writes begins.
    pub(crate) fn begin(&self) -> &'static str {
        match self {
            Engine::Sqlite(_) => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        }
    }

    /// Returns where SQLite's file is.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Engine::Sqlite(path) => path.clone(),
            Engine::Postgres => PathBuf::new(),
        }
    }

    /// Makes the file of SQLite where there is none, for its owner alone: it holds addresses of people.
    pub(crate) fn make_file(&self) -> io::Result<()> {
        let Engine::Sqlite(path) = self else { return Ok(()) };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        OpenOptions::new().append(true).create(true).mode(0o600).open(path)?.sync_all()?;
        sync_folder(path)
    }
}

/// Returns a pool of at most so many connections, each told something first.
fn pool(most: u32, told: &'static str, options: &AnyConnectOptions) -> Pool<Any> {
    PoolOptions::new()
        .max_connections(most)
        .acquire_timeout(ACQUIRE)
        // Whatever else an operation left behind, this says whether the connection lives.
        .test_before_acquire(true)
        .after_connect(move |connection, _| {
            Box::pin(async move { sqlx::raw_sql(told).execute(connection).await.map(|_| ()) })
        })
        .connect_lazy_with(options.clone())
}

/// Makes the entry of a file in its folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
}

/// Writes a path as it stands in an address.
fn encoded(path: &Path) -> String {
    let mut text = String::new();
    for octet in path.as_os_str().as_encoded_bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => text.push(char::from(*octet)),
            octet => text.push_str(&format!("%{octet:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_which_engine() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(Engine::of("sqlite:/a/b.db"), Some(Engine::Sqlite("/a/b.db".into())));
        assert_eq!(Engine::of("sqlite:///a/b.db"), Some(Engine::Sqlite("/a/b.db".into())));
        assert_eq!(Engine::of("sqlite:b.db"), Some(Engine::Sqlite(here.join("b.db"))));
        assert_eq!(Engine::of("postgres://a@b/c"), Some(Engine::Postgres));
        for bad in ["", "sqlite:", "sqlite::memory:", "mysql://a@b/c", "/a/b.db", "postgres:a"] {
            assert_eq!(Engine::of(bad), None, "{bad}");
        }
    }

    #[test]
    fn odd_characters_of_a_path_are_encoded() {
        assert_eq!(encoded(Path::new("/a b/?#%関.db")), "/a%20b/%3F%23%25%E9%96%A2.db");
    }
}
