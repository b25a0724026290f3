//! Whole commands, called in this process, asked over the loopback DNS

#![allow(clippy::unwrap_used)]

mod arc_suite;
mod dkim_vectors;
mod dmarc_worlds;
mod hostile;
mod replay;
mod rounds;
mod spf_suite;
mod whole;
