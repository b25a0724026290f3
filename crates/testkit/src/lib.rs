//! Helpers for tests: a loopback DNS server, worlds, and more.

pub mod dns;
pub mod world;
