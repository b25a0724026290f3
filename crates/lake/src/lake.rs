//! The lake: opening it, and what can be done with it
//!
//! ```text
//! lake/lock            held by the one process that writes
//! lake/node            who that is, for claims in a shared store
//! lake/segments/       write-ahead segments
//! lake/events/         Parquet files, unless they lie elsewhere
//! lake/spill/          what queries put aside
//! ```

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::prelude::SessionContext;
use jiff::civil::Date;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use sekisho_core::event::Event;
use sekisho_core::written::Written;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

use crate::afar::SettledTable;
use crate::ask::{AskError, Engine, Rows};
use crate::kind::Kind;
use crate::log::{AppendError, Log};
use crate::settings::{Place, Retention, Settings};
use crate::shelf::{Shelf, ShelfError};
use crate::snapshot::Snapshot;
use crate::table::EventTable;
use crate::upkeep::{self, Compacted, Compactor, Retained, SettleError, Settled};
use crate::{Damage, columns, days, log, now, random, snapshot};

/// The folder of the files.
pub(crate) const EVENTS: &str = "events";

/// How much stack a thread may use: a chain of terms is deep as a tree, and the longest query must fit. Only what is used
/// takes memory.
const STACK: usize = 128 << 20;

/// A lake. Whoever shares it among threads puts it into an `Arc`.
#[derive(Debug)]
pub struct Lake {
    /// What the tasks on the lake's threads share with it.
    inner: Arc<Inner>,
    /// The threads that ask and compact: never those of the listeners. There until the lake is dropped.
    threads: Option<Runtime>,
    /// The thread that settles, where this process writes.
    settler: Option<Runtime>,
}

/// The parts of a lake.
#[derive(Debug)]
struct Inner {
    /// How it is kept.
    settings: Settings,
    /// Where its segments lie.
    segments: PathBuf,
    /// The segments, where this process writes.
    writer: Option<Writer>,
    /// The files.
    shelf: Arc<Shelf>,
    /// The engine.
    engine: Engine,
}

/// What only the one process has that writes.
#[derive(Debug)]
struct Writer {
    /// The segments.
    log: Log,
    /// Who this is.
    node: String,
    /// Held while segments become files.
    settling: Mutex<()>,
    /// Held while files become one, or go.
    compacting: Mutex<()>,
    /// The lock, which ends with the process.
    _lock: File,
}

/// What opening a lake found.
#[derive(Debug)]
pub struct Opened {
    /// The lake.
    pub lake: Lake,
    /// What a crash or the disk had done to its segments.
    pub damages: Vec<Damage>,
}

impl Lake {
    /// Opens the lake in a folder for writing, creating it if need be.
    pub fn open(root: &Path, settings: Settings) -> Result<Opened, OpenError> {
        fs::create_dir_all(root)?;
        let lock = lock(&root.join("lock"))?;
        let segments = root.join("segments");
        let (log, damages) = Log::open(segments, settings.segment_octets, settings.segment_age)?;
        let spill = root.join("spill");
        if spill.exists() {
            fs::remove_dir_all(&spill)?;
        }
        let node = node(&root.join("node"))?;
        if matches!(settings.place, Place::Folder) {
            let events = root.join(EVENTS);
            fs::create_dir_all(&events)?;
            remove_unfinished(&events)?;
        }
        let writer = Writer { log, node, settling: Mutex::default(), compacting: Mutex::default(), _lock: lock };
        let lake = Self::assemble(root, settings, Some(writer), &spill)?;
        Ok(Opened { lake, damages })
    }

    /// Opens the lake in a folder for reading, perhaps beside the process that writes.
    pub fn open_to_read(root: &Path, settings: Settings) -> Result<Self, OpenError> {
        // Whoever shares a store may ask what others put there, and have nothing of their own.
        if matches!(settings.place, Place::Folder) && !root.join("segments").is_dir() {
            return Err(OpenError::NoLake(root.into()));
        }
        // The writer removes `spill` when it is opened: readers put aside elsewhere.
        let spill = std::env::temp_dir();
        Self::assemble(root, settings, None, &spill)
    }

