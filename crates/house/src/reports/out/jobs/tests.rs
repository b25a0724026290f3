//! Jobs over books in a folder, with a clock that a test moves on

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::date;
use sekisho_ask::Source;
use sekisho_core::zone::Zone;
use sekisho_ledger::{
    AggregateKey, Channel, Envelope, FirstJob, Intake, JobFilter, JobState, NewReport, OutgoingFilter, ReportKind,
};
use sekisho_mail::dkim::signing_key::SigningKey;
use sekisho_testkit::sink::Sink;

use super::super::super::submitter::Examiner;
use super::*;
use crate::config::config_for_testing;
use crate::gate::Office;
use crate::lake::puddle::Puddle;

/// The clock of a test, which moves it on.
fn clock() -> (Arc<AtomicI64>, Clock) {
    let hand = Arc::new(AtomicI64::new(1_795_305_600_000_000));
    let seen = Arc::clone(&hand);
    (hand, Arc::new(move || seen.fetch_add(1000, Ordering::SeqCst)))
}

/// Makes a sender over books in a folder, who asks a zone and sends by a relay, and what lets two hours go by.
async fn sender(folder: &tempfile::TempDir, relay: std::net::SocketAddr, zone: &str) -> (Sender, impl Fn()) {
    sender_with(folder, relay, zone, "").await
}

/// The same, with more in `[reports]`.
async fn sender_with(
    folder: &tempfile::TempDir,
    relay: std::net::SocketAddr,
    zone: &str,
    further: &str,
) -> (Sender, impl Fn() + use<>) {
    let key = folder.path().join("key.pem");
    fs::write(&key, SigningKey::from_seed(&[9; 32]).unwrap().to_pem().unwrap()).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let config = config_for_testing(&format!(
        "[reports]\nrelay = '{relay}'\nfrom = 'dmarc@house.example'\n{further}\
         [[sign.keys]]\ndomain = 'house.example'\nselector = 's'\nkey = {key:?}\n"
    ));
    let office = Office::open(&config).unwrap();
    let source = Source::Zone(Zone::parse(zone).unwrap());
    let examiner = Examiner { source, policy: Arc::default(), timeout: Duration::from_secs(5) };
    let database = format!("sqlite:{}", folder.path().join("ledger.sqlite").display());
    let (hand, clock) = clock();
    let sender = Sender {
        ledger: Ledger::open(&database, clock()).await.unwrap(),
        vault: Vault::in_folder(&folder.path().join("vault")).await.unwrap(),
        lake: Arc::new(Puddle { policy_domain: Some("sender.example"), ..Puddle::default() }),
        reporter: Reporter::of(&config.reports, office, examiner, "mx.house.example").unwrap(),
        worker: "test".to_owned(),
        metrics: None,
        announcer: Announcer::default(),
        clock,
    };
    (sender, move || {
        hand.fetch_add(7_200_000_000, Ordering::SeqCst);
    })
}

/// Does jobs until none is due.
async fn worked(sender: &Sender) -> Tally {
    let mut tally = Tally::default();
    while sender.work(&mut tally).await.unwrap() {}
    tally
}

