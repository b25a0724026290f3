//! Every room, for every role, every scope and whoever else knocks; and that nobody sees a neighbour

mod connections;
mod drop;
mod health;
mod identity;
mod idp;
mod japanese;
mod pages;
mod sampled;

use std::sync::{Arc, Mutex, mpsc};

use aws_lc_rs::rand;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use sekisho_core::event::{Event, MailEvent};
use sekisho_core::facts::Facts;
use sekisho_core::name::DomainName;
use sekisho_ledger::{
    AuditFilter, Channel, Conclusion, Envelope, FirstJob, Id, Intake, Mark, NewPerson, NewReport, NewSession,
    ReportKind, ReportState, Role, Secret, SessionState,
};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{Desk, DeskBooks, rooms, router};
use crate::config::{Config, StoreSection};
use crate::gate::{Front, Gate, Lasting, Office};
use crate::http::peer::Peer;
use crate::lake::puddle::Puddle;
use crate::lake::{Lake, LakeError, LakePlace, OpenLake};
use crate::people::access::{Scope, Viewer};
use crate::people::session::{Token, form_proof};
use crate::store::{Archive, DataFolder};
use crate::webhooks::Announcer;

/// Whose scope the scoped have.
pub(crate) const OURS: &str = "ours.example";
/// What stands in everything that is the neighbour's.
pub(crate) const NEIGHBOUR: &str = "neighbour.example";
/// The password of whoever has one.
const PASSWORD: &str = "tortoise kettle";

/// A desk over small books: mails and reports of two customers.
pub(crate) struct House {
    /// Its folder.
    _folder: TempDir,
    /// The desk.
    pub(crate) desk: Arc<Desk>,
    /// Who answers.
    router: Router,
}

/// What was answered.
#[derive(Debug)]
struct Answer {
    /// The status.
    status: StatusCode,
    /// The header.
    headers: HeaderMap,
    /// The page.
    page: String,
}

/// Returns a lake for nobody.
fn no_lake(_: &LakePlace) -> Result<Arc<dyn Lake>, LakeError> {
    Err(LakeError("there is none".to_owned()))
}

/// Returns an id that no other is equal to.
fn id() -> Id {
    let mut random = [0; 10];
    rand::fill(&mut random).unwrap();
    Id::new(now(), random)
}

/// Returns the time.
fn now() -> i64 {
    Timestamp::now().as_microsecond()
}

/// Returns a mail to people of some domains, in the name of one.
pub(crate) fn mail(id: &str, author: &str, recipients: &[&str]) -> Event {
    let mail = MailEvent {
        at: now() - 60_000_000,
        id: id.to_owned(),
        author_result: "ok".to_owned(),
        author_domain: Some(author.to_owned()),
        recipient_domains: recipients.iter().map(|domain| (*domain).to_owned()).collect(),
        recipients: 1,
        client_ip: Some("192.0.2.1".to_owned()),
        dmarc_result: "fail".to_owned(),
        decision: "pass".to_owned(),
        ..MailEvent::default()
    };
    Event::Mail(Box::new(mail))
}

impl House {
    /// Opens one.
    pub(crate) async fn open() -> House {
        House::open_with(&Config::load(None, &[]).unwrap()).await
    }

    /// Opens one with a configuration.
    async fn open_with(config: &Config) -> House {
        let folder = tempfile::tempdir().unwrap();
        let section = StoreSection { folder: Some(folder.path().to_owned()), ..StoreSection::default() };
        let data = DataFolder::open(&section, &[]).unwrap().unwrap();
        let secret = data.secret().unwrap();
        let source = sekisho_ask::Source::Facts(Facts::default());
        let gate = Gate::new(config, source, Office::open(config).unwrap(), Lasting::for_testing());
        let puddle = Puddle::default();
        puddle.kept.lock().unwrap().extend([
            mail("0000000000000000000000000000a001", "sender.example", &[OURS]),
            mail("0000000000000000000000000000b001", "sender.example", &[NEIGHBOUR]),
            mail("0000000000000000000000000000b002", NEIGHBOUR, &[NEIGHBOUR]),
            mail("0000000000000000000000000000c001", NEIGHBOUR, &[OURS, NEIGHBOUR]),
            mail("0000000000000000000000000000c002", OURS, &[NEIGHBOUR]),
        ]);
        let open = OpenLake { write: |place| Ok(no_lake(place)?), read: no_lake };
        let (archive, announcer) = (Archive::of(data), Announcer::default());
        let books = DeskBooks { archive, lake: Arc::new(puddle), open, secret, announcer };
        let desk = Arc::new(Desk::new(Arc::new(Front::new(gate)), books));
        let router = router(&desk);
        House { _folder: folder, desk, router }
    }

