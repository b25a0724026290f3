//! A provider of identities: where it is asked, and what its answers are worth
//!
//! It is believed that it is who it says by TLS, and that it means us by what it signs. All that is asked of it has a time limit and
//! a size limit, and no answer sends us anywhere else.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use form_urlencoded::{Serializer, byte_serialize};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Unproven;
use super::claims::{self, Expected, Vouched};
use super::journey::Journey;
use super::keys::{Keys, Opened};
use crate::careful::{self, told};
use crate::config::OidcSection;
use crate::config::oidc::{ProviderTable, is_fair, is_here};
use crate::fault::{Fault, shown};
use crate::key_file;

/// Where a provider tells about itself (OpenID Connect Discovery 1.0 §4).
const ABOUT: &str = "/.well-known/openid-configuration";
/// Where browsers come back to.
pub(crate) const BACK: &str = "/sign-in/identity/back";
/// The most octets of an answer.
const MOST: usize = 1 << 20;
/// The most octets of a file with a secret.
const MOST_OF_A_SECRET: u64 = 4096;
/// For how long what a provider tells about itself holds.
const HOLDS: Duration = Duration::from_secs(3600);
/// How often keys are asked for anew at most, where a token names one that is not known: anybody can write a token.
const PAUSE: Duration = Duration::from_secs(60);

/// A provider of identities.
pub(crate) struct Provider {
    /// What was written of it.
    table: ProviderTable,
    /// What is asked for.
    scopes: String,
    /// The secret that we share.
    secret: Option<String>,
    /// Asks it.
    client: Client,
    /// What it told about itself, once it was asked.
    known: Mutex<Option<Known>>,
}

/// What a provider told about itself.
struct Known {
    /// Where it is asked.
    about: Arc<About>,
    /// Since when that is known.
    since: Instant,
    /// Its keys.
    keys: Keys,
    /// Since when those are known.
    keys_since: Instant,
}

/// What a provider tells about itself (Discovery 1.0 §3).
#[derive(Debug, Deserialize)]
struct About {
    /// Who it is.
    issuer: String,
    /// Where browsers are sent.
    #[serde(deserialize_with = "read_place")]
    authorization_endpoint: Url,
    /// Where codes are turned in.
    #[serde(deserialize_with = "read_place")]
    token_endpoint: Url,
    /// Where its keys are.
    #[serde(deserialize_with = "read_place")]
    jwks_uri: Url,
    /// How we may prove who we are.
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    /// Whether it says who it is when a browser comes back (RFC 9207 §3).
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What a browser brings back.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Returned {
    /// What can be turned in.
    pub(crate) code: String,
    /// What it left with.
    pub(crate) state: String,
    /// Who sends it (RFC 9207).
    pub(crate) iss: Option<String>,
    /// Why it brings no code.
    pub(crate) error: Option<String>,
}

/// What a code was worth.
#[derive(Deserialize)]
struct Turned {
    /// Who it is, signed.
    id_token: String,
}

impl Provider {
    /// Makes ready to ask the provider of a configuration, where there is one; reads the secret.
    pub(crate) fn open(section: &OidcSection) -> Result<Option<Arc<Provider>>, Fault> {
        let Some(table) = section.provider.clone() else { return Ok(None) };
        let secret = table.secret.as_deref().map(read_secret).transpose()?;
        let is_at_home = Url::parse(&table.issuer).is_ok_and(|issuer| is_here(&issuer));
        let client = careful::client().https_only(!is_at_home).build();
        let client = client.map_err(|why| Fault::new("fault-oidc-client", []).because(Fault::quote(told(why))))?;
        let scopes = section.scopes.join(" ");
        Ok(Some(Arc::new(Provider { table, scopes, secret, client, known: Mutex::default() })))
    }

    /// Returns what people call it.
    pub(crate) fn name(&self) -> &str {
        &self.table.name
    }

