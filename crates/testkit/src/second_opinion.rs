//! What others say of the same: never a reason to pass, always a reason to look again

pub mod arc;
pub mod cache;
pub mod dkim;
pub mod dmarc;
pub mod spf;
