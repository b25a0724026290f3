//! What stands in the world that should not, and what one would do about it.
//!
//! Judges of facts, like those of mails: nothing here asks, waits or writes.
//!
//! - [`audit`]: what a domain publishes for its mail.
//! - [`speech`]: the sentences of what is found, in Japanese and English.

pub mod audit;
pub mod speech;
