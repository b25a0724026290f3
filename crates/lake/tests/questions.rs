//! The house's questions: each text is understood, and answers what it should

use jiff::civil::{Date, date};
use sekisho_core::event::{AggregateEvent, Event, FactHash, FailureEvent, MailEvent};
use sekisho_core::search::plain;
use sekisho_core::sums::{PolicyDomain, Sender};
use sekisho_lake::Lake;
use sekisho_lake::questions::Days;
use tempfile::TempDir;

use crate::events::{NOON, aggregate, fact, failure, mail, open, runtime, small, tls};

/// The day of the test's Events.
const DAY: Date = date(2026, 11, 22);

/// Runs a check on Events in segments, in files, and in one file.
pub(crate) fn at_every_stage(events: &[Event], check: impl Fn(&Lake)) {
    let root = TempDir::new().expect("a folder");
    let lake = open(root.path(), small());
    let (one, other) = events.split_at(events.len() / 2);
    lake.append(one).expect("acknowledged");
    check_after(&lake, other, check);
}

/// Runs a check when the second half of the Events is in a segment, a file, and one file with the first.
fn check_after(lake: &Lake, other: &[Event], check: impl Fn(&Lake)) {
    runtime().block_on(lake.settle_all()).expect("settled");
    lake.append(other).expect("acknowledged");
    check(lake);
    runtime().block_on(lake.settle_all()).expect("settled");
    check(lake);
    runtime().block_on(lake.compact()).expect("compacted");
    check(lake);
}

#[test]
fn top_senders_of_a_day() {
    let events: Vec<_> = (0..1_000).map(mail).collect();
    at_every_stage(&events, |lake| {
        let senders = runtime().block_on(lake.top_senders("d3.example", DAY, 2)).expect("answered");
        // 3, 253, 503, 753: of the four with this address, two are multiples of three.
        let first = Sender {
            client_ip: Some("192.0.2.103".into()),
            mails: 4,
            pass: 3,
            fail: 1,
            spf_aligned: 0,
            dkim_aligned: 3,
        };
        assert_eq!(senders.len(), 2);
        assert_eq!(senders[0], first);
        let none = runtime().block_on(lake.top_senders("d3.example", date(2026, 11, 23), 2)).expect("answered");
        assert_eq!(none, []);
        let hostile = runtime().block_on(lake.top_senders("' OR 1=1 --", DAY, 2)).expect("answered");
        assert_eq!(hostile, []);
    });
}

#[test]
fn streams_of_a_domain_have_their_signatures() {
    let events: Vec<_> = (0..100).map(mail).collect();
    at_every_stage(&events, |lake| {
        let streams = runtime().block_on(lake.streams("d1.example", DAY.into())).expect("answered");
        assert_eq!(streams.iter().map(|stream| stream.mails).sum::<u64>(), 10);
        assert_eq!(streams[0].dkim[0].domain.as_deref(), Some("d.example"));
        assert_eq!(streams[0].first_at, NOON + 1_000);
    });
}

#[test]
fn a_mail_is_found_by_its_verdict_with_all_that_it_rests_on() {
    let events = [mail(1), mail(2), fact(1, 0), fact(2, 5), fact(2, 3)];
    at_every_stage(&events, |lake| {
        let Event::Mail(sent) = mail(2) else { panic!("a mail") };
        let found = runtime().block_on(lake.mail("m000002", None, NOON)).expect("answered").expect("found");
        assert_eq!(found, *sent);
        assert_eq!(runtime().block_on(lake.mail("m000003", None, NOON)).expect("answered"), None);
        let hashes = [found.facts[0], FactHash([9; 16])];
        let facts = runtime().block_on(lake.facts(&hashes, DAY.into())).expect("answered");
        let Event::Fact(first) = fact(2, 3) else { panic!("a fact") };
        assert_eq!(facts, [*first]);
        assert_eq!(runtime().block_on(lake.facts(&[], DAY.into())).expect("answered"), []);
        let answers = runtime().block_on(lake.answers("TXT", "f2.example", DAY)).expect("answered");
        assert_eq!(answers, facts);
    });
}

