//! What is in the bytes of a report: the documents, however they are wrapped
//!
//! A document is read twice. The first reading tells whether all of it can be read, and what it says of itself; only then do
//! the rows of the second one count. So a report of a million rows needs no more room than one of ten.

use std::io::BufRead;

use sekisho_report::bounce::{self, Bounce};
use sekisho_report::dmarc::aggregate::{self, Head, Reader as Rows, Row};
use sekisho_report::mail::{self, Kind, ReportMail};
use sekisho_report::tls::{self, TlsReport};
use sekisho_report::unpack::{self, Content, Document, unpack};
use sekisho_report::unreadable::Unreadable;
use sekisho_report::warning::Warning;

/// The most reports of one delivery that are read.
const PARTS: usize = 16;

/// What was found in a delivery.
pub(super) struct Opened {
    /// The mail around it, where there is one.
    pub(super) mail: Option<ReportMail>,
    /// The reports that can be read, and where they stand.
    pub(super) found: Vec<Found>,
    /// The notice of what became of a mail, where it is one.
    pub(super) notice: Option<Bounce>,
    /// What cannot be read.
    pub(super) unreadable: Vec<Unreadable>,
}

/// A report that can be read.
pub(super) struct Found {
    /// In which candidate.
    candidate: usize,
    /// The how manieth document of it.
    document: usize,
    /// What it says.
    pub(super) what: What,
}

impl Found {
    /// Returns what was mended in it.
    pub(super) fn warnings(&self) -> impl Iterator<Item = &Warning> {
        match &self.what {
            What::Aggregate(report) => report.warnings.iter(),
            What::Tls(report) => report.warnings.iter(),
        }
    }
}

/// What a report says.
pub(super) enum What {
    /// A DMARC aggregate report.
    Aggregate(Box<aggregate::Report>),
    /// A TLS report.
    Tls(Box<TlsReport>),
}

/// Tells whether bytes look like a mail: a field, or the line of an mbox before one.
pub(super) fn is_mail(bytes: &[u8]) -> bool {
    let line = bytes.split(|octet| *octet == b'\n').next().unwrap_or_default();
    let name = line.split(|octet| *octet == b':').next().unwrap_or_default();
    let begins = name.first().is_some_and(u8::is_ascii_alphanumeric);
    begins && name.len() < line.len() && name.iter().all(u8::is_ascii_graphic)
}

/// Tells whether bytes are plainly an ordinary mail, and no report at all, whole or broken.
pub(super) fn is_ordinary(bytes: &[u8]) -> bool {
    is_mail(bytes) && mail::open(bytes, &mail::Limits::default()).is_ok_and(|mail| mail.is_ordinary())
}

impl Opened {
    /// Opens a delivery.
    pub(super) fn open(bytes: &[u8]) -> Opened {
        let mut opened = Opened { mail: None, found: Vec::new(), notice: None, unreadable: Vec::new() };
        if !is_mail(bytes) {
            opened.look_into(0, bytes);
            return opened;
        }
        match mail::open(bytes, &mail::Limits::default()) {
            Err(why) => opened.unreadable.push(why),
            Ok(mail) if mail.kind == Kind::Bounce => {
                match bounce::read(mail.notice.as_deref().unwrap_or_default(), mail.original.as_ref()) {
                    Ok(notice) => opened.notice = Some(notice),
                    Err(why) => opened.unreadable.push(why),
                }
                opened.mail = Some(mail);
            }
            Ok(mail) => {
                for (at, candidate) in mail.candidates.iter().enumerate() {
                    match &candidate.unreadable {
                        Some(why) => opened.unreadable.push(why.clone()),
                        None => opened.look_into(at, &candidate.octets),
                    }
                }
                if opened.found.is_empty() && opened.unreadable.is_empty() {
                    opened.unreadable.extend(mail.why_none());
                }
                opened.mail = Some(mail);
            }
        }
        opened
    }

    /// Returns the kind that a mail was found to be, where it is none that is read here.
    pub(super) fn other_kind(&self) -> Option<Kind> {
        let kind = self.mail.as_ref()?.kind;
        matches!(kind, Kind::Failure | Kind::Arf).then_some(kind)
    }

    /// Looks into one part.
    fn look_into(&mut self, candidate: usize, bytes: &[u8]) {
        let mut document = 0;
        let mut take = |one: Document<'_>| {
            let at = document;
            document += 1;
            if self.found.len() >= PARTS {
                return;
            }
            match read(one) {
                Ok(what) => self.found.push(Found { candidate, document: at, what }),
                Err(why) => self.unreadable.push(why),
            }
        };
        let ended = unpack(bytes, &unpack::Limits::default(), &mut take);
        self.unreadable.extend(ended.err());
    }
}

/// Reads a document to its end.
fn read(document: Document<'_>) -> Result<What, Unreadable> {
    match document.content {
        Content::Json => Ok(What::Tls(Box::new(tls::read(document.octets)?))),
        Content::Xml | Content::Other => {
            let limits = aggregate::Limits::default();
            Ok(What::Aggregate(Box::new(aggregate::read(document.octets, &limits, |_, _| {})?)))
        }
    }
}

/// Reads the rows of a report that was found in a delivery, until `take` has enough.
pub(super) fn rows<E>(
    bytes: &[u8],
    opened: &Opened,
    found: &Found,
    mut take: impl FnMut(&Head, &Row) -> Result<(), E>,
) -> Result<(), E> {
    let candidate = opened.mail.as_ref().and_then(|mail| mail.candidates.get(found.candidate));
    let bytes = candidate.map_or(bytes, |candidate| &candidate.octets);
    let (mut document, mut ended) = (0, Ok(()));
    // It was read before, so that whatever is wrong behind these rows is known.
    let _ = unpack(bytes, &unpack::Limits::default(), &mut |one: Document<'_>| {
        if document == found.document {
            ended = each_row(one.octets, &mut take);
        }
        document += 1;
    });
    ended
}

/// Reads rows until somebody has enough.
fn each_row<E>(octets: &mut dyn BufRead, take: &mut impl FnMut(&Head, &Row) -> Result<(), E>) -> Result<(), E> {
    let mut rows = Rows::new(octets, &aggregate::Limits::default());
    while rows.advance().unwrap_or(false) {
        take(rows.head(), rows.row())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_begins_with_a_field_and_a_document_does_not() {
        for mail in ["From: a@b.example\r\n", "Received: from x\n\tby y", "X:\n"] {
            assert!(is_mail(mail.as_bytes()), "{mail}");
        }
        for other in
            ["<?xml version=\"1.0\"?>", "<feedback xmlns=\"urn:x\">", "{\"a\": 1}", "\u{1f}\u{8b}", "PK", "", ": x"]
        {
            assert!(!is_mail(other.as_bytes()), "{other}");
        }
    }
}
