//! Invitations: links that work once, for a first account, a new one, or a password that was lost

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::{Added, MOST_OF_A_SCOPE, NewPerson, Role, insert, set_password};
use crate::column::{get, parse, parse_optional, text_of};
use crate::digest::Digest;
use crate::fault::Fault;
use crate::id::Id;
use crate::ledger::Ledger;
use crate::turn::in_time;
use crate::words::words;

impl Ledger {
    /// Adds a link. Of links for the first account, and of those for one person's lost password, the newest alone counts.
    pub async fn invite(&self, invitation: &NewInvitation) -> Result<(), Fault> {
        /// Those that it stands for.
        const LAPSE: &str = "UPDATE invitations SET expires_at = $1 WHERE kind = $2 AND used_at IS NULL AND expires_at > $1 \
            AND (kind = 'first' OR (kind = 'reset' AND person = $3))";
        /// What was of no use for a month goes.
        const SWEEP: &str = "DELETE FROM invitations WHERE expires_at <= $1";
        /// The new one.
        const ADD: &str = "INSERT INTO invitations (link, kind, person, role, scope, made_at, expires_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let person = invitation.person.map(|id| id.to_string());
        in_time(async {
            let mut turn = self.writing().await?;
            sqlx::query(SWEEP).bind(invitation.made_at.saturating_sub(MONTH)).execute(turn.on()).await?;
            sqlx::query(LAPSE)
                .bind(invitation.made_at)
                .bind(invitation.kind.word())
                .bind(person.clone())
                .execute(turn.on())
                .await?;
            sqlx::query(ADD)
                .bind(invitation.link.to_string())
                .bind(invitation.kind.word())
                .bind(person)
                .bind(invitation.role.word())
                .bind(text_of(&invitation.scope, MOST_OF_A_SCOPE).into_owned())
                .bind(invitation.made_at)
                .bind(invitation.expires_at)
                .execute(turn.on())
                .await?;
            turn.end(()).await
        })
        .await
    }

    /// Returns what a link is for, while it works.
    pub async fn invitation(&self, link: &Digest, now: i64) -> Result<Option<Invitation>, Fault> {
        /// One that works.
        const ONE: &str = "SELECT kind, person, role, scope, expires_at FROM invitations \
            WHERE link = $1 AND used_at IS NULL AND expires_at > $2";
        in_time(async {
            let mut turn = self.reading().await?;
            let row = sqlx::query(ONE).bind(link.to_string()).bind(now).fetch_optional(turn.on()).await?;
            turn.end(row.as_ref().map(Invitation::of).transpose()?).await
        })
        .await
    }

    /// Uses a link up and adds the person whom it invites, or neither. Of two who come with one link one gets in.
    pub async fn accept(&self, link: &Digest, person: &NewPerson) -> Result<Accepted, Fault> {
        /// With the first account there is no first account to be made any more.
        const LAPSE: &str =
            "UPDATE invitations SET expires_at = $1 WHERE kind = 'first' AND used_at IS NULL AND expires_at > $1";
        in_time(async {
            let mut turn = self.writing().await?;
            let Some(used) = use_up(turn.on(), link, person.made_at).await? else {
                return turn.undo(Accepted::Refused).await;
            };
            if used.kind == InvitationKind::Reset {
                return turn.undo(Accepted::Refused).await;
            }
            if insert(turn.on(), person, used.role, &used.scope).await? == Added::Taken {
                return turn.undo(Accepted::Taken).await;
            }
            sqlx::query(LAPSE).bind(person.made_at).execute(turn.on()).await?;
            turn.end(Accepted::Done).await
        })
        .await
    }

    /// Uses a link up, sets the password of the person whom it is for, takes their second factor away and ends their sessions and tokens.
    pub async fn accept_reset(&self, link: &Digest, hash: &str, now: i64) -> Result<Option<Id>, Fault> {
        /// The second factor may be what was lost.
        const CLEAR: &str = "UPDATE people SET totp = NULL WHERE id = $1";
        /// Whoever had the account for a moment may have made one.
        const REVOKE: &str = "UPDATE api_tokens SET revoked_at = $2 WHERE person = $1 AND revoked_at IS NULL";
        in_time(async {
            let mut turn = self.writing().await?;
            let used = use_up(turn.on(), link, now).await?.filter(|used| used.kind == InvitationKind::Reset);
            let Some(person) = used.and_then(|used| used.person) else { return turn.undo(None).await };
            if !set_password(turn.on(), person, hash, now).await? {
                return turn.undo(None).await;
            }
            sqlx::query(CLEAR).bind(person.to_string()).execute(turn.on()).await?;
            sqlx::query(REVOKE).bind(person.to_string()).bind(now).execute(turn.on()).await?;
            turn.end(Some(person)).await
        })
        .await
    }
}

/// A month.
const MONTH: i64 = 30 * 86_400 * 1_000_000;

/// Uses a link up within a transaction, and returns what it was for; none where it does not work.
async fn use_up(connection: &mut AnyConnection, link: &Digest, now: i64) -> Result<Option<Invitation>, Fault> {
    /// Whoever comes second waits for the first one, and then finds it used.
    const USE: &str = "UPDATE invitations SET used_at = $2 WHERE link = $1 AND used_at IS NULL AND expires_at > $2 \
        RETURNING kind, person, role, scope, expires_at";
    let row = sqlx::query(USE).bind(link.to_string()).bind(now).fetch_optional(connection).await?;
    row.as_ref().map(Invitation::of).transpose()
}

/// A link to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInvitation {
    /// The hash of what stands in it.
    pub link: Digest,
    /// What it is for.
    pub kind: InvitationKind,
    /// Whose password is set anew.
    pub person: Option<Id>,
    /// What the new person may do.
    pub role: Role,
    /// What the new person may see; opaque here.
    pub scope: String,
    /// Now.
    pub made_at: i64,
    /// Until when it works.
    pub expires_at: i64,
}

/// A link that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// What it is for.
    pub kind: InvitationKind,
    /// Whose password is set anew.
    pub person: Option<Id>,
    /// What the new person may do.
    pub role: Role,
    /// What the new person may see; opaque here.
    pub scope: String,
    /// Until when it works.
    pub expires_at: i64,
}

impl Invitation {
    /// Reads a row.
    fn of(row: &AnyRow) -> Result<Invitation, Fault> {
        Ok(Invitation {
            kind: parse(row, "kind")?,
            person: parse_optional(row, "person")?,
            role: parse(row, "role")?,
            scope: get(row, "scope")?,
            expires_at: get(row, "expires_at")?,
        })
    }
}

/// What became of somebody who came with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// They are in the book.
    Done,
    /// The link does not work, or not any more.
    Refused,
    /// The login is somebody's already; the link still works.
    Taken,
}

words! {
    /// What a link is for.
    InvitationKind, "kind of invitation" {
        /// The first account of all.
        First = "first",
        /// A new account.
        Invite = "invite",
        /// A password that was lost.
        Reset = "reset",
    }
}