    /// Keeps a report about a domain, and returns its id.
    pub(crate) async fn report(&self, domain: &str) -> Id {
        let (ledger, vault) = (self.desk.archive.ledger().await.unwrap(), self.desk.archive.vault().await.unwrap());
        let text = format!("From: reporter\r\n\r\nabout {domain}\r\n");
        let size = text.len() as u64;
        let report = NewReport {
            id: id(),
            kind: ReportKind::DmarcAggregate,
            channel: Channel::Smtp,
            received_at: now(),
            evidence: vault.put(text).await.unwrap(),
            size,
            envelope: Envelope {
                client: "192.0.2.7".to_owned(),
                helo: "mx.example".to_owned(),
                mail_from: None,
                recipient: "reports@house.example".to_owned(),
                told_spf: None,
            },
        };
        let (report_id, queue) = (report.id, format!("read {domain}"));
        let job = FirstJob { id: id(), queue: queue.clone(), payload: String::new(), max_attempts: 1 };
        ledger.receive(&Intake { report, job, source: None }).await.unwrap();
        let lease = ledger.lease(&queue, "test", 1, now(), now() + 60_000_000).await.unwrap().remove(0);
        let mark = Mark {
            state: ReportState::Read,
            reason: None,
            read_as: None,
            domain: Some(domain.to_owned()),
            submitter: Some(format!("reporter-of-{domain}")),
            proven_by: None,
            at: now(),
        };
        let concluded = Conclusion { lease: &lease, report: report_id, mark, counted: Vec::new(), jobs: Vec::new() };
        assert_eq!(ledger.conclude(&[concluded], now()).await.unwrap(), [true]);
        report_id
    }

    /// Makes somebody with an account, and no password.
    pub(crate) async fn person(&self, login: &str, role: Role, scope: &Scope) -> Id {
        let person = NewPerson {
            id: id(),
            login: login.to_owned(),
            name: login.to_owned(),
            password: None,
            language: "en".to_owned(),
            subject: None,
            made_at: now(),
        };
        let ledger = self.desk.people.ledger().await.unwrap();
        ledger.add_person(&person, role, &scope.to_text()).await.unwrap();
        person.id
    }

    /// Signs somebody in by the back door; returns the token, and what forms are proven with.
    pub(crate) async fn session(&self, person: Id) -> (Token, String) {
        let ledger = self.desk.people.ledger().await.unwrap();
        let person = ledger.person(person).await.unwrap().unwrap();
        let (token, csrf) = (Token::new().unwrap(), Secret("csrf".repeat(8)));
        let proof = form_proof(&csrf);
        let session = NewSession {
            token: token.digest(),
            person: person.id,
            person_changed_at: person.changed_at,
            state: SessionState::Whole,
            csrf,
            made_at: now(),
            expires_at: now() + 3_600_000_000,
        };
        assert!(ledger.begin_session(&session, None).await.unwrap());
        (token, proof)
    }

