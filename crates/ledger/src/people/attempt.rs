//! Attempts to sign in: who fails often waits, longer each time
//!
//! An attempt is counted as a failure before the password is compared, and taken back when it was right: of a hundred that come
//! at once, no more get through than of a thousand that come one after another.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::column::get;
use crate::digest::Digest;
use crate::fault::Fault;
use crate::ledger::Ledger;
use crate::turn::in_time;

/// A second.
const SECOND: i64 = 1_000_000;
/// How many failures cost nothing, when they come within [`WINDOW`].
const FREE: i64 = 5;
/// Within which time failures add up, before anybody has to wait.
const WINDOW: i64 = 15 * 60 * SECOND;
/// How long the first one waits who has to.
const FIRST_WAIT: i64 = 15 * SECOND;
/// How long anybody waits at most.
const LONGEST_WAIT: i64 = 15 * 60 * SECOND;
/// After how long without an attempt all is forgotten. Longer than the longest wait, or the waits would never stay long.
const MEMORY: i64 = 60 * 60 * SECOND;

impl Ledger {
    /// Counts an attempt against each of `who`, unless one of them has to wait: then it returns until when, and counts nothing.
    ///
    /// `who` are keyed hashes: of the login, of the client's network.
    pub async fn begin_attempt(&self, who: &[Digest], now: i64) -> Result<Option<i64>, Fault> {
        /// What nobody remembers.
        const SWEEP: &str = "DELETE FROM sign_in_attempts WHERE last_at < $1";
        let mut who = who.to_vec();
        // Two attempts that lock the same rows lock them in the same order.
        who.sort_unstable();
        who.dedup();
        in_time(async {
            let mut turn = self.writing().await?;
            sqlx::query(SWEEP).bind(now.saturating_sub(MEMORY)).execute(turn.on()).await?;
            let mut counts = Vec::with_capacity(who.len());
            for one in &who {
                counts.push(lock(turn.on(), one, now).await?);
            }
            if let Some(until) = counts.iter().map(|count| count.free_at).filter(|at| *at > now).max() {
                return turn.undo(Some(until)).await;
            }
            for (one, count) in who.iter().zip(counts) {
                write(turn.on(), one, count.failed(now)).await?;
            }
            turn.end(None).await
        })
        .await
    }

    /// Says that an attempt was no failure: all is forgotten of `cleared`, such as the login, and this one attempt of `excused`, such
    /// as the network: a right password says nothing of the others that were tried from there.
    pub async fn excuse_attempt(&self, cleared: &[Digest], excused: &[Digest]) -> Result<(), Fault> {
        /// All of one.
        const CLEAR: &str = "DELETE FROM sign_in_attempts WHERE who = $1";
        /// One of one. Below the number from which one waits, nobody waits.
        const EXCUSE: &str = "UPDATE sign_in_attempts SET failures = failures - 1, \
            free_at = CASE WHEN failures - 1 < $2 THEN 0 ELSE free_at END WHERE who = $1 AND failures > 0";
        in_time(async {
            let mut turn = self.writing().await?;
            let mut all: Vec<_> =
                cleared.iter().map(|who| (who, true)).chain(excused.iter().map(|who| (who, false))).collect();
            all.sort_unstable();
            for (who, is_cleared) in all {
                match is_cleared {
                    true => sqlx::query(CLEAR).bind(who.to_string()).execute(turn.on()).await?,
                    false => sqlx::query(EXCUSE).bind(who.to_string()).bind(FREE).execute(turn.on()).await?,
                };
            }
            turn.end(()).await
        })
        .await
    }
}

/// Returns the count of one within a transaction, which holds its row until it ends.
async fn lock(connection: &mut AnyConnection, who: &Digest, now: i64) -> Result<Count, Fault> {
    /// An update that changes nothing holds the row on PostgreSQL; on SQLite the transaction alone writes.
    const LOCK: &str = "INSERT INTO sign_in_attempts (who, failures, since, last_at, free_at) VALUES ($1, 0, $2, $2, 0) \
        ON CONFLICT (who) DO UPDATE SET who = excluded.who RETURNING failures, since, last_at, free_at";
    Count::of(&sqlx::query(LOCK).bind(who.to_string()).bind(now).fetch_one(connection).await?)
}

/// Writes the count of one within a transaction.
async fn write(connection: &mut AnyConnection, who: &Digest, count: Count) -> Result<(), Fault> {
    /// Its row is there and ours.
    const WRITE: &str =
        "UPDATE sign_in_attempts SET failures = $2, since = $3, last_at = $4, free_at = $5 WHERE who = $1";
    sqlx::query(WRITE)
        .bind(who.to_string())
        .bind(count.failures)
        .bind(count.since)
        .bind(count.last_at)
        .bind(count.free_at)
        .execute(connection)
        .await?;
    Ok(())
}

/// What is remembered of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Count {
    /// How often it failed.
    failures: i64,
    /// Since when these are counted.
    since: i64,
    /// When it last did.
    last_at: i64,
    /// When it may try again.
    free_at: i64,
}

impl Count {
    /// Reads a row.
    fn of(row: &AnyRow) -> Result<Count, Fault> {
        Ok(Count {
            failures: get(row, "failures")?,
            since: get(row, "since")?,
            last_at: get(row, "last_at")?,
            free_at: get(row, "free_at")?,
        })
    }

    /// Returns it with one more failure.
    fn failed(self, now: i64) -> Count {
        let is_stale = match self.failures {
            0 => true,
            1..FREE => now.saturating_sub(self.since) > WINDOW,
            _ => now.saturating_sub(self.last_at) > MEMORY,
        };
        let (failures, since) = if is_stale { (1, now) } else { (self.failures.saturating_add(1), self.since) };
        Count { failures, since, last_at: now, free_at: now.saturating_add(wait(failures)) }
    }
}

/// Returns how long to wait after so many failures.
fn wait(failures: i64) -> i64 {
    match u32::try_from(failures - FREE) {
        Err(_) => 0,
        Ok(beyond) => FIRST_WAIT.saturating_mul(1 << beyond.min(16)).min(LONGEST_WAIT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nobody failed yet.
    const NONE: Count = Count { failures: 0, since: 0, last_at: 0, free_at: 0 };

    #[test]
    fn the_wait_doubles_from_the_fifth_failure_and_ends_at_a_quarter_of_an_hour() {
        let (mut count, mut now, mut waits) = (NONE, 1_000 * SECOND, Vec::new());
        for _ in 0..13 {
            count = count.failed(now);
            waits.push((count.free_at - now) / SECOND);
            now = count.free_at.max(now + SECOND);
        }
        assert_eq!(waits, [0, 0, 0, 0, 15, 30, 60, 120, 240, 480, 900, 900, 900]);
    }

    #[test]
    fn failures_that_lie_far_apart_do_not_add_up() {
        let mut count = NONE;
        for number in 0..20 {
            count = count.failed(number * (WINDOW / 4 + SECOND));
            assert!(count.failures < FREE && count.free_at <= count.last_at, "{count:?}");
        }
        let waits = Count { failures: 40, since: 0, last_at: 0, free_at: LONGEST_WAIT };
        assert_eq!(waits.failed(MEMORY).failures, 41);
        assert_eq!(waits.failed(MEMORY + 1).failures, 1);
    }
}
