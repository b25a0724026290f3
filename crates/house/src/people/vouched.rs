//! Those for whom a provider of identities vouches: who that is here, and as what they come in
//!
//! Whoever has an account here is known by the subject that was linked to it, and by nothing else: a name or an address that is the
//! same proves nothing. Where the configuration has rules they decide about all who have no password here, anew at each sign-in.

use std::net::IpAddr;
use std::time::Duration;

use sekisho_core::speech::Lang;
use sekisho_ledger::{Accepted, Added, Digest, InvitationKind, Ledger, NewPerson, Person, Role};
use serde_json::{Value, json};

use super::access::{Login, Scope, Viewer};
use super::accounts::Changed;
use super::session::Token;
use super::{Actor, People, SignIn, Trouble, new_id};
use crate::config::oidc::PeopleRule;
use crate::oidc::Vouched;

/// How many logins are tried until one is nobody's.
const TRIES: usize = 5;
/// How many letters of randomness make a login unlike the others.
const LETTERS: usize = 6;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Welcomed {
    /// They are in; this is the token of their session.
    In(Token),
    /// Nobody here knows them, and no rule lets them in.
    Stranger,
    /// They are locked out.
    Refused,
    /// The invitation does not work, or not any more.
    Gone,
    /// They have an account already.
    Known,
}

/// What came of linking an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linked {
    /// It is linked.
    Done,
    /// The identity is another account's.
    Taken,
}

impl People {
    /// Counts that somebody comes back from a provider, as an attempt to come in. Returns how long they have to wait, where they do.
    pub(crate) async fn count_return(&self, client: IpAddr) -> Result<Option<Duration>, Trouble> {
        let until = self.ledger().await?.begin_attempt(&[self.counted_network("network", client)], self.now()).await?;
        Ok(until.map(|until| self.until(until)))
    }

    /// Says that such an attempt was no failure of theirs.
    pub(crate) async fn excuse_return(&self, client: IpAddr) -> Result<(), Trouble> {
        Ok(self.ledger().await?.excuse_attempt(&[], &[self.counted_network("network", client)]).await?)
    }

    /// Signs somebody in for whom a provider vouches.
    pub(crate) async fn enter(
        &self,
        vouched: &Vouched,
        rules: &[PeopleRule],
        lang: Lang,
        client: IpAddr,
    ) -> Result<Welcomed, Trouble> {
        let ledger = self.ledger().await?;
        match ledger.person_by_subject(&vouched.subject.issuer, &vouched.subject.subject).await? {
            Some(person) => self.come_back(&ledger, person, vouched, rules, client).await,
            None => match vouched.rights(rules) {
                Some((role, scope)) => self.add_vouched(&ledger, vouched, (role, &scope), lang, client).await,
                None => Ok(Welcomed::Stranger),
            },
        }
    }

    /// Lets somebody in by an invitation, without a password: a provider vouches for them from now on.
    pub(crate) async fn join_vouched(
        &self,
        link: &Token,
        vouched: &Vouched,
        rules: &[PeopleRule],
        lang: Lang,
        client: IpAddr,
    ) -> Result<Welcomed, Trouble> {
        let invitation = self.invitation(link).await?.filter(|one| one.kind != InvitationKind::Reset);
        if invitation.is_none() {
            return Ok(Welcomed::Gone);
        }
        if !rules.is_empty() && vouched.rights(rules).is_none() {
            return Ok(Welcomed::Stranger);
        }
        let ledger = self.ledger().await?;
        if ledger.person_by_subject(&vouched.subject.issuer, &vouched.subject.subject).await?.is_some() {
            return Ok(Welcomed::Known);
        }
        for login in self.logins(vouched)? {
            if ledger.person_by_login(login.as_str()).await?.is_some() {
                continue;
            }
            let person = self.new_person(vouched, &login, lang)?;
            let actor = Actor { person: None, client: Some(client) };
            self.audit(actor, "person.join", login.as_str(), &json!({ "by": "oidc" })).await?;
            match ledger.accept(&link.digest(), &person).await? {
                Accepted::Done => {
                    self.tell(&ledger, person.id, "joined").await;
                    return self.enter(vouched, rules, lang, client).await;
                }
                Accepted::Refused => {
                    self.note_refusal("person.join-refused", login.as_str(), "link", client).await?;
                    return Ok(Welcomed::Gone);
                }
                Accepted::Taken => {
                    self.note_refusal("person.join-refused", login.as_str(), "taken", client).await?;
                }
            }
        }
        Ok(Welcomed::Known)
    }

    /// Lets somebody prove that they know their password, before a new way in is added to it. Returns why it failed.
    pub(crate) async fn prove_oneself(
        &self,
        viewer: &Viewer,
        password: &str,
        client: IpAddr,
    ) -> Result<Option<Changed>, Trouble> {
        self.prove(viewer, password, client).await
    }

    /// Links one's own account with an identity: whoever shows it comes in from now on. It was proven before that they know their
    /// password.
    pub(crate) async fn link_identity(
        &self,
        viewer: &Viewer,
        vouched: &Vouched,
        client: IpAddr,
    ) -> Result<Linked, Trouble> {
        let ledger = self.ledger().await?;
        let detail = json!({ "issuer": vouched.subject.issuer });
        self.audit(Actor::of(viewer, client), "person.link", &viewer.login, &detail).await?;
        let is_linked = ledger.link_person(viewer.person, &vouched.subject, self.now()).await?;
        Ok(if is_linked { Linked::Done } else { Linked::Taken })
    }

