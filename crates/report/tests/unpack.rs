//! Unpacking: what is around a document, and what lies about itself.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use sekisho_report::unpack::{Content, Limits, unpack};
use sekisho_report::unreadable::{Fault, Unreadable};

/// A document.
const XML: &[u8] = b"<feedback>\n</feedback>\n";

/// Packs octets with gzip.
pub(crate) fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(octets).unwrap();
    packed.finish().unwrap()
}

/// Encodes octets in base64 with lines.
fn base64(octets: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(octets);
    text.as_bytes().chunks(76).collect::<Vec<_>>().join(&b"\r\n"[..])
}

/// An entry of a zip file, as honest or not as a test wants it.
#[derive(Clone)]
pub(crate) struct Entry {
    /// What it is called.
    pub(crate) name: Vec<u8>,
    /// Its compressed octets.
    pub(crate) data: Vec<u8>,
    /// How they are compressed.
    pub(crate) method: u16,
    /// Flags.
    pub(crate) flags: u16,
    /// The size that is told.
    pub(crate) size: u64,
    /// The checksum that is told.
    pub(crate) crc: u32,
    /// Where the entry is told to be; where it is, if nothing.
    pub(crate) offset: Option<u32>,
    /// Whether sizes stand in a zip64 field.
    pub(crate) is_large: bool,
}

impl Entry {
    /// Makes an honest entry.
    pub(crate) fn new(name: &str, octets: &[u8]) -> Entry {
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
        packed.write_all(octets).unwrap();
        let mut crc = flate2::Crc::new();
        crc.update(octets);
        let (name, data, size) = (name.as_bytes().to_vec(), packed.finish().unwrap(), octets.len() as u64);
        Entry { name, data, method: 8, flags: 0, size, crc: crc.sum(), offset: None, is_large: false }
    }
}

/// Writes a zip file; `count` is the number of entries that it tells.
pub(crate) fn zip(entries: &[Entry], count: Option<u16>) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    let short = |length: usize| u16::try_from(length).unwrap().to_le_bytes();
    let long = |length: usize| u32::try_from(length).unwrap().to_le_bytes();
    for entry in entries {
        let offset = entry.offset.map_or(long(file.len()), u32::to_le_bytes);
        let size = if entry.is_large { [0xff; 4] } else { long(usize::try_from(entry.size).unwrap()) };
        let sizes = [entry.crc.to_le_bytes(), long(entry.data.len()), size].concat();
        let start = [&entry.flags.to_le_bytes()[..], &entry.method.to_le_bytes(), &[0; 4], &sizes].concat();
        let mut extra = Vec::new();
        if entry.is_large {
            extra = [&[1, 0, 8, 0][..], &entry.size.to_le_bytes()].concat();
        }
        file.extend(
            [b"PK\x03\x04\x14\0", &start[..], &short(entry.name.len()), &[0, 0], &entry.name, &entry.data].concat(),
        );
        let lengths = [short(entry.name.len()), short(extra.len())].concat();
        directory
            .extend([b"PK\x01\x02\x14\0\x14\0", &start[..], &lengths, &[0; 10], &offset, &entry.name, &extra].concat());
    }
    let count = count.unwrap_or(u16::try_from(entries.len()).unwrap()).to_le_bytes();
    let end = [b"PK\x05\x06\0\0\0\0", &count[..], &count, &long(directory.len()), &long(file.len()), &[0, 0]].concat();
    [file, directory, end].concat()
}

/// A document that came out: its name, what it seems to be, and its octets or why there are none.
pub(crate) type Found = (Option<String>, Content, Result<Vec<u8>, String>);

/// Unpacks everything.
pub(crate) fn all(file: &[u8]) -> (Vec<Found>, Result<(), Unreadable>) {
    let mut found = Vec::new();
    let end = unpack(file, &Limits::default(), &mut |document| {
        let mut octets = Vec::new();
        let read = document.octets.read_to_end(&mut octets).map(|_| octets).map_err(|error| error.to_string());
        found.push((document.name, document.content, read));
    });
    (found, end)
}

/// Unpacks a file in which there is one document.
fn one(file: &[u8]) -> Vec<u8> {
    let (mut found, end) = all(file);
    end.unwrap();
    assert_eq!(found.len(), 1);
    found.pop().unwrap().2.unwrap()
}

/// Returns the fault of a file that cannot be unpacked.
fn fault(file: &[u8]) -> Fault {
    all(file).1.unwrap_err().fault
}

