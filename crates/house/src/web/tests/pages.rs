//! What pages say of what they show: the same mails everywhere, and in words whose

use sekisho_core::event::{FactEvent, FactHash, SignatureEvent};

use super::*;
use crate::config::config_for_testing;

/// Returns the parts of a page between two marks.
fn between<'a>(page: &'a str, before: &str, behind: &str) -> Vec<&'a str> {
    page.split(before).skip(1).filter_map(|rest| rest.split(behind).next()).collect()
}

/// Returns an address as it stands in a page.
fn address(written: &str) -> String {
    written.replace("&#38;", "&")
}

/// Returns the numbers of *Today* that lead to a list: the address, and the number.
fn figures(page: &str) -> Vec<(String, usize)> {
    let figures = between(page, "<dd><a href=\"", "</a>").into_iter().filter_map(|figure| figure.split_once("\">"));
    figures.map(|(path, number)| (address(path), number.parse().unwrap())).collect()
}

/// Returns how many mails a page lists.
fn listed(page: &str) -> usize {
    page.matches("<a href=\"/messages/").count()
}

#[tokio::test]
async fn each_number_of_today_is_that_of_the_list_that_it_leads_to() {
    let house = House::open().await;
    for (login, role, scope) in everybody() {
        let person = house.person(&login, role, &scope).await;
        let (token, _) = house.session(person).await;
        let today = house.ask(&Method::GET, "/", Some(&token), "").await.page;
        let expected = match scope.names() {
            None => 5,
            Some(names) => names.len(),
        };
        let figures = figures(&today);
        assert_eq!(figures.len(), if expected == 0 { 0 } else { 3 }, "{login}: {today}");
        for (path, number) in figures {
            let list = house.ask(&Method::GET, &path, Some(&token), "").await;
            assert_eq!((list.status, listed(&list.page)), (StatusCode::OK, number), "{login} {path}");
            assert!(path.contains("dmarc=pass") || number == expected, "{login} {path}");
        }
        // The newest failures, the bars and the author domains are of the same mails.
        assert_eq!(listed(&today), expected, "{login}");
        let authors = between(&today, "<td class=\"number\" data-of=\"Mails\">", "</td>");
        assert_eq!(authors.iter().map(|mails| mails.parse::<usize>().unwrap()).sum::<usize>(), expected, "{login}");
        let hours = between(&today, "<th scope=\"row\">", "</tr>").join("");
        let hours = between(&hours, "<td class=\"number\">", "</td>");
        assert_eq!(hours.iter().map(|mails| mails.parse::<usize>().unwrap()).sum::<usize>(), expected, "{login}");
        assert_eq!(today.contains("Mails to ours.example: those of which"), expected == 1, "{login}");
        assert_eq!(today.contains("sees nothing"), expected == 0, "{login}");
        let is_led = today.contains("<a href=\"/domains\">What is sent in the name of your domains</a>");
        assert_eq!(is_led, expected == 1, "{login}");
        // Who may not see how the house is is not led there.
        let is_led = today.contains("class=\"button first\" href=\"/start\"");
        assert_eq!(is_led, expected == 0 && role == Role::Admin && scope == Scope::All, "{login}");
    }
}

#[tokio::test]
async fn a_mail_at_the_edge_of_the_day_is_counted_where_it_is_listed() {
    let house = House::open().await;
    let day = 86_400_000_000;
    let at = |at: i64, number: u32| {
        let Event::Mail(mail) = mail(&format!("{number:032x}"), "edge.example", &[OURS]) else { unreachable!() };
        Event::Mail(Box::new(MailEvent { at, ..*mail }))
    };
    // Mails around the first moment of a day that ends now, a quarter of a second apart.
    let edge = now() - day;
    let around: Vec<Event> = (0..40).map(|step| at(edge - 5_000_000 + i64::from(step) * 250_000, step)).collect();
    house.desk.lake.append(&around).unwrap();
    let person = house.person("viewer", Role::Viewer, &Scope::All).await;
    let (token, _) = house.session(person).await;
    let today = house.ask(&Method::GET, "/", Some(&token), "").await.page;
    let (path, number) = figures(&today).remove(0);
    assert!((6..45).contains(&number), "some of them are too old: {number}");
    let list = house.ask(&Method::GET, &path, Some(&token), "").await.page;
    assert_eq!(listed(&list), number, "{path}");
}

