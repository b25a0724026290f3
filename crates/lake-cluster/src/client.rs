//! The client: asks a cluster what the embedded engine could be asked

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::DataFusionError;
use sekisho_lake::{AskError, Kind, Lake, Rows};
use url::Url;

use crate::process::ClusterError;
use crate::session;

/// The port of a scheduler, where an address names none.
const PORT: u16 = 50050;

/// A cluster, by the address of its scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Where the scheduler is, as its protocol writes it.
    scheduler: String,
}

impl Cluster {
    /// Reads an address: `df://HOST` or `df://HOST:PORT`.
    pub fn parse(address: &str) -> Result<Self, ClusterError> {
        let wrong = || ClusterError::Address(address.to_owned());
        let url: Url = address.parse().map_err(|_| wrong())?;
        let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        let anonymous = url.username().is_empty() && url.password().is_none();
        let host = url.host_str().filter(|host| !host.is_empty() && url.scheme() == "df" && bare && anonymous);
        let host = host.ok_or_else(wrong)?;
        Ok(Self { scheduler: format!("http://{host}:{}", url.port().unwrap_or(PORT)) })
    }

    /// Asks with SQL about what is settled in a lake. The executors read the same files, below their own path to them.
    pub async fn ask(&self, lake: &Lake, sql: &str) -> Result<Rows, AskError> {
        let tables = lake.settled().await.map_err(|why| AskError::Failed(DataFusionError::External(Box::new(why))))?;
        lake.ask_in(session::asking(&self.scheduler, tables)?, sql).await
    }

    /// Counts the settled rows of a kind.
    pub async fn count(&self, lake: &Lake, kind: Kind) -> Result<u64, AskError> {
        let rows = self.ask(lake, &format!("SELECT count(*) FROM {}", kind.name())).await?.collect().await?;
        let counts = rows.iter().flat_map(|batch| batch.column(0).as_primitive_opt::<Int64Type>());
        Ok(counts.flat_map(|counts| counts.iter().flatten()).map(i64::unsigned_abs).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (address, scheduler) in [
            ("df://127.0.0.1:50051", "http://127.0.0.1:50051"),
            ("df://scheduler.example", "http://scheduler.example:50050"),
            ("df://[::1]:7/", "http://[::1]:7"),
        ] {
            assert_eq!(Cluster::parse(address).expect("an address").scheduler, scheduler);
        }
        for address in
            ["", "127.0.0.1:50050", "http://127.0.0.1:50050", "df://", "df://h/x", "df://u@h", "df://h:0x1", "df://h?q"]
        {
            assert!(Cluster::parse(address).is_err(), "{address}");
        }
    }
}
