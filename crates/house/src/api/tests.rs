//! Every room of the API, for every role, every scope and whoever else knocks; that nobody sees a neighbour; and that it says what
//! the pages say

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use sekisho_core::event::{Event, MailEvent};
use sekisho_ledger::{AuditFilter, Role};
use serde_json::{Value, json};

use super::document::document;
use super::{rooms, router};
use crate::http::peer::Peer;
use crate::people::access::{Need, Scope, Viewer};
use crate::people::session::Token;
use crate::web::tests::{House, NEIGHBOUR, OURS, everybody, fill, mail};

/// A mail of theirs.
const MAIL: &str = "0000000000000000000000000000a001";

/// The API of a house.
struct Api {
    /// The house.
    house: House,
    /// Who answers: the API, and the pages.
    router: Router,
}

/// What was answered.
#[derive(Debug)]
struct Told {
    /// The status.
    status: StatusCode,
    /// The header.
    headers: HeaderMap,
    /// The body.
    body: Bytes,
}

impl Told {
    /// Reads the body as JSON.
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }

    /// Returns a field of the header.
    fn field(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Returns the kind of the problem that is told, which must be one to the letter.
    fn problem(&self, path: &str) -> String {
        let problem = self.json();
        assert_eq!(self.field(header::CONTENT_TYPE), "application/problem+json", "{path}");
        assert_eq!((&problem["status"], &problem["instance"]), (&json!(self.status.as_u16()), &json!(path)));
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
        let kind = problem["type"].as_str().unwrap().strip_prefix("/api/v1/problems#").unwrap();
        kind.to_owned()
    }
}

impl Api {
    /// Opens one.
    async fn open() -> Api {
        let house = House::open().await;
        let router = router(&house.desk).merge(crate::web::router(&house.desk));
        Api { house, router }
    }

    /// Makes somebody, and a token of theirs that may all that they may.
    async fn token(&self, login: &str, role: Role, scope: &Scope) -> Token {
        let person = self.house.person(login, role, scope).await;
        let viewer =
            Viewer { person, login: login.to_owned(), name: String::new(), role, scope: scope.clone(), lang: None };
        let client = [192, 0, 2, 50].into();
        self.house.desk.people.add_token(&viewer, "", (role, scope), None, client).await.unwrap().unwrap()
    }

