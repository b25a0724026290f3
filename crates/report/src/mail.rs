//! The mails that bring reports: what kind of report is in there, and where
//!
//! The kind is told by what the parts hold; what they are called and declared to be counts for nothing, since senders err. No
//! recursive parser sees a mail before the bounded pre-scan of `sekisho-mail` has found it harmless.

use std::borrow::Cow;
use std::io::Read as _;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::{Encoding, Message, MessageParser, MessagePart, MimeHeaders as _, PartType};
use sekisho_core::visible::Visible;
use sekisho_mail::prescan::{self, Excess, PreScan};

use crate::bounce;
use crate::dmarc::failure::Original;
use crate::fields::{fields, without_comments};
use crate::unpack::{self, Content, unpack};
use crate::unreadable::{Fault, Unreadable};

/// How many parts may be looked into.
const CANDIDATES: usize = 16;
/// How many octets of a document are looked at to tell what it is.
const START: u64 = 4096;

/// What a mail may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many octets it may have.
    pub octets: usize,
    /// What its structure may be.
    pub structure: prescan::Limits,
    /// What may come out of its attachments.
    pub unpack: unpack::Limits,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { octets: 40_000_000, structure: prescan::Limits::default(), unpack: unpack::Limits::default() }
    }
}

/// Kinds of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A DMARC aggregate report.
    Aggregate,
    /// A report of an authentication failure.
    Failure,
    /// A TLS report.
    Tls,
    /// Feedback of another type: a complaint, for example.
    Arf,
    /// A notice of what became of a mail, which may be one of ours (RFC 3464).
    Bounce,
    /// None that is known.
    None,
}

/// A mail that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportMail {
    /// What kind of report it brings.
    pub kind: Kind,
    /// The domain of its author, as it stands in the mail: nothing vouches for it.
    pub from_domain: Option<String>,
    /// What its Subject says of the report.
    pub subject: SubjectFacts,
    /// What the field `TLS-Report-Domain` says.
    pub tls_domain: Option<String>,
    /// What the field `TLS-Report-Submitter` says.
    pub tls_submitter: Option<String>,
    /// The parts that may hold the report, the likeliest first.
    pub candidates: Vec<Candidate>,
    /// The fields of the feedback report.
    pub feedback: Option<Vec<u8>>,
    /// In which of the inner mails that report stands, if in one.
    pub feedback_within: Option<usize>,
    /// Whether there are more such reports, which are not read.
    pub has_more_feedback: bool,
    /// The fields of the notice of what became of a mail.
    pub notice: Option<Vec<u8>>,
    /// The mail that the feedback or the notice is about.
    pub original: Option<Original>,
    /// Mails within the mail, as they were sent: a bounce or a forward brings what others wrote. Who sent the one vouches for
    /// nothing in the other, which has to prove itself whose it is; one that is empty was too much to keep.
    pub inner: Vec<Vec<u8>>,
}

/// What a Subject says: `Report Domain: … Submitter: … Report-ID: <…>` (RFC 9990, RFC 8460 §5.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectFacts {
    /// The domain that is reported on.
    pub domain: Option<String>,
    /// Who reports.
    pub submitter: Option<String>,
    /// The report's name.
    pub report_id: Option<String>,
}

/// A part that may hold a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What it is called, made harmless: for people only.
    pub name: Option<String>,
    /// What it is declared to be.
    pub content_type: String,
    /// What it holds by its looks.
    pub kind: Kind,
    /// In which of the inner mails it stands, if in one.
    pub within: Option<usize>,
    /// Why it could not be looked into.
    pub unreadable: Option<Unreadable>,
    /// Its octets, decoded from what the mail wraps them in: for [`crate::unpack`].
    pub octets: Vec<u8>,
}

impl Candidate {
    /// Tells whether a part claims to be a report by its type or its name, or cannot be looked into.
    fn looks_like_one(&self) -> bool {
        let (kind, name) = (self.content_type.to_ascii_lowercase(), self.name.as_deref().unwrap_or_default());
        let name = name.to_ascii_lowercase();
        let is_type = ["xml", "gzip", "zip", "json", "tlsrpt"].iter().any(|word| kind.contains(word));
        let is_name = [".xml", ".gz", ".zip", ".json"].iter().any(|end| name.ends_with(end));
        // The modern documents of offices are zip files full of XML, and say so in their types.
        self.unreadable.is_some() || is_name || is_type && !kind.contains("officedocument")
    }
}

