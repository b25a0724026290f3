//! Attacks on what is judged, through a real Postfix: none ends in a pass for the victim

use std::net::{IpAddr, Ipv4Addr};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_core::facts::Record;
use sekisho_core::name::DomainName;
use sekisho_core::presentation::split_string;
use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::milter::{Delivery, Mta};
use sekisho_testkit::smtp::{Client, Letter, deliver};

use super::served::Served;
use super::through::{MONITOR, Road, results};
use crate::hostile::signatures::{partial, rsa_record};
use crate::hostile::{ATTACKER, VICTIM, claim, signed_by, zone, zone_with};

/// Fails where a mail passes for the victim.
fn assert_exposed(told: &str) {
    assert!(told.contains("header.from=victim.example"), "{told}");
    assert!(!told.contains("dmarc=pass"), "{told}");
}

#[test]
fn the_greeting_never_stands_for_the_sender() {
    let lines = format!(
        "mail.attack.example TXT \"v=spf1 ip4:{ATTACKER} -all\"\nmail.victim.example TXT \"v=spf1 ip4:{VICTIM} -all\""
    );
    let mut road = Road::new(MONITOR, zone_with(&lines));
    // The greeting passes SPF and the path does not, the path is none, the greeting is the victim's own name.
    for (helo, mail_from) in [
        ("mail.attack.example", "any@nx.victim.example"),
        ("mail.attack.example", "any@victim.example"),
        ("mail.attack.example", ""),
        ("victim.example", "x@attack.example"),
        ("victim.example(.attack.example", "x@attack.example"),
    ] {
        let letter = Letter::new(mail_from, "reader@receiver.test", claim("", "", "Hi.\r\n"));
        let letter = letter.by(Client::at(ATTACKER.parse().unwrap()), helo);
        let before = road.sink.count();
        let reply = deliver(road.postfix.inbound(), &letter).unwrap();
        // Postfix refuses some greetings by itself.
        if reply.code == 250 {
            assert_exposed(&results(&road.sink.next(before, std::time::Duration::from_secs(20))));
        }
    }
    assert!(road.sink.count() >= 4);
    assert!(road.gate.stop());
}

#[test]
fn content_behind_a_signed_length_proves_nothing() {
    let mut road = Road::new(MONITOR, zone());
    let whole = "--a\r\n\r\nOur news.\r\n--a--\r\n".len();
    let html = b"\r\n--b\r\nContent-Type: text/html\r\n\r\n<h1>Pay at once</h1>\r\n--b--\r\n";
    let good = partial(whole);
    assert!(results(&road.pass(ATTACKER, "x@attack.example", &good)).contains("dmarc=pass"));
    let swapped = String::from_utf8(good.clone()).unwrap().replace("boundary=a", "boundary=b").into_bytes();
    for mail in [[&good[..], html].concat(), [&swapped[..], html].concat(), partial(0), partial(5)] {
        let told = results(&road.pass(ATTACKER, "x@attack.example", mail));
        assert_exposed(&told);
        assert!(told.contains("dkim=policy reason=\"content not covered\""), "{told}");
    }
}

#[test]
fn fifty_thousand_signatures_and_monstrous_keys_prove_nothing() {
    let odd = |octets: usize| [vec![0xc5; octets - 1], vec![0x0d]].concat();
    let mut zone = zone();
    let keys = [("long", 2048, &[1, 0, 1][..]), ("short", 127, &[1, 0, 1]), ("strange", 256, &[0x80, 0, 0, 1])];
    for (selector, octets, exponent) in keys {
        let name = DomainName::parse(format!("{selector}._domainkey.victim.example")).unwrap();
        zone.add(name, Record::Txt(split_string(rsa_record(&odd(octets), exponent).as_bytes())));
    }
    let road = Road::new(MONITOR, zone);
    let one = |n: usize| {
        let (hash, signature) = ("A".repeat(43) + "=", "A".repeat(86) + "==");
        format!(
            "DKIM-Signature: v=1; a=ed25519-sha256; d=d{n}.victim.example; s=s; h=from; bh={hash}; b={signature}\r\n"
        )
    };
    let many: String = (0..50_000).map(one).collect();
    let reply = road.send(ATTACKER, "x@attack.example", claim(many, "", "Hi.\r\n"));
    assert_eq!(reply.code, 250, "{reply}");
    let told = results(&road.sink.next(0, std::time::Duration::from_secs(120)));
    assert!(
        told.contains("dmarc=temperror reason=\"the header is too large\""),
        "{}",
        told.get(..200).unwrap_or(&told)
    );
    for (selector, octets, _) in keys {
        let (hash, signature) = (STANDARD.encode(digest(&SHA256, b"Hi.\r\n")), STANDARD.encode(vec![7; octets]));
        let tags = format!("v=1; a=rsa-sha256; c=simple/simple; d=victim.example; s={selector}; h=from");
        let field = format!("DKIM-Signature: {tags}; bh={hash}; b={signature}\r\n");
        let before = road.sink.count();
        assert_eq!(road.send(ATTACKER, "x@attack.example", claim(field, "", "Hi.\r\n")).code, 250);
        let told = results(&road.sink.next(before, std::time::Duration::from_secs(20)));
        assert_exposed(&told);
        assert!(told.contains("dkim=") && !told.contains("dkim=pass"), "{told}");
    }
    // And the next mail is judged as ever.
    let before = road.sink.count();
    let good = signed_by("victim.example", &claim("", "", "Hello.\r\n"));
    assert_eq!(road.send(VICTIM, "chief@victim.example", good).code, 250);
    let told = results(&road.sink.next(before, std::time::Duration::from_secs(20)));
    assert!(told.contains("dmarc=pass"), "{told}");
}

/// What is told of the copies of a mail from fifty addresses, one after the other.
fn told_of_copies(config: &str, copies: u8) -> (Vec<String>, String) {
    let dns = DnsServer::start(zone());
    let served = Served::start(config, &dns);
    let mail = signed_by("victim.example", &claim("", "", "Buy this.\r\n"));
    let mut told = Vec::new();
    for copy in 0..copies {
        let recipient = format!("reader{copy}@receiver.test");
        let delivery = Delivery {
            client_ip: Some(IpAddr::from(Ipv4Addr::new(203, 0, 113, copy % 50))),
            mail_from: "x@attack.example",
            recipients: &[&recipient],
            ..Delivery::of(&mail)
        };
        let seen = Mta::new(served.milter()).deliver(&delivery).unwrap();
        let text = String::from_utf8(seen.mail).unwrap();
        let (field, _) = text.split_once("Received:").unwrap();
        assert!(field.contains("dmarc=pass"), "the verdict stays: {field}");
        told.push(field.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    (told, served.log())
}

#[test]
fn a_replayed_signature_is_suspected_from_the_hundredth_copy_on() {
    let (told, log) = told_of_copies(MONITOR, 103);
    let suspected = |field: &String| field.contains("dkim=pass reason=\"replay suspected\"");
    assert_eq!(told.iter().position(suspected), Some(99));
    assert_eq!(told.iter().filter(|field| suspected(field)).count(), 4);
    assert!(log.contains("replay.copies=100 replay.mails=1"), "{log}");
    assert!(log.contains("replay.copies=103 replay.mails=4"), "{log}");
    let (told, log) = told_of_copies(&format!("{MONITOR}replay_copies = 0\n"), 103);
    assert!(!told.iter().any(suspected) && !log.contains("replay"), "{log}");
    let (told, _) = told_of_copies(&format!("{MONITOR}replay_copies = 3\n"), 4);
    assert_eq!(told.iter().position(suspected), Some(2));
}
