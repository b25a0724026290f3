//! The judges against worlds, vectors and public suites, over facts alone

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod arc;
mod authentication_results;
mod author;
mod dkim;
mod dmarc;
mod spf_properties;
mod spf_suite;
mod spf_worlds;
