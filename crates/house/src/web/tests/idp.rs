//! A small provider of identities on loopback, with real keys; a test says in what it lies

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Router};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;

use super::now;
use crate::people::session::Token;

/// Who the desk is at the provider.
pub(super) const CLIENT: &str = "desk & co";
/// The secret that both share.
pub(super) const SECRET: &str = "s3cret/+&";
/// In what a provider lies, or fails.
#[derive(Clone, Default)]
pub(super) struct Lie {
    /// Claims in place of the honest ones; null takes one away.
    pub(super) claims: Value,
    /// The same in the header of the token.
    pub(super) header: Value,
    /// What it signs with.
    pub(super) signed: Signed,
    /// The same in what it tells about itself.
    pub(super) about: Value,
    /// What happens where codes are turned in.
    pub(super) token: Turning,
    /// Whether it names none of its keys.
    pub(super) is_without_keys: bool,
}

/// What a token is signed with.
#[derive(Clone, Copy, Default, PartialEq)]
pub(super) enum Signed {
    /// The key of an elliptic curve.
    #[default]
    Es256,
    /// RSA.
    Rs256,
    /// Ed25519.
    EdDsa,
    /// A key that nobody named.
    Stranger,
    /// Nothing.
    None,
    /// The public key, as if it were a secret.
    PublicKey,
    /// The secret that both share.
    Shared,
}

/// What happens where codes are turned in.
#[derive(Clone, Copy, Default, PartialEq)]
pub(super) enum Turning {
    /// What should.
    #[default]
    Honest,
    /// It leads elsewhere.
    Redirects,
    /// It is never at an end.
    Huge,
    /// It fails.
    Broken,
    /// It says nothing that can be read.
    Garbage,
}

/// A provider of identities.
pub(super) struct Idp {
    /// What it calls itself.
    pub(super) issuer: String,
    /// Keys.
    curve: EcdsaKeyPair,
    /// Keys.
    rsa: RsaKeyPair,
    /// Keys.
    edwards: Ed25519KeyPair,
    /// In what it lies.
    lie: Mutex<Lie>,
    /// The codes that were not turned in yet: what the browser came with, and who it is.
    pub(super) codes: Mutex<HashMap<String, Granted>>,
    /// How the desk proved who it is.
    pub(super) proofs: Mutex<Vec<&'static str>>,
    /// How often it was asked for its keys.
    pub(super) keys_asked: AtomicUsize,
    /// How often somebody was led to where it never leads.
    pub(super) led_away: AtomicUsize,
}

/// What a browser came with, and who it is.
type Granted = (HashMap<String, String>, Value);

/// The provider while it listens.
pub(super) struct Listening {
    /// It.
    pub(super) idp: Arc<Idp>,
    /// Ends with the test.
    pub(super) task: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Puts values in place of others; null takes one away.
fn changed(honest: Value, changes: &Value) -> Value {
    let Value::Object(mut all) = honest else { panic!() };
    for (name, value) in changes.as_object().unwrap_or(&Map::new()) {
        if value.is_null() {
            all.remove(name);
        } else {
            all.insert(name.clone(), value.clone());
        }
    }
    Value::Object(all)
}

/// Writes as tokens do.
fn encoded(octets: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(octets)
}

impl Idp {
    /// Begins to listen.
    pub(super) async fn listen() -> Listening {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let idp = Arc::new(Idp {
            issuer: format!("http://{}/realm/", listener.local_addr().unwrap()),
            curve: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            edwards: Ed25519KeyPair::generate().unwrap(),
            lie: Mutex::default(),
            codes: Mutex::default(),
            proofs: Mutex::default(),
            keys_asked: AtomicUsize::new(0),
            led_away: AtomicUsize::new(0),
        });
        let routes = Router::new()
            .route("/realm/.well-known/openid-configuration", axum::routing::get(about))
            .route("/keys", axum::routing::get(keys))
            .route("/token", axum::routing::post(token))
            .route("/elsewhere", axum::routing::any(elsewhere))
            .with_state(Arc::clone(&idp));
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Listening { idp, task }
    }

    /// Returns a place of it.
    fn place(&self, path: &str) -> String {
        self.issuer.replace("/realm/", path)
    }

    /// Lies from now on.
    pub(super) fn lie(&self, lie: Lie) {
        *self.lie.lock().unwrap() = lie;
    }

    /// Lets somebody in whom a browser brings by an address, and returns the code that it takes back.
    pub(super) fn grant(&self, place: &str, who: &Value) -> (String, String) {
        let query = place.parse::<Uri>().unwrap().query().unwrap().to_owned();
        let asked: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        assert!(place.starts_with(&self.place("/authorize?")), "{place}");
        assert_eq!(
            (&*asked["response_type"], &*asked["client_id"], &*asked["code_challenge_method"]),
            ("code", CLIENT, "S256")
        );
        assert_eq!(asked["redirect_uri"], "https://desk.example/sign-in/identity/back");
        assert_eq!(asked["scope"], "openid profile email");
        let (code, state) = (Token::new().unwrap().as_str().to_owned(), asked["state"].clone());
        self.codes.lock().unwrap().insert(code.clone(), (asked, who.clone()));
        (code, state)
    }

