//! Zip: its directory read strictly, its entries unpacked as streams (APPNOTE 6.3)
//!
//! Why not the `zip` crate: it reserves room for as many entries as the end record claims and tries one end record after
//! the other, so that a file of one megabyte makes it take hundreds. Here the directory is read once, entry by entry, up to
//! the limit. Nothing is ever written by a name that stands in an archive.

use std::io::{self, Read};
use std::ops::Range;

use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use memchr::memmem;

use super::Limits;
use super::budget::{Budget, Drawn};
use crate::unreadable::{Fault, Unreadable};

/// How far from its end a file's end record may be: 22 octets and a comment.
const END: usize = 22 + 0xffff;

/// An entry of an archive.
#[derive(Debug)]
pub(super) struct Entry<'z> {
    /// What it is called.
    pub(super) name: &'z [u8],
    /// Its compressed octets.
    data: &'z [u8],
    /// Whether they are compressed at all.
    is_deflated: bool,
    /// How many octets it says it has.
    size: u64,
    /// Their checksum, as it says.
    crc: u32,
}

/// Returns the entries of an archive that are files.
pub(super) fn entries<'z>(file: &'z [u8], limits: &Limits) -> Result<Vec<Entry<'z>>, Unreadable> {
    let directory = Directory::find(file)?;
    if directory.count > limits.entries as u64 {
        return Err(too_many(limits));
    }
    let mut entries = Vec::new();
    let mut taken: Vec<Range<usize>> = Vec::new();
    let mut rest = directory.octets;
    let mut count = 0;
    while !rest.is_empty() {
        count += 1;
        if count > limits.entries {
            return Err(too_many(limits));
        }
        let (listed, behind) = Listed::read(rest).ok_or_else(|| broken("an entry of the directory is cut off"))?;
        rest = behind;
        let (entry, range) = listed.locate(file, &directory, limits)?;
        if taken.iter().any(|other| range.start < other.end && other.start < range.end) {
            return Err(Unreadable::new(Fault::Overlap, "two entries of a zip file share octets"));
        }
        taken.push(range);
        let is_folder = entry.name.ends_with(b"/") && entry.size == 0;
        if !is_folder {
            entries.push(entry);
        }
    }
    if count as u64 != directory.count {
        return Err(broken("the directory has another number of entries than the file says"));
    }
    Ok(entries)
}

/// Says that there are too many entries.
fn too_many(limits: &Limits) -> Unreadable {
    Unreadable::new(Fault::Entries, format!("a zip file has more than {} entries", limits.entries))
}

/// Says that a zip file is damaged.
fn broken(why: &str) -> Unreadable {
    Unreadable::new(Fault::Corrupt, format!("a zip file is damaged: {why}"))
}

/// The directory of an archive.
struct Directory<'z> {
    /// Its octets.
    octets: &'z [u8],
    /// Where it begins.
    start: usize,
    /// How many entries it is said to have.
    count: u64,
    /// How many octets stand before the archive itself: those that unpack themselves have a program there.
    before: u64,
}

impl<'z> Directory<'z> {
    /// Finds the directory by the record at the end of the file.
    fn find(file: &'z [u8]) -> Result<Directory<'z>, Unreadable> {
        let tail = file.len().saturating_sub(END);
        let end = memmem::rfind(&file[tail..], b"PK\x05\x06")
            .map(|at| tail + at)
            .ok_or_else(|| broken("it has no end record"))?;
        Directory::at(file, end).ok_or_else(|| broken("its end record points nowhere"))
    }

    /// Reads the end record, and the larger one that it may point to (zip64).
    fn at(file: &'z [u8], end: usize) -> Option<Directory<'z>> {
        let record = &file[end..];
        let (mut count, mut size, mut offset) =
            (u64::from(u16_at(record, 10)?), u64::from(u32_at(record, 12)?), u64::from(u32_at(record, 16)?));
        let mut ends = end;
        if count == 0xffff || size == 0xffff_ffff || offset == 0xffff_ffff {
            let locator = file.get(end.checked_sub(20)?..end)?;
            if locator.starts_with(b"PK\x06\x07") {
                let at = usize::try_from(u64_at(locator, 8)?).ok()?;
                let large = file.get(at..).filter(|large| large.starts_with(b"PK\x06\x06"))?;
                (count, size, offset) = (u64_at(large, 32)?, u64_at(large, 40)?, u64_at(large, 48)?);
                ends = at;
            }
        }
        let start = ends.checked_sub(usize::try_from(size).ok()?)?;
        let before = (start as u64).checked_sub(offset)?;
        Some(Directory { octets: file.get(start..ends)?, start, count, before })
    }
}

/// What the directory says of an entry.
struct Listed<'z> {
    /// What it is called.
    name: &'z [u8],
    /// Its flags.
    flags: u16,
    /// How it is compressed.
    method: u16,
    /// Its checksum.
    crc: u32,
    /// Its compressed size.
    packed: u64,
    /// Its size.
    size: u64,
    /// Where it is.
    offset: u64,
}

impl<'z> Listed<'z> {
    /// Reads one; returns also what stands behind it.
    fn read(rest: &'z [u8]) -> Option<(Listed<'z>, &'z [u8])> {
        let fixed = rest.get(..46).filter(|fixed| fixed.starts_with(b"PK\x01\x02"))?;
        let length = |at| u16_at(fixed, at).map(usize::from);
        let (name, extra, comment) = (46 + length(28)?, length(30)?, length(32)?);
        let mut listed = Listed {
            name: rest.get(46..name)?,
            flags: u16_at(fixed, 8)?,
            method: u16_at(fixed, 10)?,
            crc: u32_at(fixed, 16)?,
            packed: u32_at(fixed, 20)?.into(),
            size: u32_at(fixed, 24)?.into(),
            offset: u32_at(fixed, 42)?.into(),
        };
        listed.enlarge(rest.get(name..name + extra)?);
        Some((listed, rest.get(name + extra + comment..)?))
    }

