//! Webhooks: others are told of what happens here, by HTTP POST, signed (Standard Webhooks 1.0)
//!
//! [`News`] is something that happened, on a [`Topic`]. The [`Announcer`] makes a job of it for each webhook that wants it, and whoever
//! notes what happened enqueues these jobs with it. The [`Courier`] knows where and under which secret one is called; [`delivery`] leases the jobs,
//! and lets each be tried until somebody takes it. [`is_global`] says which addresses may be called at all.

mod address;
mod announcer;
mod courier;
mod delivery;
mod secret;
#[cfg(test)]
mod tests;
mod topic;

pub(crate) use self::address::is_global;
pub(crate) use self::announcer::{Announcer, News, tellable};
pub(crate) use self::courier::Courier;
pub(crate) use self::delivery::{RESULTS, keep_delivering};
pub(crate) use self::topic::Topic;
