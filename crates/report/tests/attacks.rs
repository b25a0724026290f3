//! Attacks #14 to #17 and #19: each is refused or read within its bounds. Times are measured in the benchmarks.

use std::io::{self, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sekisho_report::dmarc::aggregate::{self, Limits};
use sekisho_report::mail::{self, Kind};
use sekisho_report::unpack::unpack;
use sekisho_report::unreadable::{Fault, Unreadable};

use crate::aggregate::{PLAIN, read};
use crate::unpack::{Entry, all, gzip, zip};

/// Returns a megabyte of gzip that a gigabyte of spaces comes out of: one megabyte is packed, and repeated.
fn bomb() -> Vec<u8> {
    let mut packer = flate2::Compress::new(flate2::Compression::best(), false);
    let (mut piece, spaces) = (Vec::with_capacity(1 << 16), vec![b' '; 1 << 20]);
    packer.compress_vec(&spaces, &mut piece, flate2::FlushCompress::Full).unwrap();
    assert_eq!(packer.total_in(), 1 << 20);
    [&b"\x1f\x8b\x08\0\0\0\0\0\0\xff"[..], &piece.repeat(1024)].concat()
}

/// Returns how many octets came out, and why no more.
fn comes_out(file: &[u8]) -> (u64, Unreadable) {
    let mut count = 0;
    let end = unpack(file, &Default::default(), &mut |document| {
        let mut piece = [0; 4096];
        while let Ok(read @ 1..) = document.octets.read(&mut piece) {
            count += read as u64;
        }
    });
    (count, end.unwrap_err())
}

#[test]
fn a_megabyte_that_unpacks_to_a_gigabyte_is_refused_at_the_first_megabyte() {
    let file = bomb();
    assert!(file.len() > 900_000 && file.len() < 1_200_000, "{}", file.len());
    for file in [file.clone(), gzip(&file), STANDARD.encode(&file).into_bytes()] {
        let (count, refused) = comes_out(&file);
        assert_eq!(refused.fault, Fault::Ratio, "{refused}");
        assert!(count <= 1_000_000, "{count}");
    }
    // The reader of reports hears the same reason from its stream.
    let mut read = None;
    let end = unpack(&file, &Default::default(), &mut |document| {
        read = Some(aggregate::read(document.octets, &Limits::default(), |_, _| {}).unwrap_err());
    });
    assert_eq!(end.as_ref().unwrap_err().fault, Fault::Ratio);
    assert_eq!(read.unwrap().fault, Fault::Ratio);
}

#[test]
fn what_is_packed_no_more_than_a_hundred_times_is_refused_at_25_megabytes() {
    // Numbers one after the other: an eighth of their size in gzip, all the way.
    let text: String = (0..2_800_000).map(|number| format!("{number:08}\n")).collect();
    let packed = gzip(text.as_bytes());
    for file in [packed.clone(), STANDARD.encode(&packed).into_bytes()] {
        let (count, refused) = comes_out(&file);
        assert_eq!(refused.fault, Fault::Size, "{refused}");
        assert!((25_000_000 - file.len() as u64..=25_000_000).contains(&count), "{count}");
    }
}

#[test]
fn a_small_file_unpacks_to_no_more_than_a_hundred_times_its_size() {
    let file = gzip(&vec![b' '; 20_000_000]);
    let (count, refused) = comes_out(&file);
    assert_eq!(refused.fault, Fault::Ratio);
    assert!(count <= 100 * file.len() as u64, "{count} of {}", file.len());
}

#[test]
fn archives_of_very_many_entries_or_members_are_refused_at_the_first_ones() {
    let many = zip(&vec![Entry::new("a.xml", b"<a/>"); 65_000], None);
    let claimed = zip(&vec![Entry::new("a.xml", b"<a/>"); 65_000], Some(3));
    for file in [many, claimed] {
        let (found, end) = all(&file);
        assert_eq!((found.len(), end.unwrap_err().fault), (0, Fault::Entries));
    }
    let (_, refused) = comes_out(&gzip(b" ").repeat(50_000));
    assert_eq!(refused.fault, Fault::Entries);
}

#[test]
fn a_bomb_in_a_zip_file_is_refused_whatever_size_it_tells() {
    let honest = Entry::new("a.xml", &vec![b' '; 30_000_000]);
    for size in [10, 24_000_000, 30_000_000] {
        let (count, refused) = comes_out_or_breaks(&zip(&[Entry { size, ..honest.clone() }], None));
        assert!(count <= 25_000_000 && refused, "{count} of {size}");
    }
}

/// Returns how many octets came out, and whether their end was a fault.
fn comes_out_or_breaks(file: &[u8]) -> (u64, bool) {
    let (mut count, mut is_broken) = (0, false);
    let end = unpack(file, &Default::default(), &mut |document| {
        let copied = io::copy(&mut document.octets.take(u64::MAX), &mut io::sink());
        is_broken |= copied.is_err();
        count += copied.unwrap_or_default();
    });
    (count, is_broken || end.is_err())
}

#[test]
fn entities_are_never_expanded() {
    let laughs = "<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;&lol;\">]><feedback>&lol2;</feedback>";
    let outside = "<!DOCTYPE feedback SYSTEM \"file:///etc/passwd\"><feedback/>";
    let late = PLAIN.replacen("<feedback>", "<feedback><!DOCTYPE x>", 1);
    for text in [laughs, outside, &late] {
        assert_eq!(read(text).unwrap_err().fault, Fault::Doctype, "{text}");
    }
}

#[test]
fn attributes_depth_and_long_tags_have_a_bound() {
    let attributes = |count: usize| (0..count).map(|n| format!(" a{n}='x'")).collect::<String>();
    let with = |attributes: &str| PLAIN.replacen("<row>", &format!("<row{attributes}>"), 1);
    assert!(read(with(&attributes(64))).is_ok());
    assert_eq!(read(with(&attributes(65))).unwrap_err().fault, Fault::Attributes);
    assert_eq!(read(with(&attributes(1_000_000))).unwrap_err().fault, Fault::Long);
    assert_eq!(read(with(&" x='".repeat(1_000_000))).unwrap_err().fault, Fault::Long);
    let deep = "<feedback>".to_owned() + &"<a>".repeat(100_000);
    assert_eq!(read(&deep).unwrap_err().fault, Fault::Depth);
    assert_eq!(read(format!("<feedback><{}/>", "n".repeat(300))).unwrap_err().fault, Fault::Long);
    assert_eq!(read(format!("<feedback><!--{}", "x".repeat(2_000_000))).unwrap_err().fault, Fault::Long);
}

/// A report of that many rows that exists nowhere as a whole.
fn endless(rows: usize) -> impl Read {
    let record = PLAIN.find("  <record>").unwrap();
    let end = PLAIN.find("</feedback>").unwrap();
    let (head, record, end) = (&PLAIN[..record], &PLAIN[record..end], &PLAIN[end..]);
    /// Repeats a text without room for the repetitions.
    struct Again {
        /// The text.
        text: &'static str,
        /// How many octets are still to come.
        left: usize,
    }
    impl Read for Again {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let start = (self.text.len() - self.left % self.text.len()) % self.text.len();
            let count = into.len().min(self.left).min(self.text.len() - start);
            into[..count].copy_from_slice(&self.text.as_bytes()[start..start + count]);
            self.left -= count;
            Ok(count)
        }
    }
    head.as_bytes().chain(Again { text: record, left: record.len() * rows }).chain(end.as_bytes())
}

