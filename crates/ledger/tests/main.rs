//! The ledger and the vault: one contract, held on both engines

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may end there")]

mod aggregates;
mod books;
mod bucket;
mod crash;
mod full;
mod imports;
mod jobs;
mod lists;
mod opening;
mod outage;
mod outgoing;
mod people;
mod reports;
mod signing_in;
mod vault;
