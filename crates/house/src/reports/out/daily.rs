//! Each day, when it is over: its reports are planned, made and sent

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};
use sekisho_ledger::{Ledger, Vault};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::super::reader::now;
use super::jobs::{Sender, Tally};
use super::reporter::Reporter;
use crate::lake::Lake;
use crate::metrics::Metrics;
use crate::store::Archive;
use crate::webhooks::Announcer;

/// How long a day has to be over: Events that are late are in the lake then.
const OVER: SignedDuration = SignedDuration::from_hours(1);
/// How often somebody looks whether there is something to be done.
const LOOK: Duration = Duration::from_secs(5);
/// How long a proof holds that our reports pass DMARC.
const PROOF: Duration = Duration::from_secs(3600);
/// How soon is it tried again, where they do not, or where books fail.
const AGAIN: Duration = Duration::from_secs(300);
/// How long a mail on its way may take when the house closes.
const GRACE: Duration = Duration::from_secs(5);

/// Sends reports until it is time to stop. `reporter` is asked anew each time: a reload may change it.
pub(crate) async fn keep_sending(
    folder: Archive,
    lake: Arc<dyn Lake>,
    reporter: impl Fn() -> Option<Reporter>,
    metrics: Arc<Metrics>,
    announcer: Announcer,
    shutdown: CancellationToken,
) {
    let worker = format!("daemon-{}-{}", std::process::id(), now());
    let (books, planned, proven, told) = (None, None, None, None);
    let mut office = Daily { folder, lake, metrics, announcer, worker, books, planned, proven, told };
    let closing = async {
        shutdown.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::pin!(closing);
    while !shutdown.is_cancelled() {
        let turn = async {
            match reporter() {
                Some(reporter) => office.turn(reporter, &shutdown).await,
                None => LOOK,
            }
        };
        let pause = tokio::select! {
            pause = turn => pause,
            () = &mut closing => break,
        };
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    if let Some((ledger, _)) = office.books {
        ledger.close().await;
    }
}

/// What is known from one turn to the next.
struct Daily {
    /// Where the books are.
    folder: Archive,
    /// Where the rows are.
    lake: Arc<dyn Lake>,
    /// What is counted.
    metrics: Arc<Metrics>,
    /// Who is told of what was sent.
    announcer: Announcer,
    /// What this process is called.
    worker: String,
    /// The books, once they are open.
    books: Option<(Ledger, Vault)>,
    /// The last day that was planned.
    planned: Option<Date>,
    /// When it was last proven that our reports pass DMARC.
    proven: Option<Instant>,
    /// The trouble that was told last.
    told: Option<String>,
}

impl Daily {
    /// Does what is to be done; returns how long to wait.
    async fn turn(&mut self, reporter: Reporter, shutdown: &CancellationToken) -> Duration {
        match self.try_turn(reporter, shutdown).await {
            Ok(()) => {
                if self.told.take().is_some() {
                    info!("reports are sent again");
                }
                LOOK
            }
            Err(why) => {
                let said = format!("{why:#}");
                if self.told.as_ref() != Some(&said) {
                    error!(error = said, "no reports can be sent; it is tried again");
                    self.told = Some(said);
                }
                AGAIN
            }
        }
    }

    /// Proves, plans and works.
    async fn try_turn(&mut self, reporter: Reporter, shutdown: &CancellationToken) -> anyhow::Result<()> {
        if self.proven.is_none_or(|at| at.elapsed() >= PROOF) {
            self.proven = None;
            let proven = reporter.prove(Timestamp::now()).await?;
            if proven.spf.is_some_and(|spf| spf != sekisho_mail::verdict::SpfResult::Pass) {
                warn!("SPF does not name the relay: reports pass DMARC by their signature alone");
            }
            self.proven = Some(Instant::now());
        }
        let (ledger, vault) = match &self.books {
            Some((ledger, vault)) => (ledger.clone(), vault.clone()),
            None => {
                let (ledger, vault) = (self.folder.ledger().await?, self.folder.vault().await?);
                self.books.insert((ledger, vault)).clone()
            }
        };
        let (lake, worker, metrics) = (Arc::clone(&self.lake), self.worker.clone(), Some(Arc::clone(&self.metrics)));
        let (announcer, clock) = (self.announcer.clone(), Arc::new(now));
        let sender = Sender { ledger, vault, lake, reporter, worker, metrics, announcer, clock };
        let day = last_day(Timestamp::now());
        if self.planned != Some(day) {
            // Whoever was away for a day catches up; what was planned before is known.
            for day in [day.saturating_sub(1.day()), day] {
                let new = sender.plan(day, None).await?;
                info!(day = %day, reports = new, "planned the reports of a day");
            }
            self.planned = Some(day);
        }
        while !shutdown.is_cancelled() && sender.work(&mut Tally::default()).await? {}
        Ok(())
    }
}

/// Returns the last day that is over, and for long enough.
pub(super) fn last_day(now: Timestamp) -> Date {
    let settled = now.checked_sub(OVER).unwrap_or(now);
    settled.to_zoned(TimeZone::UTC).date().saturating_sub(1.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_reported_on_when_it_is_over_for_an_hour() {
        let day = |now: &str| last_day(now.parse().unwrap()).to_string();
        assert_eq!(day("2026-11-22T00:59:59Z"), "2026-11-20");
        assert_eq!(day("2026-11-22T01:00:00Z"), "2026-11-21");
        assert_eq!(day("2026-11-22T23:59:59Z"), "2026-11-21");
    }
}
