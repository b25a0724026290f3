//! Where mails come from: files, standard input, mbox files and Maildir folders, one mail at a time
//!
//! No more than one mail is held here, and no mail larger than [`MAIL_MAX`]: an mbox of many gigabytes streams through.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use sekisho_mail::header::Field;

use super::mbox::{Mbox, is_from_line};
use crate::fault::{Fault, shown};

/// The most octets of one mail that are judged.
pub(super) const MAIL_MAX: usize = 128 * 1024 * 1024;
/// How much of a file is looked at to tell what it is.
const LOOK: usize = 64 * 1024;

/// One mail as it was found.
#[derive(Debug)]
pub(super) struct Mail {
    /// Where it was found: the path, and `#3` behind it for the third mail of an mbox.
    pub(super) source: String,
    /// Its octets.
    pub(super) raw: Vec<u8>,
    /// Whether it is one of many, so that a summary will follow.
    pub(super) many: bool,
}

/// All the mails that a command line names, in their order.
pub(super) struct Input<'a> {
    /// What has not been opened yet.
    files: VecDeque<PathBuf>,
    /// Standard input, until it is read.
    stdin: Option<&'a mut dyn Read>,
    /// The folder or file that is being read.
    open: Option<Open<'a>>,
    /// Whether several places were named.
    several: bool,
    /// How many octets of mail have been read.
    read: u64,
    /// How many there are, where that can be known.
    total: Option<u64>,
}

/// A place that holds more than one mail.
enum Open<'a> {
    /// The files of a Maildir.
    Maildir(VecDeque<PathBuf>),
    /// An mbox, by its name.
    Mbox(String, Mbox<Box<dyn Read + 'a>>),
}

/// What a file seems to be.
#[derive(Debug, PartialEq, Eq)]
enum Looks {
    /// It has no octets.
    Empty,
    /// It begins as an mbox does.
    Mbox,
    /// It may be a mail.
    Mail,
    /// It is no text at all.
    Binary,
}

impl<'a> Input<'a> {
    /// Makes ready to read `files`; `-` among them is `stdin`.
    pub(super) fn new(files: &[PathBuf], stdin: &'a mut dyn Read) -> Input<'a> {
        let total = files.iter().map(|path| size(path)).sum();
        Input {
            files: files.iter().cloned().collect(),
            stdin: Some(stdin),
            open: None,
            several: files.len() > 1,
            read: 0,
            total,
        }
    }

    /// Returns how many octets have been read, and of how many where that is known.
    pub(super) fn progress(&self) -> (u64, Option<u64>) {
        (self.read, self.total)
    }

    /// Opens the next place and returns its first mail.
    fn open(&mut self, path: &Path) -> Result<Option<Mail>, Fault> {
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            let files = maildir(path)?;
            if files.is_empty() {
                return Err(Fault::new("fault-maildir-empty", [("path", shown(path))]));
            }
            self.open = Some(Open::Maildir(files));
            return Ok(None);
        }
        let mut file = self.reader(path)?;
        let mut first = Vec::new();
        let read = |error: io::Error| Fault::io("fault-read", path, &error);
        file.by_ref().take(LOOK as u64).read_to_end(&mut first).map_err(read)?;
        match look(&first) {
            Looks::Empty => Err(Fault::new("fault-empty", [("path", shown(path))])),
            Looks::Binary => Err(Fault::new("fault-binary", [("path", shown(path))])),
            Looks::Mbox => {
                self.open = Some(Open::Mbox(name, Mbox::new(Box::new(Cursor::new(first).chain(file)))));
                Ok(None)
            }
            Looks::Mail => {
                let raw = read_whole(path, first, file)?;
                Ok(Some(Mail { source: name, raw, many: self.several }))
            }
        }
    }

    /// Opens a file, or takes standard input.
    fn reader(&mut self, path: &Path) -> Result<Box<dyn Read + 'a>, Fault> {
        if path == Path::new("-") {
            let stdin = self.stdin.take().ok_or_else(|| Fault::new("fault-stdin-twice", []))?;
            return Ok(Box::new(stdin));
        }
        Ok(Box::new(File::open(path).map_err(|error| Fault::io("fault-read", path, &error))?))
    }

    /// Returns the next mail of the place that is open; nothing where it is at its end.
    fn next_of_open(&mut self) -> Option<Result<Mail, Fault>> {
        match self.open.as_mut()? {
            Open::Maildir(files) => {
                let path = files.pop_front()?;
                Some(read_file(&path).map(|raw| Mail { source: path.to_string_lossy().into_owned(), raw, many: true }))
            }
            Open::Mbox(name, mbox) => {
                let alone = mbox.number() == 0;
                let read = mbox.next_mail();
                let many = self.several || !alone || mbox.has_more();
                let is_one_of_many = !alone || mbox.has_more();
                let source = if is_one_of_many { format!("{name}#{}", mbox.number()) } else { name.clone() };
                let place = PathBuf::from(&source);
                Some(match read {
                    Ok(None) if alone => {
                        let fault = Fault::new("fault-mbox-empty", [("path", shown(&place))]);
                        self.open = None;
                        Err(fault)
                    }
                    Ok(None) => return None,
                    Ok(Some(Ok(raw))) => Ok(Mail { source, raw, many }),
                    Ok(Some(Err(_))) => Err(too_large(&place)),
                    Err(error) => {
                        self.open = None;
                        Err(Fault::io("fault-read", &place, &error))
                    }
                })
            }
        }
    }
}

