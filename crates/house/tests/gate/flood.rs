//! A flood of mails whose headers are all forgeries: they cost their sender's mail, and nobody else's time

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::milter::{Answer, Delivery, Mta};

use super::served::Served;
use super::through::{MONITOR, Road, results};
use crate::hostile::{VICTIM, claim, signed_by, zone};
use crate::serve::say;

/// How long the end may take on a machine that is busy with other things; a stop that waits for such mails takes minutes.
const ENDED: Duration = Duration::from_secs(30);
/// How long the DNS is waited for, in seconds.
const DEADLINE: u64 = 4;
/// How many fields are forged in each mail: as many as are judged, in 2 MiB.
const FORGED: usize = 19_990;
/// How many connections are busy with such mails.
const FLOODERS: usize = 8;

/// Returns one packet.
fn packet(octets: &[u8]) -> Vec<u8> {
    [&u32::try_from(octets.len()).unwrap().to_be_bytes()[..], octets].concat()
}

/// Returns a whole conversation about one mail with so many forged fields.
fn forged_mail(count: usize) -> Vec<u8> {
    let field = format!("LAuthentication-Results\0 mx.example.net; dmarc=pass ({})\0", "x".repeat(44));
    let mut octets: Vec<u8> = [
        &b"O\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"[..],
        b"C[203.0.113.9]\x004\x12\x34203.0.113.9\0",
        b"M<x@attack.example>\0",
        b"R<reader@receiver.test>\0",
        b"LFrom\0 <chief@victim.example>\0",
    ]
    .into_iter()
    .flat_map(packet)
    .collect();
    let field = packet(field.as_bytes());
    (0..count).for_each(|_| octets.extend_from_slice(&field));
    octets.extend([&b"N"[..], b"BHi.\r\n", b"E", b"Q"].into_iter().flat_map(packet));
    octets
}

/// Says all of it, and returns what is answered behind the agreement.
fn shown(gate: SocketAddr, octets: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut mta = TcpStream::connect(gate)?;
    mta.set_read_timeout(Some(Duration::from_secs(120)))?;
    mta.write_all(octets)?;
    let mut answer = Vec::new();
    mta.read_to_end(&mut answer)?;
    Ok(answer.split_off(17.min(answer.len())))
}

#[test]
fn a_flood_of_forged_results_is_refused_and_stalls_neither_mails_nor_watchers_nor_the_end() {
    let dns = DnsServer::start(zone());
    let config = format!("{MONITOR}[dns]\ntimeout_seconds = {DEADLINE}\n[http]\nlisten = [\"127.0.0.1:0\"]\n");
    let mut served = Served::start(&config, &dns);
    let (gate, flood) = (served.milter(), forged_mail(FORGED));
    let good = signed_by("victim.example", &claim("", "", "Hello.\r\n"));
    let (is_over, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    let ended = std::thread::scope(|scope| {
        for _ in 0..FLOODERS {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    // Once it is told to stop it takes nobody any more, and cuts off who is late.
                    let Ok(answer) = shown(gate, &flood) else { continue };
                    if is_over.load(Ordering::Relaxed) && answer.is_empty() {
                        continue;
                    }
                    let text = String::from_utf8_lossy(answer.get(4..).unwrap_or_default()).into_owned();
                    assert!(
                        text.starts_with("y550 5.7.1 Refused: more than 1000 fields"),
                        "{} octets: {}",
                        answer.len(),
                        text.get(..100).unwrap_or(&text)
                    );
                    refused.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let (mut slowest_mail, mut slowest_look) = (Duration::ZERO, Duration::ZERO);
        let mut count = 0;
        while refused.load(Ordering::Relaxed) < 3 * FLOODERS || count < 20 {
            let begun = Instant::now();
            assert_eq!(served.get("/healthz").0, 200);
            slowest_look = slowest_look.max(begun.elapsed());
            let begun = Instant::now();
            let client_ip = VICTIM.parse().ok();
            let delivery = Delivery { client_ip, mail_from: "chief@victim.example", ..Delivery::of(&good) };
            let seen = Mta::new(gate).deliver(&delivery).unwrap();
            assert!(seen.answer == Answer::Accept && String::from_utf8_lossy(&seen.mail).contains("dmarc=pass"));
            slowest_mail = slowest_mail.max(begun.elapsed());
            count += 1;
        }
        say(&format!(
            "while {} forged mails were refused {count} others took at most {} ms, /healthz at most {} ms",
            refused.load(Ordering::Relaxed),
            slowest_mail.as_millis(),
            slowest_look.as_millis()
        ));
        // How long they take is the machine's affair; where mails that flood stall the reactor, others wait for each of them.
        let refused_by_then = refused.load(Ordering::Relaxed);
        assert!(count > 5 * refused_by_then, "{count} others beside {refused_by_then}");
        assert!(served.metric("sekisho_forged_refused_total") >= refused.load(Ordering::Relaxed) as u64);
        let begun = Instant::now();
        is_over.store(true, Ordering::Relaxed);
        let in_order = served.stop();
        (in_order, begun.elapsed())
    });
    assert!(ended.0, "{}", served.log());
    assert!(ended.1 < ENDED, "{:?}", ended.1);
    say(&format!("it ended within {} ms", ended.1.as_millis()));
}

#[test]
fn as_many_forged_results_as_are_taken_away_keep_postfix_busy_for_a_moment_only() {
    let mut road = Road::new(MONITOR, zone());
    let forged = "Authentication-Results: mx.example.net; dmarc=pass\r\n".repeat(1000);
    let filling = format!("X-Filling: {}\r\n", "x".repeat(86)).repeat(18_900);
    let begun = Instant::now();
    let arrival = road.pass(VICTIM, "x@attack.example", claim(format!("{forged}{filling}"), "", "Hi.\r\n"));
    say(&format!("1,000 of 19,900 fields were taken away within {} ms", begun.elapsed().as_millis()));
    assert_eq!(arrival.fields("Authentication-Results").len(), 1);
    assert!(results(&arrival).contains("dmarc="));
    let more = format!("Authentication-Results: mx.example.net; dmarc=pass\r\n{forged}");
    let reply = road.send(VICTIM, "x@attack.example", claim(more, "", "Hi.\r\n"));
    assert_eq!(reply.code, 550, "{reply}");
}
