//! The public suites, read from `../shared/vectors` or from where `SEKISHO_VECTORS` says

use std::path::PathBuf;

pub mod arc;
pub mod spf;

/// Returns the path of a suite's file, or says loudly that it is not there and so was not run.
#[allow(clippy::print_stderr)] // A test that did not run must say so.
pub fn find(file: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SEKISHO_VECTORS")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors")), PathBuf::from);
    let path = folder.join(file);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("NOT RUN: there is no {}; set SEKISHO_VECTORS to the folder of the public suites", path.display());
    None
}