/// Opens a mail. Where a feedback report brings a mail whose structure is too much, as much of that is left out.
pub fn open(mail: &[u8], limits: &Limits) -> Result<ReportMail, Unreadable> {
    let why = match check_structure(mail, limits) {
        Ok(()) => return open_sound(mail, limits),
        Err(why) => why,
    };
    // Who forges a mail shall not make the report on it unreadable.
    let short = Some(&why).filter(|why| why.fault == Fault::MailStructure).and_then(|_| without_returned(mail));
    match short {
        Some(short) if check_structure(&short, limits).is_ok() => open_sound(&short, limits),
        _ => Err(why),
    }
}

/// Returns a feedback report with no more than the header of the mail that it is about (RFC 5965 §2); nothing where it is none.
fn without_returned(mail: &[u8]) -> Option<Vec<u8>> {
    /// How many octets of that header are kept.
    const HEADER: usize = 64 * 1024;
    let (_, value) = fields(mail).find(|(name, _)| name.eq_ignore_ascii_case("content-type"))?;
    let declared = value.to_ascii_lowercase();
    let at = declared
        .find("boundary=")
        .filter(|_| declared.starts_with("multipart/report") && declared.contains("feedback-report"))?;
    let said = value.get(at + "boundary=".len()..)?;
    let boundary = match said.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => said.split([';', ' ']).next()?,
    };
    let delimiter = format!("\n--{boundary}");
    // The third part is the mail: behind its own fields stand those of the mail.
    let third = memchr::memmem::find_iter(mail, delimiter.as_bytes()).nth(2).filter(|_| !boundary.is_empty())?;
    let behind = third + header_length(mail.get(third + 1..)?)? + 1;
    let returned = mail.get(behind..)?;
    let kept = header_length(returned).unwrap_or(returned.len()).min(HEADER);
    let line = memchr::memrchr(b'\n', returned.get(..kept)?).map_or(0, |at| at + 1);
    let begin = format!("--{boundary}\r\nContent-Type: text/rfc822-headers\r\n\r\n");
    let end = format!("\r\n--{boundary}--\r\n");
    Some([mail.get(..=third)?, begin.as_bytes(), returned.get(..line)?, end.as_bytes()].concat())
}

/// Returns how many octets a header has with the empty line behind it; nothing where there is none.
fn header_length(octets: &[u8]) -> Option<usize> {
    let ends = memchr::memchr_iter(b'\n', octets);
    ends.map(|at| at + 1).find_map(|next| match octets.get(next..)? {
        [b'\n', ..] => Some(next + 1),
        [b'\r', b'\n', ..] => Some(next + 2),
        _ => None,
    })
}

/// Opens a mail whose structure is within bounds.
fn open_sound(mail: &[u8], limits: &Limits) -> Result<ReportMail, Unreadable> {
    let message = MessageParser::default()
        .parse(mail)
        .filter(|message| !message.parts.is_empty())
        .ok_or_else(|| Unreadable::new(Fault::NotAReport, "this is no mail"))?;
    let mut opening = Opening::new(limits);
    // A notice speaks for itself: one that somebody forwards is a mail like any other.
    if is_report_of(&message, "delivery-status") {
        opening.look_for_notice(&message);
    }
    if opening.notice.is_none() {
        opening.look(&message, None);
    }
    let Opening { mut candidates, feedback, feedback_within, has_more_feedback, notice, original, inner, .. } = opening;
    candidates.sort_by_key(|candidate| (candidate.kind == Kind::None, candidate.within.is_some()));
    let kind = match (&notice, &feedback, candidates.first()) {
        (Some(_), ..) => Kind::Bounce,
        (None, Some(feedback), _) => feedback_kind(feedback),
        (None, None, Some(candidate)) => candidate.kind,
        (None, None, None) => Kind::None,
    };
    let text = |name: &'static str| message.header_raw(name).map(|value| Visible(value.trim().as_bytes()).to_string());
    Ok(ReportMail {
        kind,
        from_domain: from_domain(&message),
        subject: SubjectFacts::read(message.subject().unwrap_or_default()),
        tls_domain: text("TLS-Report-Domain"),
        tls_submitter: text("TLS-Report-Submitter"),
        candidates,
        feedback,
        feedback_within,
        has_more_feedback,
        notice,
        original,
        inner,
    })
}