/// A domain that asks for reports.
const ZONE: &str = "_dmarc.sender.example TXT \"v=DMARC1; p=none; rua=mailto:rua@sender.example\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_was_put_off_goes_out_later_and_once_and_is_the_same() {
    let (folder, sink) = (tempfile::tempdir().unwrap(), Sink::start());
    let (sender, wait) = sender(&folder, sink.address(), ZONE).await;
    assert_eq!(sender.plan(date(2026, 11, 20), None).await.unwrap(), 1);
    assert_eq!(sender.plan(date(2026, 11, 20), None).await.unwrap(), 0, "a day is planned once");
    sink.refuse(true);
    assert_eq!(worked(&sender).await, Tally { later: 1, ..Tally::default() });
    let row = || async { sender.ledger.outgoings(&OutgoingFilter::default(), None, 9).await.unwrap().rows };
    let put_off = row().await.into_iter().find(|row| !row.destination.is_empty()).unwrap();
    assert_eq!((put_off.state, put_off.attempts), (OutgoingState::Planned, 1));
    assert!(put_off.reason.as_ref().unwrap().contains("takes no mail from us"), "{put_off:?}");
    assert_eq!(worked(&sender).await, Tally::default(), "nothing is due yet");
    sink.refuse(false);
    wait();
    assert_eq!(worked(&sender).await, Tally { sent: 1, ..Tally::default() });
    wait();
    assert_eq!(worked(&sender).await, Tally::default());
    let sent = row().await.into_iter().find(|row| !row.destination.is_empty()).unwrap();
    assert_eq!((sent.state, sent.attempts, sent.reason), (OutgoingState::Sent, 2, None));
    assert_eq!((sent.evidence, &sent.message_id), (put_off.evidence, &put_off.message_id));
    let arrived = sink.arrivals();
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].mail, sender.vault.get(&sent.evidence.unwrap()).await.unwrap());
    sender.ledger.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_gets_it_taken_is_told_at_last() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (sender, wait) = sender(&folder, nobody, ZONE).await;
    sender.plan(date(2026, 11, 20), None).await.unwrap();
    let mut tally = Tally::default();
    for _ in 0..ATTEMPTS {
        while sender.work(&mut tally).await.unwrap() {}
        wait();
    }
    assert_eq!(tally, Tally { later: u64::from(ATTEMPTS) - 1, failed: 1, ..Tally::default() });
    let filter = OutgoingFilter { state: Some(OutgoingState::Failed), ..OutgoingFilter::default() };
    let failed = sender.ledger.outgoings(&filter, None, 9).await.unwrap().rows;
    assert_eq!((failed.len(), failed[0].attempts), (1, u64::from(ATTEMPTS)));
    assert!(failed[0].reason.as_ref().unwrap().contains("does not talk to us"), "{failed:?}");
    sender.ledger.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dns_that_fails_is_asked_again_before_nobody_is_sent_anything() {
    let (folder, sink) = (tempfile::tempdir().unwrap(), Sink::start());
    let (sender, wait) = sender(&folder, sink.address(), "_dmarc.sender.example TXT !servfail\n").await;
    sender.plan(date(2026, 11, 20), None).await.unwrap();
    let mut tally = Tally::default();
    for _ in 0..PATIENCE + 2 {
        while sender.work(&mut tally).await.unwrap() {}
        wait();
    }
    assert_eq!(tally, Tally { later: u64::from(PATIENCE) - 1, skipped: 1, ..Tally::default() });
    let rows = sender.ledger.outgoings(&OutgoingFilter::default(), None, 9).await.unwrap().rows;
    assert!(rows[0].reason.as_ref().unwrap().starts_with("dns: "), "{rows:?}");
    sender.ledger.close().await;
}

