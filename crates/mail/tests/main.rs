//! The judges against worlds and public suites, over facts alone

mod dmarc;