/// Asks for a page in a language.
async fn ask(house: &House, path: &str, token: &Token, lang: &str) -> Answer {
    // The session's cookie comes in a field of its own.
    house.ask_as(&Method::GET, path, Some(token), "", &[("cookie", &format!("sekisho-lang={lang}"))]).await
}

#[tokio::test]
async fn what_a_page_cannot_read_is_said_beside_its_field_and_nothing_else_is_looked_for() {
    let house = House::open().await;
    let person = house.person("admin", Role::Admin, &Scope::All).await;
    let (token, _) = house.session(person).await;
    let message = "/messages/0000000000000000000000000000a001";
    let domain = format!("/domains/{OURS}");
    for (path, field, says) in [
        ("/messages?from=banana&dmarc=fail".to_owned(), "from", "`banana`"),
        ("/messages?until=2026-02-30".to_owned(), "until", "`2026-02-30`"),
        ("/messages?client=192.0.2".to_owned(), "client", "`192.0.2`"),
        ("/messages?author=a%20b".to_owned(), "author", "`a b`"),
        ("/messages?sender=a..example".to_owned(), "sender", "`a..example`"),
        ("/messages?recipient=%3Cb%3E".to_owned(), "recipient", "`&#60;b&#62;`"),
        ("/messages?signer=x%E2%80%AEy".to_owned(), "signer", "u{202e}"),
        ("/messages?dmarc=Fail".to_owned(), "dmarc", "`Fail`"),
        ("/messages?decision=drop".to_owned(), "decision", "quarantine-hold"),
        ("/messages?spf=pass&spf=fail".to_owned(), "spf", ""),
        ("/messages?after=7".to_owned(), "after", "`7`"),
        ("/domains?days=banana".to_owned(), "days", "1, 7, 14, 30, 90"),
        (format!("{domain}?days=8"), "days", "`8`"),
        (format!("{domain}/omissions?days=-1"), "days", "`-1`"),
        (format!("{domain}/omissions?{}", "own=192.0.2.1&".repeat(101)), "own", "100"),
        ("/simulator?domain=a%20b&records=v%3DDMARC1%3B%20p%3Dreject".to_owned(), "domain", "`a b`"),
        (format!("/simulator?domain={OURS}&days=x"), "days", "`x`"),
        (format!("/simulator?domain={OURS}&records=banana"), "records", "banana"),
        (format!("{message}?what_if=TXT"), "what_if", "TXT"),
        ("/reports?side=up".to_owned(), "side", "`up`"),
        ("/reports?state=odd".to_owned(), "state", "`odd`"),
        ("/reports?after=banana".to_owned(), "after", "`banana`"),
    ] {
        for lang in ["en", "ja"] {
            let answer = ask(&house, &path, &token, lang).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
            let said =
                between(&answer.page, &format!("<p class=\"fault\" id=\"{field}-fault\" role=\"alert\">"), "</p>");
            let [said] = said[..] else { panic!("{path}: {}", answer.page) };
            assert!(said.contains(says), "{path}: {said}");
            assert!(lang == "en" || said.chars().any(|letter| matches!(letter, 'ぁ'..='ん')), "{path}: {said}");
            let is_form = !["own", "after", "side", "state"].contains(&field) && !path.contains("/omissions");
            let is_marked = answer.page.contains(&format!(" aria-invalid=\"true\" aria-describedby=\"{field}-fault\""));
            assert_eq!(is_marked, is_form, "{path}: {}", answer.page);
            if path.starts_with("/messages?") || path.starts_with("/reports") {
                assert_eq!(answer.page.matches("<td data-of").count(), 0, "{path}");
            }
        }
    }
    // What was written stays in the form, also what is no choice.
    let page = ask(&house, "/messages?from=banana&helo=%22x&dmarc=Fail", &token, "en").await.page;
    for kept in ["value=\"banana\"", "value=\"&#34;x\"", "<option value=\"Fail\" selected>"] {
        assert!(page.contains(kept), "{kept}: {page}");
    }
    let export = ask(&house, &format!("{domain}/sources.csv?days=8"), &token, "en").await;
    assert!(export.status == StatusCode::BAD_REQUEST && export.page.contains("`8`"), "{}", export.page);
    // A name as people write it finds what the wire has.
    house.desk.lake.append(&[mail(&"e".repeat(32), "xn--bcher-kva.example", &[OURS])]).unwrap();
    let page = ask(&house, "/messages?author=B%C3%BCcher.Example.", &token, "en").await.page;
    assert_eq!(listed(&page), 1, "{page}");
}

