//! What the formats must do, from the outside.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]
#![allow(clippy::disallowed_methods, reason = "the wall is for the formats; their tests read samples")]

mod aggregate;
mod attacks;
mod bounce;
mod failure;
mod mail;
mod suite;
mod tls;
mod unpack;
mod write;
