//! The whole ways: a first account, signing in, losing a password, and what those meet who try doors

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sekisho_core::name::DomainName;
use sekisho_core::speech::Lang;
use sekisho_ledger::{AuditFilter, Role};
use serde_json::Value;
use tempfile::TempDir;

use super::access::{Need, Scope, Viewer};
use super::accounts::{Changed, Welcome};
use super::password::Weak;
use super::session::{Token, is_form_proof};
use super::totp::TotpSecret;
use super::{Actor, People, SignIn};
use crate::config::{StoreSection, config_for_testing};
use crate::oidc::{Journey, Travelled, Wish};
use crate::store::{Archive, DataFolder};
use crate::webhooks::Announcer;
use crate::{Setting, Streams, run};

/// A password.
const PASSWORD: &str = "tortoise kettle";
/// Another one.
const OTHER: &str = "lantern and moss";
/// A second, in microseconds.
const SECOND: i64 = 1_000_000;

/// A house with nobody in it, whose time stands until a test moves it.
struct House {
    /// Its folder.
    folder: TempDir,
    /// Its people.
    people: People,
}

thread_local! {
    /// Now, in the test of this thread: each test has a reactor on its own thread.
    static NOW: AtomicI64 = const { AtomicI64::new(1_790_000_000_000_000) };
}

/// Returns the time of this test, which is never the same twice.
fn now() -> i64 {
    NOW.with(|now| now.fetch_add(1, Ordering::Relaxed))
}

/// Lets time pass.
fn pass(seconds: i64) {
    NOW.with(|now| now.fetch_add(seconds * SECOND, Ordering::Relaxed));
}