#[test]
fn reports_that_prove_no_sender_are_left_out_unless_asked_for() {
    let Event::Aggregate(row) = aggregate("r", 1) else { panic!("a row") };
    let unproven = Event::Aggregate(Box::new(AggregateEvent {
        submitter: None,
        source_ip: "203.0.113.9".into(),
        spf_domain: Some("bounces.example.net".into()),
        ..*row
    }));
    let events = [aggregate("r", 0), unproven, aggregate("q", 0), tls("t", 0)];
    at_every_stage(&events, |lake| {
        let days = Days { first: date(2026, 11, 1), last: DAY };
        let reported = |unproven| runtime().block_on(lake.reported("example.org", days, unproven)).expect("answered");
        assert_eq!(
            reported(false).iter().map(|row| (&*row.source_ip, row.mails)).collect::<Vec<_>>(),
            [("192.0.2.1", 14)]
        );
        assert_eq!(reported(false)[0].day, "2026-11-22");
        assert!(reported(false)[0].submitter.is_some());
        assert_eq!(reported(true).len(), 2);
        let elsewhere = |domain, unproven| {
            let asked = lake.reported_elsewhere(domain, days, unproven);
            runtime().block_on(asked).expect("answered").iter().map(|row| row.mails).sum::<u64>()
        };
        assert_eq!((elsewhere("bounces.example.net", true), elsewhere("bounces.example.net", false)), (7, 0));
        assert_eq!((elsewhere("example.org", true), elsewhere("example.net", true)), (0, 0), "it is not about these");
        assert_eq!(runtime().block_on(lake.rows_of_report("r")).expect("answered"), 2);
        assert_eq!(runtime().block_on(lake.rows_of_report("s")).expect("answered"), 0);
        assert_eq!(runtime().block_on(lake.rows_of_report("t")).expect("answered"), 1);
    });
}

#[test]
fn mails_that_failed_are_told_as_failure_reports_tell_them() {
    let (first, later) = (failure("f.0", 2), FailureEvent { at: NOON + 60_000_000, ..failure("g.0", 5) });
    let below = FailureEvent { reported_domain: "news.example.org".into(), source_ip: None, ..failure("h.0", 1) };
    let others = FailureEvent { reported_domain: "notexample.org".into(), ..failure("i.0", 7) };
    let unproven = FailureEvent { submitter: None, ..failure("j.0", 11) };
    let other = FailureEvent { submitter: Some("quiet.example".into()), at: NOON - 60_000_000, ..failure("l.0", 1) };
    let rows = [first, later, below, others, unproven, other];
    let events: Vec<Event> = rows.iter().cloned().map(|row| Event::Failure(Box::new(row))).collect();
    at_every_stage(&events, |lake| {
        let days = Days { first: date(2026, 11, 1), last: DAY };
        let asked = |domain, unproven| runtime().block_on(lake.failures(domain, days, unproven)).expect("answered");
        let plainly = |domain, unproven| plain::failures(&events, domain, (i64::MIN, i64::MAX), unproven);
        for (domain, unproven) in
            [("example.org", false), ("example.org", true), ("news.example.org", false), ("org", true)]
        {
            assert_eq!(asked(domain, unproven), plainly(domain, unproven), "{domain}");
        }
        // Each reporter is heard before the first one is heard again.
        let told = asked("example.org", false);
        let told: Vec<_> = told.iter().map(|row| (row.submitter.as_deref(), row.mails)).collect();
        assert_eq!(told, [(Some("receiver.example"), 7), (Some("quiet.example"), 1), (Some("receiver.example"), 1)]);
        assert_eq!(asked("example.org", true).iter().map(|row| row.mails).sum::<u64>(), 20);
        assert_eq!(runtime().block_on(lake.failure("g.0")).expect("answered").as_ref(), Some(&rows[1]));
        assert_eq!(runtime().block_on(lake.failure("k.0")).expect("answered"), None);
        assert_eq!(runtime().block_on(lake.rows_of_report("g.0")).expect("answered"), 1);
    });
}