    /// Takes the large numbers of zip64, in this order where there is no room for them elsewhere (APPNOTE §4.5.3).
    fn enlarge(&mut self, mut extra: &[u8]) {
        while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
            let Some((field, rest)) = extra.get(4..).and_then(|extra| extra.split_at_checked(length.into())) else {
                return;
            };
            extra = rest;
            if id == 1 {
                let mut large = field.chunks_exact(8).map(|octets| u64_at(octets, 0));
                for number in [&mut self.size, &mut self.packed, &mut self.offset] {
                    if *number == 0xffff_ffff {
                        *number = large.next().flatten().unwrap_or(*number);
                    }
                }
            }
        }
    }

    /// Finds the octets of the entry; returns also where it stands with its own header.
    fn locate(
        self,
        file: &'z [u8],
        directory: &Directory<'_>,
        limits: &Limits,
    ) -> Result<(Entry<'z>, Range<usize>), Unreadable> {
        if self.flags & 1 != 0 {
            return Err(Unreadable::new(Fault::Encrypted, "an entry of a zip file is encrypted"));
        }
        if !matches!(self.method, 0 | 8) {
            let method = self.method;
            return Err(Unreadable::new(
                Fault::Method,
                format!("an entry of a zip file is compressed by method {method}, not deflated"),
            ));
        }
        if self.size > limits.octets {
            let (size, most) = (self.size, limits.octets);
            return Err(Unreadable::new(
                Fault::Size,
                format!("an entry of a zip file says that it has {size} octets, more than {most}"),
            ));
        }
        let range = self
            .range(file, directory)
            .ok_or_else(|| Unreadable::new(Fault::Overlap, "an entry of a zip file lies where no entry can be"))?;
        let data = file.get(range.1..range.2).ok_or_else(|| broken("an entry has no octets"))?;
        let entry = Entry { name: self.name, data, is_deflated: self.method == 8, size: self.size, crc: self.crc };
        Ok((entry, range.0..range.2))
    }

    /// Returns where the entry, its data and its end are, all before the directory.
    fn range(&self, file: &[u8], directory: &Directory<'_>) -> Option<(usize, usize, usize)> {
        let start = usize::try_from(self.offset.checked_add(directory.before)?).ok()?;
        let header = file.get(start..)?.get(..30).filter(|header| header.starts_with(b"PK\x03\x04"))?;
        let data = start + 30 + usize::from(u16_at(header, 26)?) + usize::from(u16_at(header, 28)?);
        let end = data.checked_add(usize::try_from(self.packed).ok()?)?;
        (end <= directory.start).then_some((start, data, end))
    }
}

impl<'z> Entry<'z> {
    /// Begins to unpack it.
    pub(super) fn open(self, budget: &'z Budget) -> Unpacking<'z> {
        let data = Drawn::new(self.data, budget);
        let octets = if self.is_deflated { Packed::Deflated(DeflateDecoder::new(data)) } else { Packed::Stored(data) };
        Unpacking { octets, crc: Crc::new(), left: self.size, wanted: self.crc }
    }
}

/// An entry being unpacked, held to what the directory says of it.
pub(super) struct Unpacking<'z> {
    /// Its octets.
    octets: Packed<'z>,
    /// The checksum so far.
    crc: Crc,
    /// How many octets are still to come.
    left: u64,
    /// The checksum that has to come out.
    wanted: u32,
}

/// The octets of an entry.
enum Packed<'z> {
    /// As they are.
    Stored(Drawn<'z>),
    /// Deflated (RFC 1951).
    Deflated(DeflateDecoder<Drawn<'z>>),
}

impl Read for Unpacking<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let count = match &mut self.octets {
            Packed::Stored(octets) => octets.read(into)?,
            Packed::Deflated(octets) => octets.read(into)?,
        };
        self.crc.update(&into[..count]);
        match self.left.checked_sub(count as u64) {
            None => return Err(io::Error::other(broken("an entry has more octets than it says"))),
            Some(left) => self.left = left,
        }
        if count == 0 && self.left > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if count == 0 && self.crc.sum() != self.wanted {
            return Err(io::Error::other(broken("the checksum of an entry is wrong")));
        }
        Ok(count)
    }
}

/// Reads a number of two octets.
fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|chunk| u16::from_le_bytes(*chunk))
}

/// Reads a number of four octets.
fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().map(|chunk| u32::from_le_bytes(*chunk))
}

/// Reads a number of eight octets.
fn u64_at(octets: &[u8], at: usize) -> Option<u64> {
    octets.get(at..)?.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}
