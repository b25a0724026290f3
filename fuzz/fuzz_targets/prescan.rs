//! Any mail in any pieces: its structure is measured alike, and never beyond the limits without saying so.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_mail::prescan::{Limits, PreScan, Shape};

fuzz_target!(|data: &[u8]| {
    // The first two octets say how the rest is cut.
    let Some((cut, mail)) = data.split_first_chunk::<2>() else { return };
    let small = Limits { depth: 3, parts: 9, header_octets: 200 };
    for limits in [Limits::default(), small] {
        let whole = scan(limits, [mail]);
        assert_eq!(scan(limits, mail.chunks(1)), whole);
        assert_eq!(scan(limits, mail.chunks(usize::from(cut[0]) + 1)), whole);
        let (left, right) = mail.split_at(usize::from(cut[1]).min(mail.len()));
        assert_eq!(scan(limits, [left, &[], right]), whole);
        assert!(whole.depth <= limits.depth || whole.excess.is_some(), "{whole:?}");
        assert!(whole.parts <= limits.parts || whole.excess.is_some(), "{whole:?}");
        assert!(whole.header_octets <= limits.header_octets || whole.excess.is_some(), "{whole:?}");
    }
});

/// Measures a mail that comes in these pieces.
fn scan<'a>(limits: Limits, pieces: impl IntoIterator<Item = &'a [u8]>) -> Shape {
    let mut scan = PreScan::new(limits);
    pieces.into_iter().for_each(|piece| scan.update(piece));
    scan.finish()
}
