//! The log: the folder of segments, and the one that is being written
//!
//! [`Log::keep`] returns when the batch is on the disk. What fails leaves no half batch: the segment is cut to where it
//! was sound, and where even that fails it is left alone (readers stop at what is torn) and another one is begun.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sekisho_core::written::{Unwritable, Written};

use crate::segment::{FRAME, HEADER, Header, LONGEST_FRAME, Piece, Pieces};
use crate::{Damage, now, random};

/// How the names of segments end.
const ENDING: &str = ".segment";

/// The folder of segments and the one that is being written.
#[derive(Debug)]
pub(crate) struct Log {
    /// The folder.
    folder: PathBuf,
    /// At what length a segment is sealed.
    longest: u64,
    /// At what age a segment is sealed.
    oldest: Duration,
    /// The segment that is being written, if one is.
    current: Mutex<Option<Current>>,
}

/// The segment that is being written.
#[derive(Debug)]
struct Current {
    /// Its name.
    id: String,
    /// Its file.
    file: File,
    /// Its header.
    header: Header,
    /// Up to where it is sound and synced.
    length: u64,
}

impl Log {
    /// Opens the folder, creating it if need be, and mends what a crash left: what is torn is cut off and told.
    pub(crate) fn open(folder: PathBuf, longest: u64, oldest: Duration) -> io::Result<(Self, Vec<Damage>)> {
        fs::create_dir_all(&folder)?;
        let mut damages = Vec::new();
        for id in ids(&folder)? {
            mend(&folder.join(file_name(&id)), &mut damages)?;
        }
        sync_folder(&folder)?;
        Ok((Self { folder, longest, oldest, current: Mutex::new(None) }, damages))
    }

