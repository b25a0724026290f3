//! What `mail-auth` 0.13.3 says of the public suite's chains, and why where it differs

use sekisho_testkit::{second_opinion, suites};

/// Its word where the suite has another, in which cases, and why we stay with the suite.
const OTHERWISE: &[(&str, &[&str], &str)] = &[
    ("fail", &["ams_fields_c_na"], "without c= it takes simple/simple; the suite takes relaxed/relaxed"),
    ("neutral", &["ams_fields_h_empty"], "it refuses an empty h=; the suite lets it pass"),
    (
        "none",
        &["ams_struct_missing", "cv_fail_i1_ams_na"],
        "RFC 8617 §5.2: a set without its message signature is broken; it sees no set there",
    ),
    ("nothing", &["cv_empty", "cv_no_headers"], "without a header there is no mail for it"),
    ("pass", &["ams_fields_a_na", "as_fields_a_na"], "RFC 8617 §4.1: a= is required; it takes RSA for granted"),
    ("pass", &["ams_fields_a_sha1", "as_fields_a_sha1"], "RFC 8301 §3.1: SHA-1 must not be verified"),
    ("pass", &["ams_fields_h_includes_as"], "RFC 8617 §4.1.2: h= must not list ARC-Seal"),
    (
        "pass",
        &["as_format_inv_tag_key", "as_format_tags_dup", "as_format_tags_key_case", "as_format_tags_sc"],
        "RFC 6376 §3.2: a malformed list of tags is none; it reads around what it cannot read",
    ),
];

/// How often it has another word for a broken chain than `fail`, which is RFC 8617's only one (§4.4).
const OTHER_WORDS: &[(&str, usize)] = &[("neutral", 48), ("permerror", 4)];

#[test]
fn every_difference_from_the_second_opinion_is_explained() {
    let Some(scenarios) = suites::arc::validation() else { return };
    let (mut found, mut words) = (Vec::new(), Vec::new());
    for scenario in &scenarios {
        for case in &scenario.cases {
            let expected = case.cv.as_deref().unwrap_or("fail");
            match second_opinion::arc::ask(&case.message, &scenario.zone).unwrap_or("nothing") {
                word @ ("neutral" | "permerror" | "temperror") if expected == "fail" => words.push(word),
                theirs if theirs != expected => found.push((theirs, case.name.as_str())),
                _ => {}
            }
        }
    }
    found.sort_unstable();
    let known = OTHERWISE.iter().flat_map(|(theirs, cases, _)| cases.iter().map(move |case| (*theirs, *case)));
    let mut known: Vec<_> = known.collect();
    known.sort_unstable();
    assert_eq!(found, known);
    let count = |word: &str| words.iter().filter(|known| **known == word).count();
    let counted: Vec<_> = OTHER_WORDS.iter().map(|(word, _)| (*word, count(word))).collect();
    assert_eq!((counted.as_slice(), words.len()), (OTHER_WORDS, 52));
}
