//! Upkeep: sealed segments become files, small files one, old days go
//!
//! Each step can be ended anywhere and done again: a file has the name of its segment and is put whole; the segment goes
//! last; a compacted file replaces others the moment it is there ([`crate::shelf`]), and those go when no query that began
//! with them can still run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::{Array, BooleanArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::kernels::cmp::not_distinct;
use datafusion::arrow::compute::{
    SortColumn, SortOptions, and, concat_batches, filter_record_batch, lexsort_to_indices, not, take_record_batch,
};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, ScalarValue};
use futures_util::TryStreamExt;
use object_store::{ObjectStoreExt, PutMode, PutOptions, PutPayload};
use sekisho_core::event::Event;
use tokio::sync::oneshot;

use crate::ask::Engine;
use crate::columns::{self, NoRows};
use crate::kind::Kind;
use crate::log::{self, Log};
use crate::settings::Retention;
use crate::shelf::{self, Shelf, ShelfError, Shelved};
use crate::snapshot::{Opened, Soundness};
use crate::table::EventTable;
use crate::{days, now};

/// How many files become one at a time: each is open while it is read.
const AT_ONCE: usize = 64;
/// How many Events become rows at a time when a segment is settled.
const IN_ROWS: usize = 1_024;
/// What stands before the name of a file among the things it holds, where that file forgot something.
const FORGOT: &str = "forgot-";
/// How old a claim is when whoever made it is taken for dead, in microseconds.
const STALE: i64 = 3_600_000_000;

/// What settling did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// How many segments became files.
    pub segments: usize,
    /// How many Events they had.
    pub events: usize,
    /// How many files were written.
    pub files: usize,
    /// How long they are together.
    pub octets: u64,
    /// Segments that stay because a newer build wrote what this one does not know.
    pub newer: Vec<String>,
    /// Segments in which the disk had changed something: the rest is in files, and they are kept as `.damaged`.
    pub damaged: Vec<String>,
}

