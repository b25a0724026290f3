//! Failure reports: read from mails, and written without people in them.

use sekisho_report::dmarc::failure::write::{Covering, Redaction, cover, parts, write};
use sekisho_report::dmarc::failure::{self, AuthFailure, Delivery, FailureReport, Original};
use sekisho_report::mail::{self, Kind, Limits};
use sekisho_report::unreadable::Fault;
use sekisho_report::warning::Mend;

use crate::suite;

/// Opens a mail and reads the failure report in it.
fn read(mail: &[u8]) -> FailureReport {
    let opened = mail::open(mail, &Limits::default()).unwrap();
    assert_eq!(opened.kind, Kind::Failure);
    failure::read(&opened.feedback.unwrap(), opened.original).unwrap()
}

#[test]
fn the_report_of_linkedin_is_read() {
    let Some(file) = suite::sample("dmarc/failure/dmarc_ruf_report_linkedin.eml") else { return };
    let report = read(&file);
    assert_eq!((report.version.as_str(), report.user_agent.as_str()), ("1.0", "Lua/1.0"));
    assert_eq!(report.auth_failure, [AuthFailure::Dmarc]);
    assert_eq!(report.delivery_result, Some(Delivery::Delivered));
    assert_eq!(report.source_ip, Some("10.10.10.10".parse().unwrap()));
    assert_eq!(report.reported_domain, ["example.com"]);
    assert_eq!(report.original_mail_from, "");
    assert_eq!(report.original_rcpt_to, ["recipient@linkedin.com"]);
    assert_eq!(report.authentication_results, ["dmarc=fail (p=none; dis=none) header.from=example.com"]);
    // 2019-04-30 02:09:00 UTC.
    assert_eq!(report.arrival_date, Some(1_556_590_140_000_000));
    let original = report.original.unwrap();
    assert!(original.is_whole);
    let text = String::from_utf8(original.octets).unwrap();
    assert!(text.starts_with("Return-Path: <>"), "{}", &text[..100]);
    assert!(text.contains("Subject: Subject line, could be UTF8 encoded") && text.contains("HTML Text"));
    assert!(!text.contains("_----abcdefghijklmnopqrstuv===_AA/01-16018-D1AA1CC5"), "it ends where the mail ends");
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
}

#[test]
fn prose_is_no_report() {
    let Some(file) = suite::sample("dmarc/failure/exim_plain_text_only_no_arf_part.eml") else { return };
    let opened = mail::open(&file, &Limits::default()).unwrap();
    assert_eq!((opened.kind, opened.from_domain.as_deref()), (Kind::None, Some("node01.mailgate.example.net")));
    assert_eq!(opened.why_none().unwrap().fault, Fault::PlainText);
}