#[tokio::test]
async fn what_is_no_domain_name_is_said_to_be_none() {
    let house = House::open().await;
    let person = house.person("admin", Role::Admin, &Scope::All).await;
    let (token, _) = house.session(person).await;
    let long = "a".repeat(64);
    for (written, shown) in [
        ("a%20b", "`a b`"),
        ("a..example", "`a..example`"),
        ("%3Cscript%3E.example", "&#60;script&#62;"),
        ("%00", "`\\x00`"),
        ("banana%2Fsplit", "`banana/split`"),
        (&*long, &*long),
    ] {
        for path in ["/domains/{}", "/domains/{}/omissions", "/domains/{}/sources.csv"] {
            let answer = ask(&house, &path.replace("{}", written), &token, "en").await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {written}");
            let said = between(&answer.page, "<p>", "</p>").concat();
            assert!(said.contains(shown) && said.contains("is not a domain name: "), "{path} {written}: {said}");
        }
    }
}

#[tokio::test]
async fn parameters_that_a_page_does_not_know_are_named_in_a_quiet_line() {
    let house = House::open().await;
    let report = house.report(OURS).await.to_string();
    let person = house.person("admin", Role::Admin, &Scope::All).await;
    let (token, _) = house.session(person).await;
    let pages = [
        "/",
        "/messages",
        "/messages/0000000000000000000000000000a001",
        "/domains",
        "/domains/{domain}",
        "/domains/{domain}/omissions",
        "/simulator",
        "/reports",
        "/reports/{id}",
        "/drop",
        "/settings",
        "/health",
    ];
    for page in pages {
        let path = fill(page, &report, OURS);
        let plain = ask(&house, &path, &token, "en").await;
        assert!(plain.status == StatusCode::OK && !plain.page.contains("This page has no"), "{path}");
        let names = (0..9).map(|number| format!("&x{number}=1")).collect::<String>();
        let odd = ask(&house, &format!("{path}?zz=%3Cb%3E&zz=2&%E2%80%AE=1{names}"), &token, "en").await;
        assert_eq!(odd.status, StatusCode::OK, "{path}");
        assert_eq!(odd.page.matches("This page has no `").count(), 5, "each once, and not without end: {path}");
        assert!(odd.page.contains("This page has no `zz`, and passed over it."), "{path}: {}", odd.page);
        assert!(!odd.page.split("<footer").next().unwrap().contains('\u{202e}'), "{path}");
    }
    let near = ask(&house, "/messages?athor=ours.example", &token, "ja").await.page;
    assert!(near.contains("`athor`") && near.contains("`author` のことでしょうか"), "{near}");
}

#[tokio::test]
async fn whoever_has_come_in_finds_the_way_from_a_page_that_is_not_there_and_a_stranger_learns_nothing() {
    let house = House::open().await;
    let person = house.person("hana", Role::Viewer, &Scope::All).await;
    let (token, proof) = house.session(person).await;
    let named =
        house.ask(&Method::POST, "/account/name", Some(&token), &format!("proof={proof}&name=Hana&lang=ja")).await;
    assert_eq!(named.leads_to(), "/account?done=name");
    let gone = format!("/join/{}", "x".repeat(43));
    for path in ["/nowhere", "/reports/none/more", "/%FF", "/people/x/y", &gone] {
        let inside = house.ask(&Method::GET, path, Some(&token), "").await;
        assert_eq!(inside.status, StatusCode::NOT_FOUND, "{path}");
        for part in ["<html lang=\"ja\"", "href=\"/messages\"", "hana", "/sign-out", "<h1>"] {
            assert!(inside.page.contains(part), "{path} {part}: {}", inside.page);
        }
        assert!(!inside.page.contains("href=\"/people\""), "rooms that are closed to them are not named");
        for token in [None, Some(&Token::new().unwrap())] {
            let outside = house.ask(&Method::GET, path, token, "").await;
            assert_eq!(outside.status, StatusCode::NOT_FOUND, "{path}");
            for part in ["hana", "href=\"/messages\"", "/sign-out", env!("CARGO_PKG_VERSION")] {
                assert!(!outside.page.contains(part), "{path} {part}: {}", outside.page);
            }
            assert!(outside.page.contains("href=\"/sign-in\""), "{}", outside.page);
        }
    }
}

