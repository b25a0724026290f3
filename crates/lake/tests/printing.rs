//! Printing what is hostile

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use proptest::prelude::*;
use sekisho_lake::print;

use crate::events::{mail, open, rows, small};

/// Returns one column of texts as rows.
fn texts(texts: &[String]) -> RecordBatch {
    let column: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
    RecordBatch::try_from_iter([("text", column)]).expect("rows")
}

/// Reads CSV of one column (RFC 4180).
fn read(csv: &str) -> Vec<String> {
    let mut cells = vec![];
    let mut chars = csv.chars().peekable();
    while chars.peek().is_some() {
        let mut cell = String::new();
        if chars.next_if_eq(&'"').is_some() {
            while let Some(c) = chars.next() {
                match c {
                    '"' if chars.next_if_eq(&'"').is_some() => cell.push('"'),
                    '"' => break,
                    c => cell.push(c),
                }
            }
            assert_eq!(chars.next(), Some('\n'));
        } else {
            cell.extend(std::iter::from_fn(|| chars.next_if(|c| *c != '\n')));
            assert_eq!(chars.next(), Some('\n'));
        }
        cells.push(cell);
    }
    cells
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]
    #[test]
    fn no_cell_is_a_formula_and_every_cell_comes_back(cells in prop::collection::vec("['=+@\\-\t\r\n＝\"a, ;|]{0,6}", 1_000..1_001)) {
        let mut csv = Vec::new();
        print::csv(&texts(&cells), &mut csv).expect("printed");
        let read = read(std::str::from_utf8(&csv).expect("UTF-8"));
        prop_assert_eq!(read.len(), cells.len());
        for (cell, read) in cells.iter().zip(&read) {
            prop_assert!(!read.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝']), "{:?}", read);
            prop_assert_eq!(print::original(read), cell);
        }
    }
}

#[test]
fn numbers_below_zero_stay_numbers() {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![-1]));
    let mut csv = Vec::new();
    print::csv(&RecordBatch::try_from_iter([("n", column)]).expect("rows"), &mut csv).expect("printed");
    assert_eq!(csv, b"-1\n");
}

#[test]
fn a_terminal_is_not_obeyed_to() {
    let hostile = texts(&["\u{1b}[2J".into(), "a\u{202e}b\nc".into(), "x".repeat(1 << 20), "関所".into()]);
    let mut out = Vec::new();
    print::table(&hostile.schema(), &[hostile], &mut out).expect("printed");
    let out = String::from_utf8(out).expect("UTF-8");
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[2..4], ["\\u{1b}[2J", "a\\u{202e}b\\u{a}c"]);
    assert!(lines[4].len() < 100 && lines[4].ends_with('…'));
    assert_eq!(lines[5], "関所");
}

#[test]
fn an_event_is_printed_whole() {
    let root = tempfile::TempDir::new().expect("a folder");
    let lake = open(root.path(), small());
    lake.append(&[mail(1)]).expect("acknowledged");
    let rows = rows(&lake, "SELECT at, id, author_domain, copies, recipient_domains, dkim, facts, day FROM mail");
    let (mut json, mut csv) = (Vec::new(), Vec::new());
    print::json(&rows[0], &mut json).expect("printed");
    print::csv(&rows[0], &mut csv).expect("printed");
    let signature = r#"{"result":"pass","domain":"d.example","selector":null,"algorithm":null,"reason":null}"#;
    let json = String::from_utf8(json).expect("UTF-8");
    let facts = "01".repeat(16);
    let expected = format!(
        r#"{{"at":"2026-11-22T12:00:00.001Z","id":"m000001","author_domain":"d1.example","copies":null,"recipient_domains":["here.example"],"dkim":[{signature}],"facts":["{facts}"],"day":"2026-11-22"}}"#
    );
    assert_eq!(json.trim_end(), expected);
    let csv = String::from_utf8(csv).expect("UTF-8");
    assert!(
        csv.starts_with("2026-11-22T12:00:00.001Z,m000001,d1.example,,\"[\"\"here.example\"\"]\",\"[{\"\"result\"\""),
        "{csv}"
    );
}
