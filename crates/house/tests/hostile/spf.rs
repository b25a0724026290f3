//! SPF records that want to be looked up for ever, and macros that want to break something (attacks 10 and 11)

use std::fmt::Write;

use sekisho_core::facts::Record;
use sekisho_core::presentation::split_string;
use sekisho_core::zone::Zone;
use sekisho_testkit::dns::DnsServer;
use serde_json::{Value, json};

use super::{ATTACKER, ParseName, claim, exposed, gist, judge_apart, zone_with};
use crate::dmarc_worlds::NOW;
use crate::whole::Check;

/// The most questions that one mail may cause (RFC 7208 §4.6.4): ten terms with ten names each, the policy, and eleven
/// for DMARC and HELO.
const QUESTIONS_MAX: usize = 122;

/// Judges a mail that comes from `x@bad.example`, and returns the verdict and how many questions came.
fn judge(zone: Zone, mail_from: &[u8]) -> (Value, usize) {
    let server = DnsServer::start(zone);
    let check = Check::mail(claim("", "", "Hi.\r\n")).dns(&server).and("--at", NOW);
    let json = judge_apart(&check.envelope(ATTACKER, "mail.attack.example", mail_from));
    assert_eq!(gist(&json), exposed());
    (json, server.count())
}

/// Judges by a zone's lines, and returns result, lookups and void lookups.
fn judge_lines(lines: &str) -> Value {
    let (json, questions) = judge(zone_with(lines), b"x@bad.example");
    assert!(questions <= QUESTIONS_MAX, "{questions} questions");
    json!([json["spf"]["result"], json["spf"]["lookups"], json["spf"]["void_lookups"]])
}

#[test]
fn a_tree_of_includes_ends_at_the_eleventh() {
    let mut lines = String::new();
    let includes = |below: &str| (0..10).fold(String::new(), |all, n| all + format!("include:{n}.{below} ").as_str());
    writeln!(lines, "bad.example TXT \"v=spf1 {} -all\"", includes("bad.example")).unwrap();
    for n in 0..10 {
        writeln!(lines, "{n}.bad.example TXT \"v=spf1 {} -all\"", includes(&format!("{n}.bad.example"))).unwrap();
        for m in 0..10 {
            writeln!(lines, "{m}.{n}.bad.example TXT \"v=spf1 {} -all\"", includes("bad.example")).unwrap();
        }
    }
    assert_eq!(judge_lines(&lines), json!(["permerror", 10, 0]));
}

#[test]
fn loops_end_at_the_eleventh() {
    let cases = [
        "bad.example TXT \"v=spf1 include:bad.example -all\"",
        "bad.example TXT \"v=spf1 redirect=bad.example\"",
        "bad.example TXT \"v=spf1 include:a.example -all\"\na.example TXT \"v=spf1 redirect=bad.example\"",
        "bad.example TXT \"v=spf1 include:%{d} -all\"",
    ];
    for lines in cases {
        assert_eq!(judge_lines(lines), json!(["permerror", 10, 0]), "{lines}");
    }
}

#[test]
fn terms_voids_and_names_are_counted_to_their_limits() {
    let terms = |count: usize, term: &str| {
        let terms = (0..count).fold(String::new(), |all, n| all + term.replace('#', &n.to_string()).as_str() + " ");
        let hosts = (0..count).fold(String::new(), |all, n| all + format!("{n}.host.example A 192.0.2.{n}\n").as_str());
        format!("bad.example TXT \"v=spf1 {terms}-all\"\n{hosts}")
    };
    assert_eq!(judge_lines(&terms(10, "a:#.host.example")), json!(["fail", 10, 0]));
    assert_eq!(judge_lines(&terms(11, "a:#.host.example")), json!(["permerror", 10, 0]));
    assert_eq!(judge_lines(&terms(2, "a:#.none.example")), json!(["fail", 2, 2]));
    assert_eq!(judge_lines(&terms(3, "a:#.none.example")), json!(["permerror", 3, 3]));
    let exchangers = |count: usize| {
        let list =
            (0..count).fold(String::new(), |all, n| all + format!("bad.example MX {n} {n}.host.example\n").as_str());
        list + terms(count, "").replace("v=spf1 ", "v=spf1 mx ").as_str()
    };
    assert_eq!(judge_lines(&exchangers(10)), json!(["fail", 1, 0]));
    assert_eq!(judge_lines(&exchangers(11)), json!(["permerror", 1, 0]));
    let all_ten = (0..10).fold(String::new(), |all, n| {
        let names = (0..10).fold(String::new(), |all, m| {
            all + format!("{n}.mx.example MX {m} {m}.{n}.mx.example\n{m}.{n}.mx.example A 192.0.2.1\n").as_str()
        });
        all + names.as_str()
    });
    assert_eq!(judge_lines(&(terms(10, "mx:#.mx.example") + all_ten.as_str())), json!(["fail", 10, 0]));
}

