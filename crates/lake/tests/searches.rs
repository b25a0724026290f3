//! What the web desk asks: the lake answers as `sekisho_core::search` says, at every stage of what it keeps

use jiff::civil::date;
use proptest::prelude::*;
use sekisho_core::event::{Event, FactHash, MailEvent, SignatureEvent};
use sekisho_core::search::{MailSearch, plain};
use sekisho_lake::questions::Days;
use sekisho_lake::{AskError, Lake};

use crate::events::{NOON, fact, json, runtime};
use crate::questions::at_every_stage;

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;
/// An hour in microseconds.
const HOUR: i64 = 3_600_000_000;

/// Domains of which some lie below others, and some only look so.
const DOMAINS: [&str; 5] = ["example.org", "news.example.org", "notexample.org", "shop.example", "a.shop.example"];
/// What nobody should believe.
const HOSTILE: [&str; 7] = ["' OR 1=1 --", "%", "\"", "$3", "\u{0}", "a,b", "関所"];

/// Returns the mail of a number: numbers have everything in several combinations.
fn mail(number: usize) -> MailEvent {
    let pick = |of: &[&str], every: usize| of[number / every % of.len()].to_owned();
    let signature = |domain: &str, result: &str| SignatureEvent {
        result: result.into(),
        domain: Some(domain.into()),
        ..SignatureEvent::default()
    };
    let step = i64::try_from(number).expect("small");
    MailEvent {
        // Two mails of each moment, over three days.
        at: NOON - DAY + step / 2 * (2 * DAY / 150),
        id: format!("m{number:04}"),
        queue_id: format!("4XyZ{}", number / 2),
        client_ip: (!number.is_multiple_of(11)).then(|| format!("192.0.2.{}", number % 64)),
        helo: pick(&["MX1.example", "mx2.Example.org", "[192.0.2.1]", "関所.example", "x' OR ''='"], 1),
        mail_from_domain: pick(&DOMAINS, 2),
        author_domain: (!number.is_multiple_of(13)).then(|| pick(&DOMAINS, 1)),
        recipient_domains: match number % 4 {
            0 => vec!["a.example".into()],
            1 => vec!["a.example".into(), "b.example".into()],
            2 => vec!["mail.a.example".into()],
            _ => vec![],
        },
        size: 1_000,
        spf_result: (!number.is_multiple_of(7)).then(|| pick(&["pass", "fail", "softfail"], 3)),
        dkim: match number % 3 {
            0 => vec![],
            1 => vec![signature("example.org", "fail"), signature("list.shop.example", "pass")],
            _ => vec![signature("example.org", "pass")],
        },
        arc_result: pick(&["none", "pass", "fail"], 5),
        dmarc_result: pick(&["pass", "fail", "none"], 1),
        policy: (!number.is_multiple_of(5)).then(|| pick(&["none", "reject"], 5)),
        verdict: pick(&["accept", "quarantine"], 3),
        decision: pick(&["pass", "quarantine-header", "refuse"], 2),
        ..MailEvent::default()
    }
}

/// Returns Events of some days.
fn events() -> Vec<Event> {
    (0..150).map(|number| Event::Mail(Box::new(mail(number)))).collect()
}

/// Returns a search for all of all days.
fn all() -> MailSearch {
    MailSearch { until_at: NOON + 10 * DAY, limit: 1_000, ..MailSearch::default() }
}

/// Asks for mails, and holds the answer against what the search means. Returns how many there are.
fn found(lake: &Lake, events: &[Event], search: &MailSearch) -> usize {
    let answered = runtime().block_on(lake.mails(search)).expect("answered");
    assert_eq!(answered, plain::mails(events, search), "{search:?}");
    answered.len()
}

/// Returns texts as a scope.
fn scope(domains: &[&str]) -> Vec<String> {
    domains.iter().map(|domain| (*domain).to_owned()).collect()
}

