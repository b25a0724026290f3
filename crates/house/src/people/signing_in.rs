//! Signing in: a password, maybe a second factor, and then a token that every request shows

use std::net::IpAddr;
use std::time::Duration;

use sekisho_ledger::{Digest, Ledger, NewSession, Person, Session, SessionState};
use serde_json::json;
use tracing::error;

use super::access::{Login, Viewer, rank};
use super::session::{Token, new_secret};
use super::totp::TotpSecret;
use super::{Actor, Came, People, SECOND, SignIn, Trouble, scope, viewer};

/// How long a session lasts that is not used.
const IDLE: i64 = 12 * 3_600 * SECOND;
/// How long any session lasts.
const LONGEST: i64 = 7 * 24 * 3_600 * SECOND;
/// How long we wait for a second factor.
const HALF: i64 = 5 * 60 * SECOND;
/// How often it is written down that a session or a token is in use.
const TOUCH: i64 = 60 * SECOND;

impl People {
    /// Signs somebody in by login and password.
    pub(crate) async fn sign_in(&self, login: &str, password: &str, client: IpAddr) -> Result<SignIn, Trouble> {
        let ledger = self.ledger().await?;
        let login = Login::parse(login);
        let (whose, network) = (self.counted_login(login.as_ref()), self.counted_network("network", client));
        if let Some(until) = ledger.begin_attempt(&[whose, network], self.now()).await? {
            return Ok(SignIn::Wait(self.until(until)));
        }
        let person = match &login {
            Some(login) => ledger.person_by_login(login.as_str()).await?,
            None => None,
        };
        // Whoever is not known, has no password or is locked out: it takes as long, and is refused.
        let kept = person.as_ref().and_then(|person| person.password.as_ref());
        let compared = self.hasher.compare(password, kept).await?;
        let Some(person) = person.filter(|person| compared.is_right && person.disabled_at.is_none()) else {
            return self.refuse(login.as_ref(), client).await;
        };
        if compared.is_outgrown {
            self.rehash(&ledger, &person, password).await?;
        }
        ledger.excuse_attempt(&[whose], &[network]).await?;
        self.begin(&ledger, &person, person.totp.is_some(), None, ("password", client)).await
    }

    /// Signs somebody in who showed a password before, by the code of their second factor.
    pub(crate) async fn second_factor(&self, token: &Token, code: &str, client: IpAddr) -> Result<SignIn, Trouble> {
        let ledger = self.ledger().await?;
        let now = self.now();
        let half = ledger.session(&token.digest(), now).await?;
        let Some((_, person)) = half.filter(|(session, _)| session.state == SessionState::Half) else {
            return Ok(SignIn::Refused);
        };
        // Codes have a measure of their own, by person and by network: whoever was right with the password does not wait for what
        // others on the same line, or they themselves, got wrong before.
        let whose = self.counted("second factor", &person.id.to_string());
        let network = self.counted_network("second factor network", client);
        if let Some(until) = ledger.begin_attempt(&[whose, network], now).await? {
            return Ok(SignIn::Wait(self.until(until)));
        }
        let opened = person.totp.as_ref().and_then(|kept| self.lock().open(person.id, &kept.0));
        let secret = opened.and_then(|text| TotpSecret::parse(&text));
        if secret.is_none() {
            error!(person.login = person.login, "a second factor does not open with the `secret` of this data folder");
        }
        let step = secret.and_then(|secret| secret.step(code, now, person.totp_step));
        let is_right = match step {
            Some(step) => ledger.use_totp(person.id, step).await?,
            None => false,
        };
        if !is_right {
            return self.refuse(Login::parse(&person.login).as_ref(), client).await;
        }
        ledger.excuse_attempt(&[whose], &[network]).await?;
        self.begin(&ledger, &person, false, Some(&token.digest()), ("second-factor", client)).await
    }

    /// Returns who shows this token, which may be that of a session alone. Being seen keeps the session.
    pub(crate) async fn who(&self, token: &Token) -> Result<Option<Came>, Trouble> {
        let (ledger, now) = (self.ledger().await?, self.now());
        let found = ledger.session(&token.digest(), now).await?;
        let Some((session, person)) = found.filter(|(session, _)| session.state == SessionState::Whole) else {
            return Ok(None);
        };
        if now.saturating_sub(session.seen_at) >= TOUCH {
            ledger.keep_session(&session.token, now, lasts_until(session.made_at, now)).await?;
        }
        Ok(Some(Came { viewer: viewer(&person), session }))
    }