    /// Puts the parts together.
    fn assemble(root: &Path, settings: Settings, writer: Option<Writer>, spill: &Path) -> Result<Self, OpenError> {
        let store: Arc<dyn ObjectStore> = match &settings.place {
            Place::Store(store) => Arc::clone(store),
            Place::Folder => {
                let folder = LocalFileSystem::new_with_prefix(root.join(EVENTS)).map_err(ShelfError::from)?;
                Arc::new(folder.with_fsync(true))
            }
        };
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(settings.threads.max(1))
            .thread_name("lake")
            .thread_stack_size(STACK)
            .on_thread_start(settings.on_thread_start)
            // Time for limits; sockets for whoever asks a cluster, where this program has them.
            .enable_all()
            .build()?;
        let settler = writer.as_ref().map(|_| {
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("settler").enable_all().build()
        });
        let settler = settler.transpose()?;
        fs::create_dir_all(spill)?;
        let engine =
            Engine::new(&settings, spill, Arc::clone(&store), threads.handle().clone()).map_err(OpenError::Engine)?;
        let inner =
            Inner { segments: root.join("segments"), writer, shelf: Arc::new(Shelf::new(store)), engine, settings };
        Ok(Self { inner: Arc::new(inner), threads: Some(threads), settler })
    }

    /// Writes Events, and returns when they are acknowledged: they survive a crash and a loss of power. Blocks. Where it
    /// fails, none of them is in the lake; where a crash comes before it returns, a batch of more than 16 MB may be there
    /// in part.
    pub fn append(&self, events: &[Event]) -> Result<(), AppendError> {
        self.keep(&Written::of(events).map_err(AppendError::Unwritable)?)
    }

    /// The same for Events that are written already.
    pub fn keep(&self, events: &Written) -> Result<(), AppendError> {
        self.inner.writer.as_ref().ok_or(AppendError::ReadOnly)?.log.keep(events)
    }

    /// Writes Events of one kind and day straight into a file, past the segments: for many that come from elsewhere, in
    /// the order of the files (by author domain and moment for mails; see `docs/lake.md`). They are there when it returns,
    /// all or none. Returns how long the file is.
    pub async fn load(
        &self,
        kind: Kind,
        day: Date,
        events: impl IntoIterator<Item = Vec<Event>>,
    ) -> Result<u64, SettleError> {
        self.inner.writer()?;
        let name = format!("{:012x}-{:016x}", u64::try_from(now() / 1_000).unwrap_or(0), random()?);
        let day = days::read(&day.to_string()).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let mut file = self.inner.shelf.begin(kind, day, &name, &BTreeSet::from([name.clone()]))?;
        for batch in events {
            let batch: Vec<&Event> = batch.iter().collect();
            file.write(&columns::rows(kind, &batch)?).await?;
        }
        Ok(file.finish().await?)
    }

    /// Makes files of every sealed segment.
    pub async fn settle(&self) -> Result<Settled, SettleError> {
        let inner = Arc::clone(&self.inner);
        let settled = on(&self.settler, async move {
            let writer = inner.writer()?;
            let _only = writer.settling.lock().await;
            upkeep::settle(&writer.log, &inner.shelf).await
        });
        settled.await
    }

    /// Seals the segment that is being written, whatever its age, and makes files of all.
    pub async fn settle_all(&self) -> Result<Settled, SettleError> {
        self.inner.writer()?.log.seal();
        self.settle().await
    }

    /// Makes one file of the small ones of each day, and deletes what was replaced long enough ago.
    pub async fn compact(&self) -> Result<Compacted, SettleError> {
        let inner = Arc::clone(&self.inner);
        self.run(async move {
            let writer = inner.writer()?;
            let _only = writer.compacting.lock().await;
            let compactor = inner.compactor(writer);
            compactor.compact().await
        })
        .await
    }