#[test]
fn fields_of_all_kinds_are_read() {
    let fields = "Feedback-Type: AUTH-FAILURE\r\nVersion: 1\r\nUser-Agent: x/1\r\nAuth-Failure: bodyhash\r\n\
        Identity-Alignment: DKIM, spf\r\nDelivery-Result: reject\r\nDKIM-Domain: Example.COM\r\nDKIM-Selector: s1\r\n\
        DKIM-Identity: @example.com\r\nDKIM-Canonicalized-Body: aGVs\r\n bG8=\r\nSource-IP: [IPv6:2001:db8::1]\r\n\
        Source-Port: 2525\r\nReported-Domain: example.com\r\nSPF-DNS: txt : example.com : v=spf1 -all\r\n\
        Authentication-Results: a.example; dkim=fail\r\nIncidents: 12\r\nX-Own: kept\r\nArrival-Date: nonsense\r\n";
    let report = failure::read(fields.as_bytes(), None).unwrap();
    assert_eq!(
        (report.auth_failure.as_slice(), report.delivery_result),
        (&[AuthFailure::BodyHash][..], Some(Delivery::Reject))
    );
    assert_eq!(report.identity_alignment, ["dkim", "spf"]);
    assert_eq!((report.dkim_domain.as_str(), report.dkim_canonicalized_body.as_str()), ("example.com", "aGVsbG8="));
    assert_eq!((report.source_ip, report.source_port), (Some("2001:db8::1".parse().unwrap()), Some(2525)));
    assert_eq!((report.incidents, report.arrival_date), (Some(12), None));
    assert_eq!(report.other, [("X-Own".to_owned(), "kept".to_owned())]);
    assert!(report.warnings.get(Mend::BadDate).is_some());
    assert_eq!(report.warnings.get(Mend::Missing).unwrap().detail, "the report has no `original mail`");
    let odd = fields.replace("nonsense", "2024-01-01T00:00:00Z").replace("Incidents: 12", "Incidents: 4294967296");
    let report = failure::read(odd.as_bytes(), None).unwrap();
    assert_eq!((report.incidents, report.arrival_date), (None, Some(1_704_067_200_000_000)));
    assert!(report.warnings.get(Mend::BadCount).is_some() && report.warnings.get(Mend::BadDate).is_none());
    assert_eq!(failure::read(b"Feedback-Type: abuse\r\n", None).unwrap_err().fault, Fault::NotAReport);
    assert_eq!(failure::read(b"Version: 1\r\n", None).unwrap_err().fault, Fault::Missing);
}

/// A keyed hash for tests: FNV, which hides nothing.
fn hash(private: &[u8]) -> Vec<u8> {
    let fold = |hash: u64, octet: &u8| (hash ^ u64::from(*octet)).wrapping_mul(0x100_0000_01b3);
    private.iter().fold(0xcbf2_9ce4_8422_2325, fold).to_be_bytes().to_vec()
}

#[test]
fn whom_it_is_about_is_what_it_says_or_else_the_author() {
    let original = |is_whole| {
        let octets = b"From: A <a@News.Example.org>\r\nSubject: x\r\n".to_vec();
        Some(Original { is_whole, octets })
    };
    let read = |fields: &str, original| {
        failure::read(format!("Feedback-Type: auth-failure\r\n{fields}").as_bytes(), original).unwrap()
    };
    let said = read(
        "Reported-Domain: a@b.example\r\nReported-Domain: \u{95a2}\u{6240}.Example.\r\nAuth-Failure:\r\n spf, SPF dmarc (x, y)\r\n",
        original(true),
    );
    assert_eq!(
        (said.about().as_str(), said.author_domain().as_deref()),
        ("xn--8ous75i.example", Some("news.example.org"))
    );
    assert_eq!(said.auth_failure, [AuthFailure::Spf, AuthFailure::Dmarc]);
    assert_eq!(read("Reported-Domain: \r\n", original(false)).about(), "news.example.org");
    assert_eq!(read("", None).about(), "");
    let paths = |line: &str| read(line, None).mail_from_domain();
    assert_eq!(paths("Original-Mail-From: <>\r\n").as_deref(), Some(""));
    assert_eq!(paths("Original-Mail-From: <\"a@b\"@C.example>\r\n").as_deref(), Some("c.example"));
    assert_eq!(paths(""), None);
    let to = read("Original-Rcpt-To: <b@b.example>, a@a.example\r\nOriginal-Rcpt-To: c@B.example\r\n", None);
    assert_eq!(to.recipient_domains(), ["a.example", "b.example"]);
}

