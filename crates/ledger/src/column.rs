//! What goes into a column and comes out of it

use std::borrow::Cow;
use std::str::FromStr;

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::fault::Fault;

/// How many octets of a text that others chose are kept: more than any honest name has, and little enough for an index.
const MOST_OF_A_TEXT: usize = 1000;

/// Makes a text that others chose fit for a column: PostgreSQL knows no NUL, so its picture stands there, and what is too long
/// is cut.
pub(crate) fn text(said: &str) -> Cow<'_, str> {
    text_of(said, MOST_OF_A_TEXT)
}

/// As [`text`], with another bound.
pub(crate) fn text_of(said: &str, most: usize) -> Cow<'_, str> {
    let mut kept = Cow::Borrowed(said);
    if said.contains('\0') {
        kept = Cow::Owned(said.replace('\0', "\u{2400}"));
    }
    if kept.len() > most {
        let end = kept.floor_char_boundary(most);
        kept = Cow::Owned(format!("{}…", &kept[..end]));
    }
    kept
}

/// Returns a column that must be there.
pub(crate) fn get<'r, T>(row: &'r AnyRow, column: &'static str) -> Result<T, Fault>
where
    T: sqlx::Decode<'r, sqlx::Any> + sqlx::Type<sqlx::Any>,
{
    Ok(row.try_get(column)?)
}

/// Returns a column whose text is parsed.
pub(crate) fn parse<T: FromStr>(row: &AnyRow, column: &'static str) -> Result<T, Fault> {
    read(column, &get::<String>(row, column)?)
}

/// Returns a column whose text, if it is there, is parsed.
pub(crate) fn parse_optional<T: FromStr>(row: &AnyRow, column: &'static str) -> Result<Option<T>, Fault> {
    get::<Option<String>>(row, column)?.map(|said| read(column, &said)).transpose()
}

/// Returns a column that counts something.
pub(crate) fn count(row: &AnyRow, column: &'static str) -> Result<u64, Fault> {
    let number: i64 = get(row, column)?;
    u64::try_from(number).map_err(|_| Fault::nonsense(column, number.to_string()))
}

/// Returns a number as a column has it; beyond 2^63 it stays there.
pub(crate) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Parses what stands in a column.
fn read<T: FromStr>(column: &'static str, said: &str) -> Result<T, Fault> {
    said.parse().map_err(|_| Fault::nonsense(column, said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_becomes_fit_for_a_column() {
        assert_eq!(text("a\0b"), "a\u{2400}b");
        assert!(matches!(text("plain"), Cow::Borrowed("plain")));
        let long = text_of(&"関".repeat(1000), 10).into_owned();
        assert_eq!(long, "関関関…");
    }
}
