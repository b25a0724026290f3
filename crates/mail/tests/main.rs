//! Whole judges, asked from outside.

mod authentication_results;
mod author;