#[tokio::test]
async fn what_a_room_does_not_take_is_refused_with_a_page() {
    let house = House::open().await;
    let person = house.person("admin", Role::Admin, &Scope::All).await;
    let (token, proof) = house.session(person).await;
    let form = format!("proof={proof}");
    for (method, path, status) in [
        (Method::POST, "/health", StatusCode::METHOD_NOT_ALLOWED),
        (Method::GET, "/sample/leave", StatusCode::METHOD_NOT_ALLOWED),
        (Method::GET, "/domains/%FF", StatusCode::BAD_REQUEST),
        (Method::POST, "/people/invite", StatusCode::UNPROCESSABLE_ENTITY),
        (Method::POST, "/drop", StatusCode::BAD_REQUEST),
    ] {
        let answer = house.ask(&method, path, Some(&token), &form).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.page);
        assert!(answer.page.contains("This cannot be read") && answer.page.contains("/sign-out"), "{method} {path}");
        assert!(answer.headers.contains_key(header::CONTENT_SECURITY_POLICY), "{method} {path}");
        let is_told = answer.headers.contains_key(header::ALLOW);
        assert_eq!(is_told, status == StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
    }
    // At the doors, too.
    for path in ["/join/x", "/look"] {
        let answer = house.ask(&Method::POST, path, None, "what=ever").await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: {}", answer.page);
        assert!(answer.page.contains("This cannot be read"), "{path}: {}", answer.page);
        assert!(answer.headers.contains_key(header::CONTENT_SECURITY_POLICY), "{path}");
    }
    let away = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "cross-site")];
    let answer = house.ask_as(&Method::POST, "/sign-out", Some(&token), &form, &away).await;
    assert!(answer.status == StatusCode::FORBIDDEN && answer.page.contains("another site"), "{}", answer.page);
    assert!(house.desk.people.who(&token).await.unwrap().is_some(), "nobody signed them out");
}

#[tokio::test]
async fn a_program_that_posts_where_pages_are_hears_that_nothing_takes_it() {
    let house = House::open().await;
    for kind in ["application/tlsrpt+json", "application/json", "message/rfc822"] {
        for path in ["/reports/other", "/reports", "/messages", "/nowhere"] {
            let answer = house.ask_as(&Method::POST, path, None, "{}", &[("content-type", kind)]).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path} {kind}");
        }
    }
}

#[tokio::test]
async fn the_icon_is_where_browsers_look_and_where_pages_say() {
    let house = House::open().await;
    let door = house.ask(&Method::GET, "/sign-in", None, "").await;
    let [linked] = between(&door.page, "<link rel=\"icon\" href=\"", "\"")[..] else { panic!("{}", door.page) };
    let allowed = door.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(linked.starts_with("/assets/sekisho.svg?") && allowed.contains("img-src 'self'"), "{linked} {allowed}");
    for path in ["/favicon.ico", linked] {
        let icon = house.ask(&Method::GET, path, None, "").await;
        assert_eq!(
            (icon.status, &icon.headers[header::CONTENT_TYPE]),
            (StatusCode::OK, &"image/svg+xml".parse().unwrap())
        );
        assert!(icon.page.starts_with("<svg"), "{path}: {}", icon.page);
    }
}

