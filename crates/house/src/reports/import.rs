//! `sekisho report import`: reports out of files, folders, mbox files and Maildir folders, each once
//!
//! First everything is kept and noted, then it is read. What was broken off goes on where it was: a file that is noted is
//! not opened again, and a report that waits is read by whoever has time, this command or the daemon. Many files are kept
//! together, so that the disk is waited for once and not for each of them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt, TryStreamExt, stream};
use sekisho_ledger::{
    Channel, Digest, Envelope, FirstJob, Intake, Ledger, NewReport, Receipt, ReportKind, Source, Vault,
};

use super::border;
use super::job::new_id;
use super::opening::{is_gzip, is_mail, is_ordinary, mails_in};
use super::reader::{QUEUE, now};
use crate::check::mbox::Mbox;
use crate::fault::{Fault, shown};

/// The most octets of one report.
pub(super) const LARGEST: u64 = 40_000_000;
/// How many reports, or files that are done with, are noted in one transaction.
const AT_A_TIME: usize = 64;
/// How many octets in hand are enough to be kept and noted.
const OCTETS: usize = 16 * 1024 * 1024;
/// How many reports are kept at once: a disk syncs what several want in one go.
const AT_ONCE: usize = 64;
/// How often a job is tried.
pub(crate) const ATTEMPTS: u32 = 12;

/// What an import took in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Reports that are new.
    pub(crate) new: u64,
    /// Those that were there already.
    pub(crate) known: u64,
    /// Files that an earlier import has behind it.
    pub(crate) passed: u64,
    /// Mails that are no reports: they are not kept.
    pub(crate) ordinary: u64,
    /// Files that could not be read, and why.
    pub(crate) faults: Vec<String>,
}

/// Takes reports in.
pub(crate) struct Importer<'a> {
    /// The book.
    pub(super) ledger: &'a Ledger,
    /// Where the bytes go.
    vault: &'a Vault,
    /// The servers that are believed what they wrote of SPF on top of a mail.
    trusted: &'a [String],
    /// What was taken in so far.
    pub(super) taken: Taken,
    /// What is in hand, and not yet kept.
    hand: Hand,
}

/// Reports that are in hand until they are kept and noted together.
#[derive(Default)]
struct Hand {
    /// The reports, and what is to be noted of them.
    reports: Vec<(Vec<u8>, Held)>,
    /// How long they are.
    octets: usize,
    /// The sources that are done with, once these reports are noted.
    done: Vec<Source>,
}

/// What is to be noted of a report once it is kept.
struct Held {
    /// How long it is.
    size: u64,
    /// How it came.
    channel: Channel,
    /// What is known of how it was sent.
    envelope: Envelope,
    /// Where it lay, if it is known again by that.
    source: Option<Source>,
}

/// Something to be taken in: a file, and how reports lie in it.
struct Place {
    /// Its path.
    path: PathBuf,
    /// How.
    channel: Channel,
}

