//! The lake's questions on a cluster: the same SQL over the same files, answered by many machines
//!
//! The cluster is Apache DataFusion Ballista. A [`scheduler`] cuts a question into stages, [`executor`]s do the tasks of a
//! stage and keep what they computed for the next one, and a [`client`] asks. Where an executor is lost, its tasks are done
//! again by others. What makes it ours: the lake's functions are known to all ([`session`]), and its tables travel as lists
//! of files that are read through a store that only reads ([`codec`], `sekisho_lake::afar`).
//!
//! Ballista speaks without authentication and in the clear: whoever reaches a scheduler or an executor can ask what the
//! lake has, and keep it busy. It belongs on loopback, or in a network of its own.

mod client;
mod codec;
mod executor;
mod process;
mod scheduler;
mod session;

pub use client::Cluster;
pub use executor::{Executor, execute};
pub use process::ClusterError;
pub use scheduler::{Scheduler, schedule};
