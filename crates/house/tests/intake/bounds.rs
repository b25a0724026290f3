//! What hostile and hasty senders get: bounds, and nothing smuggled

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use sekisho_testkit::smtp::{SmtpClient, deliver};
use sekisho_testkit::tmpfs::Tmpfs;

use super::{Office, report};
use crate::command::ZONE;
use crate::serve::say;

/// How long anything may take on a busy machine before it is given up as stalled.
const STALLED: Duration = Duration::from_secs(120);

/// Begins a mail, so that its content may follow.
fn begin(client: &mut SmtpClient, recipient: &str) {
    for line in ["EHLO mx.receiver.example".to_owned(), "MAIL FROM:<a@receiver.example>".to_owned()] {
        assert_eq!(client.say(&line).unwrap().code, 250);
    }
    assert_eq!(client.say(&format!("RCPT TO:<{recipient}>")).unwrap().code, 250);
}

/// Says one octet after the other until the other end is tired of it, and returns what it said then.
fn drip(client: &mut SmtpClient, octets: &[u8]) -> u16 {
    let begun = Instant::now();
    client.set_patience(Duration::from_millis(50)).unwrap();
    for octet in octets.iter().cycle() {
        match client.hear() {
            Ok(reply) => return reply.code,
            Err(why) if matches!(why.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => return 0,
        }
        assert!(begun.elapsed() < STALLED, "nobody is tired of it");
        let _ = client.send(&[*octet]);
    }
    0
}

#[test]
fn no_line_end_smuggles_a_second_report() {
    let office = Office::open("mails_per_minute = 0", ZONE);
    let mail = String::from_utf8(report(1).mail).unwrap();
    for end in ["\n.\n", "\n.\r\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r\n.\n", "\r\n\r.\r\n"] {
        let mut client = office.connect();
        begin(&mut client, "dmarc@example.org");
        let smuggled = format!(
            "{mail}{end}MAIL FROM:<evil@attack.example>\r\nRCPT TO:<dmarc@example.org>\r\nDATA\r\nsmuggled\r\n.\r\n"
        );
        let reply = client.data_raw(smuggled.as_bytes()).unwrap();
        // One mail, one answer, and it is a refusal.
        assert_eq!(reply.code, 554, "{}: {reply}", end.escape_debug());
        assert_eq!(client.say("NOOP").unwrap().code, 250);
        assert_eq!(client.say("QUIT").unwrap().code, 221);
    }
    assert!(office.reports().is_empty());
}

#[test]
fn garbage_ends_its_own_conversation_only() {
    let office = Office::open("", ZONE);
    let mut honest = office.connect();
    begin(&mut honest, "dmarc@example.org");
    let garbage: [&[u8]; 6] = [
        b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
        &[0; 4096],
        b"EHLO x\nMAIL FROM:<a@b>\n",
        b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<dmarc@c>\r\nBDAT 99999999999999999999999\r\n",
        b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<dmarc@c>\r\nBDAT nonsense\r\n",
    ];
    for octets in garbage {
        let mut client = office.connect();
        let _ = client.send(octets);
        let _ = client.send(&b"nothing that anybody knows\r\n".repeat(200));
        let begun = Instant::now();
        // Every answer is a refusal but those to what was right, and then it is over.
        while client.hear().is_ok() {
            assert!(begun.elapsed() < STALLED);
        }
    }
    let mut long = office.connect();
    let _ = long.send(&vec![b'x'; 4 << 20]);
    drop(long);
    assert_eq!(honest.data(&report(1).mail).unwrap().code, 250);
    assert_eq!(office.reports().len(), 1);
    let memory = office.served.memory("VmHWM");
    assert!(memory < 200 << 20, "{} MB", memory >> 20);
}

#[test]
fn whoever_drips_is_shown_out() {
    let office = Office::open("idle_seconds = 2\ndata_seconds = 4\n", ZONE);
    let mut client = office.connect();
    assert_eq!(drip(&mut client, b"x"), 421, "a command that never ends");
    let mut client = office.connect();
    begin(&mut client, "dmarc@example.org");
    assert_eq!(client.say("DATA").unwrap().code, 354);
    assert_eq!(drip(&mut client, b"x\r\n"), 421, "content that never ends");
    let mut client = office.connect();
    assert_eq!(client.hear().map(|reply| reply.code).unwrap_or_default(), 421, "silence");
    assert!(office.reports().is_empty());
    assert_eq!(office.served.metric("sekisho_intake_session_failures_total{kind=\"silent\"}"), 3);
}

#[test]
fn what_is_beyond_a_limit_is_told_so() {
    let office = Office::open(
        "max_message_megabytes = 1\nmax_recipients = 2\nmax_mails = 2\nmails_per_minute = 4\nmax_sessions = 6\nmax_sessions_per_client = 4\n",
        ZONE,
    );
    let mut client = office.connect();
    assert!(client.say("EHLO x").unwrap().text().contains("SIZE 1000000"));
    assert_eq!(client.say("MAIL FROM:<> SIZE=1000001").unwrap().code, 552);
    assert_eq!(client.say("MAIL FROM:<>").unwrap().code, 250);
    let codes = ["dmarc@a.example", "dmarc@b.example", "dmarc@c.example"]
        .map(|to| client.say(&format!("RCPT TO:<{to}>")).unwrap().code);
    assert_eq!(codes, [250, 250, 452]);
    assert_eq!(client.data(&b"x\r\n".repeat(400_000)).unwrap().code, 552);
    // Two mails, and the connection has had its share.
    for number in 0..2 {
        begin(&mut client, "dmarc@a.example");
        assert_eq!(client.data(&report(number).mail).unwrap().code, 250);
    }
    assert_eq!(client.say("MAIL FROM:<>").unwrap().code, 421);
    // The client has had its share, too: three mails were begun, a fourth may be.
    let mut client = office.connect();
    begin(&mut client, "dmarc@a.example");
    assert_eq!(client.data(&report(2).mail).unwrap().code, 250);
    for line in ["EHLO x", "MAIL FROM:<>"] {
        assert_eq!(client.say(line).unwrap().code, 250);
    }
    let reply = client.say("RCPT TO:<dmarc@a.example>").unwrap();
    assert_eq!((reply.code, reply.enhanced()), (451, Some("4.3.0")));
    // Whoever holds connections open keeps nobody out: the one that was idle for longest goes.
    let held: Vec<SmtpClient> = (0..12).map(|_| office.connect()).collect();
    assert_eq!(office.connect().say("NOOP").unwrap().code, 250);
    assert!(office.served.metric("sekisho_intake_sessions_displaced_total") >= 8);
    assert!(office.served.metric("sekisho_intake_sessions") <= 4);
    drop(held);
    assert_eq!(office.reports().len(), 3);
}

#[test]
fn many_large_mails_at_a_time_take_bounded_memory_and_a_small_one_is_taken_meanwhile() {
    let office = Office::open("mails_per_minute = 0\nmegabytes_per_minute = 0", ZONE);
    let piece = b"0123456789abcdef\r\n".repeat(58_254);
    let mut large: Vec<SmtpClient> = (0..12).map(|_| office.connect()).collect();
    for client in &mut large {
        begin(client, "dmarc@example.org");
        assert_eq!(client.say("DATA").unwrap().code, 354);
    }
    // All of them are under way at the same time.
    for _ in 0..20 {
        large.iter_mut().for_each(|client| client.send(&piece).unwrap());
    }
    let mut small = office.connect();
    begin(&mut small, "dmarc@example.org");
    assert_eq!(small.data(&report(1).mail).unwrap().code, 250);
    let mut codes: Vec<u16> = Vec::new();
    for (number, client) in large.iter_mut().enumerate() {
        client.send(format!("{number}\r\n.\r\n").as_bytes()).unwrap();
        codes.push(client.hear().unwrap().code);
    }
    let memory = office.served.memory("VmHWM");
    say(&format!("12 mails of 20 MB at a time: {codes:?}, at most {} MB", memory >> 20));
    assert!(codes.contains(&250) && codes.contains(&451) && codes.iter().all(|code| matches!(code, 250 | 451)));
    assert!(memory < 320 << 20, "{} MB", memory >> 20);
    // What was put off is taken when there is room again.
    let mut client = office.connect();
    begin(&mut client, "dmarc@example.org");
    assert_eq!(client.data(&report(2).mail).unwrap().code, 250);
}

/// Posts so many octets as a TLS report over a connection, and returns the whole answer. `fields` are more of the header.
fn post_by(mut stream: TcpStream, fields: &str, octets: usize) -> String {
    let head =
        "POST /reports/tls HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/tlsrpt+gzip\r\n";
    // Where it is refused before its end the rest finds nobody.
    let _ =
        stream.write_all(format!("{head}{fields}Content-Length: {octets}\r\n\r\n{}", "x".repeat(octets)).as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

/// Does so as a client of this network.
fn post(office: &Office, client: u8, octets: usize) -> String {
    post_by(office.served.connect_http_from(Ipv4Addr::new(127, 0, 0, client)), "", octets)
}

/// Returns after how many seconds an answer with this status asks to come again.
fn again(answer: &str, status: u16) -> u64 {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    let field = answer.lines().find_map(|line| line.strip_prefix("retry-after: "));
    field.unwrap_or_else(|| panic!("{answer}")).parse().unwrap()
}

/// Returns how many octets lie in a folder.
fn octets_in(folder: &std::path::Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| if entry.path().is_dir() { octets_in(&entry.path()) } else { entry.metadata().unwrap().len() })
        .sum()
}

#[test]
fn a_stranger_posts_so_much_and_no_more_and_others_are_served_meanwhile() {
    let office = Office::open("posts_per_minute = 20\nmegabytes_per_minute = 6", ZONE);
    let taken = |answer: &String| answer.starts_with("HTTP/1.1 200 ");
    // Two megabytes each, as fast as can be: what was measured to fill a disk.
    let answers: Vec<String> = (0..60).map(|number| post(&office, 1, 2_000_000 - number)).collect();
    assert_eq!(answers.iter().filter(|answer| taken(answer)).count(), 3);
    assert!(octets_in(&office.data.join("vault")) < 8_000_000);
    assert!(again(&answers[59], 429) <= 60);
    assert!(taken(&post(&office, 2, 1000)), "somebody else is not concerned");
    let counted = |bound: &str| office.served.metric(&format!("sekisho_intake_refused_total{{bound=\"{bound}\"}}"));
    assert_eq!((counted("client"), counted("posts"), counted("total")), (17, 40, 0));
    // By SMTP it is the same client, and puts off its mail.
    let mut client = office.connect();
    begin(&mut client, "dmarc@example.org");
    assert_eq!(client.data(&b"x\r\n".repeat(300_000)).unwrap().code, 451);
    let told = office.served.log().matches("refused a report beyond a bound").count();
    assert!((1..=2).contains(&told), "{}", office.served.log());
}

#[test]
fn many_strangers_fill_no_disk_either_and_posts_keep_out_no_mails() {
    let office = Office::open("megabytes_per_day = 5", ZONE);
    let answers: Vec<String> = (1..12).map(|client| post(&office, client, 1_000_000 - usize::from(client))).collect();
    assert_eq!(answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 200 ")).count(), 5);
    assert!((1..86_400).contains(&again(&answers[10], 503)));
    assert_eq!(office.served.metric("sekisho_intake_refused_total{bound=\"total\"}"), 6);
    // Mails have a measure of their own, which is met, too.
    for (number, code) in [250, 250, 250, 250, 250, 452].into_iter().enumerate() {
        let mut client = office.connect();
        begin(&mut client, "dmarc@example.org");
        let reply = client.data(format!("{number}\r\n{}", "x\r\n".repeat(330_000)).as_bytes()).unwrap();
        assert_eq!(reply.code, code, "{number}: {reply}");
        assert_eq!(reply.enhanced(), Some(if code == 250 { "2.0.0" } else { "4.3.1" }));
    }
    // That a bound was met is no fault of ours.
    let later = |kind: &str| format!("sekisho_intake_reports_total{{kind=\"{kind}\",outcome=\"later\"}}");
    assert_eq!([later("dmarc-aggregate"), later("tls")].map(|name| office.served.metric(&name)), [0, 0]);
}

#[test]
fn behind_a_proxy_of_ours_whoever_it_names_is_counted() {
    let office = Office::open_behind("127.0.0.1", "posts_per_minute = 2");
    let by = |client: &str| post_by(office.served.connect_http(), &format!("X-Forwarded-For: {client}\r\n"), 1000);
    for (client, status) in [
        ("2001:db8::1", "200"),
        ("2001:db8::2", "200"),
        // A host of IPv6 has as many addresses as it likes.
        ("2001:db8::3", "429"),
        ("192.0.2.1", "200"),
        // What a client writes itself stands further left.
        ("198.51.100.9, 2001:db8::4", "429"),
    ] {
        assert!(by(client).starts_with(&format!("HTTP/1.1 {status} ")), "{client}: {}", by(client));
    }
}

#[test]
fn the_last_of_the_disk_is_left_to_the_house() {
    let Some(disk) = Tmpfs::new(16 << 20) else { return };
    let office = Office::open_in(&disk.folder().join("data"), "reserve_megabytes = 4", ZONE);
    assert!(post(&office, 1, 1000).starts_with("HTTP/1.1 200 "));
    disk.fill(3 << 20).unwrap();
    let before = octets_in(&office.data.join("vault"));
    assert_eq!(again(&post(&office, 1, 500_000), 503), 601);
    let reply = deliver(office.served.intake(), &report(1)).unwrap();
    assert_eq!((reply.code, reply.enhanced()), (452, Some("4.3.1")));
    assert_eq!(octets_in(&office.data.join("vault")), before, "nothing was put where there is no room");
    assert_eq!(office.served.metric("sekisho_intake_refused_total{bound=\"reserve\"}"), 2);
    disk.empty().unwrap();
    assert_eq!(deliver(office.served.intake(), &report(1)).unwrap().code, 250);
    assert!(post(&office, 1, 500_000).starts_with("HTTP/1.1 200 "));
}
