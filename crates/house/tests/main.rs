//! Whole commands, called in this process, asked over the loopback DNS

mod arc_suite;
mod dkim_vectors;
mod dmarc_worlds;
mod hostile;
mod spf_suite;
mod whole;
