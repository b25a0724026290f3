//! What schedulers and executors share: threads, signals, log lines, and why they could not be

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ballista_core::error::BallistaError;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

/// Returns the threads of a scheduler or an executor, whose log lines go where ours go.
pub(crate) fn runtime() -> Result<Runtime, ClusterError> {
    // Only the first one of a process decides where log lines go; a test may call twice.
    if log::set_logger(&LINES).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
    Builder::new_multi_thread().thread_name("cluster").enable_all().build().map_err(ClusterError::Runtime)
}

/// Waits until the process is told to stop.
pub(crate) async fn told_to_stop() -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Where Ballista's log lines go.
static LINES: Lines = Lines(Mutex::new(BTreeMap::new()));
/// How long a line that was said is not said again. While its scheduler is away, an executor complains twenty times a second.
const QUIET: Duration = Duration::from_secs(10);

/// Hands Ballista's log lines on: failures as what they are, and what it does step by step for whoever debugs. Keeps when
/// which place in the source last spoke.
struct Lines(Mutex<BTreeMap<Place, Instant>>);

/// A place in the source.
type Place = (Option<&'static str>, Option<u32>);

impl Lines {
    /// Returns whether a place has spoken just now, and notes that it wants to.
    fn repeats(&self, place: Place) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if last.get(&place).is_some_and(|then| now.duration_since(*then) < QUIET) {
            return true;
        }
        last.insert(place, now);
        false
    }
}

impl log::Log for Lines {
    fn enabled(&self, about: &log::Metadata<'_>) -> bool {
        about.target().starts_with("ballista")
    }

    fn log(&self, record: &log::Record<'_>) {
        let place = (record.file_static(), record.line());
        if !self.enabled(record.metadata()) || record.level() == log::Level::Warn && self.repeats(place) {
            return;
        }
        match record.level() {
            log::Level::Error => tracing::error!(part = record.target(), "{}", record.args()),
            log::Level::Warn => tracing::warn!(part = record.target(), "{}", record.args()),
            _ => tracing::debug!(part = record.target(), "{}", record.args()),
        }
    }

    fn flush(&self) {}
}

/// Why there is no cluster, or no part of one.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClusterError {
    /// This is no address of a scheduler.
    Address(String),
    /// This address cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// What is computed cannot be kept in this folder.
    Work(PathBuf, io::Error),
    /// The system has no threads or signals.
    Runtime(io::Error),
    /// The engine cannot be set up.
    Engine(datafusion::common::DataFusionError),
    /// Ballista failed.
    Ballista(BallistaError),
}

impl From<BallistaError> for ClusterError {
    fn from(error: BallistaError) -> Self {
        Self::Ballista(error)
    }
}

impl From<datafusion::common::DataFusionError> for ClusterError {
    fn from(error: datafusion::common::DataFusionError) -> Self {
        Self::Engine(error)
    }
}

impl std::fmt::Display for ClusterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => write!(f, "`{address}` is no address of a cluster, such as `df://host:50050`"),
            Self::Listen(address, _) => write!(f, "`{address}` cannot be listened on"),
            Self::Work(path, _) => write!(f, "the folder `{}` cannot be used", path.display()),
            Self::Runtime(_) => f.write_str("the system has no threads or signals"),
            Self::Engine(_) => f.write_str("the engine of the cluster cannot be set up"),
            Self::Ballista(_) => f.write_str("the cluster's engine failed"),
        }
    }
}

impl std::error::Error for ClusterError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen(_, error) | Self::Work(_, error) | Self::Runtime(error) => Some(error),
            Self::Engine(error) => Some(error),
            Self::Ballista(error) => Some(error),
            Self::Address(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_repeats_itself_is_heard_once() {
        let lines = Lines(Mutex::default());
        assert!(!lines.repeats((Some("a.rs"), Some(1))));
        assert!(lines.repeats((Some("a.rs"), Some(1))));
        assert!(!lines.repeats((Some("a.rs"), Some(2))));
    }
}
