//! Formats of reports, read and written: bytes in, values out.
//!
//! Nothing here touches the world, and nothing is trusted: whatever comes in may be broken or hostile, and each bound is
//! stated where it holds. What cannot be read says why ([`unreadable`]), what was mended is told ([`warning`]).
//!
//! - [`bounce`]: notices that a mail could not be delivered.
//! - [`mail`]: the mails that bring reports: what kind, and in which part.
//! - [`unpack`]: gzip, zip and base64 around a document, told by their octets and never by their names.
//! - [`dmarc`]: aggregate and failure reports.
//! - [`tls`]: how mail servers failed to speak TLS.

pub mod bounce;
pub mod dmarc;
mod domain;
mod fields;
pub mod mail;
mod moment;
pub mod tls;
pub mod unpack;
pub mod unreadable;
pub mod warning;
mod xml;
