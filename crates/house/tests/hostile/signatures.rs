//! Signatures that cover too little, are too many, or have keys that cost too much (attacks 6 and 8)

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_core::facts::{Kind, Record};
use sekisho_core::presentation::split_string;
use sekisho_testkit::dns::DnsServer;
use serde_json::{Value, json};

use super::{ParseName, claim, exposed, from_attacker, genuine, gist, judge_apart, refused, signed_by, zone};

/// Signs a mail of fields without folding by hand, with the key of all the tests here: `{bh}` in the tags stands for
/// the hash of the body, of which `length` octets are covered. Everything is taken as it stands, `c=simple/simple`.
pub(crate) fn sign_by_hand(tags: &str, mail: &[u8], length: Option<usize>) -> Vec<u8> {
    let end = mail.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 2;
    let (header, body) = (&mail[..end], &mail[end + 2..]);
    let covered = &body[..length.unwrap_or(body.len())];
    let tags = tags.replace("{bh}", &STANDARD.encode(digest(&SHA256, covered)));
    let field = format!("DKIM-Signature: {tags}; b=");
    let wanted = tags.split("h=").nth(1).unwrap().split(';').next().unwrap();
    let mut input = Vec::new();
    for name in wanted.split(':') {
        let is_it = |line: &&[u8]| {
            let found = line.split(|&b| b == b':').next().unwrap_or_default();
            found.trim_ascii_end().eq_ignore_ascii_case(name.as_bytes())
        };
        let line = header.split_inclusive(|&b| b == b'\n').rfind(is_it).unwrap();
        input.extend_from_slice(line);
    }
    input.extend_from_slice(field.as_bytes());
    let key = Ed25519KeyPair::from_seed_unchecked(&[42; 32]).unwrap();
    let signature = STANDARD.encode(key.sign(digest(&SHA256, &input).as_ref()));
    [field.as_bytes(), signature.as_bytes(), b"\r\n", mail].concat()
}

/// The victim's newsletter, signed with `l=`.
pub(crate) fn partial(length: usize) -> Vec<u8> {
    let tags = format!(
        "v=1; a=ed25519-sha256; c=simple/simple; d=victim.example; s=s; l={length}; h=from:to:subject; bh={{bh}}"
    );
    let mail = claim("", "Content-Type: multipart/mixed; boundary=a\r\n", "--a\r\n\r\nOur news.\r\n--a--\r\n");
    sign_by_hand(&tags, &mail, Some(length))
}

#[test]
fn what_is_added_behind_a_signed_length_is_not_vouched_for() {
    let server = DnsServer::start(zone());
    let whole = "--a\r\n\r\nOur news.\r\n--a--\r\n".len();
    let covered = from_attacker(partial(whole), &server).judge();
    assert_eq!(gist(&covered), genuine());
    let html = "\r\n--b\r\nContent-Type: text/html\r\n\r\n<h1>Pay at once</h1>\r\n--b--\r\n";
    let swapped = String::from_utf8(partial(whole)).unwrap().replace("boundary=a", "boundary=b");
    for (mail, length) in [
        ([partial(whole), html.as_bytes().to_vec()].concat(), whole),
        ([swapped.into_bytes(), html.as_bytes().to_vec()].concat(), whole),
        (partial(0), 0),
        (partial(5), 5),
    ] {
        let json = from_attacker(mail, &server).judge();
        let signature = &json["dkim"][0];
        assert_eq!(
            (&signature["result"], &signature["reason"]),
            (&json!("policy"), &json!("content not covered")),
            "{length}"
        );
        assert_eq!(gist(&json), exposed(), "{length}");
    }
    let beyond = String::from_utf8(partial(whole)).unwrap().replace("Our news.\r\n", "");
    let json = from_attacker(beyond, &server).judge();
    assert_eq!((&json["dkim"][0]["result"], gist(&json)), (&json!("permerror"), exposed()));
}