impl ReportMail {
    /// Tells whether this is plainly an ordinary mail: neither its parts nor its fields have anything of a report, whole or
    /// broken. Nor is a notice about a mail that was no report of its own.
    pub fn is_ordinary(&self) -> bool {
        let Self { subject, tls_domain, tls_submitter, candidates, feedback, notice, original, .. } = self;
        if notice.is_some() {
            return !original.as_ref().is_some_and(bounce::is_about_report);
        }
        let has_field = subject.domain.is_some() || tls_domain.is_some() || tls_submitter.is_some();
        self.kind == Kind::None && feedback.is_none() && !has_field && !candidates.iter().any(Candidate::looks_like_one)
    }

    /// Returns why there is no report that could be read, where there is none.
    pub fn why_none(&self) -> Option<Unreadable> {
        if self.kind != Kind::None {
            return None;
        }
        let broken = self.candidates.iter().find_map(|candidate| candidate.unreadable.clone());
        Some(broken.unwrap_or_else(|| match self.candidates.is_empty() {
            true => Unreadable::new(Fault::PlainText, "the mail has text only: no part of it is a report"),
            false => Unreadable::new(Fault::NotAReport, "no part of the mail is a report"),
        }))
    }
}

impl SubjectFacts {
    /// Reads a Subject that was decoded and unfolded.
    pub fn read(subject: &str) -> SubjectFacts {
        let mut facts = SubjectFacts::default();
        let mut words = subject.split_whitespace().peekable();
        let mut before = "";
        while let Some(word) = words.next() {
            let name = word.to_ascii_lowercase();
            // The value may stand right behind the colon.
            let (name, rest) =
                name.split_once(':').map_or((name.as_str(), None), |(name, _)| (name, word.split_once(':')));
            let place = match name {
                "domain" if before.eq_ignore_ascii_case("report") => &mut facts.domain,
                "submitter" => &mut facts.submitter,
                "report-id" => &mut facts.report_id,
                _ => {
                    before = word;
                    continue;
                }
            };
            before = word;
            let value = match rest {
                Some((_, "")) => words.next_if(|word| !word.ends_with(':')),
                Some((_, value)) => Some(value),
                None => None,
            };
            let bare = value.map(|value| value.trim_start_matches('<').trim_end_matches('>'));
            if let (Some(value), None) = (bare.filter(|value| !value.is_empty()), &place) {
                *place = Some(Visible(value.as_bytes()).to_string());
            }
        }
        for domain in [&mut facts.domain, &mut facts.submitter].into_iter().flatten() {
            domain.make_ascii_lowercase();
        }
        facts
    }
}

/// Refuses a mail whose structure no recursive parser should see.
fn check_structure(mail: &[u8], limits: &Limits) -> Result<(), Unreadable> {
    if mail.len() > limits.octets {
        let (length, most) = (mail.len(), limits.octets);
        return Err(Unreadable::new(Fault::Size, format!("the mail has {length} octets, more than {most}")));
    }
    let mut scan = PreScan::new(limits.structure);
    scan.update(mail);
    let Some(excess) = scan.finish().excess else { return Ok(()) };
    let why = match excess {
        Excess::Depth => "too many parts of the mail lie in each other",
        Excess::Parts => "the mail has too many parts",
        Excess::Header => "a header of the mail is too large",
        Excess::Line => "a line on which the structure of the mail depends is too long",
        Excess::Encoding => "too many encoded mails lie in each other",
        _ => "the structure of the mail is too much",
    };
    Err(Unreadable::new(Fault::MailStructure, why))
}

/// What is found while a mail is opened.
struct Opening<'l> {
    /// What may come out of attachments.
    limits: &'l Limits,
    /// The parts that may hold a report.
    candidates: Vec<Candidate>,
    /// The feedback report.
    feedback: Option<Vec<u8>>,
    /// In which inner mail that stands.
    feedback_within: Option<usize>,
    /// Whether there is more feedback.
    has_more_feedback: bool,
    /// The notice of what became of a mail.
    notice: Option<Vec<u8>>,
    /// The mail that one of these is about.
    original: Option<Original>,
    /// The inner mails.
    inner: Vec<Vec<u8>>,
    /// How long these are together.
    inner_octets: usize,
    /// Whether parts were left out.
    is_full: bool,
}

