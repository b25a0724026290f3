//! SPF under generated records and worlds: how the facts arrive never changes the verdict, and nothing panics

use std::net::IpAddr;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_core::facts::{Answer, Facts, Kind, Missing, Outcome, Question, Record};
use sekisho_core::name::DomainName;
use sekisho_core::presentation::split_string;
use sekisho_core::step::{Check, Step, Trace};
use sekisho_core::zone::Zone;
use sekisho_mail::policy::Policy;
use sekisho_mail::spf::{Judgement, Request, judge};
use sekisho_mail::verdict::{Identity, SpfVerdict};

use crate::spf_worlds::assert_speaks;

/// The domains of the generated worlds.
const DOMAINS: usize = 5;

/// Returns the name of a domain.
fn domain(number: usize) -> DomainName {
    DomainName::parse(format!("d{number}.example")).unwrap()
}

/// A domain-spec.
fn domain_spec() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => (0..DOMAINS + 1).prop_map(|number| format!("d{number}.example")),
        2 => "%\\{[dolshipv][0-3]?r?[.-]?\\}(\\.example)?".prop_map(|text| text.replace("0", "")),
        1 => (0..DOMAINS).prop_map(|number| format!("%{{p}}.d{number}.example")),
        1 => Just("a..b.example".to_owned()),
    ]
}

/// A term, mostly a sound one.
fn term() -> impl Strategy<Value = String> {
    let mechanism = prop_oneof![
        3 => domain_spec().prop_map(|spec| format!("include:{spec}")),
        3 => domain_spec().prop_map(|spec| format!("a:{spec}")),
        3 => domain_spec().prop_map(|spec| format!("mx:{spec}")),
        1 => domain_spec().prop_map(|spec| format!("exists:{spec}")),
        1 => domain_spec().prop_map(|spec| format!("ptr:{spec}")),
        1 => Just("a/24//64".to_owned()),
        1 => Just("mx".to_owned()),
        1 => Just("ptr".to_owned()),
        1 => (0u8..4).prop_map(|host| format!("ip4:192.0.2.{host}")),
        1 => Just("ip6:2001:db8::/32".to_owned()),
        1 => Just("all".to_owned()),
    ];
    let modifier = prop_oneof![
        4 => domain_spec().prop_map(|spec| format!("redirect={spec}")),
        3 => domain_spec().prop_map(|spec| format!("exp={spec}")),
        1 => "[a-z=:%{}/.]{1,12}",
    ];
    prop_oneof![9 => ("[-+~?]?", mechanism).prop_map(|(sign, text)| sign + &text), 1 => modifier]
}

/// A world of a few domains that point at each other.
fn world() -> impl Strategy<Value = Zone> {
    let record = vec(term(), 1..9).prop_map(|terms| format!("v=spf1 {}", terms.join(" ")));
    let words = prop_oneof![9 => record, 1 => Just("why %{s} %{p} %{c}".to_owned())];
    let host = (0..DOMAINS + 1, 0u8..4);
    let texts = prop_oneof![12 => vec(words.clone(), 1), 1 => vec(words, 0..3)];
    let failure = proptest::option::weighted(0.05, 0..Kind::ALL.len());
    let node = (texts, vec(0u8..4, 0..3), vec(0..DOMAINS + 1, 0..12), failure);
    (vec(node, DOMAINS), vec(host, 0..12)).prop_map(|(nodes, hosts)| {
        let mut zone = Zone::default();
        for (number, (texts, addresses, exchangers, failure)) in nodes.into_iter().enumerate() {
            for text in texts {
                zone.add(domain(number), Record::Txt(split_string(text.as_bytes())));
            }
            for host in addresses {
                zone.add(domain(number), Record::A([192, 0, 2, host].into()));
            }
            for to in exchangers {
                zone.add(domain(number), Record::Mx { preference: 0, exchange: domain(to) });
            }
            if let Some(kind) = failure {
                zone.add_failure(domain(number), Some(Kind::ALL[kind]), Outcome::Servfail);
            }
        }
        for (to, host) in hosts {
            let reverse = DomainName::parse(format!("{host}.2.0.192.in-addr.arpa")).unwrap();
            zone.add(reverse, Record::Ptr(domain(to)));
        }
        zone
    })
}

/// Judges a mail of the first domain from where the judgement waited, and holds that against judging it from the start.
fn judged(judgement: &mut Judgement, facts: &Facts, client: IpAddr, trace: &mut Trace) -> Result<SpfVerdict, Missing> {
    let from = b"some-body@d0.example";
    let request = Request {
        identity: Identity::MailFrom,
        client_ip: client,
        helo: b"d1.example",
        mail_from: from,
        receiver: None,
    };
    let (policy, now) = (Policy::default(), Timestamp::UNIX_EPOCH);
    let mut anew = Trace::new(Check::Spf);
    let expected = judge(facts, &request, &policy, now, &mut anew);
    let judged = judgement.proceed(facts, &request, &policy, now, trace);
    assert_eq!(judged, expected);
    assert_eq!(trace.steps(), anew.steps());
    judged
}

