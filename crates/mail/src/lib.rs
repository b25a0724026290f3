//! What a message proves, and why: judges of facts, nothing else.
//!
//! A mail is heard in two parts ([`hearing`]): everything that its header, its envelope and the DNS can decide is judged
//! while the body may still be arriving; the body's digests end it. Each judge follows its RFC from top to bottom:
//!
//! - [`author`]: exactly one author domain, or a reason why not (RFC 5322); every DMARC verdict rests on it.
//! - [`spf`]: may this host speak for that domain? (RFC 7208)
//! - [`dkim`]: who signed this, and is it what they signed? (RFC 6376, 8301, 8463, 8616)
//! - [`arc`]: what did the hops before us see? (RFC 8617)
//! - [`dmarc`]: does the author domain vouch for it? (RFC 9989)
//! - [`authentication_results`]: the field that tells others (RFC 8601).
//!
//! No judge touches the network, a file, a clock or a logger: facts and time are arguments. Where a fact is missing,
//! a judge returns [`sekisho_core::facts::Missing`] with every question it can already name.

pub mod address;
pub mod arc;
pub mod authentication_results;
pub mod author;
pub mod body;
mod coverage;
pub mod dkim;
pub mod dmarc;
pub mod envelope;
pub mod header;
pub mod hearing;
pub mod message;
pub mod policy;
pub mod prescan;
pub mod speech;
pub mod spf;
pub mod tags;
pub mod verdict;
