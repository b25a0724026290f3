//! A snapshot: the files and segments that together have every acknowledged Event of a kind exactly once
//!
//! Settling puts a segment's files on the shelf and then removes it; compacting replaces files whose segments are gone. A
//! reader holds no lock. It opens the segments, lists the files, and looks whether a segment went away meanwhile: if so it
//! begins again. Of what remains, a file whose segment it has opened does not count, and neither does a segment that a
//! compacted file holds: where nodes share a store, another one may have compacted what this one is about to remove.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use datafusion::arrow::array::{ArrayRef, Date32Array, RecordBatch};
use datafusion::arrow::compute::cast;
use sekisho_core::event::Event;
use sekisho_core::written::Events;
use std::sync::Arc;

use crate::kind::Kind;
use crate::segment::{HEADER, Header, Piece, Pieces};
use crate::shelf::{Shelf, ShelfError, Shelved};
use crate::{columns, days, log};

/// How often a snapshot is begun again before it is given up: a segment goes away once in a while.
const TRIES: usize = 100;
/// How far the clocks of a store and of this machine may be apart, in microseconds.
const SKEW: i64 = 3_600_000_000;
/// How many Events make a batch of rows.
const BATCH: usize = 8_192;

/// What there was of a kind at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The segments, opened: they can be read when they are removed.
    pub(crate) segments: Vec<Arc<Opened>>,
    /// The files that count.
    pub(crate) files: Vec<Shelved>,
}

impl Snapshot {
    /// Takes the snapshot of a kind.
    pub(crate) async fn take(kind: Kind, segments: &Path, shelf: &Shelf) -> Result<Self, ShelfError> {
        for _ in 0..TRIES {
            let Some(mut opened) = open_all(segments)? else { continue };
            let mut files = shelf.list(kind).await?.live;
            let after: BTreeSet<String> = log::ids(segments)?.into_iter().collect();
            if !opened.iter().all(|segment| after.contains(&segment.id)) {
                continue;
            }
            let held = compacted_since(&opened, &files, shelf).await?;
            opened.retain(|segment| !held.contains(&segment.id));
            files.retain(|file| opened.iter().all(|segment| segment.id != file.name));
            return Ok(Self { segments: opened.into_iter().map(Arc::new).collect(), files });
        }
        Err(ShelfError::Restless)
    }
}

