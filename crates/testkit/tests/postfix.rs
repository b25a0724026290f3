//! A mail goes through a private Postfix

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use sekisho_testkit::postfix::Postfix;
use sekisho_testkit::sink::Sink;
use sekisho_testkit::smtp::{Client, Letter, SmtpClient, deliver, deliver_all};

/// How long a mail may take to the sink.
const SOON: Duration = Duration::from_secs(20);

/// Returns an address where nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

#[test]
fn a_mail_arrives_byte_by_byte_below_the_received_field() {
    let sink = Sink::start();
    let start = Instant::now();
    let postfix = Postfix::before(sink.address()).start();
    assert!(start.elapsed() < Duration::from_secs(3), "starting took {:?}", start.elapsed());

    let long = "x".repeat(5000);
    let mut mail =
        format!("From:a@sender.test\r\nSubject:\ttab\r\n folded \r\nX-Long: {long}\r\n\r\n..dots\r\n.\r\n{long}\r\n");
    mail.push_str("nul \0 here\r\n");
    let mut mail = mail.into_bytes();
    mail.extend_from_slice(b"8-bit \xff\xfe\r\n\r\n\r\n");
    let reply = deliver(postfix.inbound(), &Letter::new("A@sender.test", "b@receiver.test", &mail)).unwrap();
    assert_eq!((reply.code, reply.enhanced()), (250, Some("2.0.0")), "{reply}");

    let arrival = sink.next(0, SOON);
    assert_eq!(arrival.below_received(), mail);
    assert!(arrival.sender.starts_with("<A@sender.test>"), "{}", arrival.sender);
    assert_eq!(arrival.recipients, ["<b@receiver.test>"]);
    assert_eq!(arrival.fields("subject"), ["tab folded"]);
    assert!(arrival.body().starts_with(b"..dots\r\n"));
}

#[test]
fn the_client_is_whom_the_test_says() {
    let sink = Sink::start();
    let postfix = Postfix::before(sink.address()).start();
    let client = Client::at("2001:db8::7".parse().unwrap()).named("mail.sender.test").logged_in("alice+x@sender.test");
    let letter = Letter::new("", "b@receiver.test", "Subject: x\r\n\r\n").by(client, "helo.sender.test");
    assert_eq!(deliver(postfix.submission(), &letter).unwrap().code, 250);

    let received = sink.next(0, SOON).fields("Received").remove(0);
    assert!(received.starts_with("from helo.sender.test (mail.sender.test [IPv6:2001:db8::7])"), "{received}");
    assert!(postfix.log().contains("sasl_username=alice+x@sender.test"), "{}", postfix.log());
}

#[test]
fn a_milter_that_is_not_there_puts_off_or_not_as_configured() {
    let sink = Sink::start();
    let strict = Postfix::before(sink.address()).milter(nobody()).start();
    let lenient = Postfix::before(sink.address()).milter(nobody()).default_action("accept").start();
    let letter = Letter::new("a@sender.test", "b@receiver.test", "Subject: x\r\n\r\n");

    let reply = deliver(strict.inbound(), &letter).unwrap();
    assert_eq!((reply.code, reply.enhanced()), (451, Some("4.7.1")), "{reply}");
    assert_eq!(deliver(lenient.inbound(), &letter).unwrap().code, 250);
    // The port for users has no milter, so nothing is missing there.
    assert_eq!(deliver(strict.submission(), &letter).unwrap().code, 250);
    assert!(sink.wait_for(2, SOON));
    assert_eq!(sink.count(), 2);
}

#[test]
fn the_sender_tries_again_until_it_is_accepted_and_never_after() {
    let sink = Sink::start();
    let postfix = Postfix::before(sink.address()).milter(nobody()).start();
    let letters: Vec<_> = (0..10)
        .map(|number| format!("Message-ID: <{number}@sender.test>\r\n\r\n"))
        .map(|mail| Letter::new("a@sender.test", "b@receiver.test", mail))
        .collect();
    // A busy machine needs more than a moment for a second try.
    let pause = Duration::from_millis(10);

    let refused = deliver_all(postfix.inbound(), &letters, 4, pause, Duration::from_secs(2));
    assert!(refused.iter().all(|outcome| !outcome.accepted() && outcome.put_off > 1), "{refused:?}");

    let accepted = deliver_all(postfix.submission(), &letters, 4, pause, SOON);
    assert!(accepted.iter().all(|outcome| outcome.accepted() && outcome.attempts == 1), "{accepted:?}");
    assert!(sink.wait_for(10, SOON));
    assert!(postfix.wait_for_empty_queue(SOON));
    assert_eq!(sink.counts_by("Message-ID").into_values().collect::<Vec<_>>(), [1; 10]);
}

