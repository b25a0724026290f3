//! What is in the bytes of a report: the documents, however they are wrapped
//!
//! A document is read twice. The first reading tells whether all of it can be read, and what it says of itself; only then do
//! the rows of the second one count. So a report of a million rows needs no more room than one of ten.

use std::io::BufRead;

use sekisho_report::bounce::{self, Bounce};
use sekisho_report::dmarc::aggregate::{self, Head, Reader as Rows, Row};
use sekisho_report::dmarc::failure::{self, FailureReport};
use sekisho_report::mail::{self, Kind, ReportMail};
use sekisho_report::tls::{self, TlsReport};
use sekisho_report::unpack::{self, Content, Document, unpack};
use sekisho_report::unreadable::{Fault, Unreadable};
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
    /// What came beside the reports and is none, such as a logo: worth a word only where nothing else was found.
    strangers: Vec<Unreadable>,
}

/// A report that can be read.
pub(super) struct Found {
    /// In which candidate.
    candidate: usize,
    /// The how manieth document of it.
    document: usize,
    /// In which of the mails within the mail it stands, if in one.
    pub(super) within: Option<usize>,
    /// What it says.
    pub(super) what: What,
}

impl Found {
    /// Returns what was mended in it.
    pub(super) fn warnings(&self) -> impl Iterator<Item = &Warning> {
        match &self.what {
            What::Aggregate(report) => report.warnings.iter(),
            What::Tls(report) => report.warnings.iter(),
            What::Failure(report) => report.warnings.iter(),
        }
    }
}

/// What a report says.
pub(super) enum What {
    /// A DMARC aggregate report.
    Aggregate(Box<aggregate::Report>),
    /// A TLS report.
    Tls(Box<TlsReport>),
    /// A report of an authentication failure.
    Failure(Box<FailureReport>),
}

/// Tells whether bytes look like a mail: a field, or the line of an mbox before one.
pub(super) fn is_mail(bytes: &[u8]) -> bool {
    let line = bytes.split(|octet| *octet == b'\n').next().unwrap_or_default();
    let name = line.split(|octet| *octet == b':').next().unwrap_or_default();
    let begins = name.first().is_some_and(u8::is_ascii_alphanumeric);
    begins && name.len() < line.len() && name.iter().all(u8::is_ascii_graphic)
}

/// Tells whether bytes begin like gzip.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Returns the mail or the mbox that is in gzip, where it is one.
pub(super) fn mails_in(packed: &[u8]) -> Option<Vec<u8>> {
    let mut mails = None;
    let ended = unpack(packed, &unpack::Limits::default(), &mut |document: Document<'_>| {
        let mut bytes = Vec::new();
        if document.content != Content::Other || mails.is_some() {
            return;
        }
        // What breaks off is no mailbox that anybody compressed: it is told where it is read.
        if document.octets.read_to_end(&mut bytes).is_ok() && (is_mail(&bytes) || bytes.starts_with(b"From ")) {
            mails = Some(bytes);
        }
    });
    ended.ok().and(mails)
}

/// Tells whether bytes are plainly an ordinary mail, and no report at all, whole or broken.
pub(super) fn is_ordinary(bytes: &[u8]) -> bool {
    is_mail(bytes) && mail::open(bytes, &mail::Limits::default()).is_ok_and(|mail| mail.is_ordinary())
}

