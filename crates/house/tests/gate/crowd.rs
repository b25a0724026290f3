//! Many at a time, and little memory: the daemon holds a thousand mails at once, and lives where there is little to be had

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::milter::{Answer, Delivery, Mta};

use super::served::{MEMORY, Served};
use super::through::MONITOR;
use crate::hostile::{claim, signed_by, zone};
use crate::serve::say;

/// How long the DNS is waited for: everything here is answered, however late on a machine that is busy with other things.
const PATIENT: &str = "[dns]\ntimeout_seconds = 300\n";
/// How long anything may take on a busy machine before it is given up as stalled.
const STALLED: Duration = Duration::from_secs(120);
/// How many MTAs there are at a time.
const CROWD: usize = 1000;
/// How many connections by HTTP one client has at most.
const SHARE: usize = 128;

/// The victim's own mail, signed, with a body of about so many octets.
fn good(octets: usize) -> Vec<u8> {
    let line = [&[b'x'; 70][..], b"\r\n"].concat();
    signed_by("victim.example", &claim("", "", line.repeat(octets / line.len() + 1)))
}

/// Shows a mail; tells whether it passed, or else what became of it.
fn show(mta: &mut Mta, mail: &[u8]) -> Result<(), String> {
    let client_ip = Some(IpAddr::from(Ipv4Addr::new(192, 0, 2, 1)));
    let delivery = Delivery { client_ip, mail_from: "chief@victim.example", ..Delivery::of(mail) };
    let seen = mta.deliver(&delivery).map_err(|why| why.to_string())?;
    let told = String::from_utf8_lossy(seen.mail.get(..400).unwrap_or(&seen.mail)).into_owned();
    if seen.answer == Answer::Accept && told.contains("dmarc=pass") {
        Ok(())
    } else {
        Err(format!("{:?} {told}", seen.answer))
    }
}

/// Lets this process have as many connections as it takes; says loudly where it may not.
fn may_open_many_files() -> bool {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if hard < 4000 {
        say(&format!("NOT RUN: no more than {hard} files may be open"));
        return false;
    }
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(4000), hard).unwrap();
    true
}

#[test]
fn a_thousand_connections_deliver_a_small_and_a_large_mail_each_without_an_error() {
    if !may_open_many_files() {
        return;
    }
    let dns = DnsServer::start(zone());
    // As many as there may be by default.
    let config = format!("{MONITOR}{PATIENT}[http]\nlisten = [\"127.0.0.1:0\"]\n");
    let served = Served::start(&config, &dns);
    let (small, large) = (good(1024), good(100 * 1024));
    let (together, gate) = (Barrier::new(CROWD), served.milter());
    let failures: Vec<String> = thread::scope(|scope| {
        let crowd: Vec<_> = (0..CROWD)
            .map(|_| {
                let one = || {
                    let mut mta = Mta::new(gate);
                    let first = show(&mut mta, &small);
                    // All of them are connected now.
                    together.wait();
                    first.and_then(|()| show(&mut mta, &large))
                };
                thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, one).unwrap()
            })
            .collect();
        crowd.into_iter().filter_map(|one| one.join().unwrap().err()).collect()
    });
    assert!(failures.is_empty(), "{} failed: {}", failures.len(), failures[0]);
    let peak = served.memory("VmHWM");
    say(&format!("{} MB at the most with {CROWD} connections", peak >> 20));
    assert!(peak <= 300 << 20, "{} MB", peak >> 20);
    assert_eq!(served.metric("sekisho_sessions_total"), CROWD as u64);
    // Whoever only knocks is one more, and no MTA that agreed on anything.
    drop(TcpStream::connect(gate).unwrap());
    let begun = Instant::now();
    while served.metric("sekisho_sessions_total") <= CROWD as u64 || served.metric("sekisho_sessions") > 0 {
        assert!(begun.elapsed() < STALLED, "nobody noticed the knock");
        thread::yield_now();
    }
    assert_eq!(served.metric("sekisho_sessions_agreed_total"), CROWD as u64);
    assert_eq!(served.metric("sekisho_sessions_displaced_total"), 0);
    assert_eq!(served.metric("sekisho_results_total{check=\"dmarc\",result=\"pass\"}"), 2 * CROWD as u64);
}

