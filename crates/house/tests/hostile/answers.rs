//! Answers that are too large, too many or lead nowhere (attack 13)

use sekisho_core::facts::Record;
use sekisho_core::presentation::split_string;
use sekisho_core::zone::Zone;
use sekisho_testkit::dns::{DnsServer, Manners};
use serde_json::{Value, json};

use super::{ATTACKER, ParseName, claim, exposed, gist, judge_apart, zone, zone_with};
use crate::dmarc_worlds::NOW;
use crate::whole::{Check, wrong_facts};

/// The policy of the one who sends, which lets the client pass.
const RECORD: &str = "v=spf1 ip4:198.51.100.66 -all";

/// Judges a mail from `x@bad.example` as a server with these manners tells.
fn judge_with(zone: Zone, manners: Manners) -> Value {
    let server = DnsServer::start_with(zone, manners);
    let check = Check::mail(claim("", "", "Hi.\r\n")).dns(&server).and("--at", NOW);
    let json = judge_apart(&check.envelope(ATTACKER, "mail.attack.example", "x@bad.example"));
    assert_eq!(gist(&json), exposed());
    json
}

/// Judges a mail from `x@bad.example`, whose TXT records these are; returns the result and what came of the question.
fn judge(texts: impl IntoIterator<Item = Record>) -> (Value, Value) {
    let mut zone = zone();
    texts.into_iter().for_each(|text| zone.add("bad.example".parse_name(), text));
    let json = judge_with(zone.clone(), Manners::default());
    let fact = fact(&json, "bad.example");
    if fact["outcome"] == "answer" {
        assert_eq!(wrong_facts(&json, &zone), [""; 0]);
    }
    (json["spf"]["result"].clone(), fact["outcome"].clone())
}

/// Returns the fact about the TXT records of a name.
fn fact(json: &Value, name: &str) -> Value {
    let facts = json["facts"].as_array().unwrap();
    facts.iter().find(|fact| fact["type"] == "TXT" && fact["name"] == name).unwrap().clone()
}

/// Returns a text in strings as long as can be.
fn text(text: &str) -> Record {
    Record::Txt(split_string(text.as_bytes()))
}

#[test]
fn one_record_may_be_eight_kilobytes_and_no_more() {
    let long = |octets: usize| text(&format!("{RECORD} {}", "x".repeat(octets - RECORD.len() - 1)));
    let padded = |octets: usize| text(&format!("{RECORD}{}", " ".repeat(octets - RECORD.len())));
    assert_eq!(judge([padded(8_192)]), (json!("pass"), json!("answer")));
    assert_eq!(judge([long(8_192)]), (json!("permerror"), json!("answer")));
    assert_eq!(judge([padded(8_193)]), (json!("temperror"), json!("truncated")));
    assert_eq!(judge([long(64_000)]), (json!("temperror"), json!("truncated")));
    // A record beside it is no way around: what is not known whole is not known.
    assert_eq!(judge([text(RECORD), long(9_000)]), (json!("temperror"), json!("truncated")));
    // More than a message can hold.
    assert_eq!(
        judge([text(RECORD), long(8_000)].into_iter().cycle().take(18)),
        (json!("temperror"), json!("truncated"))
    );
}

#[test]
fn the_number_of_records_and_strings_is_nobodys_fault() {
    let others = |count: usize| (0..count).map(|n| text(&format!("verification={n:030}")));
    for count in [15, 100, 1_000] {
        assert_eq!(judge(others(count).chain([text(RECORD)])), (json!("pass"), json!("answer")), "{count}");
    }
    assert_eq!(judge(others(100)), (json!("none"), json!("answer")));
    assert_eq!(judge(others(100).chain([text(RECORD), text(RECORD)])), (json!("permerror"), json!("answer")));
    let letters: Vec<Box<[u8]>> = format!("{RECORD}{}", " ".repeat(471)).bytes().map(|b| Box::from([b])).collect();
    assert_eq!(letters.len(), 500);
    assert_eq!(judge([Record::Txt(letters)]), (json!("pass"), json!("answer")));
    let empty = Record::Txt(vec![Box::default(); 500]);
    assert_eq!(judge([empty, text(RECORD)]), (json!("pass"), json!("answer")));
}

#[test]
fn eight_aliases_are_followed_and_no_more() {
    let chain = |length: usize| {
        let mut zone = zone();
        zone.add_cname("bad.example".parse_name(), format!("1.{}", "alias.example").parse_name());
        for n in 1..length {
            zone.add_cname(format!("{n}.alias.example").parse_name(), format!("{}.alias.example", n + 1).parse_name());
        }
        zone.add(format!("{length}.alias.example").parse_name(), text(RECORD));
        zone
    };
    for manners in [Manners::default(), Manners { aliases_unfollowed: true, without_soa: true, ..Manners::default() }] {
        for (length, result, outcome) in
            [(1, "pass", "answer"), (8, "pass", "answer"), (9, "temperror", "servfail"), (100, "temperror", "servfail")]
        {
            let json = judge_with(chain(length), manners.clone());
            assert_eq!(
                (&json["spf"]["result"], &fact(&json, "bad.example")["outcome"]),
                (&json!(result), &json!(outcome)),
                "{length}"
            );
        }
        let round = zone_with("bad.example CNAME a.example\na.example CNAME b.example\nb.example CNAME bad.example");
        let json = judge_with(round, manners);
        assert_eq!(json["spf"]["result"], "temperror");
    }
}

#[test]
fn odd_times_to_live_are_held_within_bounds() {
    let zone = || zone_with(&format!("bad.example TXT \"{RECORD}\""));
    for (ttl, kept) in [(0, 0), (300, 300), (1 << 31, 0), (u32::MAX, 0), (i32::MAX.unsigned_abs(), 86_400)] {
        let json = judge_with(zone(), Manners { ttl: Some(ttl), ..Manners::default() });
        assert_eq!(
            (&json["spf"]["result"], &fact(&json, "bad.example")["ttl"]),
            (&json!("pass"), &json!(kept)),
            "{ttl}"
        );
    }
}

#[test]
fn forged_packets_are_no_answers() {
    let json = judge_with(
        zone_with(&format!("bad.example TXT \"{RECORD}\"")),
        Manners { junk_first: true, ..Manners::default() },
    );
    assert_eq!(json["spf"]["result"], "pass");
}

#[test]
fn a_victim_whose_servers_fail_is_not_decided_upon() {
    for failure in ["servfail", "refused", "truncated"] {
        let mut zone = Zone::parse(&format!("bad.example TXT \"{RECORD}\"")).unwrap();
        zone.parse_line(&format!("_dmarc.victim.example TXT !{failure}")).unwrap();
        let server = DnsServer::start(zone);
        let check = Check::mail(claim("", "", "Hi.\r\n")).dns(&server).and("--at", NOW);
        let json = check.envelope(ATTACKER, "mail.attack.example", "x@bad.example").judge();
        assert_eq!(gist(&json), json!(["tempfail", ["dmarc-temperror"], "ok", "temperror", []]), "{failure}");
    }
}
