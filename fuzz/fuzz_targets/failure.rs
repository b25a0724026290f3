//! Any octets as a failure report: what is read can be written, on lines of its own, and is read back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_report::dmarc::failure::write::{Covering, Redaction, write};
use sekisho_report::dmarc::failure::{self, Original};
use sekisho_report::mail::{self, Kind};

fuzz_target!(|data: &[u8]| {
    let cut = data.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(data.len());
    let (fields, original) = data.split_at(cut);
    let Ok(report) = failure::read(fields, Some(Original { is_whole: true, octets: original.to_vec() })) else {
        return;
    };
    let covering = Covering {
        from: "dmarc@receiver.example",
        to: "ruf@example.com",
        date: "Mon, 1 Jan 2024 00:00:00 +0000",
        message_id: "1@receiver.example",
        boundary: "a-boundary-that-no-input-has-by-chance",
    };
    let mail = write(
        &report,
        &covering,
        &Redaction { keyed_hash: &|private| vec![u8::try_from(private.len() % 251).unwrap_or(0); 12] },
    );
    assert!(!mail.replace("\r\n", "").contains(['\r', '\n']));
    let Ok(opened) = mail::open(mail.as_bytes(), &mail::Limits::default()) else { return };
    if mail.matches(covering.boundary).count() == 5 {
        assert_eq!(opened.kind, Kind::Failure);
    }
});
