//! Aggregate reports as they are written: valid, the same each time, and read back as they were.

use std::process::Command;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use sekisho_report::dmarc::aggregate::write::{Writer, file_name, gzip, subject};
use sekisho_report::dmarc::aggregate::{
    Alignment, AuthResult, Discovery, Disposition, DkimResult, Evaluated, Head, NAMESPACE, Override, OverrideKind,
    Policy, Row, SpfResult,
};

use crate::{aggregate, suite};

/// Writes a report.
fn written(head: &Head, rows: &[Row]) -> String {
    let mut writer = Writer::new(head).unwrap();
    rows.iter().for_each(|row| writer.row(row).unwrap());
    writer.finish().unwrap()
}

/// A small report.
fn small() -> (Head, Row) {
    let (report, mut rows) = aggregate::read(aggregate::PLAIN).unwrap();
    let head = Head { namespace: NAMESPACE.into(), version: "1.0".into(), ..report.head };
    (head, rows.remove(0))
}

#[test]
fn written_reports_are_valid_against_the_schema() {
    if Command::new("xmllint").arg("--version").output().is_err() {
        let notice = "NOT RUN: xmllint is missing (apt-get install libxml2-utils)\n";
        return std::io::Write::write_all(&mut std::io::stderr(), notice.as_bytes()).unwrap();
    }
    if suite::sample("dmarc/dmarc-xml-0.2.xsd").is_none() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("sekisho-report-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut files = Vec::new();
    for number in 0..40 {
        let (head, rows) = (head(), vec(row(), 1..5)).new_tree(&mut runner).unwrap().current();
        let file = folder.join(format!("{number}.xml"));
        std::fs::write(&file, written(&head, &rows)).unwrap();
        files.push(file);
    }
    let schema = suite::path("dmarc/dmarc-xml-0.2.xsd");
    let judged =
        Command::new("xmllint").args(["--nonet", "--noout", "--schema"]).arg(&schema).args(&files).output().unwrap();
    // A schema that refuses nothing would prove nothing.
    let broken = folder.join("broken.xml");
    std::fs::write(&broken, written(&small().0, &[small().1]).replace("<p>reject</p>", "<p>maybe</p>")).unwrap();
    let refused =
        Command::new("xmllint").args(["--nonet", "--noout", "--schema"]).arg(&schema).arg(&broken).output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
    assert!(!refused.status.success());
}

#[test]
fn names_are_those_of_the_rfc() {
    let (head, _) = small();
    let name = file_name("mail.receiver.example", &head, "a-1").unwrap();
    assert_eq!(name, "mail.receiver.example!example.com!1700000000!1700086399!a1.xml.gz");
    assert_eq!(file_name("r.example", &head, "").unwrap(), "r.example!example.com!1700000000!1700086399.xml.gz");
    assert_eq!(subject(&head, "r.example"), "Report Domain: example.com Submitter: r.example Report-ID: <r1>");
}

#[test]
fn packing_gives_the_same_octets_each_time() {
    let (head, row) = small();
    let packed = gzip(written(&head, &[row]).as_bytes());
    assert_eq!(packed, gzip(&suite::unpacked(&packed)));
    assert_eq!(packed[4..8], [0; 4]);
}

#[test]
fn what_no_report_can_say_is_not_written() {
    let (head, row) = small();
    let refused = |row: Row| Writer::new(&head).unwrap().row(&row).unwrap_err().element;
    assert_eq!(refused(Row { source_ip: None, ..row.clone() }), "source_ip");
    assert_eq!(refused(Row { disposition: Some(Disposition::Unknown), ..row.clone() }), "disposition");
    assert_eq!(refused(Row { dkim: None, ..row.clone() }), "dkim");
    assert_eq!(refused(Row { spf_results: vec![row.spf_results[0].clone(); 2], ..row.clone() }), "spf");
    let sampled = Override { kind: Some(OverrideKind::SampledOut), comment: String::new() };
    assert_eq!(refused(Row { reasons: vec![sampled], ..row.clone() }), "type");
    assert_eq!(Writer::new(&Head { begin: None, ..head.clone() }).unwrap_err().element, "begin");
    assert_eq!(Writer::new(&head).unwrap().finish().unwrap_err().element, "record");

    let mut writer = Writer::new(&head).unwrap();
    writer.row(&Row { spf: None, ..row.clone() }).unwrap_err();
    writer.row(&row).unwrap();
    assert_eq!(writer.finish().unwrap(), written(&head, &[row]), "a row that fails leaves nothing behind");
}

/// Any text that XML can hold and that is not changed by being trimmed.
fn text() -> impl Strategy<Value = String> {
    "[^\\p{C}\\p{Z}]{1,8}( [^\\p{C}\\p{Z}]{1,8}){0,3}"
}

/// Any domain.
fn domain() -> impl Strategy<Value = String> {
    "[a-z0-9_-]{1,12}(\\.[a-z0-9-]{1,9}){1,3}"
}

/// Any head.
fn head() -> impl Strategy<Value = Head> {
    let asked = || select(vec![Disposition::None, Disposition::Quarantine, Disposition::Reject]);
    let alignment = || of(select(vec![Alignment::Relaxed, Alignment::Strict]));
    let method = of(select(vec![Discovery::Psl, Discovery::Treewalk]));
    let policy =
        (domain(), asked(), of(asked()), of(asked()), alignment(), alignment(), of(any::<bool>()), method, "(0|1:d)?");
    let policy = policy.prop_map(|(domain, p, sp, np, adkim, aspf, testing, discovery_method, fo)| Policy {
        domain,
        adkim,
        aspf,
        p: Some(p),
        sp,
        np,
        pct: None,
        fo,
        testing,
        discovery_method,
    });
    let texts = (text(), text(), of(text()), text(), vec(text(), 0..2), of(text()));
    (texts, 0..9_999_990_000_i64, 0..90_000_i64, policy).prop_map(|(texts, begin, length, policy)| Head {
        namespace: NAMESPACE.into(),
        version: "1.0".into(),
        org_name: texts.0,
        email: texts.1,
        extra_contact_info: texts.2.unwrap_or_default(),
        report_id: texts.3,
        begin: Some(begin * 1_000_000),
        end: Some((begin + length).min(9_999_999_999) * 1_000_000),
        errors: texts.4,
        generator: texts.5.unwrap_or_default(),
        policy,
    })
}

/// Any row.
fn row() -> impl Strategy<Value = Row> {
    let dispositions = vec![Disposition::None, Disposition::Pass, Disposition::Quarantine, Disposition::Reject];
    let evaluated = || select(vec![Evaluated::Pass, Evaluated::Fail]).prop_map(Some);
    let results = vec![
        AuthResult::None,
        AuthResult::Pass,
        AuthResult::Fail,
        AuthResult::Policy,
        AuthResult::Neutral,
        AuthResult::Temperror,
        AuthResult::Permerror,
    ];
    let all = [&results[..], &[AuthResult::Softfail]].concat();
    let kinds = vec![
        OverrideKind::LocalPolicy,
        OverrideKind::MailingList,
        OverrideKind::Other,
        OverrideKind::PolicyTestMode,
        OverrideKind::TrustedForwarder,
    ];
    let reason = (select(kinds), of(text()))
        .prop_map(|(kind, comment)| Override { kind: Some(kind), comment: comment.unwrap_or_default() });
    let dkim =
        (domain(), "[a-zA-Z0-9]{0,8}", select(results), of(text())).prop_map(|(domain, selector, result, human)| {
            DkimResult { domain, selector, result: Some(result), human_result: human.unwrap_or_default() }
        });
    let spf = (domain(), "(mfrom)?", select(all), of(text())).prop_map(|(domain, scope, result, human)| SpfResult {
        domain,
        scope,
        result: Some(result),
        human_result: human.unwrap_or_default(),
    });
    let judged = (select(dispositions), evaluated(), evaluated(), vec(reason, 0..3));
    let names = (domain(), of(domain()), of(domain()));
    let address = any::<std::net::IpAddr>().prop_map(|address| address.to_canonical());
    (address, 0..=10_000_000_000_u64, judged, names, vec(dkim, 0..4), vec(spf, 0..2)).prop_map(
        |(ip, count, judged, names, dkim, spf)| Row {
            source_ip: Some(ip),
            source_text: String::new(),
            count,
            disposition: Some(judged.0),
            dkim: judged.1,
            spf: judged.2,
            reasons: judged.3,
            header_from: names.0,
            envelope_from: names.1.unwrap_or_default(),
            envelope_to: names.2.unwrap_or_default(),
            dkim_results: dkim,
            spf_results: spf,
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(head in head(), rows in vec(row(), 1..6)) {
        let (report, read) = aggregate::read(written(&head, &rows)).unwrap();
        prop_assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        prop_assert_eq!(report.head, head);
        prop_assert_eq!(read, rows);
    }
}
