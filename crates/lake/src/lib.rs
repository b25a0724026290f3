//! The lake: Events, acknowledged when synced, kept as Parquet, asked about with SQL
//!
//! An Event is appended to a *segment* ([`segment`]) and acknowledged when that is on the disk. Sealed segments become
//! *files* by kind and day ([`upkeep`]), small files one. A question ([`ask`], [`questions`]) sees both, each Event once
//! ([`snapshot`]), and needs no lock. Which files count is said in one place ([`shelf`]).
//!
//! Nothing here logs: what a crash or the disk did is told in values.

pub mod afar;
mod ask;
mod bridge;
pub mod columns;
mod days;
pub mod functions;
mod kind;
mod lake;
mod log;
pub mod print;
pub mod questions;
mod segment;
mod settings;
mod shelf;
mod snapshot;
mod table;
mod upkeep;

use std::io;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

pub use ask::{AskError, Rows};
pub use kind::Kind;
pub use lake::{Lake, OpenError, Opened, Table};
pub use log::AppendError;
pub use settings::{Place, Retention, Settings};
pub use shelf::ShelfError;
pub use upkeep::{Compacted, Retained, SettleError, Settled};

/// Octets of a segment that are no sound batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub path: PathBuf,
    /// Where they begin.
    pub at: u64,
    /// How many they are.
    pub octets: u64,
    /// Whether they are its end, as a crash leaves it: nothing in them was acknowledged, and they were cut off. Otherwise
    /// the disk changed them, and acknowledged Events are lost.
    pub torn: bool,
}

/// Returns the moment, in microseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Draws a number that nobody can guess.
fn random() -> io::Result<u64> {
    let mut octets = [0; 8];
    getrandom::fill(&mut octets).map_err(io::Error::other)?;
    Ok(u64::from_le_bytes(octets))
}