#[test]
fn mails_are_found_by_each_of_their_fields() {
    let events = events();
    /// Sets a field of a search.
    type Set = fn(&mut MailSearch, String);
    let fields: [(&str, Set); 14] = [
        ("m0017", |search, value| search.id = Some(value)),
        ("4XyZ20", |search, value| search.queue_id = Some(value)),
        ("Example.org", |search, value| search.author_domain = Some(value)),
        ("shop.example", |search, value| search.mail_from_domain = Some(value)),
        ("a.example", |search, value| search.recipient_domain = Some(value)),
        ("shop.example", |search, value| search.signer = Some(value)),
        ("192.0.2.0/28", |search, value| search.client = Some(value)),
        ("mx2.EXAMPLE", |search, value| search.helo = Some(value)),
        ("softfail", |search, value| search.spf = Some(value)),
        ("fail", |search, value| search.dkim = Some(value)),
        ("fail", |search, value| search.arc = Some(value)),
        ("none", |search, value| search.dmarc = Some(value)),
        ("quarantine", |search, value| search.verdict = Some(value)),
        ("refuse", |search, value| search.decision = Some(value)),
    ];
    at_every_stage(&events, |lake| {
        assert_eq!(found(lake, &events, &all()), 150);
        for (at, (value, set)) in fields.into_iter().enumerate() {
            let mut search = all();
            set(&mut search, value.to_owned());
            let count = found(lake, &events, &search);
            assert!((1..150).contains(&count), "{count}: {search:?}");
            set(&mut search, String::new());
            assert_eq!(found(lake, &events, &search), 150, "{search:?}");
            set(&mut search, HOSTILE[at % HOSTILE.len()].to_owned());
            found(lake, &events, &search);
        }
        assert!(found(lake, &events, &MailSearch { dkim: Some("none".into()), ..all() }) > 0);
        let both = MailSearch { signer: Some("example.org".into()), dkim: Some("pass".into()), ..all() };
        assert_eq!(found(lake, &events, &both), 50);
    });
}

#[test]
fn nobody_sees_a_mail_of_which_one_recipient_is_a_neighbours() {
    let events = events();
    at_every_stage(&events, |lake| {
        let seen = |domains: &[&str]| {
            let search = MailSearch { within: Some(scope(domains)), ..all() };
            found(lake, &events, &search)
        };
        assert_eq!(seen(&[]), 0);
        assert_eq!(seen(&["a.example"]), 75, "to a.example or mail.a.example alone");
        assert_eq!(seen(&["A.example", "b.example"]), 113);
        assert_eq!(seen(&["mail.a.example"]), 37);
        assert_eq!(seen(&["", "example", "a.example,b.example"]), seen(&["example"]));
        let mail = |id: &str, domains: &[&str]| {
            runtime().block_on(lake.mail(id, Some(&scope(domains)), NOON)).expect("answered").map(|mail| mail.id)
        };
        assert_eq!(mail("m0001", &["a.example"]), None);
        assert_eq!(mail("m0001", &["a.example", "b.example"]).as_deref(), Some("m0001"));
        assert_eq!(mail("m0003", &["a.example"]), None, "it has no recipient");
        assert_eq!(mail("m0000", &[]), None);
    });
}

#[test]
fn pages_follow_each_other_without_a_gap() {
    let events = events();
    at_every_stage(&events, |lake| {
        let (mut search, mut ids) = (MailSearch { limit: 7, ..all() }, Vec::new());
        loop {
            let page = runtime().block_on(lake.mails(&search)).expect("answered");
            let Some(last) = page.last() else { break };
            search.after = Some((last.at, last.id.clone()));
            ids.extend(page.into_iter().map(|row| row.id));
        }
        let wanted: Vec<_> = plain::mails(&events, &all()).into_iter().map(|row| row.id).collect();
        assert_eq!(ids, wanted);
        // Both ends of a span in the middle of a day, and one that begins where it ends.
        for (from_at, until_at) in
            [(NOON - HOUR, NOON + HOUR), (NOON, NOON), (i64::MIN, i64::MAX), (i64::MAX, i64::MIN)]
        {
            found(lake, &events, &MailSearch { from_at, until_at, ..all() });
        }
    });
}

