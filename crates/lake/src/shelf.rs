//! The shelf: Parquet files by kind and day, and which of them count
//!
//! `mail/day=2026-11-22/<segment>.parquet` is what a segment held for that day; `c-<id>.parquet` is what several files held,
//! compacted. The footer of a compacted file names every segment whose Events it has (`sekisho.holds`), so that one `put`
//! both adds it and takes away what it replaces: a file counts unless another one holds all that it holds. Files that no
//! longer count stay for a while, for the queries that began with them. A file never changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::arrow::array::RecordBatch;
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::{ArrowWriter, AsyncArrowWriter};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion};
use parquet::schema::types::ColumnPath;

use crate::days;
use crate::kind::Kind;
use crate::{columns, random};

/// The entry of a footer that names the segments whose Events the file has.
const HOLDS: &str = "sekisho.holds";
/// How many octets of the end of a file are read in the hope that its footer is in them.
const FOOTER: u64 = 64 << 10;
/// How many rows are in a group. Whoever asks for a few rows reads the dictionaries of their group: sorted rows of few have small ones.
const GROUP: usize = 64 << 10;

/// Parquet files by kind and day.
#[derive(Debug)]
pub(crate) struct Shelf {
    /// Where they lie.
    store: Arc<dyn ObjectStore>,
    /// What the footers of compacted files said: a name is never used twice.
    held: Mutex<HashMap<String, Arc<BTreeSet<String>>>>,
    /// How many rows the files of each kind have that were counted last.
    counted: Mutex<HashMap<(Kind, Path), u64>>,
}

/// A file.
#[derive(Clone, Debug)]
pub(crate) struct Shelved {
    /// Its day, in days since 1970.
    pub(crate) day: i32,
    /// Its name without the ending.
    pub(crate) name: String,
    /// Where it lies.
    pub(crate) path: Path,
    /// How long it is.
    pub(crate) octets: u64,
    /// When it was written, in microseconds since 1970.
    pub(crate) written: i64,
    /// What the store says of it.
    pub(crate) meta: object_store::ObjectMeta,
}

impl Shelved {
    /// Returns whether it was compacted from others.
    pub(crate) fn is_compacted(&self) -> bool {
        self.name.starts_with("c-")
    }
}

/// The files of a kind: those that count, and those that another one replaces.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The files that count, by day and name.
    pub(crate) live: Vec<Shelved>,
    /// The files that no longer count, and when what replaces them was written.
    pub(crate) replaced: Vec<(Shelved, i64)>,
}