#[test]
fn long_records_are_read_to_their_end_or_not_at_all() {
    let record = |text: &str| {
        let mut zone = zone_with("");
        zone.add("bad.example".parse_name(), Record::Txt(split_string(text.as_bytes())));
        judge(zone, b"x@bad.example").0["spf"]["result"].clone()
    };
    // 450 terms that need no lookup are nobody's fault.
    assert_eq!(record(&format!("v=spf1 {}ip4:{ATTACKER} -all", "ip4:192.0.2.1 ".repeat(450))), "pass");
    assert_eq!(record(&format!("v=spf1 {}-all", "a ".repeat(3_000))), "permerror");
    // 64 KB of macros are more than a record may have.
    assert_eq!(record(&format!("v=spf1 exists:{} -all", "%{s}".repeat(16_000))), "temperror");
    assert_eq!(record(&format!("v=spf1 exists:{}.example -all", "%{s}".repeat(1_900))), "fail");
}

#[test]
fn macros_that_grow_are_cut_to_names() {
    // libspf2's CVE-2021-20314 and its like: long local parts, many labels, odd delimiters, all transformers.
    let local = "a-b.c+d_e/f=g,".repeat(50);
    for term in [
        "exists:%{l}.%{l}.%{l}.host.example",
        "exists:%{l9r-+_/=,.}.host.example",
        "exists:%{d99r}.%{D1R}.host.example",
        "exists:%{S}%{O}%{H}%{I}%{V}.host.example",
        "exists:%{i}.%{ir}.%{v}.host.example",
        "exists:%%%_%-.host.example",
        "include:%{l1r-}.host.example",
        "a:%{p}.host.example",
    ] {
        let zone = zone_with(&format!("bad.example TXT \"v=spf1 {term} ?all\""));
        let (json, questions) = judge(zone, format!("{local}@bad.example").as_bytes());
        let result = if term.starts_with("include") { "permerror" } else { "neutral" };
        assert_eq!(json["spf"]["result"], result, "{term}");
        assert!(questions <= QUESTIONS_MAX, "{term}: {questions} questions");
        for fact in json["facts"].as_array().unwrap() {
            let name = fact["name"].as_str().unwrap();
            assert!(name.parse_presentation().as_wire().len() <= 254, "{term}: {name}");
        }
    }
    for term in ["exists:%{d0}.host.example", "exists:%{z}.host.example", "exists:%{d128r.host.example", "exists:%"] {
        let zone = zone_with(&format!("bad.example TXT \"v=spf1 {term} ?all\""));
        assert_eq!(judge(zone, b"x@bad.example").0["spf"]["result"], "permerror", "{term}");
    }
}

/// Text that is a domain name as zone files write it.
trait ParsePresentation {
    /// Reads it.
    fn parse_presentation(&self) -> sekisho_core::name::DomainName;
}

impl ParsePresentation for str {
    fn parse_presentation(&self) -> sekisho_core::name::DomainName {
        sekisho_core::name::DomainName::from_presentation(self).unwrap()
    }
}

#[test]
fn explanations_are_short_and_harmless_or_none() {
    let explained = |text: &[u8], mail_from: &[u8]| {
        let mut zone = zone_with("bad.example TXT \"v=spf1 -all exp=why.bad.example\"");
        zone.add("why.bad.example".parse_name(), Record::Txt(split_string(text)));
        let (json, _) = judge(zone, mail_from);
        assert_eq!(json["spf"]["result"], "fail");
        json["spf"]["explanation"].clone()
    };
    assert_eq!(explained(b"Go away.", b"x@bad.example"), "Go away.");
    assert_eq!(explained("Go away. ".repeat(7_000).as_bytes(), b"x@bad.example"), Value::Null);
    assert_eq!(explained(b"Go\r\nAuthentication-Results: dmarc=pass", b"x@bad.example"), Value::Null);
    assert_eq!(explained(b"Go\x1b[2Jaway", b"x@bad.example"), Value::Null);
    assert_eq!(explained("行け".as_bytes(), b"x@bad.example"), Value::Null);
    let local = [b"\x1b[2J\r\n".repeat(200), b"@bad.example".to_vec()].concat();
    for told in [explained(b"%{l} may not.", &local), explained(&b"%{s} ".repeat(1_600), &local)] {
        let told = told.as_str().unwrap_or_default();
        assert!(told.len() <= 1_100 && told.bytes().all(|b| (0x20..0x7f).contains(&b)), "{told:?}");
    }
}
