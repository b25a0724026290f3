//! The judges against public suites, vectors and worlds of our own

mod dkim;
