//! `sekisho report import`: reports out of files, folders, mbox files and Maildir folders, each once
//!
//! First everything is kept and noted, then it is read. What was broken off goes on where it was: a file that is noted is
//! not opened again, and a report that waits is read by whoever has time, this command or the daemon.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

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
/// How many reports are noted in one transaction.
const AT_A_TIME: usize = 64;
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
    pub(crate) ledger: &'a Ledger,
    /// Where the bytes go.
    pub(crate) vault: &'a Vault,
    /// The servers that are believed what they wrote of SPF on top of a mail.
    pub(crate) trusted: &'a [String],
    /// What was taken in so far.
    pub(crate) taken: Taken,
}

/// Something to be taken in: a file, and how reports lie in it.
struct Place {
    /// Its path.
    path: PathBuf,
    /// How.
    channel: Channel,
}

impl Importer<'_> {
    /// Takes in every report below some paths. `tell` hears of each file before it is opened.
    pub(crate) async fn import(&mut self, paths: &[PathBuf], mut tell: impl FnMut(&Path)) -> anyhow::Result<()> {
        let mut places = Vec::new();
        for path in paths {
            find(path, &mut places).map_err(|why| Fault::io("fault-read", path, &why))?;
        }
        for place in places {
            tell(&place.path);
            if let Err(why) = self.take(&place).await {
                match why.downcast::<io::Error>() {
                    Ok(why) => self.taken.faults.push(format!("{}: {why}", shown(&place.path))),
                    Err(why) => return Err(why),
                }
            }
        }
        Ok(())
    }

    /// Takes in a file, unless it was taken in as it is.
    async fn take(&mut self, place: &Place) -> anyhow::Result<()> {
        let source = source(&place.path)?;
        if self.ledger.is_imported(&source).await? {
            self.taken.passed += 1;
            return Ok(());
        }
        let mut start = Vec::new();
        File::open(&place.path)?.take(5).read_to_end(&mut start)?;
        // Some mailboxes lie in gzip; a report in gzip is opened where it is read.
        let mails = if is_gzip(&start) { mails_in(&whole(&place.path)?) } else { None };
        if mails.as_deref().unwrap_or(&start).starts_with(b"From ") {
            let known = self.ledger.imported_of(&source).await?;
            let mut intakes = Vec::new();
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
                    intakes.push(self.keep(mail, Channel::Mbox, Some(source.clone())).await?);
                }
                if intakes.len() >= AT_A_TIME {
                    self.note(&std::mem::take(&mut intakes)).await?;
                }
            }
            self.note(&intakes).await?;
        } else {
            let bytes = match mails {
                Some(mail) => mail,
                None => whole(&place.path)?,
            };
            if is_ordinary(&bytes) {
                self.taken.ordinary += 1;
            } else {
                let intake = self.keep(bytes, place.channel, Some(source.clone())).await?;
                self.note(&[intake]).await?;
            }
        }
        self.ledger.note_imported(&source, now()).await?;
        Ok(())
    }

    /// Keeps bytes, and returns what is to be noted of them.
    pub(super) async fn keep(
        &self,
        bytes: Vec<u8>,
        channel: Channel,
        source: Option<Source>,
    ) -> anyhow::Result<Intake> {
        let size = bytes.len() as u64;
        let told_spf = border::spf_pass(&bytes, self.trusted).filter(|_| is_mail(&bytes));
        let envelope = Envelope { told_spf: told_spf.map(|domain| domain.to_string()), ..Envelope::default() };
        let evidence = self.vault.put(bytes).await?;
        Ok(intake(evidence, size, channel, ReportKind::Unknown, envelope, source)?)
    }

    /// Notes what was kept.
    pub(super) async fn note(&mut self, intakes: &[Intake]) -> anyhow::Result<()> {
        for receipt in self.ledger.receive_all(intakes).await? {
            match receipt {
                Receipt::New => self.taken.new += 1,
                Receipt::Known(_) => self.taken.known += 1,
            }
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
