//! TLS reports: the public samples by their values, variants, and what is refused.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sekisho_report::tls::{self, Failure, PolicyKind, PolicyResult, ResultType, TlsReport};
use sekisho_report::unreadable::Fault;
use sekisho_report::warning::{Mend, Warnings};

use crate::suite;

#[test]
fn the_sample_of_rfc_8460_is_read() {
    let Some(file) = suite::sample("tlsrpt/rfc8460.json") else { return };
    let report = tls::read(file.as_slice()).unwrap();
    assert_eq!(
        (report.organization_name.as_str(), report.contact_info.as_str()),
        ("Company-X", "sts-reporting@company-x.example")
    );
    assert_eq!(report.report_id, "5065427c-23d3-47ca-b6e0-946ea0e8c4be");
    // 2016-04-01, from midnight to one second before the next.
    assert_eq!((report.begin, report.end), (Some(1_459_468_800_000_000), Some(1_459_555_199_000_000)));
    let [policy] = report.policies.as_slice() else { panic!("{report:?}") };
    assert_eq!((policy.kind, policy.domain.as_str()), (PolicyKind::Sts, "company-y.example"));
    assert_eq!(policy.strings, ["version: STSv1", "mode: testing", "mx: *.mail.company-y.example", "max_age: 86400"]);
    assert_eq!(policy.mx_hosts, ["*.mail.company-y.example"]);
    assert_eq!((policy.successful, policy.failed, policy.failures.len()), (5326, 303, 3));
    let failure = &policy.failures[1];
    assert_eq!((failure.result, failure.sessions), (ResultType::StarttlsNotSupported, 200));
    assert_eq!(failure.sending_mta_ip, Some("2001:db8:abcd:13::1".parse().unwrap()));
    assert_eq!(failure.receiving_ip, Some("203.0.113.56".parse().unwrap()));
    assert_eq!(failure.receiving_mx_hostname, "mx2.mail.company-y.example");
    assert!(failure.additional_information.ends_with("#StarttlsNotSupported"));
    assert_eq!(policy.failures[2].reason_code, "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED");
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
}

#[test]
fn variants_of_drafts_and_of_careless_programs_are_read() {
    let text = r#"{ "organization_name": "X", "date-range": { "start-datetime": "2024-01-02T00:00:00", "end-datetime": "2024-01-01T00:00:00Z" },
        "report-id": 17, "contact-info": null, "policies": { "policy-type": "STS", "policy-domain": "Example.COM.",
        "policy-string": "version: STSv1", "summary": { "successful-session-count": "5", "failure-session-count": -1 },
        "failure-details": { "result-type": "gremlins", "sending-mta-ip": "[2001:db8::1]", "receiving-ip": "mx1" } }, "extra": [1] }"#;
    let report = tls::read(text.as_bytes()).unwrap();
    let policy = &report.policies[0];
    assert_eq!((report.organization_name.as_str(), report.report_id.as_str()), ("X", "17"));
    assert_eq!((report.begin, report.end), (Some(1_704_067_200_000_000), Some(1_704_153_600_000_000)));
    assert_eq!((policy.kind, policy.domain.as_str(), policy.strings.len()), (PolicyKind::Sts, "example.com", 1));
    assert_eq!((policy.successful, policy.failed), (5, 0));
    let failure = &policy.failures[0];
    assert_eq!((failure.result, failure.result_word.as_str(), failure.sessions), (ResultType::Unknown, "gremlins", 1));
    assert_eq!((failure.sending_mta_ip, failure.receiving_ip), (Some("2001:db8::1".parse().unwrap()), None));
    for mend in [Mend::SwappedDates, Mend::BadCount, Mend::UnknownWord, Mend::BadAddress] {
        assert!(report.warnings.get(mend).is_some(), "{mend}");
    }
}

#[test]
fn what_is_no_tls_report_is_refused() {
    let deep = "[".repeat(100_000);
    let wide = format!("[{}1]", "1,".repeat(300_000));
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(5_000_000));
    for (text, fault) in [
        ("", Fault::Empty),
        ("{\"policies\": [", Fault::Truncated),
        ("{\"policies\": [}", Fault::IllFormed),
        ("[]", Fault::NotAReport),
        ("{\"hello\": 1}", Fault::NotAReport),
        (&deep, Fault::Depth),
        (&wide, Fault::Size),
        (&long, Fault::Size),
    ] {
        let refused = tls::read(text.as_bytes()).unwrap_err();
        assert_eq!(refused.fault, fault, "{refused}");
    }
    let refused = tls::read("{\n\n  \"policies\": oops }".as_bytes()).unwrap_err();
    assert_eq!(refused.place.unwrap().line, 3);
}

#[test]
fn names_are_those_of_the_rfc() {
    let policy = PolicyResult { domain: "example.com".into(), ..PolicyResult::default() };
    let report = TlsReport {
        report_id: "r1".into(),
        begin: Some(1_470_013_207_000_000),
        end: Some(1_470_186_007_000_000),
        policies: vec![policy],
        ..TlsReport::default()
    };
    let name = "mail.sender.example!example.com!1470013207!1470186007.json.gz";
    assert_eq!(tls::file_name(&report, "mail.sender.example", ""), name);
    assert_eq!(tls::subject(&report, "s.example"), "Report Domain: example.com Submitter: s.example Report-ID: <r1>");
}

/// Any text that is not changed by being trimmed.
fn text() -> impl Strategy<Value = String> {
    "([^\\p{C}\\p{Z}]{1,8}( [^\\p{C}\\p{Z}]{1,8}){0,2})?"
}

/// Any failure.
fn any_failure() -> impl Strategy<Value = Failure> {
    let results = vec![ResultType::CertificateExpired, ResultType::StsWebpkiInvalid, ResultType::DaneRequired];
    let address = || proptest::option::of(any::<std::net::IpAddr>().prop_map(|address| address.to_canonical()));
    (select(results), address(), address(), 0..u64::MAX, [text(), text(), text()], "([a-z0-9]{1,9}\\.example)?")
        .prop_map(|(result, sending, receiving, sessions, [helo, more, code], host)| Failure {
            result,
            result_word: result.word().into(),
            sending_mta_ip: sending,
            receiving_mx_hostname: host,
            receiving_mx_helo: helo,
            receiving_ip: receiving,
            sessions,
            additional_information: more,
            reason_code: code,
        })
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        texts in ["[a-z]{1,9}", "[a-z@.]{1,9}", "[A-Za-z0-9-]{1,20}"],
        kind in select(vec![PolicyKind::Tlsa, PolicyKind::Sts, PolicyKind::NoPolicyFound]),
        counts in (any::<u64>(), any::<u64>()),
        strings in vec("[a-z]{1,9}", 0..3),
        failures in vec(any_failure(), 0..4),
        begin in 0..4_000_000_000_i64,
    ) {
        let [organization_name, contact_info, report_id] = texts;
        let policy = PolicyResult {
            kind, strings: strings.clone(), domain: "example.com".into(), mx_hosts: strings, successful: counts.0, failed: counts.1, failures,
        };
        let report = TlsReport {
            organization_name,
            begin: Some(begin * 1_000_000),
            end: Some((begin + 86_399) * 1_000_000),
            contact_info,
            report_id,
            policies: vec![policy],
            warnings: Warnings::default(),
        };
        prop_assert_eq!(tls::read(tls::write(&report).as_bytes()).unwrap(), report);
    }
}
