//! Packets, streams, cut and forged answers, TLS and HTTPS

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use sekisho_ask::{BadResolver, Resolver, ResolverConfig, Upstream};
use sekisho_core::facts::{Kind, Outcome, Record};
use sekisho_core::name::DomainName;
use sekisho_core::zone::Zone;
use sekisho_testkit::dns::{DnsServer, Manners, Transport};

use crate::{config, question, resolver, zone};

/// Returns a zone whose name `many.example` has so many TXT records of so many octets each.
fn many(records: usize, octets: usize) -> Zone {
    let mut zone = Zone::default();
    for i in 0..records {
        let text = format!("{i:0octets$}");
        let strings = sekisho_core::presentation::split_string(text.as_bytes());
        zone.add(DomainName::parse("many.example").unwrap(), Record::Txt(strings));
    }
    zone
}

/// Returns which transports were used, one after the other.
fn transports(server: &DnsServer) -> Vec<Transport> {
    server.asked().iter().map(|asked| asked.transport).collect()
}

#[tokio::test]
async fn the_number_of_txt_records_is_not_bounded() {
    for (records, octets) in [(15, 60), (100, 100), (1000, 30), (1000, 50)] {
        let zone = many(records, octets);
        let server = DnsServer::start(zone.clone());
        let question = question(Kind::Txt, "many.example");
        let answer = resolver(&server).answer(&question).await;
        assert_eq!(answer.outcome.records().len(), records);
        assert_eq!(answer.outcome, zone.answer(&question).outcome);
    }
}

#[tokio::test]
async fn small_answers_need_one_packet_and_cut_ones_are_asked_again_over_tcp() {
    let server = DnsServer::start(many(10, 50));
    assert_eq!(resolver(&server).answer(&question(Kind::Txt, "many.example")).await.outcome.records().len(), 10);
    assert_eq!(transports(&server), [Transport::Udp]);

    let server = DnsServer::start(many(100, 50));
    assert_eq!(resolver(&server).answer(&question(Kind::Txt, "many.example")).await.outcome.records().len(), 100);
    assert_eq!(transports(&server), [Transport::Udp, Transport::Tcp]);
}

#[tokio::test]
async fn an_answer_of_64_kb_comes_whole_and_a_larger_one_not_at_all() {
    // Each record takes 12 octets beside its text of 8 and one string's length.
    for (zone, outcome) in [(many(8, 8000), "answer"), (many(9, 8000), "truncated"), (many(3200, 8), "truncated")] {
        let server = DnsServer::start(zone);
        let answer = resolver(&server).answer(&question(Kind::Txt, "many.example")).await;
        assert_eq!(answer.outcome.word(), outcome);
    }
}

