//! Printing: rows as JSON lines, as CSV, and as a table for a terminal
//!
//! What stands in a mail is hostile. In CSV, a text that a spreadsheet would take for a formula gets a `'` before it; in a
//! table, control characters and those that turn the direction of writing are shown, and not obeyed.

use std::io::{self, Write};

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::writer::{EncoderOptions, LineDelimited, WriterBuilder, make_encoder};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The widest cell of a table.
const WIDEST: usize = 60;

/// Writes rows as JSON, one object a line; a column without a value is `null`.
pub fn json(rows: &RecordBatch, out: &mut dyn Write) -> Result<(), PrintError> {
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(out);
    writer.write(rows)?;
    Ok(writer.finish()?)
}

/// Writes the names of the columns as CSV (RFC 4180).
pub fn csv_head(columns: &Schema, out: &mut dyn Write) -> Result<(), PrintError> {
    line(columns.fields().iter().map(|field| neutral(field.name())), out)
}

/// Writes rows as CSV (RFC 4180). A column without a value is empty; lists and structs are JSON.
pub fn csv(rows: &RecordBatch, out: &mut dyn Write) -> Result<(), PrintError> {
    let columns = rows.columns().iter().map(Cells::new).collect::<Result<Vec<_>, _>>()?;
    for row in 0..rows.num_rows() {
        let cells = columns.iter().map(|column| {
            let text = column.text(row)?.unwrap_or_default();
            Ok::<_, PrintError>(if column.is_number { text } else { neutral(&text) })
        });
        line(cells.collect::<Result<Vec<_>, _>>()?, out)?;
    }
    Ok(())
}

/// Returns a text that no spreadsheet takes for a formula. [`original`] is its inverse.
pub fn neutral(text: &str) -> String {
    if begins_a_formula(text.trim_start_matches('\'')) { format!("'{text}") } else { text.to_owned() }
}

/// Returns what was made [`neutral`].
pub fn original(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if begins_a_formula(rest.trim_start_matches('\'')) => rest,
        _ => text,
    }
}

/// Returns whether a spreadsheet may take a text for a formula. Those of Japan take the wide signs, too.
fn begins_a_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

/// Writes one line of CSV.
fn line(cells: impl IntoIterator<Item = String>, out: &mut dyn Write) -> Result<(), PrintError> {
    for (at, cell) in cells.into_iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        if cell.contains(['"', ',', '\r', '\n'])
            || cell.starts_with(char::is_whitespace)
            || cell.ends_with(char::is_whitespace)
        {
            write!(out, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            out.write_all(cell.as_bytes())?;
        }
    }
    Ok(out.write_all(b"\n")?)
}

/// Writes rows as a table whose columns line up; numbers stand at the right.
pub fn table(columns: &Schema, rows: &[RecordBatch], out: &mut dyn Write) -> Result<(), PrintError> {
    let right: Vec<bool> = columns.fields().iter().map(|field| field.data_type().is_numeric()).collect();
    let mut lines: Vec<Vec<String>> = vec![columns.fields().iter().map(|field| shown(field.name())).collect()];
    for batch in rows {
        let cells = batch.columns().iter().map(Cells::new).collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let line = cells.iter().map(|column| Ok::<_, PrintError>(shown(&column.text(row)?.unwrap_or_default())));
            lines.push(line.collect::<Result<_, _>>()?);
        }
    }
    let width = |column: usize| lines.iter().map(|line| line[column].width_cjk()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..right.len()).map(width).collect();
    for (at, line) in lines.iter().enumerate() {
        let cells = line.iter().enumerate().map(|(column, cell)| {
            let space = " ".repeat(widths[column] - cell.width_cjk());
            if right[column] { space + cell } else { cell.clone() + &space }
        });
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        if at == 0 {
            let rule: Vec<_> = widths.iter().map(|width| "-".repeat(*width)).collect();
            writeln!(out, "{}", rule.join("  "))?;
        }
    }
    Ok(())
}

/// Returns a text that a terminal shows and does not obey, cut to [`WIDEST`] columns.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    let mut width = 0;
    for c in text.chars() {
        let plain = !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        let piece = if plain { c.to_string() } else { c.escape_unicode().to_string() };
        width += if plain { c.width_cjk().unwrap_or(0) } else { piece.len() };
        if width >= WIDEST {
            shown.push('…');
            return shown;
        }
        shown.push_str(&piece);
    }
    shown
}

/// The cells of a column as text.
struct Cells<'a> {
    /// The column.
    column: &'a ArrayRef,
    /// Whether it has numbers, which are never formulas.
    is_number: bool,
    /// Writes plain values; lists and structs are written as JSON.
    plain: Option<ArrayFormatter<'a>>,
}

impl<'a> Cells<'a> {
    /// Returns the cells of a column.
    fn new(column: &'a ArrayRef) -> Result<Self, PrintError> {
        /// How values are written.
        const FORMAT: FormatOptions<'static> = FormatOptions::new();
        let data_type = column.data_type();
        let nested = matches!(
            data_type,
            DataType::List(_)
                | DataType::LargeList(_)
                | DataType::FixedSizeList(..)
                | DataType::Struct(_)
                | DataType::Map(..)
        );
        let plain = if nested { None } else { Some(ArrayFormatter::try_new(column, &FORMAT)?) };
        Ok(Self { column, is_number: data_type.is_numeric(), plain })
    }

    /// Returns one cell; nothing where it has no value.
    fn text(&self, row: usize) -> Result<Option<String>, PrintError> {
        if self.column.is_null(row) {
            return Ok(None);
        }
        match &self.plain {
            Some(plain) => Ok(Some(plain.value(row).try_to_string()?)),
            None => self.json(row).map(Some),
        }
    }

    /// Returns one cell as JSON.
    fn json(&self, row: usize) -> Result<String, PrintError> {
        let field =
            std::sync::Arc::new(datafusion::arrow::datatypes::Field::new("", self.column.data_type().clone(), true));
        let options = EncoderOptions::default();
        let mut encoder = make_encoder(&field, self.column, &options)?;
        let mut text = Vec::new();
        encoder.encode(row, &mut text);
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// Why rows cannot be printed.
#[derive(Debug)]
#[non_exhaustive]
pub enum PrintError {
    /// A value cannot be written as text.
    Value(ArrowError),
    /// Whoever reads them does not.
    Io(io::Error),
}

impl From<ArrowError> for PrintError {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => Self::Io(error),
            error => Self::Value(error),
        }
    }
}

impl From<io::Error> for PrintError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl std::fmt::Display for PrintError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Value(_) => "a value cannot be written as text",
            Self::Io(_) => "rows cannot be written",
        })
    }
}

impl std::error::Error for PrintError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Value(error) => Some(error),
            Self::Io(error) => Some(error),
        }
    }
}
