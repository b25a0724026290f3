//! Fields of a feedback report or a header: `Name: value`, unfolded (RFC 5322 §2.2)

use memchr::memchr;

/// How many octets of fields are looked at.
const OCTETS: usize = 256 * 1024;
/// How many fields are looked at.
const FIELDS: usize = 1000;

/// Returns the fields up to the first empty line behind one, each with the name as written and the value on one line; what is no
/// field is passed over.
pub(crate) fn fields(text: &[u8]) -> impl Iterator<Item = (String, String)> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let begins = text.iter().position(|octet| !matches!(octet, b'\r' | b'\n')).unwrap_or(text.len());
    raw_fields(&text[begins..]).filter_map(|raw| {
        let colon = memchr(b':', raw)?;
        let name = str::from_utf8(raw[..colon].trim_ascii_end()).ok()?;
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
        is_name.then(|| (name.to_owned(), unfold(&raw[colon + 1..])))
    })
}

/// Returns the fields with their folds and line ends.
pub(crate) fn raw_fields(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text.get(..OCTETS).unwrap_or(text);
    std::iter::from_fn(move || {
        let length = field_length(rest)?;
        let (field, behind) = rest.split_at(length);
        rest = behind;
        Some(field)
    })
    .take(FIELDS)
}

/// Returns the blocks of fields that empty lines part.
pub(crate) fn blocks(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text.get(..OCTETS).unwrap_or(text);
    std::iter::from_fn(move || {
        while let Some(behind) = rest.strip_prefix(b"\n").or_else(|| rest.strip_prefix(b"\r\n")) {
            rest = behind;
        }
        let mut length = 0;
        while let Some(field) = field_length(&rest[length..]) {
            length += field;
        }
        let (block, behind) = rest.split_at(length);
        rest = behind;
        (length > 0).then_some(block)
    })
}

/// Returns how long the first field is with its continuation lines; nothing where the header ends.
fn field_length(text: &[u8]) -> Option<usize> {
    if text.is_empty() || text.starts_with(b"\n") || text.starts_with(b"\r\n") {
        return None;
    }
    let mut end = 0;
    loop {
        end += memchr(b'\n', &text[end..]).map_or(text.len() - end, |at| at + 1);
        if !matches!(text.get(end), Some(b' ' | b'\t')) {
            return Some(end);
        }
    }
}

/// Returns a value without its comments (RFC 5322 §3.2.2), of which each may hold others.
pub(crate) fn without_comments(value: &str) -> String {
    let (mut kept, mut depth) = (String::with_capacity(value.len()), 0_u32);
    for character in value.chars() {
        match character {
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            _ if depth == 0 => kept.push(character),
            _ => {}
        }
    }
    kept.trim().to_owned()
}

/// Returns a value on one line; octets that are no UTF-8 are replaced.
fn unfold(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    lines.collect::<String>().trim().replace('\t', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_are_taken_out_and_an_empty_line_ends_it() {
        let read: Vec<_> = fields(b"A: one\r\n two\r\nnothing here\r\nb : \xff\r\n\r\nC: not this\r\n").collect();
        let expected = [("A", "one two"), ("b", "\u{fffd}")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read, expected);
    }

    #[test]
    fn what_stands_before_the_first_field_is_passed_over_and_comments_are_taken_out() {
        let read: Vec<_> = fields("\u{feff}\r\n\nA: 1\r\n".as_bytes()).collect();
        assert_eq!(read, [("A".to_owned(), "1".to_owned())]);
        assert_eq!(without_comments("dmarc (a (b) c), spf (x"), "dmarc , spf");
    }

    #[test]
    fn empty_lines_part_blocks() {
        let parted: Vec<_> = blocks(b"\r\n\nA: 1\r\nB: 2\r\n 3\r\n\r\n\nC: 4\n\n").collect();
        assert_eq!(parted, [&b"A: 1\r\nB: 2\r\n 3\r\n"[..], b"C: 4\n"]);
        assert_eq!(blocks(b"\r\n\r\n").count() + blocks(b"").count(), 0);
        assert_eq!(blocks(b" \n\nno end").collect::<Vec<_>>(), [&b" \n"[..], b"no end"]);
    }
}
