//! Mails that go out signed and come in again, between a small MTA, both roles and a loopback DNS

use std::fmt::Write;
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use sekisho_ask::{Resolver, ResolverConfig, Source};
use sekisho_core::name::DomainName;
use sekisho_core::zone::Zone;
use sekisho_mail::dkim::signing_key::{NewKey, SigningKey};
use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::milter::{Answer, Delivery, Mta, Offer, Seen};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::super::{Front, Gate, Lasting, Role, listen};
use super::{Office, Unfit};
use crate::config::Config;

/// A house with a key of each kind for `example.org`, one for what is below `example.net`, and both roles.
struct House {
    folder: TempDir,
    dns: DnsServer,
    runtime: Runtime,
    verify: SocketAddr,
    sign: SocketAddr,
    front: Arc<Front>,
    shutdown: CancellationToken,
}

/// Who may have what signed in the house.
const SENDERS: &str = r#"
[[sign.senders]]
networks = ["192.0.2.0/24"]
domains = ["example.org", "*.example.net", "nokey.example"]

[[sign.senders]]
users = ["alice"]
domains = ["*"]

[[sign.senders]]
networks = ["203.0.113.0/24"]
users = ["@example.net"]
domains = ["*.example.net"]
"#;

impl House {
    /// Opens a house; `sign` stands in its section `[sign]`.
    fn open(sign: &str) -> House {
        let folder = TempDir::new().unwrap();
        let ed = SigningKey::from_seed(&[7; 32]).unwrap();
        let rsa = SigningKey::generate(NewKey::Rsa2048, &SystemRandom::new()).unwrap();
        let mut text = format!("[sign]\nlisten = [\"127.0.0.1:0\"]\n{sign}\n{SENDERS}\n");
        let mut zone = String::new();
        for (domain, selector, key) in
            [("example.org", "rsa", &rsa), ("example.org", "ed", &ed), ("example.net", "below", &ed)]
        {
            let path = folder.path().join(format!("{selector}.pem"));
            write_key(&path, key, 0o600);
            let subdomains = domain == "example.net";
            let _ = write!(
                text,
                "[[sign.keys]]\ndomain = \"{domain}\"\nselector = \"{selector}\"\nkey = {path:?}\nsubdomains = {subdomains}\n"
            );
            zone += &record(key, selector, domain);
        }
        let dns = DnsServer::start(Zone::parse(&zone).unwrap());
        let path = folder.path().join("sekisho.toml");
        fs::write(&path, text.replace("FOLDER", folder.path().to_str().unwrap())).unwrap();
        let config = Config::load(Some(&path), &[]).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let shutdown = CancellationToken::new();
        let source = source(&dns);
        let (front, verify, sign) = runtime.block_on(async {
            let office = Office::open(&config).unwrap();
            let doubts = office.settle(&config, &source).await.unwrap();
            assert!(doubts.is_empty(), "{doubts:?}");
            let front = Arc::new(Front::new(Gate::new(&config, source, office, Lasting::for_testing())));
            let mut addresses = Vec::new();
            for role in [Role::Verify, Role::Sign] {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                addresses.push(listener.local_addr().unwrap());
                tokio::spawn(listen(listener, role, Arc::clone(&front), shutdown.clone()));
            }
            (front, addresses[0], addresses[1])
        });
        House { folder, dns, runtime, verify, sign, front, shutdown }
    }

    /// Returns the lines of a counter that are not zero, without what they have in common.
    fn counted(&self, name: &str) -> Vec<String> {
        let text = self.front.metrics.text(&self.front.gate().source);
        let of_it = text.lines().filter_map(|line| line.strip_prefix(name)).filter(|line| !line.ends_with(" 0"));
        of_it.map(str::to_owned).collect()
    }

    /// Sends a mail out.
    fn send(&self, delivery: &Delivery<'_>) -> Seen {
        Mta::new(self.sign).deliver(delivery).unwrap()
    }

    /// Takes a mail in, and returns what our own field says.
    fn receive(&self, mail: &[u8]) -> String {
        let seen = Mta::new(self.verify).deliver(&Delivery::of(mail)).unwrap();
        assert_eq!(seen.answer, Answer::Accept);
        let text = String::from_utf8_lossy(&seen.mail).into_owned();
        let (first, _) = text.split_once("\r\nReceived:").unwrap();
        assert!(first.starts_with("Authentication-Results: mx.example.net;"), "{first}");
        first.replace("\r\n\t", " ").replace("\r\n ", " ")
    }