#[test]
fn who_forges_a_mail_cannot_make_the_report_on_it_unreadable() {
    let report = |boundary: &str, returned: &str| {
        format!(
            "From: r@receiver.example\r\nContent-Type: multipart/report; report-type=feedback-report;\r\n\tboundary={boundary}\r\n\r\n\
             --b x\r\n\r\nA mail failed.\r\n--b x\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: auth-failure\r\n\
             Auth-Failure: dmarc\r\n\r\n--b x\r\nContent-Type: message/rfc822\r\n\r\n{returned}\r\n--b x--\r\n"
        )
    };
    let nested = |depth: usize| {
        let each = (0..depth).map(|at| format!("Content-Type: multipart/mixed; boundary=n{at}\r\n\r\n--n{at}\r\n"));
        "From: a@example.org\r\n".to_owned() + &each.collect::<String>()
    };
    let many = "From: a@example.org\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n".to_owned()
        + &"--m\r\n\r\nx\r\n".repeat(5_000);
    let wide =
        "From: a@example.org\r\nX: y\r\n".to_owned() + &format!("X: {}\r\n", "y".repeat(900)).repeat(600) + "\r\nbody";
    for returned in [nested(1), nested(200), many, wide, "Content-Type: message/rfc822\r\n\r\n".repeat(20_000)] {
        let read = read(report("\"b x\"", &returned).as_bytes());
        assert_eq!(read.auth_failure, [AuthFailure::Dmarc]);
        let is_told = returned.starts_with("From: ");
        assert_eq!(read.about(), if is_told { "example.org" } else { "" });
    }
    // What is no feedback report is refused as ever, and nonsense for a boundary is none.
    for boundary in ["\"", "", "\"\"", ";"] {
        let opened = mail::open(report(boundary, &nested(200)).as_bytes(), &Limits::default());
        assert!(!opened.is_ok_and(|opened| opened.kind == Kind::Failure), "{boundary}");
    }
    let other = report("\"b x\"", &nested(200)).replace("feedback-report;", "other;");
    assert_eq!(mail::open(other.as_bytes(), &Limits::default()).unwrap_err().fault, Fault::MailStructure);
}

#[test]
fn fields_in_a_part_that_is_declared_to_be_text_are_read_where_the_mail_says_that_it_brings_feedback() {
    let mail = |about: &str, kind: &str, fields: &str| {
        format!(
            "From: r@receiver.example\r\nContent-Type: multipart/report; report-type={about}; boundary=b\r\n\r\n\
             --b\r\nContent-Type: text/plain\r\n\r\nHello. Feedback-Type: auth-failure\r\nVersion: none\r\n\
             --b\r\n{kind}\r\n{fields}\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: a@example.org\r\n\r\nbody\r\n--b--\r\n"
        )
    };
    let fields = "Version: 1\r\nFeedback-Type: auth-failure\r\nAuth-Failure: dmarc\r\nSource-IP: 192.0.2.1\r\n";
    for kind in [
        "Content-Type: text/plain; charset=utf-8\r\n",
        "",
        "Content-Type: text/plain\r\nContent-Disposition: attachment\r\n",
    ] {
        let report = read(mail("feedback-report", kind, fields).as_bytes());
        assert_eq!(
            (report.about().as_str(), report.source_ip),
            ("example.org", Some("192.0.2.1".parse().unwrap())),
            "{kind}"
        );
    }
    let before = mail("feedback-report", "Content-Type: message/feedback-report\r\n", fields).replace("Hello. ", "");
    assert_eq!(read(before.as_bytes()).source_ip, Some("192.0.2.1".parse().unwrap()));
    // A real part is not displaced by what stands before it, a mail of another kind brings none, and words are none.
    let both = mail("feedback-report", "Content-Type: message/feedback-report\r\n", fields);
    assert_eq!(read(both.as_bytes()).about(), "example.org");
    let words = fields.replace("Version: 1", "Dear all: 1");
    for other in [mail("other", "", fields), mail("feedback-report", "", &words)] {
        assert_eq!(mail::open(other.as_bytes(), &Limits::default()).unwrap().kind, Kind::None);
    }
}

