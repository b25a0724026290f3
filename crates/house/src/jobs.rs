//! Jobs as a whole: which wait, which were given up, and how long what was done is remembered
//!
//! Who does them is told elsewhere: [`crate::reports`] reads and sends, [`crate::webhooks`] calls.

mod command;

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::store::Archive;

/// How long a job that was done is remembered, and with it that nothing of its key is to be done again. What may come twice
/// (a report, a day's report of ours) is known by a row of its own, for ever.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3600);
/// How often somebody looks.
const LOOK: Duration = Duration::from_secs(3600);

/// Forgets what was done long ago, until it is time to stop. Where the books are away it is done the next time.
pub(crate) async fn keep_forgetting(archive: Archive, shutdown: CancellationToken) {
    loop {
        match forget(&archive, Timestamp::now()).await {
            Ok(0) => {}
            Ok(jobs) => debug!(jobs, "forgot jobs that were done long ago"),
            Err(why) => warn!(error = %why, "jobs that were done long ago cannot be forgotten now; it is tried again"),
        }
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Forgets what was done long before `now`; returns how many jobs.
async fn forget(archive: &Archive, now: Timestamp) -> Result<u64, String> {
    let before = now.saturating_sub(REMEMBERED).map_err(|why| why.to_string())?;
    let ledger = archive.ledger().await.map_err(|why| why.to_string())?;
    ledger.forget_done(before.as_microsecond()).await.map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use sekisho_ledger::{Id, NewJob};
    use tempfile::TempDir;

    use super::*;
    use crate::config::StoreSection;
    use crate::store::DataFolder;

    #[tokio::test]
    async fn what_was_done_a_month_ago_is_forgotten_and_what_was_given_up_is_not() {
        let place = TempDir::new().unwrap();
        let section = StoreSection { folder: Some(place.path().to_owned()), ..StoreSection::default() };
        let archive = Archive::of(DataFolder::open(&section, &[]).unwrap().unwrap());
        let (ledger, now) = (archive.ledger().await.unwrap(), Timestamp::now());
        let made_at = now.as_microsecond();
        let job = |number, queue: &str| NewJob {
            id: Id::new(made_at, [number; 10]),
            queue: queue.to_owned(),
            subject: String::new(),
            payload: String::new(),
            once: None,
            due: made_at,
            made_at,
            max_attempts: 1,
        };
        let [done, dead] = [job(1, "done"), job(2, "dead")];
        for job in [&done, &dead] {
            ledger.enqueue(job).await.unwrap();
        }
        let lease = async |queue| ledger.lease(queue, "test", 1, made_at, made_at + 1).await.unwrap().pop().unwrap();
        ledger.finish(&lease("done").await, made_at).await.unwrap();
        ledger.give_up(&lease("dead").await, "no", made_at).await.unwrap();

        let later = |days: i64| now + SignedDuration::from_hours(24 * days);
        assert_eq!(forget(&archive, later(29)).await, Ok(0));
        assert_eq!(forget(&archive, later(31)).await, Ok(1));
        assert_eq!((ledger.job(done.id).await.unwrap(), ledger.job(dead.id).await.unwrap().is_some()), (None, true));
        archive.close().await;
    }
}