/// Makes files of every sealed segment. One that cannot be read stays, and does not keep the others from being settled.
pub(crate) async fn settle(log: &Log, shelf: &Shelf) -> Result<Settled, SettleError> {
    let mut settled = Settled::default();
    let mut unreadable = None;
    for id in log.sealed()? {
        match settle_one(&id, log, shelf, &mut settled).await {
            Ok(()) => {}
            Err(SettleError::Segments(error)) => unreadable = unreadable.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    match unreadable {
        Some(error) => Err(error.into()),
        None => Ok(settled),
    }
}

/// Makes files of one segment, and removes it.
async fn settle_one(id: &str, log: &Log, shelf: &Shelf, settled: &mut Settled) -> Result<(), SettleError> {
    let segment = Opened::open(log.folder(), id)?;
    if let Some((sound, files)) = apart(move || files_of(&segment)).await?? {
        if sound.unknown > 0 || sound.header.generation > columns::generation() {
            settled.newer.push(id.to_owned());
            return Ok(());
        }
        for file in files {
            settled.events += file.events;
            settled.octets += file.octets.len() as u64;
            settled.files += 1;
            shelf.put(file.kind, file.day, id, file.octets).await?;
        }
        if sound.damaged > 0 {
            settled.damaged.push(id.to_owned());
            log.put_aside(id)?;
            return Ok(());
        }
    }
    log.remove(id)?;
    settled.segments += 1;
    Ok(())
}

/// Runs work on a thread of its own: what it allocated goes back with it, where a thread that idles would keep some of it.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> std::io::Result<T> {
    let (told, heard) = oneshot::channel();
    std::thread::Builder::new().name("settle".to_owned()).spawn(move || told.send(work()))?;
    heard.await.map_err(|_| std::io::Error::other("the thread that settles ended before its time"))
}

/// A file that a segment becomes.
struct File {
    /// Of which Events.
    kind: Kind,
    /// Of which day.
    day: i32,
    /// How many there are, those included that are there twice.
    events: usize,
    /// What it holds.
    octets: Vec<u8>,
}

/// Returns the files that a segment becomes. Events are made rows a few at a time: so they take a third of the memory.
fn files_of(segment: &Opened) -> Result<Option<(Soundness, Vec<File>)>, SettleError> {
    let mut gathered: BTreeMap<(Kind, i32), Gathered> = BTreeMap::new();
    let sound = segment.tell(None, |header, event| {
        let (kind, day) = (Kind::of(&event), days::day_of(event.at(), header.created));
        gathered.entry((kind, day)).or_default().push(kind, event)
    })?;
    let Some(sound) = sound else { return Ok(None) };
    let mut files = Vec::new();
    for ((kind, day), gathered) in gathered {
        let (events, rows) = gathered.settle(kind)?;
        files.push(File { kind, day, events, octets: shelf::whole(kind, &segment.id, &rows)? });
    }
    Ok(Some((sound, files)))
}

/// Events of one kind and day while they are read.
#[derive(Default)]
struct Gathered {
    /// Those that are not yet rows.
    events: Vec<Event>,
    /// Those that are.
    rows: Vec<RecordBatch>,
}

impl Gathered {
    /// Takes one more.
    fn push(&mut self, kind: Kind, event: Event) -> Result<(), SettleError> {
        self.events.push(event);
        if self.events.len() == IN_ROWS { self.make_rows(kind) } else { Ok(()) }
    }

    /// Makes rows of those that are none yet.
    fn make_rows(&mut self, kind: Kind) -> Result<(), SettleError> {
        let events: Vec<&Event> = self.events.iter().collect();
        self.rows.push(columns::rows(kind, &events)?);
        self.events.clear();
        Ok(())
    }

    /// Returns how many there are, and their rows, each once, in the order of the files.
    fn settle(mut self, kind: Kind) -> Result<(usize, RecordBatch), SettleError> {
        self.make_rows(kind)?;
        let rows = concat_batches(&columns::of(kind), &self.rows)?;
        drop(self);
        let sorted = sorted(kind, &rows)?;
        let events = rows.num_rows();
        drop(rows);
        Ok((events, once(kind, &sorted, None)?))
    }
}

/// Returns rows in the order of the files.
pub(crate) fn sorted(kind: Kind, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let options = Some(SortOptions { descending: false, nulls_first: true });
    let mut order = Vec::new();
    for name in kind.order() {
        let values = Arc::clone(rows.column(rows.schema().index_of(name)?));
        order.push(SortColumn { values, options });
    }
    take_record_batch(rows, &lexsort_to_indices(&order, None)?)
}

/// Returns sorted rows without those whose key is that of the row before; `last` is the row before the first.
fn once(kind: Kind, rows: &RecordBatch, last: Option<&RecordBatch>) -> Result<RecordBatch, ArrowError> {
    if rows.num_rows() == 0 {
        return Ok(rows.clone());
    }
    let mut same: Option<BooleanArray> = None;
    for name in kind.key() {
        let column = rows.column(rows.schema().index_of(name)?);
        let (before, after) = (column.slice(0, rows.num_rows() - 1), column.slice(1, rows.num_rows() - 1));
        let mut equal = vec![match last {
            Some(last) => not_distinct(last.column(rows.schema().index_of(name)?), &column.slice(0, 1))?.value(0),
            None => false,
        }];
        equal.extend(not_distinct(&before, &after)?.values());
        let equal = BooleanArray::from(equal);
        same = Some(match same {
            Some(same) => and(&same, &equal)?,
            None => equal,
        });
    }
    match same {
        Some(same) => filter_record_batch(rows, &not(&same)?),
        None => Ok(rows.clone()),
    }
}

/// What compacting did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// How many files were written.
    pub written: usize,
    /// How many files they replace.
    pub replaced: usize,
    /// How many rows were left out because their Event was there already.
    pub repeated: usize,
    /// How many files that no longer counted were deleted.
    pub deleted: usize,
}

/// What compacting needs.
pub(crate) struct Compactor<'a> {
    /// The segments.
    pub(crate) log: &'a Log,
    /// The files.
    pub(crate) shelf: &'a Arc<Shelf>,
    /// The engine, which merges.
    pub(crate) engine: &'a Engine,
    /// Files that are longer stay as they are.
    pub(crate) longest: u64,
    /// How long replaced files stay, in microseconds.
    pub(crate) grace: i64,
    /// Who claims days.
    pub(crate) node: &'a str,
}

