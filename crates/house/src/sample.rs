//! Temporary: replaced by the sample day of another branch

use crate::fault::Fault;
use crate::lake::OpenLake;
use crate::store::DataFolder;

/// The sample day.
pub(crate) struct Sample;

impl Sample {
    /// Returns its folder.
    pub(crate) fn folder(of: &DataFolder) -> DataFolder {
        of.clone()
    }
    /// Tells whether it is there.
    pub(crate) fn is_there(_: &DataFolder) -> bool {
        false
    }
    /// Makes it.
    pub(crate) async fn make(_: &DataFolder, _: OpenLake, _: jiff::Timestamp) -> Result<(), Fault> {
        Err(Fault::new("desk-sample-failed", []))
    }
    /// Removes it.
    pub(crate) fn remove(_: &DataFolder) -> Result<(), Fault> {
        Ok(())
    }
    /// Its DNS.
    pub(crate) fn source(_: &DataFolder) -> sekisho_ask::Source {
        sekisho_ask::Source::Facts(sekisho_core::facts::Facts::default())
    }
}