    /// Returns where a browser is sent that begins a journey (Core 1.0 §3.1.2.1).
    pub(crate) async fn authorize(&self, journey: &Journey) -> Result<Url, Unproven> {
        let mut place = self.about().await?.authorization_endpoint.clone();
        place
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.table.client)
            .append_pair("redirect_uri", &self.returns_to())
            .append_pair("scope", &self.scopes)
            .append_pair("state", &journey.state)
            .append_pair("nonce", &journey.nonce)
            .append_pair("code_challenge", &journey.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(place)
    }

    /// Returns for whom the provider vouches by what a browser brings back from its journey. `now` is in seconds.
    pub(crate) async fn vouch(&self, returned: &Returned, journey: &Journey, now: i64) -> Result<Vouched, Unproven> {
        let about = self.about().await?;
        // RFC 9207 §2.4: a code of another provider is not turned in here.
        match &returned.iss {
            Some(iss) if *iss != about.issuer => return Err(Unproven::Refused("another provider sent it back")),
            None if about.authorization_response_iss_parameter_supported => {
                return Err(Unproven::Refused("it does not say which provider sent it back"));
            }
            _ => {}
        }
        if returned.error.is_some() || returned.code.is_empty() {
            return Err(Unproven::Refused("the provider did not let them in"));
        }
        let token = self.turn_in(&about, &returned.code, journey).await?;
        let (issuer, client) = (&*self.table.issuer, &*self.table.client);
        let expected = Expected { issuer, client, nonce: &journey.nonce, now };
        claims::judge(self.opened(&token).await?, &expected)
    }

    /// Turns a code in for an ID token (Core 1.0 §3.1.3).
    async fn turn_in(&self, about: &About, code: &str, journey: &Journey) -> Result<String, Unproven> {
        let answer = self.ask(self.order(about, code, journey)).await?;
        let turned: Turned = read(&answer)?;
        Ok(turned.id_token)
    }

    /// Writes with what a code is turned in: who we are, and what proves that this browser asked for it.
    fn order(&self, about: &About, code: &str, journey: &Journey) -> RequestBuilder {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code").append_pair("code", code);
        form.append_pair("redirect_uri", &self.returns_to()).append_pair("code_verifier", &journey.verifier);
        let mut request = self.client.post(about.token_endpoint.clone());
        let client = &self.table.client;
        match &self.secret {
            None => drop(form.append_pair("client_id", client)),
            Some(secret) if about.wants_the_secret_in_the_form() => {
                form.append_pair("client_id", client).append_pair("client_secret", secret);
            }
            Some(secret) => {
                // RFC 6749 §2.3.1: both are written as in a form first.
                let [name, secret] = [client, secret].map(|text| byte_serialize(text.as_bytes()).collect::<String>());
                request = request.basic_auth(name, Some(secret));
            }
        }
        request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.finish())
    }

    /// Opens a token, with keys that are asked for anew where it names one that is not known.
    async fn opened(&self, token: &str) -> Result<Map<String, Value>, Unproven> {
        let mut known = self.known.lock().await;
        let known = known.as_mut().ok_or_else(|| Unproven::Provider("nothing is known of the provider".to_owned()))?;
        if let Opened::Signed(claims) = known.keys.open(token)? {
            return Ok(claims);
        }
        if known.keys_since.elapsed() >= PAUSE {
            known.keys_since = Instant::now();
            known.keys = self.fetch_keys(&known.about).await?;
        }
        match known.keys.open(token)? {
            Opened::Signed(claims) => Ok(claims),
            Opened::UnknownKey => {
                Err(Unproven::Refused("the token is signed with a key that the provider does not name"))
            }
        }
    }

