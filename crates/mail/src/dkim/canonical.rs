//! What a signature covers of the header: fields picked by name, made alike, put in a row (RFC 6376 §3.4, §3.7, §5.4.2)
//!
//! Everything is written into one buffer that is used again for every signature. Fields are found by [`FieldIndex`],
//! so that neither many fields nor a long `h=` costs more than its length.

use std::cmp::Ordering;
use std::ops::Range;

use aws_lc_rs::digest::{self, Digest};

use crate::body::Canonicalization;
use crate::header::{Field, Header};

/// The octets that one signature covers, and what is needed to gather them; kept for the next signature.
#[derive(Debug, Default)]
pub(crate) struct HeaderInput {
    /// The canonical octets.
    canonical: Vec<u8>,
    /// How many fields of each name were picked, counted at the place where the name begins in the index.
    picked: Vec<u32>,
}

impl HeaderInput {
    /// Forgets everything and takes the fields that `h=` names, each name's last field first; a name without another
    /// field stands for nothing (§5.4.2). `own` is the signature's own field, which is never among them.
    pub(crate) fn pick<'n>(
        &mut self,
        how: Canonicalization,
        header: &Header<'_>,
        index: &FieldIndex,
        names: impl Iterator<Item = &'n [u8]>,
        own: usize,
    ) {
        self.restart();
        self.picked.clear();
        self.picked.resize(index.sorted.len(), 0);
        for name in names {
            if let Some(field) = index.next(header, name, own, &mut self.picked) {
                self.push(how, field);
            }
        }
    }

    /// Forgets everything.
    pub(crate) fn restart(&mut self) {
        /// How many octets are usually signed: a buffer that begins small is copied again and again.
        const USUAL: usize = 4096;
        self.canonical.clear();
        self.canonical.reserve(USUAL);
    }

    /// Takes one field as it is.
    pub(crate) fn push(&mut self, how: Canonicalization, field: &Field<'_>) {
        self.push_without(how, field, 0..0);
        self.canonical.extend_from_slice(b"\r\n");
    }

    /// Takes the signature's own field with the value of `b=` left out, and without its last CRLF (§3.7).
    pub(crate) fn push_without(&mut self, how: Canonicalization, field: &Field<'_>, signature: Range<usize>) {
        let (name, value) = (before_colon(field), field.value());
        let (start, end) = (value.get(..signature.start).unwrap_or(value), value.get(signature.end..).unwrap_or(&[]));
        match how {
            Canonicalization::Simple => {
                self.canonical.extend_from_slice(name);
                self.canonical.push(b':');
                self.canonical.extend_from_slice(start);
                self.canonical.extend_from_slice(end);
            }
            Canonicalization::Relaxed => {
                let begin = self.canonical.len();
                self.canonical.extend_from_slice(without_trailing_spaces(name));
                self.canonical[begin..].make_ascii_lowercase();
                self.canonical.push(b':');
                let mut value = Relaxed { out: &mut self.canonical, begun: false, space: false };
                value.push(start);
                value.push(end);
            }
        }
    }

    /// Returns the hash of all that was taken.
    pub(crate) fn sha256(&self) -> Digest {
        digest::digest(&digest::SHA256, &self.canonical)
    }

    /// Returns all that was taken.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.canonical
    }
}

/// The fields of a header in the order of their names, made once a mail.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldIndex {
    /// The fields, those of one name side by side in the order of the header; lines without a colon are left out.
    sorted: Vec<Indexed>,
}

/// One field of the index.
#[derive(Clone, Copy, Debug)]
struct Indexed {
    /// The name, as far as most comparisons need it.
    key: Key,
    /// The field's place in the header.
    place: u32,
    /// How many fields from here on have this name.
    left: u32,
}

/// The ends of a field's name in lower case, and its length: names of up to [`Key::WHOLE`] octets are the same where their
/// keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u128);

