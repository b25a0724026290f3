//! Conversations of the milter protocol and of SMTP, written from their descriptions
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod milter;
mod smtp;
