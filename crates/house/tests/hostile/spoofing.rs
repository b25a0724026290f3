//! Mails that show the victim to people and the attacker to judges (attacks 2 to 5 of the project's list)

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_core::facts::Record;
use sekisho_core::name::DomainName;
use sekisho_core::presentation::split_string;
use sekisho_testkit::dns::DnsServer;
use serde_json::{Value, json};

use super::signatures::sign_by_hand;
use super::{
    ATTACKER, VICTIM, claim, exposed, from_attacker, genuine, gist, judge_apart, refused, signed_by, zone, zone_with,
};
use crate::dmarc_worlds::{NOW, sign, signer};
use crate::whole::Check;

/// The From field of a mail that claims to be the victim's without any trick.
const PLAIN: &[u8] = b"From: <admin@victim.example>\r\n";

/// The server cases of espoofer ("Composition Kills", USENIX Security 2020) that change the header: the From lines, and
/// what becomes of the author.
pub(crate) const HEADER_CASES: &[(&str, &[u8], &str)] = &[
    ("A8", b"From: <first@attack.example>\r\nFrom: <admin@victim.example>\r\n", "multiple"),
    ("A9", b" From: <first@attack.example>\r\nFrom: <admin@victim.example>\r\n", "unusable"),
    ("A10", b"From: <first@attack.example>\r\nFrom : <admin@victim.example>\r\n", "multiple"),
    ("A11", b"From\r\n : <first@attack.example>\r\nFrom: <admin@victim.example>\r\n", "unusable"),
    ("A12", b"From\r\n : <first@attack.example>\r\nSender: <admin@victim.example>\r\n", "unusable"),
    ("A13", b"From\r\n : <first@attack.example>\r\nResent-From: <admin@victim.example>\r\n", "unusable"),
    ("A14", b"From: <first@attack.example>, <admin@victim.example>\r\n", "multiple"),
    ("A15", b"From: =?utf-8?B?PGFkbWluQHZpY3RpbS5leGFtcGxlPg==?=,<second@attack.example>\r\n", "unusable"),
    ("A16", b"From: <@attack.example,@any.example:admin@victim.example>\r\n", "unusable"),
    ("A17", b"From: <admin@victim.example>\\,<second@attack.example>\r\n", "unusable"),
    ("A18", b"From: admin@victim.example,<second@attack.example>\r\n", "multiple"),
    ("A19", b"From: <any@attack.example>admin@victim.example\r\n", "unusable"),
];

/// Those that change the envelope: MAIL FROM, and what SPF says of it.
const ENVELOPE_CASES: &[(&str, &str, &str, &str)] = &[
    ("A1", "<any@mailfrom.notexist.victim.example>", "mailfrom.notexist.victim.example", "none"),
    ("A2", "<(any@victim.example>", "victim.example", "fail"),
    ("A5", "<any@victim.example(a.attack.example>", "victim.example(a.attack.example", "pass"),
    ("A6", "<any@victim.example'@any.attack.example>", "any.attack.example", "pass"),
    ("A7", "<@victim.example,@any.example:'any@attack.example>", "attack.example", "pass"),
];

/// Returns a mail with these From lines.
pub(crate) fn mail(from: &[u8]) -> Vec<u8> {
    [from, b"To: <victim@example.net>\r\nSubject: x\r\n\r\nHi.\r\n"].concat()
}

#[test]
fn no_from_line_of_espoofer_passes_for_the_victim() {
    let server = DnsServer::start(zone());
    for (name, from, author) in HEADER_CASES {
        let unsigned = mail(from);
        // The attacker signs, wherever that can be done.
        let signature =
            if from.starts_with(b"From:") { signed_by("attack.example", &unsigned) } else { unsigned.clone() };
        for mail in [unsigned, signature] {
            let json = from_attacker(mail, &server).judge();
            assert_eq!(gist(&json), refused(author), "{name}: {}", json["author"]["reason"]);
            assert_eq!(json["author"]["domain"], Value::Null, "{name}");
            assert_eq!(json["spf"]["result"], "pass", "{name}");
        }
    }
}

