//! The whole way: a real MTA relays a report, and the commands know it

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use sekisho_core::event::Event;
use sekisho_house::{Setting, Streams, run};
use sekisho_ledger::{Channel, ReportKind, ReportState};
use sekisho_testkit::postfix::Postfix;
use sekisho_testkit::smtp::{Client, Letter, deliver};
use serde_json::Value;

use super::{Office, report};
use crate::notebook::{NOTEBOOK, Notebook};

/// How long a report may take to be read.
pub(super) const SOON: Duration = Duration::from_secs(60);

/// A zone in which google.com sends from one address.
const ZONE: &str = "google.com TXT \"v=spf1 ip4:192.0.2.25 -all\"\n_dmarc.google.com TXT \"v=DMARC1; p=reject\"\n";

/// Calls a command, and returns its exit code, and its data and talk.
pub(super) fn said(office: &Office, command: &[&str]) -> (u8, String) {
    let setting = Setting { open_lake: Some(NOTEBOOK), data_places: vec![office.data.clone()], ..Setting::default() };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let streams = Streams { stdin: &mut std::io::empty(), stdout: &mut stdout, stderr: &mut stderr, setting };
    let exit = run(["sekisho"].iter().chain(command), streams);
    (exit, String::from_utf8([stdout, stderr].concat()).unwrap())
}

