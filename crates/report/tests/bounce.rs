//! Notices that a mail could not be delivered: as Postfix writes them, and as who wants to deceive does.

use sekisho_report::bounce::{self, Action, Bounce};
use sekisho_report::mail::{self, Kind, Limits, ReportMail};

use crate::aggregate::PLAIN;

/// The notice of a Postfix about a mail that a server refused, with what it returns of it.
fn notice(status: &str, returned: &str) -> String {
    format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@relay.test (Mail Delivery System)\r\nTo: dmarc@house.example\r\n\
         Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"4Z.1/relay.test\"\r\n\r\n\
         This is a MIME-encapsulated message.\r\n\r\n\
         --4Z.1/relay.test\r\nContent-Description: Notification\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
         I'm sorry to have to inform you that your message could not be delivered.\r\n\r\n\
         --4Z.1/relay.test\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n\
         {status}\r\n--4Z.1/relay.test\r\nContent-Description: Undelivered Message\r\n{returned}\r\n--4Z.1/relay.test--\r\n"
    )
}

/// What the notice says: a mail to one recipient failed.
const STATUS: &str = "Reporting-MTA: dns; relay.test\r\nOriginal-Envelope-Id: 00@house.example\r\n\
    X-Postfix-Queue-ID: 4Z\r\nX-Postfix-Sender: rfc822; dmarc@house.example\r\nArrival-Date: Sun, 22 Nov 2026 01:00:00 +0000 (UTC)\r\n\
    \r\nFinal-Recipient: rfc822; rua@sender.example\r\nOriginal-Recipient: rfc822;rua@sender.example\r\nAction: failed\r\n\
    Status: 5.1.1\r\nRemote-MTA: dns; mx.sender.example\r\n\
    Diagnostic-Code: smtp; 550 5.1.1 <rua@sender.example>: Recipient address\r\n    rejected: User unknown\r\n";

/// The header of a report of ours that came back.
const HEADER: &str = "Content-Type: text/rfc822-headers\r\n\r\nReceived: from localhost\r\nFrom: dmarc@house.example\r\n\
    To: rua@sender.example\r\nSubject: Report Domain: sender.example\r\n Submitter: house.example\r\n Report-ID: <1>\r\n\
    Message-ID: <00@house.example>\r\n";

/// Opens a mail.
fn open(mail: &str) -> ReportMail {
    mail::open(mail.as_bytes(), &Limits::default()).unwrap()
}

/// Reads the notice of a mail.
fn read(opened: &ReportMail) -> Bounce {
    bounce::read(opened.notice.as_deref().unwrap(), opened.original.as_ref()).unwrap()
}

#[test]
fn the_notice_of_a_postfix_names_the_mail_and_the_reason() {
    let opened = open(&notice(STATUS, HEADER));
    assert_eq!((opened.kind, opened.is_ordinary()), (Kind::Bounce, false));
    let read = read(&opened);
    assert_eq!(read.envelope_id.as_deref(), Some("00@house.example"));
    assert_eq!(read.message_id.as_deref(), Some("00@house.example"));
    assert_eq!(read.fates[0].action, Action::Failed);
    let why = "5.1.1: 550 5.1.1 <rua@sender.example>: Recipient address rejected: User unknown";
    assert_eq!(read.failure().as_deref(), Some(why));
}

#[test]
fn a_report_that_came_back_whole_is_no_report_to_us() {
    let report = format!(
        "Content-Type: message/rfc822\r\n\r\nFrom: dmarc@house.example\r\nSubject: Report Domain: sender.example\r\n\
         Message-ID: <00@house.example>\r\nContent-Type: text/xml; name=a.xml\r\n\r\n{}\r\n",
        PLAIN.replace('\n', "\r\n")
    );
    let opened = open(&notice(STATUS, &report));
    assert_eq!((opened.kind, opened.candidates.len(), opened.is_ordinary()), (Kind::Bounce, 0, false));
    assert_eq!(read(&opened).message_id.as_deref(), Some("00@house.example"));
    // In a mail that is no notice, it is one as before.
    let other = notice(STATUS, &report).replace("delivery-status;\r\n\tboundary", "other; boundary");
    assert_eq!(open(&other).kind, Kind::Aggregate);
}

#[test]
fn a_notice_about_a_mail_of_a_person_is_left_alone() {
    let header =
        HEADER.replace("Report Domain: sender.example\r\n Submitter: house.example\r\n Report-ID: <1>", "hello");
    let opened = open(&notice(STATUS, &header));
    assert_eq!((opened.kind, opened.is_ordinary()), (Kind::Bounce, true));
    assert!(open(&notice(STATUS, "Content-Type: text/plain\r\n\r\nnothing\r\n")).is_ordinary());
}

#[test]
fn a_notice_that_somebody_forwards_or_only_pretends_is_none() {
    let inner = notice(STATUS, HEADER);
    let forwarded = format!(
        "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--o--\r\n"
    );
    let opened = open(&forwarded);
    assert!(opened.notice.is_none() && opened.kind != Kind::Bounce);
    let nested = notice(STATUS, &format!("Content-Type: message/rfc822\r\n\r\n{inner}")).replacen(
        "Content-Type: message/delivery-status",
        "Content-Type: text/plain",
        1,
    );
    assert!(open(&nested).notice.is_none());
}