impl Compactor<'_> {
    /// Makes one file of the small ones of each day, and deletes what was replaced long enough ago.
    pub(crate) async fn compact(&self) -> Result<Compacted, SettleError> {
        let mut done = Compacted::default();
        for kind in Kind::ALL {
            let listing = self.shelf.list(kind).await?;
            for (file, replaced_at) in listing.replaced {
                if now().saturating_sub(replaced_at) >= self.grace {
                    delete(self.shelf, &file).await?;
                    done.deleted += 1;
                }
            }
            // A file whose segment is still there may be written again, so it stays out of what is compacted.
            let unsettled: BTreeSet<String> = log::ids(self.log.folder())?.into_iter().collect();
            let mut days: BTreeMap<i32, Vec<Shelved>> = BTreeMap::new();
            for file in listing.live {
                if file.octets <= self.longest && !unsettled.contains(&file.name) {
                    days.entry(file.day).or_default().push(file);
                }
            }
            for (day, mut files) in days {
                files.sort_by_key(|file| file.octets);
                for files in groups(files, self.longest) {
                    self.claimed(kind, day, files, &[], &mut done).await?;
                }
            }
        }
        Ok(done)
    }

    /// Forgets the mails that some domains, or those below them, received before a day. Files that have such mails are written
    /// again without them; what they replace goes like other replaced files.
    pub(crate) async fn forget(&self, domains: &[String], before: i32) -> Result<Compacted, SettleError> {
        let mut done = Compacted::default();
        let files = self.shelf.list(Kind::Mail).await?.live;
        for file in files.into_iter().filter(|file| file.day < before) {
            if self.has_mails_of(&file, domains).await? {
                self.claimed(Kind::Mail, file.day, vec![file], domains, &mut done).await?;
            }
        }
        Ok(done)
    }

    /// Tells whether a file has mails that some domains received.
    async fn has_mails_of(&self, file: &Shelved, domains: &[String]) -> Result<bool, SettleError> {
        let table = EventTable::of_files(Kind::Mail, vec![file.clone()], Arc::clone(self.shelf));
        let context = self.engine.context(vec![(Kind::Mail, table)])?;
        let sql = "SELECT 1 FROM mail WHERE any_within(recipient_domains, $1) LIMIT 1";
        let asked = context.sql(sql).await?.with_param_values(vec![listed(domains)])?;
        Ok(asked.collect().await?.iter().any(|rows| rows.num_rows() > 0))
    }

    /// Makes one file of several while no other node does, without what some domains received.
    async fn claimed(
        &self,
        kind: Kind,
        day: i32,
        files: Vec<Shelved>,
        without: &[String],
        done: &mut Compacted,
    ) -> Result<(), SettleError> {
        let claim = object_store::path::Path::from(format!("{}/day={}/claim", kind.name(), days::written(day)));
        if !self.claim(&claim).await? {
            return Ok(());
        }
        let merged = self.merge(kind, day, files, without, done).await;
        self.shelf.store().delete(&claim).await.map_err(ShelfError::from)?;
        merged
    }

    /// Claims a day; `false` where somebody else has. A claim of our own is left from before a crash: one process writes.
    async fn claim(&self, claim: &object_store::path::Path) -> Result<bool, SettleError> {
        let store = self.shelf.store();
        let create = PutOptions::from(PutMode::Create);
        match store.put_opts(claim, PutPayload::from(self.node.as_bytes().to_vec()), create).await {
            Ok(_) => return Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => {}
            Err(error) => return Err(ShelfError::from(error).into()),
        }
        let held = match store.get(claim).await {
            Ok(held) => held,
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(ShelfError::from(error).into()),
        };
        let made = held.meta.last_modified.timestamp_micros();
        let by = held.bytes().await.map_err(ShelfError::from)?;
        if by == self.node.as_bytes() {
            return Ok(true);
        }
        if now().saturating_sub(made) > STALE {
            store.delete(claim).await.map_err(ShelfError::from)?;
        }
        Ok(false)
    }

    /// Makes one file of several, in order, each Event once, without what some domains received.
    async fn merge(
        &self,
        kind: Kind,
        day: i32,
        files: Vec<Shelved>,
        without: &[String],
        done: &mut Compacted,
    ) -> Result<(), SettleError> {
        let mut holds = BTreeSet::new();
        for file in &files {
            holds.extend(self.shelf.holds(file).await?.iter().cloned());
        }
        let name = shelf::compacted_name(now())?;
        if !without.is_empty() {
            // Of two files that hold the same the earlier counts: this one holds one thing more, that it forgot.
            holds.insert(format!("{FORGOT}{name}"));
        }
        let count = files.len();
        let mut rows = self.in_order(kind, files, without).await?;
        let mut file = self.shelf.begin(kind, day, &name, &holds)?;
        let mut last: Option<RecordBatch> = None;
        let merged: Result<(), SettleError> = async {
            while let Some(batch) = rows.try_next().await? {
                let fresh = once(kind, &batch, last.as_ref())?;
                done.repeated += batch.num_rows() - fresh.num_rows();
                // A copy of one row: a slice would keep the whole batch in memory.
                if batch.num_rows() > 0 {
                    let end = u32::try_from(batch.num_rows() - 1)
                        .map_err(|_| ArrowError::OffsetOverflowError(batch.num_rows()))?;
                    last = Some(take_record_batch(&batch, &UInt32Array::from(vec![end]))?);
                }
                file.write(&fresh).await?;
            }
            Ok(())
        }
        .await;
        if let Err(error) = merged {
            file.abort().await?;
            return Err(error);
        }
        file.finish().await?;
        done.written += 1;
        done.replaced += count;
        Ok(())
    }

    /// Returns the rows of several files in order, without what some domains received.
    async fn in_order(
        &self,
        kind: Kind,
        files: Vec<Shelved>,
        without: &[String],
    ) -> Result<datafusion::execution::SendableRecordBatchStream, SettleError> {
        let table = EventTable::of_files(kind, files, Arc::clone(self.shelf));
        let context = self.engine.context(vec![(kind, table)])?;
        let columns: Vec<_> = columns::of(kind).fields().iter().map(|field| format!("\"{}\"", field.name())).collect();
        let order: Vec<_> = kind.order().iter().map(|name| format!("\"{name}\" NULLS FIRST")).collect();
        let (columns, order, name) = (columns.join(", "), order.join(", "), kind.name());
        if without.is_empty() {
            let sql = format!("SELECT {columns} FROM {name} ORDER BY {order}");
            return Ok(context.sql(&sql).await?.execute_stream().await?);
        }
        // What nobody is known to have received is nobody's to be forgotten.
        let others = "coalesce(NOT any_within(recipient_domains, $1), true)";
        let sql = format!("SELECT {columns} FROM {name} WHERE {others} ORDER BY {order}");
        Ok(context.sql(&sql).await?.with_param_values(vec![listed(without)])?.execute_stream().await?)
    }
}

