//! What tests need and nobody else: public suites, second opinions, worlds

pub mod second_opinion;