#[test]
fn no_envelope_of_espoofer_passes_for_the_victim() {
    let lax = "v=spf1 +all";
    let mut zone = zone_with(&format!("any.attack.example TXT \"{lax}\""));
    let odd = DomainName::parse("victim.example(a.attack.example").unwrap();
    zone.add(odd, Record::Txt(split_string(lax.as_bytes())));
    let server = DnsServer::start(zone);
    for (name, mail_from, domain, result) in ENVELOPE_CASES {
        let check = Check::mail(mail(PLAIN)).dns(&server).and("--at", NOW);
        let json = check.envelope(ATTACKER, "mail.attack.example", *mail_from).judge();
        assert_eq!((&json["spf"]["domain"], &json["spf"]["result"]), (&json!(domain), &json!(result)), "{name}");
        assert_eq!(gist(&json), exposed(), "{name}");
    }
}

#[test]
fn no_signature_of_espoofer_passes_for_the_victim() {
    // A3: what C reads up to the NUL is another name. A4: what is quoted in a report begins with another name.
    let record = signer(&DomainName::parse("attack.example").unwrap(), "s").key.record();
    for (name, selector, domain) in [
        ("A3", "s._domainkey.attack.example.\0.any", "victim.example"),
        ("A4", "s", "victim.example'a.attack.example"),
        ("A4", "s", "victim.example\"a.attack.example"),
    ] {
        let mut zone = zone();
        let at = DomainName::parse(format!("{selector}._domainkey.{domain}")).unwrap();
        zone.add(at, Record::Txt(split_string(record.as_bytes())));
        zone.parse_line(&format!("s._domainkey.attack.example.{domain} TXT {record}").replace('"', "\\\"")).unwrap();
        let server = DnsServer::start(zone);
        let tags = format!("v=1; a=ed25519-sha256; c=simple/simple; d={domain}; s={selector}; h=from; bh={{bh}}");
        let json = from_attacker(sign_by_hand(&tags, &mail(PLAIN), None), &server).judge();
        assert_eq!(json["dkim"][0]["result"], "permerror", "{name}: {}", json["dkim"]);
        assert_eq!(gist(&json), exposed(), "{name}");
    }
}

#[test]
fn many_forms_of_no_author_are_told_apart() {
    let server = DnsServer::start(zone());
    for (from, author, reason) in [
        (&b""[..], "missing", "no From field"),
        (b"From: \r\n", "missing", "empty From field"),
        (b"From: undisclosed:;\r\n", "unusable", "only a group"),
        (b"From: friends: <a@attack.example>, <admin@victim.example>;\r\n", "unusable", "group among the authors"),
        (b"From: <a@attack.example>, friends: <admin@victim.example>;\r\n", "unusable", "group among the authors"),
        (b"From: <admin@victim.example@attack.example>\r\n", "unusable", "two at signs"),
        (b"From: <admin@victim.example\0.attack.example>\r\n", "unusable", "NUL in From"),
        (b"From: <admin@[192.0.2.1]>\r\n", "unusable", "domain literal"),
        (
            b"From: =?utf-8?q?\"?= <admin@victim.example>, \" <a@attack.example>\r\n",
            "unusable",
            "quote or comment across an encoded-word",
        ),
        (
            b"From: =?utf-8?q?CEO(?= <admin@victim.example>) <a@attack.example>\r\n",
            "unusable",
            "quote or comment across an encoded-word",
        ),
        (b"From: <admin@victim.example.>\r\n", "unusable", "trailing dot in the domain"),
    ] {
        let json = from_attacker(mail(from), &server).judge();
        let text = String::from_utf8_lossy(from);
        assert_eq!(gist(&json), refused(author), "{text}");
        assert_eq!(json["author"]["reason"], reason, "{text}");
    }
}

