//! `sekisho report spf-omissions`: whom an SPF record misses, and whom it must never name

use jiff::Timestamp;
use sekisho_core::event::{Event, MailEvent};
use serde_json::Value;

use crate::notebook::Notebook;
use crate::simulate::{GOOGLE, House, OWN, Row};

/// A host of ours that the record does not name.
const PRINTER: Row =
    Row { source: "192.0.3.5", author: "example.org", spf: ("example.org", "fail"), signed: &[], mails: 40 };
/// A host of a university, which hands on what we signed.
const FORWARDER: Row = Row {
    source: "198.51.100.77",
    author: "example.org",
    spf: ("example.org", "fail"),
    signed: &[("example.org", "s1"), ("a.example", "x"), ("b.example", "x"), ("c.example", "x")],
    mails: 2,
};
/// Somebody's host at Google, which forwards to a mailbox.
const MAILBOX: Row = Row {
    source: "203.0.114.9",
    author: "example.org",
    spf: ("example.org", "fail"),
    signed: &[("example.org", "s1")],
    mails: 1,
};

/// Asks whom SPF misses; returns the exit code and what was found.
fn found(house: &House, further: &[&str]) -> (u8, Value) {
    let arguments = [&["report", "spf-omissions", "example.org", "--json"], further].concat();
    let (exit, told, talk) = house.say(&arguments);
    (exit, serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{talk}")))
}

/// Returns the addresses of a list.
fn addresses(found: &Value, list: &str) -> Vec<String> {
    let list = found[list].as_array().unwrap().iter();
    list.map(|source| source["source_ip"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn only_what_the_operator_confirms_is_proposed_and_forwarders_never_are() {
    let house = House::of(&[OWN, GOOGLE, PRINTER, FORWARDER, MAILBOX]);
    let names = "9.114.0.203.in-addr.arpa PTR mail-9.google.com\nmail-9.google.com A 203.0.114.9\n";
    let zone = std::fs::read_to_string(house.0.path("zone")).unwrap();
    house.0.write("zone", zone + names);
    let (exit, told) = found(&house, &[]);
    assert_eq!((exit, &told["covered"], &told["record"]), (1, &2.into(), &Value::Null), "{told}");
    assert_eq!(addresses(&told, "unconfirmed"), ["192.0.3.5"]);
    assert_eq!(addresses(&told, "relayed"), ["198.51.100.77", "203.0.114.9"]);

    let (_, told) = found(&house, &["--own", "192.0.3.0/24"]);
    assert_eq!(addresses(&told, "own"), ["192.0.3.5"]);
    let record = "v=spf1 ip4:192.0.2.0/24 include:_spf.google.com ip4:192.0.3.0/24 -all";
    assert_eq!((&told["record"]["text"], &told["record"]["lookups"]), (&record.into(), &1.into()));
    assert_eq!(&told["record"]["name"], "example.org");
    assert_eq!(told["own_unseen"].as_array().map(Vec::len), Some(0), "{told}");

    // Who mistyped the address is told, and not just shown a list without it.
    let mistyped = ["report", "spf-omissions", "example.org", "--own", "192.0.33.0/24", "--own", "192.0.3.5"];
    let (_, told, _) = house.say(&mistyped);
    let word = "192.0.33.0/24 was confirmed, but no source that was seen in these days fits it\n";
    assert!(told.ends_with(&format!("\n{word}")), "{told}");
    assert_eq!(found(&house, &mistyped[3..]).1["own_unseen"], serde_json::json!(["192.0.33.0/24"]));

    // Their word is not enough for who hands on signatures of strangers, or gives mailboxes to people.
    let (_, told) = found(&house, &["--own", "198.51.100.77", "--own", "Google Workspace", "--own", "192.0.3.5"]);
    assert_eq!((addresses(&told, "own"), addresses(&told, "relayed").len()), (vec!["192.0.3.5".to_owned()], 2));
    assert!(!told["record"]["text"].as_str().unwrap().contains("198.51.100.77"), "{told}");
}

#[test]
fn what_our_own_gate_saw_counts_beside_reports_whoever_the_author_is() {
    let house = House::of(&[OWN]);
    let mail = MailEvent {
        at: Timestamp::now().as_microsecond(),
        id: "1".to_owned(),
        client_ip: Some("192.0.3.5".to_owned()),
        author_domain: Some("elsewhere.example".to_owned()),
        mail_from_domain: "example.org".to_owned(),
        spf_domain: Some("example.org".to_owned()),
        spf_result: Some("fail".to_owned()),
        decision: "pass".to_owned(),
        ..MailEvent::default()
    };
    Notebook::keep(&house.0.path("data"), &[Event::Mail(Box::new(mail))]);
    assert_eq!(addresses(&found(&house, &[]).1, "unconfirmed"), ["192.0.3.5"]);
    assert!(addresses(&found(&house, &["--reports-only"]).1, "unconfirmed").is_empty());
}

#[test]
fn a_senders_include_is_proposed_and_what_was_confirmed_can_be_kept() {
    let google = Row { spf: ("example.org", "fail"), ..GOOGLE };
    let house = House::of(&[OWN, google]);
    let zone = std::fs::read_to_string(house.0.path("zone")).unwrap();
    house.0.write("zone", zone.replace(" include:_spf.google.com", ""));
    let ask = ["report", "spf-omissions", "example.org", "--own", "Google Workspace"];
    let (exit, told, talk) = house.say(&ask);
    assert!(exit == 1 && talk.is_empty(), "{talk}");
    let record = "(1 of 10 lookups):\n  example.org. TXT \"v=spf1 ip4:192.0.2.0/24 include:_spf.google.com -all\"\n";
    assert!(told.contains(record), "{told}");
    let (_, kept) = told.split_once("write in sekisho.toml:\n").unwrap();
    let config = house.0.write("sekisho.toml", kept);
    let (exit, told) = found(&house, &["--config", &config]);
    assert_eq!((exit, addresses(&told, "own")), (1, vec!["203.0.113.7".to_owned()]), "{told}");
    // Once it is published nothing is missed.
    let zone = std::fs::read_to_string(house.0.path("zone")).unwrap();
    house.0.write("zone", zone.replace("192.0.2.0/24 -all", "192.0.2.0/24 include:_spf.google.com -all"));
    let (exit, told) = found(&house, &["--config", &config]);
    assert_eq!((exit, &told["covered"], &told["record"]), (0, &2.into(), &Value::Null), "{told}");
}

#[test]
fn ten_lookups_are_the_end_and_several_records_are_an_error() {
    let house = House::of(&[PRINTER]);
    let zone = std::fs::read_to_string(house.0.path("zone")).unwrap();
    let eleven: String = (0..11).map(|at| format!("a:h{at}.example.org ")).collect();
    let hosts: String = (0..11).map(|at| format!("h{at}.example.org A 192.0.2.{at}\n")).collect();
    let full = zone.replace("ip4:192.0.2.0/24 include:_spf.google.com ", &eleven) + hosts.as_str();
    let both = format!("{zone}example.org TXT \"v=spf1 -all\"\n");
    for (zone, why) in [(full, "unusable"), (both, "several-records"), (zone + "example.org TXT !servfail\n", "dns")] {
        house.0.write("zone", &zone);
        let (exit, told) = found(&house, &["--own", "192.0.3.5"]);
        assert_eq!((exit, &told["hindrance"], &told["record"]), (1, &why.into(), &Value::Null), "{told}");
    }
}

#[test]
fn nonsense_is_refused_with_a_sentence() {
    let house = House::of(&[OWN]);
    for (arguments, needle) in [
        (&["report", "spf-omissions", "example.org", "--own", "192.0.2.1/24"][..], "--own"),
        (&["report", "spf-omissions", "other.example"], "MAIL FROM other.example"),
    ] {
        let (exit, told, talk) = house.say(arguments);
        assert!(exit == 2 && told.is_empty() && talk.contains(needle), "{arguments:?}: {talk}");
    }
}
