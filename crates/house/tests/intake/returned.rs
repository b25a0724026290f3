//! Reports of ours that come back: the notice is noted with the mail that it answers, and a forged one with none

use std::fs;
use std::time::Duration;

use sekisho_ledger::{
    Id, Ledger, NewJob, NewOutgoing, OutgoingKind, OutgoingMark, OutgoingState, ReportKind, ReportState,
};
use sekisho_testkit::postfix::Postfix;

use super::through::wait_until_read;
use super::{Office, runtime};
use crate::gate::served::Served;
use crate::out::House;

/// How long mails may take to go out and to come back.
const SOON: Duration = Duration::from_secs(60);
/// Where reports of ours come from.
const AUTHOR: &str = "reports-out@house.example";
/// The Message-ID of the one that went out.
const NAME: &str = "019ab0c1d2e3f4a5b6c7d8e9f0a1b2c3@house.example";

/// Opens an office that sends reports, one of which went out.
fn office() -> Office {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let office = Office::open_sharing(&data, "", &format!("[reports]\nfrom = \"{AUTHOR}\"\n"), "");
    runtime().block_on(async {
        let ledger = ledger(&office).await;
        let (id, job) = (Id::new(1, [1; 10]), Id::new(1, [2; 10]));
        let row = NewOutgoing {
            id,
            domain: "sender.example".to_owned(),
            day: 20_000,
            kind: OutgoingKind::DmarcAggregate,
            destination: "rua@sender.example".to_owned(),
            part: String::new(),
            planned_at: 1,
        };
        let job = NewJob {
            id: job,
            queue: "elsewhere".to_owned(),
            subject: id.to_string(),
            payload: String::new(),
            once: None,
            due: i64::MAX,
            made_at: 1,
            max_attempts: 1,
        };
        ledger.plan(&row, &job).await.unwrap();
        let (state, message_id) = (OutgoingState::Sent, Some(NAME.to_owned()));
        let mark =
            OutgoingMark { state, reason: None, evidence: None, message_id, attempted: true, at: 2, jobs: Vec::new() };
        assert!(ledger.mark_outgoing(id, &mark).await.unwrap());
        ledger.close().await;
    });
    Office { _folder: Some(folder), ..office }
}

/// Opens the ledger of an office.
async fn ledger(office: &Office) -> Ledger {
    Ledger::open(&format!("sqlite:{}", office.data.join("ledger.sqlite").display()), 0).await.unwrap()
}

/// Returns what is known of the mail that went out: state and reason.
fn fate(office: &Office) -> (OutgoingState, Option<String>) {
    runtime().block_on(async {
        let ledger = ledger(office).await;
        let row = ledger.outgoing(Id::new(1, [1; 10])).await.unwrap().unwrap();
        ledger.close().await;
        (row.state, row.reason)
    })
}

/// Writes a notice about the mail of a name.
fn notice(action: &str, name: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example\r\nTo: {AUTHOR}\r\nSubject: failure notice\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=\"delivery-status\"; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
         Final-Recipient: rfc822; rua@sender.example\r\nAction: {action}\r\nStatus: 5.2.2\r\n\
         Diagnostic-Code: smtp; 552 5.2.2 \x1b[31mfull\r\n\r\n\
         --b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: Report Domain: sender.example\r\nMessage-ID: <{name}>\r\n\r\n--b--\r\n"
    )
}

/// Sends a mail in by SMTP; returns the code that its recipient gets.
fn send(office: &Office, from: &str, to: &str, mail: &str) -> u16 {
    let mut client = office.connect();
    for line in ["EHLO mx.example", &format!("MAIL FROM:<{from}>")] {
        assert_eq!(client.say(line).unwrap().code, 250);
    }
    let code = client.say(&format!("RCPT TO:<{to}>")).unwrap().code;
    if code == 250 {
        assert_eq!(client.data(mail.as_bytes()).unwrap().code, 250);
    }
    code
}

