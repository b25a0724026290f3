//! What tests need and nobody else: public suites, second opinions, a loopback DNS server, a private Postfix

pub mod dns;
pub mod postfix;
pub mod second_opinion;
pub mod sink;
pub mod smtp;
pub mod suites;
pub mod world;
