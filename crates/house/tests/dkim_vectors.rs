//! The examples of RFC 6376 and RFC 8463 through the whole command, by a zone in a file and over the loopback

use std::path::{Path, PathBuf};

use sekisho_core::zone::Zone;
use sekisho_testkit::dns::DnsServer;
use serde_json::{Value, json};

use crate::whole::{Check, wrong_facts};

/// When the example of RFC 8463 was signed.
const SIGNED: &str = "2018-06-10T13:38:29Z";

/// Returns the path of a vector.
fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/dkim").join(name)
}

/// Judges a mail twice, by the zone in its file and over the loopback, which must come to the same.
fn judge(mail: &[u8]) -> Value {
    let zone = Zone::parse(&std::fs::read_to_string(vector("rfc.zone")).unwrap()).unwrap();
    let server = DnsServer::start(zone.clone());
    let check = || Check::mail(mail).and("--at", SIGNED);
    let asked = check().dns(&server).judge();
    assert_eq!(asked, check().and("--zone", vector("rfc.zone").into_os_string().into_encoded_bytes()).judge());
    assert_eq!(wrong_facts(&asked, &zone), [""; 0]);
    asked
}

/// Judges a vector.
fn judge_vector(name: &str) -> Value {
    judge(&std::fs::read(vector(name)).unwrap())
}

/// Judges a vector in which something was replaced, and returns result and reason of each signature.
fn changed(name: &str, from: &str, to: &str) -> Vec<(String, String)> {
    let mail = std::fs::read_to_string(vector(name)).unwrap();
    assert!(mail.contains(from));
    let json = judge(mail.replacen(from, to, 1).as_bytes());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    json["dkim"].as_array().unwrap().iter().map(|one| (text(&one["result"]), text(&one["reason"]))).collect()
}

#[test]
fn the_example_of_rfc_6376_passes() {
    let json = judge_vector("rfc6376.eml");
    let expected = json!([{ "result": "pass", "domain": "example.com", "selector": "brisbane",
        "algorithm": "rsa-sha256", "testing": false, "reason": null }]);
    assert_eq!(json["dkim"], expected);
    assert_eq!((&json["verdict"], &json["dmarc"]["result"]), (&json!("accept"), &json!("none")));
}

#[test]
fn the_example_of_rfc_8463_passes_with_both_keys() {
    let json = judge_vector("rfc8463.eml");
    let signature = |selector: &str, algorithm: &str| {
        json!({ "result": "pass", "domain": "football.example.com", "selector": selector,
            "algorithm": algorithm, "testing": false, "reason": null })
    };
    assert_eq!(json["dkim"], json!([signature("brisbane", "ed25519-sha256"), signature("test", "rsa-sha256")]));
}

#[test]
fn a_changed_example_says_what_was_changed() {
    let fail = |reason: &str| ("fail".to_owned(), reason.to_owned());
    assert_eq!(changed("rfc6376.eml", "We lost", "We won"), [fail("body hash differs")]);
    assert_eq!(changed("rfc6376.eml", "dinner", "supper"), [fail("header differs")]);
    assert_eq!(changed("rfc6376.eml", "b=AuUo", "b=BuUo"), [fail("key differs")]);
    assert_eq!(changed("rfc8463.eml", "dinner", "supper"), [fail("header or key differs"), fail("header differs")]);
}