#[test]
fn a_notice_counts_only_where_it_names_the_mail_that_it_answers() {
    let office = office();
    let failed = notice("failed", NAME);
    // Where our reports come from, nobody but a mail system may write; others go on as before.
    assert_eq!(send(&office, "alice@mx.example", AUTHOR, &failed), 550);
    assert_eq!(send(&office, "", "postmaster@house.example", &failed), 550);
    // Forged, late, handed on, answered by a program: none of them is a failure of a mail of ours.
    for (from, to, mail) in [
        ("", AUTHOR, notice("failed", "019ab0c1d2e3f4a5b6c7d8e9f0a1b2c4@house.example")),
        ("", AUTHOR, notice("failed", "%@house.example")),
        ("", AUTHOR, notice("delayed", NAME)),
        ("", "Reports-Out@HOUSE.example", notice("relayed", NAME)),
        ("robot@mx.example", "dmarc@house.example", notice("failed", NAME)),
        ("", AUTHOR, failed.replace("delivery-status", "other")),
    ] {
        assert_eq!(send(&office, from, to, &mail), 250);
    }
    wait_until_read(&office, 6);
    assert_eq!(fate(&office), (OutgoingState::Sent, None));
    let reports = office.reports();
    let with = |state| reports.iter().filter(|report| report.state == state).count();
    assert_eq!((with(ReportState::Ignored), with(ReportState::Unreadable)), (5, 1), "{reports:?}");
    assert_eq!(office.served.metric("sekisho_reports_out_total{result=\"bounced\"}"), 0);

    // The real one.
    assert_eq!(send(&office, "", AUTHOR, &failed), 250);
    wait_until_read(&office, 7);
    let why = "5.2.2: 552 5.2.2 \\x1b[31mfull";
    assert_eq!(fate(&office), (OutgoingState::Bounced, Some(why.to_owned())));
    let reports = office.reports();
    let noted = reports.iter().find(|report| report.state == ReportState::Read).unwrap();
    assert_eq!((noted.kind, noted.read_as), (ReportKind::Bounce, Some(ReportKind::Bounce)));
    assert_eq!(noted.domain.as_deref(), Some("sender.example"));
    assert!(noted.reason.as_ref().unwrap().ends_with(&format!("came back: {why}")), "{noted:?}");
    assert_eq!(office.served.metric("sekisho_reports_out_total{result=\"bounced\"}"), 1);
    assert_eq!(office.served.metric("sekisho_reports_read_total{outcome=\"returned\"}"), 1);
    // What was said first stays.
    assert_eq!(send(&office, "", AUTHOR, &failed.replace("full", "empty")), 250);
    wait_until_read(&office, 8);
    assert_eq!(fate(&office), (OutgoingState::Bounced, Some(why.to_owned())));
}

#[test]
fn reports_that_postfix_cannot_deliver_come_back_to_us_and_are_listed_as_bounced() {
    let house = House::in_order("127.0.0.1:9".parse().unwrap(), "2026-11-20");
    let config = format!(
        "[store]\nfolder = {:?}\n[reports]\nfrom = \"dmarc@house.example\"\n[gate]\nlisten = []\n\
         [intake]\nlisten = [\"127.0.0.1:0\"]\nrua = []\n",
        house.folder.path("data")
    );
    let served = Served::start(&config, &house.dns);
    // The server that the mails go to is this very house, which refuses all recipients but its own.
    let postfix = Postfix::before(served.intake()).start();
    let config = fs::read_to_string(&house.config).unwrap().replace("127.0.0.1:9", &postfix.inbound().to_string());
    fs::write(&house.config, config).unwrap();
    let (exit, told, talk) = house.out(&["--json"]);
    assert_eq!(exit, 0, "{told}{talk}");
    assert!(postfix.wait_for_empty_queue(SOON), "{}\n{}", postfix.log(), served.log());
    let begun = std::time::Instant::now();
    let bounced = loop {
        let listed = house.listed();
        let bounced: Vec<_> = listed.iter().filter(|(_, state, _)| state == "bounced").cloned().collect();
        if bounced.len() == 2 {
            break bounced;
        }
        assert!(begun.elapsed() < SOON, "{listed:?}\n{}\n{}", postfix.log(), served.log());
        std::thread::sleep(Duration::from_millis(20));
    };
    for ((to, _, why), expected) in bounced.iter().zip(["c@collector.example", "rua@sender.example"]) {
        assert_eq!(to, expected);
        assert!(why.starts_with("5.1.1: 550 5.1.1 "), "{why}");
    }
}