#[test]
fn people_are_taken_out_of_what_is_written() {
    let original = "Received: from h.example by mx.example for <alice.secret@receiver.example>;\r\n\tMon, 1 Jan 2024 00:00:00 +0000\r\n\
        From: Alice Secret <alice.secret@example.com>\r\nTo: \"alice secret\"@receiver.example, bob.secret@receiver.example\r\n\
        Subject: the secret plan\r\nX-Secret: secret\r\nDKIM-Signature: v=1; d=example.com; i=alice.secret@example.com; b=abc\r\n\
        Message-ID: <1@example.com>\r\n\r\nthe secret body\r\n";
    let report = FailureReport {
        auth_failure: vec![AuthFailure::Dmarc],
        identity_alignment: vec!["none".into()],
        delivery_result: Some(Delivery::Reject),
        authentication_results: vec!["mx.example; spf=fail smtp.mailfrom=alice.secret@example.com".into()],
        original_mail_from: "<alice.secret@example.com>".into(),
        original_rcpt_to: vec!["bob.secret@receiver.example\r\nBcc: victim@example.net".into()],
        arrival_date: Some(1_704_067_200_000_000),
        source_ip: Some("192.0.2.1".parse().unwrap()),
        reported_domain: vec!["example.com".into()],
        original: Some(Original { is_whole: true, octets: original.as_bytes().to_vec() }),
        ..FailureReport::default()
    };
    let covering = Covering {
        from: "dmarc@mx.example",
        to: "ruf@example.com",
        date: "Mon, 1 Jan 2024 00:00:01 +0000",
        message_id: "f1@mx.example",
        boundary: "b1",
    };
    let mail = write(&report, &covering, &Redaction { keyed_hash: &hash });
    assert!(!mail.contains("secret") && !mail.contains("Secret"), "{mail}");
    assert!(!mail.contains("\r\nBcc:"), "{mail}");
    assert!(mail.lines().all(|line| line.len() <= 200) && !mail.replace("\r\n", "").contains(['\r', '\n']));

    let read = read(mail.as_bytes());
    assert_eq!((read.auth_failure, read.delivery_result), (report.auth_failure, report.delivery_result));
    assert_eq!((read.source_ip, read.arrival_date), (report.source_ip, report.arrival_date));
    assert_eq!(read.identity_alignment, ["none"]);
    let hashed: String = hash(b"alice.secret").iter().map(|octet| format!("{octet:02x}")).collect();
    assert_eq!(read.original_mail_from, format!("<{hashed}@example.com>"));
    let header = read.original.unwrap();
    assert!(!header.is_whole);
    let header = String::from_utf8(header.octets).unwrap();
    assert!(header.contains(&format!("From: <{hashed}@example.com>")), "{header}");
    assert!(header.contains(&format!("i={hashed}@example.com")), "{header}");
}

#[test]
fn each_recipient_gets_the_same_parts_behind_a_header_of_its_own() {
    let report = FailureReport {
        reported_domain: vec!["example.com".into()],
        authentication_results: vec![format!(
            "mx.example; dmarc=fail\r\n\treason=\"\u{95a2}\u{6240} {}\"",
            "x".repeat(2000)
        )],
        original: Some(Original {
            is_whole: false,
            octets: b"Date: today\r\nMessage-ID: <a.b.c@example.com>\r\n".to_vec(),
        }),
        ..FailureReport::default()
    };
    let redaction = Redaction { keyed_hash: &hash };
    let covering =
        |to| Covering { from: "a@mx.example", to, date: "today", message_id: "1@mx.example", boundary: "b1" };
    let parts = parts(&report, "b1", &redaction);
    for to in ["ruf@example.com", "ruf@other.example"] {
        let mail = cover(&covering(to), "example.com") + &parts;
        assert_eq!(mail, write(&report, &covering(to), &redaction));
        assert!(mail.is_ascii() && mail.lines().all(|line| line.len() < 998), "{mail}");
        // Its sender finds the mail by its own name.
        let header = String::from_utf8(read(mail.as_bytes()).original.unwrap().octets).unwrap();
        assert_eq!(header.trim_end(), "Date: today\r\nMessage-ID: <a.b.c@example.com>");
    }
}
