//! The judges against worlds, vectors and public suites, over facts alone

mod dkim;
mod dmarc;
