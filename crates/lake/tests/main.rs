//! The lake, from outside: what is acknowledged is there exactly once, whatever happens

mod asking;
mod crash;
mod disk;
mod events;
mod printing;
mod questions;
mod searches;
mod upkeep;