/// Judges with as many answers a round as `pick` takes of what is missing; returns the facts that it took.
fn heard(
    zone: &Zone,
    client: IpAddr,
    mut facts: Facts,
    pick: fn(Vec<Question>) -> Vec<Question>,
) -> (SpfVerdict, Vec<Step>, Facts) {
    let (mut judgement, mut trace) = (Judgement::default(), Trace::new(Check::Spf));
    loop {
        match judged(&mut judgement, &facts, client, &mut trace) {
            Ok(verdict) => return (verdict, trace.into_steps(), facts),
            Err(Missing(missing)) => {
                assert!(!missing.is_empty() && missing.iter().all(|question| !facts.has(question)));
                for question in pick(missing) {
                    facts.insert(question.clone(), zone.answer(&question).into());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn how_the_facts_arrive_changes_nothing(zone in world(), host in 0u8..4, v6 in any::<bool>()) {
        let client: IpAddr = if v6 { "2001:db8::1".parse().unwrap() } else { [192, 0, 2, host].into() };
        let (verdict, steps, facts) = heard(&zone, client, Facts::default(), |missing| missing);
        prop_assert!(facts.len() <= 111, "{} questions", facts.len());
        prop_assert!(verdict.lookups <= 10 && verdict.void_lookups <= 3);
        let first = heard(&zone, client, Facts::default(), |missing| missing.into_iter().take(1).collect());
        prop_assert_eq!((&first.0, &first.1), (&verdict, &steps));
        let last = heard(&zone, client, Facts::default(), |mut missing| missing.split_off(missing.len() - 1));
        prop_assert_eq!((&last.0, &last.1), (&verdict, &steps));
        let at_once = heard(&zone, client, facts, |missing| panic!("asked again for {missing:?}"));
        prop_assert_eq!((&at_once.0, &at_once.1), (&verdict, &steps));
    }

    #[test]
    fn no_octets_make_it_panic(
        records in vec(vec(prop_oneof![2 => any::<u8>(), 3 => proptest::sample::select(&b" %{}:/=.-+adiprmx0123469"[..])], 0..120), 1..3),
        words in vec(any::<u8>(), 0..80),
        helo in vec(any::<u8>(), 0..40),
        mail_from in vec(any::<u8>(), 0..40),
        v6 in any::<bool>(),
    ) {
        let client_ip = if v6 { "2001:db8::1" } else { "192.0.2.1" }.parse().unwrap();
        let local = [mail_from.as_slice(), b"@d0.example"].concat();
        for mail_from in [mail_from.as_slice(), &local] {
            let request = Request { identity: Identity::MailFrom, client_ip, helo: &helo, mail_from, receiver: None };
            let mut trace = Trace::new(Check::Spf);
            let mut facts = Facts::default();
            let mut rounds = 0;
            while let Err(Missing(missing)) = judge(&facts, &request, &Policy::default(), Timestamp::UNIX_EPOCH, &mut trace) {
                for question in missing {
                    let mut texts: Vec<Record> = Vec::new();
                    if question.kind == Kind::Txt && question.name == domain(0) {
                        let record = |text: &Vec<u8>| Record::Txt(split_string(&[b"v=spf1 ", text.as_slice()].concat()));
                        texts.extend(records.iter().take(1 + records.len() / 2).map(record));
                    } else if question.kind == Kind::Txt {
                        texts.push(Record::Txt(split_string(&words)));
                    }
                    let outcome = if texts.is_empty() { Outcome::NoName } else { Outcome::Records(texts) };
                    facts.insert(question, Answer::new(outcome, 60).into());
                }
                rounds += 1;
                prop_assert!(rounds < 50);
            }
            assert_speaks(&trace);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    // Every name is another one, every exchanger list is full, and records nest as deep as they may.
    #[test]
    fn no_world_costs_more_than_111_questions(records in vec(vec(0usize..7, 1..14), 1..6), v6 in any::<bool>()) {
        let answer = |question: &Question| {
            let name = &question.name;
            let below = |label: String| name.child(label.as_bytes()).unwrap();
            let kinds = &records[question.name.as_wire().len() % records.len()];
            let term = |(at, kind): (usize, &usize)| match kind {
                0 | 1 => format!(" ?include:t{at}.{name}"),
                2 | 3 => format!(" mx:t{at}.{name}"),
                4 => format!(" a:t{at}.{name}"),
                5 => format!(" exists:%{{p}}.t{at}.{name}"),
                _ => " ?ptr".to_owned(),
            };
            let hosts = (0..10).map(|host| below(format!("h{host}")));
            Outcome::Records(match question.kind {
                Kind::Txt => {
                    let terms: String = kinds.iter().enumerate().map(term).collect();
                    let text = format!("v=spf1{terms} -all exp=%{{p}}.why.{name}");
                    vec![Record::Txt(split_string(text.as_bytes()))]
                }
                Kind::Mx => hosts.map(|exchange| Record::Mx { preference: 0, exchange }).collect(),
                Kind::Ptr => hosts.map(Record::Ptr).collect(),
                Kind::A if name.to_string().starts_with("unknown") => return Outcome::NoName,
                Kind::A => vec![Record::A([198, 51, 100, 1].into())],
                Kind::Aaaa => vec![Record::Aaaa("2001:db8:1::1".parse().unwrap())],
            })
        };
        let client: IpAddr = if v6 { "2001:db8::1".parse().unwrap() } else { [192, 0, 2, 1].into() };
        let mut facts = Facts::default();
        let mut trace = Trace::new(Check::Spf);
        let mut judgement = Judgement::default();
        while let Err(Missing(missing)) = judged(&mut judgement, &facts, client, &mut trace) {
            for question in missing {
                let outcome = answer(&question);
                facts.insert(question, Answer::new(outcome, 60).into());
            }
        }
        prop_assert!(facts.len() <= 111, "{} questions", facts.len());
    }
}
