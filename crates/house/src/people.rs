//! People: who may come in at the desk, as whom, and what is written down of it
//!
//! [`People`] is all that the web needs: somebody signs in and gets a token, a request shows it and becomes a [`Viewer`], and what a
//! viewer may is decided by [`access`], which touches nothing. Every change is written into the audit log *before* it is made: what
//! cannot be written down is not done.

pub(crate) mod access;
pub(crate) mod accounts;
pub(crate) mod command;
mod lock;
pub(crate) mod password;
pub(crate) mod session;
mod signing_in;
#[cfg(test)]
mod tests;
pub(crate) mod totp;
pub(crate) mod vouched;

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sekisho_core::speech::Lang;
use sekisho_ledger::{AuditEntry, Digest, Id, Ledger, OpenError, Person, Session};
use serde_json::{Value, json};

use self::access::{Scope, Viewer};
use self::lock::Lock;
use self::password::Hasher;
use self::session::Token;
use crate::neighbourhood::neighbourhood;
use crate::store::Archive;
use crate::webhooks::{Announcer, News, Topic};

/// A second, in the microseconds of the ledger.
const SECOND: i64 = 1_000_000;

/// Those who may come in. Clones share what is open.
#[derive(Clone, Debug)]
pub(crate) struct People {
    /// Where they are written down.
    archive: Archive,
    /// The secret of the house, by which logins and networks are hashed where failures are counted.
    secret: Arc<[u8]>,
    /// Makes and compares hashes.
    hasher: Hasher,
    /// Who is told of changes.
    announcer: Announcer,
    /// Tells the time.
    clock: fn() -> i64,
}

/// What came of somebody's wish to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SignIn {
    /// They are in; this is the token of their session.
    Whole(Token),
    /// The password was right, and their second factor is asked for; this token is good for nothing else.
    SecondFactor(Token),
    /// Login, password or code are wrong, or the session is over, or they are locked out: nobody learns which.
    Refused,
    /// Too many were wrong: try again after this time.
    Wait(Duration),
}

/// Somebody with a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Came {
    /// Who it is.
    pub(crate) viewer: Viewer,
    /// Their session.
    pub(crate) session: Session,
}

/// Who does something, and from where.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Actor {
    /// The person; none is the system, or who has its shell.
    pub(crate) person: Option<Id>,
    /// The address of the client.
    pub(crate) client: Option<IpAddr>,
}

impl Actor {
    /// Names a viewer at an address.
    pub(crate) fn of(viewer: &Viewer, client: IpAddr) -> Actor {
        Actor { person: Some(viewer.person), client: Some(client) }
    }
}

impl People {
    /// Names those of an archive.
    pub(crate) fn of(archive: Archive, secret: Arc<[u8]>) -> People {
        let announcer = Announcer::default();
        People { archive, secret, hasher: Hasher::new(), announcer, clock: || Timestamp::now().as_microsecond() }
    }

    /// Names the same, and lets others be told of what changes about them.
    pub(crate) fn announced_by(self, announcer: Announcer) -> People {
        People { announcer, ..self }
    }

    /// Returns where they are written down.
    pub(crate) async fn ledger(&self) -> Result<Ledger, Trouble> {
        Ok(self.archive.ledger().await?)
    }

    /// Notes what somebody does or looks at. `what` is a stable word, such as `evidence.look`.
    pub(crate) async fn audit(&self, actor: Actor, what: &str, subject: &str, detail: &Value) -> Result<(), Trouble> {
        let at = self.now();
        let entry = AuditEntry {
            id: new_id(at)?,
            at,
            person: actor.person,
            what: what.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_string(),
            client: actor.client.map(|client| client.to_canonical().to_string()),
        };
        Ok(self.ledger().await?.note_audit(&entry).await?)
    }

