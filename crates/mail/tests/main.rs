//! The judges against public suites, vectors and worlds of our own
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests read files, and a panic is how they fail.

mod dkim;
