//! The lake, as the house knows it: where Events are kept, and asked about
//!
//! What it is made of is the program's choice (`crates/sekisho`): nothing here links a query engine.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use sekisho_core::event::Event;

/// Where Events are kept.
pub trait Lake: Send + Sync {
    /// Keeps Events. When it returns they outlive the process, and a loss of power.
    ///
    /// # Errors
    ///
    /// Where none of them was kept, so that the same ones may be tried again.
    fn append(&self, events: &[Event]) -> Result<(), LakeError>;

    /// Moves what is kept to where it is asked about well. Done twice, it does nothing.
    ///
    /// # Errors
    ///
    /// Where that could not be done; nothing is lost, and it may be tried again.
    fn settle(&self) -> Result<(), LakeError>;
}

/// Opens the lake in a data folder, to write to it.
pub type OpenLake = fn(&Path) -> Result<Arc<dyn Lake>, LakeError>;

/// What a lake could not do, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LakeError(pub String);

impl fmt::Display for LakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LakeError {}
