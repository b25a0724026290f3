//! Afar: what lets other machines answer, of which `sekisho-lake-cluster` makes use
//!
//! A question is planned where it is asked. What travels with its plan is a list of files ([`SettledTable`]), so that all
//! who work on it read the same ones, and know them by kind, day and name only: no other file can be named. Where they are
//! read, a store that only reads stands for the lake, and there is no other ([`LakeAlone`]).
//!
//! Segments do not travel: they lie with the one process that writes, and become files within a minute or two.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::object_store::ObjectStore;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::local::LocalFileSystem;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::bridge::Bridge;
use crate::kind::Kind;
use crate::lake::{EVENTS, OpenError};
use crate::shelf::{self, ShelfError, Shelved};
use crate::table::{self, Wanted};
use crate::{columns, days};

/// The longest name of a file: of compacted ones it is 31 octets.
const LONGEST_NAME: usize = 64;

/// The settled Events of a kind as a table that can travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledTable {
    /// The kind.
    kind: Kind,
    /// Its columns.
    schema: SchemaRef,
    /// The files that counted when it was made.
    files: Vec<File>,
}

/// A file, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    /// Its day, in days since 1970.
    day: i32,
    /// Its name without the ending.
    name: String,
    /// How long it is.
    octets: u64,
}

impl SettledTable {
    /// Returns the table of these files.
    pub(crate) fn new(kind: Kind, files: &[Shelved]) -> Self {
        let file = |file: &Shelved| File { day: file.day, name: file.name.clone(), octets: file.octets };
        Self { kind, schema: columns::with_day(kind), files: files.iter().map(file).collect() }
    }

    /// Returns it as octets.
    pub fn encoded(&self) -> Result<Vec<u8>> {
        let octets = rmp_serde::to_vec(&(self.kind.name(), &self.files));
        octets.map_err(|error| DataFusionError::External(Box::new(error)))
    }

    /// Reads it from octets that anybody may have sent.
    pub fn decoded(octets: &[u8]) -> Result<Self> {
        let read = rmp_serde::from_slice::<(String, Vec<File>)>(octets);
        let (kind, files) = read.map_err(|error| DataFusionError::External(Box::new(error)))?;
        let kind = Kind::named(&kind).ok_or_else(|| refused("there is no such kind of event"))?;
        if files.iter().any(|file| !file.is_ours()) {
            return Err(refused("a file has a name that the lake does not give"));
        }
        Ok(Self { kind, schema: columns::with_day(kind), files })
    }
}

/// Returns the error of what is not a table of the lake.
fn refused(why: &str) -> DataFusionError {
    DataFusionError::Plan(format!("this is no table of the lake: {why}"))
}

impl File {
    /// Returns whether the lake could have named it so.
    fn is_ours(&self) -> bool {
        let of_name = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
        (1..=LONGEST_NAME).contains(&self.name.len()) && self.name.bytes().all(of_name) && days::exists(self.day)
    }

    /// Returns it as the engine knows it.
    fn partition(&self, kind: Kind) -> PartitionedFile {
        let path = shelf::path(kind, self.day, &self.name);
        PartitionedFile::new(path, self.octets).with_partition_values(vec![ScalarValue::Date32(Some(self.day))])
    }
}

#[async_trait::async_trait]
impl TableProvider for SettledTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files = table::of_the_days(state, filters, self.files.clone(), |file| file.day)?;
        if files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(table::projected(&self.schema, projection)?)));
        }
        let wanted = Wanted { projection, filters, limit };
        let files = files.iter().map(|file| file.partition(self.kind)).collect();
        let source = table::source(&columns::read(self.kind), state, &wanted)?;
        table::scan_of(source, &wanted, table::groups(files, state.config().target_partitions()), None)
    }
}

/// The stores of whoever answers from afar: the lake's files, to read, and nothing else of the machine.
#[derive(Clone, Debug)]
pub struct LakeAlone(Option<Arc<dyn ObjectStore>>);

impl LakeAlone {
    /// Returns the files of the lake in a folder.
    pub fn in_folder(root: &Path) -> Result<Self, OpenError> {
        let events = root.join(EVENTS);
        if !events.is_dir() {
            return Err(OpenError::NoLake(root.into()));
        }
        let folder = LocalFileSystem::new_with_prefix(events).map_err(ShelfError::from)?;
        Ok(Self(Some(Arc::new(Bridge(Arc::new(folder))))))
    }

    /// Returns the files of a lake that lie in a store.
    pub fn in_store(store: Arc<dyn object_store::ObjectStore>) -> Self {
        Self(Some(Arc::new(Bridge(store))))
    }

    /// Returns no store at all, for whoever plans and does not read.
    pub fn nothing() -> Self {
        Self(None)
    }
}

impl ObjectStoreRegistry for LakeAlone {
    fn register_store(&self, _: &Url, _: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        // Whatever a plan brings along: no store is added, and whoever asks for it hears so.
        None
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        let ours = table::url()?;
        let ours: &Url = ours.as_ref();
        let store = self.0.as_ref().filter(|_| (url.scheme(), url.host_str()) == (ours.scheme(), ours.host_str()));
        store.cloned().ok_or_else(|| DataFusionError::Plan(format!("only the lake is read here, and not `{url}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a table of one file.
    fn table(name: &str, day: i32) -> SettledTable {
        let files = vec![File { day, name: name.into(), octets: 7 }];
        SettledTable { kind: Kind::Mail, schema: columns::with_day(Kind::Mail), files }
    }

    #[test]
    fn a_table_comes_back_from_its_octets() {
        let sent = table("c-0199abcdef01-0123456789abcdef", 20_779);
        let octets = sent.encoded().expect("octets");
        assert_eq!(SettledTable::decoded(&octets).expect("read"), sent);
    }

    #[test]
    fn files_that_are_not_the_lakes_are_refused() {
        let long = "x".repeat(LONGEST_NAME + 1);
        for (name, day) in [("../../etc/passwd", 0), ("a/b", 0), ("", 0), ("a.parquet", 0), (&*long, 0), ("a", -1)] {
            let octets = table(name, day).encoded().expect("octets");
            assert!(SettledTable::decoded(&octets).is_err(), "{name} {day}");
        }
        for octets in [&b""[..], b"\xc1", b"\x92\xa4mail", b"\x92\xa4mail\xdd\xff\xff\xff\xff", b"\x92\xa3not\x90"] {
            assert!(SettledTable::decoded(octets).is_err(), "{octets:?}");
        }
    }

    #[test]
    fn nothing_but_the_lake_is_read() {
        let root = tempfile::TempDir::new().expect("a folder");
        std::fs::create_dir(root.path().join(EVENTS)).expect("made");
        let stores = LakeAlone::in_folder(root.path()).expect("a lake");
        let file: Url = "file:///".parse().expect("an address");
        stores.register_store(&file, Arc::new(datafusion::object_store::local::LocalFileSystem::new()));
        let ours: &Url = &"lake://events/".parse().expect("an address");
        assert!(stores.get_store(ours).is_ok());
        assert!(LakeAlone::nothing().get_store(ours).is_err());
        for url in ["file:///", "lake://other/", "s3://events/"] {
            assert!(stores.get_store(&url.parse().expect("an address")).is_err(), "{url}");
        }
    }
}