/// Does the jobs of a day, and returns the reason why its one report is not sent.
async fn skipped(sender: &Sender) -> String {
    sender.plan(date(2026, 11, 20), None).await.unwrap();
    assert_eq!(worked(sender).await, Tally { skipped: 1, ..Tally::default() });
    let rows = sender.ledger.outgoings(&OutgoingFilter::default(), None, 9).await.unwrap().rows;
    assert_eq!((rows.len(), rows[0].state), (1, OutgoingState::Skipped));
    rows[0].reason.clone().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_larger_than_the_record_wants_is_not_sent() {
    let (folder, sink) = (tempfile::tempdir().unwrap(), Sink::start());
    let zone = ZONE.replace("rua@sender.example", "rua@sender.example!1k");
    let (sender, _) = sender(&folder, sink.address(), &zone).await;
    assert_eq!(skipped(&sender).await, "too-large: too large: 9 KB, and 1 KB are allowed");
    sender.ledger.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_that_only_sent_us_a_report_gets_none_about_that() {
    let (folder, sink) = (tempfile::tempdir().unwrap(), Sink::start());
    let (sender, _) = sender(&folder, sink.address(), ZONE).await;
    let (begin, _) = super::super::period(date(2026, 11, 20));
    let id = new_id(begin).unwrap();
    let envelope = Envelope {
        client: "192.0.2.1".to_owned(),
        helo: "mx.sender.example".to_owned(),
        mail_from: None,
        recipient: "rua@house.example".to_owned(),
        told_spf: None,
    };
    let report = NewReport {
        id,
        kind: ReportKind::DmarcAggregate,
        channel: Channel::Smtp,
        received_at: begin + 1,
        evidence: Digest::of(b"a report"),
        size: 8,
        envelope,
    };
    let job =
        FirstJob { id: new_id(begin).unwrap(), queue: "read".to_owned(), payload: String::new(), max_attempts: 1 };
    sender.ledger.receive(&Intake { report, job, source: None }).await.unwrap();
    let key = AggregateKey {
        kind: ReportKind::DmarcAggregate,
        submitter: Some("sender.example".to_owned()),
        org: "Sender".to_owned(),
        report_id: "1".to_owned(),
        domain: "house.example".to_owned(),
        begin,
        end: begin,
    };
    sender.ledger.claim_aggregates(&[(key, id, 0)], begin).await.unwrap();
    assert!(skipped(&sender).await.starts_with("only-reports: "));
    // On another day the same mail is one like any other.
    sender.plan(date(2026, 11, 21), None).await.unwrap();
    assert_eq!(worked(&sender).await, Tally { sent: 1, ..Tally::default() });
    sender.ledger.close().await;
}

/// Answers each line of a client, and refuses every recipient for good; returns what was said of the envelope.
fn refuse_recipients(listener: &std::net::TcpListener) -> Vec<String> {
    let (stream, _) = listener.accept().unwrap();
    let mut lines = std::io::BufReader::new(stream.try_clone().unwrap());
    let say = |line: &str| std::io::Write::write_all(&mut &stream, format!("{line}\r\n").as_bytes()).unwrap();
    say("220 relay.test");
    let mut envelope = Vec::new();
    loop {
        let mut line = String::new();
        if std::io::BufRead::read_line(&mut lines, &mut line).unwrap() == 0 {
            return envelope;
        }
        match line.get(..4).unwrap_or_default() {
            "EHLO" => say("250-relay.test\r\n250-SIZE\r\n250 dsn"),
            "RCPT" => say("550 5.1.1 there is nobody of that name"),
            "QUIT" => {
                say("221 bye");
                return envelope;
            }
            _ => say("250 go on"),
        }
        envelope.extend(Some(line.trim_end().to_owned()).filter(|line| line.contains(":<")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_that_is_refused_for_good_is_told_and_not_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let relay = std::thread::spawn(move || refuse_recipients(&listener));
    let (sender, wait) = sender(&folder, address, ZONE).await;
    sender.plan(date(2026, 11, 20), None).await.unwrap();
    assert_eq!(worked(&sender).await, Tally { failed: 1, ..Tally::default() });
    let envelope = relay.join().unwrap();
    wait();
    assert_eq!(worked(&sender).await, Tally::default());
    let filter = OutgoingFilter { state: Some(OutgoingState::Failed), ..OutgoingFilter::default() };
    let failed = sender.ledger.outgoings(&filter, None, 9).await.unwrap().rows;
    assert!(failed[0].reason.as_ref().unwrap().contains("nobody of that name"), "{failed:?}");
    // A relay that sends notices is told by which name we know them again.
    let name = failed[0].message_id.as_ref().unwrap();
    let mail = format!("MAIL FROM:<dmarc@house.example> RET=HDRS ENVID={name}");
    assert_eq!(envelope, [mail, "RCPT TO:<rua@sender.example> NOTIFY=FAILURE".to_owned()]);
    let filter = JobFilter { state: Some(JobState::Dead), ..JobFilter::default() };
    assert_eq!(sender.ledger.jobs(&filter, None, 9).await.unwrap().rows.len(), 1);
    sender.ledger.close().await;
}

/// Notes a failure of a domain, does its jobs, and returns what came of them, with each row's state and reason.
async fn told_of_failure(sender: &Sender, domain: &str) -> (Tally, Vec<(OutgoingState, Option<String>)>) {
    let parts = sender.vault.put(b"--b\r\n\r\nWhat is told.\r\n--b--\r\n".to_vec()).await.unwrap();
    let reported = domain.to_owned();
    let sample = Sample { parts: parts.to_string(), boundary: "b".to_owned(), reported, why: None };
    let (kind, destination) = (OutgoingKind::DmarcFailure, String::new());
    let claimed = Claimed { domain, day: 20_000, kind, destination, part: "1".to_owned() };
    sender.claim(claimed, FAILURE, serde_json::to_string(&sample).unwrap()).await.unwrap();
    let tally = worked(sender).await;
    let filter = OutgoingFilter { domain: Some(domain.to_owned()), ..OutgoingFilter::default() };
    let rows = sender.ledger.outgoings(&filter, None, 9).await.unwrap().rows;
    (tally, rows.into_iter().map(|row| (row.state, row.reason)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_to_who_asks_for_it_now_and_to_no_public_suffix() {
    let (folder, sink) = (tempfile::tempdir().unwrap(), Sink::start());
    let zone = "_dmarc.a.example TXT \"v=DMARC1; p=none; ruf=mailto:ruf@a.example\"\n\
        _dmarc.psd.example TXT \"v=DMARC1; p=none; psd=y; ruf=mailto:ruf@psd.example\"\n\
        _dmarc.co.uk TXT \"v=DMARC1; p=none; ruf=mailto:ruf@co.uk\"\n\
        _dmarc.none.example TXT \"v=DMARC1; p=none; rua=mailto:rua@none.example\"\n";
    let (sender, _) = sender_with(&folder, sink.address(), zone, "failures = true\n").await;
    let (tally, rows) = told_of_failure(&sender, "a.example").await;
    assert_eq!(tally, Tally { sent: 1, ..Tally::default() });
    assert_eq!(rows, [(OutgoingState::Sent, None), (OutgoingState::Made, None)]);
    let arrival = &sink.arrivals()[0];
    assert!(arrival.sender.contains("<dmarc@house.example>") && arrival.mail.starts_with(b"DKIM-Signature:"));
    assert_eq!(arrival.fields("To"), ["ruf@a.example"]);
    assert_eq!(arrival.body(), b"--b\r\n\r\nWhat is told.\r\n--b--\r\n");
    for (domain, word) in
        [("psd.example", "public-suffix: "), ("co.uk", "public-suffix: "), ("none.example", "nobody-asks: ")]
    {
        let (tally, rows) = told_of_failure(&sender, domain).await;
        assert_eq!(tally, Tally { skipped: 1, ..Tally::default() });
        assert!(rows.len() == 1 && rows[0].1.as_ref().unwrap().starts_with(word), "{rows:?}");
    }
    assert_eq!(sink.count(), 1);
    sender.ledger.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_failure_reports_were_turned_off_none_goes_out_that_waits() {
    let (folder, sink) = (tempfile::tempdir().unwrap(), Sink::start());
    let zone = "_dmarc.a.example TXT \"v=DMARC1; p=none; ruf=mailto:ruf@a.example\"\n";
    let (sender, _) = sender(&folder, sink.address(), zone).await;
    let (tally, rows) = told_of_failure(&sender, "a.example").await;
    assert_eq!((tally, rows.len()), (Tally { skipped: 1, ..Tally::default() }, 1));
    assert!(rows[0].1.as_ref().unwrap().starts_with("turned-off: "), "{rows:?}");
    // Nor does a mail that was claimed already.
    let sample = Sample { parts: String::new(), boundary: "b".to_owned(), reported: "a.example".to_owned(), why: None };
    let (kind, destination) = (OutgoingKind::DmarcFailure, "ruf@a.example".to_owned());
    let claimed = Claimed { domain: "a.example", day: 20_000, kind, destination, part: "2".to_owned() };
    sender.claim(claimed, SEND, serde_json::to_string(&sample).unwrap()).await.unwrap();
    assert_eq!(worked(&sender).await, Tally { skipped: 1, ..Tally::default() });
    assert_eq!(sink.count(), 0);
    sender.ledger.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_told_once_of_what_was_sent_and_of_what_nobody_took() {
    let hooks = "[[webhooks]]\nurl = 'https://hooks.example/'\nsecret_file = 's'\nevents = ['report.*']\n";
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sink = Sink::start();
    for (relay, topic, state) in [(sink.address(), "report.sent", "sent"), (nobody, "report.failed", "failed")] {
        let folder = tempfile::tempdir().unwrap();
        let (mut sender, wait) = sender(&folder, relay, ZONE).await;
        sender.announcer = Announcer::of(&config_for_testing(hooks).webhooks);
        sender.plan(date(2026, 11, 20), None).await.unwrap();
        for _ in 0..ATTEMPTS {
            worked(&sender).await;
            wait();
        }
        let now = (sender.clock)();
        let told = sender.ledger.lease("webhook", "test", 9, now, now + 1).await.unwrap();
        let [told] = &told[..] else { panic!("{told:?}") };
        let errand: serde_json::Value = serde_json::from_str(&told.job.payload).unwrap();
        let body: serde_json::Value = serde_json::from_str(errand["body"].as_str().unwrap()).unwrap();
        assert_eq!((&*told.job.subject, &body["type"]), (topic, &topic.into()));
        let data = ["state", "domain", "recipient_domain", "day"].map(|name| body["data"][name].clone());
        assert_eq!(data, [state, "sender.example", "sender.example", "2026-11-20"].map(serde_json::Value::from));
        assert!(!told.job.payload.contains('@') && !told.job.payload.contains("hooks.example"), "{told:?}");
        sender.ledger.close().await;
    }
}
