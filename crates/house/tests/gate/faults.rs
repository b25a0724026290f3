//! Faults around the gate: a DNS that is silent, failing or slow, and nonsense on the milter port
//!
//! What one sender's DNS or one broken peer does is its own affair: the others' mails are judged as ever.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sekisho_core::zone::Zone;
use sekisho_testkit::dns::{DnsServer, Manners};
use sekisho_testkit::milter::{Delivery, Mta};

use super::served::Served;
use super::through::MONITOR;
use crate::hostile::{VICTIM, claim, signed_by, zone, zone_with};

/// How long a mail may take while another's DNS is silent, on a machine that is busy with other things too.
const QUICK: Duration = Duration::from_secs(2);
/// How long the DNS is waited for here.
const DEADLINE: Duration = Duration::from_secs(4);

/// A configuration with that deadline.
fn config() -> String {
    format!("{MONITOR}[dns]\ntimeout_seconds = {}\n", DEADLINE.as_secs())
}

/// Shows a mail that the victim's own server sends; returns our field and how long it took.
fn show(mta: &mut Mta, mail_from: &str, mail: &[u8]) -> (String, Duration) {
    let delivery = Delivery { client_ip: VICTIM.parse().ok(), mail_from, ..Delivery::of(mail) };
    let begun = Instant::now();
    let seen = mta.deliver(&delivery).unwrap();
    let took = begun.elapsed();
    let text = String::from_utf8(seen.mail).unwrap();
    let (field, _) = text.split_once("Received:").unwrap();
    (field.split_whitespace().collect::<Vec<_>>().join(" "), took)
}

/// A mail of a domain, unsigned.
fn mail_of(domain: &str) -> Vec<u8> {
    format!("From: a@{domain}\r\nSubject: hello\r\n\r\nHi.\r\n").into_bytes()
}

/// The victim's own mail, signed.
fn good() -> Vec<u8> {
    signed_by("victim.example", &claim("", "", "Hello.\r\n"))
}

/// Fails where the victim's own mail is not judged as ever, and soon.
fn assert_served(gate: SocketAddr) {
    let (told, took) = show(&mut Mta::new(gate), "chief@victim.example", &good());
    assert!(told.contains("spf=pass") && told.contains("dkim=pass") && told.contains("dmarc=pass"), "{told}");
    assert!(took < QUICK, "{took:?}");
}

/// Every name of these domains fails in this way.
fn failing(domains: usize, how: &str) -> Zone {
    let lines = (0..domains).map(|n| format!("d{n}.example * {how}\n_dmarc.d{n}.example * {how}\n"));
    zone_with(&lines.collect::<String>())
}

#[test]
fn a_zone_that_never_answers_delays_its_own_mails_alone() {
    const SILENT: usize = 8;
    let dns = DnsServer::start(failing(SILENT, "!timeout"));
    let served = Served::start(&config(), &dns);
    let gate = served.milter();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let silent: Vec<_> = (0..SILENT)
            .map(|n| {
                let domain = format!("d{n}.example");
                scope.spawn(move || show(&mut Mta::new(gate), &format!("x@{domain}"), &mail_of(&domain)))
            })
            .collect();
        let others = scope.spawn(|| {
            let mut slowest = Duration::ZERO;
            let (mut mta, mut count) = (Mta::new(gate), 0);
            while !is_over.load(Ordering::Relaxed) || count < 10 {
                let (told, took) = show(&mut mta, "chief@victim.example", &good());
                assert!(told.contains("dmarc=pass"), "{told}");
                slowest = slowest.max(took);
                count += 1;
            }
            slowest
        });
        for thread in silent {
            let (told, took) = thread.join().unwrap();
            assert!(told.contains("spf=temperror") && told.contains("dmarc=temperror"), "{told}");
            assert!(!told.contains("=pass") && !told.contains("=fail"), "{told}");
            assert!(took < Duration::from_secs(20), "{took:?}");
        }
        is_over.store(true, Ordering::Relaxed);
        let slowest = others.join().unwrap();
        assert!(slowest < QUICK, "{slowest:?}");
    });
}

