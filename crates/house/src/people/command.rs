//! `sekisho people`: for whoever has the shell, also beside a running daemon

use jiff::Timestamp;
use sekisho_core::name::DomainName;
use sekisho_core::visible::Visible;
use sekisho_ledger::{Person, Role};
use serde_json::{Value, json};

use super::access::Scope;
use super::session::Token;
use super::{Actor, People};
use crate::cli::{PeopleArguments, PeopleCommand};
use crate::config::Config;
use crate::fault::Fault;
use crate::speech::Talk;
use crate::store::{Archive, DataFolder};
use crate::terminal::{Paint, Tone};
use crate::webhooks::Announcer;
use crate::{Exit, Streams};

/// How many people are fetched at a time.
const PAGE: u16 = 200;

impl PeopleArguments {
    /// Lists, invites, resets, locks out or lets in.
    pub(crate) fn run(self, talk: &Talk, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
        let config = Config::load(self.config.as_deref(), &streams.setting.config_places)?;
        let folder = DataFolder::find(&config.store, &streams.setting.data_places)?;
        let secret = folder.secret()?;
        let archive = Archive::of(folder);
        let people = People::of(archive.clone(), secret).announced_by(Announcer::of(&config.webhooks));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let usual = config.desk();
        let paint = Paint { on: streams.setting.stdout_colour };
        let said = runtime.block_on(async {
            let said = self.act(&people, &usual, talk, paint).await;
            archive.close().await;
            said
        })?;
        streams.stdout.write_all(said.as_bytes())?;
        streams.stdout.flush()?;
        Ok(Exit::Clean)
    }

    /// Does what is wanted, and returns what is to be said of it.
    async fn act(&self, people: &People, usual: &str, talk: &Talk, paint: Paint) -> anyhow::Result<String> {
        let shell = Actor::default();
        let desk = |desk: &Option<String>| desk.clone().unwrap_or_else(|| usual.to_owned());
        match &self.what {
            PeopleCommand::List => self.list(people, talk, paint).await,
            PeopleCommand::Invite { role, domains, desk: named } => {
                let link = people.invite(shell, *role, &scope(domains)?).await?;
                Ok(self.link("people-invited", &link, &desk(named), talk))
            }
            PeopleCommand::Reset { login, desk: named } => {
                let link = people.reset_link(shell, login).await?.ok_or_else(|| nobody(login))?;
                Ok(self.link("people-reset", &link, &desk(named), talk))
            }
            PeopleCommand::Disable { login } => self.lock_out(people, login, true, talk).await,
            PeopleCommand::Enable { login } => self.lock_out(people, login, false, talk).await,
        }
    }

    /// Lists everybody.
    async fn list(&self, people: &People, talk: &Talk, paint: Paint) -> anyhow::Result<String> {
        let (mut lines, mut after) = (String::new(), None);
        loop {
            let page = people.list(after, PAGE).await?;
            for person in &page.rows {
                lines += &if self.json { listed_json(person) } else { listed(person, talk, paint) };
                lines.push('\n');
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if lines.is_empty() && !self.json {
            lines = talk.word("people-nobody") + "\n";
        }
        Ok(lines)
    }

    /// Locks somebody out, or lets them in again.
    async fn lock_out(&self, people: &People, login: &str, is_out: bool, talk: &Talk) -> anyhow::Result<String> {
        if !people.lock_out(Actor::default(), login, is_out).await? {
            return Err(nobody(login).into());
        }
        if self.json {
            return Ok(format!("{}\n", json!({ "login": login, "disabled": is_out })));
        }
        let message = if is_out { "people-disabled" } else { "people-enabled" };
        Ok(talk.say(message, &[("login", login.to_owned().into())]) + "\n")
    }

    /// Says a link.
    fn link(&self, message: &'static str, link: &Token, desk: &str, talk: &Talk) -> String {
        let link = address(desk, link);
        if self.json {
            return format!("{}\n", json!({ "link": link }));
        }
        // The link stands alone in its line, and whole: it is there to be copied.
        format!("{}\n{link}\n", talk.word(message))
    }
}

/// Returns the address of a link, at the desk that stands at another address. The page is the same for every kind of link.
pub(crate) fn address(desk: &str, link: &Token) -> String {
    format!("{desk}/join/{}", link.as_str())
}

/// Returns what somebody may see of whom these domains were named.
fn scope(domains: &[String]) -> Result<Scope, Fault> {
    if domains.is_empty() {
        return Ok(Scope::All);
    }
    Scope::read(&domains.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Says that nobody signs in by this name.
fn nobody(login: &str) -> Fault {
    Fault::new("fault-no-login", [("login", login.to_owned().into())])
}

/// Writes one person for people.
fn listed(person: &Person, talk: &Talk, paint: Paint) -> String {
    let shown = |text: &str| Visible(text.as_bytes()).to_string();
    let scope = match Scope::parse(&person.scope) {
        Ok(Scope::All) => talk.word("people-everything"),
        Ok(Scope::Domains(names)) if !names.is_empty() => {
            names.iter().map(DomainName::to_string).collect::<Vec<_>>().join(" ")
        }
        _ => talk.word("people-nothing"),
    };
    let mut marks = Vec::new();
    if person.disabled_at.is_some() {
        marks.push(talk.word("people-is-disabled"));
    }
    if person.totp.is_some() {
        marks.push(talk.word("people-has-second-factor"));
    }
    let mut line = format!("{}  {}  {scope}", paint.tone(Tone::Strong, &shown(&person.login)), role(person.role, talk));
    if person.name != person.login {
        line += &format!("  {}", shown(&person.name));
    }
    if !marks.is_empty() {
        line += &format!("  [{}]", marks.join(", "));
    }
    line
}

/// Writes one person for programs.
fn listed_json(person: &Person) -> String {
    let time = |at: i64| Timestamp::from_microsecond(at).map_or(Value::Null, |time| time.to_string().into());
    let domains = match Scope::parse(&person.scope) {
        Ok(Scope::All) => Value::Null,
        Ok(Scope::Domains(names)) => names.iter().map(DomainName::to_string).collect(),
        Err(_) => Value::Array(Vec::new()),
    };
    json!({
        "login": person.login,
        "name": person.name,
        "role": person.role.word(),
        "domains": domains,
        "second_factor": person.totp.is_some(),
        "vouched_for": person.is_vouched_for,
        "disabled_at": person.disabled_at.map(time),
        "made_at": time(person.made_at),
    })
    .to_string()
}

/// Says a role.
fn role(role: Role, talk: &Talk) -> String {
    talk.word(match role {
        Role::Viewer => "role-viewer",
        Role::Analyst => "role-analyst",
        Role::Admin => "role-admin",
        _ => "role-unknown",
    })
}
