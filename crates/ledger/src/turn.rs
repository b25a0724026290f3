//! One operation's use of a connection

use std::future::Future;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, Pool};

use crate::fault::Fault;

/// How long an operation may take before the caller hears that the ledger is not available. A database that hangs, or a network
/// that swallows packets, says nothing by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection in use. What goes wrong while it is closes it: nobody after us inherits a transaction that is half rolled back, or
/// an answer that was not read.
pub(crate) struct Turn {
    /// The connection.
    connection: PoolConnection<Any>,
    /// Whether all was read and committed.
    sound: bool,
    /// Whether a transaction is open.
    writing: bool,
}

impl Turn {
    /// Takes a connection to ask with.
    pub(crate) async fn reading(pool: &Pool<Any>) -> Result<Turn, Fault> {
        Ok(Turn { connection: pool.acquire().await?, sound: false, writing: false })
    }

    /// Takes a connection and begins a transaction.
    pub(crate) async fn writing(pool: &Pool<Any>, begin: &'static str) -> Result<Turn, Fault> {
        let mut turn = Turn { connection: pool.acquire().await?, sound: false, writing: true };
        sqlx::raw_sql(begin).execute(turn.on()).await?;
        Ok(turn)
    }

    /// Returns the connection, to run a statement on.
    pub(crate) fn on(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }

    /// Commits, and hands the connection back.
    pub(crate) async fn end<T>(mut self, value: T) -> Result<T, Fault> {
        if self.writing {
            sqlx::raw_sql("COMMIT").execute(self.on()).await?;
        }
        self.sound = true;
        Ok(value)
    }

    /// Takes back what was written, and hands the connection back.
    pub(crate) async fn undo<T>(mut self, value: T) -> Result<T, Fault> {
        if self.writing {
            sqlx::raw_sql("ROLLBACK").execute(self.on()).await?;
        }
        self.sound = true;
        Ok(value)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.sound {
            self.connection.close_on_drop();
        }
    }
}

/// Gives an operation as long as it may take.
pub(crate) async fn in_time<T, E: From<Fault>>(operation: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    tokio::time::timeout(PATIENCE, operation).await.unwrap_or_else(|_| Err(Fault::late().into()))
}