    /// Keeps written Events and returns when they are on the disk.
    pub(crate) fn keep(&self, events: &Written) -> Result<(), AppendError> {
        if events.is_empty() {
            return Ok(());
        }
        let mut current = self.current();
        self.roll(&mut current);
        let mut segment = match current.take() {
            Some(segment) => segment,
            None => Current::begin(&self.folder)?,
        };
        // Whoever cannot be mended stays taken: the next batch begins another segment.
        match segment.write(events) {
            Ok(()) => *current = Some(segment),
            Err(error) => {
                let error = AppendError::from(error);
                // A disk that failed otherwise than by being full is not trusted with the same file again.
                if segment.cut() && matches!(error, AppendError::Full(_)) {
                    *current = Some(segment);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Seals the segment that is being written if it is long or old enough.
    fn roll(&self, current: &mut MutexGuard<'_, Option<Current>>) {
        let due = current.as_ref().is_some_and(|segment| {
            let age = now().saturating_sub(segment.header.created);
            segment.length >= self.longest || u128::try_from(age).is_ok_and(|age| age >= self.oldest.as_micros())
        });
        if due {
            **current = None;
        }
    }

    /// Seals the segment that is being written, whatever its age.
    pub(crate) fn seal(&self) {
        *self.current() = None;
    }

    /// Returns the ids of the sealed segments, the oldest first.
    pub(crate) fn sealed(&self) -> io::Result<Vec<String>> {
        let mut current = self.current();
        self.roll(&mut current);
        let mut ids = ids(&self.folder)?;
        ids.retain(|id| current.as_ref().is_none_or(|segment| segment.id != *id));
        Ok(ids)
    }

    /// Removes a segment whose Events are all in files.
    pub(crate) fn remove(&self, id: &str) -> io::Result<()> {
        fs::remove_file(self.folder.join(file_name(id)))
    }

    /// Keeps a segment in which the disk had changed something for a person to look at; nobody reads it any longer.
    pub(crate) fn put_aside(&self, id: &str) -> io::Result<()> {
        let path = self.folder.join(file_name(id));
        fs::rename(&path, path.with_extension("damaged"))
    }

    /// Returns the folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the segment that is being written. Whoever panicked while holding it had not yet put it back.
    fn current(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Current {
    /// Begins a segment: when it is returned, its name and its header survive a loss of power.
    fn begin(folder: &Path) -> io::Result<Self> {
        let header = Header::new(now(), random()?);
        let milliseconds = u64::try_from(header.created / 1_000).unwrap_or(0);
        let id = format!("{milliseconds:012x}-{:016x}", random()?);
        let path = folder.join(file_name(&id));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let begun =
            file.write_all_at(&header.octets(), 0).and_then(|()| file.sync_all()).and_then(|()| sync_folder(folder));
        if let Err(error) = begun {
            // A header alone holds nothing; if this fails too, the next opening removes it.
            drop(fs::remove_file(&path));
            return Err(error);
        }
        Ok(Self { id, file, header, length: HEADER as u64 })
    }

    /// Writes frames behind each other and syncs them.
    fn write(&mut self, events: &Written) -> io::Result<()> {
        let mut octets = Vec::with_capacity(events.octets().len() + FRAME);
        for payload in events.pieces(LONGEST_FRAME) {
            let offset = self.length + octets.len() as u64;
            self.header.frame(offset, payload, &mut octets);
        }
        self.file.write_all_at(&octets, self.length)?;
        self.file.sync_data()?;
        self.length += octets.len() as u64;
        Ok(())
    }

    /// Cuts off what failed; `false` where that cannot be done, or cannot be trusted to have reached the disk.
    fn cut(&mut self) -> bool {
        self.file.set_len(self.length).and_then(|()| self.file.sync_all()).is_ok()
    }
}

/// Cuts off what is torn, and removes a segment that holds nothing.
fn mend(path: &Path, damages: &mut Vec<Damage>) -> io::Result<()> {
    let octets = fs::read(path)?;
    let Some(header) = Header::read(&octets) else {
        return mend_headless(path, &octets, damages);
    };
    let mut sound = HEADER;
    let mut at = HEADER;
    for piece in Pieces::new(&octets, header) {
        match piece {
            Piece::Batch(payload) => {
                at += FRAME + payload.len();
                sound = at;
            }
            Piece::Damaged(octets) => {
                damages.push(Damage { path: path.into(), at: at as u64, octets: octets as u64, torn: false });
                at += octets;
            }
            Piece::Torn(octets) => {
                damages.push(Damage { path: path.into(), at: at as u64, octets: octets as u64, torn: true });
            }
        }
    }
    if sound == HEADER {
        return fs::remove_file(path);
    }
    if sound < octets.len() {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(sound as u64)?;
        file.sync_all()?;
    }
    Ok(())
}

/// Removes a segment that a crash left without a whole header: nothing was acknowledged in it. One that is longer was
/// changed by the disk, and is put aside for a person to look at.
fn mend_headless(path: &Path, octets: &[u8], damages: &mut Vec<Damage>) -> io::Result<()> {
    if octets.len() <= HEADER {
        return fs::remove_file(path);
    }
    damages.push(Damage { path: path.into(), at: 0, octets: octets.len() as u64, torn: false });
    fs::rename(path, path.with_extension("damaged"))
}

/// Returns the ids of the segments in a folder, the oldest first.
pub(crate) fn ids(folder: &Path) -> io::Result<Vec<String>> {
    let mut ids = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // Nothing was ever written here.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ids),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let name = entry?.file_name();
        ids.extend(name.to_str().and_then(|name| name.strip_suffix(ENDING)).map(str::to_owned));
    }
    ids.sort_unstable();
    Ok(ids)
}

/// Returns the name of a segment's file.
pub(crate) fn file_name(id: &str) -> String {
    format!("{id}{ENDING}")
}

/// Makes the names in a folder survive a loss of power.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Why Events were not acknowledged. None of the batch is in the lake.
#[derive(Debug)]
#[non_exhaustive]
pub enum AppendError {
    /// The disk is full. It works again when it is not.
    Full(io::Error),
    /// The disk failed otherwise.
    Io(io::Error),
    /// An Event cannot be written: the batch can be written without it.
    Unwritable(Unwritable),
    /// This lake was opened for reading.
    ReadOnly,
}

impl From<io::Error> for AppendError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(error),
            _ => Self::Io(error),
        }
    }
}

impl std::fmt::Display for AppendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full(_) => f.write_str("the disk of the lake is full"),
            Self::Io(_) => f.write_str("events cannot be written to the lake"),
            Self::Unwritable(unwritable) => unwritable.fmt(f),
            Self::ReadOnly => f.write_str("the lake is open for reading only"),
        }
    }
}

impl std::error::Error for AppendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Full(error) | Self::Io(error) => Some(error),
            Self::Unwritable(unwritable) => unwritable.source(),
            Self::ReadOnly => None,
        }
    }
}
