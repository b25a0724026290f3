//! Why a report cannot be read, and what was mended where it can

use std::fmt;

/// What cannot be read, where, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The kind of fault.
    pub fault: Fault,
    /// What was seen, in words.
    pub detail: String,
    /// Where it was seen, where that can be said.
    pub place: Option<Place>,
}

/// A place in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, counted from 1.
    pub line: u64,
    /// How many octets stand before it.
    pub octet: u64,
}

impl Unreadable {
    /// Says what is wrong with a document as a whole.
    pub fn new(fault: Fault, detail: impl Into<String>) -> Unreadable {
        Unreadable { fault, detail: detail.into(), place: None }
    }

    /// Says where it is.
    pub(crate) fn at(self, place: Place) -> Unreadable {
        Unreadable { place: Some(place), ..self }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place { line, octet }) = self.place {
            write!(f, "line {line} (octet {octet}): ")?;
        }
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Unreadable {}

/// Kinds of faults; [`Fault::word`] is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// There is nothing in it.
    Empty,
    /// It is something else than what was asked for.
    NotAReport,
    /// Something without which the report means nothing is missing.
    Missing,
    /// It ends before one row was complete.
    Truncated,
    /// It is not well-formed.
    IllFormed,
    /// It declares a document type, which no report needs and attacks do.
    Doctype,
    /// Its elements lie too deep in each other.
    Depth,
    /// An element has too many attributes.
    Attributes,
    /// A name, tag or comment is too long.
    Long,
    /// It unpacks to more than it may.
    Size,
    /// It unpacks to too many times its own size.
    Ratio,
    /// An archive has too many entries.
    Entries,
    /// Too many archives lie in each other.
    Layers,
    /// Entries of an archive share octets, or lie where none can be.
    Overlap,
    /// An entry is encrypted.
    Encrypted,
    /// An entry is compressed in a way that no report is.
    Method,
    /// What is compressed or encoded is damaged.
    Corrupt,
    /// A mail's structure is too deep, too wide or too large to be opened.
    MailStructure,
    /// A mail says in prose what only a feedback report can say for sure.
    PlainText,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 19] = [
        Fault::Empty,
        Fault::NotAReport,
        Fault::Missing,
        Fault::Truncated,
        Fault::IllFormed,
        Fault::Doctype,
        Fault::Depth,
        Fault::Attributes,
        Fault::Long,
        Fault::Size,
        Fault::Ratio,
        Fault::Entries,
        Fault::Layers,
        Fault::Overlap,
        Fault::Encrypted,
        Fault::Method,
        Fault::Corrupt,
        Fault::MailStructure,
        Fault::PlainText,
    ];

    /// Returns the word for it, which stays the same in all versions.
    pub fn word(self) -> &'static str {
        match self {
            Fault::Empty => "empty",
            Fault::NotAReport => "not-a-report",
            Fault::Missing => "missing",
            Fault::Truncated => "truncated",
            Fault::IllFormed => "ill-formed",
            Fault::Doctype => "doctype",
            Fault::Depth => "depth",
            Fault::Attributes => "attributes",
            Fault::Long => "long",
            Fault::Size => "size",
            Fault::Ratio => "ratio",
            Fault::Entries => "entries",
            Fault::Layers => "layers",
            Fault::Overlap => "overlap",
            Fault::Encrypted => "encrypted",
            Fault::Method => "method",
            Fault::Corrupt => "corrupt",
            Fault::MailStructure => "mail-structure",
            Fault::PlainText => "plain-text",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