impl FieldIndex {
    /// Sorts the fields of a header.
    pub(crate) fn new(header: &Header<'_>) -> FieldIndex {
        let fields = header.fields();
        let mut sorted = Vec::with_capacity(fields.len());
        let named = (0u32..).zip(fields).filter(|(_, field)| field.has_colon());
        sorted.extend(named.map(|(place, field)| Indexed { key: Key::new(field.name()), place, left: 1 }));
        sorted.sort_unstable_by(|one, other| {
            let names = || compare_rests(name_at(fields, one.place), name_at(fields, other.place));
            one.key.cmp(&other.key).then_with(names).then(one.place.cmp(&other.place))
        });
        let mut after: Option<Indexed> = None;
        for one in sorted.iter_mut().rev() {
            let is_alike = |after: &Indexed| {
                after.key == one.key && compare_rests(name_at(fields, after.place), name_at(fields, one.place)).is_eq()
            };
            one.left = after.filter(is_alike).map_or(1, |after| after.left + 1);
            after = Some(*one);
        }
        FieldIndex { sorted }
    }

    /// Returns how many fields have that name.
    pub(crate) fn count(&self, header: &Header<'_>, name: &[u8]) -> usize {
        self.group(header, name).len()
    }

    /// Returns the last field of a name that was not picked yet, and counts it as picked.
    fn next<'h, 'a>(
        &self,
        header: &'h Header<'a>,
        name: &[u8],
        own: usize,
        picked: &mut [u32],
    ) -> Option<&'h Field<'a>> {
        let group = self.group(header, name);
        let count = picked.get_mut(group.start)?;
        loop {
            let at = group.end.checked_sub(usize::try_from(*count).ok()? + 1).filter(|at| *at >= group.start)?;
            *count += 1;
            let place = usize::try_from(self.sorted.get(at)?.place).ok()?;
            if place != own {
                return header.fields().get(place);
            }
        }
    }

    /// Returns where the fields of a name stand, in the order of the header.
    fn group(&self, header: &Header<'_>, name: &[u8]) -> Range<usize> {
        let (fields, key) = (header.fields(), Key::new(name));
        let order = |one: &Indexed| compare_rests(name_at(fields, one.place), name);
        let mut start = self.sorted.partition_point(|one| one.key < key);
        if name.len() > Key::WHOLE {
            start += self.sorted[start..].partition_point(|one| one.key == key && order(one).is_lt());
        }
        match self.sorted.get(start) {
            Some(first) if first.key == key && order(first).is_eq() => {
                start..start + usize::try_from(first.left).unwrap_or(0)
            }
            _ => start..start,
        }
    }
}

/// Returns the name of the field at some place.
fn name_at<'a>(fields: &[Field<'a>], at: u32) -> &'a [u8] {
    usize::try_from(at).ok().and_then(|at| fields.get(at)).map_or(&[], Field::name)
}

impl Key {
    /// The most octets that a key holds whole.
    const WHOLE: usize = 15;

    /// Returns the key of a name.
    fn new(name: &[u8]) -> Key {
        let (head, tail) = match (name.first_chunk(), name.last_chunk(), name.first_chunk(), name.last_chunk()) {
            (Some(head), Some(tail), ..) => (u64::from_be_bytes(*head), u64::from_be_bytes(*tail)),
            (_, _, Some(head), Some(tail)) => {
                let [head, tail] = [head, tail].map(|four| u64::from(u32::from_be_bytes(*four)));
                (head << 32 | tail, 0)
            }
            _ => (name.iter().fold(0, |number, octet| number << 8 | u64::from(*octet)), 0),
        };
        // The length takes the place of the last eight octets' first one, which the first eight hold in a short name.
        let length = u64::try_from(name.len()).map_or(0xff, |length| length.min(0xff));
        let tail = lower(tail) & (u64::MAX >> 8) | length << 56;
        Key(u128::from(lower(head)) << 64 | u128::from(tail))
    }
}

/// Returns eight octets in lower case, all at once: what lies between `A` and `Z` gets the bit that small letters have.
fn lower(octets: u64) -> u64 {
    /// Eight times the same octet.
    const fn eight(octet: u8) -> u64 {
        u64::from_ne_bytes([octet; 8])
    }
    let (ascii, low) = (!octets & eight(0x80), octets & eight(0x7f));
    // The highest bit of each octet tells whether it is at least `A`, and whether it is beyond `Z`; sums never overflow.
    let (from_a, beyond_z) = (low + eight(0x80 - b'A'), low + eight(0x7f - b'Z'));
    octets | (ascii & (from_a ^ beyond_z)) >> 2
}

