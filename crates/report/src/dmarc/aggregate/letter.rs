//! The mail that carries an aggregate report (RFC 9990, Email transport)
//!
//! A sentence for people, and the report itself as `application/gzip`. Everything but the packed report is short ASCII: what is
//! not is refused, so that no name from outside becomes a field of the header.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{Timestamp, fmt::rfc2822, tz::TimeZone};

use super::write::Unwritable;

/// How many octets of base64 stand on a line (RFC 2045 §6.8).
const LINE: usize = 76;
/// The most octets of a line (RFC 5322 §2.1.1), less what stands around a value.
const LONGEST: usize = 900;

/// A mail with a report, before it is signed.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// The author's address.
    pub from: &'a str,
    /// The recipient's address.
    pub to: &'a str,
    /// The Subject, as [`super::write::subject`] makes it.
    pub subject: &'a str,
    /// When it is written.
    pub date: Timestamp,
    /// The Message-ID without its brackets.
    pub message_id: &'a str,
    /// What a person reads, lines ended by LF.
    pub text: &'a str,
    /// The name of the file, as [`super::write::file_name`] makes it.
    pub file_name: &'a str,
    /// The packed report.
    pub packed: &'a [u8],
}

impl Letter<'_> {
    /// Writes the mail. Given the same again, it is the same octet by octet.
    pub fn write(&self) -> Result<Vec<u8>, Unwritable> {
        let named = [
            ("From", self.from),
            ("To", self.to),
            ("Subject", self.subject),
            ("Message-ID", self.message_id),
            ("filename", self.file_name),
        ];
        for (element, value) in named {
            if !is_plain(value) {
                return Err(Unwritable { element, why: "it is no short ASCII" });
            }
        }
        let date = rfc2822::to_string(&self.date.to_zoned(TimeZone::UTC));
        let date = date.map_err(|_| Unwritable { element: "Date", why: "no mail was written then" })?;
        let boundary = self.boundary();
        let mut mail = String::with_capacity(self.packed.len() / 2 * 3 + 2048);
        for (name, value) in
            [("From", self.from), ("To", self.to), ("Subject", &*folded(self.subject)), ("Date", &*date)]
        {
            let _ = write!(mail, "{name}: {value}\r\n");
        }
        let _ = write!(
            mail,
            "Message-ID: <{}>\r\n\
             Auto-Submitted: auto-generated\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\
             \r\n\
             --{boundary}\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: base64\r\n\
             \r\n",
            self.message_id
        );
        // Base64 leaves no line that a relay may change, be it long or in Japanese.
        in_lines(&mut mail, self.text.replace('\n', "\r\n").as_bytes());
        let _ = write!(
            mail,
            "--{boundary}\r\n\
             Content-Type: application/gzip; name=\"{0}\"\r\n\
             Content-Disposition: attachment;\r\n filename=\"{0}\"\r\n\
             Content-Transfer-Encoding: base64\r\n\
             \r\n",
            self.file_name
        );
        in_lines(&mut mail, self.packed);
        let _ = write!(mail, "--{boundary}--\r\n");
        Ok(mail.into_bytes())
    }

    /// Returns what parts the parts: no line of base64 begins with a hyphen.
    fn boundary(&self) -> String {
        let id: String = self.message_id.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
        format!("report-{id}")
    }
}

/// Tells whether a value can stand in a header as it is.
fn is_plain(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= LONGEST
        && value.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'"' && b != b'\\')
}

/// Folds the Subject where its parts begin, as the example of the RFC does.
fn folded(subject: &str) -> String {
    subject.replacen(" Submitter:", "\r\n Submitter:", 1).replacen(" Report-ID:", "\r\n Report-ID:", 1)
}

/// Writes octets as lines of base64.
fn in_lines(mail: &mut String, octets: &[u8]) {
    for piece in octets.chunks(LINE / 4 * 3) {
        STANDARD.encode_string(piece, mail);
        mail.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Kind, Limits, open};

    /// A letter to somebody.
    fn letter<'a>(to: &'a str, packed: &'a [u8]) -> Letter<'a> {
        Letter {
            from: "dmarc@mx.example",
            to,
            subject: "Report Domain: example.org Submitter: mx.example Report-ID: <abc1>",
            date: Timestamp::UNIX_EPOCH,
            message_id: "1@mx.example",
            text: "hello\n",
            file_name: "mx.example!example.org!1!2!abc1.xml.gz",
            packed,
        }
    }

    #[test]
    fn our_own_reader_finds_the_report_in_it() {
        let packed = super::super::write::gzip(b"<?xml version=\"1.0\"?><feedback></feedback>");
        let mail = letter("rua@example.org", &packed).write().unwrap();
        assert_eq!(mail, letter("rua@example.org", &packed).write().unwrap());
        let text = String::from_utf8(mail.clone()).unwrap();
        assert!(text.lines().all(|line| line.len() <= 78), "{text}");
        assert!(
            text.contains("Subject: Report Domain: example.org\r\n Submitter: mx.example\r\n Report-ID: <abc1>\r\n")
        );
        let opened = open(&mail, &Limits::default()).unwrap();
        assert_eq!((opened.kind, opened.from_domain.as_deref()), (Kind::Aggregate, Some("mx.example")));
        assert_eq!(opened.subject.report_id.as_deref(), Some("abc1"));
        let candidate = &opened.candidates[0];
        assert_eq!(candidate.octets, packed);
        assert_eq!(candidate.content_type, "application/gzip");
        assert_eq!(candidate.name.as_deref(), Some("mx.example!example.org!1!2!abc1.xml.gz"));
    }

    #[test]
    fn nothing_from_outside_becomes_a_field() {
        for to in
            ["a@example.org\r\nBcc: b@example.org", "a@example.org\nX: y", "\u{fc}@example.org", "", "a\"b@example.org"]
        {
            assert_eq!(letter(to, b"").write().unwrap_err().element, "To", "{to:?}");
        }
        assert!(letter(&format!("{}@example.org", "a".repeat(LONGEST)), b"").write().is_err());
    }
}