#[test]
fn volumes_are_counted_by_span_and_result() {
    let events = events();
    at_every_stage(&events, |lake| {
        let asked = |from_at, until_at, step, within: Option<&[String]>| {
            let answered = runtime().block_on(lake.volumes(from_at, until_at, step, within)).expect("answered");
            assert_eq!(answered, plain::volumes(&events, from_at, until_at, step, within));
            answered.iter().map(|volume| volume.mails).sum::<u64>()
        };
        assert_eq!(asked(NOON - 2 * DAY, NOON + 2 * DAY, HOUR, None), 150);
        assert_eq!(asked(NOON - 2 * DAY, NOON + 2 * DAY, 7 * DAY, Some(&scope(&["a.example"]))), 75);
        assert_eq!(asked(NOON - 2 * DAY, NOON + 2 * DAY, HOUR, Some(&[])), 0);
        assert!((1..150).contains(&asked(NOON - HOUR, NOON + HOUR, HOUR / 4, None)));
        for step in [0, -1, i64::MIN, 1] {
            let refused = runtime().block_on(lake.volumes(0, NOON, step, None));
            assert!(matches!(refused, Err(AskError::Refused(_))), "{step}");
        }
    });
}

#[test]
fn author_domains_are_the_busiest_first() {
    let events = events();
    at_every_stage(&events, |lake| {
        let seen = |from_at, until_at, domains: Option<&[String]>, within: Option<&[String]>, limit| {
            let answered = runtime().block_on(lake.author_domains(from_at, until_at, domains, within, limit));
            let answered = answered.expect("answered");
            assert_eq!(answered, plain::author_domains(&events, from_at, until_at, domains, within, limit));
            (answered.len(), answered.iter().map(|domain| domain.mails).sum::<u64>())
        };
        let asked =
            |from_at, until_at, domains: Option<&[String]>, limit| seen(from_at, until_at, domains, None, limit).0;
        assert_eq!(asked(0, i64::MAX, None, 100), 5);
        assert_eq!(asked(0, i64::MAX, None, 2), 2);
        assert_eq!(asked(NOON - HOUR, NOON, None, 100), 5);
        assert_eq!(asked(0, i64::MAX, Some(&scope(&["example.org"])), 100), 2);
        assert_eq!(asked(0, i64::MAX, Some(&scope(&HOSTILE)), 100), 0);
        assert_eq!(asked(0, i64::MAX, Some(&[]), 100), 0);
        // Of the recipients: half of the mails are to this domain alone.
        let to = |within: &[&str]| seen(0, i64::MAX, None, Some(&scope(within)), 100).1;
        assert!((1..=75).contains(&to(&["a.example"])) && to(&["b.example"]) == 0 && to(&HOSTILE) == 0);
        assert_eq!(seen(0, i64::MAX, Some(&scope(&["example.org"])), Some(&[]), 100), (0, 0));
    });
}

#[test]
fn functions_about_domains_take_what_sql_gives_them() {
    let root = tempfile::TempDir::new().expect("a folder");
    let lake = crate::events::open(root.path(), crate::events::small());
    let said = |what: &str| json(&lake, &format!("SELECT {what} AS said")).trim().to_owned();
    for (what, expected) in [
        ("is_within('news.Example.org', 'example.ORG')", "true"),
        ("is_within('notexample.org', ['example.org', 'example.net'])", "false"),
        ("is_within('a.example.net', ['example.org', 'example.net'])", "true"),
        ("is_within('example.org', 'a,example.org')", "false"),
        ("is_within('example.org', '')", "false"),
        ("is_within(12, 12)", "true"),
        ("any_within(['b.example', 'x.a.example'], 'a.example')", "true"),
        ("any_within(make_array(), ['a.example'])", "false"),
        ("all_within(make_array(), ['a.example'])", "false"),
        ("all_within(['a.example', NULL], ['a.example'])", "false"),
        ("all_within('a.example', 'a.example')", "true"),
    ] {
        assert_eq!(said(what), format!("{{\"said\":{expected}}}"), "{what}");
    }
    for null in ["is_within(NULL, 'a')", "is_within('a', NULL)", "all_within(NULL, ['a'])", "any_within(['a'], NULL)"] {
        assert_eq!(said(null), "{\"said\":null}", "{null}");
    }
    let by_row = "SELECT is_within(d, s) AS said FROM (VALUES ('a.x', 'x'), ('a.x', 'y'), (NULL, 'y')) AS t(d, s)";
    assert_eq!(json(&lake, by_row), "{\"said\":true}\n{\"said\":false}\n{\"said\":null}\n");
    for wrong in ["has_signature('x', 'y', 'z')", "has_signature([1], 'y', 'z')", "is_within('a')"] {
        let asked = async { lake.ask(&format!("SELECT {wrong}")).await?.collect().await };
        assert!(runtime().block_on(asked).is_err(), "{wrong}");
    }
}

