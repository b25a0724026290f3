//! DMARC: what receivers tell the owner of a domain (RFC 7489, 9990, 9991)

pub mod aggregate;
pub mod failure;
