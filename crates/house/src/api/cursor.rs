//! Cursors: where the last page of a list ended, for the same list alone
//!
//! A cursor names the last row that was told, by its moment and id, and the span of time that the first page looked at: whatever
//! arrives meanwhile, the next page goes on behind that row. It is worth nothing to another search.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::asked::Asked;
use super::problem::{BAD_CURSOR, Problem};

/// How many octets tell one search from another.
const TELLING: usize = 8;

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The span of time that is looked at; nothing where a list has none.
    pub(super) span: (i64, i64),
    /// The moment of the last row.
    pub(super) at: i64,
    /// Its id.
    pub(super) id: String,
}

impl Place {
    /// Reads the cursor of a search; nothing where it begins.
    pub(super) fn read(asked: &Asked, room: &str) -> Result<Option<Place>, Problem> {
        let Some(text) = asked.text("cursor") else { return Ok(None) };
        let place = Place::parse(text, &telling(asked, room));
        place.map(Some).ok_or_else(|| Problem::new(BAD_CURSOR, []).about("cursor"))
    }

    /// Writes the cursor of a search.
    pub(super) fn write(&self, asked: &Asked, room: &str) -> String {
        let Place { span: (from, until), at, id } = self;
        BASE64_URL_SAFE_NO_PAD.encode(format!("{}.{from}.{until}.{at}.{id}", telling(asked, room)))
    }

    /// Reads a cursor.
    fn parse(text: &str, telling: &str) -> Option<Place> {
        let plain = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut parts = plain.strip_prefix(telling)?.strip_prefix('.')?.splitn(4, '.');
        let mut number = || parts.next()?.parse::<i64>().ok();
        let (from, until, at) = (number()?, number()?, number()?);
        Some(Place { span: (from, until), at, id: parts.next()?.to_owned() })
    }
}

/// Returns what tells a search from others: the room, and all that is asked in it. How many rows a page has may change on the way.
fn telling(asked: &Asked, room: &str) -> String {
    let mut filters: Vec<(&str, &str)> = asked.filters().filter(|(name, _)| *name != "limit").collect();
    filters.sort_unstable();
    let mut text = form_urlencoded::Serializer::new(String::new());
    let octets = digest(&SHA256, text.append_pair("room", room).extend_pairs(filters).finish().as_bytes());
    octets.as_ref().iter().take(TELLING).map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::asked::{Field, Kind};
    use super::*;

    /// What a list takes.
    const FIELDS: &[Field] = &[
        Field::new("spf", Kind::Word(&["pass", "fail"]), ""),
        Field::new("dmarc", Kind::Word(&["pass", "fail"]), ""),
        Field::new("limit", Kind::Number(1, 9, 5), ""),
        Field::new("cursor", Kind::Cursor, ""),
    ];

    /// Reads a query.
    fn asked(query: &str) -> Asked {
        Asked::read(Some(query), FIELDS).unwrap()
    }

    #[test]
    fn a_cursor_is_of_its_search_alone() {
        let place = Place { span: (-1, 5), at: 3, id: "a.b".to_owned() };
        let cursor = place.write(&asked("spf=pass&dmarc=fail"), "messages");
        let read = |query: &str, room| Place::read(&asked(&format!("{query}&cursor={cursor}")), room);
        // Another order, another size of pages: the same search.
        assert_eq!(read("dmarc=fail&limit=7&spf=pass", "messages").unwrap(), Some(place));
        for (other, room) in
            [("spf=pass", "messages"), ("spf=fail&dmarc=pass", "messages"), ("spf=pass&dmarc=fail", "x")]
        {
            assert_eq!(read(other, room).unwrap_err().kind(), BAD_CURSOR, "{other}");
        }
        assert_eq!(Place::read(&asked("spf=pass"), "messages").unwrap(), None);
    }

    proptest! {
        #[test]
        fn whatever_somebody_invents_is_refused_or_a_place(text in "[A-Za-z0-9_-]{1,60}") {
            let asked = asked(&format!("cursor={text}"));
            prop_assert!(Place::read(&asked, "messages").is_err());
        }
    }
}
