//! Headers that are too many or too long (attack 18)

use sekisho_testkit::dns::DnsServer;
use serde_json::json;

use super::{
    GROWTH_MAX, claim, exposed, from_attacker, genuine, gist, judge_apart, judge_within, refused, signed_by, zone,
};

/// The most memory beyond its own size for a mail with a header too large to be judged.
const UNREAD_MAX: usize = 16 << 20;

/// Judges a forged mail with these fields below its From field, and the victim's own mail with them above.
fn judge(fields: &str) {
    judge_forged(fields, GROWTH_MAX);
    judge_relayed(fields, GROWTH_MAX);
}

/// Judges a forged mail with these fields below its From field.
fn judge_forged(fields: &str, growth_max: usize) {
    let server = DnsServer::start(zone());
    let json = judge_within(&from_attacker(claim("", fields, "Hi.\r\n"), &server), growth_max);
    assert_eq!(gist(&json), exposed());
}

/// Judges the victim's own mail with these fields above it.
fn judge_relayed(fields: &str, growth_max: usize) {
    let server = DnsServer::start(zone());
    let own = signed_by("victim.example", &claim("", "", "Hi.\r\n"));
    let json = judge_within(&from_attacker([fields.as_bytes(), &own].concat(), &server), growth_max);
    assert_eq!(gist(&json), genuine(), "{}", json["dkim"]);
}

#[test]
fn ten_thousand_fields_are_judged() {
    judge(&"Received: from a.example by b.example; Mon, 1 Jun 2026 12:00:00 +0000\r\n".repeat(10_000));
}

/// Refuses the victim's own mail with these fields above it or below its From field, whichever ends the lines.
fn refuse(fields: &str) {
    let server = DnsServer::start(zone());
    let own = signed_by("victim.example", &claim("", "", "Hi.\r\n"));
    let above = [fields.as_bytes(), &own].concat();
    let below = claim("", fields, "Hi.\r\n");
    let with_lf = String::from_utf8(above.clone()).unwrap().replace("\r\n", "\n").into_bytes();
    for mail in [above, below, with_lf] {
        let size = mail.len();
        let json = judge_within(&from_attacker(mail, &server), size + UNREAD_MAX);
        assert_eq!(gist(&json), refused("unusable"));
        assert_eq!((&json["author"]["reason"], &json["dkim"]), (&json!("header too large"), &json!([])));
        assert!(json["steps"].as_array().unwrap().iter().any(|step| step["rule"] == "author.header-too-large"));
        // What the envelope says is judged all the same.
        assert_eq!(json["spf"]["result"], "pass");
    }
}

#[test]
fn a_million_fields_are_refused_unread() {
    refuse(&"X-Field: y\r\n".repeat(1_000_000));
}

#[test]
fn one_field_of_a_megabyte_is_judged_and_one_of_ten_refused() {
    judge(&format!("X-Long: {}\r\n", "y".repeat(1 << 20)));
    judge(&format!("X-Folded:{}\r\n", "\r\n y".repeat(300_000)));
    refuse(&format!("X-Long: {}\r\n", "y ".repeat(5 << 20)));
    refuse(&format!("X-Folded:{}\r\n", "\r\n y".repeat(3_000_000)));
}

#[test]
fn how_large_a_header_may_be_can_be_configured() {
    let server = DnsServer::start(zone());
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("sekisho.toml");
    let judge = |options: &str, fields: &str| {
        std::fs::write(&config, format!("[check]\n{options}\n")).unwrap();
        let check = from_attacker(claim("", fields, "Hi.\r\n"), &server);
        gist(&check.and("--config", config.as_os_str().as_encoded_bytes()).judge())
    };
    let fields = "X-Field: y\r\n".repeat(30_000);
    assert_eq!(judge("max_fields = 20000", &fields), refused("unusable"));
    assert_eq!(judge("max_fields = 40000", &fields), exposed());
    assert_eq!(judge("max_fields = 40000\nmax_header_bytes = 100000", &fields), refused("unusable"));
}

#[test]
fn encoded_words_and_parameters_by_the_hundred_thousand_are_judged() {
    judge(&format!("Comments:{}\r\n", " =?utf-8?B?44GC?=".repeat(100_000)));
    let parameters: String = (0..90_000).map(|n| format!(";\r\n name*{n}*=%41")).collect();
    // The victim signed that there is no Content-Type, so a signed mail cannot have it.
    judge_forged(&format!("Content-Type: text/plain{parameters}\r\n"), GROWTH_MAX);
}

#[test]
fn a_nul_makes_no_binary_of_a_mail() {
    let server = DnsServer::start(zone());
    let judge = |above: &[u8]| gist(&from_attacker(claim(above, "", "Hi.\r\n"), &server).judge());
    assert_eq!(judge(b"Su\0bject: x\r\n"), refused("unusable"));
    assert_eq!(judge(b"\0\0\0\0\r\n"), refused("unusable"));
    assert_eq!(judge(b"Subject: \0\0\0\0\r\n"), exposed());
    let told = from_attacker(std::fs::read("/proc/self/exe").unwrap(), &server).run();
    assert_eq!((told.exit, &*told.stdout), (2, ""));
    assert!(told.stderr.contains("is a binary file"), "{}", told.stderr);
}

#[test]
fn a_display_name_of_a_megabyte_is_judged() {
    let server = DnsServer::start(zone());
    for (name, expected) in [
        (format!("\"{}\"", "x".repeat(1 << 20)), exposed()),
        ("=?utf-8?B?44GC?= ".repeat(60_000), exposed()),
        ("\"a\" ".repeat(250_000), exposed()),
        (format!("{}{}", "(".repeat(500_000), ")".repeat(500_000)), refused("unusable")),
    ] {
        let mail = format!("From: {name} <chief@victim.example>\r\n\r\nHi.\r\n");
        let json = judge_apart(&from_attacker(mail, &server));
        assert_eq!(gist(&json), expected, "{}", name.get(..40).unwrap());
    }
}

#[test]
fn a_mail_from_standard_input_is_held_once() {
    let server = DnsServer::start(zone());
    let mail = claim("", "", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n".repeat(1 << 20));
    let size = mail.len();
    assert_eq!(gist(&judge_within(&from_attacker(mail, &server), size + UNREAD_MAX)), exposed());
}