    /// Sends a mail out and takes it in again; returns how many signatures pass, and what our own field says.
    fn there_and_back(&self, mail: &[u8]) -> (usize, String) {
        let results = self.receive(&self.send(&Delivery::of(mail)).mail);
        (results.matches("dkim=pass").count(), results)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn write_key(path: &PathBuf, key: &SigningKey, mode: u32) {
    fs::write(path, key.to_pem().unwrap()).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn record(key: &SigningKey, selector: &str, domain: &str) -> String {
    let name = |text| DomainName::parse(text).unwrap();
    key.dns_record(&name(selector), &name(domain)) + "\n"
}

fn source(dns: &DnsServer) -> Source {
    let upstream = dns.address().to_string().parse().unwrap();
    Source::Dns(Resolver::new(ResolverConfig::new(vec![upstream])).unwrap())
}

/// Returns the names of the fields above the MTA's own.
fn above(seen: &Seen) -> Vec<String> {
    let text = String::from_utf8_lossy(&seen.mail).into_owned();
    let (first, _) = text.split_once("Received:").unwrap();
    let fields = first.lines().filter(|line| !line.starts_with([' ', '\t']));
    fields.filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect()
}

#[test]
fn what_goes_out_signed_passes_when_it_comes_in_again() {
    let house = House::open("");
    let long = "x".repeat(3000);
    let megabyte = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789\r\n".repeat(17_500);
    let mails: [(&str, Vec<u8>); 12] = [
        ("plain", b"From: a@example.org\r\nTo: b@example.net\r\nSubject: x\r\n\r\nhello\r\n".to_vec()),
        ("without a space", b"From:a@example.org\r\nSubject:\r\nX:y\r\n\r\nhello\r\n".to_vec()),
        (
            "folded",
            b"From: A\r\n\t<a@example.org>\r\nSubject:\r\n one\r\n   two \t\r\nTo: \tx@y.example\r\n\r\nhello\r\n"
                .to_vec(),
        ),
        (
            "8-bit",
            "From: \u{e4} <a@example.org>\r\nSubject: \u{65e5}\u{672c}\r\n\r\n\u{95a2}\u{6240}\r\n".as_bytes().to_vec(),
        ),
        ("latin-1", b"From: a@example.org\r\nSubject: \xe4\r\n\r\n\xfc\xff\x80\r\n".to_vec()),
        ("long lines", format!("From: a@example.org\r\nSubject: {long}\r\n\r\n{long}\r\n").into_bytes()),
        ("no body", b"From: a@example.org\r\n\r\n".to_vec()),
        ("empty lines", b"From: a@example.org\r\n\r\n\r\n\r\n\r\n".to_vec()),
        ("no last line end", b"From: a@example.org\r\n\r\nhello".to_vec()),
        ("white space", b"From: a@example.org\r\n\r\n a \t b  \r\n\t\r\n\r\n".to_vec()),
        (
            "twice the same field",
            b"From: a@example.org\r\nX: 1\r\nList-Id: a\r\nX: 2\r\nList-Id: b\r\n\r\nx\r\n".to_vec(),
        ),
        ("1 MB", format!("From: a@example.org\r\n\r\n{megabyte}").into_bytes()),
    ];
    for (what, mail) in mails {
        let (passed, results) = house.there_and_back(&mail);
        assert_eq!(passed, 2, "{what}: {results}");
        assert!(results.contains("header.s=rsa") && results.contains("header.s=ed"), "{what}: {results}");
    }
    let plain = b"From: a@example.org\r\n\r\nhello\r\n";
    let signed = house.send(&Delivery::of(plain));
    assert_eq!(above(&signed), ["DKIM-Signature", "DKIM-Signature"]);
    let text = String::from_utf8_lossy(&signed.mail).into_owned();
    assert!(text.find("s=rsa").unwrap() < text.find("s=ed").unwrap(), "the first key's stands on top: {text}");
    assert!(text.ends_with("\r\nFrom: a@example.org\r\n\r\nhello\r\n"), "{text}");
    let changed = text.replace("hello", "hullo");
    assert_eq!(house.receive(changed.as_bytes()).matches("dkim=fail").count(), 2);
}

#[test]
fn what_is_added_to_a_signed_mail_breaks_it() {
    let house = House::open("expire_days = 2");
    let signed = house.send(&Delivery::of(b"From: a@example.org\r\nSubject: x\r\n\r\nhello\r\n")).mail;
    let text = String::from_utf8(signed).unwrap();
    for field in ["Subject: y", "Reply-To: evil@example.com", "Content-Type: text/html", "To: c@example.org"] {
        let results = house.receive(format!("{field}\r\n{text}").as_bytes());
        assert_eq!(results.matches("dkim=pass").count(), 0, "{field}: {results}");
    }
    assert_eq!(house.receive(format!("X-New: y\r\n{text}").as_bytes()).matches("dkim=pass").count(), 2);
    let time = |tag: &str| -> u64 {
        let at = text.find(&format!(" {tag}=")).unwrap() + tag.len() + 2;
        text[at..].split(';').next().unwrap().parse().unwrap()
    };
    assert_eq!(time("x") - time("t"), 2 * 24 * 3600);
}

#[test]
fn other_canonicalizations_and_old_mtas_are_served_too() {
    for how in ["simple/simple", "relaxed/simple", "simple/relaxed"] {
        let house = House::open(&format!("canonicalization = \"{how}\""));
        let mail = b"From: A\r\n  <a@example.org>\r\nSubject:  two  spaces \r\nX:none\r\n\r\nhello  world \r\n\r\n";
        let (passed, results) = house.there_and_back(mail);
        assert_eq!(passed, 2, "{how}: {results}");
        let mail = b"From: A\r\n <a@example.org>\r\nSubject: one\r\n\r\nhello\r\n";
        let seen = Mta::offering(house.sign, Offer::OLD).deliver(&Delivery::of(mail)).unwrap();
        assert_eq!(house.receive(&seen.mail).matches("dkim=pass").count(), 2, "{how}");
    }
}

#[test]
fn nobody_has_signed_what_he_may_not() {
    let house = House::open("");
    let count = |delivery: &Delivery<'_>| {
        let seen = house.send(delivery);
        assert_eq!(seen.answer, Answer::Accept);
        above(&seen).len()
    };
    let from = |domain: &str| format!("From: x@{domain}\r\n\r\nhello\r\n").into_bytes();
    let [org, net, below, other] = ["example.org", "example.net", "a.b.example.net", "other.example"].map(from);
    let outside = Some("198.51.100.1".parse().unwrap());
    let nearby = Some("203.0.113.9".parse().unwrap());
    let by = |mail, client_ip, login| Delivery { client_ip, login, ..Delivery::of(mail) };
    // By network.
    assert_eq!(count(&Delivery::of(&org)), 2);
    assert_eq!(count(&by(&org, Some("::ffff:192.0.2.1".parse().unwrap()), None)), 2);
    assert_eq!(count(&by(&org, outside, None)), 0);
    assert_eq!(count(&by(&org, Some("127.0.0.1".parse().unwrap()), None)), 0, "this host is nobody special");
    assert_eq!(count(&by(&org, None, None)), 0);
    // By login: of alice any domain that has a key.
    assert_eq!(count(&by(&org, outside, Some("alice"))), 2);
    assert_eq!(count(&by(&net, outside, Some("alice"))), 1);
    assert_eq!(count(&by(&org, outside, Some("Alice"))), 0);
    assert_eq!(count(&by(&other, outside, Some("alice"))), 0);
    // By both: a login of the right domain from the right network, and only what is below.
    assert_eq!(count(&by(&below, nearby, Some("bob@example.net"))), 1);
    assert_eq!(count(&by(&below, outside, Some("bob@example.net"))), 0);
    assert_eq!(count(&by(&below, nearby, None)), 0);
    assert_eq!(count(&by(&net, nearby, Some("bob@example.net"))), 0);
    // Of a domain without keys below.
    assert_eq!(count(&Delivery::of(&from("a.example.org"))), 0);
    assert_eq!(count(&Delivery::of(&from("example.org.evil.example"))), 0);
    let signed = house.send(&by(&below, nearby, Some("bob@example.net")));
    assert!(String::from_utf8_lossy(&signed.mail).contains("d=example.net;"));
    assert_eq!(house.receive(&signed.mail).matches("dkim=pass").count(), 1);
}

#[test]
fn a_login_and_an_author_hold_for_one_mail_only() {
    let house = House::open("");
    let mut mta = Mta::new(house.sign);
    let mail = b"From: x@example.org\r\n\r\nhello\r\n";
    let outside = Some("198.51.100.1".parse().unwrap());
    for _ in 0..3 {
        for (login, signatures) in [(Some("alice"), 2), (None, 0)] {
            let seen = mta.deliver(&Delivery { client_ip: outside, login, ..Delivery::of(mail) }).unwrap();
            assert_eq!(above(&seen).len(), signatures);
        }
    }
}

#[test]
fn mails_without_one_author_are_not_signed() {
    let house = House::open("");
    for mail in [
        &b"Subject: x\r\n\r\nhello\r\n"[..],
        b"From: a@example.org\r\nFrom: b@example.org\r\n\r\nhello\r\n",
        b"From: a@example.org, b@example.com\r\n\r\nhello\r\n",
        b"From: a@example.org\r\nFrom : b@evil.example\r\n\r\nhello\r\n",
        b"From: undisclosed\r\n\r\nhello\r\n",
    ] {
        let seen = house.send(&Delivery::of(mail));
        assert_eq!(
            (seen.answer, seen.mail.starts_with(b"Received:")),
            (Answer::Accept, true),
            "{}",
            mail.escape_ascii()
        );
    }
}

#[test]
fn what_is_not_signed_can_be_refused() {
    let house = House::open("unsigned = \"refuse\"");
    let refusal = |mail: &[u8], client: &str| {
        let client_ip = Some(client.parse().unwrap());
        match house.send(&Delivery { client_ip, ..Delivery::of(mail) }).answer {
            Answer::Code(text) => text,
            other => format!("{other:?}"),
        }
    };
    assert_eq!(refusal(b"From: a@example.org\r\n\r\n", "192.0.2.1"), "Accept");
    assert_eq!(
        refusal(b"From: a@example.org\r\n\r\n", "198.51.100.1"),
        "550 5.7.1 Refused: you may not send mail from example.org"
    );
    assert_eq!(
        refusal(b"From: a@nokey.example\r\n\r\n", "192.0.2.1"),
        "550 5.7.1 Refused: mail from nokey.example is not signed here"
    );
    let said = refusal(b"Subject: x\r\n\r\n", "192.0.2.1");
    assert!(said.starts_with("550 5.7.1 Refused: nobody can tell the author of this mail (From field"), "{said}");
}

#[test]
fn forged_results_leave_neither_signed_nor_unsigned_mails() {
    let house = House::open("");
    let forged = "Authentication-Results: mx.example.net; dmarc=pass header.from=";
    for author in ["example.org", "other.example"] {
        let mail = format!(
            "{forged}a\r\nFrom: x@{author}\r\nAuthentication-Results: there.example; spf=pass\r\n{forged}b\r\n\r\n"
        );
        let seen = house.send(&Delivery::of(mail.as_bytes()));
        let text = String::from_utf8(seen.mail).unwrap();
        assert!(!text.contains("mx.example.net; dmarc"), "{text}");
        assert!(text.contains("there.example; spf=pass"), "{text}");
        let expected = if author == "example.org" { 2 } else { 0 };
        assert_eq!(house.receive(text.as_bytes()).matches("dkim=pass").count(), expected);
    }
}

#[test]
fn a_mail_with_more_forgeries_than_an_mta_can_take_away_is_not_let_out() {
    let house = House::open("");
    let field = "Authentication-Results: mx.example.net; dmarc=pass\r\n";
    let send = |count: usize, author: &str| {
        let mail = format!("{}From: x@{author}\r\n\r\nhello\r\n", field.repeat(count));
        house.send(&Delivery::of(mail.as_bytes()))
    };
    assert_eq!(above(&send(1000, "example.org")), ["DKIM-Signature", "DKIM-Signature"]);
    for author in ["example.org", "other.example"] {
        let Answer::Code(said) = send(1001, author).answer else { panic!("it goes out") };
        assert!(said.starts_with("550 5.7.1 Refused: more than 1000 fields"), "{said}");
    }
    assert_eq!(house.counted("sekisho_forged_refused_total"), [" 2"]);
    assert_eq!(house.counted("sekisho_unsigned_total"), ["{reason=\"too many forged fields\"} 2"]);
}

#[test]
fn what_becomes_of_mails_is_counted() {
    let name = || DomainName::parse("a.example").unwrap();
    let all = [Unfit::Suspect, Unfit::TooLarge, Unfit::NoAuthor(None), Unfit::NoKey(name()), Unfit::NotAllowed(name())];
    assert_eq!(all.map(|unfit| unfit.as_str()), Unfit::WORDS[..5]);
    let house = House::open("");
    for (mail, client) in [
        (&b"From: a@example.org\r\n\r\n"[..], "192.0.2.1"),
        (b"From: a@example.org\r\n\r\n", "198.51.100.1"),
        (b"From: a@nokey.example\r\n\r\n", "192.0.2.1"),
        (b"Subject: x\r\n\r\n", "192.0.2.1"),
    ] {
        house.send(&Delivery { client_ip: Some(client.parse().unwrap()), ..Delivery::of(mail) });
    }
    let signing = ["{result=\"signed\"} 1", "{result=\"unsigned\"} 3"];
    assert_eq!(house.counted("sekisho_signing_total"), signing);
    let reasons = ["{reason=\"no author\"} 1", "{reason=\"no key\"} 1", "{reason=\"sender not allowed\"} 1"];
    assert_eq!(house.counted("sekisho_unsigned_total"), reasons);
    assert!(house.counted("sekisho_seals_total").is_empty());
}

#[test]
fn a_signer_that_fails_puts_one_mail_off_and_the_conversation_goes_on() {
    let house = House::open("");
    let mut mta = Mta::new(house.sign);
    let mail = b"From: a@example.org\r\n\r\nhello\r\n";
    for _ in 0..2 {
        let failing = [&b"X-Fail: x\r\n"[..], mail].concat();
        let seen = mta.deliver(&Delivery::of(&failing)).unwrap();
        assert_eq!(seen.answer, Answer::Code(super::PUT_OFF.to_owned()));
        let seen = mta.deliver(&Delivery::of(mail)).unwrap();
        assert_eq!((seen.answer.clone(), above(&seen).len()), (Answer::Accept, 2));
    }
    assert_eq!(house.counted("sekisho_signing_total"), ["{result=\"failed\"} 2", "{result=\"signed\"} 2"]);
    assert!(house.counted("sekisho_session_failures_total").is_empty());
}

#[test]
fn a_sealer_that_fails_is_answered_like_any_failure_of_ours() {
    let failing = b"From: a@example.org\r\nX-Fail-Seal: x\r\n\r\nhello\r\n";
    let arrival = House::open(SEAL);
    let mut mta = Mta::new(arrival.verify);
    let seen = mta.deliver(&Delivery::of(failing)).unwrap();
    let text = String::from_utf8(seen.mail).unwrap();
    assert_eq!(seen.answer, Answer::Accept);
    assert!(text.contains("dmarc=temperror reason=\"the filter failed\"") && !text.contains("=pass"), "{text}");
    let seen = mta.deliver(&Delivery::of(b"From: a@example.org\r\n\r\nhello\r\n")).unwrap();
    assert_eq!(above(&seen).len(), 4);
    assert_eq!(arrival.counted("sekisho_seals_total"), ["{result=\"sealed\"} 1"]);
    assert_eq!(arrival.counted("sekisho_mails_broken_off_total"), [" 1"]);
    assert_eq!(arrival.counted("sekisho_results_total{check=\"verdict\"").len(), 1, "nothing was judged of the other");

    let departure = House::open(&format!("{SEAL}when = \"departure\"\nlists = [\"192.0.2.1\"]"));
    let results = b"Authentication-Results: mx.example.net; arc=none\r\n";
    let seen = departure.send(&Delivery::of(&[&results[..], failing].concat()));
    assert_eq!(seen.answer, Answer::Code(super::PUT_OFF.to_owned()));
    assert_eq!(departure.counted("sekisho_signing_total"), ["{result=\"failed\"} 1"]);
}

#[test]
fn many_mails_go_over_one_connection() {
    let house = House::open("");
    let mut mta = Mta::new(house.sign);
    let prepared = mta.prepare(&Delivery::of(b"From: a@example.org\r\n\r\nhello\r\n")).unwrap();
    let mut last = None;
    for _ in 0..50 {
        last = Some(mta.show(&prepared).unwrap());
    }
    let seen = prepared.apply(&last.unwrap()).unwrap();
    assert_eq!(house.receive(&seen.mail).matches("dkim=pass").count(), 2);
}

/// A section that seals by a key of the house.
const SEAL: &str = "[seal]\ndomain = \"example.net\"\nselector = \"below\"\nkey = \"FOLDER/below.pem\"\n";

#[test]
fn what_is_sealed_on_arrival_is_whole_for_the_next_hop() {
    let house = House::open(SEAL);
    let mut mail = house.send(&Delivery::of(b"From: a@example.org\r\nSubject: x\r\n\r\nhello\r\n")).mail;
    for arc in ["\tarc=none", "\tarc=pass", "\tarc=pass"] {
        let seen = Mta::new(house.verify).deliver(&Delivery::of(&mail)).unwrap();
        let names = ["ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results", "Authentication-Results"];
        assert_eq!(above(&seen), names);
        let text = String::from_utf8_lossy(&seen.mail).into_owned();
        let (ours, _) = text.split_once("\r\nReceived:").unwrap();
        assert_eq!(ours.matches(arc).count(), 2, "our field and the seal's say the same: {ours}");
        mail = seen.mail;
    }
    let changed = String::from_utf8(mail).unwrap().replace("hello", "hullo");
    let seen = Mta::new(house.verify).deliver(&Delivery::of(changed.as_bytes())).unwrap();
    let text = String::from_utf8_lossy(&seen.mail).into_owned();
    assert!(text.contains("\tarc=fail") && text.contains("cv=fail"), "{text}");
    let again = Mta::new(house.verify).deliver(&Delivery::of(text.as_bytes())).unwrap();
    assert_eq!(above(&again), ["Authentication-Results"], "a chain that is closed is not carried on");
}

#[test]
fn a_list_seals_what_it_changed_with_what_it_saw_on_arrival() {
    let house = House::open(&format!("unsigned = \"refuse\"\n{SEAL}when = \"departure\"\nlists = [\"198.51.100.7\"]"));
    let sent = house.send(&Delivery::of(b"From: a@example.org\r\nSubject: x\r\n\r\nhello\r\n")).mail;
    let arrived = Mta::new(house.verify).deliver(&Delivery::of(&sent)).unwrap();
    assert_eq!(above(&arrived), ["Authentication-Results"]);
    let arrived = String::from_utf8(arrived.mail).unwrap();
    let changed = arrived.replace("Subject: x", "Subject: [list] x").replace("hello", "hello\r\n-- \r\nthe list");
    let from = |client: &str, mail: &str| {
        let client_ip = Some(client.parse().unwrap());
        house.send(&Delivery { client_ip, ..Delivery::of(mail.as_bytes()) })
    };
    let departed = from("198.51.100.7", &changed);
    assert_eq!(departed.answer, Answer::Accept, "a list hands on mails of others");
    assert_eq!(above(&departed), ["ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"]);
    let text = String::from_utf8_lossy(&departed.mail).into_owned();
    assert!(!text.contains("\r\nAuthentication-Results: mx.example.net"), "our own field stays in the house: {text}");
    let told = text.split_once("ARC-Authentication-Results:").unwrap().1.split_once("\r\nReceived:").unwrap().0;
    assert_eq!(told.matches("dkim=pass").count(), 2, "{told}");
    let results = house.receive(&departed.mail);
    assert!(results.contains(" arc=pass") && !results.contains("dkim=pass"), "{results}");
    // Anybody else's word for what was found is worth nothing.
    assert_eq!(
        from("198.51.100.8", &changed).answer,
        Answer::Code("550 5.7.1 Refused: you may not send mail from example.org".to_owned())
    );
    // Nor does a list's mail that never arrived here get a seal, nor one with a chain that nobody judged.
    let bare = changed
        .replace("\r\nAuthentication-Results: mx", "\r\nX-Authentication-Results: mx")
        .replace("Authentication-Results: mx", "X: mx");
    assert!(above(&from("198.51.100.7", &bare)).is_empty());
    let late = format!("ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a.example; s=s; b=AAAA\r\n{changed}");
    assert!(above(&from("198.51.100.7", &late)).is_empty());
}

#[test]
fn a_key_is_compared_with_its_record_before_anything_is_signed() {
    let house = House::open("");
    let below = SigningKey::from_seed(&[7; 32]).unwrap();
    let wrong = SigningKey::from_seed(&[9; 32]).unwrap();
    let ed = record(&below, "ed", "example.org");
    let path = house.folder.path().join("one.toml");
    let key = house.folder.path().join("ed.pem");
    let prepare = |zone: &str, check: &str, subdomains: bool| {
        let text = format!(
            "[sign]\nlisten = [\"127.0.0.1:0\"]\ncheck = \"{check}\"\n[[sign.keys]]\ndomain = \"example.org\"\n\
             selector = \"ed\"\nkey = {key:?}\nsubdomains = {subdomains}\n"
        );
        fs::write(&path, text).unwrap();
        let config = Config::load(Some(&path), &[]).unwrap();
        let dns = DnsServer::start(Zone::parse(zone).unwrap());
        let said = house.runtime.block_on(Office::open(&config).unwrap().settle(&config, &source(&dns)));
        said.map(|doubts| doubts.iter().map(|doubt| doubt.at(&config).to_string()).collect::<Vec<_>>())
            .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let says = |why: &str| {
        vec![format!("{}:7: `ed._domainkey.example.org` does not let this key sign: {why}", path.display())]
    };
    let in_vain = |why: &str| says(&format!("{why}: publish: {}", ed.trim_end()));
    let several = format!("{ed}{}", ed.replace("v=DKIM1; ", ""));
    let strict = ed.replace("; p=", "; t=s; p=");
    for (zone, why) in [
        ("", "there is no key record"),
        (&record(&wrong, "ed", "example.org"), "the record has another key"),
        ("ed._domainkey.example.org TXT \"v=DKIM1; p=\"", "the record takes the key back"),
        (&several, "there are several records, and receivers do not agree on which to take"),
        (&strict, "the record says by `t=s` that the key is for its own domain alone, and `subdomains` is on"),
    ] {
        assert_eq!(prepare(zone, "error", true), Err(in_vain(why)));
        assert_eq!(prepare(zone, "warn", true), Ok(in_vain(why)));
    }
    assert_eq!(prepare(&strict, "error", false), Ok(Vec::new()));
    assert_eq!(prepare(&ed, "error", true), Ok(Vec::new()));
    let unanswered = prepare("ed._domainkey.example.org TXT !servfail", "error", true);
    assert_eq!(unanswered, Ok(says("the DNS does not answer")));
    let testing = prepare(&ed.replace("; p=", "; t=y; p="), "error", true);
    assert_eq!(testing, Ok(says("the record says by `t=y` that the domain is only testing")));
    assert!(house.dns.count() >= 3);
}

#[test]
fn a_key_that_cannot_be_used_ends_the_start() {
    let folder = TempDir::new().unwrap();
    let key = SigningKey::from_seed(&[7; 32]).unwrap();
    write_key(&folder.path().join("open.pem"), &key, 0o644);
    write_key(&folder.path().join("good.pem"), &key, 0o640);
    fs::write(folder.path().join("none.pem"), "no key").unwrap();
    fs::set_permissions(folder.path().join("none.pem"), Permissions::from_mode(0o600)).unwrap();
    let mut text = "[sign]\nlisten = [\"127.0.0.1:0\"]\n".to_owned();
    let long = "a".repeat(60);
    let long = [&*long; 4].join(".");
    for (domain, selector, file) in [
        ("a.example", "s", "open"),
        ("a.example", "t", "none"),
        ("a.example", "u", "gone"),
        ("b.example", "s", "good"),
        ("b.example", "s", "good"),
        (&long, "selector", "good"),
    ] {
        let path = folder.path().join(format!("{file}.pem"));
        let _ = writeln!(text, "[[sign.keys]]\ndomain = \"{domain}\"\nselector = \"{selector}\"\nkey = {path:?}");
    }
    let path = folder.path().join("sekisho.toml");
    fs::write(&path, text).unwrap();
    let config = Config::load(Some(&path), &[]).unwrap();
    let said: Vec<String> = Office::open(&config).unwrap_err().iter().map(ToString::to_string).collect();
    let said: Vec<String> =
        said.iter().map(|said| said.replace(&format!("{}/", folder.path().display()), "")).collect();
    assert_eq!(
        said,
        [
            "sekisho.toml:6: the key in `open.pem` cannot be used: others can read or change it (its mode is 0644); `chmod 640` takes that away",
            "sekisho.toml:10: the key in `none.pem` cannot be used: it is not PEM, which begins with `-----BEGIN PRIVATE KEY-----`",
            "sekisho.toml:14: cannot read `gone.pem`: there is no such file",
            "sekisho.toml:21: the selector `s` has two keys for `b.example`",
            "sekisho.toml:26: the key in `good.pem` cannot be used: selector and domain are too long together",
        ]
    );
}
