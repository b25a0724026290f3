//! Any octets as an archive: never more comes out than the limits grant.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_core::visible::is_harmless;
use sekisho_report::unpack::{Limits, unpack};

fuzz_target!(|data: &[u8]| {
    let limits = Limits { octets: 100_000, ratio: 20, floor: 4096, entries: 4, layers: 3 };
    let (mut octets, mut documents) = (0_u64, 0);
    let end = unpack(data, &limits, &mut |document| {
        documents += 1;
        assert!(document.name.iter().all(|name| name.chars().all(is_harmless)), "{:?}", document.name);
        let mut piece = [0; 999];
        while let Ok(count @ 1..) = document.octets.read(&mut piece) {
            octets += count as u64;
        }
    });
    // A document that nothing is packed around is handed out as it is.
    let granted = (data.len() as u64 * limits.ratio).max(limits.floor).min(limits.octets);
    assert!(octets <= granted.max(data.len() as u64), "{octets} octets of {}", data.len());
    assert!(documents <= limits.entries.pow(3), "{documents}");
    assert!(end.is_err() || documents > 0 || data.starts_with(b"PK"), "nothing came out, and nobody says why");
});
