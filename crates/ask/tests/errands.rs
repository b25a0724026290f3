//! Rounds between a judge and its source, deadlines and budgets

use std::time::{Duration, Instant};

use sekisho_ask::{Errand, Resolver, ResolverConfig, Source};
use sekisho_core::facts::{Answer, Facts, Kind, Missing, Outcome, Question};
use sekisho_testkit::dns::{DnsServer, Manners};

use crate::{config, question, source, zone};

/// A judge that wants all of these at once and tells their outcomes.
fn wants<'a>(questions: &'a [Question]) -> impl FnMut(&Facts) -> Result<Vec<&'static str>, Missing> + 'a {
    move |facts| {
        let missing = facts.unanswered(questions.iter().cloned());
        if !missing.is_empty() {
            return Err(Missing(missing));
        }
        questions.iter().map(|question| facts.get(question).map(|answer| answer.outcome.word())).collect()
    }
}

/// Returns so many questions.
fn numbered(count: usize) -> Vec<Question> {
    (0..count).map(|i| question(Kind::A, &format!("n{i}.example"))).collect()
}

#[tokio::test]
async fn a_judge_is_asked_until_it_is_content_and_each_question_goes_out_once() {
    let server = DnsServer::start(zone("a.example CNAME b.example\nb.example A 192.0.2.1\nc.example A 192.0.2.2"));
    let (a, b, c) = (question(Kind::A, "a.example"), question(Kind::A, "b.example"), question(Kind::A, "c.example"));
    let (mut facts, mut errand) = (Facts::default(), Errand::default());
    let verdict = source(&server)
        .satisfy(&mut facts, &mut errand, |facts| {
            // Names the same question twice, then one more that depends on it.
            let first = facts.get(&a).map_err(|_| Missing(vec![a.clone(), b.clone(), a.clone()]))?.outcome.clone();
            facts.get(&c)?;
            Ok(first)
        })
        .await
        .unwrap();
    assert_eq!(verdict.word(), "answer");
    assert_eq!((errand.rounds(), errand.asked(), errand.denied()), (2, 3, 0));
    assert_eq!([&a, &b, &c].map(|question| server.count_of(question)), [1, 1, 1]);
}

#[tokio::test]
async fn a_judge_that_asks_for_what_it_was_told_is_stuck() {
    let source = Source::Zone(zone("a.example A 192.0.2.1"));
    let again = question(Kind::A, "a.example");
    let mut facts = Facts::default();
    let judge = |_: &Facts| Err::<(), _>(Missing(vec![again.clone()]));
    let stuck = source.satisfy(&mut facts, &mut Errand::default(), judge).await.unwrap_err();
    assert_eq!(stuck.asked, std::slice::from_ref(&again));
    assert!(stuck.to_string().contains("`A a.example`"), "{stuck}");
    let nothing = |_: &Facts| Err::<(), _>(Missing(vec![]));
    assert!(source.satisfy(&mut facts, &mut Errand::default(), nothing).await.is_err());
}

#[tokio::test]
async fn a_judge_without_end_is_stuck_and_not_heard_forever() {
    let source = Source::Zone(zone("a.example A 192.0.2.1"));
    let (mut facts, mut errand) = (Facts::default(), Errand::new(Duration::ZERO, 0));
    let judge = |facts: &Facts| Err::<(), _>(Missing(vec![question(Kind::A, &format!("n{}.example", facts.len()))]));
    assert!(source.satisfy(&mut facts, &mut errand, judge).await.is_err());
    assert!(facts.iter().all(|(_, answer)| answer.outcome == Outcome::Timeout));
}

#[tokio::test]
async fn beyond_the_budget_nothing_is_asked() {
    let server = DnsServer::start(zone("n0.example A 192.0.2.1\nn1.example A 192.0.2.1"));
    let questions = numbered(10);
    let (mut facts, mut errand) = (Facts::default(), Errand::new(Errand::DEADLINE, 4));
    let outcomes = source(&server).satisfy(&mut facts, &mut errand, wants(&questions)).await.unwrap();
    assert_eq!(outcomes[..4], ["answer", "answer", "nxdomain", "nxdomain"]);
    assert_eq!(outcomes[4..], ["timeout"; 6]);
    assert_eq!((errand.asked(), errand.denied(), server.count()), (4, 6, 4));
}

