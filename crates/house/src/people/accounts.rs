//! Accounts: how people come into the book, and what is changed about them

use std::net::IpAddr;
use std::time::Duration;

use sekisho_core::speech::Lang;
use sekisho_core::visible::is_harmless;
use sekisho_ledger::{
    Accepted, ApiToken, AuditEntry, AuditFilter, Cursor, Id, Invitation, InvitationKind, NewInvitation, NewPerson,
    NewToken, Page, Person, Role,
};
use serde_json::{Value, json};

use super::access::{Login, Scope, Viewer, rank};
use super::password::{Password, Weak};
use super::session::Token;
use super::totp::TotpSecret;
use super::{Actor, People, SECOND, SignIn, Trouble, new_id};

/// How long a link works.
const LINK: i64 = 3 * 24 * 3_600 * SECOND;
/// The most tokens of a person.
const MOST_TOKENS: u16 = 50;

/// What came of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Welcome {
    /// They have an account and are signed in.
    Whole(Token),
    /// Their password is new; they sign in with it.
    SignIn,
    /// The link does not work, or not any more.
    Refused,
    /// What was typed can be nobody's login.
    BadLogin,
    /// The login is somebody's already.
    Taken,
    /// The password is not taken.
    Weak(Weak),
}

/// What came of a change of one's own account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// It is changed; all sessions have ended, and this is the token of a new one.
    Done(Token),
    /// The old password, or the code, is wrong.
    Wrong,
    /// The new password is not taken.
    Weak(Weak),
    /// Too many were wrong: try again after this time.
    Wait(Duration),
}

impl People {
    /// Makes the link for the first account, where there is nobody yet. Each one stands for those before.
    pub(crate) async fn first_link(&self) -> Result<Option<Token>, Trouble> {
        if !self.ledger().await?.people(None, 1).await?.rows.is_empty() {
            return Ok(None);
        }
        self.link(InvitationKind::First, None, Role::Admin, &Scope::All).await.map(Some)
    }

    /// Makes a link by which somebody gets an account.
    pub(crate) async fn invite(&self, actor: Actor, role: Role, scope: &Scope) -> Result<Token, Trouble> {
        self.audit(actor, "person.invite", role.word(), &json!({ "scope": scope.to_value() })).await?;
        self.link(InvitationKind::Invite, None, role, scope).await
    }

    /// Makes a link by which somebody sets a new password and loses their second factor; none where there is no such login.
    pub(crate) async fn reset_link(&self, actor: Actor, login: &str) -> Result<Option<Token>, Trouble> {
        let Some(person) = self.person(login).await? else { return Ok(None) };
        self.audit(actor, "person.reset-link", &person.login, &json!({})).await?;
        // They are locked out, and their failures with them.
        let whose = self.counted_login(Login::parse(&person.login).as_ref());
        let second = self.counted("second factor", &person.id.to_string());
        self.ledger().await?.excuse_attempt(&[whose, second], &[]).await?;
        self.link(InvitationKind::Reset, Some(person.id), person.role, &Scope::Domains(Vec::new())).await.map(Some)
    }

    /// Returns what a link is for, while it works.
    pub(crate) async fn invitation(&self, link: &Token) -> Result<Option<Invitation>, Trouble> {
        Ok(self.ledger().await?.invitation(&link.digest(), self.now()).await?)
    }