    /// Returns in whose name a program comes that shows this token, and with what of their rights.
    pub(crate) async fn bearer(&self, token: &Token) -> Result<Option<Viewer>, Trouble> {
        let (ledger, now) = (self.ledger().await?, self.now());
        let Some((token, person)) = ledger.token(&token.digest(), now).await? else { return Ok(None) };
        if token.last_used_at.is_none_or(|used| now.saturating_sub(used) >= TOUCH) {
            ledger.note_token(token.id, now).await?;
        }
        let whole = viewer(&person);
        // What the person lost since, the token lost, too.
        let role = if rank(token.role) < rank(whole.role) { token.role } else { whole.role };
        let scope = scope(&token.scope, &person.login).within(&whole.scope);
        Ok(Some(Viewer { role, scope, ..whole }))
    }

    /// Signs out.
    pub(crate) async fn sign_out(&self, came: &Came, client: IpAddr) -> Result<(), Trouble> {
        self.audit(Actor::of(&came.viewer, client), "session.end", &came.viewer.login, &json!({})).await?;
        self.ledger().await?.end_session(&came.session.token).await?;
        Ok(())
    }

    /// Begins a session, which is always a new one: nobody can have known its token before. The log says how somebody came in.
    pub(super) async fn begin(
        &self,
        ledger: &Ledger,
        person: &Person,
        is_half: bool,
        replaces: Option<&Digest>,
        (how, client): (&str, IpAddr),
    ) -> Result<SignIn, Trouble> {
        let (token, now) = (Token::new()?, self.now());
        let session = NewSession {
            token: token.digest(),
            person: person.id,
            person_changed_at: person.changed_at,
            state: if is_half { SessionState::Half } else { SessionState::Whole },
            csrf: new_secret()?,
            made_at: now,
            expires_at: if is_half { now.saturating_add(HALF) } else { lasts_until(now, now) },
        };
        if !is_half {
            let actor = Actor { person: Some(person.id), client: Some(client) };
            self.audit(actor, "session.begin", &person.login, &json!({ "by": how })).await?;
        }
        Ok(match (ledger.begin_session(&session, replaces).await?, is_half) {
            (false, _) => SignIn::Refused,
            (true, false) => SignIn::Whole(token),
            (true, true) => SignIn::SecondFactor(token),
        })
    }

    /// Lists the sessions of somebody, the newest first.
    pub(crate) async fn sessions(&self, viewer: &Viewer) -> Result<Vec<Session>, Trouble> {
        Ok(self.ledger().await?.sessions_of(viewer.person, self.now()).await?)
    }

    /// Ends one of one's own sessions, named by the hash of its token; false where there is none.
    pub(crate) async fn end_session(&self, viewer: &Viewer, which: &Digest, client: IpAddr) -> Result<bool, Trouble> {
        if !self.sessions(viewer).await?.iter().any(|session| session.token == *which) {
            return Ok(false);
        }
        self.audit(Actor::of(viewer, client), "session.end", &viewer.login, &json!({})).await?;
        Ok(self.ledger().await?.end_session(which).await?)
    }

    /// Returns what stands for a login where failures are counted. What can be nobody's login is counted as one.
    pub(super) fn counted_login(&self, login: Option<&Login>) -> Digest {
        self.counted("login", login.map_or("", Login::as_str))
    }

    /// Returns how long it is until then.
    pub(super) fn until(&self, then: i64) -> Duration {
        Duration::from_micros(u64::try_from(then.saturating_sub(self.now())).unwrap_or(0))
    }

    /// Refuses somebody, and writes that down where the login is anybody's: what is nobody's may be a password in the wrong field.
    pub(super) async fn refuse(&self, login: Option<&Login>, client: IpAddr) -> Result<SignIn, Trouble> {
        if let Some(login) = login
            && self.ledger().await?.person_by_login(login.as_str()).await?.is_some()
        {
            let actor = Actor { person: None, client: Some(client) };
            self.audit(actor, "session.refuse", login.as_str(), &json!({})).await?;
        }
        Ok(SignIn::Refused)
    }

    /// Keeps a password, which was right, under a stronger hash.
    async fn rehash(&self, ledger: &Ledger, person: &Person, password: &str) -> Result<(), Trouble> {
        // A password that would not be taken any more stays as it is kept.
        let (Ok(password), Some(old)) = (super::password::Password::new(password, &person.login), &person.password)
        else {
            return Ok(());
        };
        let new = self.hasher.hash(&password).await?;
        ledger.rehash(person.id, old, &new).await?;
        Ok(())
    }
}

/// Returns until when a session lasts that is seen now.
fn lasts_until(made_at: i64, now: i64) -> i64 {
    now.saturating_add(IDLE).min(made_at.saturating_add(LONGEST))
}