#[tokio::test]
async fn at_the_deadline_what_is_unanswered_is_a_time_out_and_the_rest_is_not() {
    let server = DnsServer::start(zone("slow.example * !timeout\nn0.example A 192.0.2.1"));
    let source = source(&server);
    let questions =
        [question(Kind::A, "slow.example"), question(Kind::A, "n0.example"), question(Kind::A, "n1.example")];
    let (mut facts, mut errand) = (Facts::default(), Errand::new(Duration::from_secs(2), 250));
    let outcomes = source.satisfy(&mut facts, &mut errand, wants(&questions)).await.unwrap();
    assert_eq!(outcomes, ["timeout", "answer", "nxdomain"]);
    assert_eq!(facts.get(&questions[0]).unwrap().ttl, 0);

    // The deadline is the whole verdict's: the next round asks nothing any more.
    let late = [question(Kind::A, "late.example")];
    let before = server.count();
    assert_eq!(source.satisfy(&mut facts, &mut errand, wants(&late)).await.unwrap(), ["timeout"]);
    assert_eq!((server.count(), errand.denied()), (before, 1));
}

#[tokio::test]
async fn a_zone_that_never_answers_costs_only_itself() {
    let server = DnsServer::start(zone("hole.example * !timeout\nn0.example A 192.0.2.1"));
    let config = ResolverConfig { patience: Duration::from_secs(60), ..config(&server) };
    let source = Source::Dns(Resolver::new(config).unwrap());
    let black_hole = async {
        let holes: Vec<_> = (0..50).map(|_| question(Kind::A, "hole.example")).collect();
        source.satisfy(&mut Facts::default(), &mut Errand::new(Duration::from_secs(60), 250), wants(&holes)).await
    };
    let others = async {
        let mut outcomes = Vec::new();
        for i in 0..100 {
            let questions = [question(Kind::A, &format!("n{i}.example"))];
            outcomes.extend(
                source.satisfy(&mut Facts::default(), &mut Errand::default(), wants(&questions)).await.unwrap(),
            );
        }
        outcomes
    };
    // The hole is asked first, and is still waited for when a hundred others, one after the other, are done.
    let outcomes = tokio::select! {
        biased;
        _ = black_hole => panic!("the black hole answered"),
        outcomes = others => outcomes,
    };
    assert_eq!((outcomes[0], &outcomes[1..]), ("answer", &["nxdomain"; 99][..]));
    assert_eq!(server.count_of(&question(Kind::A, "hole.example")), 1);
}

#[tokio::test]
async fn a_round_asks_everything_at_once() {
    // One after the other these would take at least ten seconds.
    let manners = Manners { delay: Duration::from_millis(100), ..Manners::default() };
    let server = DnsServer::start_with(zone("n0.example A 192.0.2.1"), manners);
    let questions = numbered(100);
    let begin = Instant::now();
    source(&server).satisfy(&mut Facts::default(), &mut Errand::default(), wants(&questions)).await.unwrap();
    assert_eq!(server.count(), 100);
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn facts_replay_a_verdict_and_ask_nobody() {
    let known = question(Kind::A, "known.example");
    let recorded: Facts = [(known.clone(), Answer::new(Outcome::NoName, 77))].into_iter().collect();
    let mut facts = Facts::default();
    let questions = [known.clone(), question(Kind::A, "unknown.example")];
    let source = Source::Facts(recorded);
    let outcomes = source.satisfy(&mut facts, &mut Errand::default(), wants(&questions)).await.unwrap();
    assert_eq!(outcomes, ["nxdomain", "timeout"]);
    assert_eq!(facts.get(&known).unwrap().ttl, 77);
}

#[tokio::test]
async fn errands_can_be_run_in_tasks_of_their_own() {
    let server = DnsServer::start(zone("n0.example A 192.0.2.1"));
    let source = source(&server);
    let task = tokio::spawn(async move {
        let questions = numbered(2);
        source.satisfy(&mut Facts::default(), &mut Errand::default(), wants(&questions)).await
    });
    assert_eq!(task.await.unwrap().unwrap(), ["answer", "nxdomain"]);
}