    /// Returns what the provider tells about itself, which is asked for from time to time, with its keys.
    async fn about(&self) -> Result<Arc<About>, Unproven> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.since.elapsed() < HOLDS) {
            return Ok(Arc::clone(&known.about));
        }
        let place = format!("{}{ABOUT}", self.table.issuer.trim_end_matches('/'));
        let about: About = read(&self.ask(self.client.get(place)).await?)?;
        // Discovery 1.0 §4.3: whoever answers in the name of another is not asked again.
        if about.issuer != self.table.issuer {
            return Err(Unproven::Provider(format!(
                "the provider calls itself {:?}, and not as `oidc.issuer` says",
                about.issuer
            )));
        }
        if ![&about.authorization_endpoint, &about.token_endpoint, &about.jwks_uri]
            .into_iter()
            .all(|place| self.may_ask(place))
        {
            return Err(Unproven::Provider("the provider names a place without TLS".to_owned()));
        }
        let keys = self.fetch_keys(&about).await?;
        let about = Arc::new(about);
        let since = Instant::now();
        *known = Some(Known { about: Arc::clone(&about), since, keys, keys_since: since });
        Ok(about)
    }

    /// Asks for the provider's keys.
    async fn fetch_keys(&self, about: &About) -> Result<Keys, Unproven> {
        Keys::read(&self.ask(self.client.get(about.jwks_uri.clone())).await?)
    }

    /// Tells whether secrets may travel to a place that the provider names: to this machine only where the provider is here, too.
    fn may_ask(&self, place: &Url) -> bool {
        is_fair(place) && (place.scheme() == "https" || self.table.issuer.starts_with("http:"))
    }

    /// Returns where browsers come back to.
    fn returns_to(&self) -> String {
        format!("{}{BACK}", self.table.desk)
    }

    /// Asks for something, and returns the whole answer.
    async fn ask(&self, request: RequestBuilder) -> Result<Vec<u8>, Unproven> {
        let failed = |why: reqwest::Error| Unproven::Provider(format!("the provider does not answer: {}", told(why)));
        let mut answer = request.header(ACCEPT, "application/json").send().await.map_err(failed)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MOST {
                return Err(Unproven::Provider("the provider answers with more than anybody needs".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        if status == StatusCode::OK {
            return Ok(body);
        }
        let error = serde_json::from_slice::<Value>(&body).ok();
        let error = error.as_ref().and_then(|body| body.get("error")).and_then(Value::as_str);
        // RFC 6749 §5.2: the code is none, or was turned in before. Other errors are about us, and not about who came.
        if matches!(error, Some("invalid_grant" | "invalid_request")) {
            return Err(Unproven::Refused("the code is worth nothing"));
        }
        let error: String = error.unwrap_or_default().chars().filter(char::is_ascii_graphic).take(60).collect();
        Err(Unproven::Provider(format!("the provider answers {} {error}", status.as_u16())))
    }
}

impl About {
    /// Tells whether the provider takes our secret in the form alone (Core 1.0 §9).
    fn wants_the_secret_in_the_form(&self) -> bool {
        let takes = |way: &str| self.token_endpoint_auth_methods_supported.iter().any(|one| one == way);
        takes("client_secret_post") && !takes("client_secret_basic")
    }
}

/// Reads an answer.
fn read<T: for<'a> Deserialize<'a>>(answer: &[u8]) -> Result<T, Unproven> {
    // What cannot be read may be a secret, and is not told.
    serde_json::from_slice(answer).map_err(|_| Unproven::Provider("the provider's answer cannot be read".to_owned()))
}

/// Reads a place that a provider names.
fn read_place<'de, D: Deserializer<'de>>(written: D) -> Result<Url, D::Error> {
    Url::parse(&String::deserialize(written)?).map_err(D::Error::custom)
}

/// Reads a secret from its file, which others must not be able to read.
fn read_secret(path: &std::path::Path) -> Result<String, Fault> {
    let mut text = String::new();
    let read = key_file::open(path)?.take(MOST_OF_A_SECRET).read_to_string(&mut text);
    read.map_err(|why| Fault::io("fault-read", path, &why))?;
    let secret = text.trim();
    if secret.is_empty() {
        return Err(Fault::new("fault-secret", [("path", shown(path))]));
    }
    Ok(secret.to_owned())
}