#[tokio::test]
async fn a_text_of_8_kb_is_read_and_a_longer_one_makes_the_answer_too_large() {
    for (octets, outcome) in [(8192, "answer"), (8193, "truncated"), (60_000, "truncated")] {
        let server = DnsServer::start(many(1, octets));
        let answer = resolver(&server).answer(&question(Kind::Txt, "many.example")).await;
        assert_eq!(answer.outcome.word(), outcome, "{octets} octets");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_had_whole_is_truncated() {
    let manners = Manners { without_tcp: true, ..Manners::default() };
    let server = DnsServer::start_with(zone("example.org A 192.0.2.1"), manners);
    let answer = resolver(&server).answer(&question(Kind::A, "example.org")).await;
    assert_eq!(answer.outcome, Outcome::Truncated);
}

#[tokio::test]
async fn forged_answers_are_ignored() {
    let manners = Manners { junk_first: true, ..Manners::default() };
    let server = DnsServer::start_with(zone("example.org A 192.0.2.1"), manners);
    let answer = resolver(&server).answer(&question(Kind::A, "example.org")).await;
    assert_eq!(answer.outcome.word(), "answer");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_lost_packet_is_sent_again() {
    let manners = Manners { deaf_for: 2, ..Manners::default() };
    let server = DnsServer::start_with(zone("example.org A 192.0.2.1"), manners);
    let config = ResolverConfig { patience: Duration::from_millis(100), tries: 20, ..config(&server) };
    let answer = Resolver::new(config).unwrap().answer(&question(Kind::A, "example.org")).await;
    assert_eq!(answer.outcome.word(), "answer");
    assert!(server.count() >= 3);
}

#[tokio::test]
async fn a_server_without_edns_is_asked_without() {
    let manners = Manners { without_edns: true, ..Manners::default() };
    let server = DnsServer::start_with(many(20, 60), manners);
    let answer = resolver(&server).answer(&question(Kind::Txt, "many.example")).await;
    assert_eq!(answer.outcome.records().len(), 20);
    // Without EDNS a packet has at most 512 octets, so the answer is cut.
    assert_eq!(transports(&server), [Transport::Udp, Transport::Udp, Transport::Tcp]);
}

#[tokio::test]
async fn the_next_name_server_is_asked_where_the_first_is_silent_or_unable() {
    for failure in ["!timeout", "!servfail", "!refused"] {
        let first = DnsServer::start(zone(&format!("example.org A {failure}\nother.example A 192.0.2.2")));
        let second = DnsServer::start(zone("example.org A 192.0.2.1"));
        let upstreams = [&first, &second].map(|server| Upstream::plain(server.address().ip(), server.address().port()));
        let config = ResolverConfig { patience: Duration::from_millis(300), ..ResolverConfig::new(upstreams.to_vec()) };
        let resolver = Resolver::new(config).unwrap();
        assert_eq!(resolver.answer(&question(Kind::A, "example.org")).await.outcome.word(), "answer", "{failure}");
        assert!(first.count() > 0 && second.count() > 0);
    }
}

#[tokio::test]
async fn nobody_there_is_a_failure_and_no_absence() {
    let address = DnsServer::start(Zone::default()).address();
    let tls = format!("tls://{address}").parse().unwrap();
    let plain = Upstream::plain(address.ip(), address.port());
    for upstream in [tls, plain] {
        let config = ResolverConfig { patience: Duration::from_millis(100), ..ResolverConfig::new(vec![upstream]) };
        let answer = Resolver::new(config).unwrap().answer(&question(Kind::A, "example.org")).await;
        assert!(answer.outcome.is_transient(), "{:?}", answer.outcome);
    }
}

/// Writes a server's certificate where a resolver can be told to trust it.
fn certificate(server: &DnsServer) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("authority-{}.pem", server.address().port()));
    std::fs::write(&path, server.certificate()).unwrap();
    path
}

/// Returns the way to ask a server inside TLS that is trusted.
fn secret(server: &DnsServer, upstream: &str) -> ResolverConfig {
    let upstream = upstream.replace("PORT", &server.address().port().to_string()).parse().unwrap();
    let patience = Duration::from_secs(5);
    ResolverConfig { authorities: Some(certificate(server)), patience, ..ResolverConfig::new(vec![upstream]) }
}

#[tokio::test]
async fn tls_and_https_bring_every_outcome() {
    let text = "example.org A 192.0.2.1\nbelow.nothing.example.org A 192.0.2.1\nbad.example.org * !servfail\nno.example.org * !refused\ncut.example.org * !truncated";
    let upstreams = [
        "tls://127.0.0.1:PORT#dns.test",
        "tls://127.0.0.1:PORT",
        "https://127.0.0.1:PORT/dns-query#dns.test",
        "https://localhost:PORT",
    ];
    for upstream in upstreams {
        let zone = zone(text);
        let manners = Manners::default();
        let server = match upstream.split_once(':').unwrap().0 {
            "tls" => DnsServer::start_tls(zone.clone(), manners),
            _ => DnsServer::start_https(zone.clone(), manners),
        };
        let resolver = Resolver::new(secret(&server, upstream)).unwrap();
        let names = [
            "example.org",
            "nothing.example.org",
            "none.example.org",
            "bad.example.org",
            "no.example.org",
            "cut.example.org",
        ];
        for name in names {
            let question = question(Kind::A, name);
            assert_eq!(resolver.answer(&question).await.outcome, zone.answer(&question).outcome, "{upstream} {name}");
        }
        assert!(server.count() >= names.len());
    }
}

#[tokio::test]
async fn a_large_answer_comes_over_tls_and_https() {
    let zone = many(1000, 50);
    let question = question(Kind::Txt, "many.example");
    let tls = DnsServer::start_tls(zone.clone(), Manners::default());
    let https = DnsServer::start_https(zone, Manners::default());
    for (server, upstream) in [(tls, "tls://127.0.0.1:PORT"), (https, "https://127.0.0.1:PORT")] {
        let resolver = Resolver::new(secret(&server, upstream)).unwrap();
        assert_eq!(resolver.answer(&question).await.outcome.records().len(), 1000, "{upstream}");
    }
}

#[tokio::test]
async fn a_stranger_inside_tls_is_not_believed() {
    for (upstream, authorities) in [("tls://127.0.0.1:PORT#other.test", true), ("tls://127.0.0.1:PORT#dns.test", false)]
    {
        let server = DnsServer::start_tls(zone("example.org A 192.0.2.1"), Manners::default());
        let mut config = secret(&server, upstream);
        if !authorities {
            config.authorities = None;
        }
        let answer = Resolver::new(config).unwrap().answer(&question(Kind::A, "example.org")).await;
        assert_eq!(answer.outcome, Outcome::Servfail, "{upstream}");
        assert_eq!(server.count(), 0, "{upstream}");
    }
}

#[tokio::test]
async fn streams_carry_many_questions_and_are_opened_anew_when_the_server_hangs_up() {
    let mut text = String::new();
    for i in 0..300 {
        text.push_str(&format!("n{i}.example A 192.0.2.1\n"));
    }
    let many = DnsServer::start_tls(zone(&text), Manners::default());
    let resolver = Resolver::new(secret(&many, "tls://127.0.0.1:PORT")).unwrap();
    let questions: Vec<_> = (0..300).map(|i| question(Kind::A, &format!("n{i}.example"))).collect();
    let answers = join_all(questions.iter().map(|question| resolver.answer(question))).await;
    assert!(answers.iter().all(|answer| answer.outcome.word() == "answer"));

    let rude = DnsServer::start_tls(zone(&text), Manners { hangs_up: true, ..Manners::default() });
    let resolver = Resolver::new(secret(&rude, "tls://127.0.0.1:PORT")).unwrap();
    for question in questions.iter().take(5) {
        assert_eq!(resolver.answer(question).await.outcome.word(), "answer");
    }
}

#[test]
fn a_resolver_that_cannot_be_made_says_why() {
    assert_eq!(Resolver::new(ResolverConfig::new(vec![])).unwrap_err(), BadResolver::NoUpstream);
    let upstreams = vec!["192.0.2.53".parse().unwrap()];
    for (name, content) in [
        ("missing.pem", None),
        ("empty.pem", Some("")),
        ("broken.pem", Some("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n")),
    ] {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let config = ResolverConfig { authorities: Some(path), ..ResolverConfig::new(upstreams.clone()) };
        let error = Resolver::new(config).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}
