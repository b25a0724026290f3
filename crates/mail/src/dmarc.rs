//! DMARC (RFC 9989)
pub mod record;