#[tokio::test]
async fn whoever_has_an_old_address_of_a_report_is_led_to_it() {
    let house = House::open().await;
    let report = house.report(OURS).await;
    let person = house.person("analyst", Role::Analyst, &Scope::All).await;
    let (token, _) = house.session(person).await;
    for (old, new) in [
        (format!("/report/{report}"), format!("/reports/{report}")),
        (format!("/report/{report}/evidence?x=1"), format!("/reports/{report}/evidence?x=1")),
        ("/report//evil.example".to_owned(), "/reports//evil.example".to_owned()),
        ("/report/%2F%2Fevil.example%0d%0a".to_owned(), "/reports/%2F%2Fevil.example%0d%0a".to_owned()),
    ] {
        let led = house.ask(&Method::GET, &old, None, "").await;
        assert_eq!((led.status, led.leads_to()), (StatusCode::PERMANENT_REDIRECT, &*new));
    }
    let page = house.ask(&Method::GET, &format!("/reports/{report}"), Some(&token), "").await;
    assert!(page.status == StatusCode::OK && page.page.contains(&format!("href=\"/reports/{report}/evidence\"")));
    assert!(page.page.contains("<a href=\"/reports\" aria-current=\"page\">"), "{}", page.page);
}

#[tokio::test]
async fn the_page_of_a_report_says_that_its_sender_is_distrusted() {
    let config = config_for_testing(&format!("[intake]\ndistrusted_reporters = [\"reporter-of-{OURS}\"]\n"));
    for (config, is_distrusted) in [(config, true), (config_for_testing(""), false)] {
        let house = House::open_with(&config).await;
        let report = house.report(OURS).await;
        let person = house.person("analyst", Role::Analyst, &Scope::All).await;
        let (token, _) = house.session(person).await;
        let page = house.ask(&Method::GET, &format!("/reports/{report}"), Some(&token), "").await.page;
        assert!(page.contains(&format!("reporter-of-{OURS}")), "{page}");
        assert_eq!(page.contains("distrusted (intake.distrusted_reporters)"), is_distrusted, "{page}");
    }
}

#[tokio::test]
async fn a_signature_is_drawn_with_its_key_and_the_place_where_it_ended() {
    let house = House::open().await;
    let key = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let published = |name: &str, records: &[&str]| FactEvent {
        at: now() - 60_000_000,
        hash: FactHash([u8::try_from(name.len()).unwrap(); 16]),
        kind: "TXT".to_owned(),
        name: name.to_owned(),
        outcome: if records.is_empty() { "nxdomain" } else { "answer" }.to_owned(),
        records: records.iter().map(|text| format!("\"{text}\"")).collect(),
    };
    let facts = [published("s1._domainkey.news.example", &[key]), published("gone._domainkey.news.example", &[])];
    let signature = |result: &str, selector: &str, reason: Option<&str>| SignatureEvent {
        result: result.to_owned(),
        domain: Some("news.example".to_owned()),
        selector: Some(selector.to_owned()),
        algorithm: Some("ed25519-sha256".to_owned()),
        reason: reason.map(str::to_owned),
    };
    let Event::Mail(mail) = mail("dd", "news.example", &[OURS]) else { unreachable!() };
    let dkim = vec![
        signature("pass", "s1", None),
        signature("fail", "s1", Some("body hash differs")),
        signature("permerror", "gone", Some("key absent")),
    ];
    let mail = MailEvent { dkim, facts: facts.each_ref().map(|fact| fact.hash).to_vec(), ..*mail };
    let events = facts.map(|fact| Event::Fact(Box::new(fact)));
    house.desk.lake.append(&[&events[..], &[Event::Mail(Box::new(mail))]].concat()).unwrap();
    let person = house.person("viewer", Role::Viewer, &Scope::All).await;
    let (token, _) = house.session(person).await;
    let page = house.ask(&Method::GET, "/messages/dd", Some(&token), "").await.page;
    let drawn: Vec<&str> = between(&page, "<h2>DKIM ", "</section>");
    let rules = |drawn: &str| between(drawn, "<code>", "</code>").into_iter().map(str::to_owned).collect::<Vec<_>>();
    let wanted = [
        ["dkim.signature", "dkim.key", "dkim.valid"].as_slice(),
        &["dkim.signature", "dkim.key", "dkim.body-differs"],
        &["dkim.signature", "dkim.key-absent"],
    ];
    assert_eq!(drawn.iter().map(|drawn| rules(drawn)).collect::<Vec<_>>(), wanted, "{page}");
    // The place where it failed is lit, and says why.
    assert!(
        drawn[1].contains("<li class=\"fail depth-1\"><span class=\"says\">body hash differs</span>"),
        "{}",
        drawn[1]
    );
    assert!(drawn[2].contains("there is no key at gone._domainkey.news.example"), "{}", drawn[2]);
}
