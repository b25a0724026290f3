//! Every page of the sample day in Japanese: field words stay as the RFCs write them, sentences do not stay English

use std::collections::BTreeSet;

use super::sampled::{places, with_sample};
use super::*;

/// How many mails of a list are opened.
const MAILS: usize = 40;

/// Returns the texts of a page that are for reading: no code, no records, no names, nothing that is typed or chosen.
fn texts(page: &str) -> Vec<String> {
    let mut rest = page.to_owned();
    for (start, end) in [
        ("<pre", "</pre>"),
        ("<code", "</code>"),
        ("<textarea", "</textarea>"),
        ("<select", "</select>"),
        ("<svg", "</svg>"),
        ("<title", "</title>"),
        ("<span class=\"name", "</span>"),
        ("<dd class=\"name", "</dd>"),
        ("<a class=\"name", "</a>"),
    ] {
        while let Some(at) = rest.find(start) {
            let Some(over) = rest[at..].find(end) else { break };
            rest.replace_range(at..at + over + end.len(), "<>");
        }
    }
    rest.split('<').filter_map(|piece| Some(piece.split_once('>')?.1.trim().to_owned())).collect()
}

/// Tells whether a text has two English words in a row, which no field word of an RFC has.
fn is_english(text: &str) -> bool {
    let is_word = |word: &&str| word.len() > 1 && word.contains(|letter: char| letter.is_ascii_lowercase());
    // A record is said as it is.
    if text.contains("v=spf1 ") {
        return false;
    }
    let is_odd = |letter: char| letter != ' ' && !letter.is_ascii_alphabetic();
    let pieces = text.split(is_odd).map(|piece| piece.split(' ').collect::<Vec<_>>());
    pieces.into_iter().any(|words| words.windows(2).any(|pair| pair.iter().all(is_word)))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_the_sample_day_has_an_english_sentence() {
    let house = with_sample().await;
    let person = house.person("hana", Role::Admin, &Scope::All).await;
    let (token, proof) = house.session(person).await;
    let cookie = "sekisho-lang=ja; sekisho-books=sample";
    let get = async |path: &str| house.ask_as(&Method::GET, path, Some(&token), "", &[("cookie", cookie)]).await.page;
    let mut paths: Vec<String> = [
        "/",
        "/messages",
        "/messages?from=banana&dmarc=banana&client=x&author=a..b&x=1",
        "/domains",
        "/domains?days=9",
        "/domains/a%20b",
        "/simulator",
        "/simulator?domain=a%20b",
        "/simulator?domain=town.example&records=banana",
        "/simulator?domain=nobody.example&records=v%3DDMARC1%3B+p%3Dreject",
        "/reports",
        "/reports?side=out",
        "/reports?state=unreadable",
        "/reports?side=banana",
        "/drop",
        "/start",
        "/settings",
        "/health",
        "/people",
        "/audit",
        "/account",
        "/nowhere",
    ]
    .map(str::to_owned)
    .to_vec();
    for of in ["/messages?dmarc=fail", "/messages?dmarc=temperror", "/messages?dkim=permerror", "/messages?dkim=fail"] {
        paths.extend(places(&get(of).await, "/messages/", MAILS));
    }
    paths.extend(places(&get("/reports").await, "/reports/", MAILS));
    for domain in ["town", "shop", "bank", "parts", "club", "freemail", "lists"] {
        paths.extend([format!("/domains/{domain}.example"), format!("/domains/{domain}.example/omissions")]);
    }
    let mut english = BTreeSet::new();
    let mut looked = 0;
    for path in &paths {
        let page = get(path).await;
        looked += texts(&page).iter().filter(|text| !text.is_empty()).count();
        english.extend(texts(&page).into_iter().filter(|text| is_english(text)).map(|text| format!("{path}: {text}")));
    }
    for mail in ["From: a@town.example\r\nFrom: b@town.example\r\n\r\nhi\r\n", "hello", "From: a@\r\n\r\n", "{}"] {
        let part = |name: &str, text: &str| {
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
        };
        let form =
            [part("proof", &proof), part("mail", mail), part("client", "192.0.2.1"), "--x--\r\n".into()].concat();
        let headers = [("content-type", "multipart/form-data; boundary=x"), ("cookie", cookie)];
        let page = house.ask_with(&Method::POST, "/drop", Some(&token), form.into(), &headers).await.page;
        english
            .extend(texts(&page).into_iter().filter(|text| is_english(text)).map(|text| format!("{mail:?}: {text}")));
    }
    assert!(looked > 2_000, "{looked}");
    assert!(english.is_empty(), "{english:#?}");
    // The test sees English where there is some.
    let page = house.ask(&Method::GET, "/health", Some(&token), "").await.page;
    assert!(texts(&page).iter().filter(|text| is_english(text)).count() > 5, "{page}");
}
