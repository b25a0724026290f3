//! What tests need and nobody else: public suites, second opinions, a loopback DNS server

pub mod dns;
pub mod second_opinion;
pub mod suites;
pub mod world;