    /// Takes the identity from one's own account; who does so proves to know the password, by which alone they come in then.
    pub(crate) async fn unlink_identity(
        &self,
        viewer: &Viewer,
        password: &str,
        client: IpAddr,
    ) -> Result<Option<Changed>, Trouble> {
        if let Some(refused) = self.prove(viewer, password, client).await? {
            return Ok(Some(refused));
        }
        self.audit(Actor::of(viewer, client), "person.unlink", &viewer.login, &json!({})).await?;
        self.ledger().await?.unlink_person(viewer.person, self.now()).await?;
        Ok(None)
    }

    /// Signs somebody in who was here before, as what they are now.
    async fn come_back(
        &self,
        ledger: &Ledger,
        person: Person,
        vouched: &Vouched,
        rules: &[PeopleRule],
        client: IpAddr,
    ) -> Result<Welcomed, Trouble> {
        if person.disabled_at.is_some() {
            self.refuse(Login::parse(&person.login).as_ref(), client).await?;
            return Ok(Welcomed::Refused);
        }
        // Whoever has a password could come in by that: their rights are those that people here gave them.
        let is_by_rule = !rules.is_empty() && person.password.is_none();
        let person = match (is_by_rule, vouched.rights(rules)) {
            (false, _) => person,
            (true, None) => {
                self.refuse(Login::parse(&person.login).as_ref(), client).await?;
                return Ok(Welcomed::Stranger);
            }
            (true, Some((role, scope))) => self.reappoint(ledger, person, role, &scope, client).await?,
        };
        Ok(match self.begin(ledger, &person, false, None, ("oidc", client)).await? {
            SignIn::Whole(token) => Welcomed::In(token),
            _ => Welcomed::Refused,
        })
    }

    /// Gives somebody the rights that a rule gives them now, where they are others than before.
    async fn reappoint(
        &self,
        ledger: &Ledger,
        person: Person,
        role: Role,
        scope: &Scope,
        client: IpAddr,
    ) -> Result<Person, Trouble> {
        if person.role == role && Scope::parse(&person.scope).is_ok_and(|before| before == *scope) {
            return Ok(person);
        }
        let before: Value = serde_json::from_str(&person.scope).unwrap_or_default();
        let detail =
            json!({ "from": [person.role.word(), before], "to": [role.word(), scope.to_value()], "by": "oidc" });
        let actor = Actor { person: None, client: Some(client) };
        self.audit(actor, "person.appoint", &person.login, &detail).await?;
        ledger.appoint(person.id, role, &scope.to_text(), self.now()).await?;
        self.tell(ledger, person.id, "appointed").await;
        Ok(ledger.person(person.id).await?.unwrap_or(person))
    }

    /// Adds somebody whom a rule lets in, and signs them in.
    async fn add_vouched(
        &self,
        ledger: &Ledger,
        vouched: &Vouched,
        (role, scope): (Role, &Scope),
        lang: Lang,
        client: IpAddr,
    ) -> Result<Welcomed, Trouble> {
        for login in self.logins(vouched)? {
            if ledger.person_by_login(login.as_str()).await?.is_some() {
                continue;
            }
            let new = self.new_person(vouched, &login, lang)?;
            let detail = json!({ "by": "oidc", "role": role.word(), "scope": scope.to_value() });
            let actor = Actor { person: None, client: Some(client) };
            self.audit(actor, "person.join", login.as_str(), &detail).await?;
            if ledger.add_person(&new, role, &scope.to_text()).await? == Added::Taken {
                self.note_refusal("person.join-refused", login.as_str(), "taken", client).await?;
                continue;
            }
            self.tell(ledger, new.id, "joined").await;
            let Some(person) = ledger.person(new.id).await? else { break };
            return Ok(match self.begin(ledger, &person, false, None, ("oidc", client)).await? {
                SignIn::Whole(token) => Welcomed::In(token),
                _ => Welcomed::Refused,
            });
        }
        Ok(Welcomed::Refused)
    }

    /// Returns logins for somebody new: what the provider calls them, and then what is nobody's. A login that is taken is
    /// somebody else's, however the provider came to it.
    fn logins(&self, vouched: &Vouched) -> Result<Vec<Login>, Trouble> {
        let mut all: Vec<Login> = vouched.logins().filter_map(Login::parse).take(TRIES).collect();
        let base = all.first().map_or("oidc", |login| login.as_str()).to_owned();
        while all.len() < TRIES {
            let random = Digest::of(Token::new()?.as_str().as_bytes()).to_string();
            let unlike: String = random.chars().take(LETTERS).collect();
            let kept: String = base.chars().take(50).collect();
            all.extend(Login::parse(&format!("{kept}-{unlike}")));
        }
        Ok(all)
    }

    /// Makes somebody new, without a password.
    fn new_person(&self, vouched: &Vouched, login: &Login, lang: Lang) -> Result<NewPerson, Trouble> {
        let now = self.now();
        Ok(NewPerson {
            id: new_id(now)?,
            login: login.as_str().to_owned(),
            name: vouched.name().unwrap_or_else(|| login.as_str().to_owned()),
            password: None,
            language: lang.as_str().to_owned(),
            subject: Some(vouched.subject.clone()),
            made_at: now,
        })
    }
}