#[test]
fn a_hundred_and_thirty_thousand_authors_are_too_many() {
    let server = DnsServer::start(zone());
    let addresses = "<a@attack.ex>, ".repeat(130_000);
    let from = format!("From: {addresses}<admin@victim.example>\r\n");
    let json = judge_apart(&from_attacker(mail(from.as_bytes()), &server));
    assert_eq!(gist(&json), refused("multiple"));
    assert!(json["author"]["addresses"].as_array().unwrap().len() <= 100);
    // More do not fit into a header that is read.
    let from = format!("From: {}\r\n", "<a@attack.ex>, ".repeat(300_000));
    let json = judge_apart(&from_attacker(mail(from.as_bytes()), &server));
    assert_eq!((gist(&json), &json["author"]["reason"]), (refused("unusable"), &json!("header too large")));
}

#[test]
fn claims_inside_the_mail_change_nothing() {
    let server = DnsServer::start(zone());
    let judge = |above: &str| {
        let mut json = judge_apart(&from_attacker(claim(above, "", "Hi.\r\n"), &server));
        json.as_object_mut().unwrap().remove("input");
        json
    };
    let honest = judge("");
    assert_eq!(gist(&honest), exposed());
    let claim = "spf=pass smtp.mailfrom=victim.example; dkim=pass header.d=victim.example; dmarc=pass (p=reject)\r\n";
    for forged in [
        format!("Authentication-Results: mx.example.net; {claim}").repeat(50),
        format!("authentication-RESULTS: mx.example.net 1;\r\n\t{claim}"),
        format!("Authentication-Results: (comment (nested)) \"mx.example.net\" / 1 ; {claim}"),
        format!("Authentication-Results: xn--mx-example; {claim}"),
        format!(
            "Authentication-Results: mx.example.net{}\r\n",
            ";\r\n dmarc=pass header.from=victim.example".repeat(10_000)
        ),
        format!("Received-SPF: pass (mx.example.net: domain of x@victim.example designates {ATTACKER})\r\n"),
    ] {
        assert_eq!(judge(&forged), honest, "{}", forged.get(..80).unwrap());
    }
}

#[test]
fn a_forged_chain_overrides_nothing_though_its_sealer_is_trusted() {
    let key = signer(&DomainName::parse("lists.example").unwrap(), "s").key.record();
    let server = DnsServer::start(zone_with(&format!("s._domainkey.lists.example TXT {key}")));
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("sekisho.toml");
    std::fs::write(&config, "[arc]\ntrusted_sealers = [\"lists.example\"]\n").unwrap();
    let (hash, nonsense) = (STANDARD.encode([7; 32]), STANDARD.encode([7; 64]));
    let set = format!(
        "ARC-Seal: i=1; a=ed25519-sha256; t=1; cv=none; d=lists.example; s=s; b={nonsense}\r\n\
         ARC-Message-Signature: i=1; a=ed25519-sha256; c=relaxed/relaxed; d=lists.example; s=s; h=from; bh={hash}; b={nonsense}\r\n\
         ARC-Authentication-Results: i=1; lists.example; dmarc=pass header.from=victim.example\r\n"
    );
    let check = from_attacker(claim(set, "", "Hi.\r\n"), &server);
    let json = check.and("--config", config.into_os_string().into_encoded_bytes()).judge();
    assert_eq!(gist(&json), exposed());
    let arc = &json["arc"];
    assert_eq!(
        (&arc["result"], &arc["overrides"], &arc["sealers"]),
        (&json!("fail"), &json!(false), &json!(["lists.example"]))
    );
}

#[test]
fn a_greeting_never_stands_in_for_a_mail_from() {
    // CVE-2019-20790.
    let server = DnsServer::start(zone_with(&format!("helo.attack.example TXT \"v=spf1 ip4:{ATTACKER} -all\"")));
    for (helo, mail_from, spf, spf_helo) in [
        ("helo.attack.example", "any@nx.victim.example", "none", "pass"),
        ("helo.attack.example", "", "pass", "pass"),
        ("victim.example", "x@attack.example", "pass", "fail"),
        ("victim.example", "", "fail", "fail"),
        ("nx.victim.example", "", "none", "none"),
    ] {
        let check = Check::mail(claim("", "", "Hi.\r\n")).dns(&server).and("--at", NOW);
        let json = check.envelope(ATTACKER, helo, mail_from).judge();
        assert_eq!((&json["spf"]["result"], &json["spf_helo"]["result"]), (&json!(spf), &json!(spf_helo)), "{helo}");
        assert_eq!(gist(&json), exposed(), "{helo} {mail_from}");
    }
    // A greeting with the victim's name from the victim's own host counts only where there is no other name.
    let own = Check::mail(claim("", "", "Hi.\r\n")).dns(&server).and("--at", NOW);
    let json = own.envelope(VICTIM, "victim.example", "x@attack.example").judge();
    assert_eq!((&json["spf"]["result"], &json["spf_helo"]["result"]), (&json!("fail"), &json!("pass")));
    assert_eq!(gist(&json), exposed());
}