    /// Asks for something.
    async fn ask(&self, method: &Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Told {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "desk.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body.into()).unwrap();
        request.extensions_mut().insert(Peer { address: [192, 0, 2, 50].into(), is_tls: true });
        let answer = TowerToHyperService::new(self.router.clone()).call(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        Told { status: parts.status, headers: parts.headers, body: to_bytes(body, 10 << 20).await.unwrap() }
    }

    /// Asks with a token.
    async fn get(&self, path: &str, token: &Token) -> Told {
        self.ask(&Method::GET, path, &[("authorization", &format!("Bearer {}", token.as_str()))], Body::empty()).await
    }

    /// Posts with a token.
    async fn post(&self, path: &str, token: &Token, kind: &str, body: &str) -> Told {
        let shown = format!("Bearer {}", token.as_str());
        self.ask(&Method::POST, path, &[("authorization", &shown), ("content-type", kind)], body.to_owned()).await
    }
}

/// Returns the ids of a page of messages.
fn ids(page: &Value) -> Vec<String> {
    let messages = page["messages"].as_array().unwrap().iter();
    messages.map(|message| message["id"].as_str().unwrap().to_owned()).collect()
}

/// Returns whether a room is posted to.
fn is_posted(path: &str) -> bool {
    path.ends_with("/what-if") || path.ends_with("/simulate") || path.ends_with("/check")
}

#[tokio::test]
async fn whoever_asks_is_answered_by_role_and_scope_and_by_no_other_way() {
    let api = Api::open().await;
    let (mut let_in, mut refused) = (0, 0);
    for (login, role, scope) in everybody() {
        let token = api.token(&login, role, &scope).await;
        let person = api.house.desk.people.person(&login).await.unwrap().unwrap().id;
        let (session, proof) = api.house.session(person).await;
        let cookie = format!("sekisho-session={}", session.as_str());
        let viewer = Viewer { person, login, name: String::new(), role, scope, lang: None };
        for (path, need, _) in rooms() {
            let place = fill(path, MAIL, OURS);
            let covers = !path.contains("{domain}") || viewer.scope != Scope::Domains(Vec::new());
            for method in [Method::GET, Method::POST] {
                let who = format!("{method} {} {place}", viewer.login);
                let shown = format!("Bearer {}", token.as_str());
                let answer = api.ask(&method, &place, &[("authorization", &shown)], Body::empty()).await;
                let has_method = is_posted(path) == (method == Method::POST);
                if !viewer.may(need) {
                    assert_eq!(
                        (answer.status, &*answer.problem(&place)),
                        (StatusCode::FORBIDDEN, "not-allowed"),
                        "{who}"
                    );
                    refused += 1;
                } else if !has_method {
                    assert_eq!(answer.problem(&place), "bad-method", "{who}");
                    assert!(!answer.field(header::ALLOW).is_empty(), "{who}");
                } else if !covers {
                    assert_eq!(answer.problem(&place), "not-yours", "{who}");
                    refused += 1;
                } else {
                    let is_open = ![401, 403, 405, 500, 503].contains(&answer.status.as_u16());
                    assert!(is_open, "{who} {answer:?}");
                    let_in += 1;
                }
                // A browser looks with its session, and no proof of a form lets it do more.
                let form = ("content-type", "application/x-www-form-urlencoded");
                let by_cookie = api.ask(&method, &place, &[("cookie", &cookie), form], format!("proof={proof}")).await;
                if method == Method::POST {
                    assert_eq!(by_cookie.problem(&place), "token-only", "{who}");
                } else {
                    assert_eq!(by_cookie.status, answer.status, "{who}");
                }
            }
        }
    }
    assert!(let_in > 60 && refused > 20, "{let_in} {refused}");
}

#[tokio::test]
async fn strangers_are_told_how_to_come_in_and_are_led_nowhere() {
    let api = Api::open().await;
    let token = api.token("analyst", Role::Analyst, &Scope::All).await;
    let person = api.house.desk.people.person("analyst").await.unwrap().unwrap().id;
    let (session, _) = api.house.session(person).await;
    let (right, cookie) = (format!("Bearer {}", token.as_str()), format!("sekisho-session={}", session.as_str()));
    let as_bearer = format!("Bearer {}", session.as_str());
    for (path, ..) in rooms() {
        let place = fill(path, MAIL, OURS);
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = api.ask(&method, &place, &[], Body::empty()).await;
            assert_eq!((answer.status, &*answer.problem(&place)), (StatusCode::UNAUTHORIZED, "no-token"));
            assert_eq!(answer.field(header::WWW_AUTHENTICATE), "Bearer");
            // A wrong token is not made good by the cookie of a browser, nor is a session a token.
            for wrong in ["Bearer sekisho_x", "Bearer ", "Bearer", "Basic YTpi", "", &as_bearer] {
                let shown = [("authorization", wrong), ("cookie", &cookie)];
                let answer = api.ask(&method, &place, &shown, Body::empty()).await;
                assert_eq!(
                    (answer.status, &*answer.problem(&place)),
                    (StatusCode::UNAUTHORIZED, "bad-token"),
                    "{wrong}"
                );
            }
        }
    }
    let answer =
        api.ask(&Method::GET, "/api/v1/people/me", &[("authorization", &right.replace("Bearer", "bearer"))], "").await;
    assert_eq!(answer.json(), json!({ "login": "analyst", "name": "analyst", "role": "analyst", "domains": null }));
    for other in [right.as_str(), "Bearer sekisho_x"] {
        let two = [("authorization", right.as_str()), ("authorization", other), ("cookie", &cookie)];
        let answer = api.ask(&Method::GET, "/api/v1/people/me", &two, "").await;
        assert_eq!(answer.problem("/api/v1/people/me"), "two-tokens");
        assert_eq!(answer.field(header::WWW_AUTHENTICATE), "Bearer error=\"invalid_request\"");
    }
    for nowhere in ["/api", "/api/", "/api/v1", "/api/v2/messages", "/api/v1/messages/", "/api/v1/nobody"] {
        assert_eq!(api.get(nowhere, &token).await.problem(nowhere), "nowhere");
    }
    api.house.desk.people.lock_out(crate::people::Actor::default(), "analyst", true).await.unwrap();
    assert_eq!(api.get("/api/v1/messages", &token).await.problem("/api/v1/messages"), "bad-token");
}

#[tokio::test]
async fn nobody_is_told_of_a_neighbours_mail_or_reports() {
    let api = Api::open().await;
    let (ours, neighbours) = (api.house.report(OURS).await, api.house.report(NEIGHBOUR).await);
    let mut seen = 0;
    for (login, role, scope) in everybody() {
        let token = api.token(&login, role, &scope).await;
        let mails = ["b001", "b002", "c001", "c002"].map(|end| format!("0000000000000000000000000000{end}"));
        for (path, need, _) in rooms() {
            for id in mails.iter().cloned().chain([neighbours.to_string()]) {
                let place = fill(path, &id, NEIGHBOUR);
                let answer = api.get(&place, &token).await;
                let said = String::from_utf8_lossy(&answer.body).replace(&place, "");
                if answer.status.is_success() && said.contains(NEIGHBOUR) {
                    assert_eq!(scope, Scope::All, "{login} {path} {id}: {said}");
                    seen += 1;
                }
                // That there is something is not told either.
                if path.contains("{id}") && scope != Scope::All && !is_posted(path) && need == Need::Look {
                    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{login} {place}");
                }
            }
        }
    }
    assert!(seen > 20, "who sees everything sees the neighbour, too: {seen}");
    // Nor does a record that is proposed for a neighbour open their mail.
    let analyst = api.token("analyst", Role::Analyst, &Scope::of([OURS]).unwrap()).await;
    let body = json!({ "domain": OURS, "records": [format!("_dmarc.{NEIGHBOUR}. TXT \"v=DMARC1; p=reject\"")] });
    let answer = api.post("/api/v1/simulate", &analyst, "application/json", &body.to_string()).await;
    assert_eq!(answer.problem("/api/v1/simulate"), "not-yours");
    // Their own they are told of.
    let listed = api.get("/api/v1/reports", &analyst).await.json();
    assert_eq!(listed["reports"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!((&listed["reports"][0]["id"], &listed["next"]), (&json!(ours.to_string()), &Value::Null));
    let place = format!("/api/v1/reports/{ours}");
    assert_eq!(api.get(&place, &analyst).await.json()["domain"], OURS);
    let evidence = api.get(&format!("{place}/evidence"), &analyst).await;
    assert!(evidence.body.ends_with(b"about ours.example\r\n"), "{evidence:?}");
    assert_eq!(evidence.field(header::CONTENT_TYPE), "application/octet-stream");
    assert_eq!(evidence.field(header::CONTENT_DISPOSITION), format!("attachment; filename=\"{ours}.bin\""));
    // Looks are written down; nothing else was done by anybody.
    let person = api.house.desk.people.person("analyst").await.unwrap().unwrap().id;
    let looks = AuditFilter { person: Some(person), what: Some("evidence.look".to_owned()) };
    let looks = api.house.desk.people.audited(&looks, None, 10).await.unwrap().rows;
    assert!(looks.len() == 1 && looks[0].subject == ours.to_string(), "{looks:?}");
    let all = api.house.desk.people.audited(&AuditFilter::default(), None, 500).await.unwrap().rows;
    assert!(all.iter().all(|entry| ["evidence.look", "token.add"].contains(&entry.what.as_str())), "{all:?}");
}

#[tokio::test]
async fn pages_follow_each_other_though_mails_arrive_and_a_cursor_opens_no_other_search() {
    let api = Api::open().await;
    let token = api.token("viewer", Role::Viewer, &Scope::All).await;
    let first = api.get("/api/v1/messages?limit=2&dmarc=fail", &token).await;
    let page = first.json();
    let (mut seen, mut next) = (ids(&page), page["next"].as_str().map(str::to_owned));
    assert_eq!(seen.len(), 2);
    let link = first.field(header::LINK).to_owned();
    assert!(
        link.starts_with("</api/v1/messages?limit=2&dmarc=fail&cursor=") && link.ends_with(">; rel=\"next\""),
        "{link}"
    );
    let linked = link.split(['<', '>']).nth(1).unwrap();
    // A newer mail, and an older one within the span: the former is on no later page, the latter has its place.
    let Event::Mail(mut older) = mail("0000000000000000000000000000e001", "late.example", &[OURS]) else { panic!() };
    older.at -= 60_000_000;
    let newer = MailEvent { at: older.at + 110_000_000, id: "0".repeat(32), ..(*older).clone() };
    api.house.desk.lake.append(&[Event::Mail(older), Event::Mail(Box::new(newer))]).unwrap();
    assert_eq!(api.get(linked, &token).await.json()["messages"].as_array().unwrap().len(), 2, "{linked}");
    let foreign = next.clone().unwrap();
    while let Some(cursor) = next {
        let page = api.get(&format!("/api/v1/messages?dmarc=fail&limit=1&cursor={cursor}"), &token).await.json();
        seen.extend(ids(&page));
        next = page["next"].as_str().map(str::to_owned);
    }
    let each: BTreeSet<&String> = seen.iter().collect();
    assert_eq!((seen.len(), each.len()), (6, 6), "{seen:?}");
    assert!(seen.last().unwrap().ends_with("e001") && !each.contains(&"0".repeat(32)));
    for other in ["dmarc=pass", "dmarc=fail&spf=pass", "limit=2"] {
        let answer = api.get(&format!("/api/v1/messages?{other}&cursor={foreign}"), &token).await;
        assert_eq!(answer.problem("/api/v1/messages"), "bad-cursor", "{other}");
    }
    let answer = api.get(&format!("/api/v1/reports?cursor={foreign}"), &token).await;
    assert_eq!(answer.problem("/api/v1/reports"), "bad-cursor");
}

#[tokio::test]
async fn reports_follow_each_other_past_those_of_neighbours() {
    let api = Api::open().await;
    let mut ours = Vec::new();
    for round in 0..3 {
        api.house.report(&format!("before{round}.{NEIGHBOUR}")).await;
        ours.push(api.house.report(&format!("mail{round}.{OURS}")).await.to_string());
        api.house.report(&format!("behind{round}.{NEIGHBOUR}")).await;
    }
    let token = api.token("viewer", Role::Viewer, &Scope::of([OURS]).unwrap()).await;
    let (mut seen, mut path) = (Vec::new(), "/api/v1/reports?limit=1".to_owned());
    loop {
        let page = api.get(&path, &token).await.json();
        seen.extend(page["reports"].as_array().unwrap().iter().map(|report| report["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next"].as_str() else { break };
        path = format!("/api/v1/reports?limit=1&cursor={cursor}");
    }
    ours.reverse();
    assert_eq!(seen, ours);
    assert_eq!(api.get("/api/v1/reports?side=out", &token).await.json(), json!({ "reports": [], "next": null }));
    assert_eq!(api.get("/api/v1/reports?state=unreadable", &token).await.json()["reports"], json!([]));
}

#[tokio::test]
async fn whatever_is_wrong_is_a_problem_that_says_what() {
    let api = Api::open().await;
    let token = api.token("analyst", Role::Analyst, &Scope::All).await;
    let answer = api.get("/api/v1/messages?dmrac=fail", &token).await;
    assert_eq!((answer.status, &*answer.problem("/api/v1/messages")), (StatusCode::BAD_REQUEST, "unknown-parameter"));
    let problem = answer.json();
    assert_eq!(problem["parameter"], "dmrac");
    assert!(problem["detail"].as_str().unwrap().ends_with("did you mean `dmarc`?"), "{problem}");
    for (bad, name) in
        [("limit=501", "limit"), ("from=yesterday", "from"), ("spf=", "spf"), ("limit=5&limit=6", "limit")]
    {
        let answer = api.get(&format!("/api/v1/messages?{bad}"), &token).await;
        assert_eq!(
            (&*answer.problem("/api/v1/messages"), &answer.json()["parameter"]),
            ("bad-parameter", &json!(name))
        );
    }
    let japanese = [("authorization", &*format!("Bearer {}", token.as_str())), ("accept-language", "ja")];
    let answer = api.ask(&Method::GET, "/api/v1/nobody", &japanese, "").await;
    assert_eq!(answer.json()["title"], "ないパス");
    let json = "application/json";
    for (path, kind, body, problem, status) in [
        ("/api/v1/simulate", "text/plain", "{}", "bad-media-type", 415),
        ("/api/v1/simulate", json, "{", "bad-body", 400),
        ("/api/v1/simulate", json, r#"{"domain":"a.example","records":["x"],"extra":1}"#, "bad-body", 400),
        ("/api/v1/simulate", json, r#"{"domain":"a..example","records":["x"]}"#, "bad-body", 400),
        ("/api/v1/simulate", json, r#"{"domain":"a.example","records":[]}"#, "bad-body", 400),
        (
            "/api/v1/simulate",
            json,
            r#"{"domain":"a.example","records":["v=DMARC1; p=none"],"days":0}"#,
            "bad-body",
            400,
        ),
        ("/api/v1/simulate", json, r#"{"domain":"a.example","records":["?"]}"#, "bad-records", 422),
        ("/api/v1/simulate", json, r#"{"domain":"a.example","records":["v=DMARC1; p=none"]}"#, "nothing-known", 404),
        ("/api/v1/check", "message/rfc822", "", "no-mail", 422),
        ("/api/v1/check", json, "{}", "bad-media-type", 415),
        ("/api/v1/check?client_ip=x", "message/rfc822", "From: a@b.example\r\n\r\n", "bad-parameter", 400),
    ] {
        let answer = api.post(path, &token, kind, body).await;
        let place = path.split('?').next().unwrap();
        assert_eq!((&*answer.problem(place), answer.status.as_u16()), (problem, status), "{path} {body}");
    }
    // The field at fault is named, where there is one.
    for (body, field) in [
        (r#"{"domain":"a.example","records":["x",1]}"#, json!("records[1]")),
        (r#"{"domain":1,"records":["x"]}"#, json!("domain")),
        (r#"{"domain":"a.example","records":["x"],"days":-1}"#, json!("days")),
        (r#"{"domain":"a.example","records":["x"],"days":91}"#, json!("days")),
        (r#"{"domain":"a..example","records":["x"]}"#, json!("domain")),
        (r#"{"domain":"a.example","records":[]}"#, json!("records")),
        (r#"{"domain":"a.example","records":["x"]} x"#, Value::Null),
        (r#"{"domain":"a.example"}"#, Value::Null),
        ("[]x", Value::Null),
    ] {
        let answer = api.post("/api/v1/simulate", &token, json, body).await;
        assert_eq!((&*answer.problem("/api/v1/simulate"), &answer.json()["parameter"]), ("bad-body", &field), "{body}");
    }
    let what_if = format!("/api/v1/messages/{MAIL}/what-if");
    let answer = api.post(&what_if, &token, json, r#"{"records":["TXT"]}"#).await;
    assert_eq!(answer.problem(&what_if), "bad-records");
    let long = format!(r#"{{"records":["{}"]}}"#, "x".repeat(70_000));
    let answer = api.post(&what_if, &token, json, &long).await;
    assert_eq!((&*answer.problem(&what_if), answer.status.as_u16()), ("too-large", 413));
    // The books do not answer.
    api.house.desk.line.close();
    let answer = api.get("/api/v1/messages", &token).await;
    assert_eq!((&*answer.problem("/api/v1/messages"), answer.status.as_u16()), ("no-answer", 503));
    assert_eq!(answer.field(header::RETRY_AFTER), "5");
    for (name, value) in [("cache-control", "no-store"), ("x-content-type-options", "nosniff")] {
        assert_eq!(answer.headers[name], value);
    }
    assert!(answer.field(header::CONTENT_SECURITY_POLICY).starts_with("default-src 'none'"));
}

#[tokio::test]
async fn the_api_says_what_the_pages_say() {
    let api = Api::open().await;
    for (login, role, scope) in everybody() {
        let token = api.token(&login, role, &scope).await;
        let listed = api.get("/api/v1/messages", &token).await.json();
        let page = api.get("/messages", &token).await;
        let page = String::from_utf8_lossy(&page.body).into_owned();
        let shown: BTreeSet<&str> = page.split("\"/messages/").skip(1).filter_map(|rest| rest.get(..32)).collect();
        let told: Vec<String> = ids(&listed);
        assert_eq!(told.iter().map(String::as_str).collect::<BTreeSet<_>>(), shown, "{login}");
        let today = api.get("/api/v1/today", &token).await.json();
        let (sums, count) = (&today["sums"], told.len());
        assert_eq!((&sums["messages"], &sums["dmarc_fail"]), (&json!(count), &json!(count)), "{login}");
        let hours = today["hours"].as_array().unwrap();
        let by_hour: u64 = hours.iter().map(|hour| hour["dmarc_fail"].as_u64().unwrap()).sum();
        // A day touches 24 hours of the clock, or begins within one.
        let hour = |field: &str| {
            let at: Timestamp = today[field].as_str().unwrap().parse().unwrap();
            (at.as_second() - i64::from(field == "until")).div_euclid(3_600)
        };
        let touched = usize::try_from(hour("until") - hour("from") + 1).unwrap();
        assert_eq!((hours.len(), by_hour), (touched, count as u64), "{login}");
        // By author domain the same mails are counted, of whoever has a scope: those that they may read.
        let by_author: u64 =
            today["domains"].as_array().unwrap().iter().map(|of| of["messages"].as_u64().unwrap()).sum();
        assert_eq!(by_author, count as u64, "{login}");
        let domains = api.get("/api/v1/domains", &token).await.json();
        if scope == Scope::All {
            assert_eq!(domains["domains"], today["domains"], "{login}");
        }
        for id in &told {
            let message = api.get(&format!("/api/v1/messages/{id}"), &token).await.json();
            let line = listed["messages"].as_array().unwrap().iter().find(|line| line["id"] == **id).unwrap();
            assert_eq!(
                (&message["judged_at"], &message["dmarc"]["result"]),
                (&line["judged_at"], &line["dmarc_result"])
            );
            assert!(!message["steps"].as_array().unwrap().is_empty() || message["facts_complete"] == json!(false));
        }
    }
}

#[tokio::test]
async fn a_mail_is_judged_as_the_command_does_and_hostile_text_is_escaped() {
    let api = Api::open().await;
    let token = api.token("analyst", Role::Analyst, &Scope::All).await;
    let path = "/api/v1/check?client_ip=192.0.2.1&helo=h%E2%80%AE&mail_from=";
    let mail = "From: a@b.example\r\nSubject: x\r\n\r\nHello.\r\n";
    let answer = api.post(path, &token, "message/rfc822; charset=x", mail).await;
    let judged = answer.json();
    let input = &judged["input"];
    assert_eq!(
        (&input["client_ip"], &input["helo"], &input["mail_from"]),
        (&json!("192.0.2.1"), &json!("h\u{202e}"), &json!(""))
    );
    assert_eq!((&judged["author"]["domain"], &judged["spf_helo"].is_object()), (&json!("b.example"), &true));
    assert!(!judged["steps"].as_array().unwrap().is_empty(), "{judged}");
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(text.contains("h\\u202e") && !text.contains('\u{202e}'), "{text}");
    let what_if = format!("/api/v1/messages/{MAIL}/what-if");
    let proposal = r#"{"records":["TXT _dmarc.sender.example=v=DMARC1; p=reject"]}"#;
    let changed = api.post(&what_if, &token, "application/json", proposal).await;
    assert!(changed.status == StatusCode::OK && changed.json()["change"].is_string(), "{changed:?}");
}

/// Returns all references within a document.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Array(all) => all.iter().flat_map(references).collect(),
        Value::Object(all) => {
            let own = all.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(all.values().flat_map(references)).collect()
        }
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn the_document_is_of_the_rooms_that_there_are_and_for_everybody() {
    let api = Api::open().await;
    let answer = api.ask(&Method::GET, "/api/v1/openapi.json", &[], "").await;
    let told = answer.json();
    assert_eq!((&told, answer.status), (&document(), StatusCode::OK));
    assert!(told["openapi"].as_str().unwrap().starts_with("3.1."), "{}", told["openapi"]);
    assert_eq!(told["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    let paths = told["paths"].as_object().unwrap();
    let known: BTreeSet<&str> = paths.keys().map(String::as_str).collect();
    let open = ["/api/v1/openapi.json", "/api/v1/problems"];
    assert_eq!(known, rooms().iter().map(|(path, ..)| *path).chain(open).collect());
    for (path, room) in paths {
        let room = room.as_object().unwrap();
        let methods: Vec<&str> = room.keys().map(String::as_str).collect();
        assert_eq!(methods, [if is_posted(path) { "post" } else { "get" }], "{path}");
        let responses: BTreeMap<_, _> = room[methods[0]]["responses"].as_object().unwrap().iter().collect();
        let refused = responses.iter().filter(|(status, _)| !status.starts_with('2'));
        for (status, refusal) in refused.clone() {
            assert!(refusal["content"]["application/problem+json"]["schema"].is_object(), "{path} {status}");
        }
        assert_eq!(refused.count() > 3, !open.contains(&path.as_str()), "{path}");
    }
    for reference in references(&told) {
        let place = reference.strip_prefix('#').unwrap();
        assert!(told.pointer(place).is_some(), "{reference}");
    }
    let problems = api.ask(&Method::GET, "/api/v1/problems", &[], "").await.json();
    assert!(problems.as_array().unwrap().len() > 15, "{problems}");
}

#[test]
fn the_page_about_the_api_has_every_path_parameter_and_problem() {
    let page = include_str!("../../../../docs/api.md");
    let document = document();
    let mut missing = Vec::new();
    for (path, room) in document["paths"].as_object().unwrap() {
        let parameters = room.as_object().unwrap().values().flat_map(|way| way["parameters"].as_array().cloned());
        let names = parameters.flatten().map(|parameter| parameter["name"].as_str().unwrap().to_owned());
        let words =
            names.map(|name| if path.contains(&format!("{{{name}}}")) { path.clone() } else { format!("`{name}`") });
        missing.extend(words.chain([path.clone()]).filter(|word| !page.contains(word.as_str())));
    }
    let kinds = super::problem::KINDS.map(|kind| format!("`{}`", kind.word()));
    missing.extend(kinds.into_iter().filter(|kind| !page.contains(kind.as_str())));
    assert_eq!(missing, Vec::<String>::new());
}

#[tokio::test]
async fn head_is_get_without_a_body_and_no_other_method_is_taken() {
    let api = Api::open().await;
    let token = api.token("viewer", Role::Viewer, &Scope::All).await;
    let shown = format!("Bearer {}", token.as_str());
    let head = api.ask(&Method::HEAD, "/api/v1/today", &[("authorization", &shown)], "").await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::TRACE] {
        let answer = api.ask(&method, "/api/v1/today", &[("authorization", &shown)], "").await;
        assert_eq!((&*answer.problem("/api/v1/today"), answer.field(header::ALLOW)), ("bad-method", "GET,HEAD"));
    }
}
