//! How the facts arrive never changes a verdict: all at once, one a round, first or last question first

use std::sync::Arc;

use jiff::Timestamp;
use sekisho_core::facts::{Facts, Missing, Question};
use sekisho_core::zone::Zone;
use sekisho_mail::body::BodyHasher;
use sekisho_mail::envelope::Envelope;
use sekisho_mail::hearing::Hearing;
use sekisho_mail::message::Message;
use sekisho_mail::policy::Policy;
use sekisho_mail::verdict::{Action, ArcResult, DkimResult, DmarcResult, SpfResult, Verdict};
use sekisho_testkit::suites;
use sekisho_testkit::suites::dmarc::worlds;

use crate::dmarc_worlds::{NOW, realise};

/// One mail in its world.
struct Case {
    /// Where it comes from, for the one who reads of a failure.
    what: String,
    /// The world.
    zone: Zone,
    /// How the mail came.
    envelope: Envelope,
    /// The mail.
    mail: Vec<u8>,
    /// When it is judged.
    now: Timestamp,
}

/// In which order the questions of a round are answered, and how many of them.
#[derive(Clone, Copy, Debug)]
enum Order {
    /// All of them.
    All,
    /// Only the first.
    First,
    /// Only the last.
    Last,
    /// Some, as the bits of a number that changes from round to round say; at least one.
    Some(u64),
}

impl Order {
    /// Takes those that are answered in this round.
    fn take(&mut self, mut questions: Vec<Question>) -> Vec<Question> {
        match self {
            Order::All => {}
            Order::First => questions.truncate(1),
            Order::Last => drop(questions.drain(..questions.len() - 1)),
            Order::Some(state) => {
                // Knuth's generator: enough to mix, and the same at every run.
                let mut draw = || {
                    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    *state >> 33
                };
                let kept = questions.remove(usize::try_from(draw()).unwrap() % questions.len());
                questions.retain(|_| draw() % 2 == 0);
                questions.push(kept);
            }
        }
        questions
    }
}

/// Hears a mail with the facts arriving in an order; `facts` is what is known beforehand.
fn hear(case: &Case, mut order: Order, facts: &mut Facts) -> Verdict {
    let message = Message::parse(&case.mail);
    let header = message.header();
    let mut hearing = Hearing::open(case.envelope.clone(), Arc::new(Policy::default()));
    let mut answer = |facts: &mut Facts, missing: Missing| {
        let known = facts.len();
        let asked: Vec<Question> = missing.0.into_iter().filter(|question| !facts.has(question)).collect();
        for question in order.take(asked) {
            let answer = case.zone.answer(&question);
            facts.insert(question, Arc::new(answer));
        }
        assert!(facts.len() > known, "{}: nothing new is asked", case.what);
    };
    while let Err(missing) = hearing.proceed(facts, &header, case.now) {
        answer(facts, missing);
    }
    let mut hasher = BodyHasher::new(&hearing.body_plan());
    message.body().for_each(|piece| hasher.update(&piece));
    hearing.close(&hasher.finish());
    loop {
        match hearing.verdict(facts, &header, case.now) {
            Ok(verdict) => return verdict,
            Err(missing) => answer(facts, missing),
        }
    }
}

/// Hears a mail that is broken off after so many rounds; nothing where it needs no more than these.
fn hear_until(case: &Case, rounds: usize) -> Option<Verdict> {
    let message = Message::parse(&case.mail);
    let header = message.header();
    let mut hearing = Hearing::open(case.envelope.clone(), Arc::new(Policy::default()));
    let (mut facts, mut left) = (Facts::default(), rounds);
    let mut answer = |facts: &mut Facts, Missing(questions): Missing| {
        let is_granted = left > 0;
        left = left.saturating_sub(1);
        for question in questions.into_iter().filter(|_| is_granted) {
            let answer = Arc::new(case.zone.answer(&question));
            facts.insert(question, answer);
        }
        is_granted
    };
    let mut goes_on = true;
    while let (true, Err(missing)) = (goes_on, hearing.proceed(&facts, &header, case.now)) {
        goes_on = answer(&mut facts, missing);
    }
    let mut hasher = BodyHasher::new(&hearing.body_plan());
    message.body().for_each(|piece| hasher.update(&piece));
    hearing.close(&hasher.finish());
    while goes_on {
        match hearing.verdict(&facts, &header, case.now) {
            Ok(_) => return None,
            Err(missing) => goes_on = answer(&mut facts, missing),
        }
    }
    Some(hearing.break_off(&facts, &header, case.now))
}

