//! A sample day: everything that can be looked at, in a folder of its own beside what is real
//!
//! Small mails ([`streams`], [`mails`]) are judged by our own judges over a DNS of their own, and repeated over the last 24 hours
//! ([`day`]); reports about them come in by the same door as any other ([`reports`]). Nothing of it is in the real books: whoever
//! removes the folder has removed it.

mod day;
mod mails;
mod reports;
mod streams;
#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use jiff::Timestamp;
use sekisho_ask::Source;
use sekisho_core::event::Event;
use sekisho_core::zone::Zone;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, dispatcher, info};

use self::day::Day;
use crate::config::Config;
use crate::fault::{Fault, shown};
use crate::gate::Rehearsal;
use crate::lake::{Lake, LakePlace, OpenLake};
use crate::reports::Examiner;
use crate::store::DataFolder;

/// Where it is below the data folder.
const FOLDER: &str = "sample";
/// Where it is while it is made.
const DRAFT: &str = "sample.draft";
/// Where it is while it is removed.
const GONE: &str = "sample.gone";
/// Held by whoever makes it or removes it.
const LOCK: &str = "sample.lock";
/// The node that its mails name.
const NODE: &str = "sample";
/// How many Events are kept at a time.
const BATCH: usize = 2048;

/// The sample day of a data folder.
pub(crate) struct Sample;

impl Sample {
    /// Returns the folder that has it, or would have it.
    pub(crate) fn folder(of: &DataFolder) -> DataFolder {
        of.below(FOLDER)
    }

    /// Returns whether it is there.
    pub(crate) fn is_there(of: &DataFolder) -> bool {
        Sample::folder(of).path().is_dir()
    }

    /// Makes it, of the 24 hours before `now`, unless it is there. It is there whole or not at all. The log has a line about it, and
    /// none of what is made up in it: nobody could tell that from what is real.
    pub(crate) async fn make(of: &DataFolder, open: OpenLake, now: Timestamp) -> Result<(), Fault> {
        let fault = |why: anyhow::Error| {
            let why = why.downcast::<Fault>().unwrap_or_else(|why| Fault::quote(format!("{why:#}")));
            Fault::new("fault-sample", [("path", shown(of.path()))]).because(why)
        };
        let _lock = lock(of.path()).map_err(|why| fault(Fault::system(&why).into()))?;
        if Sample::is_there(of) {
            return Ok(());
        }
        let draft = of.below(DRAFT);
        let made = async {
            remove(draft.path())?;
            DirBuilder::new().recursive(true).mode(0o700).create(draft.path())?;
            fill(&draft, open, now).await?;
            put(draft.path(), Sample::folder(of).path())?;
            anyhow::Ok(())
        };
        let made = made.with_subscriber(NoSubscriber::default()).await.map_err(fault);
        match &made {
            Ok(()) => info!("made the sample day"),
            // What cannot be removed now is removed before the next one is made.
            Err(_) => remove(draft.path()).unwrap_or_default(),
        }
        made
    }

    /// Removes it, and what is left of one that was never finished.
    pub(crate) fn remove(of: &DataFolder) -> Result<(), Fault> {
        let gone = of.below(GONE);
        let removed = lock(of.path()).and_then(|_lock| {
            remove(gone.path())?;
            match put(Sample::folder(of).path(), gone.path()) {
                Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
                _ => remove(gone.path())?,
            }
            remove(of.below(DRAFT).path())
        });
        removed.map_err(|why| Fault::io("fault-sample-remove", of.path(), &why))
    }

    /// Returns its DNS.
    pub(crate) fn zone() -> Zone {
        let mut zone = Zone::parse(include_str!("../data/sample.zone")).expect("the zone is ours, and a test reads it");
        for (domain, selector) in mails::published() {
            let record = mails::key(domain, selector).record();
            let line = format!("{selector}._domainkey.{domain} TXT \"{record}\"");
            zone.parse_line(&line).expect("names and keys are ours, and a test reads them");
        }
        zone
    }

    /// Returns the configuration of the house of the sample.
    pub(crate) fn config() -> Config {
        Config::built_in(include_str!("../data/sample.toml")).expect("the configuration is ours, and a test reads it")
    }

    /// Returns who judges in the house of the sample.
    fn examiner(config: &Config) -> Examiner {
        let source = Source::Zone(Sample::zone());
        Examiner { source, policy: Arc::new(config.policy()), timeout: config.dns.timeout }
    }
}

/// Fills a folder with the books of the day.
async fn fill(folder: &DataFolder, open: OpenLake, now: Timestamp) -> anyhow::Result<()> {
    let config = Sample::config();
    let examiner = Sample::examiner(&config);
    let rehearsal = Rehearsal::new(&config, examiner.clone(), NODE, folder.secret()?);
    let day = Day::judge(&rehearsal, now).await?;
    let (place, events) = (folder.lake_place(), day.events(now));
    let lake = aside(move || keep(&place, open, &events)).await??;
    let (ledger, vault) = (folder.ledger().await?, folder.vault().await?);
    let office = reports::Office { config: &config, examiner, ledger: &ledger, vault: &vault, lake: &lake, now };
    let reported = office.report(&day).await;
    // Nobody has the books open when the folder gets its name.
    ledger.close().await;
    reported?;
    Ok(aside(move || lake.settle_all()).await??)
}

/// Opens the lake and keeps Events in it.
fn keep(place: &LakePlace, open: OpenLake, events: &[Event]) -> anyhow::Result<Arc<dyn Lake>> {
    let lake = (open.write)(place)?;
    events.chunks(BATCH).try_for_each(|batch| lake.append(batch))?;
    Ok(lake)
}

/// Does what waits for a disk where nobody waits for it, with the same log or none.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    let log = dispatcher::get_default(Dispatch::clone);
    let work = move || dispatcher::with_default(&log, work);
    tokio::task::spawn_blocking(work).await.context("the work was broken off")
}

/// Takes the lock of whoever makes or removes it.
fn lock(folder: &Path) -> io::Result<File> {
    let lock = File::create(folder.join(LOCK))?;
    lock.try_lock()?;
    Ok(lock)
}

/// Gives a folder another name, for good.
fn put(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    to.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// Removes a folder, where it is there.
fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}
