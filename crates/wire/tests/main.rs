//! Conversations of the milter protocol, written from its description.

mod milter;