impl Opened {
    /// Opens a delivery.
    pub(super) fn open(bytes: &[u8]) -> Opened {
        let (found, unreadable) = (Vec::new(), Vec::new());
        let mut opened = Opened { mail: None, found, notice: None, unreadable, strangers: Vec::new() };
        if !is_mail(bytes) {
            opened.look_into((0, None), bytes);
            opened.welcome_strangers();
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
            Ok(mut mail) if mail.kind == Kind::Failure => {
                match failure::read(mail.feedback.as_deref().unwrap_or_default(), mail.original.take()) {
                    Ok(report) => {
                        let (what, within) = (What::Failure(Box::new(report)), mail.feedback_within);
                        opened.found.push(Found { candidate: 0, document: 0, within, what });
                    }
                    Err(why) => opened.unreadable.push(why),
                }
                // Whatever else comes with it is no such report, but where it looks like one.
                for (at, candidate) in mail.candidates.iter().enumerate().filter(|(_, one)| one.kind != Kind::None) {
                    opened.look_into((at, candidate.within), &candidate.octets);
                }
                if mail.has_more_feedback {
                    let why = "more than one failure report came together; the rest is not read";
                    note(&mut opened.unreadable, Unreadable::new(Fault::Entries, why));
                }
                opened.mail = Some(mail);
            }
            Ok(mail) => {
                for (at, candidate) in mail.candidates.iter().enumerate() {
                    match &candidate.unreadable {
                        Some(why) => opened.unreadable.push(why.clone()),
                        None => opened.look_into((at, candidate.within), &candidate.octets),
                    }
                }
                opened.welcome_strangers();
                if opened.found.is_empty() && opened.unreadable.is_empty() {
                    opened.unreadable.extend(mail.why_none());
                }
                opened.mail = Some(mail);
            }
        }
        opened
    }

    /// Returns a mail within the mail, as it was sent.
    pub(super) fn inner(&self, at: usize) -> &[u8] {
        self.mail.as_ref().and_then(|mail| mail.inner.get(at)).map_or(&[], Vec::as_slice)
    }

    /// Returns how many octets such mails have.
    pub(super) fn inner_octets(&self) -> usize {
        self.mail.iter().flat_map(|mail| &mail.inner).map(Vec::len).sum()
    }

    /// Tells whether it is feedback of people, which is not read here.
    pub(super) fn is_complaint(&self) -> bool {
        self.mail.as_ref().is_some_and(|mail| mail.kind == Kind::Arf)
    }

    /// Looks into one part.
    fn look_into(&mut self, (candidate, within): (usize, Option<usize>), bytes: &[u8]) {
        let mut document = 0;
        let mut take = |one: Document<'_>| {
            let at = document;
            document += 1;
            if self.found.len() >= PARTS {
                let why = format!("more than {PARTS} reports came together; the rest is not read");
                note(&mut self.unreadable, Unreadable::new(Fault::Entries, why));
                return;
            }
            let is_unlike = one.content == Content::Other;
            match read(one) {
                Ok(what) => self.found.push(Found { candidate, document: at, within, what }),
                Err(why) if is_unlike && why.fault == Fault::NotAReport => self.strangers.push(why),
                Err(why) => note(&mut self.unreadable, why),
            }
        };
        if let Err(why) = unpack(bytes, &unpack::Limits::default(), &mut take) {
            note(&mut self.unreadable, why);
        }
    }

    /// Says of what is no report that it is none, where nothing else came.
    fn welcome_strangers(&mut self) {
        if self.found.is_empty() {
            self.unreadable.append(&mut self.strangers);
        }
    }
}

/// Notes why something cannot be read, once for each thing that is wrong: a stream and its reader name the same.
fn note(unreadable: &mut Vec<Unreadable>, why: Unreadable) {
    if !unreadable.iter().any(|known| known.fault == why.fault) {
        unreadable.push(why);
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
    // Some write rows before what the report says of itself, and that is known since the first reading.
    let What::Aggregate(report) = &found.what else { return Ok(()) };
    let (head, mut document, mut ended) = (&report.head, 0, Ok(()));
    // It was read before, so that whatever is wrong behind these rows is known.
    let _ = unpack(bytes, &unpack::Limits::default(), &mut |one: Document<'_>| {
        if document == found.document {
            ended = each_row(one.octets, head, &mut take);
        }
        document += 1;
    });
    ended
}

/// Reads rows until somebody has enough.
fn each_row<E>(
    octets: &mut dyn BufRead,
    head: &Head,
    take: &mut impl FnMut(&Head, &Row) -> Result<(), E>,
) -> Result<(), E> {
    let mut rows = Rows::new(octets, &aggregate::Limits::default());
    while rows.advance().unwrap_or(false) {
        take(head, rows.row())?;
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