impl<'l> Opening<'l> {
    /// Begins.
    fn new(limits: &'l Limits) -> Opening<'l> {
        Opening {
            limits,
            candidates: Vec::new(),
            feedback: None,
            feedback_within: None,
            has_more_feedback: false,
            notice: None,
            original: None,
            inner: Vec::new(),
            inner_octets: 0,
            is_full: false,
        }
    }

    /// Looks for a notice among the parts of a mail, and for the mail behind it that came back.
    fn look_for_notice(&mut self, message: &Message<'_>) {
        for part in &message.parts {
            let is = |main, sub| part.content_type().is_some_and(|declared| is_type(declared, main, sub));
            if self.notice.is_none() {
                let is_status = is("message", "delivery-status") || is("message", "global-delivery-status");
                self.notice = is_status.then(|| part.contents().to_vec());
            } else if self.original.is_none() {
                self.original = match &part.body {
                    PartType::Message(inner) => Some(Original { is_whole: true, octets: whole(inner).to_vec() }),
                    _ if is("text", "rfc822-headers") || is("message", "global-headers") => {
                        Some(Original { is_whole: false, octets: part.contents().to_vec() })
                    }
                    _ => None,
                };
            }
        }
    }

    /// Looks at a mail, and at mails in it: reports get forwarded. The pre-scan bounds how deep this goes.
    fn look(&mut self, message: &Message<'_>, within: Option<usize>) {
        let mut has_feedback = false;
        let is_feedback = |part: &MessagePart<'_>| {
            part.content_type().is_some_and(|declared| is_type(declared, "message", "feedback-report"))
        };
        let forgot_type = is_report_of(message, "feedback-report") && !message.parts.iter().any(is_feedback);
        for part in &message.parts {
            let is = |main, sub| part.content_type().is_some_and(|declared| is_type(declared, main, sub));
            if is_feedback(part) || forgot_type && self.feedback.is_none() && is_feedback_as_text(part) {
                if self.feedback.is_none() {
                    (self.feedback, self.feedback_within) = (Some(part.contents().to_vec()), within);
                    has_feedback = true;
                } else {
                    self.has_more_feedback = true;
                }
            } else if has_feedback
                && self.original.is_none()
                && (is("text", "rfc822-headers") || is("text", "rfc822-header") || is("text", "rfc822"))
            {
                let is_whole = is("text", "rfc822");
                self.original = Some(Original { is_whole, octets: part.contents().to_vec() });
            } else if let PartType::Message(inner) = &part.body {
                if has_feedback && self.original.is_none() {
                    self.original = Some(Original { is_whole: true, octets: whole(inner).to_vec() });
                } else {
                    let at = self.keep(whole(inner));
                    self.look(inner, Some(at));
                }
            } else if self.candidates.len() < CANDIDATES {
                let found = self.candidate(message, part);
                self.candidates.extend(found.map(|candidate| Candidate { within, ..candidate }));
            } else if !self.is_full {
                // What is left out is told, where it may be a report.
                let mut left_out = described(part);
                self.is_full = left_out.looks_like_one();
                if self.is_full {
                    let why =
                        format!("the mail has more than {CANDIDATES} parts that may be reports; the rest is not read");
                    left_out.unreadable = Some(Unreadable::new(Fault::Entries, why));
                    self.candidates.push(left_out);
                }
            }
        }
    }

    /// Keeps an inner mail, and returns which it is. Those that lie in each other have the same octets again and again: what they
    /// may be together is what the whole mail may be.
    fn keep(&mut self, mail: &[u8]) -> usize {
        let is_kept = self.inner_octets + mail.len() <= self.limits.octets;
        self.inner_octets += if is_kept { mail.len() } else { 0 };
        self.inner.push(if is_kept { mail.to_vec() } else { Vec::new() });
        self.inner.len() - 1
    }

    /// Returns a part that may hold a report: text that is one, or anything else than text.
    fn candidate(&self, message: &Message<'_>, part: &MessagePart<'_>) -> Option<Candidate> {
        let (octets, is_text): (Cow<'_, [u8]>, bool) = match &part.body {
            PartType::Text(text) | PartType::Html(text) => match packed(message, part) {
                Some(octets) => (octets.into(), false),
                None => (text.as_bytes().into(), true),
            },
            PartType::Binary(octets) | PartType::InlineBinary(octets) => (octets.as_ref().into(), false),
            PartType::Message(_) | PartType::Multipart(_) => return None,
        };
        let described = described(part);
        let (kind, unreadable) = match kind(&octets, &self.limits.unpack) {
            Ok(kind) => (kind, None),
            Err(unreadable) => (Kind::None, Some(unreadable)),
        };
        if is_text && kind == Kind::None && described.name.is_none() {
            return None;
        }
        Some(Candidate { kind, unreadable, octets: octets.into_owned(), ..described })
    }
}

