//! People for whom a provider of identities vouches, and those who only say so

use std::sync::atomic::Ordering;

use axum::http::{Method, StatusCode};
use sekisho_ledger::{AuditFilter, Role};
use serde_json::{Value, json};

use super::idp::{CLIENT, Idp, Lie, Listening, SECRET, Signed, Turning};
use super::{Answer, House, PASSWORD, now};
use crate::config::{Config, config_for_testing};
use crate::oidc::Provider;
use crate::people::Actor;
use crate::people::access::{Scope, Viewer};
use crate::people::session::Token;

/// Those of the group `abuse` are analysts for one domain, admins are those of `root`.
const RULES: &str = "[[oidc.people]]\nclaim = \"groups\"\nvalue = \"root\"\nrole = \"admin\"\n\
    [[oidc.people]]\nclaim = \"groups\"\nvalue = \"abuse\"\nrole = \"analyst\"\ndomains = [\"ours.example\"]\n";

/// A desk that trusts a provider.
struct Scene {
    /// The desk.
    house: House,
    /// The provider.
    listening: Listening,
}

/// A browser that left for the provider.
struct Left {
    /// Where it was sent.
    place: String,
    /// The cookie that it took along.
    cookie: String,
}

impl Scene {
    /// Opens one with these rules.
    async fn open(rules: &str) -> Scene {
        Scene::open_with(rules, true).await
    }

    /// Opens one in which both share a secret, or do not.
    async fn open_with(rules: &str, is_shared: bool) -> Scene {
        let listening = Idp::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
        std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let secret = if is_shared { format!("client_secret_file = {secret:?}\n") } else { String::new() };
        let config: Config = config_for_testing(&format!(
            "[oidc]\nissuer = {:?}\nclient_id = {CLIENT:?}\nname = \"Example ID\"\ndesk = \"https://desk.example/\"\n{secret}{rules}",
            listening.idp.issuer
        ));
        let house = House::open_with(&config).await;
        house.desk.trust(Provider::open(&config.oidc).unwrap());
        Scene { house, listening }
    }

    /// Returns the provider.
    fn idp(&self) -> &Idp {
        &self.listening.idp
    }

    /// Leaves for the provider by a path of the desk.
    async fn leave(&self, path: &str) -> Left {
        let answer = self.house.ask(&Method::GET, path, None, "").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.page);
        Left { place: answer.leads_to().to_owned(), cookie: answer.took_along() }
    }

    /// Comes back with what the provider gave.
    async fn come_back(&self, query: &str, cookie: &str, session: Option<&Token>) -> Answer {
        let cookie = format!("sekisho-identity={cookie}");
        let path = format!("/sign-in/identity/back?{query}");
        self.house.ask_as(&Method::GET, &path, session, "", &[("cookie", &cookie)]).await
    }

    /// Writes what an honest provider sends back.
    fn query(&self, code: &str, state: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("code", code).append_pair("state", state).append_pair("iss", &self.idp().issuer).finish()
    }

    /// Goes the whole way as somebody, from a path of the desk.
    async fn travel(&self, path: &str, who: &Value) -> Answer {
        let left = self.leave(path).await;
        let (code, state) = self.idp().grant(&left.place, who);
        self.come_back(&self.query(&code, &state), &left.cookie, None).await
    }

    /// Goes the whole way from the door.
    async fn enter(&self, who: &Value) -> Answer {
        self.travel("/sign-in/identity?back=%2Fmessages%3Fdmarc%3Dfail", who).await
    }

    /// Returns what was done, each with its detail.
    async fn done(&self, what: &str) -> Vec<Value> {
        let filter = AuditFilter { person: None, what: Some(what.to_owned()) };
        let page = self.house.desk.people.audited(&filter, None, 100).await.unwrap();
        page.rows.iter().map(|entry| serde_json::from_str(&entry.detail).unwrap()).collect()
    }

    /// Makes somebody with a password, and signs them in; returns their session and the proof of its forms.
    async fn hana(&self) -> (Token, String) {
        let link = self.house.desk.people.invite(Actor::default(), Role::Admin, &Scope::All).await.unwrap();
        let form = "login=hana&password=tortoise+kettle";
        let joined = self.house.ask(&Method::POST, &format!("/join/{}", link.as_str()), None, form).await;
        let token = joined.gives().unwrap();
        let account = self.house.ask(&Method::GET, "/account", Some(&token), "").await;
        (token, account.proof().to_owned())
    }

    /// Returns who has a session.
    async fn who(&self, token: &Token) -> Viewer {
        self.house.desk.people.who(token).await.unwrap().unwrap().viewer
    }
}

