//! The tests of this crate against public suites, worlds and second opinions
#![allow(clippy::unwrap_used, clippy::missing_docs_in_private_items)] // A test that unwraps in vain has failed.

mod spf_properties;
mod spf_suite;
mod spf_worlds;