#[test]
fn what_was_signed_as_header_vouches_for_nothing_where_it_may_be_shown_as_body() {
    let server = DnsServer::start(zone());
    let own = String::from_utf8(signed_by("victim.example", &claim("", "", "Hi.\r\n"))).unwrap();
    let turned = |from: &str, to: &str| {
        assert!(own.contains(from));
        own.replacen(from, to, 1).into_bytes()
    };
    // Each of these leaves the signature valid, and some readers take what follows for the body.
    for (from, to) in [
        ("Subject: Pay at once\r\n", "Subject: Pay at once\r\n \r\nX: to the attacker\r\n"),
        ("Subject: Pay at once\r\n", "Subject: Pay at once\r\nX:\r\n\t \r\nX: to the attacker\r\n"),
        ("\r\n\r\n", "\r\nX: a\nPay the attacker.\r\n\r\n"),
        ("From: <chief", "X: a\rSubject: Pay the attacker\rContent-Type: text/html\r\nFrom: <chief"),
        ("From: <chief", "X: a\nPay the attacker\r\nFrom: <chief"),
    ] {
        let mail = turned(from, to);
        let json = from_attacker(mail.clone(), &server).judge();
        assert_eq!((&json["dkim"][0]["result"], gist(&json)), (&json!("pass"), exposed()), "{to:?}");
        let steps = json["steps"].as_array().unwrap();
        assert!(steps.iter().any(|step| step["rule"] == "dmarc.signatures-uncounted"), "{to:?}");
        // From the victim's own host it comes as the victim wrote it.
        let own = Check::mail(mail).dns(&server).and("--at", NOW);
        let json = own.envelope(VICTIM, "mail.victim.example", "x@victim.example").judge();
        assert_eq!(gist(&json), json!(["accept", [], "ok", "pass", ["spf"]]), "{to:?}");
    }
    for to in ["Pay the attacker\r\nSubject: Pay at once\r\n", "Pay the attacker: x\r\nSubject: Pay at once\r\n"] {
        let json = from_attacker(turned("Subject: Pay at once\r\n", to), &server).judge();
        assert_eq!((&json["dkim"][0]["result"], gist(&json)), (&json!("pass"), refused("unusable")), "{to:?}");
    }
    // White space before a colon is old syntax that relaxed canonicalization takes out: flagged, and it counts.
    let old = turned("Subject: Pay at once\r\n", "Subject : Pay at once\r\n");
    let json = from_attacker(old, &server).judge();
    assert_eq!(json["author"]["flags"], json!(["space-before-colon", "no-date"]));
    assert_eq!(gist(&json), json!(["accept", [], "ok", "pass", ["dkim"]]));
    // A line of white space that the field goes on behind is old, and no reader ends the header there.
    let folded = turned("Subject: Pay at once\r\n", "Subject: Pay\r\n \r\n at once\r\n");
    assert_eq!(gist(&from_attacker(folded, &server).judge()), genuine());
}

#[test]
fn the_victims_own_mail_passes_through_all_that() {
    let server = DnsServer::start(zone());
    let mail = claim("", "", "Hi.\r\n");
    let field = sign(&signer(&DomainName::parse("victim.example").unwrap(), "s"), &mail);
    let json = from_attacker([field, mail].concat(), &server).judge();
    assert_eq!(gist(&json), genuine());
}