#[test]
fn rows_without_end_come_one_by_one() {
    let mut rows = 0_u64;
    let report = aggregate::read(endless(100_000), &Limits::default(), |_, row| rows += row.count / 7).unwrap();
    assert_eq!((rows, report.rows, report.messages), (100_000, 100_000, 700_000));
    assert!(report.warnings.is_empty());
}

#[test]
fn mails_that_nest_without_end_are_refused_before_they_are_opened() {
    let rfc822 = |levels: usize| "Content-Type: message/rfc822\r\n\r\n".repeat(levels) + "hello\r\n";
    let multipart: String =
        (0..200_000).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n")).collect();
    let wide = "Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_owned() + &"--b\r\n\r\nx\r\n".repeat(500_000);
    let hidden = STANDARD.encode(rfc822(20_000));
    let hidden = format!("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{hidden}\r\n");
    let header = "From: a@b.example\r\n".to_owned() + &"X: y\r\n".repeat(100_000) + "\r\n";
    for mail in [rfc822(100), rfc822(20_000), rfc822(200_000), multipart, wide, hidden, header] {
        let refused = mail::open(mail.as_bytes(), &mail::Limits::default()).unwrap_err();
        assert_eq!(refused.fault, Fault::MailStructure, "{refused}");
    }
}

#[test]
fn large_encoded_parts_are_decoded_in_one_pass() {
    let start = "From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: ";
    let octets = vec![b'x'; 18_000_000];
    let encoded = STANDARD.encode(&octets);
    let lines: Vec<&[u8]> = encoded.as_bytes().chunks(76).collect();
    let base64 = [
        format!("{start}application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n").as_bytes(),
        &lines.join(&b"\r\n"[..]),
    ]
    .concat();
    let opened = mail::open(&base64, &mail::Limits::default()).unwrap();
    assert_eq!((opened.kind, opened.candidates[0].octets.len()), (Kind::None, octets.len()));

    let soft = format!(
        "{start}text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}",
        "=\r\n".repeat(8_000_000)
    );
    assert_eq!(mail::open(soft.as_bytes(), &mail::Limits::default()).unwrap().kind, Kind::None);
    for charset in ["utf-7", "iso-2022-jp"] {
        let escapes = if charset == "utf-7" { "+AGE-" } else { "\x1b$B\x1b(B" }.repeat(2_000_000);
        let mail = format!("{start}text/plain; charset={charset}\r\n\r\n{escapes}");
        assert_eq!(mail::open(mail.as_bytes(), &mail::Limits::default()).unwrap().kind, Kind::None);
    }
    assert_eq!(mail::open(&vec![b'x'; 40_000_001], &mail::Limits::default()).unwrap_err().fault, Fault::Size);
}
