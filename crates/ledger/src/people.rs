//! People: who may come in at the desk, and as what

pub(crate) mod attempt;
pub(crate) mod audit;
pub(crate) mod invitation;
pub(crate) mod session;
pub(crate) mod token;

use std::fmt;

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::column::{get, parse, parse_optional, text_of};
use crate::digest::Digest;
use crate::fault::Fault;
use crate::id::Id;
use crate::ledger::Ledger;
use crate::page::{Cursor, Page};
use crate::turn::in_time;
use crate::words::words;

/// How many octets of a scope are kept. What is longer can no longer be read, so that whoever asks hears a fault and sees nothing.
pub(crate) const MOST_OF_A_SCOPE: usize = 64 * 1024;

/// How many octets of a login are kept.
const MOST_OF_A_LOGIN: usize = 64;

impl Ledger {
    /// Adds somebody whom nobody invited: who is vouched for by a provider of identities.
    pub async fn add_person(&self, person: &NewPerson, role: Role, scope: &str) -> Result<Added, Fault> {
        in_time(async {
            let mut turn = self.writing().await?;
            let added = insert(turn.on(), person, role, scope).await?;
            turn.end(added).await
        })
        .await
    }

    /// Returns a person.
    pub async fn person(&self, id: Id) -> Result<Option<Person>, Fault> {
        /// One by the id.
        const ONE: &str = "SELECT id, login, name, password, role, scope, language, totp, totp_step, subject, disabled_at, made_at, \
            changed_at FROM people WHERE id = $1";
        self.person_by(ONE, id.to_string()).await
    }

    /// Returns the person who signs in by this name.
    pub async fn person_by_login(&self, login: &str) -> Result<Option<Person>, Fault> {
        /// One by the login.
        const ONE: &str = "SELECT id, login, name, password, role, scope, language, totp, totp_step, subject, disabled_at, made_at, \
            changed_at FROM people WHERE login = $1";
        self.person_by(ONE, text_of(login, MOST_OF_A_LOGIN).into_owned()).await
    }

    /// Returns the person whom a provider of identities knows under this subject.
    pub async fn person_by_subject(&self, issuer: &str, subject: &str) -> Result<Option<Person>, Fault> {
        /// One by the subject.
        const ONE: &str = "SELECT id, login, name, password, role, scope, language, totp, totp_step, subject, disabled_at, made_at, \
            changed_at FROM people WHERE subject = $1";
        self.person_by(ONE, Subject::key(issuer, subject)).await
    }

    /// Lists people, those first who came last, at most `limit`.
    pub async fn people(&self, after: Option<Cursor>, limit: u16) -> Result<Page<Person>, Fault> {
        /// Some of them.
        const LIST: &str = "SELECT id, login, name, password, role, scope, language, totp, totp_step, subject, disabled_at, made_at, \
            changed_at FROM people WHERE made_at < $1 OR (made_at = $1 AND id < $2) ORDER BY made_at DESC, id DESC LIMIT $3";
        let (at, id) = after.map_or_else(Cursor::newest, |cursor| (cursor.at, cursor.id.to_string()));
        in_time(async {
            let mut turn = self.reading().await?;
            let rows = sqlx::query(LIST).bind(at).bind(id).bind(i64::from(limit) + 1).fetch_all(turn.on()).await?;
            let found = rows.iter().map(Person::of).collect::<Result<_, _>>()?;
            turn.end(Page::cut(found, limit.into(), |one: &Person| Cursor { at: one.made_at, id: one.id })).await
        })
        .await
    }

    /// Lets a provider of identities vouch for a person under this subject from now on; false where it is another person's, or
    /// there is no such person.
    pub async fn link_person(&self, id: Id, subject: &Subject, now: i64) -> Result<bool, Fault> {
        /// Whoever has the subject keeps it.
        const LINK: &str = "UPDATE people SET subject = $2, changed_at = $3 WHERE id = $1 \
            AND NOT EXISTS (SELECT 1 FROM people WHERE subject = $2 AND id <> $1)";
        in_time(async {
            let mut turn = self.writing().await?;
            let key = Subject::key(&subject.issuer, &subject.subject);
            let done = sqlx::query(LINK).bind(id.to_string()).bind(key).bind(now).execute(turn.on()).await?;
            turn.end(done.rows_affected() > 0).await
        })
        .await
    }

    /// Lets nobody vouch for a person any more; false where there is none, or where they have no password and could not come in.
    pub async fn unlink_person(&self, id: Id, now: i64) -> Result<bool, Fault> {
        /// Somebody with another way in.
        const UNLINK: &str = "UPDATE people SET subject = NULL, changed_at = $2 WHERE id = $1 AND password IS NOT NULL";
        in_time(async {
            let mut turn = self.writing().await?;
            let done = sqlx::query(UNLINK).bind(id.to_string()).bind(now).execute(turn.on()).await?;
            turn.end(done.rows_affected() > 0).await
        })
        .await
    }

