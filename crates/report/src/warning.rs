//! What was mended or passed over in a report that could be read

use std::fmt;

/// Something that was mended, how often, and where first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What was mended.
    pub mend: Mend,
    /// How often.
    pub times: u64,
    /// The line of the first time, counted from 1; 0 where lines mean nothing.
    pub line: u64,
    /// What was seen the first time.
    pub detail: String,
}

/// Kinds of mending; [`Mend::word`] is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mend {
    /// What the document was packed in ends too early, behind the document, which is whole.
    Truncated,
    /// Octets that are no text in the encoding that holds were replaced.
    InvalidText,
    /// The text is in another encoding than the document says.
    OtherEncoding,
    /// A result or policy has a word that nobody defined.
    UnknownWord,
    /// A result or policy is written in upper case.
    UpperCase,
    /// A word of an old draft was taken for the one that replaced it.
    OldWord,
    /// An element that reports do not have was passed over.
    UnknownElement,
    /// An entity that XML does not define was kept as it is written.
    UnknownEntity,
    /// Something that a report must have is missing.
    Missing,
    /// The domain whose policy it is about is missing, so that nobody who asks about it finds the rows.
    NoDomain,
    /// A count is no number that can be: 1 was taken, or the largest count there is.
    BadCount,
    /// An address is none.
    BadAddress,
    /// A date is none, or in another unit.
    BadDate,
    /// The period ends before it begins; both were exchanged.
    SwappedDates,
    /// A number is none.
    BadNumber,
    /// A value was cut at the longest one that is kept.
    LongValue,
    /// A list was cut at the longest one that is kept.
    LongList,
    /// Nothing is reported.
    NoRows,
    /// Something stands behind the end.
    Trailing,
    /// Another report stands behind the end, and is not read.
    SecondReport,
    /// A record has more than one row: the last one counts.
    SecondRow,
}

impl Mend {
    /// All of them.
    pub const ALL: [Mend; 21] = [
        Mend::Truncated,
        Mend::InvalidText,
        Mend::OtherEncoding,
        Mend::UnknownWord,
        Mend::UpperCase,
        Mend::OldWord,
        Mend::UnknownElement,
        Mend::UnknownEntity,
        Mend::Missing,
        Mend::NoDomain,
        Mend::BadCount,
        Mend::BadAddress,
        Mend::BadDate,
        Mend::SwappedDates,
        Mend::BadNumber,
        Mend::LongValue,
        Mend::LongList,
        Mend::NoRows,
        Mend::Trailing,
        Mend::SecondReport,
        Mend::SecondRow,
    ];

    /// Tells whether it changes what is counted, when, or whose it is.
    pub fn changes_sums(self) -> bool {
        matches!(
            self,
            Mend::NoDomain
                | Mend::BadCount
                | Mend::BadAddress
                | Mend::BadDate
                | Mend::SwappedDates
                | Mend::SecondReport
                | Mend::SecondRow
        )
    }

    /// Returns the word for it, which stays the same in all versions.
    pub fn word(self) -> &'static str {
        match self {
            Mend::Truncated => "truncated",
            Mend::InvalidText => "invalid-text",
            Mend::OtherEncoding => "other-encoding",
            Mend::UnknownWord => "unknown-word",
            Mend::UpperCase => "upper-case",
            Mend::OldWord => "old-word",
            Mend::UnknownElement => "unknown-element",
            Mend::UnknownEntity => "unknown-entity",
            Mend::Missing => "missing",
            Mend::NoDomain => "no-domain",
            Mend::BadCount => "bad-count",
            Mend::BadAddress => "bad-address",
            Mend::BadDate => "bad-date",
            Mend::SwappedDates => "swapped-dates",
            Mend::BadNumber => "bad-number",
            Mend::LongValue => "long-value",
            Mend::LongList => "long-list",
            Mend::NoRows => "no-rows",
            Mend::Trailing => "trailing",
            Mend::SecondReport => "second-report",
            Mend::SecondRow => "second-row",
        }
    }
}

impl fmt::Display for Mend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The warnings of one document, each kind once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings {
    /// In the order in which they came up first.
    list: Vec<Warning>,
    /// How many of them are known with their line.
    placed: usize,
}

impl Warnings {
    /// Notes a mending; what it was about is looked at only the first time.
    pub(crate) fn note(&mut self, mend: Mend, detail: impl FnOnce() -> String) {
        match self.list.iter_mut().find(|warning| warning.mend == mend) {
            Some(warning) => warning.times += 1,
            None => self.list.push(Warning { mend, times: 1, line: 0, detail: detail() }),
        }
    }

    /// Says on which line those stand that came up since this was said last.
    #[inline]
    pub(crate) fn place(&mut self, line: impl FnOnce() -> u64) {
        if self.placed < self.list.len() {
            let line = line();
            self.list.iter_mut().skip(self.placed).for_each(|warning| warning.line = line);
            self.placed = self.list.len();
        }
    }

    /// Returns them in the order in which they came up first.
    pub fn iter(&self) -> impl Iterator<Item = &Warning> {
        self.list.iter()
    }

    /// Returns the warning of one kind.
    pub fn get(&self, mend: Mend) -> Option<&Warning> {
        self.list.iter().find(|warning| warning.mend == mend)
    }

    /// Tells whether nothing was mended.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
