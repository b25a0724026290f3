//! The harness itself: a real Postfix between our client and our sink

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may end there")]

mod postfix;