/// Returns what a part says of itself, as a candidate that was not looked into.
fn described(part: &MessagePart<'_>) -> Candidate {
    let name = part.attachment_name().map(|name| Visible(name.as_bytes()).to_string());
    let content_type = part.content_type().map_or_else(String::new, |declared| {
        let subtype = declared.subtype().unwrap_or_default();
        Visible(format!("{}/{subtype}", declared.ctype()).as_bytes()).to_string()
    });
    Candidate { name, content_type, kind: Kind::None, within: None, unreadable: None, octets: Vec::new() }
}

/// Returns the octets of a part that is declared to be text and is gzip or zip, before anybody took them for letters.
fn packed(message: &Message<'_>, part: &MessagePart<'_>) -> Option<Vec<u8>> {
    let (start, end) = (usize::try_from(part.offset_body).ok()?, usize::try_from(part.offset_end).ok()?);
    let raw = message.raw_message.get(start..end)?;
    // The first letters of both in base64, so that no other text is decoded twice.
    let begins = raw.trim_ascii_start();
    if part.encoding != Encoding::Base64 || !(begins.starts_with(b"H4sI") || begins.starts_with(b"UEsD")) {
        return None;
    }
    base64_decode(raw)
}

/// Tells which kind of report is packed in octets; an error where they cannot be unpacked as far as that takes.
fn kind(octets: &[u8], limits: &unpack::Limits) -> Result<Kind, Unreadable> {
    if octets.is_empty() {
        return Ok(Kind::None);
    }
    let mut found = Kind::None;
    let end = unpack(octets, limits, &mut |document| {
        let mut start = Vec::new();
        // A stream that breaks is told about when the whole of it is read.
        let _broken = document.octets.take(START).read_to_end(&mut start);
        let holds = |word: &[u8]| memchr::memmem::find(&start, word).is_some();
        let is_wide = start.iter().take(8).any(|&b| b == 0);
        let kind = match document.content {
            Content::Xml if holds(b"feedback") || is_wide => Kind::Aggregate,
            Content::Json if holds(b"\"policies\"") || holds(b"\"organization-name\"") => Kind::Tls,
            _ => Kind::None,
        };
        if found == Kind::None {
            found = kind;
        }
    });
    if found == Kind::None { end.map(|()| found) } else { Ok(found) }
}

/// Tells whether a mail says of itself that it is a report of some type (RFC 6522 §3).
fn is_report_of(message: &Message<'_>, kind: &str) -> bool {
    message.content_type().is_some_and(|declared| {
        let about = declared.attribute("report-type").unwrap_or_default();
        is_type(declared, "multipart", "report") && about.eq_ignore_ascii_case(kind)
    })
}

/// Tells whether a part that is declared to be text has the fields of a feedback report all the same: some reporters forget the type.
/// Words for people do not begin with one of those fields that every such report has (RFC 5965 §3.1).
fn is_feedback_as_text(part: &MessagePart<'_>) -> bool {
    let PartType::Text(text) = &part.body else { return false };
    let begins = |name: &str| text.trim_start().get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    ["feedback-type:", "user-agent:", "version:"].iter().any(|name| begins(name))
        && fields(text.as_bytes()).any(|(name, _)| name.eq_ignore_ascii_case("feedback-type"))
}

/// Tells what type of feedback the fields are. Some forget to say it.
fn feedback_kind(feedback: &[u8]) -> Kind {
    let value =
        |wanted: &str| fields(feedback).find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value);
    match value("feedback-type") {
        Some(kind) if without_comments(&kind).eq_ignore_ascii_case("auth-failure") => Kind::Failure,
        None if value("auth-failure").is_some() => Kind::Failure,
        _ => Kind::Arf,
    }
}

/// Compares a declared type.
fn is_type(declared: &mail_parser::ContentType<'_>, main: &str, sub: &str) -> bool {
    declared.ctype().eq_ignore_ascii_case(main) && declared.subtype().is_some_and(|is| is.eq_ignore_ascii_case(sub))
}

/// Returns the octets of a mail in a mail.
fn whole<'m>(inner: &'m Message<'_>) -> &'m [u8] {
    let root = inner.root_part();
    let (start, end) = (root.offset_header as usize, root.offset_end as usize);
    inner.raw_message.get(start..end).unwrap_or(&inner.raw_message)
}

/// Returns the domain of the first author.
fn from_domain(message: &Message<'_>) -> Option<String> {
    let address = message.from()?.first()?.address()?;
    let (_, domain) = address.rsplit_once('@')?;
    Some(Visible(domain.to_ascii_lowercase().as_bytes()).to_string())
}