#[test]
fn what_the_gate_saw_of_a_domain_is_told_as_receivers_tell_it() {
    let judged = |id: &str, author: &str, spf: &str, change: &dyn Fn(&mut MailEvent)| {
        let mut mail = MailEvent {
            at: NOON,
            id: id.into(),
            client_ip: Some("192.0.2.1".into()),
            author_domain: Some(author.into()).filter(|author: &String| !author.is_empty()),
            spf_domain: Some(spf.into()),
            mail_from_domain: spf.into(),
            dmarc_result: "fail".into(),
            decision: "pass".into(),
            ..MailEvent::default()
        };
        change(&mut mail);
        Event::Mail(Box::new(mail))
    };
    let events = [
        judged("1", "example.org", "else.example", &|_| ()),
        judged("2", "example.org", "else.example", &|_| ()),
        judged("3", "news.example.org", "else.example", &|mail| mail.decision = "refuse".into()),
        judged("4", "list.example", "bounce.example.org", &|_| ()),
        judged("5", "notexample.org", "else.example", &|_| ()),
        judged("6", "example.org", "else.example", &|mail| mail.decision = "tempfail".into()),
        judged("7", "example.org", "else.example", &|mail| mail.unjudged = Some("busy".into())),
        judged("8", "", "example.org", &|_| ()),
        judged("9", "example.org", "else.example", &|mail| mail.client_ip = None),
        judged("0", "example.org", "else.example", &|mail| mail.at -= 86_400_000_000),
    ];
    at_every_stage(&events, |lake| {
        let rows = runtime().block_on(lake.judged("example.org", DAY.into(), true)).expect("answered");
        let mut told: Vec<_> =
            rows.iter().map(|row| (row.header_from.as_str(), row.disposition.as_str(), row.mails)).collect();
        told.sort_unstable();
        assert_eq!(told, [("example.org", "none", 2), ("list.example", "none", 1), ("news.example.org", "reject", 1)]);
        assert!(rows.iter().all(|row| row.submitter.is_none() && row.day == "2026-11-22"));
        let rows = runtime().block_on(lake.judged("example.org", DAY.into(), false)).expect("answered");
        assert_eq!(rows.iter().map(|row| row.mails).sum::<u64>(), 3);
        assert!(rows.iter().all(|row| row.header_from != "list.example"));
    });
}

#[test]
fn our_report_tells_what_was_done_and_why() {
    let judged = |id: &str, change: &dyn Fn(&mut MailEvent)| {
        let mut mail = MailEvent {
            at: NOON,
            id: id.into(),
            client_ip: Some("192.0.2.1".into()),
            author_domain: Some("news.example.org".into()),
            policy_domain: Some("example.org".into()),
            mail_from_domain: "example.org".into(),
            recipient_domains: vec!["here.example".into()],
            dmarc_result: "fail".into(),
            disposition: "reject".into(),
            decision: "pass".into(),
            ..MailEvent::default()
        };
        change(&mut mail);
        Event::Mail(Box::new(mail))
    };
    let events = [
        judged("1", &|mail| mail.override_type = Some("local_policy".into())),
        judged("2", &|mail| mail.override_type = Some("local_policy".into())),
        judged("3", &|mail| mail.decision = "refuse".into()),
        judged("4", &|mail| mail.decision = "quarantine-hold".into()),
        judged("5", &|mail| mail.dmarc_result = "pass".into()),
        judged("6", &|mail| mail.decision = "tempfail".into()),
        judged("7", &|mail| mail.unjudged = Some("busy".into())),
        judged("8", &|mail| mail.recipient_domains.push("there.example".into())),
        judged("9", &|mail| mail.policy_domain = Some("example.net".into())),
        judged("0", &|mail| mail.policy_domain = None),
    ];
    at_every_stage(&events, |lake| {
        let rows = runtime().block_on(lake.report_rows("example.org", DAY)).expect("answered");
        assert_eq!(
            (&*rows[0].disposition, rows[0].override_type.as_deref(), rows[0].mails),
            ("none", Some("local_policy"), 2)
        );
        assert_eq!(
            (rows[0].header_from.as_deref(), rows[0].envelope_to.as_deref()),
            (Some("news.example.org"), Some("here.example"))
        );
        let mut rest: Vec<_> =
            rows[1..].iter().map(|row| (&*row.disposition, row.envelope_to.is_some(), row.mails)).collect();
        rest.sort_unstable();
        assert_eq!(rest, [("none", false, 1), ("pass", true, 1), ("quarantine", true, 1), ("reject", true, 1)]);
        let domains = runtime().block_on(lake.policy_domains(DAY)).expect("answered");
        let domain = |policy_domain: &str, mails| PolicyDomain { policy_domain: policy_domain.into(), mails };
        assert_eq!(domains, [domain("example.net", 1), domain("example.org", 7)]);
    });
}
