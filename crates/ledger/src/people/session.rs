//! Sessions: somebody who signed in with a browser, until they sign out, time runs out, or what they may do changes

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::{Person, Secret};
use crate::column::{get, parse};
use crate::digest::Digest;
use crate::fault::Fault;
use crate::id::Id;
use crate::ledger::Ledger;
use crate::turn::in_time;
use crate::words::words;

impl Ledger {
    /// Begins a session, in place of the one that `replaces` names. False, and nothing is changed, where the person is locked out or
    /// changed since they were looked at, or where the other session is over: of two who want to replace it one succeeds.
    pub async fn begin_session(&self, session: &NewSession, replaces: Option<&Digest>) -> Result<bool, Fault> {
        /// Only for whom the password was compared with: it may have changed meanwhile.
        const BEGIN: &str = "INSERT INTO sessions (token, person, state, csrf, made_at, seen_at, expires_at) \
            SELECT $1, id, CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BIGINT) \
            FROM people WHERE id = $6 AND changed_at = $7 AND disabled_at IS NULL";
        /// What is over goes.
        const SWEEP: &str = "DELETE FROM sessions WHERE expires_at <= $1";
        in_time(async {
            let mut turn = self.writing().await?;
            sqlx::query(SWEEP).bind(session.made_at).execute(turn.on()).await?;
            if let Some(old) = replaces
                && !end(turn.on(), old).await?
            {
                return turn.undo(false).await;
            }
            let done = sqlx::query(BEGIN)
                .bind(session.token.to_string())
                .bind(session.state.word())
                .bind(&session.csrf.0)
                .bind(session.made_at)
                .bind(session.expires_at)
                .bind(session.person.to_string())
                .bind(session.person_changed_at)
                .execute(turn.on())
                .await?;
            match done.rows_affected() {
                0 => turn.undo(false).await,
                _ => turn.end(true).await,
            }
        })
        .await
    }

    /// Returns the session of this token and whose it is, unless it is over or they are locked out.
    pub async fn session(&self, token: &Digest, now: i64) -> Result<Option<(Session, Person)>, Fault> {
        /// Both rows in one; what both have bears another name in the session.
        const ONE: &str = "SELECT s.token, s.state, s.csrf, s.made_at AS begun_at, s.seen_at, s.expires_at, p.id, p.id AS person, \
            p.login, p.name, p.password, p.role, p.scope, p.language, p.totp, p.totp_step, p.subject, p.disabled_at, p.made_at, \
            p.changed_at FROM sessions s JOIN people p ON p.id = s.person \
            WHERE s.token = $1 AND s.expires_at > $2 AND p.disabled_at IS NULL";
        in_time(async {
            let mut turn = self.reading().await?;
            let row = sqlx::query(ONE).bind(token.to_string()).bind(now).fetch_optional(turn.on()).await?;
            let both = row.map(|row| Ok::<_, Fault>((Session::of(&row)?, Person::of(&row)?))).transpose()?;
            turn.end(both).await
        })
        .await
    }

    /// Notes that a session is in use, and until when it lasts now.
    pub async fn keep_session(&self, token: &Digest, seen_at: i64, expires_at: i64) -> Result<bool, Fault> {
        /// What is over stays over.
        const KEEP: &str = "UPDATE sessions SET seen_at = $2, expires_at = $3 WHERE token = $1 AND expires_at > $2";
        in_time(async {
            let mut turn = self.writing().await?;
            let done =
                sqlx::query(KEEP).bind(token.to_string()).bind(seen_at).bind(expires_at).execute(turn.on()).await?;
            turn.end(done.rows_affected() > 0).await
        })
        .await
    }

    /// Ends a session; false where there was none.
    pub async fn end_session(&self, token: &Digest) -> Result<bool, Fault> {
        in_time(async {
            let mut turn = self.writing().await?;
            let was_there = end(turn.on(), token).await?;
            turn.end(was_there).await
        })
        .await
    }

    /// Ends every session of a person.
    pub async fn end_sessions(&self, person: Id) -> Result<(), Fault> {
        in_time(async {
            let mut turn = self.writing().await?;
            end_all(turn.on(), person).await?;
            turn.end(()).await
        })
        .await
    }

    /// Lists the sessions of a person, the newest first.
    pub async fn sessions_of(&self, person: Id, now: i64) -> Result<Vec<Session>, Fault> {
        /// A hundred are more than anybody has browsers.
        const LIST: &str = "SELECT token, person, state, csrf, made_at AS begun_at, seen_at, expires_at FROM sessions \
            WHERE person = $1 AND expires_at > $2 ORDER BY made_at DESC, token LIMIT 100";
        in_time(async {
            let mut turn = self.reading().await?;
            let rows = sqlx::query(LIST).bind(person.to_string()).bind(now).fetch_all(turn.on()).await?;
            turn.end(rows.iter().map(Session::of).collect::<Result<_, _>>()?).await
        })
        .await
    }
}

/// Ends one session within a transaction.
async fn end(connection: &mut AnyConnection, token: &Digest) -> Result<bool, Fault> {
    /// It is forgotten.
    const END: &str = "DELETE FROM sessions WHERE token = $1";
    Ok(sqlx::query(END).bind(token.to_string()).execute(connection).await?.rows_affected() > 0)
}

/// Ends every session of a person within a transaction.
pub(crate) async fn end_all(connection: &mut AnyConnection, person: Id) -> Result<(), Fault> {
    /// All are forgotten.
    const END: &str = "DELETE FROM sessions WHERE person = $1";
    sqlx::query(END).bind(person.to_string()).execute(connection).await?;
    Ok(())
}

/// A session to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// The hash of its token.
    pub token: Digest,
    /// Whose it is.
    pub person: Id,
    /// When that person's row had last changed when it was looked at.
    pub person_changed_at: i64,
    /// How far the signing in came.
    pub state: SessionState,
    /// What its forms are proven with.
    pub csrf: Secret,
    /// Now.
    pub made_at: i64,
    /// Until when it lasts.
    pub expires_at: i64,
}

/// A row of the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The hash of its token.
    pub token: Digest,
    /// Whose it is.
    pub person: Id,
    /// How far the signing in came.
    pub state: SessionState,
    /// What its forms are proven with.
    pub csrf: Secret,
    /// When it began.
    pub made_at: i64,
    /// When it was last used.
    pub seen_at: i64,
    /// Until when it lasts.
    pub expires_at: i64,
}

impl Session {
    /// Reads a row.
    fn of(row: &AnyRow) -> Result<Session, Fault> {
        Ok(Session {
            token: parse(row, "token")?,
            person: parse(row, "person")?,
            state: parse(row, "state")?,
            csrf: Secret(get(row, "csrf")?),
            made_at: get(row, "begun_at")?,
            seen_at: get(row, "seen_at")?,
            expires_at: get(row, "expires_at")?,
        })
    }
}

words! {
    /// How far a signing in came.
    SessionState, "state of a session" {
        /// The password was right; the second factor is awaited.
        Half = "half",
        /// All was right.
        Whole = "whole",
    }
}
