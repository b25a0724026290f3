//! What tests need and nobody else: public suites, second opinions, a loopback DNS server, a private Postfix
//! What tests need and nobody else: public suites, second opinions, a loopback DNS server, a small MTA
pub mod dns;
pub mod milter;
pub mod postfix;
pub mod second_opinion;
pub mod sink;
pub mod smtp;
pub mod suites;
pub mod world;
