//! API tokens: a program's way in, in the name of a person

use sqlx::any::AnyRow;

use super::{MOST_OF_A_SCOPE, Person, Role};
use crate::column::{get, parse, text_of};
use crate::digest::Digest;
use crate::fault::Fault;
use crate::id::Id;
use crate::ledger::Ledger;
use crate::turn::in_time;

impl Ledger {
    /// Adds a token, unless its person has `most` of them in force already.
    pub async fn add_token(&self, token: &NewToken, most: u16) -> Result<bool, Fault> {
        /// How many are in force.
        const COUNT: &str = "SELECT CAST(COUNT(*) AS BIGINT) AS count FROM api_tokens WHERE person = $1 AND revoked_at IS NULL \
            AND (expires_at IS NULL OR expires_at > $2)";
        /// One more.
        const ADD: &str = "INSERT INTO api_tokens (id, token, person, label, role, scope, made_at, expires_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        in_time(async {
            let mut turn = self.writing().await?;
            let row =
                sqlx::query(COUNT).bind(token.person.to_string()).bind(token.made_at).fetch_one(turn.on()).await?;
            if get::<i64>(&row, "count")? >= i64::from(most) {
                return turn.undo(false).await;
            }
            sqlx::query(ADD)
                .bind(token.id.to_string())
                .bind(token.token.to_string())
                .bind(token.person.to_string())
                .bind(text_of(&token.label, 200).into_owned())
                .bind(token.role.word())
                .bind(text_of(&token.scope, MOST_OF_A_SCOPE).into_owned())
                .bind(token.made_at)
                .bind(token.expires_at)
                .execute(turn.on())
                .await?;
            turn.end(true).await
        })
        .await
    }

    /// Returns the token with this hash and in whose name it is, unless it is over, revoked, or they are locked out.
    pub async fn token(&self, token: &Digest, now: i64) -> Result<Option<(ApiToken, Person)>, Fault> {
        /// Both rows in one; what both have bears another name in the token.
        const ONE: &str = "SELECT t.id AS token_id, t.label, t.role AS token_role, t.scope AS token_scope, \
            t.made_at AS token_made_at, t.last_used_at, t.expires_at, t.revoked_at, p.id, p.login, p.name, p.password, p.role, \
            p.scope, p.language, p.totp, p.totp_step, p.subject, p.disabled_at, p.made_at, p.changed_at \
            FROM api_tokens t JOIN people p ON p.id = t.person WHERE t.token = $1 AND t.revoked_at IS NULL \
            AND (t.expires_at IS NULL OR t.expires_at > $2) AND p.disabled_at IS NULL";
        in_time(async {
            let mut turn = self.reading().await?;
            let row = sqlx::query(ONE).bind(token.to_string()).bind(now).fetch_optional(turn.on()).await?;
            let both = row.map(|row| Ok::<_, Fault>((ApiToken::of(&row)?, Person::of(&row)?))).transpose()?;
            turn.end(both).await
        })
        .await
    }

    /// Notes that a token was used.
    pub async fn note_token(&self, id: Id, now: i64) -> Result<(), Fault> {
        /// The last time.
        const NOTE: &str = "UPDATE api_tokens SET last_used_at = $2 WHERE id = $1";
        in_time(async {
            let mut turn = self.writing().await?;
            sqlx::query(NOTE).bind(id.to_string()).bind(now).execute(turn.on()).await?;
            turn.end(()).await
        })
        .await
    }

    /// Revokes a token of a person; false where they have none of this id in force.
    pub async fn revoke_token(&self, person: Id, id: Id, now: i64) -> Result<bool, Fault> {
        /// Nobody revokes a neighbour's.
        const REVOKE: &str =
            "UPDATE api_tokens SET revoked_at = $3 WHERE id = $1 AND person = $2 AND revoked_at IS NULL";
        in_time(async {
            let mut turn = self.writing().await?;
            let done =
                sqlx::query(REVOKE).bind(id.to_string()).bind(person.to_string()).bind(now).execute(turn.on()).await?;
            turn.end(done.rows_affected() > 0).await
        })
        .await
    }

    /// Lists the tokens of a person that were not revoked, the newest first.
    pub async fn tokens_of(&self, person: Id) -> Result<Vec<ApiToken>, Fault> {
        /// Those that ran out are listed: somebody may wonder why a program stopped.
        const LIST: &str = "SELECT id AS token_id, label, role AS token_role, scope AS token_scope, made_at AS token_made_at, \
            last_used_at, expires_at, revoked_at FROM api_tokens WHERE person = $1 AND revoked_at IS NULL \
            ORDER BY made_at DESC, id DESC LIMIT 200";
        in_time(async {
            let mut turn = self.reading().await?;
            let rows = sqlx::query(LIST).bind(person.to_string()).fetch_all(turn.on()).await?;
            turn.end(rows.iter().map(ApiToken::of).collect::<Result<_, _>>()?).await
        })
        .await
    }
}

/// A token to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// Its id.
    pub id: Id,
    /// Its hash.
    pub token: Digest,
    /// In whose name it is.
    pub person: Id,
    /// What it is for.
    pub label: String,
    /// The most that it may do.
    pub role: Role,
    /// The most that it may see; opaque here.
    pub scope: String,
    /// Now.
    pub made_at: i64,
    /// Until when it lasts; none is until it is revoked.
    pub expires_at: Option<i64>,
}

/// A row of the book, without its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id.
    pub id: Id,
    /// What it is for.
    pub label: String,
    /// The most that it may do.
    pub role: Role,
    /// The most that it may see; opaque here.
    pub scope: String,
    /// When it was made.
    pub made_at: i64,
    /// When it was last used.
    pub last_used_at: Option<i64>,
    /// Until when it lasts.
    pub expires_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
}

impl ApiToken {
    /// Reads a row.
    fn of(row: &AnyRow) -> Result<ApiToken, Fault> {
        Ok(ApiToken {
            id: parse(row, "token_id")?,
            label: get(row, "label")?,
            role: parse(row, "token_role")?,
            scope: get(row, "token_scope")?,
            made_at: get(row, "token_made_at")?,
            last_used_at: get(row, "last_used_at")?,
            expires_at: get(row, "expires_at")?,
            revoked_at: get(row, "revoked_at")?,
        })
    }
}
