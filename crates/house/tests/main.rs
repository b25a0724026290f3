//! The commands as a person calls them, in this process, with their output caught

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may end there")]

mod account;
mod api;
mod arc_suite;
mod check;
mod cluster;
mod command;
mod config;
mod dkim_vectors;
mod dmarc_worlds;
mod doctor;
mod documents;
mod examples;
mod facts;
mod failures;
mod gate;
mod hostile;
mod imap;
mod intake;
mod jobs;
mod mailbox;
mod notebook;
mod omissions;
mod out;
mod replay;
mod reports;
mod rounds;
mod serve;
mod servers;
mod sign;
mod simulate;
mod spf_suite;
mod whole;