impl Shelf {
    /// Returns the shelf in a store.
    pub(crate) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, held: Mutex::default(), counted: Mutex::default() }
    }

    /// Returns the store.
    pub(crate) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Returns every file of a kind, whether it counts or not.
    pub(crate) async fn all(&self, kind: Kind) -> object_store::Result<Vec<Shelved>> {
        let mut files: Vec<_> = self
            .store
            .list(Some(&Path::from(kind.name())))
            .try_filter_map(async |meta| Ok(shelved(kind, meta)))
            .try_collect()
            .await?;
        files.sort_unstable_by(|a, b| (a.day, &a.name).cmp(&(b.day, &b.name)));
        Ok(files)
    }

    /// Returns the files of a kind. Footers are read only where a day has a compacted file and others.
    pub(crate) async fn list(&self, kind: Kind) -> Result<Listing, ShelfError> {
        let mut days: BTreeMap<i32, Vec<Shelved>> = BTreeMap::new();
        for file in self.all(kind).await? {
            days.entry(file.day).or_default().push(file);
        }
        let mut listing = Listing::default();
        for files in days.into_values() {
            if files.len() > 1 && files.iter().any(Shelved::is_compacted) {
                self.weigh(files, &mut listing).await?;
            } else {
                listing.live.extend(files);
            }
        }
        Ok(listing)
    }

    /// Decides which files of one day count.
    async fn weigh(&self, files: Vec<Shelved>, listing: &mut Listing) -> Result<(), ShelfError> {
        let mut weighed = Vec::with_capacity(files.len());
        for file in files {
            // Whoever deleted the file after it was listed had first written one that replaces it.
            match self.holds(&file).await {
                Ok(holds) => weighed.push((file, holds)),
                Err(ShelfError::Store(object_store::Error::NotFound { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        for (at, (file, holds)) in weighed.iter().enumerate() {
            let by = weighed.iter().enumerate().find(|(other_at, (other, more))| {
                // Of two that hold the same, the earlier name counts.
                *other_at != at
                    && other.is_compacted()
                    && holds.is_subset(more)
                    && (holds.len() < more.len() || *other_at < at)
            });
            match by {
                Some((_, (other, _))) => listing.replaced.push((file.clone(), other.written)),
                None => listing.live.push(file.clone()),
            }
        }
        Ok(())
    }

    /// Returns the segments whose Events a file has.
    pub(crate) async fn holds(&self, file: &Shelved) -> Result<Arc<BTreeSet<String>>, ShelfError> {
        if !file.is_compacted() {
            return Ok(Arc::new(BTreeSet::from([file.name.clone()])));
        }
        if let Some(holds) = self.held.lock().unwrap_or_else(PoisonError::into_inner).get(&file.name) {
            return Ok(Arc::clone(holds));
        }
        let footer = self.footer(file).await?;
        let entries = footer.file_metadata().key_value_metadata().map_or(&[][..], Vec::as_slice);
        let value = entries.iter().find(|entry| entry.key == HOLDS).and_then(|entry| entry.value.as_deref());
        let value = value.ok_or_else(|| ShelfError::Footer(file.path.clone()))?;
        let holds: Arc<BTreeSet<String>> = Arc::new(value.split(',').map(str::to_owned).collect());
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(file.name.clone(), Arc::clone(&holds));
        Ok(holds)
    }

    /// Returns how many rows these files of a kind have together. A file never changes: each footer is read once.
    pub(crate) async fn rows(&self, kind: Kind, files: &[Shelved]) -> Result<u64, ShelfError> {
        let known = |file: &Shelved| self.counted().get(&(kind, file.path.clone())).copied();
        let mut counted = HashMap::with_capacity(files.len());
        for file in files {
            let rows = match known(file) {
                Some(rows) => rows,
                None => u64::try_from(self.footer(file).await?.file_metadata().num_rows()).unwrap_or(0),
            };
            counted.insert((kind, file.path.clone()), rows);
        }
        let all = counted.values().fold(0, |all, rows| u64::saturating_add(all, *rows));
        let mut remembered = self.counted();
        remembered.retain(|(other, _), _| *other != kind);
        remembered.extend(counted);
        Ok(all)
    }

    /// Returns what was counted.
    fn counted(&self) -> MutexGuard<'_, HashMap<(Kind, Path), u64>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the footer of a file.
    pub(crate) async fn footer(&self, file: &Shelved) -> Result<ParquetMetaData, ShelfError> {
        let mut wanted = FOOTER.min(file.octets);
        loop {
            let end = self.store.get_range(&file.path, file.octets - wanted..file.octets).await?;
            let mut reader = ParquetMetaDataReader::new();
            match reader.try_parse_sized(&end, file.octets) {
                Ok(()) => return Ok(reader.finish()?),
                Err(ParquetError::NeedMoreData(more)) if wanted < file.octets => {
                    wanted = u64::try_from(more).unwrap_or(u64::MAX).clamp(wanted + 1, file.octets);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Puts a file that [`whole`] made: it is there whole, or not at all.
    pub(crate) async fn put(&self, kind: Kind, day: i32, name: &str, octets: Vec<u8>) -> Result<(), ShelfError> {
        self.store.put(&path(kind, day, name), octets.into()).await?;
        Ok(())
    }

    /// Begins a file that holds these segments. It is there once it is finished.
    pub(crate) fn begin(
        &self,
        kind: Kind,
        day: i32,
        name: &str,
        holds: &BTreeSet<String>,
    ) -> Result<FileWriter, ShelfError> {
        let compression = Compression::ZSTD(ZstdLevel::try_new(3).expect("a level of zstd"));
        let mut properties = properties(kind, holds).set_compression(compression);
        for name in kind.unique() {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(*name), false);
        }
        let path = path(kind, day, name);
        let file = object_store::buffered::BufWriter::new(Arc::clone(&self.store), path.clone());
        let writer = AsyncArrowWriter::try_new(file, columns::of(kind), Some(properties.build()))?;
        Ok(FileWriter { writer })
    }
}

/// A file that is being written.
pub(crate) struct FileWriter {
    /// The columns, on their way into the store.
    writer: AsyncArrowWriter<object_store::buffered::BufWriter>,
}

impl FileWriter {
    /// Appends rows.
    pub(crate) async fn write(&mut self, rows: &RecordBatch) -> Result<(), ShelfError> {
        Ok(self.writer.write(rows).await?)
    }

    /// Ends the file, and returns how long it is.
    pub(crate) async fn finish(mut self) -> Result<u64, ShelfError> {
        self.writer.finish().await?;
        Ok(u64::try_from(self.writer.bytes_written()).unwrap_or(u64::MAX))
    }

    /// Gives the file up: nothing of it stays.
    pub(crate) async fn abort(self) -> Result<(), ShelfError> {
        Ok(self.writer.into_inner().abort().await?)
    }
}

/// Returns the octets of a file with these rows, which soon become part of a large file: what it costs to write is all that
/// counts. They are not compressed, since the state of zstd, of which Parquet keeps one for each column, would take several times
/// the memory of the rows; and of a few thousand rows dictionaries are more work than they save room.
pub(crate) fn whole(kind: Kind, name: &str, rows: &RecordBatch) -> Result<Vec<u8>, ShelfError> {
    let properties = properties(kind, &BTreeSet::from([name.to_owned()])).set_dictionary_enabled(false);
    let mut writer = ArrowWriter::try_new(Vec::new(), columns::of(kind), Some(properties.build()))?;
    writer.write(rows)?;
    Ok(writer.into_inner()?)
}

/// Returns where a file lies.
pub(crate) fn path(kind: Kind, day: i32, name: &str) -> Path {
    Path::from(format!("{}/day={}/{name}.parquet", kind.name(), days::written(day)))
}

/// Draws the name of a compacted file.
pub(crate) fn compacted_name(now: i64) -> std::io::Result<String> {
    Ok(format!("c-{:012x}-{:016x}", u64::try_from(now / 1_000).unwrap_or(0), random()?))
}

/// Reads the name of a file; nothing where it is not one of ours.
fn shelved(kind: Kind, meta: object_store::ObjectMeta) -> Option<Shelved> {
    let parts: Vec<_> = meta.location.parts().collect();
    let [folder, day, name] = &parts[..] else { return None };
    if folder.as_ref() != kind.name() {
        return None;
    }
    let day = days::read(day.as_ref().strip_prefix("day=")?)?;
    let name = name.as_ref().strip_suffix(".parquet")?.to_owned();
    let written = meta.last_modified.timestamp_micros();
    Some(Shelved { day, name, octets: meta.size, written, path: meta.location.clone(), meta })
}

/// Returns how all files of a kind are written.
fn properties(kind: Kind, holds: &BTreeSet<String>) -> WriterPropertiesBuilder {
    let holds: Vec<_> = holds.iter().map(String::as_str).collect();
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(GROUP))
        .set_data_page_row_count_limit(8 << 10)
        .set_created_by("sekisho".into())
        .set_key_value_metadata(Some(vec![KeyValue::new(HOLDS.into(), holds.join(","))]));
    for name in kind.looked_up() {
        let column = ColumnPath::from(*name);
        properties = properties.set_column_bloom_filter_enabled(column.clone(), true);
        properties = properties.set_column_bloom_filter_max_ndv(column, GROUP as u64);
    }
    properties
}

/// Why files cannot be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum ShelfError {
    /// The store failed.
    Store(object_store::Error),
    /// A file cannot be read or written as Parquet.
    Parquet(ParquetError),
    /// A file in our folders was not written by us.
    Footer(Path),
    /// The segments cannot be read.
    Segments(std::io::Error),
    /// Segments went away as quickly as they were opened.
    Restless,
}

impl From<std::io::Error> for ShelfError {
    fn from(error: std::io::Error) -> Self {
        Self::Segments(error)
    }
}

impl From<object_store::Error> for ShelfError {
    fn from(error: object_store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<ParquetError> for ShelfError {
    fn from(error: ParquetError) -> Self {
        Self::Parquet(error)
    }
}

impl std::fmt::Display for ShelfError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store(_) => f.write_str("the lake's store failed"),
            Self::Parquet(_) => f.write_str("a file of the lake cannot be read or written"),
            Self::Footer(path) => write!(f, "`{path}` was not written by this program"),
            Self::Segments(_) => f.write_str("the lake's segments cannot be read"),
            Self::Restless => f.write_str("the lake's segments change too quickly to be read"),
        }
    }
}

impl std::error::Error for ShelfError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::Parquet(error) => Some(error),
            Self::Segments(error) => Some(error),
            Self::Footer(_) | Self::Restless => None,
        }
    }
}
