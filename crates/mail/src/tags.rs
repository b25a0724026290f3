//! Lists of `tag=value` (RFC 6376 §3.2): what DKIM, ARC and DMARC write their fields and records in
//!
//! [`TagList::parse`] borrows everything. It is strict: a list with a fault or with two tags of one name is no list.

use std::ops::Range;

/// A list of tags without duplicates, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagList<'a> {
    /// The tags.
    tags: Vec<Tag<'a>>,
}

/// One tag and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// The name; its case matters.
    pub name: &'a [u8],
    /// The value without the white space around it; white space inside is kept.
    pub value: &'a [u8],
    /// Where the value stands in the text, with the white space around it: all from `=` to `;`.
    pub span: Range<usize>,
}

impl<'a> TagList<'a> {
    /// Reads a whole list.
    pub fn parse(text: &'a [u8]) -> Result<TagList<'a>, BadTags> {
        let mut tags = Vec::with_capacity(16);
        // What holds for the whole holds for each part; only where it does not, the part is looked for.
        let is_plain = is_value(text) && has_sound_folds(text);
        let mut at = 0;
        loop {
            let end = memchr::memchr(b';', &text[at..]).map_or(text.len(), |length| at + length);
            // The last `;` may be left out, and nothing but white space may follow it.
            if end == text.len() && !tags.is_empty() && trim_fws(&text[at..]).is_empty() {
                break;
            }
            tags.push(parse_tag(text, at..end, is_plain)?);
            if end == text.len() {
                break;
            }
            at = end + 1;
        }
        refuse_duplicates(&tags)?;
        Ok(TagList { tags })
    }

    /// Returns the value of a tag.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.tag(name).map(|tag| tag.value)
    }

    /// Returns a tag.
    pub fn tag(&self, name: &str) -> Option<&Tag<'a>> {
        self.tags.iter().find(|tag| is_same(tag.name, name.as_bytes()))
    }

    /// Returns the tags in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Tag<'a>> {
        self.tags.iter()
    }
}

/// Why some text is no list of tags.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadTags {
    /// There is no `=` between two `;`.
    NoEquals,
    /// A name is no letter followed by letters, digits and underscores.
    BadName,
    /// The value of the named tag has control characters or a broken fold.
    BadValue(Box<[u8]>),
    /// The named tag is there twice.
    Duplicate(Box<[u8]>),
}

/// Returns the parts of a list between colons without the white space around them (RFC 6376 §3.5, `h=`, `q=`).
pub fn split_colons(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b':').map(trim_fws)
}

/// Returns the text without the white space and folds around it.
pub fn trim_fws(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&b| !is_space(b)).unwrap_or(text.len());
    let end = text.iter().rposition(|&b| !is_space(b)).map_or(start, |last| last + 1);
    &text[start..end]
}

/// Tells whether an octet is white space or part of a fold.
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Tells whether a value has only octets that it may have, many of them at a time; RFC 8616 §4 lets UTF-8 in.
fn is_value(text: &[u8]) -> bool {
    let may = |b: u8| (b >= b' ') & (b != 0x7f) | (b == b'\t') | (b == b'\r') | (b == b'\n');
    text.iter().fold(true, |all, &b| all & may(b))
}

/// Compares two names: most are one letter, and differ in it.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.first() == other.first() && one == other
}

/// Reads one `name = value` of a text that is known to be plain or not.
fn parse_tag(text: &[u8], at: Range<usize>, is_plain: bool) -> Result<Tag<'_>, BadTags> {
    let spec = &text[at.clone()];
    let equals = spec.iter().position(|&b| b == b'=').ok_or(BadTags::NoEquals)?; // a name is short
    let name = trim_fws(&spec[..equals]);
    let is_name = |name: &[u8]| {
        name.first().is_some_and(u8::is_ascii_alphabetic)
            && name.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'_')
    };
    if !is_name(name) || !(is_plain || has_sound_folds(&spec[..equals])) {
        return Err(BadTags::BadName);
    }
    let span = at.start + equals + 1..at.end;
    let value = &text[span.clone()];
    if !(is_plain || is_value(value) && has_sound_folds(value)) {
        return Err(BadTags::BadValue(name.into()));
    }
    Ok(Tag { name, value: trim_fws(value), span })
}

/// Tells whether every CR and LF belongs to a fold: CRLF before a space or tab. The field's own end may follow.
fn has_sound_folds(text: &[u8]) -> bool {
    memchr::memchr2_iter(b'\r', b'\n', text).all(|at| match text[at] {
        b'\r' => text.get(at + 1) == Some(&b'\n'),
        _ => at > 0 && text[at - 1] == b'\r' && matches!(text.get(at + 1), Some(b' ' | b'\t') | None),
    })
}

