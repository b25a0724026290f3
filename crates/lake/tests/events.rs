//! Events for tests, and a lake that is asked in one line

use std::path::Path;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use sekisho_core::event::{
    AggregateEvent, Event, FactEvent, FactHash, FailureEvent, MailEvent, SignatureEvent, TlsEvent,
};
use sekisho_lake::{Lake, Settings};

/// 2026-11-22, noon.
pub(crate) const NOON: i64 = 1_795_348_800_000_000;

/// Settings of a small machine: two threads, and files are replaced at once.
pub(crate) fn small() -> Settings {
    Settings { threads: 2, memory: 64 << 20, grace: std::time::Duration::ZERO, ..Settings::default() }
}

/// Opens a lake that no crash has touched.
pub(crate) fn open(root: &Path, settings: Settings) -> Lake {
    let opened = Lake::open(root, settings).expect("opened");
    assert_eq!(opened.damages, []);
    opened.lake
}

/// Returns a runtime to wait with.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Asks, and returns the rows.
pub(crate) fn rows(lake: &Lake, sql: &str) -> Vec<RecordBatch> {
    runtime().block_on(async { lake.ask(sql).await.expect(sql).collect().await.expect(sql) })
}

/// Asks for one number.
pub(crate) fn number(lake: &Lake, sql: &str) -> i64 {
    let rows = rows(lake, sql);
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 1, "{sql}");
    rows[0].column(0).as_primitive::<Int64Type>().value(0)
}

/// Asks for the rows as JSON lines.
pub(crate) fn json(lake: &Lake, sql: &str) -> String {
    let mut text = Vec::new();
    for batch in rows(lake, sql) {
        sekisho_lake::print::json(&batch, &mut text).expect("printed");
    }
    String::from_utf8(text).expect("UTF-8")
}

/// Returns a mail of one of ten domains.
pub(crate) fn mail(id: usize) -> Event {
    Event::Mail(Box::new(MailEvent {
        at: NOON + i64::try_from(id).expect("small") * 1_000,
        id: format!("m{id:06}"),
        client_ip: Some(format!("192.0.2.{}", id % 250)),
        author_domain: Some(format!("d{}.example", id % 10)),
        recipient_domains: vec!["here.example".into()],
        dkim: vec![SignatureEvent {
            result: "pass".into(),
            domain: Some("d.example".into()),
            ..SignatureEvent::default()
        }],
        dmarc_result: if id.is_multiple_of(3) { "fail" } else { "pass" }.into(),
        dkim_aligned: !id.is_multiple_of(3),
        facts: vec![FactHash([u8::try_from(id % 256).expect("small"); 16])],
        ..MailEvent::default()
    }))
}

/// Returns a fact, first used at some second of the day.
pub(crate) fn fact(content: u8, second: i64) -> Event {
    Event::Fact(Box::new(FactEvent {
        at: NOON + second * 1_000_000,
        hash: FactHash([content; 16]),
        kind: "TXT".into(),
        name: format!("f{content}.example"),
        outcome: "answer".into(),
        records: vec!["\"v=spf1 -all\"".into()],
    }))
}

/// Returns a row of a report.
pub(crate) fn aggregate(report: &str, row: u32) -> Event {
    Event::Aggregate(Box::new(AggregateEvent {
        at: NOON,
        until: NOON + 86_400_000_000,
        report: report.into(),
        org: "Receiver".into(),
        submitter: Some("receiver.example".into()),
        policy_domain: "example.org".into(),
        source_ip: "192.0.2.1".into(),
        count: 7,
        header_from: "example.org".into(),
        row,
        ..AggregateEvent::default()
    }))
}

/// Returns a row of a TLS report.
pub(crate) fn tls(report: &str, row: u32) -> Event {
    Event::Tls(Box::new(TlsEvent {
        at: NOON,
        report: report.into(),
        policy_domain: "example.org".into(),
        row,
        ..TlsEvent::default()
    }))
}

/// Returns what a failure report tells of some mails.
pub(crate) fn failure(report: &str, count: u64) -> FailureEvent {
    FailureEvent {
        at: NOON,
        report: report.into(),
        org: "dns; mx.receiver.example".into(),
        submitter: Some("receiver.example".into()),
        reported_domain: "example.org".into(),
        envelope_to: vec!["receiver.example".into()],
        source_ip: Some("192.0.2.9".into()),
        count,
        auth_failure: vec!["dmarc".into(), "spf".into()],
        ..FailureEvent::default()
    }
}
