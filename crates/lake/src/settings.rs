//! Settings: where the lake lies and how much it may take

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;

use crate::kind::Kind;

/// How a lake is kept. The defaults suit one machine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the Parquet files lie; the segments are always in the local folder.
    pub place: Place,
    /// A segment that is longer is sealed. It is held in memory while it becomes a file.
    pub segment_octets: u64,
    /// A segment that is older is sealed.
    pub segment_age: Duration,
    /// Files of a day that are longer than this are not written again when the day is compacted.
    pub compact_octets: u64,
    /// How long a file that was replaced stays, so that queries which began with it can end.
    pub grace: Duration,
    /// How much memory the queries of this process have together, in octets.
    pub memory: usize,
    /// How much they may put aside on the disk, in octets.
    pub spill: u64,
    /// How many threads they have.
    pub threads: usize,
    /// How long a query may take.
    pub time_limit: Duration,
    /// What each of the threads does first that ask and compact: whoever has more urgent work lets them stand back. Those that settle
    /// do not: what they leave lies on the disk as it came.
    pub on_thread_start: fn(),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            place: Place::Folder,
            segment_octets: 4 << 20,
            segment_age: Duration::from_secs(60),
            compact_octets: 1 << 30,
            grace: Duration::from_secs(600),
            memory: 512 << 20,
            spill: 16 << 30,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            time_limit: Duration::from_secs(300),
            on_thread_start: || {},
        }
    }
}

/// Where Parquet files lie.
#[derive(Clone, Debug, Default)]
pub enum Place {
    /// In `events/` of the lake's folder.
    #[default]
    Folder,
    /// In a store that several nodes may share. What it puts must be durable when it says so.
    Store(Arc<dyn ObjectStore>),
}

/// How many days of each kind are kept; a kind that is not named is kept for ever.
pub type Retention = BTreeMap<Kind, u32>;
