//! Helpers for tests: a loopback DNS server, and more.

pub mod dns;