    /// Forgets the mails that some domains, or those below them, received more than so many days ago; `now` in microseconds since
    /// 1970. Returns how many files were written again without them.
    pub async fn forget(&self, domains: Vec<String>, days: u32, now: i64) -> Result<usize, SettleError> {
        let inner = Arc::clone(&self.inner);
        self.run(async move {
            let writer = inner.writer()?;
            let _only = writer.compacting.lock().await;
            let before = days::today(now).saturating_sub(i32::try_from(days).unwrap_or(i32::MAX));
            Ok(inner.compactor(writer).forget(&domains, before).await?.written)
        })
        .await
    }

    /// Removes the days that are older than their kind is kept; `now` in microseconds since 1970. A query that just then
    /// reads such a day fails.
    pub async fn retain(&self, retention: Retention, now: i64) -> Result<Retained, SettleError> {
        let inner = Arc::clone(&self.inner);
        self.run(async move {
            let writer = inner.writer()?;
            let _only = writer.compacting.lock().await;
            Ok(upkeep::retain(&inner.shelf, &retention, now).await?)
        })
        .await
    }

    /// Returns what there is: kinds, days, files, rows, octets.
    pub async fn tables(&self) -> Result<Vec<Table>, ShelfError> {
        let inner = Arc::clone(&self.inner);
        self.run(async move {
            let mut tables = Vec::new();
            for kind in Kind::ALL {
                tables.push(inner.table(kind).await?);
            }
            Ok(tables)
        })
        .await
    }

    /// Asks with SQL; the tables are those of [`Kind`]. Rows come as they are found.
    pub async fn ask(&self, sql: &str) -> Result<Rows, AskError> {
        self.ask_with(sql, Vec::new()).await
    }

    /// Asks with SQL in which `$1`, `$2`… stand for values.
    pub async fn ask_with(&self, sql: &str, values: Vec<ScalarValue>) -> Result<Rows, AskError> {
        let inner = &self.inner;
        let table = |kind| (kind, EventTable::new(kind, inner.segments.clone(), Arc::clone(&inner.shelf)));
        let context = inner.engine.context(Kind::ALL.into_iter().map(table).collect())?;
        inner.engine.ask(context, sql.to_owned(), values).await
    }

    /// Returns the settled Events of each kind, to be asked about afar.
    pub async fn settled(&self) -> Result<Vec<(Kind, SettledTable)>, ShelfError> {
        let inner = Arc::clone(&self.inner);
        self.run(async move {
            let mut tables = Vec::new();
            for kind in Kind::ALL {
                tables.push((kind, SettledTable::new(kind, &inner.shelf.list(kind).await?.live)));
            }
            Ok(tables)
        })
        .await
    }

    /// Returns how many Events are not yet settled.
    pub async fn unsettled(&self) -> Result<u64, ShelfError> {
        let inner = Arc::clone(&self.inner);
        self.run(async move { Ok(inner.unsettled()?) }).await
    }

    /// Asks with SQL in a context of the caller's, within the bounds of every other question.
    pub async fn ask_in(&self, context: SessionContext, sql: &str) -> Result<Rows, AskError> {
        self.inner.engine.ask(context, sql.to_owned(), Vec::new()).await
    }

    /// Runs work on the lake's threads; it goes on if nobody waits for it any longer.
    async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        on(&self.threads, work).await
    }
}

