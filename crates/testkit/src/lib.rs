//! What tests need and nobody else: public suites, second opinions, worlds

pub mod second_opinion;
pub mod suites;
//! Helpers for tests: a loopback DNS server, and more.
pub mod dns;