/// Compares two names of the same key without regard to case.
fn compare_rests(left: &[u8], right: &[u8]) -> Ordering {
    if left.len() <= Key::WHOLE || left.eq_ignore_ascii_case(right) {
        return Ordering::Equal;
    }
    left.iter().map(u8::to_ascii_lowercase).cmp(right.iter().map(u8::to_ascii_lowercase))
}

/// Returns all octets before the colon.
fn before_colon<'a>(field: &Field<'a>) -> &'a [u8] {
    let whole = field.raw.strip_suffix(b"\r\n").unwrap_or(field.raw);
    whole.get(..whole.len().saturating_sub(field.value().len() + 1)).unwrap_or(&[])
}

/// Returns the octets without spaces and tabs at their end; other white space is content.
fn without_trailing_spaces(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(0, |last| last + 1);
    &name[..end]
}

/// Writes a value in the relaxed way: unfolded, white space as one space, none at either end (§3.4.2).
struct Relaxed<'o> {
    /// Where it is written.
    out: &'o mut Vec<u8>,
    /// Whether something was written that was not white space.
    begun: bool,
    /// Whether white space came last.
    space: bool,
}

impl Relaxed<'_> {
    /// Writes the next piece.
    fn push(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while let Some(&first) = rest.first() {
            if matches!(first, b' ' | b'\t') {
                self.space = true;
                rest = &rest[1..];
            } else if rest.starts_with(b"\r\n") {
                rest = &rest[2..];
            } else {
                let length = unchanged_length(rest);
                if self.space && self.begun {
                    self.out.push(b' ');
                }
                self.out.extend_from_slice(&rest[..length]);
                (self.begun, self.space) = (true, false);
                rest = &rest[length..];
            }
        }
    }
}

