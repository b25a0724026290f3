//! The gate in front of a real Postfix: mails by SMTP from a client to a sink, `sekisho serve` between them
//!
//! The daemon runs in a process of its own, this test binary started once more, so that it can be killed.

mod attacks;
mod clock;
mod crowd;
mod faults;
mod flood;
mod held;
mod killed;
mod lists;
mod miltertest;
mod odd;
mod outbound;
mod replayed;
pub(crate) mod served;
mod smuggling;
mod soak;
mod through;