    /// Lets others be told that something changed about somebody: who by id, and no name. It has happened, and does not fail where
    /// it cannot be told.
    async fn tell(&self, ledger: &Ledger, id: Id, change: &str) {
        let told = async {
            let Some(person) = ledger.person(id).await? else { return Ok(()) };
            let data = json!({ "person": id.to_string(), "change": change, "role": person.role.word() });
            let news = News { topic: Topic::PersonChanged, at: self.now(), data, once: None };
            for job in self.announcer.jobs(&news) {
                ledger.enqueue(&job).await?;
            }
            Ok::<(), sekisho_ledger::Fault>(())
        };
        if let Err(why) = told.await {
            tracing::error!(error = %why, "a webhook will not hear of what changed about somebody");
        }
    }

    /// Returns what only this house makes of a text, for one purpose: base64url of 43 octets.
    pub(crate) fn seal(&self, purpose: &str, text: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&self.key(), format!("{purpose} {text}").as_bytes()))
    }

    /// Tells whether this house made that of a text.
    pub(crate) fn is_sealed(&self, purpose: &str, text: &str, seal: &str) -> bool {
        let octets = if seal.len() > 64 { None } else { BASE64_URL_SAFE_NO_PAD.decode(seal).ok() };
        octets.is_some_and(|tag| hmac::verify(&self.key(), format!("{purpose} {text}").as_bytes(), &tag).is_ok())
    }

    /// Returns the lock on what the ledger keeps of second factors.
    fn lock(&self) -> Lock {
        Lock::new(&self.key())
    }

    /// Returns the key that is the secret of the house.
    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.secret)
    }

    /// Returns the time.
    pub(crate) fn now(&self) -> i64 {
        (self.clock)()
    }

    /// Returns what stands for a thing where failures are counted: nobody who reads the ledger learns who tried what from where.
    fn counted(&self, kind: &str, thing: &str) -> Digest {
        let tag = hmac::sign(&self.key(), format!("sign-in {kind} {thing}").as_bytes());
        let octets: [u8; 32] = tag.as_ref().try_into().expect("HMAC-SHA256 has 32 octets");
        Digest::from(octets)
    }

    /// Returns what stands for the network of a client: a customer's line has one IPv4 address, or a /64 of IPv6.
    fn counted_network(&self, kind: &str, client: IpAddr) -> Digest {
        self.counted(kind, &neighbourhood(client).to_string())
    }
}

/// Reads who a person of the ledger is.
fn viewer(person: &Person) -> Viewer {
    Viewer {
        person: person.id,
        login: person.login.clone(),
        name: person.name.clone(),
        role: person.role,
        scope: scope(&person.scope, &person.login),
        lang: Lang::parse(&person.language),
    }
}

/// Reads a scope of the ledger. One that cannot be read is nothing at all.
fn scope(text: &str, login: &str) -> Scope {
    Scope::parse(text).unwrap_or_else(|why| {
        tracing::error!(person.login = %login, error = %why, "the scope of {login} cannot be read, so they see nothing");
        Scope::Domains(Vec::new())
    })
}

/// Makes an id.
fn new_id(now: i64) -> Result<Id, Trouble> {
    let mut random = [0; 10];
    rand::fill(&mut random).map_err(|_| Trouble::Randomness)?;
    Ok(Id::new(now, random))
}

/// Why nobody can come in just now.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The ledger cannot be opened.
    Open(OpenError),
    /// It did not do what it was asked.
    Ledger(sekisho_ledger::Fault),
    /// A password cannot be hashed, or what is kept of one cannot be read.
    Hash,
    /// The system gives no random numbers.
    Randomness,
    /// A code cannot be drawn.
    Drawing,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Open(why) => why.fmt(f),
            Trouble::Ledger(why) => why.fmt(f),
            Trouble::Hash => f.write_str("a password cannot be hashed or compared"),
            Trouble::Randomness => f.write_str("the system gives no random numbers"),
            Trouble::Drawing => f.write_str("the code for the second factor cannot be drawn"),
        }
    }
}

impl Error for Trouble {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Trouble::Open(why) => why.source(),
            Trouble::Ledger(why) => why.source(),
            _ => None,
        }
    }
}

impl From<OpenError> for Trouble {
    fn from(why: OpenError) -> Trouble {
        Trouble::Open(why)
    }
}

impl From<sekisho_ledger::Fault> for Trouble {
    fn from(why: sekisho_ledger::Fault) -> Trouble {
        Trouble::Ledger(why)
    }
}