/// The victim's mail, signed without a word against further fields.
fn lightly_signed() -> String {
    let tags = "v=1; a=ed25519-sha256; c=simple/simple; d=victim.example; s=s; h=from:to:subject; bh={bh}";
    String::from_utf8(sign_by_hand(tags, &claim("", "", "Hi.\r\n"), None)).unwrap()
}

#[test]
fn a_signature_that_leaves_a_second_field_open_does_not_count() {
    let server = DnsServer::start(zone());
    let rule_of = |json: &Value, rule: &str| json["steps"].as_array().unwrap().iter().any(|step| step["rule"] == rule);
    assert_eq!(gist(&from_attacker(lightly_signed(), &server).judge()), genuine());
    for (added, rule) in [
        ("Subject: PAY\r\n", "dmarc.signature-leaves-second"),
        ("To: <z@example.net>\r\n", "dmarc.signature-leaves-second"),
        ("Content-Type: text/html\r\nContent-Type: text/html\r\n", "dmarc.signature-leaves-second"),
        ("Date : now\r\nNOTICE : Pay at once\r\n", "dmarc.signature-leaves-spaced"),
    ] {
        let json = from_attacker(format!("{added}{}", lightly_signed()), &server).judge();
        assert_eq!((&json["dkim"][0]["result"], gist(&json)), (&json!("pass"), exposed()), "{added}");
        assert!(rule_of(&json, rule), "{added}");
        assert!(!rule_of(&json, "dmarc.no-identifier"), "{added}");
        // Another signature that covers them counts.
        let covered = signed_by("victim.example", format!("{added}{}", lightly_signed()).as_bytes());
        let json = from_attacker(covered, &server).judge();
        let is_covered = !added.contains("NOTICE");
        assert_eq!(gist(&json), if is_covered { genuine() } else { exposed() }, "{added}");
    }
}

#[test]
fn of_sixty_signatures_ten_are_examined_the_authors_first() {
    let server = DnsServer::start(zone());
    let own = signed_by("victim.example", &claim("", "", "Hi.\r\n"));
    let mut mail = own.clone();
    for _ in 0..59 {
        // The attacker's are good as well: they only cost.
        let field = signed_by("attack.example", &own);
        mail = [&field[..field.len() - own.len()], &mail].concat();
    }
    let json = judge_apart(&from_attacker(mail, &server));
    assert_eq!(gist(&json), genuine());
    let signatures = json["dkim"].as_array().unwrap();
    let count = |result: &str| signatures.iter().filter(|signature| signature["result"] == result).count();
    assert_eq!((signatures.len(), count("pass"), count("policy")), (60, 10, 50));
    assert_eq!(signatures[59]["result"], "pass");
    let unexamined = signatures.iter().filter(|signature| signature["reason"] == "beyond the signature limit");
    assert_eq!(unexamined.count(), 50);
}

#[test]
fn nine_thousand_signatures_cost_ten_and_fifty_thousand_none() {
    let server = DnsServer::start(zone());
    let nonsense = STANDARD.encode([7; 64]);
    let fields = |count: usize| {
        let one = |n| {
            format!("DKIM-Signature: v=1; a=ed25519-sha256; d=d{n}.attack.example; s=s; h=from; bh=; b={nonsense}\r\n")
        };
        let fields: String = (0..count).map(one).collect();
        fields.replace("bh=;", &format!("bh={};", STANDARD.encode([7; 32])))
    };
    let json = judge_apart(&from_attacker(claim(fields(50_000), "", "Hi.\r\n"), &server));
    assert_eq!((gist(&json), &json["author"]["reason"]), (refused("unusable"), &json!("header too large")));
    let json = judge_apart(&from_attacker(claim(fields(9_000), "", "Hi.\r\n"), &server));
    assert_eq!(gist(&json), exposed());
    let signatures = json["dkim"].as_array().unwrap();
    assert_eq!(signatures.len(), 9_000);
    assert_eq!(signatures.iter().filter(|one| one["reason"] == "beyond the signature limit").count(), 8_990);
    let keys =
        json["facts"].as_array().unwrap().iter().filter(|fact| fact["name"].as_str().unwrap().contains("_domainkey"));
    assert_eq!(keys.count(), 10);
}

