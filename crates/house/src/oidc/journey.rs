//! The way of a browser to the provider and back
//!
//! What we have to know when it comes back travels in a cookie of that browser, and nothing is kept here: all who serve the same books
//! can welcome it. `state`, `nonce` and the verifier of PKCE are made of the whole cookie with the secret of the house. So whoever
//! comes back with another cookie, or a changed one, has the wrong `state`: nobody is signed in by a link that somebody else sent.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::people::session::Token;
use crate::people::{People, Trouble};

/// How long a journey may take, in seconds.
pub(crate) const LASTS: u32 = 600;
/// The longest way back that is kept, in octets: a cookie has room for some 4,000.
const MOST_OF_A_WAY: usize = 1024;
/// The longest cookie that is read.
const MOST_OF_A_COOKIE: usize = 4096;
/// The most journeys that are remembered until they would be over.
const MOST: usize = 100_000;

/// Why somebody travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Wish {
    /// To sign in.
    Enter,
    /// To sign in with this one from now on: the person, by the id.
    Link(String),
    /// To come in by this invitation.
    Join(String),
}

/// A browser on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Journey {
    /// The cookie, as it is written.
    cookie: String,
    /// What stands in it.
    ticket: Ticket,
    /// What comes back by the provider.
    pub(crate) state: String,
    /// What the token has to say.
    pub(crate) nonce: String,
    /// What proves to the provider that who asks is who began (RFC 7636 §4.1).
    pub(crate) verifier: String,
}

/// What stands in the cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Ticket {
    /// What makes it unlike any other.
    token: String,
    /// Until when it is good, in microseconds.
    until: i64,
    /// Why.
    wish: Wish,
    /// Where they wanted to go.
    back: String,
}

impl Journey {
    /// Begins one.
    pub(crate) fn begin(people: &People, wish: Wish, back: &str) -> Result<Journey, Trouble> {
        let back = if back.len() <= MOST_OF_A_WAY { back } else { "/" }.to_owned();
        let until = people.now().saturating_add(i64::from(LASTS) * 1_000_000);
        let ticket = Ticket { token: Token::new()?.as_str().to_owned(), until, wish, back };
        let text = serde_json::to_vec(&ticket).expect("texts and a number can be written");
        Ok(Journey::of(people, BASE64_URL_SAFE_NO_PAD.encode(text), ticket))
    }

    /// Takes up the one of a browser that comes back with a cookie, by what came by the provider; nothing where they do not belong
    /// together, or too late.
    pub(crate) fn resume(people: &People, cookie: &str, state: &str) -> Option<Journey> {
        if cookie.len() > MOST_OF_A_COOKIE || !people.is_sealed("oidc state", cookie, state) {
            return None;
        }
        let ticket: Ticket = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(cookie).ok()?).ok()?;
        (people.now() < ticket.until).then(|| Journey::of(people, cookie.to_owned(), ticket))
    }

    /// Makes what belongs to a cookie.
    fn of(people: &People, cookie: String, ticket: Ticket) -> Journey {
        let [state, nonce, verifier] =
            ["oidc state", "oidc nonce", "oidc verifier"].map(|what| people.seal(what, &cookie));
        Journey { cookie, ticket, state, nonce, verifier }
    }

    /// Returns what the browser keeps meanwhile.
    pub(crate) fn cookie(&self) -> &str {
        &self.cookie
    }

    /// Returns why somebody travels.
    pub(crate) fn wish(&self) -> &Wish {
        &self.ticket.wish
    }

    /// Returns where they wanted to go.
    pub(crate) fn way(&self) -> &str {
        &self.ticket.back
    }

    /// Returns what the provider is shown of the verifier beforehand (RFC 7636 §4.2, S256).
    pub(super) fn challenge(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.as_bytes()))
    }
}

/// The journeys that came to their end here, for as long as they could be tried again.
#[derive(Debug, Default)]
pub(crate) struct Travelled(Mutex<BTreeMap<String, i64>>);

impl Travelled {
    /// Notes that one has come to its end; false where it had before, or where too many have to be remembered.
    pub(crate) fn end(&self, journey: &Journey, now: i64) -> bool {
        let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, until| now < *until);
        ended.len() < MOST && ended.insert(journey.state.clone(), journey.ticket.until).is_none()
    }
}
