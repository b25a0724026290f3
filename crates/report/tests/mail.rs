//! Mails that bring reports: the public samples, and senders that err.

use base64::Engine as _;
use sekisho_report::mail::{self, Kind, Limits, SubjectFacts};
use sekisho_report::tls;
use sekisho_report::unreadable::Fault;

use crate::aggregate::PLAIN;
use crate::suite;
use crate::unpack::gzip;

/// Opens a mail.
fn open(mail: impl AsRef<[u8]>) -> mail::ReportMail {
    mail::open(mail.as_ref(), &Limits::default()).unwrap()
}

/// Writes a mail with one part of that type, in base64.
fn with_part(fields: &str, octets: &[u8]) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(octets);
    let lines: Vec<&str> = encoded.as_bytes().chunks(76).map(|line| str::from_utf8(line).unwrap()).collect();
    format!(
        "From: <dmarc@receiver.example>\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nThis is a report.\r\n\
         --b\r\n{fields}Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
        lines.join("\r\n")
    )
}

#[test]
fn the_mail_of_google_has_an_aggregate_report_in_zip() {
    let Some(file) = suite::sample("dmarc/aggregate/twilight.eml") else { return };
    let opened = open(&file);
    assert_eq!((opened.kind, opened.from_domain.as_deref()), (Kind::Aggregate, Some("google.com")));
    let (report, rows) = suite::read(&opened.candidates[0].octets).unwrap();
    assert_eq!(
        (report.head.report_id.as_str(), report.head.policy.domain.as_str()),
        ("1627703331531660819", "twlnet.com")
    );
    assert_eq!(rows[0].source_ip, Some("87.106.127.28".parse().unwrap()));
    assert_eq!(rows[0].dkim_results[0].selector, "201810");
}

#[test]
fn the_tls_report_of_google_is_found_and_read() {
    let Some(file) = suite::sample("tlsrpt/google.com_smtp_tls_report.eml") else { return };
    let opened = open(&file);
    assert_eq!(opened.kind, Kind::Tls);
    assert_eq!(
        (opened.tls_domain.as_deref(), opened.tls_submitter.as_deref()),
        (Some("cardinalhealth.ca"), Some("google.com"))
    );
    assert_eq!(opened.subject.domain.as_deref(), Some("cardinalhealth.ca"));
    assert_eq!(opened.subject.report_id.as_deref(), Some("2024.09.03T00.00.00Z+cardinalhealth.ca@google.com"));
    let report = tls::read(suite::unpacked(&opened.candidates[0].octets).as_slice()).unwrap();
    assert_eq!((report.organization_name.as_str(), report.policies[0].successful), ("Google Inc.", 48));
    assert_eq!(report.policies[0].kind, tls::PolicyKind::NoPolicyFound);
}

#[test]
fn complaints_are_told_from_failures() {
    for number in ["01", "02", "11", "12", "14", "15", "16", "17"] {
        let Some(file) = suite::sample(&format!("arf/arf-{number}.eml")) else { return };
        let opened = open(&file);
        assert_eq!(opened.kind, Kind::Arf, "{number}");
        assert!(opened.feedback.is_some() && opened.original.is_some(), "{number}");
    }
}