#[test]
fn a_mail_is_found_however_old_it_is() {
    let mut old = mail(1);
    let ages = [0, 1, 2, 7, 8, 31, 32, 300].map(|days| (NOON - days * DAY, format!("aged{days}")));
    let events: Vec<_> = ages
        .into_iter()
        .map(|(at, id)| {
            (old.at, old.id) = (at, id);
            Event::Mail(Box::new(old.clone()))
        })
        .collect();
    at_every_stage(&events, |lake| {
        for event in &events {
            let Event::Mail(sent) = event else { panic!("a mail") };
            for now in [NOON, NOON + 400 * DAY, NOON - 400 * DAY] {
                let mail = runtime().block_on(lake.mail(&sent.id, None, now)).expect("answered");
                assert_eq!(mail.as_ref(), Some(&**sent), "{now}");
            }
        }
        assert_eq!(runtime().block_on(lake.mail("aged9", None, NOON)).expect("answered"), None);
    });
}

#[test]
fn more_facts_than_one_question_has_words_are_asked_for() {
    let events: Vec<_> = (0..3).map(|number| fact(number, 0)).collect();
    let mut hashes: Vec<_> = (0..=255).flat_map(|octet| [FactHash([octet; 16]); 20]).collect();
    hashes.extend((0..2_000_u128).map(|number| FactHash((number << 64).to_be_bytes())));
    at_every_stage(&events, |lake| {
        let day = Days::from(date(2026, 11, 22));
        let mut facts = runtime().block_on(lake.facts(&hashes, day)).expect("answered");
        facts.sort_by_key(|fact| fact.hash);
        assert_eq!(facts, plain::facts(&events, &hashes));
        assert_eq!(facts.len(), 3);
    });
}

/// Returns searches in which several fields are set at once.
fn searches() -> impl Strategy<Value = MailSearch> {
    let word = |words: &'static [&'static str]| {
        proptest::option::weighted(0.3, proptest::sample::select(words).prop_map(str::to_owned))
    };
    let domains = || word(&["example.org", "shop.example", "org", "x.example.org", "' OR 1=1 --"]);
    let people =
        (domains(), domains(), domains(), word(&["192.0.2.0/27", "192.0.2.9", "::/0", "x"]), word(&["mx", "'"]));
    let results = (word(&["pass", "fail"]), word(&["pass", "fail", "none"]), word(&["pass"]), word(&["fail", "none"]));
    let span = (-30..30_i64, 0..60_i64, proptest::option::weighted(0.3, (-20..20_i64, "m00[0-9]{2}")), 0..20_u32);
    let within =
        proptest::option::weighted(0.3, proptest::sample::subsequence(vec!["a.example", "b.example", ""], 0..3));
    (people, results, span, within).prop_map(|(people, results, (from, length, after, limit), within)| MailSearch {
        from_at: NOON + from * HOUR,
        until_at: NOON + (from + length) * HOUR,
        author_domain: people.0,
        mail_from_domain: people.1,
        signer: people.2,
        client: people.3,
        helo: people.4,
        spf: results.0,
        dkim: results.1,
        arc: results.2,
        dmarc: results.3,
        within: within.map(|domains| scope(&domains)),
        after: after.map(|(hours, id)| (NOON + hours * HOUR, id)),
        limit,
        ..MailSearch::default()
    })
}

#[test]
fn whatever_is_combined_means_the_same_in_sql() {
    let events = events();
    let root = tempfile::TempDir::new().expect("a folder");
    let lake = crate::events::open(root.path(), crate::events::small());
    lake.append(&events[..70]).expect("acknowledged");
    runtime().block_on(lake.settle_all()).expect("settled");
    lake.append(&events[70..]).expect("acknowledged");
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(search in searches())| { found(&lake, &events, &search); });
}
