//! Any octets as a mail that brings a report: it is opened within its limits, and says why where there is no report.
//!
//! mail-parser 0.11.9 asserts, where assertions are on, that a mail that is cut off in a mail has the parts that it began; without
//! them, as in every release, it goes on with those that are there. That one panic is passed over, and no other.

#![no_main]

use std::panic::{PanicHookInfo, catch_unwind, set_hook, take_hook};

use libfuzzer_sys::fuzz_target;
use sekisho_core::visible::is_harmless;
use sekisho_report::bounce;
use sekisho_report::mail::{Kind, Limits, SubjectFacts, open};

/// Tells whether a panic is the assertion of the library.
fn is_known(panic: &PanicHookInfo<'_>) -> bool {
    let is_theirs = panic.location().is_some_and(|place| place.file().contains("mail-parser-0.11.9"));
    is_theirs && panic.payload_as_str() == Some("Invalid part ID, could not find multipart.")
}

/// Lets that panic unwind; every other ends the process, as the engine has it.
fn pass_over_what_is_known() {
    let end = take_hook();
    set_hook(Box::new(move |panic| {
        if !is_known(panic) {
            end(panic);
        }
    }));
}

fuzz_target!(init: pass_over_what_is_known(), |data: &[u8]| {
    let Ok(Ok(opened)) = catch_unwind(|| open(data, &Limits::default())) else { return };
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
