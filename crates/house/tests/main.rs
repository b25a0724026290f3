//! The commands as a person calls them, in this process, with their output caught.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may end there")]

mod account;
mod check;
mod command;
mod config;
mod documents;
mod examples;
mod facts;
mod mailbox;
mod servers;
mod sign;
