//! A list that is handed out page by page

use std::fmt;
use std::str::FromStr;

use crate::id::{BadId, Id};

/// Some rows, and where the next ones begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where to go on; none where this is the last page.
    pub next: Option<Cursor>,
}

/// A place in a list: the row that was handed out last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Its time, by which lists are ordered.
    pub(crate) at: i64,
    /// Its id, which decides among equal times.
    pub(crate) id: Id,
}

impl Cursor {
    /// Names the row that a page ends with.
    pub fn new(at: i64, id: Id) -> Cursor {
        Cursor { at, id }
    }

    /// Where a list begins whose newest row comes first.
    pub(crate) fn newest() -> (i64, String) {
        (i64::MAX, "g".to_owned())
    }
}

impl<T> Page<T> {
    /// Makes a page out of rows of which one more was asked for than was wanted.
    pub(crate) fn cut(mut rows: Vec<T>, wanted: usize, place: impl Fn(&T) -> Cursor) -> Page<T> {
        let more = rows.len() > wanted;
        rows.truncate(wanted);
        let next = rows.last().filter(|_| more).map(place);
        Page { rows, next }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.at, self.id)
    }
}

impl FromStr for Cursor {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Cursor, BadId> {
        let (at, id) = text.rsplit_once('-').ok_or(BadId)?;
        Ok(Cursor { at: at.parse().map_err(|_| BadId)?, id: id.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back() {
        for at in [0, -5, i64::MAX] {
            let cursor = Cursor { at, id: Id::new(7_000, [1; 10]) };
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        assert!("5".parse::<Cursor>().is_err());
    }
}