/// Returns an address.
fn at(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Where most come from.
fn home() -> IpAddr {
    at("192.0.2.1")
}

impl House {
    /// Makes one.
    fn new() -> House {
        let folder = tempfile::tempdir().unwrap();
        let section = StoreSection { folder: Some(folder.path().to_owned()), ..StoreSection::default() };
        let data = DataFolder::open(&section, &[]).unwrap().unwrap();
        let secret = data.secret().unwrap();
        let people = People { clock: now, ..People::of(Archive::of(data), secret) };
        House { folder, people }
    }

    /// Lets somebody in by an invitation.
    async fn join(&self, login: &str, role: Role, scope: &Scope) -> Viewer {
        let link = self.people.invite(Actor::default(), role, scope).await.unwrap();
        let came = self.people.accept(&link, (login, ""), PASSWORD, Lang::Ja, home()).await.unwrap();
        let Welcome::Whole(token) = came else { panic!("{came:?}") };
        self.people.who(&token).await.unwrap().unwrap().viewer
    }

    /// Signs somebody in from home.
    async fn sign_in(&self, login: &str, password: &str) -> SignIn {
        self.people.sign_in(login, password, home()).await.unwrap()
    }

    /// Returns the token of somebody who signs in at once.
    async fn token(&self, login: &str) -> Token {
        match self.sign_in(login, PASSWORD).await {
            SignIn::Whole(token) => token,
            other => panic!("{other:?}"),
        }
    }

    /// Tells whether a token is that of a session.
    async fn knows(&self, token: &Token) -> bool {
        self.people.who(token).await.unwrap().is_some()
    }

    /// Returns the words of what was done, the oldest first.
    async fn done(&self) -> Vec<String> {
        let page = self.people.audited(&AuditFilter::default(), None, 1000).await.unwrap();
        page.rows.into_iter().rev().map(|entry| entry.what).collect()
    }

    /// Calls a command in this house; returns its exit, its data and its talk.
    fn call(&self, command: &str) -> (u8, String, String) {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let setting = Setting { data_places: vec![self.folder.path().to_owned()], ..Setting::default() };
        let args = ["sekisho"].into_iter().chain(command.split(' '));
        let exit =
            run(args, Streams { stdin: &mut std::io::empty(), stdout: &mut stdout, stderr: &mut stderr, setting });
        (exit, String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }
}

/// Returns a scope of one domain.
fn only(domain: &str) -> Scope {
    Scope::of([domain]).unwrap()
}

#[tokio::test]
async fn the_first_account_is_made_once_and_by_the_newest_link() {
    let House { people, .. } = &House::new();
    let old = people.first_link().await.unwrap().unwrap();
    let link = people.first_link().await.unwrap().unwrap();
    let accept = async |link: &Token, login: &str, password: &str| {
        people.accept(link, (login, " 花 "), password, Lang::Ja, home()).await.unwrap()
    };
    assert_eq!(accept(&old, "hana", PASSWORD).await, Welcome::Refused);
    assert_eq!(accept(&link, "ha na", PASSWORD).await, Welcome::BadLogin);
    assert_eq!(accept(&link, "hana", "short").await, Welcome::Weak(Weak::Short));
    let Welcome::Whole(token) = accept(&link, "Hana", PASSWORD).await else { panic!("not let in") };
    let came = people.who(&token).await.unwrap().unwrap();
    let Viewer { login, name, role, scope, lang, .. } = came.viewer.clone();
    assert_eq!((&*login, &*name, role, scope, lang), ("hana", "花", Role::Admin, Scope::All, Some(Lang::Ja)));
    assert_eq!(accept(&link, "jiro", PASSWORD).await, Welcome::Refused);
    assert!(people.first_link().await.unwrap().is_none());
    people.sign_out(&came, home()).await.unwrap();
    assert!(people.who(&token).await.unwrap().is_none());
}

#[tokio::test]
async fn whoever_signs_in_gets_a_new_token_and_forms_of_their_own() {
    let house = House::new();
    house.join("hana", Role::Viewer, &Scope::All).await;
    let (one, other) = (house.token("hana").await, house.token(" HANA ").await);
    assert_ne!(one, other);
    let [one, other] = [one, other].map(|token| {
        let house = &house;
        async move { house.people.who(&token).await.unwrap().unwrap() }
    });
    let (one, other) = (one.await, other.await);
    let proof = super::session::form_proof(&one.session.csrf);
    assert!(is_form_proof(&one.session.csrf, &proof) && !is_form_proof(&other.session.csrf, &proof));
    // Of one's sessions one may end any, and of a neighbour's none.
    let neighbour = house.join("jiro", Role::Admin, &Scope::All).await;
    assert!(!house.people.end_session(&neighbour, &one.session.token, home()).await.unwrap());
    assert!(house.people.end_session(&other.viewer, &one.session.token, home()).await.unwrap());
    assert_eq!(house.people.sessions(&other.viewer).await.unwrap().len(), 2);
}

#[tokio::test]
async fn nobody_learns_what_was_wrong() {
    let house = House::new();
    house.join("hana", Role::Viewer, &Scope::All).await;
    house.join("jiro", Role::Viewer, &Scope::All).await;
    assert!(house.people.lock_out(Actor::default(), "jiro", true).await.unwrap());
    for (login, password) in [("hana", "wrong"), ("jiro", PASSWORD), ("nobody", PASSWORD), ("関\0'; --", "")] {
        let client = at(&format!("198.51.100.{}", login.len()));
        assert_eq!(house.people.sign_in(login, password, client).await.unwrap(), SignIn::Refused, "{login}");
    }
    let refused = house.done().await.into_iter().filter(|what| what == "session.refuse").count();
    assert_eq!(refused, 2, "what is nobody's login is written down nowhere");
}

#[tokio::test]
async fn a_thousand_passwords_are_not_tried() {
    let house = House::new();
    house.join("hana", Role::Viewer, &Scope::All).await;
    let (mut refused, mut waits) = (0, 0);
    for number in 0..40 {
        // From ever another network.
        let client = at(&format!("2001:db8:{number:x}::1"));
        match house.people.sign_in("hana", &format!("wrong {number}"), client).await.unwrap() {
            SignIn::Refused => refused += 1,
            SignIn::Wait(wait) => {
                assert!(wait <= Duration::from_secs(15) && wait > Duration::ZERO, "{wait:?}");
                waits += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((refused, waits), (5, 35));
    // Not even the right one is heard, until the wait is over.
    assert!(matches!(house.sign_in("hana", PASSWORD).await, SignIn::Wait(_)));
    pass(15);
    assert!(matches!(house.sign_in("hana", PASSWORD).await, SignIn::Whole(_)));
}

#[tokio::test]
async fn a_network_that_tries_many_logins_waits_and_its_own_account_is_no_way_around() {
    let house = House::new();
    house.join("own", Role::Viewer, &Scope::All).await;
    let (mut heard, mut number) = (0, 0);
    while number < 10 {
        number += 1;
        // The same line of a customer, as ever another address of it.
        let client = at(&format!("2001:db8:1:2:{number:x}::1"));
        if house.people.sign_in(&format!("login{number}"), "wrong", client).await.unwrap() == SignIn::Refused {
            heard += 1;
        }
        let _ = house.people.sign_in("own", PASSWORD, client).await.unwrap();
    }
    assert_eq!(heard, 5);
    // A mapped address is the address.
    for number in 0..5 {
        let client = at(if number % 2 == 0 { "198.51.100.7" } else { "::ffff:198.51.100.7" });
        house.people.sign_in(&format!("x{number}"), "wrong", client).await.unwrap();
    }
    assert!(matches!(house.people.sign_in("own", PASSWORD, at("198.51.100.7")).await.unwrap(), SignIn::Wait(_)));
    assert!(matches!(house.people.sign_in("own", PASSWORD, at("198.51.100.8")).await.unwrap(), SignIn::Whole(_)));
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_its_code_is_good_once() {
    let house = House::new();
    let viewer = house.join("hana", Role::Viewer, &Scope::All).await;
    let before = house.token("hana").await;
    let secret = TotpSecret::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
    let code = |secret: &TotpSecret| {
        (0..1_000_000).map(|n| format!("{n:06}")).find(|code| secret.step(code, now(), 0) == Some(now() / SECOND / 30))
    };
    let set = async |password: &str, code: &str| {
        house.people.set_totp(&viewer, password, (&secret, code), home()).await.unwrap()
    };
    assert_eq!(set("wrong", &code(&secret).unwrap()).await, Changed::Wrong);
    assert_eq!(set(PASSWORD, "000000").await, Changed::Wrong);
    let first = code(&secret).unwrap();
    let Changed::Done(token) = set(PASSWORD, &first).await else { panic!("not set") };
    assert!(house.knows(&token).await && !house.knows(&before).await, "what was there before has ended");
    let kept = house.people.ledger().await.unwrap().person(viewer.person).await.unwrap().unwrap().totp.unwrap();
    assert!(kept.0.starts_with("locked:") && !kept.0.contains(&secret.to_text()), "who reads the ledger has no codes");

    let SignIn::SecondFactor(half) = house.sign_in("hana", PASSWORD).await else { panic!("not asked for") };
    assert!(!house.knows(&half).await, "half a session is none");
    let second = async |half: &Token, code: &str| house.people.second_factor(half, code, home()).await.unwrap();
    assert_eq!(second(&half, &first).await, SignIn::Refused, "the code that set it was used");
    pass(30);
    let next = code(&secret).unwrap();
    assert_eq!(second(&token, &next).await, SignIn::Refused, "a whole session is no half one");
    let SignIn::Whole(whole) = second(&half, &next).await else { panic!("not let in") };
    assert!(house.knows(&whole).await && whole != half);
    assert_eq!(second(&half, &next).await, SignIn::Refused);
    // What an earlier version kept as it is still opens.
    let ledger = house.people.ledger().await.unwrap();
    ledger.set_totp(viewer.person, Some(&secret.to_text()), 0, now()).await.unwrap();
    pass(30);
    let SignIn::SecondFactor(half) = house.sign_in("hana", PASSWORD).await else { panic!("not asked for") };
    let next = code(&secret).unwrap();
    assert!(matches!(second(&half, &next).await, SignIn::Whole(_)));
    let SignIn::SecondFactor(again) = house.sign_in("hana", PASSWORD).await else { panic!("not asked for") };
    assert_eq!(second(&again, &next).await, SignIn::Refused, "nor is this one good twice");
    // Codes are not tried for long, though the password is right each time.
    let mut waits = false;
    for number in 0..6 {
        let client = at(&format!("198.51.100.{number}"));
        waits |= matches!(house.people.second_factor(&again, "000000", client).await.unwrap(), SignIn::Wait(_));
        assert!(matches!(house.people.sign_in("hana", PASSWORD, client).await.unwrap(), SignIn::SecondFactor(_)));
    }
    assert!(waits);
    pass(15 * 60);
    let cleared = async |password: &str| house.people.clear_totp(&viewer, password, at("203.0.113.1")).await.unwrap();
    assert_eq!(cleared("wrong").await, Changed::Wrong);
    assert_eq!(second(&again, "000000").await, SignIn::Refused, "nor is it waited for for ever");
    assert!(matches!(cleared(PASSWORD).await, Changed::Done(_)));
    assert!(matches!(house.sign_in("hana", PASSWORD).await, SignIn::Whole(_)));
}

#[tokio::test]
async fn wrong_passwords_keep_nobody_from_their_code_and_codes_are_not_tried_for_long_either() {
    let house = House::new();
    let viewer = house.join("hana", Role::Viewer, &Scope::All).await;
    let secret = TotpSecret::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
    let code = || {
        let is_now = |code: &String| secret.step(code, now(), 0) == Some(now() / SECOND / 30);
        (0..1_000_000).map(|number| format!("{number:06}")).find(is_now).unwrap()
    };
    let set = house.people.set_totp(&viewer, PASSWORD, (&secret, &code()), home()).await.unwrap();
    assert!(matches!(set, Changed::Done(_)));
    pass(30);
    // Four slips of their own, then the right one; meanwhile others on the same line get it wrong, too.
    for _ in 0..4 {
        assert_eq!(house.sign_in("hana", "wrong").await, SignIn::Refused);
    }
    let SignIn::SecondFactor(half) = house.sign_in("hana", PASSWORD).await else { panic!("not asked for") };
    for number in 0..9 {
        house.sign_in(&format!("colleague{number}"), "wrong").await;
    }
    assert!(matches!(house.sign_in("hana", PASSWORD).await, SignIn::Wait(_)), "the line waits for passwords");
    let came = house.people.second_factor(&half, &code(), home()).await.unwrap();
    assert!(matches!(came, SignIn::Whole(_)), "{came:?}");
    // Nor do wrong codes of one make others on the line wait with their passwords; a line that tries codes waits with codes.
    pass(3600);
    let SignIn::SecondFactor(half) = house.sign_in("hana", PASSWORD).await else { panic!("not asked for") };
    let mut heard = 0;
    for number in 0..30 {
        let client = at(&format!("2001:db8:{number:x}::1"));
        let tried = house.people.second_factor(&half, "000000", client).await.unwrap();
        heard += usize::from(tried == SignIn::Refused);
    }
    assert_eq!(heard, 5, "of one account, from however many networks");
    assert!(matches!(house.sign_in("hana", PASSWORD).await, SignIn::SecondFactor(_)));
    let mut halves = Vec::new();
    for login in ["a", "b", "c", "d", "e", "f"] {
        let viewer = house.join(login, Role::Viewer, &Scope::All).await;
        pass(30);
        let set = house.people.set_totp(&viewer, PASSWORD, (&secret, &code()), home()).await.unwrap();
        assert!(matches!(set, Changed::Done(_)));
        let SignIn::SecondFactor(half) = house.sign_in(login, PASSWORD).await else { panic!("not asked for") };
        halves.push(half);
    }
    let mut tried = Vec::new();
    for half in &halves {
        tried.push(house.people.second_factor(half, "000000", at("203.0.113.7")).await.unwrap());
    }
    assert!(tried[..5].iter().all(|one| *one == SignIn::Refused) && matches!(tried[5], SignIn::Wait(_)), "{tried:?}");
}

#[tokio::test]
async fn the_log_tells_who_came_in_by_an_invitation_from_who_did_not() {
    let house = House::new();
    house.join("hana", Role::Viewer, &Scope::All).await;
    let link = house.people.invite(Actor::default(), Role::Viewer, &Scope::All).await.unwrap();
    let accept = async |link: &Token, login: &str| {
        house.people.accept(link, (login, ""), PASSWORD, Lang::Ja, home()).await.unwrap()
    };
    assert_eq!(accept(&link, "hana").await, Welcome::Taken);
    let reset = house.people.reset_link(Actor::default(), "hana").await.unwrap().unwrap();
    assert_eq!(accept(&reset, "jiro").await, Welcome::Refused);
    assert!(matches!(accept(&link, "jiro").await, Welcome::Whole(_)));
    assert_eq!(accept(&link, "saburo").await, Welcome::Refused);
    let page = house.people.audited(&AuditFilter::default(), None, 100).await.unwrap();
    let joins = page.rows.iter().rev().filter(|entry| entry.what.starts_with("person.join"));
    let joins: Vec<[&str; 3]> = joins.map(|entry| [&*entry.what, &*entry.subject, &*entry.detail]).collect();
    assert_eq!(
        joins,
        [
            ["person.join", "hana", "{}"],
            ["person.join-refused", "hana", r#"{"why":"taken"}"#],
            ["person.join-refused", "jiro", r#"{"why":"link"}"#],
            ["person.join", "jiro", "{}"],
        ]
    );
}

#[tokio::test]
async fn a_session_lasts_while_it_is_used_and_no_longer_than_a_week() {
    let house = House::new();
    house.join("hana", Role::Viewer, &Scope::All).await;
    let (used, left) = (house.token("hana").await, house.token("hana").await);
    let mut hours = 0;
    while house.knows(&used).await {
        pass(11 * 3_600);
        hours += 11;
        assert!(hours < 200);
    }
    assert_eq!(hours, 176, "7 days are 168 hours");
    assert!(!house.knows(&left).await);
}

#[tokio::test]
async fn a_new_password_ends_every_session_but_the_new_one() {
    let house = House::new();
    let viewer = house.join("hana", Role::Viewer, &Scope::All).await;
    let old = house.token("hana").await;
    let change = async |old: &str, new: &str| house.people.change_password(&viewer, old, new, home()).await.unwrap();
    assert_eq!(change("wrong", OTHER).await, Changed::Wrong);
    assert_eq!(change(PASSWORD, "hana hana").await, Changed::Weak(Weak::Short));
    let Changed::Done(new) = change(PASSWORD, OTHER).await else { panic!("not changed") };
    assert!(house.knows(&new).await && !house.knows(&old).await);
    assert_eq!(house.sign_in("hana", PASSWORD).await, SignIn::Refused);
    assert!(matches!(house.sign_in("hana", OTHER).await, SignIn::Whole(_)));
    // Two were wrong from this network before.
    for number in 3..8 {
        let changed = change("wrong", OTHER).await;
        assert_eq!(matches!(changed, Changed::Wait(_)), number > 5, "{number} {changed:?}");
    }
}

#[tokio::test]
async fn what_a_person_loses_their_tokens_and_sessions_lose() {
    let house = House::new();
    let viewer = house.join("hana", Role::Analyst, &only("a.example")).await;
    let bearer = async |token: &Token| house.people.bearer(token).await.unwrap();
    let add = async |role, scope: &Scope| {
        house.people.add_token(&viewer, "監視", (role, scope), None, home()).await.unwrap().unwrap()
    };
    let (most, less) = (add(Role::Admin, &Scope::All).await, add(Role::Viewer, &only("x.a.example")).await);
    let seen = bearer(&most).await.unwrap();
    assert_eq!((seen.role, seen.scope, seen.login.as_str()), (Role::Analyst, only("a.example"), "hana"));
    let seen = bearer(&less).await.unwrap();
    assert_eq!((seen.role, seen.scope), (Role::Viewer, only("x.a.example")));
    assert!(house.people.who(&most).await.unwrap().is_none(), "a program has no session");

    let session = house.token("hana").await;
    assert!(house.people.bearer(&session).await.unwrap().is_none(), "a browser is no program");
    assert!(house.people.appoint(Actor::default(), "hana", Role::Viewer, &only("b.example")).await.unwrap());
    assert!(!house.knows(&session).await);
    let seen = bearer(&most).await.unwrap();
    let (a, b) = (DomainName::parse("a.example").unwrap(), DomainName::parse("b.example").unwrap());
    assert_eq!((seen.role, seen.scope.covers(&a), seen.scope.covers(&b)), (Role::Viewer, false, false));
    assert!(!seen.may(Need::LookAtEvidence));

    let tokens = house.people.tokens(&viewer).await.unwrap();
    assert!(house.people.revoke_token(&viewer, tokens[0].id, home()).await.unwrap());
    assert!(bearer(&less).await.is_none() && bearer(&most).await.is_some());
    house.people.lock_out(Actor::default(), "hana", true).await.unwrap();
    assert!(bearer(&most).await.is_none());
    let short = house.join("jiro", Role::Viewer, &Scope::All).await;
    let lasts = Some(Duration::from_secs(60));
    let given = (Role::Viewer, &Scope::All);
    let token = house.people.add_token(&short, "", given, lasts, home()).await.unwrap().unwrap();
    assert!(bearer(&token).await.is_some());
    pass(60);
    assert!(bearer(&token).await.is_none());
}

#[tokio::test]
async fn all_that_is_done_is_written_down_and_no_secret_with_it() {
    let house = House::new();
    let viewer = house.join("hana", Role::Analyst, &Scope::All).await;
    let scope = only("a.example");
    let token = house.people.add_token(&viewer, "label", (Role::Viewer, &scope), None, home()).await.unwrap().unwrap();
    house.people.rename(&viewer, "花", Lang::En, home()).await.unwrap();
    house.people.change_password(&viewer, PASSWORD, OTHER, home()).await.unwrap();
    let actor = Actor::of(&viewer, at("::ffff:192.0.2.9"));
    house.people.audit(actor, "evidence.look", "ab12", &serde_json::json!({})).await.unwrap();
    let link = house.people.reset_link(actor, "hana").await.unwrap().unwrap();
    let page = house.people.audited(&AuditFilter::default(), None, 100).await.unwrap();
    let words: Vec<&str> = page.rows.iter().rev().map(|entry| entry.what.as_str()).collect();
    let expected = ["person.invite", "person.join", "session.begin", "token.add", "person.name", "person.password"];
    assert_eq!(words, [&expected[..], &["session.begin", "evidence.look", "person.reset-link"]].concat());
    let said = format!("{:?}", page.rows);
    for secret in [token.as_str(), link.as_str(), PASSWORD, OTHER] {
        assert!(!said.contains(secret) && !said.contains(&sekisho_ledger::Digest::of(secret.as_bytes()).to_string()));
    }
    let look = &page.rows[1];
    assert_eq!((look.person, look.client.as_deref()), (Some(viewer.person), Some("192.0.2.9")));
    assert!(page.rows.iter().all(|entry| serde_json::from_str::<Value>(&entry.detail).is_ok()));
}

#[test]
fn the_shell_invites_resets_and_locks_out_beside_a_running_house() {
    let house = House::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // The shell has the real clock.
    let people = People { clock: || jiff::Timestamp::now().as_microsecond(), ..house.people.clone() };
    let (exit, said, _) = house.call("people list --lang en");
    assert_eq!(exit, 0);
    assert!(said.starts_with("nobody has an account yet"), "{said}");
    assert_eq!(house.call("people list --json"), (0, String::new(), String::new()));

    let (exit, said, _) = house.call("people invite --role viewer --domain A.example --desk https://desk.example/");
    let link = said.lines().last().unwrap().strip_prefix("https://desk.example/join/").unwrap();
    let link = Token::shown(link).unwrap();
    assert_eq!((exit, said.lines().count()), (0, 2));
    let accepted = runtime.block_on(people.accept(&link, ("hana", "花"), PASSWORD, Lang::Ja, home())).unwrap();
    let Welcome::Whole(session) = accepted else { panic!("{accepted:?}") };

    let (_, listed, _) = house.call("people list --json");
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (&listed["login"], &listed["role"], &listed["domains"][0]),
        (&"hana".into(), &"viewer".into(), &"a.example".into())
    );
    let (_, said, _) = house.call("people list --lang ja");
    assert_eq!(said, "hana  閲覧者  a.example  花\n");

    let (exit, said, _) = house.call("people reset HANA --json");
    let link: Value = serde_json::from_str(&said).unwrap();
    let link = link["link"].as_str().unwrap().strip_prefix("http://127.0.0.1:8080/join/").unwrap();
    let link = Token::shown(link).unwrap();
    assert_eq!(exit, 0);
    runtime.block_on(async {
        let viewer = people.who(&session).await.unwrap().expect("nothing is lost before the link is used").viewer;
        let given = (Role::Viewer, &Scope::All);
        let program = people.add_token(&viewer, "script", given, None, home()).await.unwrap().unwrap();
        assert!(people.bearer(&program).await.unwrap().is_some());
        let weak = people.reset(&link, "hana-hana-hana", home()).await.unwrap();
        assert_eq!(weak, Welcome::Weak(Weak::Obvious));
        assert_eq!(people.accept(&link, ("x", ""), PASSWORD, Lang::Ja, home()).await.unwrap(), Welcome::Refused);
        assert_eq!(people.reset(&link, OTHER, home()).await.unwrap(), Welcome::SignIn);
        assert_eq!(people.reset(&link, OTHER, home()).await.unwrap(), Welcome::Refused);
        assert!(people.who(&session).await.unwrap().is_none());
        assert!(people.bearer(&program).await.unwrap().is_none(), "whoever had the account may have made it");
        assert!(matches!(people.sign_in("hana", OTHER, home()).await.unwrap(), SignIn::Whole(_)));
    });
    assert_eq!(house.call("people disable hana --lang en").1, "hana is locked out; their sessions have ended\n");
    assert!(house.call("people list --lang en").1.contains("[locked out]"));
    assert_eq!(runtime.block_on(people.sign_in("hana", OTHER, home())).unwrap(), SignIn::Refused);
    assert_eq!(house.call("people enable hana --lang ja").1, "hana は再び入れる\n");
    let (exit, _, talk) = house.call("people invite --role viewer --domain a.example --domain everything --lang en");
    assert!(exit == 2 && talk.contains("`everything` is no domain of a scope"), "{talk}");
    assert_eq!(house.call("people invite --role viewer --domain *").0, 0);
    for command in ["people reset nobody", "people disable -- --x", "people invite --role king", "people enable é"] {
        let (exit, said, talk) = house.call(command);
        assert_eq!((exit, said.as_str()), (2, ""), "{command}: {talk}");
    }
}

#[tokio::test]
async fn a_journey_to_a_provider_ends_after_ten_minutes_and_is_not_taken_up_by_another_house() {
    let (house, other) = (House::new(), House::new());
    let journey = Journey::begin(&house.people, Wish::Join("link".to_owned()), "/messages").unwrap();
    let resume = |people: &People, cookie: &str, state: &str| Journey::resume(people, cookie, state);
    let taken_up = resume(&house.people, journey.cookie(), &journey.state).unwrap();
    assert_eq!((taken_up.wish(), taken_up.way()), (&Wish::Join("link".to_owned()), "/messages"));
    assert_eq!((&taken_up.nonce, &taken_up.verifier), (&journey.nonce, &journey.verifier));
    let all = [&journey.state, &journey.nonce, &journey.verifier].map(String::as_str);
    assert!(all[0] != all[1] && all[1] != all[2] && all[2].len() == 43, "{all:?}");
    assert!(resume(&other.people, journey.cookie(), &journey.state).is_none(), "another secret");
    for (cookie, state) in
        [("", ""), (journey.cookie(), ""), (journey.cookie(), &*journey.nonce), ("AAAA", &*journey.state)]
    {
        assert!(resume(&house.people, cookie, state).is_none());
    }
    let travelled = Travelled::default();
    assert!(travelled.end(&journey, now()) && !travelled.end(&taken_up, now()));
    pass(601);
    assert!(resume(&house.people, journey.cookie(), &journey.state).is_none(), "too late");
    let long = Journey::begin(&house.people, Wish::Enter, &"/x".repeat(1000)).unwrap();
    assert!(long.way() == "/" && long.cookie().len() < 4000);
}

#[tokio::test]
async fn others_are_told_of_changed_people_by_id_alone() {
    let mut house = House::new();
    let hooks = "[[webhooks]]\nurl = 'https://hooks.example/'\nsecret_file = 's'\nevents = ['person.changed']\n";
    house.people.announcer = Announcer::of(&config_for_testing(hooks).webhooks);
    let hana = house.join("hana@a.example", Role::Viewer, &Scope::All).await;
    let (people, shell) = (&house.people, Actor::default());
    assert!(people.appoint(shell, "hana@a.example", Role::Analyst, &only("b.example")).await.unwrap());
    for is_out in [true, true, false] {
        assert!(people.lock_out(shell, "hana@a.example", is_out).await.unwrap());
    }
    assert!(!people.lock_out(shell, "nobody", true).await.unwrap());
    let ledger = people.ledger().await.unwrap();
    let told = ledger.lease("webhook", "test", 20, now() + SECOND, now() + 9 * SECOND).await.unwrap();
    let data = told.iter().map(|lease| {
        let errand: Value = serde_json::from_str(&lease.job.payload).unwrap();
        assert!(!errand.to_string().contains("hana") && !errand.to_string().contains("example"), "{errand}");
        serde_json::from_str::<Value>(errand["body"].as_str().unwrap()).unwrap()["data"].take()
    });
    let id = hana.person.to_string();
    let expected = [("joined", "viewer"), ("appointed", "analyst"), ("disabled", "analyst"), ("enabled", "analyst")]
        .map(|(change, role)| serde_json::json!({ "person": id, "change": change, "role": role }));
    assert_eq!(data.collect::<Vec<_>>(), expected, "who is out already is not locked out once more");
}
