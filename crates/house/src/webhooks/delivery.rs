//! The jobs that call webhooks: leased, done, tried again for about a day, and then laid out for somebody to look at
//!
//! Whoever is called twice sees by the id that it is the same: a process may be lost between the answer and the note of it.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use futures_util::future::join_all;
use jiff::Timestamp;
use sekisho_ledger::{Backoff, Failed, Fault, Lease, LeaseError, Ledger};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::announcer::{Errand, QUEUE};
use super::courier::{Called, Courier};
use crate::metrics::Words;
use crate::store::Archive;

/// What becomes of calls, for counters.
pub(crate) const RESULTS: [&str; 3] = ["delivered", "later", "failed"];
/// How long a job is kept before another may take it, in microseconds: longer than a call and the note of it may take.
const LEASE: i64 = 25_000_000;
/// How many are called at once.
const AT_ONCE: u16 = 16;
/// How long a job waits that failed: from ten seconds to two hours, a day in all.
pub(super) const BACKOFF: Backoff = Backoff { first: Duration::from_secs(10), most: Duration::from_secs(7200) };
/// How often somebody looks for news.
const LOOK: Duration = Duration::from_secs(1);
/// How often where nobody wants any: what was left by others is not forgotten.
const IDLE: Duration = Duration::from_secs(60);
/// How long books that fail are left in peace.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// Who does these jobs.
pub(super) struct Delivery {
    /// The book.
    pub(super) ledger: Ledger,
    /// Who calls.
    pub(super) courier: Arc<Courier>,
    /// What this process is called.
    pub(super) worker: String,
    /// What is counted.
    pub(super) counts: Words,
    /// Tells the time, in microseconds since 1970.
    pub(super) clock: fn() -> i64,
    /// Tells that it is time to stop.
    pub(super) stop: CancellationToken,
}

impl Delivery {
    /// Does the jobs that are due, some at a time; tells whether there were any.
    pub(super) async fn work(&self) -> Result<bool, Fault> {
        let now = (self.clock)();
        let leases = self.ledger.lease(QUEUE, &self.worker, AT_ONCE, now, now + LEASE).await?;
        let done = join_all(leases.iter().map(|lease| self.attempt(lease))).await;
        done.into_iter().collect::<Result<(), Fault>>()?;
        Ok(!leases.is_empty())
    }

    /// Calls once, and says in the book what came of it.
    async fn attempt(&self, lease: &Lease) -> Result<(), Fault> {
        let called = tokio::select! {
            called = self.call(lease) => called,
            () = self.stop.cancelled() => {
                let now = (self.clock)();
                return settle(self.ledger.postpone(lease, "the house closed meanwhile", now, now).await);
            }
        };
        let (id, topic, now) = (lease.job.id, &*lease.job.subject, (self.clock)());
        match called {
            Called::Taken => {
                settle(self.ledger.finish(lease, now).await)?;
                self.counts.count("delivered");
                info!(webhook.id = %id, webhook.topic = topic, attempts = lease.job.attempts, "called a webhook");
            }
            Called::Gone(why) => {
                settle(self.ledger.give_up(lease, &why, now).await)?;
                self.counts.count("failed");
                warn!(webhook.id = %id, webhook.topic = topic, error = why, "a webhook is not called again with this");
            }
            Called::Later(why) => self.put_off(lease, &why, now).await?,
        }
        Ok(())
    }

    /// Lets a call be tried again, as long as there is sense in that.
    async fn put_off(&self, lease: &Lease, why: &str, now: i64) -> Result<(), Fault> {
        let (id, topic, attempts) = (lease.job.id, &*lease.job.subject, lease.job.attempts);
        match self.ledger.fail(lease, why, now, now + BACKOFF.wait(attempts, chance())).await {
            Ok(Failed::Again(_)) => {
                self.counts.count("later");
                warn!(webhook.id = %id, webhook.topic = topic, attempts, error = why, "a webhook cannot be called now");
                Ok(())
            }
            Ok(Failed::Dead) => {
                self.counts.count("failed");
                warn!(webhook.id = %id, webhook.topic = topic, attempts, error = why, "a webhook was called in vain for a day");
                Ok(())
            }
            Err(lost) => settle(Err(lost)),
        }
    }

    /// Calls the webhook of a job.
    async fn call(&self, lease: &Lease) -> Called {
        let Ok(errand) = serde_json::from_str::<Errand>(&lease.job.payload) else {
            return Called::Gone("the job cannot be read".to_owned());
        };
        let now = (self.clock)().div_euclid(1_000_000);
        self.courier.call(&format!("msg_{}", lease.job.id), &errand, now).await
    }
}

/// Calls webhooks until it is time to stop. `courier` brings another one after a reload.
pub(crate) async fn keep_delivering(
    archive: Archive,
    courier: watch::Receiver<Arc<Courier>>,
    counts: Words,
    shutdown: CancellationToken,
) {
    let worker = format!("daemon-{}-{}", std::process::id(), now());
    let mut has_failed = false;
    while !shutdown.is_cancelled() {
        let courier = Arc::clone(&courier.borrow());
        let rest = if courier.is_idle() { IDLE } else { LOOK };
        let done = match archive.ledger().await {
            Ok(ledger) => {
                let (worker, counts, stop) = (worker.clone(), counts.clone(), shutdown.clone());
                let delivery = Delivery { ledger, courier, worker, counts, clock: now, stop };
                delivery.work().await.map_err(|why| why.to_string())
            }
            Err(why) => Err(why.to_string()),
        };
        match &done {
            Err(why) if !has_failed => warn!(error = %why, "webhooks cannot be called now; it is tried again"),
            Ok(_) if has_failed => info!("webhooks are called again"),
            _ => {}
        }
        has_failed = done.is_err();
        let pause = match done {
            Ok(true) => Duration::ZERO,
            Ok(false) => rest,
            Err(_) => AFTER_FAILURE,
        };
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Passes over a lease that was lost meanwhile: whoever has it now does the job.
fn settle(ended: Result<(), LeaseError>) -> Result<(), Fault> {
    match ended {
        Ok(()) => Ok(()),
        Err(LeaseError::Lost) => {
            warn!("a job took longer than its lease, and another one does it now");
            Ok(())
        }
        Err(LeaseError::Ledger(fault)) => Err(fault),
    }
}

/// Returns the time in microseconds since 1970.
fn now() -> i64 {
    Timestamp::now().as_microsecond()
}

/// Returns a random number; where the system has none, jobs that failed together come back together.
fn chance() -> u32 {
    let mut octets = [0; 4];
    let _ = rand::fill(&mut octets);
    u32::from_ne_bytes(octets)
}