    /// Changes how a person is called and spoken to; false where there is none.
    pub async fn rename_person(&self, id: Id, name: &str, language: &str, now: i64) -> Result<bool, Fault> {
        /// What the person may change, too.
        const RENAME: &str = "UPDATE people SET name = $2, language = $3, changed_at = $4 WHERE id = $1";
        in_time(async {
            let mut turn = self.writing().await?;
            let done = sqlx::query(RENAME)
                .bind(id.to_string())
                .bind(text_of(name, 200).into_owned())
                .bind(text_of(language, 16).into_owned())
                .bind(now)
                .execute(turn.on())
                .await?;
            turn.end(done.rows_affected() > 0).await
        })
        .await
    }

    /// Changes what a person may do and see, and ends every session of theirs; false where there is none.
    pub async fn appoint(&self, id: Id, role: Role, scope: &str, now: i64) -> Result<bool, Fault> {
        /// What only others may change.
        const APPOINT: &str = "UPDATE people SET role = $2, scope = $3, changed_at = $4 WHERE id = $1";
        in_time(async {
            let mut turn = self.writing().await?;
            let done = sqlx::query(APPOINT)
                .bind(id.to_string())
                .bind(role.word())
                .bind(text_of(scope, MOST_OF_A_SCOPE).into_owned())
                .bind(now)
                .execute(turn.on())
                .await?;
            session::end_all(turn.on(), id).await?;
            turn.end(done.rows_affected() > 0).await
        })
        .await
    }

    /// Locks a person out, or lets them in again; either way every session ends. False where there is none, or nothing changes.
    pub async fn lock_out(&self, id: Id, is_out: bool, now: i64) -> Result<bool, Fault> {
        /// Out.
        const OUT: &str = "UPDATE people SET disabled_at = $2, changed_at = $2 WHERE id = $1 AND disabled_at IS NULL";
        /// In again.
        const IN: &str =
            "UPDATE people SET disabled_at = NULL, changed_at = $2 WHERE id = $1 AND disabled_at IS NOT NULL";
        in_time(async {
            let mut turn = self.writing().await?;
            let statement = if is_out { OUT } else { IN };
            let done = sqlx::query(statement).bind(id.to_string()).bind(now).execute(turn.on()).await?;
            session::end_all(turn.on(), id).await?;
            turn.end(done.rows_affected() > 0).await
        })
        .await
    }

    /// Sets a password, given as its hash, and ends every session; false where there is no such person.
    pub async fn set_password(&self, id: Id, hash: &str, now: i64) -> Result<bool, Fault> {
        in_time(async {
            let mut turn = self.writing().await?;
            let is_set = set_password(turn.on(), id, hash, now).await?;
            turn.end(is_set).await
        })
        .await
    }

    /// Keeps the same password under a stronger hash, unless it changed meanwhile.
    pub async fn rehash(&self, id: Id, old: &Secret, new: &str) -> Result<bool, Fault> {
        /// It is the same password, so that nobody is signed out.
        const REHASH: &str = "UPDATE people SET password = $3 WHERE id = $1 AND password = $2";
        in_time(async {
            let mut turn = self.writing().await?;
            let done = sqlx::query(REHASH).bind(id.to_string()).bind(&old.0).bind(new).execute(turn.on()).await?;
            turn.end(done.rows_affected() > 0).await
        })
        .await
    }

    /// Sets the secret of a second factor, or takes it away. `step` is that of the code which proved that it works.
    pub async fn set_totp(&self, id: Id, secret: Option<&str>, step: i64, now: i64) -> Result<bool, Fault> {
        /// The code that proved it cannot be used a second time.
        const SET: &str = "UPDATE people SET totp = $2, totp_step = $3, changed_at = $4 WHERE id = $1";
        in_time(async {
            let mut turn = self.writing().await?;
            let done = sqlx::query(SET)
                .bind(id.to_string())
                .bind(secret.map(str::to_owned))
                .bind(step)
                .bind(now)
                .execute(turn.on())
                .await?;
            turn.end(done.rows_affected() > 0).await
        })
        .await
    }

    /// Uses a code of the second factor up, by its time step; false where this or a later one was used before.
    pub async fn use_totp(&self, id: Id, step: i64) -> Result<bool, Fault> {
        /// Of two who come with the same code one gets in.
        const USE: &str = "UPDATE people SET totp_step = $2 WHERE id = $1 AND totp IS NOT NULL AND totp_step < $2";
        in_time(async {
            let mut turn = self.writing().await?;
            let done = sqlx::query(USE).bind(id.to_string()).bind(step).execute(turn.on()).await?;
            turn.end(done.rows_affected() > 0).await
        })
        .await
    }

