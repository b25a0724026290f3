//! The words every room of Sekisho shares.
//!
//! Nothing here touches the world: names, facts and steps are plain values, and time is an argument.
//!
//! - [`name`]: domain names, as bytes, in lower case.
//! - [`event`]: rows of what happened, as the lake keeps them.
//! - [`facts`]: questions, answers, and what a judge says when one is missing.
//! - [`finding`]: what an audit or a watch wants to tell.
//! - [`presentation`]: DNS records as zone files write them, read and written.
//! - [`search`]: which mails somebody looks for.
//! - [`step`]: one line of the explanation of a verdict, as data.
//! - [`speech`]: steps become sentences, in Japanese and English.
//! - [`sums`]: what Events add up to.
//! - [`visible`]: hostile bytes made safe to show.
//! - [`written`]: Events as octets.
//! - [`zone`]: a small DNS of one's own, for examples, tests and what-if.

pub mod event;
pub mod facts;
pub mod finding;
mod known;
pub mod name;
pub mod presentation;
pub mod search;
pub mod speech;
pub mod step;
pub mod sums;
pub mod visible;
pub mod written;
pub mod zone;