/// Waits until every report was read.
pub(super) fn wait_until_read(office: &Office, count: usize) {
    let begun = Instant::now();
    loop {
        let reports = office.reports();
        if reports.len() == count && reports.iter().all(|report| report.state != ReportState::Received) {
            return;
        }
        assert!(begun.elapsed() < SOON, "{reports:?}: {}", office.served.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_report_that_postfix_relays_is_kept_read_and_shown_with_its_submitter() {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let vectors = std::env::var_os("SEKISHO_VECTORS").map_or(usual, Into::into);
    let Ok(mail) = fs::read_to_string(vectors.join("dmarc/aggregate/twilight.eml")) else {
        return crate::serve::say("NOT RUN: there are no public samples");
    };
    let mut office = Office::open("relays = [\"127.0.0.1\"]", ZONE);
    let postfix = Postfix::before(office.served.intake()).main("smtp_send_xforward_command", "yes").start();
    let mail = mail.replace("\r\n", "\n").replace('\n', "\r\n");
    let letter = Letter::new("noreply-dmarc-support@google.com", "dmarc-reports@receiver.test", mail);
    let letter = letter.by(Client::at("192.0.2.25".parse().unwrap()), "mail.google.com");
    assert_eq!(deliver(postfix.inbound(), &letter).unwrap().code, 250);
    assert!(postfix.wait_for_empty_queue(SOON), "{}\n{}", postfix.log(), office.served.log());
    wait_until_read(&office, 1);

    // What Postfix knew of the client came with the mail.
    let reports = office.reports();
    let [row] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!((row.kind, row.channel, row.state), (ReportKind::DmarcAggregate, Channel::Smtp, ReportState::Read));
    assert_eq!((&*row.envelope.client, &*row.envelope.helo), ("192.0.2.25", "mail.google.com"));
    assert_eq!(row.envelope.mail_from.as_deref(), Some("noreply-dmarc-support@google.com"));
    assert_eq!(row.envelope.recipient, "dmarc-reports@receiver.test");
    // The MTA heard the name of the report.
    assert!(postfix.log().contains(&format!("stored as {}", row.id)), "{}", postfix.log());

    // The commands know it, and it counts: its sender is proven.
    let (exit, listed) = said(&office, &["report", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((exit, &listed["domain"], &listed["state"]), (0, &"twlnet.com".into(), &"read".into()));
    let (exit, shown) = said(&office, &["report", "show", "twlnet.com", "--days", "3660", "--json"]);
    assert!(exit == 0 && shown.contains("87.106.127.28"), "{shown}");
    let events = Notebook::read(&office.data);
    let rows: Vec<_> =
        events.iter().filter_map(|event| if let Event::Aggregate(row) = event { Some(row) } else { None }).collect();
    assert!(rows.iter().all(|row| row.submitter.as_deref() == Some("google.com")) && !rows.is_empty(), "{rows:?}");
    let log = office.served.log();
    assert!(
        log.contains("took a report") && log.contains("192.0.2.25") && !log.contains("noreply-dmarc-support"),
        "{log}"
    );
    let counted = "sekisho_intake_reports_total{kind=\"dmarc-aggregate\",outcome=\"new\"}";
    assert_eq!(office.served.metric(counted), 1);
    assert_eq!(office.served.metric("sekisho_reports_read_total{outcome=\"read\"}"), 1);
    assert!(office.served.stop());
}

#[test]
fn a_mail_to_several_addresses_is_one_report_of_each_kind_and_a_second_time_it_is_known() {
    let office = Office::open("", ZONE);
    let mail = report(1).mail;
    let mut client = office.connect();
    for line in ["EHLO mx.receiver.example", "MAIL FROM:<> BODY=8BITMIME"] {
        assert_eq!(client.say(line).unwrap().code, 250);
    }
    for (address, code) in [
        ("dmarc@example.org", 250),
        ("rua@example.net", 250),
        ("abuse@example.org", 250),
        ("alice@example.org", 550),
        ("postmaster", 550),
    ] {
        assert_eq!(client.say(&format!("RCPT TO:<{address}>")).unwrap().code, code, "{address}");
    }
    let reply = client.data(&mail).unwrap();
    let stored: Vec<String> = super::name(&reply.text()).split(' ').map(str::to_owned).collect();
    assert_eq!((reply.code, stored.len()), (250, 2));
    let reports = office.reports();
    let kind = |id: &String| reports.iter().find(|report| report.id.to_string() == *id).unwrap().kind;
    assert_eq!([kind(&stored[0]), kind(&stored[1])], [ReportKind::DmarcAggregate, ReportKind::Abuse]);
    assert!(reports.iter().all(|report| report.envelope.mail_from.as_deref() == Some("")));
    // This host's own address is nobody's: no SPF record vouches for the sender by it.
    assert!(reports.iter().all(|report| report.envelope.client.is_empty()));
    for line in ["MAIL FROM:<>", "RCPT TO:<DMARC+again@example.org>"] {
        assert_eq!(client.say(line).unwrap().code, 250);
    }
    assert_eq!(super::name(&client.data(&mail).unwrap().text()), stored[0]);
    assert_eq!(office.reports().len(), 2);
    let known = "sekisho_intake_reports_total{kind=\"dmarc-aggregate\",outcome=\"known\"}";
    assert_eq!(office.served.metric(known), 1);
}

#[test]
fn a_forgers_copy_of_the_same_octets_is_not_in_the_way_of_their_sender() {
    let zone =
        "receiver.example TXT \"v=spf1 ip4:192.0.2.25 -all\"\n_dmarc.receiver.example TXT \"v=DMARC1; p=reject\"\n";
    let office = Office::open("relays = [\"127.0.0.1\"]", zone);
    let letter = report(1);
    let from = |address: &str, code: u16| {
        let mut client = office.connect();
        let forwarded = format!("XFORWARD ADDR={address} HELO=mx.receiver.example");
        for line in ["EHLO relay", &forwarded, "MAIL FROM:<reports@receiver.example>", "RCPT TO:<dmarc@example.org>"] {
            assert_eq!(client.say(line).unwrap().code, 250, "{line}");
        }
        assert_eq!(client.data(&letter.mail).unwrap().code, code);
    };
    from("203.0.113.9", 250);
    wait_until_read(&office, 1);
    assert_eq!(office.reports()[0].submitter, None);
    from("192.0.2.25", 250);
    wait_until_read(&office, 2);
    // Once it is proven, whoever comes with it again changes nothing.
    from("203.0.113.10", 250);
    let reports = office.reports();
    let mut told: Vec<_> = reports.iter().map(|report| (report.submitter.as_deref(), report.state)).collect();
    told.sort_by_key(|(submitter, _)| submitter.is_some());
    assert_eq!(told, [(None, ReportState::Read), (Some("receiver.example"), ReportState::Read)]);
    let events = Notebook::read(&office.data);
    let counted = events.iter().filter_map(|event| match event {
        Event::Aggregate(row) if row.submitter.is_some() => Some(row.count),
        _ => None,
    });
    assert_eq!(counted.sum::<u64>(), 9, "of both of its rows, once");
}

#[test]
fn a_tls_report_is_posted_by_http_and_stays_unproven() {
    let office = Office::open("", ZONE);
    let post = |path: &str, kind: &str, body: &str| -> String {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n");
        office.served.http(format!("{head}Connection: close\r\n\r\n{body}").as_bytes())
    };
    let report = r#"{"organization-name":"Receiver","date-range":{"start-datetime":"2026-01-01T00:00:00Z",
        "end-datetime":"2026-01-01T23:59:59Z"},"contact-info":"tls@receiver.example","report-id":"1","policies":[{"policy":
        {"policy-type":"sts","policy-string":[],"policy-domain":"example.org"},"summary":{"total-successful-session-count":7,
        "total-failure-session-count":0}}]}"#;
    let told = post("/reports/tls", "Application/TLSRPT+json; charset=utf-8", report);
    assert!(told.starts_with("HTTP/1.1 200 ") && told.contains("stored as "), "{told}");
    for (path, kind, status) in [
        ("/reports/tls", "application/json", "415"),
        ("/reports/tls", "text/plain", "415"),
        ("/reports/other", "application/tlsrpt+json", "404"),
    ] {
        assert!(post(path, kind, report).starts_with(&format!("HTTP/1.1 {status} ")), "{path} {kind}");
    }
    assert!(office.served.http(b"GET /reports/tls HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").contains(" 405 "));
    let large = post("/reports/tls", "application/tlsrpt+gzip", &"x".repeat(25_000_001));
    assert!(large.is_empty() || large.contains(" 413 "), "{large}");
    // Who asks first hears it before anything is sent.
    let head =
        "POST /reports/tls HTTP/1.1\r\nHost: x\r\nContent-Type: application/tlsrpt+gzip\r\nConnection: close\r\n";
    for length in ["25000001", "99999999999999999999"] {
        let asked =
            office.served.http(format!("{head}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n").as_bytes());
        assert!(asked.starts_with("HTTP/1.1 413 ") || asked.starts_with("HTTP/1.1 400 "), "{asked}");
    }
    // Slow clients, many of them, keep nobody out: neither with little nor with more than that.
    let stalled: Vec<_> = [10, 10, 10, 10, 10, 10, 100_000, 100_000]
        .into_iter()
        .map(|sent| {
            let mut stream = office.served.connect_http();
            let body = "x".repeat(sent);
            stream.write_all(format!("{head}Content-Length: 1000000\r\n\r\n{body}").as_bytes()).unwrap();
            stream
        })
        .collect();
    let told = post("/reports/tls", "application/tlsrpt+json", report);
    assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
    drop(stalled);
    wait_until_read(&office, 1);
    let reports = office.reports();
    assert_eq!((reports[0].kind, reports[0].channel), (ReportKind::Tls, Channel::Http));
    assert_eq!((reports[0].state, reports[0].domain.as_deref()), (ReportState::Read, Some("example.org")));
    let events = Notebook::read(&office.data);
    assert!(events.iter().any(|event| matches!(event, Event::Tls(row) if row.submitter.is_none())), "{events:?}");
}
