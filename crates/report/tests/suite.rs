//! The public samples, and the way from a file to a report.

use std::path::PathBuf;

use sekisho_report::dmarc::aggregate::{self, Report, Row};
use sekisho_report::unpack::{self, Content};
use sekisho_report::unreadable::Unreadable;

/// Returns where a public sample is.
pub(crate) fn path(path: &str) -> PathBuf {
    let folder = std::env::var_os("SEKISHO_VECTORS")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors")), PathBuf::from);
    folder.join(path)
}

/// Returns a public sample; nothing, and says so, where there are none.
pub(crate) fn sample(file: &str) -> Option<Vec<u8>> {
    let folder = path("");
    if !folder.is_dir() {
        let notice = format!("NOT RUN: there is no {}; set SEKISHO_VECTORS to the suites' folder\n", folder.display());
        // Not `eprintln!`: the test harness would swallow what a passing test prints.
        std::io::Write::write_all(&mut std::io::stderr(), notice.as_bytes()).unwrap();
        return None;
    }
    Some(std::fs::read(path(file)).unwrap_or_else(|error| panic!("{file}: {error}")))
}

/// Returns the only document in a file.
pub(crate) fn unpacked(file: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    unpack::unpack(file, &unpack::Limits::default(), &mut |document| {
        std::io::Read::read_to_end(document.octets, &mut octets).unwrap();
    })
    .unwrap();
    octets
}

/// Unpacks a file and reads the aggregate report in it.
pub(crate) fn read(file: &[u8]) -> Result<(Report, Vec<Row>), Unreadable> {
    let (mut read, mut rows) = (None, Vec::new());
    unpack::unpack(file, &unpack::Limits::default(), &mut |document| {
        if document.content == Content::Xml && read.is_none() {
            let take = |_: &_, row: &Row| rows.push(row.clone());
            read = Some(aggregate::read(document.octets, &aggregate::Limits::default(), take));
        }
    })?;
    read.expect("there is a document").map(|report| (report, rows))
}