    /// Returns the one person whom a statement finds by one text.
    async fn person_by(&self, statement: &'static str, what: String) -> Result<Option<Person>, Fault> {
        in_time(async {
            let mut turn = self.reading().await?;
            let row = sqlx::query(statement).bind(what).fetch_optional(turn.on()).await?;
            turn.end(row.as_ref().map(Person::of).transpose()?).await
        })
        .await
    }
}

/// Adds a person within a transaction.
pub(crate) async fn insert(
    connection: &mut AnyConnection,
    person: &NewPerson,
    role: Role,
    scope: &str,
) -> Result<Added, Fault> {
    /// Whoever has the login or the subject keeps it.
    const ADD: &str = "INSERT INTO people (id, login, name, password, role, scope, language, totp_step, subject, made_at, \
        changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $9) ON CONFLICT DO NOTHING";
    let done = sqlx::query(ADD)
        .bind(person.id.to_string())
        .bind(text_of(&person.login, MOST_OF_A_LOGIN).into_owned())
        .bind(text_of(&person.name, 200).into_owned())
        .bind(person.password.clone())
        .bind(role.word())
        .bind(text_of(scope, MOST_OF_A_SCOPE).into_owned())
        .bind(text_of(&person.language, 16).into_owned())
        .bind(person.subject.as_ref().map(|subject| Subject::key(&subject.issuer, &subject.subject)))
        .bind(person.made_at)
        .execute(connection)
        .await?;
    Ok(if done.rows_affected() > 0 { Added::New } else { Added::Taken })
}

/// Sets a password within a transaction, and ends every session.
pub(crate) async fn set_password(connection: &mut AnyConnection, id: Id, hash: &str, now: i64) -> Result<bool, Fault> {
    /// The hash alone.
    const SET: &str = "UPDATE people SET password = $2, changed_at = $3 WHERE id = $1";
    let done = sqlx::query(SET).bind(id.to_string()).bind(hash).bind(now).execute(&mut *connection).await?;
    session::end_all(connection, id).await?;
    Ok(done.rows_affected() > 0)
}

/// A person to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPerson {
    /// The id.
    pub id: Id,
    /// The name to sign in by: in lower case, at most 64 octets, of the caller's alphabet.
    pub login: String,
    /// How the person is called.
    pub name: String,
    /// The hash of the password; none for whom a provider of identities vouches.
    pub password: Option<String>,
    /// The language of the pages.
    pub language: String,
    /// Under which name a provider of identities knows the person.
    pub subject: Option<Subject>,
    /// Now.
    pub made_at: i64,
}

/// Somebody, as a provider of identities names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The provider.
    pub issuer: String,
    /// The name there.
    pub subject: String,
}

impl Subject {
    /// Returns the hash that stands for it: of names of any length no two meet.
    fn key(issuer: &str, subject: &str) -> String {
        Digest::of_parts(&[issuer, subject]).to_string()
    }
}

/// What became of a person who was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// They are new.
    New,
    /// The login or the subject is somebody's already.
    Taken,
}

/// A row of the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The id.
    pub id: Id,
    /// The name to sign in by.
    pub login: String,
    /// How the person is called.
    pub name: String,
    /// The hash of the password.
    pub password: Option<Secret>,
    /// What the person may do.
    pub role: Role,
    /// What the person may see; opaque here.
    pub scope: String,
    /// The language of the pages.
    pub language: String,
    /// The secret of the second factor.
    pub totp: Option<Secret>,
    /// The time step of the last code that was used.
    pub totp_step: i64,
    /// Whether a provider of identities vouches for them.
    pub is_vouched_for: bool,
    /// Since when they are locked out.
    pub disabled_at: Option<i64>,
    /// Since when they are known.
    pub made_at: i64,
    /// When the row last changed.
    pub changed_at: i64,
}

impl Person {
    /// Reads a row.
    fn of(row: &AnyRow) -> Result<Person, Fault> {
        Ok(Person {
            id: parse(row, "id")?,
            login: get(row, "login")?,
            name: get(row, "name")?,
            password: get::<Option<String>>(row, "password")?.map(Secret),
            role: parse(row, "role")?,
            scope: get(row, "scope")?,
            language: get(row, "language")?,
            totp: get::<Option<String>>(row, "totp")?.map(Secret),
            totp_step: get(row, "totp_step")?,
            is_vouched_for: parse_optional::<Digest>(row, "subject")?.is_some(),
            disabled_at: get(row, "disabled_at")?,
            made_at: get(row, "made_at")?,
            changed_at: get(row, "changed_at")?,
        })
    }
}

/// A text that no log may show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

words! {
    /// What a person or a program may do.
    Role, "role" {
        /// Look at verdicts and sums.
        Viewer = "viewer",
        /// Look at Evidence too, and try things out.
        Analyst = "analyst",
        /// All of it: settings and people.
        Admin = "admin",
    }
}