/// Returns how many octets from the first one on stay as they are: single spaces between words do. A CR alone is
/// content, and may begin the next stretch.
fn unchanged_length(text: &[u8]) -> usize {
    /// How many octets are looked at together.
    const BLOCK: usize = 16;
    let ends = |octet: u8, next: u8| {
        let is_break = |b: u8| (b == b'\t') | (b == b'\r');
        is_break(octet) | ((octet == b' ') & (is_break(next) | (next == b' ')))
    };
    let mut length = 1;
    while let Some(seen) = text.get(length..).and_then(|rest| rest.first_chunk::<{ BLOCK + 1 }>()) {
        if (0..BLOCK).fold(false, |any, at| any | ends(seen[at], seen[at + 1])) {
            break;
        }
        length += BLOCK;
    }
    while let Some(&octet) = text.get(length)
        && !ends(octet, text.get(length + 1).copied().unwrap_or(b' '))
    {
        length += 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Canonicalization::{Relaxed, Simple};

    fn picked(how: Canonicalization, header: &[u8], names: &[&str], own: usize) -> String {
        let header = Header::parse(header);
        let mut input = HeaderInput::default();
        input.pick(how, &header, &FieldIndex::new(&header), names.iter().map(|name| name.as_bytes()), own);
        String::from_utf8(input.octets().to_vec()).unwrap()
    }

    #[test]
    fn the_example_of_the_rfc_is_canonicalized_as_it_says() {
        // §3.4.5
        let header = b"A: X\r\nB : Y\t\r\n\tZ  \r\n";
        assert_eq!(picked(Relaxed, header, &["a", "b"], 9), "a:X\r\nb:Y Z\r\n");
        assert_eq!(picked(Simple, header, &["a", "b"], 9), "A: X\r\nB : Y\t\r\n\tZ  \r\n");
    }

    #[test]
    fn fields_are_picked_from_the_bottom_and_absent_ones_are_nothing() {
        let header = b"To: 1\r\nSubject: s\r\nto: 2\r\nTO: 3";
        assert_eq!(
            picked(Relaxed, header, &["To", "cc", "tO", "to", "to", "Subject"], 9),
            "to:3\r\nto:2\r\nto:1\r\nsubject:s\r\n"
        );
    }

    #[test]
    fn a_signature_never_covers_itself_through_its_list() {
        let header = b"DKIM-Signature: new\r\nDKIM-Signature: own\r\nDKIM-Signature: old\r\n";
        let names = ["dkim-signature", "dkim-signature", "dkim-signature"];
        assert_eq!(picked(Relaxed, header, &names, 1), "dkim-signature:old\r\ndkim-signature:new\r\n");
    }

    #[test]
    fn the_value_of_b_is_left_out_with_the_space_around_it() {
        let raw = b"DKIM-Signature:  a=1; b= xy\r\n\tz ; c=2 \r\n";
        let header = Header::parse(raw);
        let list = crate::tags::TagList::parse(header.fields()[0].value()).unwrap();
        let mut input = HeaderInput::default();
        for (how, expected) in
            [(Relaxed, &b"dkim-signature:a=1; b=; c=2"[..]), (Simple, b"DKIM-Signature:  a=1; b=; c=2 ")]
        {
            input.restart();
            input.push_without(how, &header.fields()[0], list.tag("b").unwrap().span.clone());
            assert_eq!(input.octets(), expected);
        }
    }

    #[test]
    fn odd_white_space_is_content() {
        assert_eq!(picked(Relaxed, b"A: x\ry\nz\x0b \r\n", &["a"], 9), "a:x\ry\nz\x0b\r\n");
    }

    proptest! {
        #[test]
        fn relaxed_values_are_their_words_with_single_spaces(value in "([ \t]|\r\n[ \t]|[ab]|\r[ab]|\n){0,24}", cut in 0usize..24) {
            // §3.4.2: unfold, then one space for each stretch of white space, none at the ends.
            let unfolded = value.replace("\r\n", "");
            let words: Vec<&str> = unfolded.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            let header = format!("A:{value}\r\n");
            prop_assert_eq!(picked(Relaxed, header.as_bytes(), &["a"], 9), format!("a:{}\r\n", words.join(" ")));
            // What is left out leaves no trace but the spaces around it.
            let cut = cut.min(value.len());
            if !value[..cut].ends_with('\r') {
                let mut input = HeaderInput::default();
                let field = format!("A:{}XX{}", &value[..cut], &value[cut..]);
                input.push_without(Relaxed, &Field::new(field.as_bytes()), cut..cut + 2);
                prop_assert_eq!(String::from_utf8_lossy(input.octets()), format!("a:{}", words.join(" ")));
            }
        }

        #[test]
        fn eight_octets_at_once_are_eight_octets(octets in any::<[u8; 8]>()) {
            prop_assert_eq!(lower(u64::from_be_bytes(octets)), u64::from_be_bytes(octets.map(|b| b.to_ascii_lowercase())));
        }

        #[test]
        fn picking_by_the_index_is_picking_by_the_book(
            fields in proptest::collection::vec("(a|B|From|received|Received-SPF|receivedX|Content-(Type|Trn)-Encoding|b)( )?:[ x]{0,3}", 0..12),
            names in proptest::collection::vec("(A|b|FROM|Received|received-spf|RECEIVEDx|content-(type|trn)-encoding|zz)", 0..12),
            own in 0usize..12,
        ) {
            let raw = fields.iter().map(|field| format!("{field}\r\n")).collect::<String>();
            let header = Header::parse(raw.as_bytes());
            let mut left: Vec<(usize, &Field<'_>)> =
                header.fields().iter().enumerate().filter(|(at, _)| *at != own).collect();
            let mut expected = String::new();
            for name in &names {
                let Some(at) = left.iter().rposition(|(_, field)| field.is(name)) else { continue };
                expected.push_str(std::str::from_utf8(left.remove(at).1.raw).unwrap());
            }
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            prop_assert_eq!(picked(Simple, raw.as_bytes(), &names, own), expected);
        }
    }
}