/// Returns a key record with this modulus and exponent, as DER says it.
pub(crate) fn rsa_record(modulus: &[u8], exponent: &[u8]) -> String {
    let element = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let head = match content.len() {
            0..=0x7f => vec![tag, length[1]],
            0x80..=0xff => vec![tag, 0x81, length[1]],
            _ => vec![tag, 0x82, length[0], length[1]],
        };
        [head, content.to_vec()].concat()
    };
    let number = |octets: &[u8]| {
        let sign = if octets[0] & 0x80 == 0 { &[][..] } else { &[0] };
        element(2, &[sign, octets].concat())
    };
    let key = element(0x30, &[number(modulus), number(exponent)].concat());
    let rsa = [0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let whole = element(0x30, &[rsa.to_vec(), element(3, &[vec![0], key].concat())].concat());
    format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(whole))
}

#[test]
fn keys_that_cost_too_much_are_not_used() {
    let odd = |octets: usize| [vec![0xc5; octets - 1], vec![0x0d]].concat();
    for (what, record, result, reasons) in [
        ("16,384 bits", rsa_record(&odd(2048), &[1, 0, 1]), "policy", &["key too long"][..]),
        ("4,104 bits", rsa_record(&odd(513), &[1, 0, 1]), "policy", &["key too long"]),
        ("1,016 bits", rsa_record(&odd(127), &[1, 0, 1]), "policy", &["key too short"]),
        ("e = 2^31 + 1", rsa_record(&odd(256), &[0x80, 0, 0, 1]), "fail", &["key differs"]),
        ("e of 2,048 bits", rsa_record(&odd(256), &odd(256)), "permerror", &["key malformed"]),
        ("64 KB", format!("v=DKIM1; k=rsa; p={}", "A".repeat(64_000)), "temperror", &["key not available"]),
        ("8 KB of a tag", format!("v=DKIM1; n={}; p=", "x".repeat(8_000)), "permerror", &["key revoked"]),
    ] {
        let mut zone = zone();
        zone.add("big._domainkey.victim.example".parse_name(), Record::Txt(split_string(record.as_bytes())));
        let server = DnsServer::start(zone);
        let octets = if what.starts_with("16") { 2048 } else { 256 };
        let tags = "v=1; a=rsa-sha256; c=simple/simple; d=victim.example; s=big; h=from";
        let (body_hash, signature) = (STANDARD.encode(digest(&SHA256, b"Hi.\r\n")), STANDARD.encode(vec![7; octets]));
        let field = format!("DKIM-Signature: {tags}; bh={body_hash}; b={signature}\r\n");
        let json = judge_apart(&from_attacker(claim(field, "", "Hi.\r\n"), &server));
        let told = &json["dkim"][0];
        assert_eq!(told["result"], result, "{what}: {told}");
        assert!(reasons.iter().any(|reason| told["reason"] == *reason), "{what}: {told}");
        let expected = if result == "temperror" {
            json!(["tempfail", ["dmarc-temperror"], "ok", "temperror", []])
        } else {
            exposed()
        };
        assert_eq!(gist(&json), expected, "{what}");
    }
}

#[test]
fn a_key_is_found_among_a_hundred_texts() {
    let mut zone = zone();
    let at = "s._domainkey.victim.example".parse_name();
    for n in 0..100 {
        zone.add(at.clone(), Record::Txt(split_string(format!("v=spf1 exists:{n}.example -all").as_bytes())));
    }
    let server = DnsServer::start(zone);
    let json = judge_apart(&from_attacker(signed_by("victim.example", &claim("", "", "Hi.\r\n")), &server));
    let facts = json["facts"].as_array().unwrap();
    let key: &Value = facts.iter().find(|fact| fact["name"] == at.to_string().as_str()).unwrap();
    assert_eq!((&key["type"], key["records"].as_array().unwrap().len()), (&json!(Kind::Txt.as_str()), 101));
    // RFC 6376 §3.6.2.2 leaves several records open; the first that is a key counts.
    assert_eq!(gist(&json), genuine(), "{}", json["dkim"]);
}