impl<'a> Importer<'a> {
    /// Begins.
    pub(super) fn new(ledger: &'a Ledger, vault: &'a Vault, trusted: &'a [String]) -> Importer<'a> {
        Importer { ledger, vault, trusted, taken: Taken::default(), hand: Hand::default() }
    }

    /// Takes in every report below some paths. `tell` hears of each file before it is opened.
    pub(crate) async fn import(&mut self, paths: &[PathBuf], mut tell: impl FnMut(&Path)) -> anyhow::Result<()> {
        let mut places = Vec::new();
        for path in paths {
            find(path, &mut places).map_err(|why| Fault::io("fault-read", path, &why))?;
        }
        for places in places.chunks(AT_A_TIME) {
            let (mut there, mut sources) = (Vec::new(), Vec::new());
            for place in places {
                match source(&place.path) {
                    Ok(source) => {
                        there.push(place);
                        sources.push(source);
                    }
                    Err(why) => self.cannot_read(&place.path, &why),
                }
            }
            let known = self.ledger.are_imported(&sources).await?;
            for ((place, source), is_known) in there.into_iter().zip(sources).zip(known) {
                if is_known {
                    self.taken.passed += 1;
                    continue;
                }
                tell(&place.path);
                if let Err(why) = self.take(place, source).await {
                    match why.downcast::<io::Error>() {
                        Ok(why) => self.cannot_read(&place.path, &why),
                        Err(why) => return Err(why),
                    }
                }
            }
        }
        self.put_down().await
    }

    /// Takes down that a file cannot be read.
    fn cannot_read(&mut self, path: &Path, why: &io::Error) {
        self.taken.faults.push(format!("{}: {why}", shown(path)));
    }

    /// Takes in a file.
    async fn take(&mut self, place: &Place, source: Source) -> anyhow::Result<()> {
        let mut start = Vec::new();
        File::open(&place.path)?.take(5).read_to_end(&mut start)?;
        // Some mailboxes lie in gzip; a report in gzip is opened where it is read.
        let mails = if is_gzip(&start) { mails_in(&whole(&place.path)?) } else { None };
        if mails.as_deref().unwrap_or(&start).starts_with(b"From ") {
            let known = self.ledger.imported_of(&source).await?;
            let mut mbox = Mbox::new(match mails {
                Some(mails) => Box::new(io::Cursor::new(mails)) as Box<dyn Read + Send>,
                None => Box::new(File::open(&place.path)?),
            });
            while let Some(mail) = mbox.next_mail()? {
                let Ok(mail) = mail else {
                    self.taken.faults.push(format!("{}: a mail in it is too large", shown(&place.path)));
                    continue;
                };
                if is_ordinary(&mail) {
                    self.taken.ordinary += 1;
                } else if !known.contains(&Digest::of(&mail)) {
                    self.hold(mail, Channel::Mbox, Some(source.clone())).await?;
                }
            }
        } else {
            let bytes = match mails {
                Some(mail) => mail,
                None => whole(&place.path)?,
            };
            if is_ordinary(&bytes) {
                self.taken.ordinary += 1;
            } else {
                self.hold(bytes, place.channel, Some(source.clone())).await?;
            }
        }
        self.pass(source).await
    }

    /// Takes a report in hand.
    pub(super) async fn hold(
        &mut self,
        bytes: Vec<u8>,
        channel: Channel,
        source: Option<Source>,
    ) -> anyhow::Result<()> {
        let told_spf = border::spf_pass(&bytes, self.trusted).filter(|_| is_mail(&bytes));
        let envelope = Envelope { told_spf: told_spf.map(|domain| domain.to_string()), ..Envelope::default() };
        self.hand.octets += bytes.len();
        let held = Held { size: bytes.len() as u64, channel, envelope, source };
        self.hand.reports.push((bytes, held));
        let is_full = self.hand.reports.len() >= AT_A_TIME || self.hand.octets >= OCTETS;
        if is_full { self.put_down().await } else { Ok(()) }
    }

    /// Says that all of a source is in hand, or kept.
    pub(super) async fn pass(&mut self, source: Source) -> anyhow::Result<()> {
        self.hand.done.push(source);
        if self.hand.done.len() >= AT_A_TIME { self.put_down().await } else { Ok(()) }
    }

    /// Keeps and notes what is in hand.
    pub(super) async fn put_down(&mut self) -> anyhow::Result<()> {
        let Hand { reports, done, .. } = std::mem::take(&mut self.hand);
        if !reports.is_empty() {
            let (bytes, held): (Vec<_>, Vec<_>) = reports.into_iter().unzip();
            let keeping = stream::iter(bytes).map(|bytes| self.vault.put(bytes)).buffered(AT_ONCE);
            let evidence: Vec<Digest> = keeping.try_collect().await?;
            let noted = evidence.into_iter().zip(held).map(|(evidence, Held { size, channel, envelope, source })| {
                intake(evidence, size, channel, ReportKind::Unknown, envelope, source)
            });
            for receipt in self.ledger.receive_all(&noted.collect::<io::Result<Vec<_>>>()?).await? {
                match receipt {
                    Receipt::New => self.taken.new += 1,
                    Receipt::Known(_) => self.taken.known += 1,
                }
            }
        }
        if !done.is_empty() {
            self.ledger.note_imported(&done, now()).await?;
        }
        Ok(())
    }
}

/// Reads a file.
fn whole(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 40 MB"));
    }
    Ok(bytes)
}

/// Returns what is to be noted of bytes that are kept.
pub(crate) fn intake(
    evidence: Digest,
    size: u64,
    channel: Channel,
    kind: ReportKind,
    envelope: Envelope,
    source: Option<Source>,
) -> io::Result<Intake> {
    let received_at = now();
    let report = NewReport { id: new_id(received_at)?, kind, channel, received_at, evidence, size, envelope };
    let job =
        FirstJob { id: new_id(received_at)?, queue: QUEUE.to_owned(), payload: String::new(), max_attempts: ATTEMPTS };
    Ok(Intake { report, job, source })
}

/// Finds the files below a path, in an order that does not change.
fn find(path: &Path, places: &mut Vec<Place>) -> io::Result<()> {
    let about = fs::metadata(path)?;
    if !about.is_dir() {
        places.push(Place { path: path.to_owned(), channel: Channel::File });
        return Ok(());
    }
    if path.join("cur").is_dir() && path.join("new").is_dir() {
        for part in ["cur", "new"] {
            let files = sorted(&path.join(part))?.into_iter().filter(|file| file.is_file());
            places.extend(files.map(|path| Place { path, channel: Channel::Maildir }));
        }
        // The folders of a mailbox lie in it, hidden (Maildir++) or not.
        for folder in sorted(path)? {
            if folder.join("cur").is_dir() && fs::symlink_metadata(&folder)?.is_dir() {
                find(&folder, places)?;
            }
        }
        return Ok(());
    }
    for entry in sorted(path)? {
        let is_hidden = entry.file_name().is_some_and(|name| name.as_bytes().starts_with(b"."));
        // What a folder points at elsewhere is not what was asked for.
        // A pipe has no end, a device is no report.
        let about = fs::symlink_metadata(&entry)?;
        if !is_hidden && (about.is_file() || about.is_dir()) {
            find(&entry, places)?;
        }
    }
    Ok(())
}

/// Lists a folder, sorted.
fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    Ok(entries)
}

/// Returns how a file is known again.
fn source(path: &Path) -> io::Result<Source> {
    let about = fs::metadata(path)?;
    let path = fs::canonicalize(path)?.as_os_str().as_bytes().escape_ascii().to_string();
    let modified_at = about.mtime().saturating_mul(1_000_000).saturating_add(about.mtime_nsec() / 1000);
    Ok(Source { path, size: about.len(), modified_at })
}
