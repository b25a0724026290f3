//! Conversations of the milter protocol, written from its description
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod milter;