/// Looks for two tags of one name: §3.2 makes the whole list invalid.
fn refuse_duplicates(tags: &[Tag<'_>]) -> Result<(), BadTags> {
    /// How many tags are compared one by one; more are sorted first.
    const FEW: usize = 24;
    let duplicate = if tags.len() <= FEW {
        tags.iter()
            .enumerate()
            .find(|(i, tag)| tags[..*i].iter().any(|other| is_same(other.name, tag.name)))
            .map(|(_, tag)| tag.name)
    } else {
        let mut names: Vec<&[u8]> = tags.iter().map(|tag| tag.name).collect();
        names.sort_unstable();
        names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    };
    duplicate.map_or(Ok(()), |name| Err(BadTags::Duplicate(name.into())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn white_space_around_names_and_values_is_not_theirs() {
        let text = b" v = 1;\r\n\ta=rsa-sha256 ; b= one\r\n two ;";
        let list = TagList::parse(text).unwrap();
        assert_eq!(list.get("v"), Some(&b"1"[..]));
        assert_eq!(list.get("a"), Some(&b"rsa-sha256"[..]));
        assert_eq!(list.get("b"), Some(&b"one\r\n two"[..]));
        assert_eq!(list.get("B"), None);
        assert_eq!(&text[list.tag("b").unwrap().span.clone()], b" one\r\n two ");
    }

    #[test]
    fn values_may_be_empty_and_hold_equals_signs() {
        let list = TagList::parse(b"p=; b=a=b=").unwrap();
        assert_eq!(list.get("p"), Some(&b""[..]));
        assert_eq!(list.get("b"), Some(&b"a=b="[..]));
        assert!(TagList::parse(b"v=1; ").is_ok());
    }

    #[test]
    fn lists_with_a_fault_are_no_lists() {
        for (text, why) in [
            (&b""[..], BadTags::NoEquals),
            (b";", BadTags::NoEquals),
            (b"a=1;;b=2", BadTags::NoEquals),
            (b"a=1;b", BadTags::NoEquals),
            (b"a=1; ;", BadTags::NoEquals),
            (b"=1", BadTags::BadName),
            (b"1a=1", BadTags::BadName),
            (b"a b=1", BadTags::BadName),
            (b"a-b=1", BadTags::BadName),
            (b"\xc3\xa4=1", BadTags::BadName),
            (b"a=x\0", BadTags::BadValue(Box::from(&b"a"[..]))),
            (b"a=x\ny", BadTags::BadValue(Box::from(&b"a"[..]))),
            (b"a=x\r\ny", BadTags::BadValue(Box::from(&b"a"[..]))),
            (b"a=1; b=2; a=1", BadTags::Duplicate(Box::from(&b"a"[..]))),
        ] {
            assert_eq!(TagList::parse(text), Err(why), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn duplicates_are_found_among_many() {
        let mut text: String = (0..2000).map(|i| format!("t{i}=x;")).collect();
        assert!(TagList::parse(text.as_bytes()).is_ok());
        text.push_str("t77=y");
        assert_eq!(TagList::parse(text.as_bytes()), Err(BadTags::Duplicate(Box::from(&b"t77"[..]))));
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = TagList::parse(&text);
        }

        #[test]
        fn what_is_written_is_read(
            tags in proptest::collection::btree_map("[a-zA-Z][a-zA-Z0-9_]{0,6}", "([!-:<-~]( [!-:<-~])?){0,9}", 1..30),
            fold in "( |\t|\r\n |\r\n\t){0,2}",
            last in "(;|; )?",
        ) {
            let specs: Vec<String> =
                tags.iter().map(|(name, value)| format!("{fold}{name}{fold}={fold}{value}{fold}")).collect();
            let text = specs.join(";") + &last;
            let list = TagList::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(list.iter().count(), tags.len());
            for (name, value) in &tags {
                prop_assert_eq!(list.get(name), Some(value.as_bytes()));
            }
        }

        #[test]
        fn every_value_stands_where_its_span_says(text in "([ab]{0,2}=?[ x\t]{0,3};?){0,6}") {
            if let Ok(list) = TagList::parse(text.as_bytes()) {
                for tag in list.iter() {
                    prop_assert_eq!(trim_fws(&text.as_bytes()[tag.span.clone()]), tag.value);
                }
            }
        }
    }
}
