//! What the formats must do, from the outside.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod aggregate;
mod attacks;
mod failure;
mod mail;
mod suite;
mod tls;
mod unpack;
mod write;
