//! Any octets as a mail that brings a report: it is opened within its limits, and says why where there is no report.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_core::visible::is_harmless;
use sekisho_report::bounce;
use sekisho_report::mail::{Kind, Limits, SubjectFacts, open};

fuzz_target!(|data: &[u8]| {
    let Ok(opened) = open(data, &Limits::default()) else { return };
    let SubjectFacts { domain, submitter, report_id } = &opened.subject;
    let told = [domain, submitter, report_id, &opened.from_domain, &opened.tls_domain, &opened.tls_submitter];
    for text in
        told.into_iter().flatten().chain(opened.candidates.iter().filter_map(|candidate| candidate.name.as_ref()))
    {
        assert!(text.chars().all(is_harmless), "{text:?}");
    }
    assert_eq!(opened.why_none().is_some(), opened.kind == Kind::None);
    if let Some(Ok(read)) = opened.notice.as_deref().map(|notice| bounce::read(notice, opened.original.as_ref())) {
        assert!(read.failure().is_none_or(|why| why.chars().all(is_harmless)));
    }
    assert!(opened.candidates.iter().all(|candidate| candidate.octets.len() <= data.len() * 3));
});