impl Iterator for Input<'_> {
    type Item = Result<Mail, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let found = match self.next_of_open() {
                Some(found) => found,
                None => {
                    self.open = None;
                    let path = self.files.pop_front()?;
                    match self.open(&path) {
                        Ok(None) => continue,
                        Ok(Some(mail)) => Ok(mail),
                        Err(fault) => Err(fault),
                    }
                }
            };
            if let Ok(mail) = &found {
                self.read += mail.raw.len() as u64;
            }
            return Some(found);
        }
    }
}

/// Fields that tell a mail: one of them is in every mail that is worth the name.
const MAIL_FIELDS: [&str; 5] = ["From", "To", "Date", "Subject", "Received"];

/// Tells what a file seems to be by its first octets.
fn look(first: &[u8]) -> Looks {
    if first.is_empty() {
        return Looks::Empty;
    }
    if is_from_line(first) {
        return Looks::Mbox;
    }
    let start = first.get(..1024).unwrap_or(first);
    // A NUL makes a mail odd, and not something else; but lines of chance are no fields, so only the first may be any.
    let mut lines = start.split_inclusive(|&b| b == b'\n').take_while(|line| !line.trim_ascii().is_empty());
    let is_field = |line: &[u8]| Field::new(line).is_field_with_nuls();
    if lines.next().is_some_and(is_field) || lines.any(|line| MAIL_FIELDS.iter().any(|name| Field::new(line).is(name)))
    {
        return Looks::Mail;
    }
    let odd = start.iter().filter(|&&b| b < 0x20 && !b"\t\n\r\x0c\x1b\x0e\x0f".contains(&b)).count();
    if odd * 10 > start.len() || start.contains(&0) { Looks::Binary } else { Looks::Mail }
}

/// Reads the rest of a file that is one mail.
fn read_whole(path: &Path, mut raw: Vec<u8>, rest: impl Read) -> Result<Vec<u8>, Fault> {
    let room = (MAIL_MAX + 1).saturating_sub(raw.len()) as u64;
    // One piece of the right size: memory that grows by doubling is held two and three times over. Where the size is not
    // known and the beginning filled the look, there is room for all that is read; what is not used is never touched.
    let about = match fs::metadata(path) {
        Ok(about) if about.is_file() && path != Path::new("-") => about.len().min(room),
        _ if raw.len() < LOOK => 0,
        _ => room,
    };
    raw.reserve_exact(usize::try_from(about).unwrap_or(0));
    rest.take(room).read_to_end(&mut raw).map_err(|error| Fault::io("fault-read", path, &error))?;
    if raw.len() > MAIL_MAX { Err(too_large(path)) } else { Ok(raw) }
}

/// Reads a file of a Maildir, without the `From ` line that some programs leave there.
fn read_file(path: &Path) -> Result<Vec<u8>, Fault> {
    let file = File::open(path).map_err(|error| Fault::io("fault-read", path, &error))?;
    let mut raw = read_whole(path, Vec::new(), file)?;
    match look(&raw) {
        Looks::Empty => return Err(Fault::new("fault-empty", [("path", shown(path))])),
        Looks::Binary => return Err(Fault::new("fault-binary", [("path", shown(path))])),
        Looks::Mbox => {
            let line = raw.iter().position(|&b| b == b'\n').map_or(raw.len(), |at| at + 1);
            raw.drain(..line);
        }
        Looks::Mail => {}
    }
    Ok(raw)
}

/// Refuses a mail that is too large.
fn too_large(path: &Path) -> Fault {
    Fault::new("fault-large", [("path", shown(path)), ("size", (MAIL_MAX / (1024 * 1024)).into())])
}

/// Lists the mails of a Maildir, `new` before `cur`, by name.
fn maildir(path: &Path) -> Result<VecDeque<PathBuf>, Fault> {
    let folders = ["new", "cur"].map(|folder| path.join(folder));
    if !folders.iter().any(|folder| folder.is_dir()) {
        return Err(Fault::new("fault-no-maildir", [("path", shown(path))]));
    }
    let mut files = VecDeque::new();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let list = || -> io::Result<Vec<PathBuf>> {
            let mut found = Vec::new();
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
                // What cannot even be looked at is named when its turn comes.
                if !is_hidden && fs::metadata(entry.path()).map_or(true, |about| about.is_file()) {
                    found.push(entry.path());
                }
            }
            found.sort();
            Ok(found)
        };
        files.extend(list().map_err(|error| Fault::io("fault-read", folder, &error))?);
    }
    Ok(files)
}

/// Returns how many octets of mail lie at a place, where that can be known beforehand.
fn size(path: &Path) -> Option<u64> {
    if path.is_dir() {
        let files = maildir(path).ok()?;
        return Some(files.iter().filter_map(|file| fs::metadata(file).ok()).map(|about| about.len()).sum());
    }
    let about = fs::metadata(path).ok()?;
    about.is_file().then_some(about.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_their_first_octets() {
        assert_eq!(look(b""), Looks::Empty);
        assert_eq!(look(b"From a@b Thu Jan  1 00:00:00 1970\nA: b\n\n"), Looks::Mbox);
        assert_eq!(look(b"From: a\0b\r\n\r\n\0\0\0\0\0\0"), Looks::Mail);
        assert_eq!(look(b"F\0rom: a@b\r\n\0\0\0\0\r\n\r\n"), Looks::Mail);
        assert_eq!(look(b"\0\0\0\0\0\r\nFrom: a@b\r\n\r\n"), Looks::Mail);
        assert_eq!(look(b"\x7fELF\0\0\0\0: x\nFrame: x\r\n\r\nFrom: a@b\r\n"), Looks::Binary);
        assert_eq!(look(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0"), Looks::Binary);
        assert_eq!(look(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Looks::Binary);
        assert_eq!(look(b"just some words\nSubject: x\n"), Looks::Mail);
    }
}
