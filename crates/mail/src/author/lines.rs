//! The lines of a header: which are From fields, and which only look so (RFC 5322 §2.2, §3.6)

use std::ops::Range;

use super::Findings;
use super::{fault, flag};
use crate::address::HIDDEN_BREAKS;
use crate::header::{Field, Header, line_begins_with, line_reads_as};

/// The longest line that a header may have, without CRLF (RFC 5322 §2.1.1).
const LINE_MAX: usize = 998;

/// What the lines of a header hold.
#[derive(Debug)]
pub(super) struct Lines<'h> {
    /// The From fields.
    pub(super) from: Vec<Field<'h>>,
    /// Whether there is a Sender field.
    pub(super) has_sender: bool,
}

/// Finds the From fields, and everything that makes readers of mail disagree on them.
pub(super) fn examine<'h>(header: &Header<'h>, found: &mut Findings) -> Lines<'h> {
    let mut from = Vec::new();
    let mut authors_at = Vec::new();
    let mut last_from = None;
    let mut odd_name: Option<Field<'h>> = None;
    let mut no_field: Option<(usize, Field<'h>)> = None;
    let mut counts = [0usize; flag::SINGLE.len()];
    let mut offset = 0;
    for field in header.fields() {
        let start = offset;
        offset += field.raw.len();
        let is_well_formed = field.is_well_formed();
        if is_plain_from(field) {
            from.push(*field);
            authors_at.push(start..offset);
            last_from = Some(start);
        } else if field.reads_as("From") {
            odd_name.get_or_insert(*field);
            last_from = Some(start);
        } else if !is_well_formed {
            no_field.get_or_insert((start, *field));
        } else {
            count(field, &mut counts);
        }
        note_line(field, is_well_formed, found);
    }
    if from.len() > 1 {
        found
            .fault(&fault::SEVERAL_FIELDS, &from.iter().map(Field::value).take(3).collect::<Vec<_>>().join(&b" |"[..]));
    }
    if let Some(field) = odd_name {
        found.fault(&fault::ODD_NAME, field.raw);
    }
    let raw = header.raw();
    let first_blank = if has_plain_lines(raw) { None } else { examine_breaks(raw, &authors_at, found) };
    let is_before = |at: usize| last_from.is_some_and(|last| at < last);
    if let Some((start, field)) = no_field {
        // What is no field is no obsolete syntax either: Postfix, Python and others end the header there.
        found.fault(if is_before(start) { &fault::NO_FIELD_BEFORE } else { &fault::NO_FIELD }, field.raw);
    }
    if first_blank.is_some_and(is_before) {
        found.fault(&fault::BLANK_BEFORE, &[]);
    }
    if !has_plain_octets(raw) {
        examine_hidden_breaks(raw, found);
        examine_octets(raw, found);
    }
    note_counts(&counts, found);
    let has_sender = counts.iter().zip(&flag::SINGLE).any(|(&count, (name, _))| count > 0 && *name == "Sender");
    Lines { from, has_sender }
}

/// Tells whether this is a From field to every reader: white space before the colon is old, but clear (§4.5).
fn is_plain_from(field: &Field<'_>) -> bool {
    field.is("From") && before_colon(field).iter().all(|b| matches!(b, b' ' | b'\t'))
}

/// Returns what stands between a field's name and its colon.
fn before_colon<'a>(field: &Field<'a>) -> &'a [u8] {
    let rest = field.raw.get(field.name().len()..).unwrap_or_default();
    let end = rest.iter().position(|&b| b == b':').unwrap_or(0);
    rest.get(..end).unwrap_or_default()
}

/// Counts a field that a mail may have once.
fn count(field: &Field<'_>, counts: &mut [usize]) {
    let name = field.name();
    let is_name =
        |(single, _): &(&str, &str)| name.len() == single.len() && name.eq_ignore_ascii_case(single.as_bytes());
    if let Some(count) = flag::SINGLE.iter().position(is_name).and_then(|at| counts.get_mut(at)) {
        *count += 1;
    }
}

/// Notes what is odd about one field, whatever its name.
fn note_line(field: &Field<'_>, is_well_formed: bool, found: &mut Findings) {
    if !field.has_colon() {
        found.flag(&flag::COLONLESS_LINE, field.raw);
    } else if !is_well_formed {
        found.flag(&flag::ODD_FIELD_NAME, field.name());
    } else if field.has_space_before_colon() {
        found.flag(&flag::SPACE_BEFORE_COLON, field.name());
    }
    if field.raw.len() > LINE_MAX && field.raw.split(|&b| b == b'\n').any(|line| line.len() > LINE_MAX + 1) {
        found.flag(&flag::LONG_LINE, &[]);
    }
}