/// Holds a case that is broken off to what was concluded by then, and to temperrors.
fn assert_breakable(case: &Case, full: &Verdict) {
    for (rounds, broken) in (0..).map_while(|rounds| Some((rounds, hear_until(case, rounds)?))) {
        let what = format!("{}: after {rounds}", case.what);
        let spf = |verdict: &Verdict| [&verdict.spf, &verdict.spf_helo].map(|spf| spf.as_ref().map(|spf| spf.result));
        for (broken, full) in spf(&broken).into_iter().zip(spf(full)) {
            assert!(broken == full || broken == Some(SpfResult::Temperror), "{what}: {broken:?} for {full:?}");
        }
        assert_eq!(broken.dkim.len(), full.dkim.len(), "{what}");
        for (broken, full) in broken.dkim.iter().zip(&full.dkim) {
            let results = (broken.result, full.result);
            assert!(results.0 == results.1 || results.0 == DkimResult::Temperror, "{what}: {results:?}");
        }
        assert!(broken.arc.result == full.arc.result || broken.arc.result == ArcResult::Fail, "{what}");
        let results = (broken.dmarc.result, full.dmarc.result);
        assert!(results.0 == results.1 || results.0 == DmarcResult::Temperror, "{what}: {results:?}");
        let actions = (broken.action, full.action);
        assert!(actions.0 == actions.1 || actions.0 == Action::Tempfail, "{what}: {actions:?}");
        assert_eq!(broken.author, full.author, "{what}");
        assert!(broken.steps.iter().any(|step| step.rule.id == "verdict.broken-off"), "{what}");
    }
}

/// Holds a case to one verdict in every order.
fn assert_steady(case: &Case) {
    let mut all = Facts::default();
    let verdict = hear(case, Order::All, &mut all);
    assert_breakable(case, &verdict);
    let seeds = (1..=6).map(Order::Some);
    for order in [Order::First, Order::Last].into_iter().chain(seeds) {
        let mut facts = Facts::default();
        assert_eq!(hear(case, order, &mut facts), verdict, "{}: {order:?}", case.what);
    }
    // Everything is known before the first question, and more than is needed.
    for (question, answer) in all.clone().iter() {
        let parent = question.name.parent().filter(|parent| !parent.is_root());
        for name in parent.into_iter().chain([question.name.clone()]) {
            for kind in sekisho_core::facts::Kind::ALL {
                let question = Question::new(kind, name.clone());
                let answer = case.zone.answer(&question);
                all.insert(question, Arc::new(answer));
            }
        }
        assert_eq!(all.get(question).unwrap().outcome, answer.outcome);
    }
    assert_eq!(hear(case, Order::All, &mut all), verdict, "{}: known beforehand", case.what);
}

#[test]
fn the_worlds_of_dmarc_are_judged_alike_however_the_facts_arrive() {
    let mut judged = 0;
    for world in worlds() {
        for expectation in &world.expectations {
            let real = realise(&world.zone, expectation);
            let envelope = Envelope {
                client_ip: Some([192, 0, 2, 77].into()),
                helo: Some((*b"helo.example.net").into()),
                mail_from: real.mail_from.map(|domain| format!("bounce@{domain}").into_bytes().into()),
            };
            let what = format!("{}: {}", world.title, expectation.asked);
            assert_steady(&Case { what, zone: real.zone, envelope, mail: real.mail, now: NOW.parse().unwrap() });
            judged += 1;
        }
    }
    assert_eq!(judged, 81);
}

#[test]
fn the_cases_of_the_spf_suite_are_judged_alike_however_the_facts_arrive() {
    let Some(path) = suites::find("spf/rfc7208-tests.yml") else { return };
    for scenario in suites::spf::load(&path) {
        for test in &scenario.tests {
            let domain = test.mail_from.rsplit(|&b| b == b'@').next().unwrap_or_default();
            let envelope = Envelope {
                client_ip: Some(test.host),
                helo: Some(test.helo.as_slice().into()),
                mail_from: Some(test.mail_from.as_slice().into()),
            };
            // The author is the sender, so that DMARC rests on what SPF says.
            let mail = [b"From: <author@", domain, b">\r\nSubject: x\r\n\r\nx\r\n"].concat();
            let (zone, now) = (scenario.zone.clone(), NOW.parse().unwrap());
            assert_steady(&Case { what: test.name.clone(), zone, envelope, mail, now });
        }
    }
}

#[test]
fn the_chains_of_the_arc_suite_are_judged_alike_however_the_facts_arrive() {
    let Some(scenarios) = suites::arc::validation() else { return };
    for scenario in &scenarios {
        for case in &scenario.cases {
            assert_steady(&Case {
                what: case.name.clone(),
                zone: scenario.zone.clone(),
                envelope: Envelope::default(),
                mail: case.message.clone(),
                now: NOW.parse().unwrap(),
            });
        }
    }
}