impl Answer {
    /// Returns the cookie of a journey.
    fn took_along(&self) -> String {
        let mut cookies = self.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
        let cookie = cookies.rfind(|cookie| cookie.starts_with("sekisho-identity=")).unwrap();
        for attribute in ["; HttpOnly", "; SameSite=Lax", "; Secure", "; Max-Age=600;"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        cookie["sekisho-identity=".len()..].split(';').next().unwrap().to_owned()
    }
}

/// Somebody of a group.
fn of_group(group: &str) -> Value {
    json!({ "sub": "1", "preferred_username": "Hana", "name": "花", "email": "hana@ours.example", "groups": [group] })
}

#[tokio::test]
async fn whoever_a_rule_names_comes_in_by_every_kind_of_key_and_without_a_second_factor() {
    for signed in [Signed::Es256, Signed::Rs256, Signed::EdDsa] {
        let scene = Scene::open(RULES).await;
        scene.idp().lie(Lie { signed, ..Lie::default() });
        let door = scene.house.ask(&Method::GET, "/sign-in?back=%2Fmessages", None, "").await;
        assert!(door.page.contains("Sign in with Example ID"), "{}", door.page);
        let answer = scene.enter(&of_group("abuse")).await;
        assert_eq!(answer.leads_to(), "/messages?dmarc=fail", "{}", answer.page);
        let viewer = scene.who(&answer.gives().unwrap()).await;
        assert_eq!((&*viewer.login, &*viewer.name, viewer.role), ("hana", "花", Role::Analyst));
        assert_eq!(viewer.scope, Scope::of(["ours.example"]).unwrap());
        assert_eq!(scene.done("session.begin").await, [json!({ "by": "oidc" })]);
        assert_eq!(scene.done("person.join").await[0]["by"], "oidc");
    }
}

#[tokio::test]
async fn the_desk_proves_who_it_is_as_the_provider_wants_it() {
    let takes = |ways: Value| Lie { about: json!({ "token_endpoint_auth_methods_supported": ways }), ..Lie::default() };
    for (ways, proof) in [
        (json!(null), "basic"),
        (json!(["client_secret_post", "client_secret_basic"]), "basic"),
        (json!(["client_secret_post"]), "form"),
        (json!(["private_key_jwt"]), "basic"),
    ] {
        let scene = Scene::open(RULES).await;
        scene.idp().lie(takes(ways));
        assert!(scene.enter(&of_group("root")).await.gives().is_some());
        assert_eq!(*scene.idp().proofs.lock().unwrap(), [proof]);
    }
    let public = Scene::open_with(RULES, false).await;
    assert!(public.enter(&of_group("root")).await.gives().is_some());
    assert_eq!(*public.idp().proofs.lock().unwrap(), ["nothing"], "PKCE alone");
}

#[tokio::test]
async fn what_somebody_may_is_decided_anew_at_each_sign_in() {
    let scene = Scene::open(RULES).await;
    let first = scene.enter(&of_group("abuse")).await.gives().unwrap();
    let second = scene.enter(&of_group("root")).await.gives().unwrap();
    let viewer = scene.who(&second).await;
    assert_eq!((&*viewer.login, viewer.role, viewer.scope), ("hana", Role::Admin, Scope::All));
    assert!(scene.house.desk.people.who(&first).await.unwrap().is_none(), "what they may is another thing now");
    let again = scene.enter(&of_group("root")).await.gives().unwrap();
    assert!(scene.house.desk.people.who(&second).await.unwrap().is_some(), "nothing changed, so nothing ends");
    assert_eq!(scene.done("person.appoint").await.len(), 1);
    // Out of every group: known here, and yet nobody.
    let out = scene.enter(&of_group("canteen")).await;
    assert!(out.status == StatusCode::FORBIDDEN && out.gives().is_none() && out.page.contains("Nobody here knows you"));
    scene.house.desk.people.lock_out(Actor::default(), "hana", true).await.unwrap();
    assert!(scene.house.desk.people.who(&again).await.unwrap().is_none());
    let locked = scene.enter(&of_group("root")).await;
    assert!(locked.status == StatusCode::UNAUTHORIZED && locked.gives().is_none());
}

#[tokio::test]
async fn a_token_that_lies_lets_nobody_in() {
    let (seconds, other) = (now() / 1_000_000, json!("https://evil.example"));
    let claims = |claims: Value| Lie { claims, ..Lie::default() };
    let header = |header: Value| Lie { header, ..Lie::default() };
    let signed = |signed| Lie { signed, ..Lie::default() };
    let lies = [
        ("another issuer", claims(json!({ "iss": other }))),
        ("another audience", claims(json!({ "aud": "other" }))),
        ("a second audience", claims(json!({ "aud": [CLIENT, "other"] }))),
        ("another party", claims(json!({ "azp": "other" }))),
        ("another nonce", claims(json!({ "nonce": "n" }))),
        ("no nonce", claims(json!({ "nonce": null }))),
        ("expired", claims(json!({ "exp": seconds - 400, "iat": seconds - 700 }))),
        ("from the future", claims(json!({ "iat": seconds + 700, "exp": seconds + 1000 }))),
        ("nobody", claims(json!({ "sub": null }))),
        ("no signature", signed(Signed::None)),
        (
            "no signature by another name",
            Lie { header: json!({ "alg": "None" }), signed: Signed::None, ..Lie::default() },
        ),
        ("a cut-off signature", Lie { header: json!({ "alg": "ES256" }), signed: Signed::None, ..Lie::default() }),
        ("the public key as a secret", signed(Signed::PublicKey)),
        ("the secret of the client", signed(Signed::Shared)),
        ("another key", signed(Signed::Stranger)),
        ("a key of another kind", Lie { header: json!({ "kid": "edwards" }), ..Lie::default() }),
        ("a key that is not named", header(json!({ "kid": "unknown" }))),
        ("no keys at all", Lie { is_without_keys: true, ..Lie::default() }),
        ("its own key", header(json!({ "kid": "x", "jwk": { "kty": "oct", "k": "AA" } }))),
        ("something critical", header(json!({ "crit": ["exp"] }))),
    ];
    for (what, lie) in lies {
        let scene = Scene::open(RULES).await;
        scene.idp().lie(lie);
        let answer = scene.enter(&of_group("root")).await;
        assert_eq!((answer.status, answer.gives()), (StatusCode::UNAUTHORIZED, None), "{what}: {}", answer.page);
        assert!(scene.house.desk.people.list(None, 9).await.unwrap().rows.is_empty(), "{what}");
        // An honest word is believed afterwards.
        scene.idp().lie(Lie::default());
        if what != "no keys at all" {
            assert!(scene.enter(&of_group("root")).await.gives().is_some(), "{what}");
        }
    }
}

#[tokio::test]
async fn nobody_comes_back_by_another_browsers_way_or_twice_by_the_same() {
    let scene = Scene::open(RULES).await;
    let ours = scene.leave("/sign-in/identity").await;
    let theirs = scene.leave("/sign-in/identity").await;
    let (code, state) = scene.idp().grant(&theirs.place, &of_group("root"));
    let query = scene.query(&code, &state);
    let mut changed = theirs.cookie.clone();
    changed.replace_range(20..21, if &changed[20..21] == "A" { "B" } else { "A" });
    for (what, cookie, query) in [
        ("another browser", &ours.cookie, &query),
        ("no cookie", &String::new(), &query),
        ("a changed cookie", &changed, &query),
    ] {
        let answer = scene.come_back(query, cookie, None).await;
        assert_eq!((answer.status, answer.gives()), (StatusCode::BAD_REQUEST, None), "{what}");
    }
    let whole = scene.come_back(&query, &theirs.cookie, None).await;
    assert!(whole.gives().is_some(), "{}", whole.page);
    let cleared = whole
        .headers
        .get_all("set-cookie")
        .iter()
        .any(|cookie| cookie.to_str().unwrap().starts_with("sekisho-identity=; Path=/; Max-Age=0"));
    assert!(cleared, "the journey is over");
    let again = scene.come_back(&query, &theirs.cookie, None).await;
    assert_eq!((again.status, again.gives()), (StatusCode::BAD_REQUEST, None), "a state works once");
    // The same code by a new way: the provider knows it no more, and PKCE would not fit.
    let new = scene.leave("/sign-in/identity").await;
    let (_, state) = scene.idp().grant(&new.place, &of_group("root"));
    let reused = scene.come_back(&scene.query(&code, &state), &new.cookie, None).await;
    assert_eq!((reused.status, reused.gives()), (StatusCode::UNAUTHORIZED, None), "a code works once");
    // That was five: whoever goes on waits.
    let waits = scene.come_back(&query, &theirs.cookie, None).await;
    assert_eq!(waits.status, StatusCode::TOO_MANY_REQUESTS, "{}", waits.page);
}

#[tokio::test]
async fn a_code_that_another_browser_asked_for_is_worth_nothing_here() {
    let scene = Scene::open(RULES).await;
    let (victim, thief) = (scene.leave("/sign-in/identity").await, scene.leave("/sign-in/identity").await);
    let (code, _) = scene.idp().grant(&victim.place, &of_group("root"));
    let (_, state) = scene.idp().grant(&thief.place, &of_group("root"));
    let answer = scene.come_back(&scene.query(&code, &state), &thief.cookie, None).await;
    assert_eq!((answer.status, answer.gives()), (StatusCode::UNAUTHORIZED, None), "PKCE holds it");
}

#[tokio::test]
async fn what_another_provider_sends_back_is_not_turned_in() {
    for (what, iss) in
        [("none", ""), ("another", "&iss=https%3A%2F%2Fevil.example"), ("almost", "&iss=http%3A%2F%2F127.0.0.1")]
    {
        let scene = Scene::open(RULES).await;
        let left = scene.leave("/sign-in/identity").await;
        let (code, state) = scene.idp().grant(&left.place, &of_group("root"));
        let answer = scene.come_back(&format!("code={code}&state={state}{iss}"), &left.cookie, None).await;
        assert_eq!((answer.status, answer.gives()), (StatusCode::UNAUTHORIZED, None), "{what}");
        assert!(scene.idp().codes.lock().unwrap().contains_key(&code), "{what}: it was not turned in");
    }
    // A provider that does not promise to say so is believed without.
    let scene = Scene::open(RULES).await;
    scene.idp().lie(Lie { about: json!({ "authorization_response_iss_parameter_supported": null }), ..Lie::default() });
    let left = scene.leave("/sign-in/identity").await;
    let (code, state) = scene.idp().grant(&left.place, &of_group("root"));
    assert!(scene.come_back(&format!("code={code}&state={state}"), &left.cookie, None).await.gives().is_some());
    // Whoever was sent back without a code is not in.
    let left = scene.leave("/sign-in/identity").await;
    let (_, state) = scene.idp().grant(&left.place, &of_group("root"));
    let denied = scene.come_back(&format!("error=access_denied&state={state}"), &left.cookie, None).await;
    assert_eq!((denied.status, denied.gives()), (StatusCode::UNAUTHORIZED, None));
}

#[tokio::test]
async fn a_provider_that_fails_keeps_nobody_from_signing_in_with_a_password() {
    for token in [Turning::Redirects, Turning::Huge, Turning::Broken, Turning::Garbage] {
        let scene = Scene::open(RULES).await;
        scene.idp().lie(Lie { token, ..Lie::default() });
        // More often than wrong passwords are borne: it is not they who failed.
        for _ in 0..7 {
            let answer = scene.enter(&of_group("root")).await;
            assert_eq!((answer.status, answer.gives()), (StatusCode::BAD_GATEWAY, None));
        }
        assert_eq!(scene.idp().led_away.load(Ordering::Relaxed), 0, "no answer sends us elsewhere");
        scene.hana().await;
        let form = format!("login=hana&password={}", PASSWORD.replace(' ', "+"));
        assert!(scene.house.ask(&Method::POST, "/sign-in", None, &form).await.gives().is_some());
    }
    let down = Scene::open(RULES).await;
    down.listening.task.abort();
    while !down.listening.task.is_finished() {
        tokio::task::yield_now().await;
    }
    let answer = down.house.ask(&Method::GET, "/sign-in/identity", None, "").await;
    assert!(answer.status == StatusCode::BAD_GATEWAY && answer.page.contains("does not answer"), "{}", answer.page);
}

#[tokio::test]
async fn a_provider_that_is_not_the_configured_one_is_not_asked() {
    for about in [
        json!({ "issuer": "https://evil.example" }),
        json!({ "issuer": null }),
        json!({ "token_endpoint": "http://evil.example/token" }),
        json!({ "authorization_endpoint": "javascript:alert(1)" }),
        json!({ "jwks_uri": "file:///etc/passwd" }),
        json!({ "token_endpoint": null }),
    ] {
        let scene = Scene::open(RULES).await;
        scene.idp().lie(Lie { about: about.clone(), ..Lie::default() });
        let answer = scene.house.ask(&Method::GET, "/sign-in/identity", None, "").await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{about}");
    }
    // Where nobody vouches there are no such pages, and the door does not speak of it.
    let house = House::open().await;
    for path in ["/sign-in/identity", "/sign-in/identity/back?code=x&state=y"] {
        assert_eq!(house.ask(&Method::GET, path, None, "").await.status, StatusCode::NOT_FOUND);
    }
    assert!(!house.ask(&Method::GET, "/sign-in", None, "").await.page.contains("/sign-in/identity"));
}

#[tokio::test]
async fn keys_are_asked_for_once_a_minute_however_many_unknown_ones_are_named() {
    let scene = Scene::open(RULES).await;
    scene.idp().lie(Lie { header: json!({ "kid": "unknown" }), ..Lie::default() });
    for _ in 0..4 {
        assert_eq!(scene.enter(&of_group("root")).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(scene.idp().keys_asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_account_is_linked_by_its_owner_and_never_taken_over_by_a_name() {
    let scene = Scene::open("").await;
    let (token, proof) = scene.hana().await;
    let stranger = scene.enter(&of_group("root")).await;
    assert!(stranger.status == StatusCode::FORBIDDEN && stranger.gives().is_none(), "the same name proves nothing");
    let post = async |path: &str, password: &str| {
        let form = format!("proof={proof}&password={password}");
        scene.house.ask(&Method::POST, path, Some(&token), &form).await
    };
    let wrong = post("/account/identity", "wrong").await;
    assert!(wrong.status == StatusCode::FORBIDDEN && !wrong.page.contains("/authorize?"));
    let page = post("/account/identity", "tortoise+kettle").await;
    let (_, place) = page.page.split_once("<a class=\"button first\" href=\"").unwrap();
    let place = place.split('"').next().unwrap().replace("&#38;", "&");
    let cookie = page.took_along();
    // Only who is signed in as the one who began links the account.
    let (code, state) = scene.idp().grant(&place, &of_group("none"));
    let person = scene.house.person("other", Role::Viewer, &Scope::All).await;
    let (other, _) = scene.house.session(person).await;
    let stolen = scene.come_back(&scene.query(&code, &state), &cookie, Some(&other)).await;
    assert_eq!(stolen.status, StatusCode::BAD_REQUEST);
    let page = post("/account/identity", "tortoise+kettle").await;
    let (_, place) = page.page.split_once("<a class=\"button first\" href=\"").unwrap();
    let place = place.split('"').next().unwrap().replace("&#38;", "&");
    let (code, state) = scene.idp().grant(&place, &of_group("none"));
    let linked = scene.come_back(&scene.query(&code, &state), &page.took_along(), Some(&token)).await;
    assert_eq!(linked.leads_to(), "/account?done=identity", "{}", linked.page);
    let came = scene.enter(&of_group("none")).await.gives().unwrap();
    let viewer = scene.who(&came).await;
    assert_eq!((&*viewer.login, viewer.role), ("hana", Role::Admin));
    assert_eq!(post("/account/identity/remove", "wrong").await.status, StatusCode::FORBIDDEN);
    assert_eq!(post("/account/identity/remove", "tortoise+kettle").await.leads_to(), "/account?done=identity");
    assert_eq!(scene.enter(&of_group("none")).await.status, StatusCode::FORBIDDEN);
    assert_eq!((scene.done("person.link").await.len(), scene.done("person.unlink").await.len()), (1, 1));
}

#[tokio::test]
async fn somebody_whom_a_rule_lets_in_gets_a_login_that_is_nobodys() {
    let scene = Scene::open(RULES).await;
    scene.hana().await;
    let came = scene.enter(&of_group("abuse")).await.gives().unwrap();
    assert_eq!(scene.who(&came).await.login, "hana@ours.example");
    let again = json!({ "sub": "2", "preferred_username": "hana", "groups": ["abuse"] });
    let login = scene.who(&scene.enter(&again).await.gives().unwrap()).await.login;
    assert!(login.starts_with("hana-") && login.len() == 11, "{login}");
    let nameless = json!({ "sub": "3", "groups": ["abuse"], "preferred_username": "関 守" });
    let login = scene.who(&scene.enter(&nameless).await.gives().unwrap()).await.login;
    assert!(login.starts_with("oidc-"), "{login}");
}

#[tokio::test]
async fn an_invitation_is_taken_by_an_identity_once() {
    let scene = Scene::open("").await;
    let people = &scene.house.desk.people;
    let link = people.invite(Actor::default(), Role::Analyst, &Scope::All).await.unwrap();
    let path = format!("/join/{}", link.as_str());
    assert!(scene.house.ask(&Method::GET, &path, None, "").await.page.contains(&format!("{path}/identity")));
    let two = [scene.leave(&format!("{path}/identity")).await, scene.leave(&format!("{path}/identity")).await];
    let come = async |left: &Left, who: &Value| {
        let (code, state) = scene.idp().grant(&left.place, who);
        scene.come_back(&scene.query(&code, &state), &left.cookie, None).await
    };
    let joined = come(&two[0], &of_group("x")).await;
    assert_eq!(joined.leads_to(), "/", "{}", joined.page);
    let viewer = scene.who(&joined.gives().unwrap()).await;
    assert_eq!((&*viewer.login, viewer.role), ("hana", Role::Analyst));
    let late = come(&two[1], &json!({ "sub": "2" })).await;
    assert_eq!((late.status, late.gives()), (StatusCode::NOT_FOUND, None), "a link works once");
    assert!(scene.enter(&of_group("x")).await.gives().is_some(), "they are known from now on");
    // One identity, one account.
    let another = people.invite(Actor::default(), Role::Admin, &Scope::All).await.unwrap();
    let twice = scene.travel(&format!("/join/{}/identity", another.as_str()), &of_group("x")).await;
    assert_eq!((twice.status, twice.gives()), (StatusCode::CONFLICT, None));
    let reset = people.reset_link(Actor::default(), "hana").await.unwrap().unwrap();
    let reset = scene.house.ask(&Method::GET, &format!("/join/{}/identity", reset.as_str()), None, "").await;
    assert_eq!(reset.status, StatusCode::NOT_FOUND, "a link for a password lets no identity in");
    // Where there are rules they hold for the invited, too.
    let ruled = Scene::open(RULES).await;
    let link = ruled.house.desk.people.invite(Actor::default(), Role::Admin, &Scope::All).await.unwrap();
    let path = format!("/join/{}/identity", link.as_str());
    assert_eq!(ruled.travel(&path, &of_group("canteen")).await.status, StatusCode::FORBIDDEN);
    let joined = ruled.travel(&path, &of_group("abuse")).await.gives().unwrap();
    assert_eq!(ruled.who(&joined).await.role, Role::Analyst, "the rule decides");
}