#[test]
fn wrong_types_and_names_do_not_matter() {
    let once = base64::engine::general_purpose::STANDARD.encode(gzip(PLAIN.as_bytes()));
    for (fields, octets) in [
        ("Content-Type: application/zip; name=report.zip\r\n", gzip(PLAIN.as_bytes())),
        ("Content-Type: application/octet-stream\r\n", PLAIN.as_bytes().to_vec()),
        ("Content-Type: text/xml; charset=us-ascii; name=a.txt\r\n", PLAIN.as_bytes().to_vec()),
        ("Content-Type: text/plain\r\n", PLAIN.as_bytes().to_vec()),
        ("Content-Type: image/png; name=a.png\r\n", gzip(PLAIN.as_bytes())),
        ("Content-Type: text/plain; charset=utf-8; name=a.xml.gz\r\n", gzip(PLAIN.as_bytes())),
        ("Content-Type: text/html\r\n", gzip(PLAIN.as_bytes())),
        ("Content-Type: application/gzip\r\n", once.into_bytes()),
    ] {
        let opened = open(with_part(fields, &octets));
        assert_eq!(opened.kind, Kind::Aggregate, "{fields}");
        assert_eq!(suite::read(&opened.candidates[0].octets).unwrap().0.head.report_id, "r1", "{fields}");
    }
    let alone = format!("From: a@b.example\r\nContent-Type: text/xml\r\n\r\n{PLAIN}");
    assert_eq!(open(&alone).kind, Kind::Aggregate);
    let forwarded = format!("From: c@d.example\r\nContent-Type: message/rfc822\r\n\r\n{alone}");
    assert_eq!((open(&forwarded).kind, open(&forwarded).from_domain.as_deref()), (Kind::Aggregate, Some("d.example")));
}

#[test]
fn parts_beyond_the_sixteenth_are_told_where_they_may_be_reports() {
    let parts = |count: usize, last: &str| {
        let packed = base64::engine::general_purpose::STANDARD.encode(gzip(PLAIN.as_bytes()));
        let part = |fields: &str| format!("--b\r\n{fields}Content-Transfer-Encoding: base64\r\n\r\n{packed}\r\n");
        let all = part("Content-Type: application/gzip\r\n").repeat(count) + &part(last) + "--b--\r\n";
        open(format!("From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{all}"))
    };
    let told =
        |mail: &mail::ReportMail| mail.candidates.iter().filter(|candidate| candidate.unreadable.is_some()).count();
    let gzip = "Content-Type: application/gzip\r\n";
    assert_eq!(told(&parts(15, gzip)), 0);
    let more = parts(30, gzip);
    assert_eq!((more.candidates.len(), told(&more)), (17, 1));
    assert_eq!(more.candidates.iter().find_map(|one| one.unreadable.as_ref()).unwrap().fault, Fault::Entries);
    assert_eq!(told(&parts(16, "Content-Type: image/png; name=logo.png\r\n")), 0);
}

#[test]
fn mails_without_a_report_say_why() {
    let none = open("From: a@b.example\r\nSubject: hello\r\n\r\nHello.\r\n");
    assert_eq!((none.kind, none.why_none().unwrap().fault), (Kind::None, Fault::PlainText));
    let picture = open(with_part("Content-Type: image/png; name=a.png\r\n", b"\x89PNG\r\n"));
    assert_eq!(picture.why_none().unwrap().fault, Fault::NotAReport);
    let broken = open(with_part("Content-Type: application/gzip\r\n", &gzip(PLAIN.as_bytes())[..12]));
    assert_eq!(broken.why_none().unwrap().fault, Fault::Truncated);
}

#[test]
fn subjects_are_read_as_senders_write_them() {
    let facts = |domain: &str, submitter: &str, id: Option<&str>| SubjectFacts {
        domain: Some(domain.into()),
        submitter: Some(submitter.into()),
        report_id: id.map(Into::into),
    };
    for (subject, expected) in [
        (
            "Report Domain: example.com Submitter: r.example Report-ID: <a@b>",
            facts("example.com", "r.example", Some("a@b")),
        ),
        (
            "Report domain: Example.com Submitter: R.example Report-ID: 12",
            facts("example.com", "r.example", Some("12")),
        ),
        ("Report Domain:example.com  Submitter:r.example", facts("example.com", "r.example", None)),
        ("[DMARC] Report Domain: example.com Submitter: r.example Report-ID:", facts("example.com", "r.example", None)),
        ("Domain: of fish", SubjectFacts::default()),
        ("", SubjectFacts::default()),
    ] {
        assert_eq!(SubjectFacts::read(subject), expected, "{subject}");
    }
}
