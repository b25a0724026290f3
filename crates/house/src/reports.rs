//! Reports: those that others send us, from Evidence in the vault to Events in the lake, and those that we send
//!
//! A report is kept before it is understood. [`import`] takes files in, and mailboxes ([`imap`]); [`reader`] does the jobs: it opens what is kept
//! ([`opening`], [`reading`]), finds out who sent it ([`submitter`], [`border`]), claims the right to count it, and makes Events of its rows
//! ([`rows`]). What their jobs have in common with those of our own reports is in [`job`]. Everything behind the intake may be done twice and leaves one result. Our own reports go [`out`]; a notice that one of
//! them came back is noted with it ([`returned`]).

pub(crate) mod border;
mod command;
pub(crate) mod failed;
pub(crate) mod glance;
mod imap;
pub(crate) mod import;
mod job;
mod news;
pub(crate) mod omissions;
mod opening;
mod out;
mod reader;
mod reading;
pub(crate) mod reason;
mod returned;
mod rows;
mod senders;
pub(crate) mod show;
mod submitter;
pub(crate) mod suspicion;
pub(crate) mod told;
mod trouble;

pub(crate) use self::out::{
    BOUNCED, FailedMail, Failures, NOTED, RESULTS, Reporter, Waiting, is_public_suffix, keep_noting, keep_sending,
    rehearsal, say_unsent,
};
pub(crate) use self::reader::{QUEUE, Tally, keep_reading, read_all};
pub(crate) use self::submitter::Examiner;
