//! Does a signature cover all that mail programs may show? (RFC 6376 §5.4.2, §8.15)
//!
//! A signature covers as many fields of a name as `h=` lists, and stays valid whatever else is added. What a mail may have
//! once, and has twice, is shown from either field; so a signature that leaves one of them open proves nothing of what is
//! shown. The same holds for white space before a colon: relaxed canonicalization takes it out, so that it may be honest
//! (§3.4.2), but Python's `email` ends the header there, and shows what follows as body.

use std::collections::HashMap;

use crate::author::flag;
use crate::header::{Field, Header};
use crate::tags::{TagList, split_colons};
use crate::verdict::Gap;

/// The fields that a signature has to cover, all of one name or none.
#[derive(Debug, Default)]
pub(crate) struct Exposed {
    /// Each name as it is first written, and whether a field of it has white space before its colon.
    names: Vec<(Box<[u8]>, bool)>,
}

impl Exposed {
    /// Finds them in a header that was examined already; most have none.
    pub(crate) fn find(header: &Header<'_>, flags: &[&str]) -> Exposed {
        let repeated = flag::SINGLE.iter().filter(|(_, word)| flags.contains(word));
        let mut names: Vec<(Box<[u8]>, bool)> = repeated.map(|(name, _)| (name.as_bytes().into(), false)).collect();
        if flags.contains(&flag::SPACE_BEFORE_COLON.word) {
            let spaced = header.fields().iter().filter(|field| field.has_space_before_colon());
            names.extend(spaced.map(|field| (field.name().into(), true)));
        }
        Exposed { names }
    }

    /// Tells whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns the first of them that the signature in some field leaves open.
    pub(crate) fn gap(&self, header: &Header<'_>, own: usize) -> Option<Gap> {
        if self.is_empty() {
            return None;
        }
        let value = header.fields().get(own).map_or(&[][..], Field::value);
        let tags = TagList::parse(value).ok();
        let listed = tags.as_ref().and_then(|tags| tags.get("h")).unwrap_or_default();
        let signed = count(split_colons(listed));
        let others = header.fields().iter().enumerate().filter(|(at, field)| *at != own && field.has_colon());
        let there = count(others.map(|(_, field)| field.name()));
        let of = |counts: &HashMap<Vec<u8>, usize>, name: &[u8]| {
            counts.get(&name.to_ascii_lowercase()).copied().unwrap_or_default()
        };
        self.names.iter().find_map(|(field, spaced)| {
            let (there, signed) = (of(&there, field), of(&signed, field));
            (signed < there).then(|| Gap { field: field.clone(), there, signed, spaced: *spaced })
        })
    }
}

/// Counts names, whatever their case.
fn count<'n>(names: impl Iterator<Item = &'n [u8]>) -> HashMap<Vec<u8>, usize> {
    let mut counts = HashMap::new();
    for name in names {
        *counts.entry(name.to_ascii_lowercase()).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the name that the signature on top of these fields leaves open, how often it is there and signed.
    fn gap(names: &str, fields: &str) -> Option<(String, usize, usize)> {
        let raw = format!("DKIM-Signature: v=1; h={names}; b=\r\nFrom: a@x.org\r\nDate: x\r\n{fields}");
        let header = Header::parse(raw.as_bytes());
        let (author, _) = crate::author::judge(&header);
        let gap = Exposed::find(&header, &author.flags).gap(&header, 0)?;
        Some((String::from_utf8(gap.field.into()).unwrap(), gap.there, gap.signed))
    }

    #[test]
    fn a_second_field_has_to_be_signed_where_there_may_be_one() {
        let open = |name: &str, there, signed| Some((name.to_owned(), there, signed));
        for (names, fields, expected) in [
            ("from", "Subject: a\r\n", None),
            ("from:subject", "Subject: a\r\n", None),
            ("from:subject", "Subject: a\r\nSUBJECT: b\r\n", open("Subject", 2, 1)),
            ("from", "To: a\r\nTo: b\r\nTo: c\r\n", open("To", 3, 0)),
            ("from:subject:Subject", "Subject: a\r\nsubject: b\r\n", None),
            ("from", "Received: a\r\nReceived: b\r\nX: a\r\nX: b\r\n", None),
            ("from", "X : a\r\n", open("X", 1, 0)),
            ("from:x", "X : a\r\n", None),
            ("from : x\r\n ", "x\t: a\r\n", None),
            ("from:x", "X : a\r\nX: b\r\n", open("X", 2, 1)),
        ] {
            assert_eq!(gap(names, fields), expected, "{names} {fields:?}");
        }
    }

    #[test]
    fn a_signature_covers_itself() {
        let header = Header::parse(b"DKIM-Signature : v=1; h=from; b=\r\nFrom : a@x.org\r\n");
        let (author, _) = crate::author::judge(&header);
        let exposed = Exposed::find(&header, &author.flags);
        assert_eq!((exposed.names.len(), exposed.gap(&header, 0)), (2, None));
    }
}
