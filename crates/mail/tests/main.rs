//! The tests of this crate against public suites, worlds and second opinions

mod spf_properties;
mod spf_suite;
mod spf_worlds;
