//! Names are asked octet by octet, and only what belongs to them is believed

use sekisho_core::facts::{Kind, Outcome, Question};
use sekisho_core::name::DomainName;
use sekisho_testkit::dns::{DnsServer, Manners};

use crate::{ask, question, resolver, zone};

/// Names that careless code mangles: escapes, dots and zeros inside labels, high octets, punctuation, full length.
fn odd_names() -> Vec<DomainName> {
    let every_octet = (0..=255u8).collect::<Vec<_>>();
    let mut names: Vec<DomainName> =
        every_octet.chunks(60).map(|label| DomainName::from_labels([label, b"example", b"com"]).unwrap()).collect();
    let longest = [["a".repeat(63).as_str(); 3].join("."), "b".repeat(61)].join(".");
    for name in [
        r"a\.b.example.com",
        r"\000.example.com",
        r"\255\254.example.com",
        r"_spf._dmarc.example.com",
        r#"\\.\".example.com"#,
        r"*.example.com",
        r"xn--\228.example.com",
        r"-.example.com",
        r"\032leading.and\032inside.example.com",
        r"example\@example.com",
        r"1.2.3.4.in-addr._spf.example.com",
        "com",
        &longest,
    ] {
        names.push(DomainName::from_presentation(name).unwrap());
    }
    names
}

#[tokio::test]
async fn odd_octets_arrive_as_they_are_and_find_their_records() {
    for name in odd_names() {
        let text = format!("{name} TXT \"here\"");
        let server = DnsServer::start(zone(&text));
        let answer = resolver(&server).answer(&Question::txt(name.clone())).await;
        assert_eq!(answer.outcome.word(), "answer", "{name}");
        assert_eq!(&*server.asked()[0].name, name.as_wire(), "{name}");
        assert_eq!(server.count(), 1);
    }
}

#[tokio::test]
async fn odd_octets_come_back_as_they_are() {
    for name in odd_names() {
        let zone = zone(&format!(
            "h.example MX 10 {name}\nh.example PTR {name}\nalias.example CNAME {name}\n{name} A 192.0.2.1"
        ));
        let server = DnsServer::start(zone.clone());
        let resolver = resolver(&server);
        for question in
            [question(Kind::Mx, "h.example"), question(Kind::Ptr, "h.example"), question(Kind::A, "alias.example")]
        {
            let answer = resolver.answer(&question).await;
            assert_eq!(answer.outcome, zone.answer(&question).outcome, "{question} {name}");
            assert_eq!(answer.outcome.word(), "answer");
        }
    }
}

#[tokio::test]
async fn names_in_one_label_get_no_search_list() {
    let server = DnsServer::start(zone("h.example A 192.0.2.1"));
    assert_eq!(ask(&server, Kind::A, "h").await, Outcome::NoName);
    assert_eq!(server.count(), 1);
    assert_eq!(&*server.asked()[0].name, b"\x01h");
}

#[tokio::test]
async fn octets_of_txt_records_are_kept_in_their_strings() {
    let zone = zone(r#"h.example TXT "" "\000\255\\\"" "three""#);
    let server = DnsServer::start(zone.clone());
    let question = question(Kind::Txt, "h.example");
    assert_eq!(resolver(&server).answer(&question).await.outcome, zone.answer(&question).outcome);
}

/// Returns a zone with a chain of so many aliases.
fn chain(aliases: usize) -> String {
    let mut text = format!("n{aliases}.example A 192.0.2.1\n");
    for i in 0..aliases {
        text.push_str(&format!("n{i}.example CNAME n{}.example\n", i + 1));
    }
    text
}

#[tokio::test]
async fn eight_aliases_are_followed_and_no_more() {
    for manners in [Manners::default(), Manners { aliases_unfollowed: true, ..Manners::default() }] {
        for (aliases, word) in [(1, "answer"), (8, "answer"), (9, "servfail"), (100, "servfail")] {
            let zone = zone(&chain(aliases));
            let server = DnsServer::start_with(zone.clone(), manners.clone());
            let outcome = ask(&server, Kind::A, "n0.example").await;
            assert_eq!(outcome.word(), word, "{aliases} aliases, {manners:?}");
            assert_eq!(outcome, zone.answer(&question(Kind::A, "n0.example")).outcome);
        }
    }
}

#[tokio::test]
async fn aliases_that_the_server_does_not_follow_lead_to_absence_too() {
    let text = "a.example CNAME b.example\nb.example TXT \"x\"\nc.example CNAME gone.example";
    let manners = Manners { aliases_unfollowed: true, without_soa: true, ..Manners::default() };
    let server = DnsServer::start_with(zone(text), manners);
    assert_eq!(ask(&server, Kind::A, "a.example").await, Outcome::NoData);
    assert_eq!(ask(&server, Kind::Txt, "a.example").await.word(), "answer");
    assert_eq!(ask(&server, Kind::A, "c.example").await, Outcome::NoName);
}

#[tokio::test]
async fn a_loop_of_aliases_ends() {
    let manners = Manners { aliases_unfollowed: true, ..Manners::default() };
    for manners in [Manners::default(), manners] {
        let server = DnsServer::start_with(zone("a.example CNAME b.example\nb.example CNAME a.example"), manners);
        assert_eq!(ask(&server, Kind::A, "a.example").await, Outcome::Servfail);
    }
}