#[test]
fn what_the_sink_puts_off_arrives_later() {
    let sink = Sink::start();
    let postfix = Postfix::before(sink.address()).start();
    sink.refuse(true);
    let letter = Letter::new("a@sender.test", "b@receiver.test", "Subject: x\r\n\r\n");
    assert_eq!(deliver(postfix.inbound(), &letter).unwrap().code, 250);
    assert!(postfix.wait_for_log("status=deferred", SOON), "{}", postfix.log());
    assert_eq!((sink.count(), postfix.waiting().len()), (0, 1));
    sink.refuse(false);
    assert!(sink.wait_for(1, SOON), "{}", postfix.log());
}

#[test]
fn bytes_are_sent_as_they_are_so_that_mail_can_be_smuggled_where_postfix_allows_it() {
    let smuggled =
        b"Subject: outer\r\n\r\nhello\n.\r\nMAIL FROM:<x@victim.test>\r\nRCPT TO:<b@receiver.test>\r\nDATA\r\n\
        Subject: inner\r\n\r\n\r\n.\r\n";
    for (setting, mails) in [("no", 2), ("normalize", 1)] {
        let sink = Sink::start();
        let postfix = Postfix::before(sink.address()).main("smtpd_forbid_bare_newline", setting).start();
        let mut session = SmtpClient::connect(postfix.inbound()).unwrap();
        let replies = session.say_all(&["EHLO client.test", "MAIL FROM:<a@sender.test>", "RCPT TO:<b@receiver.test>"]);
        assert!(replies.unwrap().iter().all(|reply| reply.code == 250));
        assert_eq!(session.data_raw(smuggled).unwrap().code, 250);
        // Whatever else was heard as a command is answered before this one.
        session.send(b"QUIT\r\n").unwrap();
        while session.hear().unwrap().code != 221 {}
        assert!(sink.wait_for(mails, SOON));
        assert!(postfix.wait_for_empty_queue(SOON));
        assert_eq!(sink.count(), mails, "with {setting}: {}", postfix.log());
    }
}

#[test]
fn a_mail_of_40_megabytes_passes_and_a_larger_one_is_refused() {
    let sink = Sink::start();
    let postfix = Postfix::before(sink.address()).start();
    let line = format!("{}\r\n", "x".repeat(76));
    let mail = |bytes: usize| format!("Subject: large\r\n\r\n{}", line.repeat(bytes / line.len()));
    let large = mail(40 << 20);
    let letter = |mail: &str| Letter::new("a@sender.test", "b@receiver.test", mail);
    assert_eq!(deliver(postfix.inbound(), &letter(&large)).unwrap().code, 250);
    assert!(sink.next(0, SOON).below_received() == large.as_bytes());
    assert_eq!(deliver(postfix.inbound(), &letter(&mail(51 << 20))).unwrap().code, 552);
}

#[test]
fn nothing_is_left_when_it_stops() {
    let sink = Sink::start();
    let postfix = Postfix::before(sink.address()).start();
    let letter = Letter::new("a@sender.test", "b@receiver.test", "Subject: x\r\n\r\n");
    assert_eq!(deliver(postfix.inbound(), &letter).unwrap().code, 250);
    let (master, folder, port) = (postfix.process(), postfix.configuration(), postfix.inbound());
    assert!(processes_of(master) > 3, "smtpd, cleanup, qmgr and others are running");

    drop(postfix);
    // They were killed, which takes a moment.
    let start = Instant::now();
    while processes_of(master) > 0 && start.elapsed() < Duration::from_secs(2) {
        std::thread::yield_now();
    }
    assert_eq!(processes_of(master), 0);
    assert!(!folder.parent().unwrap().exists());
    assert!(SmtpClient::connect(port).is_err());
}

/// Counts the living processes of a process group.
fn processes_of(group: u32) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let statuses = entries.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    // "pid (name) state parent group …"; the name may hold anything.
    let alive_in = |stat: &String| {
        let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
        let (state, found) = (rest.next()?, rest.nth(1)?.parse::<u32>().ok()?);
        (state != "Z" && found == group).then_some(())
    };
    statuses.filter_map(|stat| alive_in(&stat)).count()
}