#[test]
fn a_storm_of_failing_answers_is_never_a_pass_and_never_a_fail() {
    const FAILING: usize = 40;
    let dns = DnsServer::start(failing(FAILING, "!servfail"));
    let served = Served::start(&config(), &dns);
    let mut mta = Mta::new(served.milter());
    for n in 0..FAILING {
        let domain = format!("d{n}.example");
        let (told, _) = show(&mut mta, &format!("x@{domain}"), &mail_of(&domain));
        assert!(told.contains("spf=temperror") && told.contains("dmarc=temperror"), "{told}");
        assert!(!told.contains("=pass") && !told.contains("=fail"), "{told}");
    }
    assert_served(served.milter());
}

#[test]
fn a_slow_dns_delays_a_verdict_and_does_not_change_it() {
    let delay = Duration::from_millis(300);
    let dns = DnsServer::start_with(zone(), Manners { delay, ..Manners::default() });
    let served = Served::start(&config(), &dns);
    let (told, took) = show(&mut Mta::new(served.milter()), "chief@victim.example", &good());
    assert!(told.contains("spf=pass") && told.contains("dkim=pass") && told.contains("dmarc=pass"), "{told}");
    assert!(took >= delay, "{took:?}");
    // What was answered is known now.
    assert_served(served.milter());
}

/// What peers say that speak no milter, or speak it wrongly.
fn nonsense() -> Vec<(&'static str, Vec<u8>)> {
    let offer = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";
    let after_offer = |octets: &[u8]| [&offer[..], octets].concat();
    vec![
        ("no length", vec![0, 0, 0, 0]),
        ("the largest length", vec![0xff; 4]),
        ("the largest length and more", [vec![0xff; 4], vec![b'B'; 100_000]].concat()),
        ("a cut length", vec![0, 0]),
        ("a cut packet", b"\0\0\0\x0dO\0\0".to_vec()),
        ("a cut packet behind an offer", after_offer(b"\0\0\0\x40L")),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("TLS", vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
        ("a body first", after_offer(b"\0\0\0\x02Bx")),
        ("an end first", after_offer(b"\0\0\0\x01E")),
        ("a recipient first", after_offer(b"\0\0\0\x05R<a>\0")),
        ("an offer twice", after_offer(offer)),
        ("an offer that is too short", b"\0\0\0\x05O\0\0\0\x06".to_vec()),
        ("an unknown command", after_offer(b"\0\0\0\x01z")),
        ("no end of a string", after_offer(b"\0\0\0\x04Cabc")),
        ("a client without an address", after_offer(b"\0\0\0\x06Chost\0")),
        ("a header before a mail", after_offer(b"\0\0\0\x05La\0b\0")),
    ]
}

/// Octets by chance, the same in each run.
fn random(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..count).map(|_| next()).collect()
}

/// Says something and hears until the gate hangs up; what it says of itself may be cut off by that.
fn say(gate: SocketAddr, octets: &[u8]) {
    let mut stream = TcpStream::connect(gate).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let _ = stream.write_all(octets);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    let is_over = ended.as_ref().map_or_else(|why| why.kind() == std::io::ErrorKind::ConnectionReset, |_| true);
    assert!(is_over, "the conversation goes on: {ended:?}");
    assert!(answer.len() < 1024, "{}", answer.len());
}

#[test]
fn nonsense_on_the_milter_port_ends_its_own_conversation_alone() {
    let dns = DnsServer::start(zone());
    let mut served = Served::start(&config(), &dns);
    let gate = served.milter();
    // A conversation that is under way the whole time.
    let mut honest = Mta::new(gate);
    let mut is_served = || {
        let (told, took) = show(&mut honest, "chief@victim.example", &good());
        assert!(told.contains("dmarc=pass"), "{told}");
        assert!(took < QUICK, "{took:?}");
    };
    is_served();
    for (_, octets) in nonsense() {
        say(gate, &octets);
    }
    is_served();
    std::thread::scope(|scope| {
        let babblers: Vec<_> = (0..100_u64)
            .map(|seed| {
                scope.spawn(move || {
                    let octets = random(seed, 20_000);
                    // Every third one begins as an MTA does.
                    let offer = &b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"[..];
                    say(gate, &[if seed % 3 == 0 { offer } else { &[] }, &octets].concat());
                })
            })
            .collect();
        while !babblers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            is_served();
        }
        babblers.into_iter().for_each(|babbler| babbler.join().unwrap());
    });
    is_served();
    assert!(!served.log().contains("panicked"), "{}", served.log());
    assert!(served.stop(), "{}", served.log());
}