#[test]
fn where_memory_is_short_mails_are_taken_or_put_off_and_the_daemon_lives() {
    /// How many large mails there are at a time.
    const LARGE: usize = 8;
    let dns = DnsServer::start(zone());
    let limit = (512_u64 << 20).to_string();
    let mut served = Served::start_in(&format!("{MONITOR}{PATIENT}"), &dns, &[(MEMORY, limit.as_str())]);
    let (mail, gate) = (good(30 << 20), served.milter());
    let together = Barrier::new(LARGE);
    let answers: Vec<Result<(), String>> = thread::scope(|scope| {
        let crowd: Vec<_> = (0..LARGE)
            .map(|_| {
                scope.spawn(|| {
                    let mut mta = Mta::new(gate);
                    together.wait();
                    show(&mut mta, &mail)
                })
            })
            .collect();
        crowd.into_iter().map(|one| one.join().unwrap()).collect()
    });
    // A conversation that ends without an answer is a 451 to the sender; nothing else than that or a true verdict.
    for failure in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert!(failure.starts_with("Tempfail") || !failure.contains("dmarc="), "{failure}");
    }
    assert!(served.is_alive(), "{}", served.log());
    say(&format!(
        "{} of {LARGE} mails of 30 MB at a time were judged within {} MB",
        answers.iter().filter(|answer| answer.is_ok()).count(),
        served.memory("VmHWM") >> 20
    ));
    assert_eq!(show(&mut Mta::new(gate), &good(1000)), Ok(()));
    assert!(served.stop(), "{}", served.log());
}

#[test]
fn headers_that_never_end_take_no_more_memory_than_there_is() {
    let dns = DnsServer::start(zone());
    let limit = (512_u64 << 20).to_string();
    let config = format!("{MONITOR}{PATIENT}[http]\nlisten = [\"127.0.0.1:0\"]\n");
    let mut served = Served::start_in(&config, &dns, &[(MEMORY, limit.as_str())]);
    let gate = served.milter();
    let packet = |octets: &[u8]| [&u32::try_from(octets.len()).unwrap().to_be_bytes()[..], octets].concat();
    let field = packet(&[b"LX-Long\0 ", &[b'x'; 60_000][..], b"\0"].concat());
    let begin = [
        &b"O\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"[..],
        b"C[192.0.2.1]\x004\x12\x34192.0.2.1\0",
        b"M<a@b.example>\0",
        b"R<c@d.example>\0",
        b"LFrom\0 <a@b.example>\0",
    ];
    let begin: Vec<u8> = begin.into_iter().flat_map(packet).collect();
    // 300 headers of two megabytes, and none of them ends.
    let held: Vec<TcpStream> = (0..300)
        .map(|_| {
            let mut mta = TcpStream::connect(gate).unwrap();
            // Who is sent away does not hear the rest.
            let _ = mta.write_all(&begin).and_then(|()| (0..33).try_for_each(|_| mta.write_all(&field)));
            mta
        })
        .collect();
    let refused = "sekisho_session_failures_total{kind=\"memory\"}";
    // Who is small is served as ever, however many large ones are held.
    assert_eq!(show(&mut Mta::new(gate), &good(1000)), Ok(()));
    assert!(served.is_alive(), "{}", served.log());
    // What was written may still be on its way to the daemon.
    let begun = Instant::now();
    while served.metric(refused) < 200 {
        assert!(begun.elapsed() < STALLED, "only {} of 300 were ended", served.metric(refused));
        thread::sleep(Duration::from_millis(10));
    }
    let kept = served.metric("sekisho_sessions");
    say(&format!("{kept} of 300 endless headers were held within {} MB", served.memory("VmHWM") >> 20));
    // Mails under way are waited for.
    drop(held);
    assert!(served.stop(), "{}", served.log());
}

#[test]
fn a_thousand_idle_connections_by_http_keep_out_neither_who_watches_nor_who_reads() {
    if !may_open_many_files() {
        return;
    }
    let (dns, folder) = (DnsServer::start(zone()), tempfile::tempdir().unwrap());
    let store = format!("[store]\nfolder = {:?}\n", folder.path().join("data"));
    let served = Served::start(&format!("{MONITOR}[http]\nlisten = [\"127.0.0.1:0\"]\n{store}"), &dns);
    let attacker = Ipv4Addr::new(127, 0, 0, 66);
    let held: Vec<TcpStream> = (0..CROWD).map(|_| served.connect_http_from(attacker)).collect();
    for (client, path) in [(1, "/healthz"), (2, "/readyz"), (3, "/sign-in"), (4, "/assets/desk.css"), (66, "/healthz")]
    {
        let begun = Instant::now();
        let mut stream = served.connect_http_from(Ipv4Addr::new(127, 0, 0, client));
        stream.set_read_timeout(Some(STALLED)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
        say(&format!("{path} beside {CROWD} idle connections: {} ms", begun.elapsed().as_millis()));
    }
    // The attacker makes room for itself, and for nobody else: there is room.
    assert!(served.metric("sekisho_http_connections_displaced_total") >= (CROWD - SHARE) as u64);
    assert_eq!(served.metric("sekisho_http_connections_refused_total{limit=\"client\"}"), 0);
    drop(held);
}
