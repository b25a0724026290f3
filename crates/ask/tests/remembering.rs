//! What is asked once, and for how long it is remembered

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sekisho_ask::{Resolver, ResolverConfig, Source};
use sekisho_core::facts::{Answer, Kind};
use sekisho_testkit::dns::{DnsServer, Manners};
use tokio::time::Instant;

use crate::{config, question, resolver, zone};

/// A name of every outcome that an answering server has.
const ZONE: &str =
    "here.example A 192.0.2.1\nbelow.empty.example A 192.0.2.1\nbroken.example * !servfail\nrefused.example * !refused";
/// Those names, and the time to live of their answers where the server says 300.
const NAMES: [(&str, u32); 5] = [
    ("here.example", 300),
    ("empty.example", 300),
    ("none.example", 300),
    ("broken.example", 5),
    ("refused.example", 5),
];

#[tokio::test]
async fn an_answer_is_asked_once_whatever_it_is() {
    let server = DnsServer::start(zone(ZONE));
    let resolver = resolver(&server);
    for (name, ttl) in NAMES {
        let question = question(Kind::A, name);
        let first = resolver.answer(&question).await;
        let second = resolver.clone().answer(&question).await;
        assert!(Arc::ptr_eq(&first, &second), "{name}");
        assert_eq!(first.ttl, ttl, "{name}");
        assert_eq!(server.count_of(&question), 1, "{name}");
    }
}

#[tokio::test]
async fn the_same_question_is_on_its_way_once() {
    // With a time to live of zero nothing is remembered: only those who wait together share.
    let manners = Manners { ttl: Some(0), delay: Duration::from_millis(50), ..Manners::default() };
    let server = DnsServer::start_with(zone(ZONE), manners);
    let resolver = resolver(&server);
    for (name, _) in NAMES {
        let question = question(Kind::A, name);
        let answers = join_all((0..200).map(|_| resolver.answer(&question))).await;
        assert!(answers.iter().all(|answer| Arc::ptr_eq(answer, &answers[0])), "{name}");
        assert_eq!(server.count_of(&question), 1, "{name}");
    }
}

#[tokio::test]
async fn an_answer_of_no_time_is_asked_again() {
    let server = DnsServer::start_with(zone(ZONE), Manners { ttl: Some(0), ..Manners::default() });
    let resolver = resolver(&server);
    for (name, ttl) in NAMES {
        let question = question(Kind::A, name);
        // A failure has no time to live of its own: it is remembered all the same.
        let failed = ttl == 5;
        assert_eq!(resolver.answer(&question).await.ttl, if failed { 5 } else { 0 }, "{name}");
        resolver.answer(&question).await;
        assert_eq!(server.count_of(&question), if failed { 1 } else { 2 }, "{name}");
    }
}

/// Returns the answer of a server that gives everything this time to live.
async fn answer(name: &str, ttl: u32, without_soa: bool) -> Arc<Answer> {
    let server = DnsServer::start_with(zone(ZONE), Manners { ttl: Some(ttl), without_soa, ..Manners::default() });
    resolver(&server).answer(&question(Kind::A, name)).await
}

#[tokio::test]
async fn times_to_live_are_clamped() {
    assert_eq!(answer("here.example", 7, false).await.ttl, 7);
    assert_eq!(answer("here.example", 1 << 30, false).await.ttl, 86_400);
    // RFC 2181 §8: with the highest bit set it is zero.
    assert_eq!(answer("here.example", 1 << 31, false).await.ttl, 0);
    for absent in ["empty.example", "none.example"] {
        assert_eq!(answer(absent, 7, false).await.ttl, 7);
        assert_eq!(answer(absent, 1 << 30, false).await.ttl, 10_800);
        assert_eq!(answer(absent, 7, true).await.ttl, 60);
    }
}

#[tokio::test]
async fn a_silent_server_is_not_asked_again_at_once() {
    let server = DnsServer::start(zone("slow.example * !timeout"));
    let config = ResolverConfig { patience: Duration::from_millis(20), ..config(&server) };
    let resolver = Resolver::new(config).unwrap();
    let question = question(Kind::A, "slow.example");
    let first = resolver.answer(&question).await;
    assert_eq!((first.outcome.word(), first.ttl), ("timeout", 5));
    assert!(Arc::ptr_eq(&first, &resolver.answer(&question).await));
    assert!(server.wait_for(3, Duration::from_secs(10)));
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn who_waits_takes_over_from_who_goes_away() {
    let server = DnsServer::start_with(zone(ZONE), Manners { delay: Duration::from_millis(200), ..Manners::default() });
    let resolver = resolver(&server);
    let question = question(Kind::A, "here.example");
    let impatient = tokio::time::timeout(Duration::from_millis(10), resolver.answer(&question));
    let (gone, stayed) = tokio::join!(impatient, resolver.answer(&question));
    assert!(gone.is_err());
    assert_eq!(stayed.outcome.word(), "answer");
}

#[tokio::test]
async fn what_was_asked_and_found_is_counted() {
    let server = DnsServer::start(zone(ZONE));
    let resolver = resolver(&server);
    for (name, _) in NAMES {
        resolver.answer(&question(Kind::A, name)).await;
        resolver.answer(&question(Kind::A, name)).await;
    }
    let source = Source::Dns(resolver.clone());
    source.answer(&question(Kind::A, "late.example"), Instant::now()).await;
    let counts = resolver.counts();
    // One of each: an answer, no data, no name, a failure, a refusal.
    assert_eq!((counts.asked, counts.late, counts.found), (10, 1, [1, 1, 1, 1, 0, 1, 0]));
}
