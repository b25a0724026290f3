//! Any octets as an aggregate report: read alike however they are cut, and what can be written is read back.

#![no_main]

use std::io::{self, Read};

use libfuzzer_sys::fuzz_target;
use sekisho_report::dmarc::aggregate::write::Writer;
use sekisho_report::dmarc::aggregate::{self, Limits, Report, Row};
use sekisho_report::unreadable::Unreadable;

fuzz_target!(|data: &[u8]| {
    let limits = Limits::default();
    let whole = read(data);
    assert_eq!(read(Slow(data)), whole);
    let Ok((report, rows)) = whole else { return };
    assert_eq!(report.rows, rows.len() as u64);
    assert_eq!(report.messages, rows.iter().map(|row| row.count).sum::<u64>());
    let Ok(mut writer) = Writer::new(&report.head) else { return };
    for row in &rows {
        assert!(row.dkim_results.len() <= limits.list && row.header_from.len() <= 3 * limits.value);
        let Ok(()) = writer.row(row) else { return };
    }
    let Ok(written) = writer.finish() else { return };
    let (again, same) = read(written.as_bytes()).expect("what was written can be read");
    assert_eq!(same.len(), rows.len());
    assert_eq!(again.messages, report.messages);
});

/// Reads a report and keeps its rows.
fn read(input: impl Read) -> Result<(Report, Vec<Row>), Unreadable> {
    let mut rows = Vec::new();
    let report = aggregate::read(input, &Limits::default(), |_, row| rows.push(row.clone()))?;
    Ok((report, rows))
}

/// Octets that come one by one.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len().min(1);
        self.0.read(&mut into[..count])
    }
}