/// Returns what the compacted files hold that may hold one of these segments: those that were written after the first began.
async fn compacted_since(opened: &[Opened], files: &[Shelved], shelf: &Shelf) -> Result<BTreeSet<String>, ShelfError> {
    let mut held = BTreeSet::new();
    let Some(first) = opened.iter().map(Opened::began).min() else { return Ok(held) };
    for file in files.iter().filter(|file| file.is_compacted() && file.written > first - SKEW) {
        match shelf.holds(file).await {
            Ok(holds) => held.extend(holds.iter().cloned()),
            // It was replaced meanwhile; what replaces it was not yet there when the files were listed.
            Err(ShelfError::Store(object_store::Error::NotFound { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(held)
}

/// Opens every segment; nothing where one went away meanwhile.
fn open_all(folder: &Path) -> io::Result<Option<Vec<Opened>>> {
    let mut opened = Vec::new();
    for id in log::ids(folder)? {
        match File::open(folder.join(log::file_name(&id))) {
            Ok(file) => opened.push(Opened { length: file.metadata()?.len(), id, file }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(opened))
}

/// A segment that is being read.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Its name.
    pub(crate) id: String,
    /// Its file.
    file: File,
    /// How long it was when it was opened.
    pub(crate) length: u64,
}

/// What a segment holds.
#[derive(Debug)]
pub(crate) struct Content {
    /// Its header.
    pub(crate) header: Header,
    /// Its Events.
    pub(crate) events: Vec<Event>,
}

/// What a segment holds besides the Events that can be read.
#[derive(Debug)]
pub(crate) struct Soundness {
    /// Its header.
    pub(crate) header: Header,
    /// How many Events it has of kinds that this build does not know.
    pub(crate) unknown: usize,
    /// How many octets are no sound batch.
    pub(crate) damaged: usize,
}

impl Opened {
    /// Opens one segment.
    pub(crate) fn open(folder: &Path, id: &str) -> io::Result<Self> {
        let file = File::open(folder.join(log::file_name(id)))?;
        Ok(Self { length: file.metadata()?.len(), id: id.to_owned(), file })
    }

    /// Returns when it was begun, in microseconds since 1970: its name says so.
    fn began(&self) -> i64 {
        let milliseconds = self.id.split('-').next().and_then(|began| i64::from_str_radix(began, 16).ok());
        milliseconds.unwrap_or(0).saturating_mul(1_000)
    }

    /// Reads its Events of one kind, or of every kind. A segment whose header is not yet written has none.
    pub(crate) fn read(&self, kind: Option<Kind>) -> io::Result<Option<Content>> {
        let mut events = Vec::new();
        let sound = self.tell(kind, |_, event| {
            events.push(event);
            Ok::<_, io::Error>(())
        })?;
        Ok(sound.map(|sound| Content { header: sound.header, events }))
    }

    /// Hands its Events of one kind, or of every kind, to `hear` as they are read, and says what else is in it. A segment
    /// whose header is not yet written has none.
    pub(crate) fn tell<E: From<io::Error>>(
        &self,
        kind: Option<Kind>,
        mut hear: impl FnMut(&Header, Event) -> Result<(), E>,
    ) -> Result<Option<Soundness>, E> {
        let octets = self.octets()?;
        let Some(header) = Header::read(&octets) else {
            return if octets.len() < HEADER { Ok(None) } else { Err(headless(&self.id).into()) };
        };
        let mut sound = Soundness { header, unknown: 0, damaged: 0 };
        for piece in Pieces::new(&octets, header) {
            match piece {
                Piece::Batch(payload) => {
                    for event in Events::of(payload, kind.map(Kind::name)) {
                        match event.map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))? {
                            Some(event) => hear(&header, event)?,
                            None => sound.unknown += 1,
                        }
                    }
                }
                Piece::Damaged(octets) => sound.damaged += octets,
                // Of the segment that is being written, the end may be half a batch; a crash's was cut when it was opened.
                Piece::Torn(_) => {}
            }
        }
        Ok(Some(sound))
    }

    /// Reads its octets. It may have become shorter: what was written in vain is cut off.
    fn octets(&self) -> io::Result<Vec<u8>> {
        let mut octets = vec![0; usize::try_from(self.length).unwrap_or(usize::MAX)];
        let mut have = 0;
        while have < octets.len() {
            match self.file.read_at(&mut octets[have..], have as u64) {
                Ok(0) => break,
                Ok(count) => have += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        octets.truncate(have);
        Ok(octets)
    }

    /// Reads its Events of one kind as rows, with the day of each.
    pub(crate) fn rows(&self, kind: Kind) -> io::Result<Vec<RecordBatch>> {
        let Some(content) = self.read(Some(kind))? else { return Ok(Vec::new()) };
        content.events.chunks(BATCH).map(|events| with_days(kind, events, content.header.created)).collect()
    }
}

/// Returns Events of one kind as rows, with the day of each.
fn with_days(kind: Kind, events: &[Event], created: i64) -> io::Result<RecordBatch> {
    let events: Vec<&Event> = events.iter().collect();
    let rows = columns::rows(kind, &events).map_err(io::Error::other)?;
    let days = events.iter().map(|event| days::day_of(event.at(), created));
    let columns = columns::with_day(kind);
    let as_read = rows.columns().iter().zip(columns.fields()).map(|(rows, field)| cast(rows, field.data_type()));
    let mut arrays: Vec<ArrayRef> = as_read.collect::<Result<_, _>>().map_err(io::Error::other)?;
    arrays.push(Arc::new(Date32Array::from_iter_values(days)));
    RecordBatch::try_new(columns, arrays).map_err(io::Error::other)
}

/// Returns the error of a segment whose header the disk changed.
fn headless(id: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("segment `{id}` has a damaged header"))
}