    /// Lets somebody in who comes with a link for an account, the first one or another, and signs them in.
    pub(crate) async fn accept(
        &self,
        link: &Token,
        (login, name): (&str, &str),
        password: &str,
        lang: Lang,
        client: IpAddr,
    ) -> Result<Welcome, Trouble> {
        let Some(invitation) = self.invitation(link).await? else { return Ok(Welcome::Refused) };
        let Some(login) = Login::parse(login) else { return Ok(Welcome::BadLogin) };
        let password = match Password::new(password, login.as_str()) {
            Ok(password) => self.hasher.hash(&password).await?,
            Err(weak) => return Ok(Welcome::Weak(weak)),
        };
        if invitation.kind == InvitationKind::Reset {
            self.note_refusal("person.join-refused", login.as_str(), "link", client).await?;
            return Ok(Welcome::Refused);
        }
        let (ledger, now) = (self.ledger().await?, self.now());
        if ledger.person_by_login(login.as_str()).await?.is_some() {
            self.note_refusal("person.join-refused", login.as_str(), "taken", client).await?;
            return Ok(Welcome::Taken);
        }
        let name = shown_name(name, login.as_str());
        let person = NewPerson {
            id: new_id(now)?,
            login: login.as_str().to_owned(),
            name,
            password: Some(password),
            language: lang.as_str().to_owned(),
            subject: None,
            made_at: now,
        };
        let actor = Actor { person: None, client: Some(client) };
        self.audit(actor, "person.join", login.as_str(), &json!({})).await?;
        match ledger.accept(&link.digest(), &person).await? {
            Accepted::Refused => {
                self.note_refusal("person.join-refused", login.as_str(), "link", client).await?;
                return Ok(Welcome::Refused);
            }
            Accepted::Taken => {
                self.note_refusal("person.join-refused", login.as_str(), "taken", client).await?;
                return Ok(Welcome::Taken);
            }
            Accepted::Done => {}
        }
        self.tell(&ledger, person.id, "joined").await;
        let Some(person) = ledger.person(person.id).await? else { return Ok(Welcome::SignIn) };
        Ok(match self.begin(&ledger, &person, false, None, ("link", client)).await? {
            SignIn::Whole(token) => Welcome::Whole(token),
            _ => Welcome::SignIn,
        })
    }

    /// Sets a new password for who comes with a link for that.
    pub(crate) async fn reset(&self, link: &Token, password: &str, client: IpAddr) -> Result<Welcome, Trouble> {
        let ledger = self.ledger().await?;
        let whose = self.invitation(link).await?.and_then(|invitation| invitation.person);
        let Some(whose) = whose else { return Ok(Welcome::Refused) };
        let Some(person) = ledger.person(whose).await? else { return Ok(Welcome::Refused) };
        let hash = match Password::new(password, &person.login) {
            Ok(password) => self.hasher.hash(&password).await?,
            Err(weak) => return Ok(Welcome::Weak(weak)),
        };
        let actor = Actor { person: None, client: Some(client) };
        self.audit(actor, "person.reset", &person.login, &json!({})).await?;
        if ledger.accept_reset(&link.digest(), &hash, self.now()).await?.is_some() {
            return Ok(Welcome::SignIn);
        }
        self.note_refusal("person.reset-refused", &person.login, "link", client).await?;
        Ok(Welcome::Refused)
    }

    /// Notes that a link was used in vain, and why. Where the same was noted just before as done, it was not done: somebody else
    /// was quicker.
    pub(super) async fn note_refusal(&self, what: &str, login: &str, why: &str, client: IpAddr) -> Result<(), Trouble> {
        let actor = Actor { person: None, client: Some(client) };
        self.audit(actor, what, login, &json!({ "why": why })).await
    }

    /// Changes one's own password; who does so proves to know the old one.
    pub(crate) async fn change_password(
        &self,
        viewer: &Viewer,
        old: &str,
        new: &str,
        client: IpAddr,
    ) -> Result<Changed, Trouble> {
        if let Some(refused) = self.prove(viewer, old, client).await? {
            return Ok(refused);
        }
        let hash = match Password::new(new, &viewer.login) {
            Ok(password) => self.hasher.hash(&password).await?,
            Err(weak) => return Ok(Changed::Weak(weak)),
        };
        self.audit(Actor::of(viewer, client), "person.password", &viewer.login, &json!({})).await?;
        self.ledger().await?.set_password(viewer.person, &hash, self.now()).await?;
        self.begin_anew(viewer, client).await
    }

