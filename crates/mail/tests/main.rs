<<<<<<< HEAD
//! The judges against worlds, vectors and public suites, over facts alone

mod dkim;
mod dmarc;
=======
//! The tests of this crate against public suites, worlds and second opinions

mod spf_suite;
>>>>>>> spf