/// Notes bare CR and LF, and what follows them: to some readers a new line begins there. Returns where the first line
/// of white space stands that ends a field.
fn examine_breaks(raw: &[u8], authors_at: &[Range<usize>], found: &mut Findings) -> Option<usize> {
    let mut first_blank = None;
    let mut line_start = 0;
    for at in memchr::memchr2_iter(b'\r', b'\n', raw) {
        let next = raw.get(at + 1);
        let is_pair = raw.get(at) == Some(&b'\r') && next == Some(&b'\n');
        let line = raw.get(line_start..at).unwrap_or_default();
        line_start = if is_pair { at + 2 } else { at + 1 };
        if is_folded_blank(line) && at > line.len() {
            match raw.get(line_start) {
                // At the end of the header it moves nothing.
                None | Some(b' ' | b'\t') => found.flag(&flag::BLANK_FOLDED_LINE, &[]),
                Some(_) => {
                    found.flag(&flag::BLANK_LAST_LINE, &[]);
                    first_blank.get_or_insert(at);
                }
            }
        }
        match raw.get(at) {
            _ if is_pair => continue,
            Some(b'\r') => found.flag(&flag::BARE_CR, &[]),
            _ if at > 0 && raw.get(at - 1) == Some(&b'\r') => continue,
            _ => found.flag(&flag::BARE_LF, &[]),
        }
        let rest = raw.get(at + 1..).unwrap_or_default();
        let line = rest.get(..memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len())).unwrap_or_default();
        if line_reads_as(line, "From") || line_begins_with(line, "From") {
            found.fault(&fault::HIDDEN_FROM, line);
        }
        if !matches!(rest.first(), None | Some(b' ' | b'\t' | b'\r' | b'\n')) {
            found.flag(&flag::LINE_BEHIND_BREAK, line);
        }
        // To some readers the header ends here: a From field behind it would be body, and so would whatever was put in
        // front of the body that was signed.
        // One inside of a From field is told of there.
        if line.is_empty() && !authors_at.iter().any(|span| span.contains(&at)) {
            found.fault(&fault::HIDDEN_END, &[]);
        }
    }
    first_blank
}

/// Tells whether a line is white space and nothing else.
fn is_folded_blank(line: &[u8]) -> bool {
    !line.is_empty() && line.iter().all(|b| matches!(b, b' ' | b'\t'))
}

/// Notes what looks like a field behind a character that some programs take for a line break: `str.splitlines` of Python
/// breaks lines at all of these.
fn examine_hidden_breaks(raw: &[u8], found: &mut Findings) {
    let controls = memchr::memchr3_iter(0x0b, 0x0c, 0x1e, raw).chain(memchr::memchr2_iter(0x1c, 0x1d, raw));
    let mut behind = controls.map(|at| at + 1).find_map(|at| field_at(raw, at));
    if behind.is_none() && !raw.is_ascii() {
        behind = HIDDEN_BREAKS.into_iter().find_map(|hidden| {
            let mut places = memchr::memmem::find_iter(raw, hidden.as_bytes());
            places.find_map(|at| field_at(raw, at + hidden.len()))
        });
    }
    if let Some(field) = behind {
        found.flag(&flag::HIDDEN_LINE_BREAK, field);
    }
}

/// Returns the rest of the line where it looks like a field; a name has fewer octets than a line should (§2.1.1).
fn field_at(raw: &[u8], at: usize) -> Option<&[u8]> {
    let rest = raw.get(at..raw.len().min(at + 80)).unwrap_or_default();
    let line = rest.get(..memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len())).unwrap_or_default();
    Field::new(line).is_well_formed().then_some(line)
}

/// Tells whether every CR and LF belongs to a CRLF and no line ends with white space, as in most headers; many octets are
/// looked at together.
fn has_plain_lines(raw: &[u8]) -> bool {
    let behind = raw.get(1..).unwrap_or_default();
    let is_plain =
        |one: u8, next: u8| ((one == b'\r') == (next == b'\n')) & !((next == b'\r') & ((one == b' ') | (one == b'\t')));
    raw.iter().zip(behind).fold(true, |all, (&one, &next)| all & is_plain(one, next))
        && !matches!(raw.first(), Some(b'\n'))
        && !matches!(raw.last(), Some(b'\r' | b' ' | b'\t'))
}

/// Tells whether all octets are printing ASCII, white space or line ends, as in most headers.
fn has_plain_octets(raw: &[u8]) -> bool {
    let is_plain = |octet: u8| (octet.wrapping_sub(b' ') < 0x5f) | (octet.wrapping_sub(b'\t') < 2) | (octet == b'\r');
    raw.iter().fold(true, |all, &octet| all & is_plain(octet))
}

/// Notes octets that no header has.
fn examine_octets(raw: &[u8], found: &mut Findings) {
    if memchr::memchr(0, raw).is_some() {
        found.flag(&flag::NUL_IN_HEADER, &[]);
    }
    if !raw.is_ascii() && std::str::from_utf8(raw).is_err() {
        found.flag(&flag::NOT_UTF8, &[]);
    }
}

/// Notes fields that come twice, and a date that does not come.
fn note_counts(counts: &[usize], found: &mut Findings) {
    for (&count, (name, word)) in counts.iter().zip(&flag::SINGLE) {
        if count > 1 {
            found.count(word, &flag::DUPLICATE, name, count);
        }
        if count == 0 && *name == "Date" {
            found.flag(&flag::NO_DATE, &[]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_are_plain_where_nothing_odd_is_left_without_the_pairs(raw in "(\r\n|\r|\n| |\t|[ab]{1,40}){0,12}") {
            let ends_blank = raw.split("\r\n").any(|line| line.ends_with([' ', '\t']));
            let is_odd = ends_blank || raw.replace("\r\n", "").contains(['\r', '\n']);
            prop_assert_eq!(has_plain_lines(raw.as_bytes()), !is_odd);
        }
    }
}
