//! The judges against worlds, vectors and public suites, over facts alone
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]
#![allow(clippy::disallowed_methods, reason = "the wall is for the judges; their tests read vectors")]

mod arc;
mod authentication_results;
mod author;
mod dkim;
mod dmarc;
mod spf_properties;
mod spf_suite;
mod spf_worlds;