    /// Makes the token of somebody.
    fn token(&self, nonce: &str, who: &Value) -> String {
        let lie = self.lie.lock().unwrap().clone();
        let seconds = now() / 1_000_000;
        let honest = json!({
            "iss": self.issuer, "aud": CLIENT, "sub": "1", "iat": seconds, "exp": seconds + 300, "nonce": nonce,
        });
        let claims = changed(changed(honest, who), &lie.claims);
        let (algorithm, kid) = match lie.signed {
            Signed::Es256 | Signed::Stranger => ("ES256", "curve"),
            Signed::Rs256 => ("RS256", "rsa"),
            Signed::EdDsa => ("EdDSA", "edwards"),
            Signed::None => ("none", "curve"),
            Signed::PublicKey | Signed::Shared => ("HS256", "curve"),
        };
        let header = changed(json!({ "alg": algorithm, "kid": kid, "typ": "JWT" }), &lie.header);
        let message = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let signature = self.sign(message.as_bytes(), lie.signed);
        format!("{message}.{}", encoded(signature))
    }

    /// Signs.
    fn sign(&self, message: &[u8], with: Signed) -> Vec<u8> {
        let random = SystemRandom::new();
        let mac = |key: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec();
        match with {
            Signed::Es256 => self.curve.sign(&random, message).unwrap().as_ref().to_vec(),
            Signed::Stranger => {
                let stranger = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
                stranger.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Signed::Rs256 => {
                let mut signature = vec![0; self.rsa.public_modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Signed::EdDsa => self.edwards.sign(message).as_ref().to_vec(),
            Signed::None => Vec::new(),
            Signed::PublicKey => mac(self.curve.public_key().as_ref()),
            Signed::Shared => mac(SECRET.as_bytes()),
        }
    }
}

/// What the provider tells about itself.
async fn about(State(idp): State<Arc<Idp>>) -> String {
    let honest = json!({
        "issuer": idp.issuer,
        "authorization_endpoint": idp.place("/authorize"),
        "token_endpoint": idp.place("/token"),
        "jwks_uri": idp.place("/keys"),
        "authorization_response_iss_parameter_supported": true,
    });
    changed(honest, &idp.lie.lock().unwrap().about).to_string()
}

/// Its keys, among others that nobody here knows.
async fn keys(State(idp): State<Arc<Idp>>) -> String {
    idp.keys_asked.fetch_add(1, Ordering::Relaxed);
    if idp.lie.lock().unwrap().is_without_keys {
        return json!({ "keys": [] }).to_string();
    }
    let point = idp.curve.public_key().as_ref();
    let rsa = idp.rsa.public_key();
    let exponent = rsa.exponent().big_endian_without_leading_zero();
    json!({ "keys": [
        { "kty": "LATTICE", "kid": "future", "alg": "ML-DSA-44" },
        { "kty": "RSA", "kid": "rsa", "use": "enc", "alg": "RSA-OAEP", "n": "AQAB", "e": "AQAB" },
        { "kty": "EC", "crv": "P-256", "kid": "curve", "use": "sig", "x": encoded(&point[1..33]), "y": encoded(&point[33..]) },
        { "kty": "RSA", "kid": "rsa", "n": encoded(rsa.modulus().big_endian_without_leading_zero()), "e": encoded(exponent) },
        { "kty": "OKP", "crv": "Ed25519", "kid": "edwards", "alg": "EdDSA", "x": encoded(idp.edwards.public_key()) },
    ] })
    .to_string()
}

/// Turns a code in: once, for who knows the secret, and what the code was asked for with.
async fn token(State(idp): State<Arc<Idp>>, headers: HeaderMap, Form(form): Form<HashMap<String, String>>) -> Response {
    let turning = idp.lie.lock().unwrap().token;
    match turning {
        Turning::Honest => {}
        Turning::Redirects => return Redirect::temporary(&idp.place("/elsewhere")).into_response(),
        Turning::Huge => return format!("{{\"id_token\":\"{}\"}}", "a".repeat(2 << 20)).into_response(),
        Turning::Broken => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Turning::Garbage => return "<html>".into_response(),
    }
    idp.proofs.lock().unwrap().push(proof(&headers, &form));
    assert_eq!(form["grant_type"], "authorization_code");
    let granted = idp.codes.lock().unwrap().remove(&form["code"]);
    let fits = |asked: &HashMap<String, String>| {
        let challenge = encoded(digest(&SHA256, form["code_verifier"].as_bytes()));
        challenge == asked["code_challenge"] && form["redirect_uri"] == asked["redirect_uri"]
    };
    match granted.filter(|(asked, _)| fits(asked)) {
        Some((asked, who)) => {
            json!({ "id_token": idp.token(&asked["nonce"], &who), "token_type": "Bearer" }).to_string().into_response()
        }
        None => (StatusCode::BAD_REQUEST, json!({ "error": "invalid_grant" }).to_string()).into_response(),
    }
}

/// Tells how the desk proved who it is.
fn proof(headers: &HeaderMap, form: &HashMap<String, String>) -> &'static str {
    if let Some(shown) = headers.get("authorization").and_then(|shown| shown.to_str().ok()?.strip_prefix("Basic ")) {
        let shown = String::from_utf8(BASE64_STANDARD.decode(shown).unwrap()).unwrap();
        assert_eq!(shown, "desk+%26+co:s3cret%2F%2B%26", "RFC 6749 §2.3.1");
        assert!(!form.contains_key("client_secret") && !form.contains_key("client_id"), "one proof is enough");
        return "basic";
    }
    assert_eq!(form["client_id"], CLIENT);
    let secret = form.get("client_secret");
    assert!(secret.is_none_or(|secret| secret == SECRET));
    if secret.is_some() { "form" } else { "nothing" }
}

/// Where nobody is ever led.
async fn elsewhere(State(idp): State<Arc<Idp>>) -> StatusCode {
    idp.led_away.fetch_add(1, Ordering::Relaxed);
    StatusCode::OK
}