/// Returns a list of texts as a value of a question.
fn listed(texts: &[String]) -> ScalarValue {
    let texts: Vec<ScalarValue> = texts.iter().map(|text| ScalarValue::Utf8(Some(text.clone()))).collect();
    ScalarValue::List(ScalarValue::new_list(&texts, &DataType::Utf8, true))
}

/// Returns the files of a day in groups that become one file each; the smallest come first.
fn groups(files: Vec<Shelved>, longest: u64) -> Vec<Vec<Shelved>> {
    let mut groups: Vec<Vec<Shelved>> = Vec::new();
    let (mut group, mut octets) = (Vec::new(), 0);
    for file in files {
        if group.len() == AT_ONCE || (octets + file.octets > longest && !group.is_empty()) {
            groups.push(std::mem::take(&mut group));
            octets = 0;
        }
        octets += file.octets;
        group.push(file);
    }
    groups.push(group);
    groups.retain(|group| group.len() > 1);
    groups
}

/// Deletes a file; one that is gone already is no error.
async fn delete(shelf: &Shelf, file: &Shelved) -> Result<(), ShelfError> {
    match shelf.store().delete(&file.path).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What was removed because it is old.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// How many files.
    pub files: usize,
    /// How long they were together.
    pub octets: u64,
}

/// Removes the days that are older than their kind is kept.
pub(crate) async fn retain(shelf: &Shelf, retention: &Retention, now: i64) -> Result<Retained, ShelfError> {
    let mut gone = Retained::default();
    for (kind, keep) in retention {
        let first = days::today(now).saturating_sub(i32::try_from(*keep).unwrap_or(i32::MAX));
        for file in shelf.all(*kind).await? {
            if file.day < first {
                delete(shelf, &file).await?;
                gone.files += 1;
                gone.octets += file.octets;
            }
        }
    }
    Ok(gone)
}

/// Why segments did not become files, or files not one. Nothing is lost: it can be done again.
#[derive(Debug)]
#[non_exhaustive]
pub enum SettleError {
    /// The segments cannot be read or removed.
    Segments(std::io::Error),
    /// The files cannot be read or written.
    Shelf(ShelfError),
    /// Events cannot become rows.
    Rows(NoRows),
    /// Rows cannot be sorted or merged.
    Merge(DataFusionError),
    /// This lake was opened for reading.
    ReadOnly,
}

impl From<std::io::Error> for SettleError {
    fn from(error: std::io::Error) -> Self {
        Self::Segments(error)
    }
}

impl From<ShelfError> for SettleError {
    fn from(error: ShelfError) -> Self {
        Self::Shelf(error)
    }
}

impl From<NoRows> for SettleError {
    fn from(error: NoRows) -> Self {
        Self::Rows(error)
    }
}

impl From<ArrowError> for SettleError {
    fn from(error: ArrowError) -> Self {
        Self::Merge(error.into())
    }
}

impl From<DataFusionError> for SettleError {
    fn from(error: DataFusionError) -> Self {
        Self::Merge(error)
    }
}

impl std::fmt::Display for SettleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Segments(_) => "the segments of the lake cannot be read or removed",
            Self::Shelf(_) => "the files of the lake cannot be read or written",
            Self::Rows(_) => "events cannot become rows",
            Self::Merge(_) => "rows cannot be sorted or merged",
            Self::ReadOnly => "the lake is open for reading only",
        })
    }
}

impl std::error::Error for SettleError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Segments(error) => Some(error),
            Self::Shelf(error) => Some(error),
            Self::Rows(error) => Some(error),
            Self::Merge(error) => Some(error),
            Self::ReadOnly => None,
        }
    }
}
