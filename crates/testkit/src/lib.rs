//! What tests need and nobody else: public suites, second opinions, a loopback DNS server, private Postfix, Dovecot, PostgreSQL and
//! S3, a small MTA
mod account;
pub mod bucket;
pub mod dns;
pub mod dovecot;
pub mod leash;
pub mod milter;
pub mod postfix;
pub mod postgres;
pub mod second_opinion;
pub mod sink;
pub mod smtp;
pub mod suites;
pub mod tmpfs;
pub mod world;