#[test]
fn documents_come_out_of_everything_that_is_packed_around_them() {
    let zipped = |octets: &[u8]| zip(&[Entry::new("a.xml", octets)], None);
    for file in [
        XML.to_vec(),
        gzip(XML),
        gzip(&gzip(XML)),
        zipped(XML),
        zipped(&gzip(XML)),
        gzip(&zipped(XML)),
        base64(XML),
        base64(&base64(&gzip(XML))),
        gzip(&base64(XML)),
        [gzip(&XML[..5]), gzip(&XML[5..])].concat(),
        [gzip(XML), b"\n\n".to_vec()].concat(),
        [&zipped(XML), &b"trailing"[..]].concat(),
        [&b"#!/bin/sh\n"[..], &[]].concat().into_iter().chain(XML.to_vec()).skip(10).collect(),
    ] {
        assert_eq!(one(&file), XML, "{}", file.escape_ascii());
    }
}

#[test]
fn stored_entries_large_sizes_and_folders_are_read() {
    let mut stored = Entry::new("a.xml", XML);
    (stored.data, stored.method) = (XML.to_vec(), 0);
    assert_eq!(one(&zip(&[stored], None)), XML);
    let large = Entry { is_large: true, ..Entry::new("a.xml", XML) };
    assert_eq!(one(&zip(&[large], None)), XML);
    let folder = Entry { data: Vec::new(), method: 0, size: 0, crc: 0, ..Entry::new("folder/", b"") };
    let (found, end) = all(&zip(&[folder, Entry::new("folder/a.xml", XML), Entry::new("b.json", b"{}")], None));
    end.unwrap();
    let expected = [
        (Some("folder/a.xml".into()), Content::Xml, Ok(XML.to_vec())),
        (Some("b.json".into()), Content::Json, Ok(b"{}".to_vec())),
    ];
    assert_eq!(found, expected);
}

#[test]
fn names_in_archives_are_only_shown() {
    for (name, shown) in [
        ("../../etc/cron.d/x", "../../etc/cron.d/x"),
        ("/etc/passwd", "/etc/passwd"),
        ("a\0b\x1b[2J", "a\\x00b\\x1b[2J"),
        ("..\\a\u{202e}fdp.exe", "..\\a\\u{202e}fdp.exe"),
    ] {
        let (found, end) = all(&zip(&[Entry::new(name, XML)], None));
        end.unwrap();
        assert_eq!(found, [(Some(shown.to_owned()), Content::Xml, Ok(XML.to_vec()))]);
    }
}

#[test]
fn archives_that_lie_are_refused() {
    let honest = Entry::new("a.xml", XML);
    assert_eq!(fault(&zip(&[Entry { flags: 1, ..honest.clone() }], None)), Fault::Encrypted);
    assert_eq!(fault(&zip(&[Entry { method: 14, ..honest.clone() }], None)), Fault::Method);
    assert_eq!(fault(&zip(&[honest.clone(), Entry { offset: Some(0), ..honest.clone() }], None)), Fault::Overlap);
    assert_eq!(fault(&zip(&[Entry { offset: Some(4000), ..honest.clone() }], None)), Fault::Overlap);
    assert_eq!(fault(&zip(&[Entry { size: u64::MAX, is_large: true, ..honest.clone() }], None)), Fault::Size);
    assert_eq!(fault(&zip(&vec![honest.clone(); 17], None)), Fault::Entries);
    assert_eq!(fault(&zip(&vec![honest.clone(); 17], Some(1))), Fault::Entries);
    assert_eq!(fault(&zip(std::slice::from_ref(&honest), Some(2))), Fault::Corrupt);
    assert_eq!(fault(b"PK\x03\x04 nothing else"), Fault::Corrupt);
    for lie in [Entry { size: 3, ..honest.clone() }, Entry { size: 300, ..honest.clone() }, Entry { crc: 1, ..honest }]
    {
        let (found, _) = all(&zip(&[lie], None));
        assert!(found.iter().all(|(_, _, read)| read.is_err()), "{found:?}");
    }
}

#[test]
fn damaged_octets_are_told() {
    let mut broken = gzip(&XML.repeat(500));
    let middle = broken.len() / 2;
    broken[middle] ^= 0x55;
    let (found, end) = all(&broken);
    assert!(end.is_err() || found[0].2.is_err());
    assert_eq!(fault(b""), Fault::Empty);
    assert_eq!(fault(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff]), Fault::Corrupt);
    assert_eq!(fault(&gzip(XML)[..8]), Fault::Truncated);
}

#[test]
fn layers_have_an_end() {
    let mut file = XML.to_vec();
    (0..5).for_each(|_| file = gzip(&file));
    assert_eq!(fault(&file), Fault::Layers);
}
