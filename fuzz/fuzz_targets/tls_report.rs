//! Any octets as a TLS report: what is read is read again when it was written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_report::tls;

fuzz_target!(|data: &[u8]| {
    let Ok(report) = tls::read(data) else { return };
    let again = tls::read(tls::write(&report).as_bytes()).expect("what was written can be read");
    assert_eq!(again.policies.len(), report.policies.len());
    for (one, other) in again.policies.iter().zip(&report.policies) {
        assert_eq!((one.successful, one.failed, one.kind), (other.successful, other.failed, other.kind));
        assert_eq!(one.failures.len(), other.failures.len());
    }
});