    /// Sets the secret of one's own second factor: the password and a code of it prove that both are at hand.
    pub(crate) async fn set_totp(
        &self,
        viewer: &Viewer,
        password: &str,
        (secret, code): (&TotpSecret, &str),
        client: IpAddr,
    ) -> Result<Changed, Trouble> {
        if let Some(refused) = self.prove(viewer, password, client).await? {
            return Ok(refused);
        }
        let Some(step) = secret.step(code, self.now(), 0) else { return Ok(Changed::Wrong) };
        self.audit(Actor::of(viewer, client), "person.second-factor", &viewer.login, &json!({ "set": true })).await?;
        let (ledger, now) = (self.ledger().await?, self.now());
        let kept = self.lock().close(viewer.person, &secret.to_text())?;
        ledger.set_totp(viewer.person, Some(&kept), step, now).await?;
        ledger.end_sessions(viewer.person).await?;
        self.begin_anew(viewer, client).await
    }

    /// Takes one's own second factor away; who does so proves to know the password.
    pub(crate) async fn clear_totp(&self, viewer: &Viewer, password: &str, client: IpAddr) -> Result<Changed, Trouble> {
        if let Some(refused) = self.prove(viewer, password, client).await? {
            return Ok(refused);
        }
        self.audit(Actor::of(viewer, client), "person.second-factor", &viewer.login, &json!({ "set": false })).await?;
        let (ledger, now) = (self.ledger().await?, self.now());
        ledger.set_totp(viewer.person, None, 0, now).await?;
        ledger.end_sessions(viewer.person).await?;
        self.begin_anew(viewer, client).await
    }

    /// Changes how somebody is called and spoken to.
    pub(crate) async fn rename(&self, viewer: &Viewer, name: &str, lang: Lang, client: IpAddr) -> Result<(), Trouble> {
        let name = shown_name(name, &viewer.login);
        self.audit(Actor::of(viewer, client), "person.name", &viewer.login, &json!({ "name": name })).await?;
        self.ledger().await?.rename_person(viewer.person, &name, lang.as_str(), self.now()).await?;
        Ok(())
    }

    /// Makes a token for a program, which may at most what the person may; none where they have too many. It is shown this once.
    pub(crate) async fn add_token(
        &self,
        viewer: &Viewer,
        label: &str,
        (role, scope): (Role, &Scope),
        lasts: Option<Duration>,
        client: IpAddr,
    ) -> Result<Option<Token>, Trouble> {
        let (token, now) = (Token::for_a_program()?, self.now());
        let role = if rank(role) < rank(viewer.role) { role } else { viewer.role };
        let scope = scope.within(&viewer.scope);
        let lasts = lasts.map(|lasts| i64::try_from(lasts.as_micros()).unwrap_or(i64::MAX));
        let new = NewToken {
            id: new_id(now)?,
            token: token.digest(),
            person: viewer.person,
            label: label.to_owned(),
            role,
            scope: scope.to_text(),
            made_at: now,
            expires_at: lasts.map(|lasts| now.saturating_add(lasts)),
        };
        let detail = json!({ "id": new.id.to_string(), "role": role.word(), "scope": scope.to_value() });
        self.audit(Actor::of(viewer, client), "token.add", label, &detail).await?;
        Ok(self.ledger().await?.add_token(&new, MOST_TOKENS).await?.then_some(token))
    }

    /// Lists one's own tokens, the newest first.
    pub(crate) async fn tokens(&self, viewer: &Viewer) -> Result<Vec<ApiToken>, Trouble> {
        Ok(self.ledger().await?.tokens_of(viewer.person).await?)
    }

    /// Revokes one of one's own tokens; false where there is none of this id.
    pub(crate) async fn revoke_token(&self, viewer: &Viewer, id: Id, client: IpAddr) -> Result<bool, Trouble> {
        self.audit(Actor::of(viewer, client), "token.revoke", &id.to_string(), &json!({})).await?;
        Ok(self.ledger().await?.revoke_token(viewer.person, id, self.now()).await?)
    }

    /// Changes what somebody may do and see; false where there is no such login. All their sessions end.
    pub(crate) async fn appoint(&self, actor: Actor, login: &str, role: Role, scope: &Scope) -> Result<bool, Trouble> {
        let Some(person) = self.person(login).await? else { return Ok(false) };
        let before: Value = serde_json::from_str(&person.scope).unwrap_or_default();
        let detail = json!({ "from": [person.role.word(), before], "to": [role.word(), scope.to_value()] });
        self.audit(actor, "person.appoint", &person.login, &detail).await?;
        let ledger = self.ledger().await?;
        let is_appointed = ledger.appoint(person.id, role, &scope.to_text(), self.now()).await?;
        if is_appointed {
            self.tell(&ledger, person.id, "appointed").await;
        }
        Ok(is_appointed)
    }