    /// Asks for something.
    async fn ask(&self, method: &Method, path: &str, token: Option<&Token>, form: &str) -> Answer {
        self.ask_as(method, path, token, form, &[(header::CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded")])
            .await
    }

    /// Asks for something, with a header.
    async fn ask_as(
        &self,
        method: &Method,
        path: &str,
        token: Option<&Token>,
        form: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.ask_with(method, path, token, Body::from(form.to_owned()), headers).await
    }

    /// Asks for something, with a header and whatever body.
    async fn ask_with(
        &self,
        method: &Method,
        path: &str,
        token: Option<&Token>,
        body: Body,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "desk.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = token {
            request = request.header(header::COOKIE, format!("sekisho-session={}", token.as_str()));
        }
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(Peer { address: [192, 0, 2, 50].into(), is_tls: true });
        let answer = TowerToHyperService::new(self.router.clone()).call(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        // What is told as it happens has no end.
        let is_endless = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        let page = if is_endless { Vec::new() } else { to_bytes(body, 10 << 20).await.unwrap().into() };
        let page = String::from_utf8_lossy(&page).into_owned();
        assert!(!page.contains(">desk-"), "a message has no words: {path} {page}");
        Answer { status: parts.status, headers: parts.headers, page }
    }
}

impl Answer {
    /// Returns where it leads.
    fn leads_to(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |place| place.to_str().unwrap())
    }

    /// Returns the token of the session that it gives.
    fn gives(&self) -> Option<Token> {
        let cookies = self.headers.get_all(header::SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
        let mut sessions = cookies.filter_map(|cookie| cookie.strip_prefix("sekisho-session="));
        sessions.find_map(|session| Token::shown(session.split(';').next()?))
    }

    /// Returns what the forms of the page are proven with.
    fn proof(&self) -> &str {
        let (_, behind) = self.page.split_once("name=\"proof\" value=\"").unwrap();
        behind.split_once('"').unwrap().0
    }
}

/// Signs an admin in who sees everything.
async fn admin(house: &House) -> Token {
    let person = house.person("admin", Role::Admin, &Scope::All).await;
    house.session(person).await.0
}

/// Returns a path with something in place of each parameter.
pub(crate) fn fill(path: &str, id: &str, domain: &str) -> String {
    let path = path.replace("{id}", id).replace("{domain}", domain).replace("{session}", &"0".repeat(64));
    path.replace("{file}", "sources.csv").replace("{login}", "victim")
}

/// The roles and scopes that there are, each with a name.
pub(crate) fn everybody() -> Vec<(String, Role, Scope)> {
    let scopes = [("all", Scope::All), ("ours", Scope::of([OURS]).unwrap()), ("none", Scope::Domains(Vec::new()))];
    let of = |role: &Role| scopes.clone().map(|(name, scope)| (format!("{role}-{name}"), *role, scope));
    Role::ALL.iter().flat_map(of).collect()
}

#[tokio::test]
async fn whoever_comes_to_a_room_enters_by_role_and_scope_and_by_no_other_way() {
    let house = House::open().await;
    house.person("victim", Role::Viewer, &Scope::All).await;
    let ours = DomainName::parse(OURS).unwrap();
    let (mut let_in, mut refused) = (0, 0);
    for (login, role, scope) in everybody() {
        let person = house.person(&login, role, &scope).await;
        let viewer = Viewer { person, login, name: String::new(), role, scope, lang: None };
        for (path, need, _) in rooms() {
            let place = fill(path, "0000000000000000000000000000a001", OURS);
            let who = format!("{} {place}", viewer.login);
            for method in [Method::GET, Method::POST] {
                // A new session each time: some rooms end it.
                let (token, proof) = house.session(person).await;
                let answer = house.ask(&method, &place, Some(&token), &format!("proof={proof}")).await;
                let is_own = viewer.scope.covers(&ours) || !path.contains("{domain}");
                if viewer.may(need) && is_own {
                    assert_ne!(answer.status, StatusCode::FORBIDDEN, "{method} {who}: {}", answer.page);
                    let_in += 1;
                } else {
                    // A room that only shows says that it takes no forms, to those who may enter.
                    let is_refused = [StatusCode::FORBIDDEN, StatusCode::METHOD_NOT_ALLOWED].contains(&answer.status);
                    assert!(is_refused, "{method} {who}: {}", answer.status);
                    assert!(
                        viewer.may(need) || answer.status == StatusCode::FORBIDDEN,
                        "{method} {who}: {}",
                        answer.status
                    );
                    refused += 1;
                }
            }
        }
    }
    assert!(let_in > 200 && refused > 100, "{let_in} {refused}");
    let victim = house.desk.people.person("victim").await.unwrap().unwrap();
    // The only admin who rules the house locked them out, and let them in again.
    assert_eq!((victim.disabled_at, victim.role), (None, Role::Viewer));
}

#[tokio::test]
async fn strangers_are_led_to_the_door_and_forms_of_others_change_nothing() {
    let house = House::open().await;
    let person = house.person("admin", Role::Admin, &Scope::All).await;
    house.person("victim", Role::Viewer, &Scope::All).await;
    let (token, proof) = house.session(person).await;
    let other = form_proof(&Secret("of another session".to_owned()));
    let stale = Token::new().unwrap();
    let multipart = format!("--x\r\nContent-Disposition: form-data; name=\"proof\"\r\n\r\n{other}\r\n--x--\r\n");
    for (path, ..) in rooms() {
        let place = fill(path, "0000000000000000000000000000a001", OURS);
        for token in [None, Some(&stale)] {
            let answer = house.ask(&Method::GET, &place, token, "").await;
            let is_led = answer.status == StatusCode::SEE_OTHER && answer.leads_to().starts_with("/sign-in?back=%2F");
            // A room that has no page has none for anybody.
            assert!(is_led || answer.status == StatusCode::METHOD_NOT_ALLOWED, "{place} {answer:?}");
            assert_eq!(house.ask(&Method::POST, &place, token, "").await.leads_to(), "/sign-in", "{place}");
        }
        // No proof, that of another session, none that is any, and a kind of form that may hide one.
        let form = "application/x-www-form-urlencoded";
        let bad = [String::new(), format!("proof={other}"), "proof=%00".to_owned(), format!("xproof={proof}")];
        for bad in &bad {
            let answer = house.ask(&Method::POST, &place, Some(&token), bad).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{place} {bad}");
        }
        let kind = ("content-type", "multipart/form-data; boundary=x");
        let answer = house.ask_as(&Method::POST, &place, Some(&token), &multipart, &[kind]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{place} with a file");
        // A form with the right proof that comes from elsewhere.
        for from in
            [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")]
        {
            let right = format!("proof={proof}");
            let answer =
                house.ask_as(&Method::POST, &place, Some(&token), &right, &[("content-type", form), from]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{place} {from:?}");
        }
    }
    assert!(house.desk.people.who(&token).await.unwrap().is_some(), "nobody signed them out");
    assert_eq!(house.desk.people.audited(&AuditFilter::default(), None, 10).await.unwrap().rows, []);
}

#[tokio::test]
async fn nobody_reads_a_neighbours_mail_or_reports() {
    let house = House::open().await;
    let (ours, neighbours) = (house.report(OURS).await, house.report(NEIGHBOUR).await);
    let mut seen = 0;
    for (login, role, scope) in everybody() {
        let person = house.person(&login, role, &scope).await;
        let (token, _) = house.session(person).await;
        let mails = ["b001", "b002", "c001", "c002"].map(|end| format!("0000000000000000000000000000{end}"));
        for (path, ..) in rooms() {
            for id in mails.iter().cloned().chain([neighbours.to_string()]) {
                let answer = house.ask(&Method::GET, &fill(path, &id, NEIGHBOUR), Some(&token), "").await;
                // What a refusal repeats is the address that was asked for.
                let said = answer.page.replace(&fill(path, &id, NEIGHBOUR), "");
                if answer.status.is_success() && said.contains(NEIGHBOUR) {
                    assert_eq!(scope, Scope::All, "{login} {path} {id}: {said}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 20, "who sees everything sees the neighbour, too: {seen}");
    // Whether there is a report of a neighbour they do not learn either.
    let analyst = house.desk.people.person("analyst-ours").await.unwrap().unwrap();
    let (token, _) = house.session(analyst.id).await;
    for end in ["", "/evidence"] {
        let said = async |id: String| {
            let answer = house.ask(&Method::GET, &format!("/reports/{id}{end}"), Some(&token), "").await;
            (answer.status, answer.page.contains("There is no such report"))
        };
        let unknown = said(id().to_string()).await;
        assert_eq!((said(neighbours.to_string()).await, unknown.0), (unknown, StatusCode::NOT_FOUND));
    }
    // Their own they see.
    let analyst = house.desk.people.person("analyst-ours").await.unwrap().unwrap();
    let (token, _) = house.session(analyst.id).await;
    for path in ["/messages/0000000000000000000000000000a001", "/messages", &format!("/reports/{ours}")] {
        let answer = house.ask(&Method::GET, path, Some(&token), "").await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.page.contains(OURS) || answer.page.contains("sender.example"), "{path}: {}", answer.page);
    }
    // Nor does a record that is proposed for a neighbour open their mail.
    let proposal =
        format!("/simulator?domain={OURS}&records=_dmarc.{NEIGHBOUR}.%20TXT%20%22v%3DDMARC1%3B%20p%3Dreject%22");
    let answer = house.ask(&Method::GET, &proposal, Some(&token), "").await;
    assert!(
        answer.status == StatusCode::UNPROCESSABLE_ENTITY && answer.page.contains("does not reach this far"),
        "{}",
        answer.page
    );
    let answer = house.ask(&Method::GET, &format!("/reports/{ours}/evidence"), Some(&token), "").await;
    assert!(answer.page.contains("about ours.example"));
    let looks = AuditFilter { person: Some(analyst.id), what: Some("evidence.look".to_owned()) };
    let looks = house.desk.people.audited(&looks, None, 10).await.unwrap().rows;
    assert!(looks.len() == 2 && looks.iter().all(|look| look.subject == ours.to_string()), "{looks:?}");
}

#[tokio::test]
async fn somebody_comes_by_a_link_looks_after_their_account_and_invites_another() {
    let house = House::open().await;
    let link = house.desk.people.first_link().await.unwrap().unwrap();
    let join = format!("/join/{}", link.as_str());
    let page = house.ask(&Method::GET, &join, None, "").await;
    assert!(page.status == StatusCode::OK && page.page.contains("name=\"login\""));
    let form = "login=Hana&name=%E8%8A%B1%3Cb%3E&password=tortoise+kettle&again=tortoise+kettle";
    let joined = house.ask(&Method::POST, &join, None, form).await;
    let token = joined.gives().expect("the first account is signed in");
    let cookie = joined.headers.get(header::SET_COOKIE).unwrap().to_str().unwrap();
    assert!(cookie.ends_with("; SameSite=Lax; HttpOnly; Secure"), "{cookie}");
    assert_eq!(house.ask(&Method::GET, &join, None, "").await.status, StatusCode::NOT_FOUND);

    let account = house.ask(&Method::GET, "/account", Some(&token), "").await;
    assert!(account.page.contains("花&#60;b&#62;"), "{}", account.page);
    let proof = account.proof().to_owned();
    let post = async |token: &Token, path: &str, form: &str| {
        house.ask(&Method::POST, path, Some(token), &format!("proof={proof}&{form}")).await
    };
    let named = post(&token, "/account/name", "name=Hanako&lang=ja").await;
    assert_eq!(named.leads_to(), "/account?done=name");
    let account = house.ask(&Method::GET, "/account?done=name", Some(&token), "").await;
    assert!(account.page.contains("<html lang=\"ja\"") && account.page.contains("Hanako"));

    let added = post(&token, "/account/tokens", "label=%3Cscript%3E&role=admin&days=90").await;
    let shown = added.page.split("sekisho_").nth(1).unwrap().split('<').next().unwrap();
    let program = Token::shown(&format!("sekisho_{shown}")).unwrap();
    let bearer = house.desk.people.bearer(&program).await.unwrap().unwrap();
    assert_eq!((bearer.login.as_str(), bearer.role), ("hana", Role::Admin));
    assert!(!added.page.contains("<script>") && added.page.contains("&#60;script&#62;"));
    let account = house.ask(&Method::GET, "/account", Some(&token), "").await;
    assert!(!account.page.contains("sekisho_"), "it is shown once");
    let (_, revoke) = account.page.split_once("action=\"/account/tokens/").unwrap();
    let id = revoke.split('/').next().unwrap();
    assert_eq!(post(&token, &format!("/account/tokens/{id}/revoke"), "").await.leads_to(), "/account?done=token");
    assert!(house.desk.people.bearer(&program).await.unwrap().is_none());

    let invited = post(&token, "/people/invite", "role=viewer&domains=ours.example%0d%0ab%C3%BCcher.example").await;
    let (_, link) = invited.page.split_once("/join/").unwrap();
    let link = Token::shown(link.split('<').next().unwrap()).unwrap();
    let invitation = house.desk.people.invitation(&link).await.unwrap().unwrap();
    let domains = Scope::of([OURS, "bücher.example"]).unwrap();
    assert_eq!((invitation.role, Scope::parse(&invitation.scope)), (Role::Viewer, Ok(domains)));
    assert_eq!(post(&token, "/people/invite", "role=viewer&domains=a..b").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(post(&token, "/people/hana/disable", "").await.status, StatusCode::CONFLICT);
    assert_eq!(post(&token, "/people/HANA/appoint", "role=viewer").await.status, StatusCode::CONFLICT);
    assert_eq!(post(&token, "/people/nobody/disable", "").await.status, StatusCode::NOT_FOUND);
    house.person("victim", Role::Viewer, &Scope::All).await;
    assert_eq!(post(&token, "/people/victim/appoint", "role=analyst&domains=ours.example").await.leads_to(), "/people");
    let victim = house.desk.people.person("victim").await.unwrap().unwrap();
    assert_eq!((victim.role, Scope::parse(&victim.scope)), (Role::Analyst, Scope::of([OURS])));
    let audit = house.ask(&Method::GET, "/audit?what=person.appoint", Some(&token), "").await;
    assert!(audit.page.contains("<code>person.appoint</code>") && !audit.page.contains("<code>person.join"));

    let wrong = post(&token, "/account/password", "old=wrong&password=lantern+and+moss&again=lantern+and+moss").await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    let differs = post(&token, "/account/password", "old=x&password=lantern+and+moss&again=lantern").await;
    assert_eq!(differs.status, StatusCode::BAD_REQUEST);
    let form = format!("old={}&password=lantern+and+moss&again=lantern+and+moss", PASSWORD.replace(' ', "+"));
    let changed = post(&token, "/account/password", &form).await;
    let new = changed.gives().expect("a new session takes the place of all");
    assert_eq!(changed.leads_to(), "/account?done=password");
    assert!(house.desk.people.who(&token).await.unwrap().is_none());
    assert!(house.desk.people.who(&new).await.unwrap().is_some());
}

#[tokio::test]
async fn whoever_writes_no_domain_into_a_scope_is_told_which_word_it_is() {
    let house = House::open().await;
    let admin = house.person("admin", Role::Admin, &Scope::All).await;
    house.person("victim", Role::Viewer, &Scope::of([OURS]).unwrap()).await;
    let (token, proof) = house.session(admin).await;
    let post = async |path: &str, domains: &str| {
        let form = format!("proof={proof}&role=viewer&domains={domains}");
        house.ask(&Method::POST, path, Some(&token), &form).await
    };
    for path in ["/people/invite", "/people/victim/appoint"] {
        let refused = post(path, "ours.example%0a%3Cb%3Eall").await;
        assert!(
            refused.status == StatusCode::BAD_REQUEST && refused.page.contains("&#60;b&#62;all"),
            "{}",
            refused.page
        );
        assert_eq!(post(path, "*+ours.example").await.status, StatusCode::BAD_REQUEST);
    }
    let victim = async || house.desk.people.person("victim").await.unwrap().unwrap();
    assert_eq!(Scope::parse(&victim().await.scope), Scope::of([OURS]), "nothing was changed");
    assert_eq!(post("/people/victim/appoint", "*").await.leads_to(), "/people");
    assert_eq!(Scope::parse(&victim().await.scope), Ok(Scope::All));
    // Where the link leads is said, since nobody configured it.
    let invited = post("/people/invite", "").await;
    assert!(
        invited.page.contains("https://desk.example/join/")
            && invited.page.contains("It leads to https://desk.example.")
    );
}

#[tokio::test]
async fn two_tokens_count_for_none_and_what_came_by_tls_stays_there() {
    let house = House::open().await;
    let person = house.person("viewer", Role::Viewer, &Scope::All).await;
    let (session, _) = house.session(person).await;
    let viewer = house.desk.people.who(&session).await.unwrap().unwrap().viewer;
    let given = (Role::Viewer, &Scope::All);
    let client = [192, 0, 2, 50].into();
    let token = house.desk.people.add_token(&viewer, "", given, None, client).await.unwrap().unwrap();
    let right = format!("Bearer {}", token.as_str());
    let two = [("authorization", right.as_str()), ("authorization", "Bearer sekisho_x")];
    assert_eq!(house.ask_as(&Method::GET, "/", None, "", &two[..1]).await.status, StatusCode::OK);
    for shown in [[two[0], two[0]], [two[0], two[1]], [two[1], two[0]]] {
        let answer = house.ask_as(&Method::GET, "/", Some(&session), "", &shown).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
    let liked = house.ask(&Method::POST, "/look", None, "look=dark&lang=ja&back=/").await;
    let cookies: Vec<&str> =
        liked.headers.get_all(header::SET_COOKIE).iter().map(|one| one.to_str().unwrap()).collect();
    assert!(cookies.len() == 2 && cookies.iter().all(|one| one.ends_with("; Secure")), "{cookies:?}");
}

#[tokio::test]
async fn a_second_factor_is_set_on_the_page_that_draws_it() {
    let house = House::open().await;
    let link = house.desk.people.first_link().await.unwrap().unwrap();
    let form = "login=hana&password=tortoise+kettle&again=tortoise+kettle";
    let joined = house.ask(&Method::POST, &format!("/join/{}", link.as_str()), None, form).await;
    let token = joined.gives().unwrap();
    let page = house.ask(&Method::GET, "/account/second-factor", Some(&token), "").await;
    assert!(page.page.contains("<svg") && !page.page.contains("<?xml"));
    let (_, secret) = page.page.split_once("name=\"secret\" value=\"").unwrap();
    let secret = secret.split('"').next().unwrap();
    let again = house.ask(&Method::GET, "/account/second-factor", Some(&token), "").await;
    assert!(!again.page.contains(secret), "each page offers another one");
    let set = async |code: &str| {
        let form = format!("proof={}&secret={secret}&code={code}&password=tortoise+kettle", page.proof());
        house.ask(&Method::POST, "/account/second-factor", Some(&token), &form).await
    };
    let factor = crate::people::totp::TotpSecret::parse(secret).unwrap();
    let is_code = |code: &String| factor.step(code, now(), 0).is_some();
    let wrong = (0..1_000_000).map(|number| format!("{number:06}")).find(|code| !is_code(code)).unwrap();
    let refused = set(&wrong).await;
    assert!(
        refused.status == StatusCode::FORBIDDEN && refused.page.contains(secret),
        "the same secret is asked for again"
    );
    let right = (0..1_000_000).map(|number| format!("{number:06}")).find(is_code).unwrap();
    let token = set(&right).await.gives().unwrap();
    let account = house.ask(&Method::GET, "/account?done=second-factor", Some(&token), "").await;
    assert!(account.page.contains("/account/second-factor/remove"));
    let signed = house.ask(&Method::POST, "/sign-in", None, "login=hana&password=tortoise+kettle").await;
    assert!(signed.gives().is_none() && signed.page.contains("name=\"code\""), "the code is asked for");
}

#[tokio::test]
async fn a_program_looks_as_far_as_its_person_and_changes_nothing() {
    let house = House::open().await;
    let ours = Scope::of([OURS]).unwrap();
    let person = house.person("analyst", Role::Analyst, &ours).await;
    let (session, _) = house.session(person).await;
    let viewer = house.desk.people.who(&session).await.unwrap().unwrap().viewer;
    let client = [192, 0, 2, 50].into();
    let given = (Role::Viewer, &Scope::All);
    let token = house.desk.people.add_token(&viewer, "", given, None, client).await.unwrap().unwrap();
    let ask = async |method: Method, path: &str, shown: &str| {
        let headers = [("authorization", shown), ("content-type", "application/x-www-form-urlencoded")];
        house.ask_as(&method, path, None, "", &headers).await
    };
    let right = format!("Bearer {}", token.as_str());
    let messages = ask(Method::GET, "/messages", &right).await;
    assert!(messages.status == StatusCode::OK && messages.page.contains("sender.example"));
    assert!(!messages.page.contains(NEIGHBOUR));
    for (path, ..) in rooms() {
        let place = fill(path, "0000000000000000000000000000a001", OURS);
        let answer = ask(Method::POST, &place, &right).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{place}");
    }
    // What its person may, and it may not; and what is its person's alone.
    for path in ["/simulator", "/people", "/account", "/account/second-factor"] {
        assert_eq!(ask(Method::GET, path, &right).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    // A wrong token is not made good by the cookie of a browser, nor is a session a token.
    let as_bearer = format!("Bearer {}", session.as_str());
    for wrong in ["Bearer sekisho_x", "Bearer ", "Basic YTpi", &as_bearer] {
        let answer = house.ask_as(&Method::GET, "/", Some(&session), "", &[("authorization", wrong)]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{wrong}");
        assert!(answer.headers.contains_key(header::WWW_AUTHENTICATE));
    }
    house.desk.people.lock_out(crate::people::Actor::default(), "analyst", true).await.unwrap();
    assert_eq!(ask(Method::GET, "/messages", &right).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_many_slow_questions_keeps_no_other_one_waiting() {
    let house = House::open().await;
    let slow = house.person("slow", Role::Analyst, &Scope::All).await;
    let quick = house.person("quick", Role::Viewer, &Scope::All).await;
    let ((slow_token, _), (quick_token, _)) = (house.session(slow).await, house.session(quick).await);
    // A lake that answers when it is told to, and as many questions to it as one account may have.
    let ((go_on, wait), begun) = (mpsc::channel::<()>(), Arc::new(Notify::new()));
    let wait = Arc::new(Mutex::new(wait));
    let mut asked = JoinSet::new();
    while let Some(place) = house.desk.line.admit(slow) {
        let (desk, wait, begun) = (Arc::clone(&house.desk), Arc::clone(&wait), Arc::clone(&begun));
        asked.spawn(place.work(async move {
            let question = move |_: &dyn Lake| {
                begun.notify_one();
                // Until there is nobody who could tell it to.
                assert!(wait.lock().unwrap().recv().is_err());
                Ok(())
            };
            desk.ask(Arc::clone(&desk.lake), question).await
        }));
    }
    begun.notified().await;
    let refused = house.ask(&Method::GET, "/messages", Some(&slow_token), "").await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers.contains_key(header::RETRY_AFTER) && refused.page.contains("Too much at a time"));
    for path in ["/", "/messages", "/domains", "/messages/0000000000000000000000000000a001"] {
        let answer = house.ask(&Method::GET, path, Some(&quick_token), "").await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
    assert!(asked.try_join_next().is_none(), "none of the slow ones was answered meanwhile");
    drop(go_on);
    while let Some(answered) = asked.join_next().await {
        answered.unwrap().unwrap();
    }
    let answer = house.ask(&Method::GET, "/messages", Some(&slow_token), "").await;
    assert_eq!(answer.status, StatusCode::OK);
}