/// Runs work on threads that are there until the lake is dropped.
async fn on<T: Send + 'static>(threads: &Option<Runtime>, work: impl Future<Output = T> + Send + 'static) -> T {
    let threads = threads.as_ref().expect("there until the lake is dropped");
    match threads.spawn(work).await {
        Ok(done) => done,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

impl Drop for Lake {
    fn drop(&mut self) {
        // A runtime must not wait for its threads where a lake is dropped within another runtime.
        for threads in [self.threads.take(), self.settler.take()].into_iter().flatten() {
            threads.shutdown_background();
        }
    }
}

impl Inner {
    /// Returns what only a writer has.
    fn writer(&self) -> Result<&Writer, SettleError> {
        self.writer.as_ref().ok_or(SettleError::ReadOnly)
    }

    /// Returns who makes one file of several.
    fn compactor<'a>(&'a self, writer: &'a Writer) -> Compactor<'a> {
        Compactor {
            log: &writer.log,
            shelf: &self.shelf,
            engine: &self.engine,
            longest: self.settings.compact_octets,
            grace: i64::try_from(self.settings.grace.as_micros()).unwrap_or(i64::MAX),
            node: &writer.node,
        }
    }

    /// Returns how many Events are in segments.
    fn unsettled(&self) -> io::Result<u64> {
        let mut unsettled = 0;
        for id in log::ids(&self.segments)? {
            match snapshot::Opened::open(&self.segments, &id).and_then(|segment| segment.read(None)) {
                Ok(content) => unsettled += content.map_or(0, |content| content.events.len() as u64),
                // It was settled just now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(unsettled)
    }

    /// Returns what there is of a kind.
    async fn table(&self, kind: Kind) -> Result<Table, ShelfError> {
        let snapshot = Snapshot::take(kind, &self.segments, &self.shelf).await?;
        let mut table = Table {
            kind,
            first: None,
            last: None,
            days: 0,
            files: snapshot.files.len(),
            rows: self.shelf.rows(kind, &snapshot.files).await?,
            octets: 0,
            unsettled: 0,
        };
        let mut last = None;
        for file in &snapshot.files {
            table.octets += file.octets;
            table.days += usize::from(last.replace(file.day) != Some(file.day));
        }
        table.first = snapshot.files.first().map(|file| days::written(file.day));
        table.last = snapshot.files.last().map(|file| days::written(file.day));
        for segment in &snapshot.segments {
            let content = segment.read(Some(kind))?;
            table.unsettled += content.map_or(0, |content| content.events.len() as u64);
        }
        Ok(table)
    }
}

/// What there is of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The kind.
    pub kind: Kind,
    /// The first day that has a file.
    pub first: Option<String>,
    /// The last day that has a file.
    pub last: Option<String>,
    /// How many days have files.
    pub days: usize,
    /// How many files count.
    pub files: usize,
    /// How many rows they have.
    pub rows: u64,
    /// How long they are together.
    pub octets: u64,
    /// How many Events are still in segments.
    pub unsettled: u64,
}

/// Takes the lock of the one process that writes.
fn lock(path: &Path) -> Result<File, OpenError> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Taken(path.into())),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Returns who writes here, drawn once.
fn node(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Ok(node) if node.len() == 16 => Ok(node),
        Ok(_) => draw(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => draw(path),
        Err(error) => Err(error),
    }
}

/// Draws who writes here.
fn draw(path: &Path) -> io::Result<String> {
    let node = format!("{:016x}", random()?);
    fs::write(path, &node)?;
    Ok(node)
}

/// Removes files that a crash left half written beside their place.
fn remove_unfinished(events: &Path) -> io::Result<()> {
    for kind in Kind::ALL {
        let folder = events.join(kind.name());
        let days = match fs::read_dir(&folder) {
            Ok(days) => days,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for day in days {
            for file in fs::read_dir(day?.path())? {
                let file = file?;
                if file.file_name().to_str().is_some_and(|name| name.contains(".parquet#")) {
                    fs::remove_file(file.path())?;
                }
            }
        }
    }
    Ok(())
}

/// Why a lake cannot be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process writes to it.
    Taken(PathBuf),
    /// There is none.
    NoLake(PathBuf),
    /// The disk failed.
    Io(io::Error),
    /// The place of the files cannot be used.
    Shelf(ShelfError),
    /// The engine cannot be set up.
    Engine(datafusion::common::DataFusionError),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ShelfError> for OpenError {
    fn from(error: ShelfError) -> Self {
        Self::Shelf(error)
    }
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Taken(path) => {
                write!(f, "another process writes to this lake, and tidies it by itself: it holds `{}`", path.display())
            }
            Self::NoLake(path) => write!(f, "there is no lake in `{}`", path.display()),
            Self::Io(_) => f.write_str("the folder of the lake cannot be used"),
            Self::Shelf(_) => f.write_str("the place of the lake's files cannot be used"),
            Self::Engine(_) => f.write_str("the engine of the lake cannot be set up"),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Shelf(error) => Some(error),
            Self::Engine(error) => Some(error),
            Self::Taken(_) | Self::NoLake(_) => None,
        }
    }
}