    /// Locks somebody out, or lets them in again; false where there is no such login. All their sessions end.
    pub(crate) async fn lock_out(&self, actor: Actor, login: &str, is_out: bool) -> Result<bool, Trouble> {
        let Some(person) = self.person(login).await? else { return Ok(false) };
        let what = if is_out { "person.disable" } else { "person.enable" };
        self.audit(actor, what, &person.login, &json!({})).await?;
        // Who is out already stays so: that is what was wanted.
        let ledger = self.ledger().await?;
        if ledger.lock_out(person.id, is_out, self.now()).await? {
            self.tell(&ledger, person.id, if is_out { "disabled" } else { "enabled" }).await;
        }
        Ok(true)
    }

    /// Returns the person who signs in by this name.
    pub(crate) async fn person(&self, login: &str) -> Result<Option<Person>, Trouble> {
        let Some(login) = Login::parse(login) else { return Ok(None) };
        Ok(self.ledger().await?.person_by_login(login.as_str()).await?)
    }

    /// Lists people, those first who came last.
    pub(crate) async fn list(&self, after: Option<Cursor>, limit: u16) -> Result<Page<Person>, Trouble> {
        Ok(self.ledger().await?.people(after, limit).await?)
    }

    /// Lists what was done, the newest first.
    pub(crate) async fn audited(
        &self,
        filter: &AuditFilter,
        after: Option<Cursor>,
        limit: u16,
    ) -> Result<Page<AuditEntry>, Trouble> {
        Ok(self.ledger().await?.audit(filter, after, limit).await?)
    }

    /// Makes a link.
    async fn link(
        &self,
        kind: InvitationKind,
        person: Option<Id>,
        role: Role,
        scope: &Scope,
    ) -> Result<Token, Trouble> {
        let (token, now) = (Token::new()?, self.now());
        let (link, scope, expires_at) = (token.digest(), scope.to_text(), now.saturating_add(LINK));
        let new = NewInvitation { link, kind, person, role, scope, made_at: now, expires_at };
        self.ledger().await?.invite(&new).await?;
        Ok(token)
    }

    /// Lets somebody prove again that they know their password: a browser left alone is not its owner. Wrong ones count as when
    /// signing in. Returns why it failed.
    pub(super) async fn prove(
        &self,
        viewer: &Viewer,
        password: &str,
        client: IpAddr,
    ) -> Result<Option<Changed>, Trouble> {
        let ledger = self.ledger().await?;
        let whose = self.counted_login(Login::parse(&viewer.login).as_ref());
        let network = self.counted_network("network", client);
        if let Some(until) = ledger.begin_attempt(&[whose, network], self.now()).await? {
            return Ok(Some(Changed::Wait(self.until(until))));
        }
        let person = ledger.person(viewer.person).await?;
        let kept = person.as_ref().and_then(|person| person.password.as_ref());
        if !self.hasher.compare(password, kept).await?.is_right {
            return Ok(Some(Changed::Wrong));
        }
        ledger.excuse_attempt(&[whose], &[network]).await?;
        Ok(None)
    }

    /// Begins a session for who just proved everything, after all others ended.
    async fn begin_anew(&self, viewer: &Viewer, client: IpAddr) -> Result<Changed, Trouble> {
        let ledger = self.ledger().await?;
        let Some(person) = ledger.person(viewer.person).await? else { return Ok(Changed::Wrong) };
        Ok(match self.begin(&ledger, &person, false, None, ("password", client)).await? {
            SignIn::Whole(token) => Changed::Done(token),
            _ => Changed::Wrong,
        })
    }
}

/// Returns how somebody is called: as they say, without what deceives the eye, or else by their login.
fn shown_name(name: &str, login: &str) -> String {
    let name: String = name.chars().filter(|character| is_harmless(*character)).collect();
    if name.trim().is_empty() { login.to_owned() } else { name.trim().to_owned() }
}
