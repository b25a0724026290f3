//! Columns: how Events become rows, derived from the structs here and nowhere else
//!
//! The columns of a kind are those of its struct, in its order, under its names: `serde_arrow` traces a sample in which
//! every field has a value. `at` and `until` are points in time (UTC, microseconds), hashes are octets. Every column may
//! be null: a file that was written before a column existed reads as nulls. `day` is no column of a file: its folder says it.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use sekisho_core::event::{
    AggregateEvent, Event, FactEvent, FactHash, FailureEvent, MailEvent, SignatureEvent, TlsEvent,
};
use serde::Serialize;
use serde_arrow::schema::{SchemaLike, TracingOptions};

use crate::kind::Kind;

/// The name of the column that the folder of a file says.
pub(crate) const DAY: &str = "day";

/// Returns the columns of a kind, as they stand in its files.
pub fn of(kind: Kind) -> SchemaRef {
    /// Traced once.
    static COLUMNS: LazyLock<[SchemaRef; 5]> = LazyLock::new(|| {
        [
            traced(&[mail(), MailEvent::default()]),
            traced(&[fact(), FactEvent::default()]),
            traced(&[aggregate(), AggregateEvent::default()]),
            traced(&[tls(), TlsEvent::default()]),
            traced(&[failure(), FailureEvent::default()]),
        ]
    });
    let [mail, fact, aggregate, tls, failure] = &*COLUMNS;
    Arc::clone(match kind {
        Kind::Mail => mail,
        Kind::Fact => fact,
        Kind::Aggregate => aggregate,
        Kind::Tls => tls,
        Kind::Failure => failure,
    })
}

/// Returns the columns of a kind, as queries read them: texts as views, so that one that stands in many rows is copied for none.
pub(crate) fn read(kind: Kind) -> SchemaRef {
    let field = |field: &FieldRef| match field.data_type() {
        DataType::Utf8 => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
        _ => Arc::clone(field),
    };
    Arc::new(Schema::new(of(kind).fields().iter().map(field).collect::<Vec<_>>()))
}

/// Returns the columns of a kind as queries see them: those that they read, then the day.
pub fn with_day(kind: Kind) -> SchemaRef {
    and_day(&read(kind))
}

/// Returns columns, and the day behind them.
pub(crate) fn and_day(columns: &Schema) -> SchemaRef {
    let mut fields: Vec<FieldRef> = columns.fields().to_vec();
    fields.push(day_field());
    Arc::new(Schema::new(fields))
}

/// Returns the column of the day.
pub(crate) fn day_field() -> FieldRef {
    Arc::new(Field::new(DAY, DataType::Date32, false))
}

/// Returns how many columns this build knows. Fields are only ever added, so a segment that says more than this was
/// written by a newer build, and settling it here would lose what this build cannot see.
pub(crate) fn generation() -> u32 {
    static COUNT: LazyLock<u32> = LazyLock::new(|| {
        let count: usize = Kind::ALL.into_iter().map(|kind| leaves(of(kind).fields())).sum();
        u32::try_from(count).expect("a few hundred columns at most")
    });
    *COUNT
}

/// Returns how many columns of plain values these are.
fn leaves<'a>(fields: impl IntoIterator<Item = &'a FieldRef>) -> usize {
    fields
        .into_iter()
        .map(|field| match field.data_type() {
            DataType::Struct(fields) => leaves(fields),
            DataType::List(item) => leaves([item]),
            _ => 1,
        })
        .sum()
}

/// Events of one kind cannot become rows.
#[derive(Debug)]
pub struct NoRows(serde_arrow::Error);

impl std::fmt::Display for NoRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("events cannot become rows")
    }
}

impl std::error::Error for NoRows {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Returns Events of one kind as rows, in their order. Events of other kinds are not looked at.
pub fn rows(kind: Kind, events: &[&Event]) -> Result<RecordBatch, NoRows> {
    /// Picks the structs of one kind.
    macro_rules! pick {
        ($variant:ident) => {
            batch(
                kind,
                &events.iter().filter_map(|e| if let Event::$variant(e) = e { Some(&**e) } else { None }).collect(),
            )
        };
    }
    match kind {
        Kind::Mail => pick!(Mail),
        Kind::Fact => pick!(Fact),
        Kind::Aggregate => pick!(Aggregate),
        Kind::Tls => pick!(Tls),
        Kind::Failure => pick!(Failure),
    }
}

/// Returns structs as rows.
fn batch<T: Serialize>(kind: Kind, items: &Vec<&T>) -> Result<RecordBatch, NoRows> {
    serde_arrow::to_record_batch(of(kind).fields(), items).map_err(NoRows)
}

/// Returns the columns of the structs of which `samples` are.
fn traced<T: Serialize>(samples: &[T]) -> SchemaRef {
    let options = TracingOptions::default()
        .sequence_as_large_list(false)
        .strings_as_large_utf8(false)
        .bytes_as_large_binary(false);
    let fields = Vec::<FieldRef>::from_samples(samples, options).expect("the samples are complete");
    Arc::new(Schema::new(fields.iter().map(|field| settled(field)).collect::<Vec<_>>()))
}

/// Returns a traced column with the type that people ask about.
fn settled(field: &Field) -> Field {
    let data_type = match (field.name().as_str(), field.data_type()) {
        ("at" | "until", _) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        (_, DataType::Binary) => DataType::FixedSizeBinary(16),
        (_, DataType::List(item)) => DataType::List(Arc::new(settled(item))),
        (_, DataType::Struct(fields)) => DataType::Struct(fields.iter().map(|field| settled(field)).collect()),
        (_, other) => other.clone(),
    };
    Field::new(field.name(), data_type, true)
}

/// Returns a text for a sample.
fn text() -> Option<String> {
    Some(String::new())
}

/// Returns a signature with a value in every field.
fn signature() -> SignatureEvent {
    SignatureEvent { result: String::new(), domain: text(), selector: text(), algorithm: text(), reason: text() }
}

/// Returns a mail with a value in every field that could be empty.
fn mail() -> MailEvent {
    MailEvent {
        client_ip: text(),
        recipient_domains: vec![String::new()],
        author_domain: text(),
        author_reason: text(),
        author_flags: vec![String::new()],
        spf_result: text(),
        spf_domain: text(),
        spf_helo_result: text(),
        dkim: vec![signature(), SignatureEvent::default()],
        arc_sealers: vec![String::new()],
        organizational_domain: text(),
        policy_domain: text(),
        policy: text(),
        grounds: vec![String::new()],
        override_type: text(),
        override_comment: text(),
        unjudged: text(),
        copies: Some(0),
        facts: vec![FactHash::default()],
        ..MailEvent::default()
    }
}

/// Returns a fact with a value in every field that could be empty.
fn fact() -> FactEvent {
    FactEvent { records: vec![String::new()], ..FactEvent::default() }
}

/// Returns a report row with a value in every field that could be empty.
fn aggregate() -> AggregateEvent {
    AggregateEvent {
        submitter: text(),
        reasons: vec![String::new()],
        envelope_from: text(),
        envelope_to: text(),
        dkim: vec![signature(), SignatureEvent::default()],
        spf_domain: text(),
        spf_result: text(),
        ..AggregateEvent::default()
    }
}

/// Returns a report row with a value in every field that could be empty.
fn tls() -> TlsEvent {
    TlsEvent {
        submitter: text(),
        result_type: text(),
        sending_ip: text(),
        receiving_host: text(),
        receiving_ip: text(),
        reason_code: text(),
        ..TlsEvent::default()
    }
}

/// Returns a mail that failed with a value in every field that could be empty.
fn failure() -> FailureEvent {
    FailureEvent {
        submitter: text(),
        header_from: text(),
        envelope_from: text(),
        envelope_to: vec![String::new()],
        source_ip: text(),
        auth_failure: vec![String::new()],
        identity_alignment: vec![String::new()],
        delivery_result: text(),
        dkim_domain: text(),
        dkim_selector: text(),
        ..FailureEvent::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_a_column_of_a_real_type() {
        // A field that is empty in every sample is traced as `Null`: whoever adds one adds it to its sample.
        fn check(path: &str, field: &Field) {
            match field.data_type() {
                DataType::Null => panic!("`{path}` has no value in its sample"),
                DataType::List(item) => check(&format!("{path}[]"), item),
                DataType::Struct(fields) => {
                    fields.iter().for_each(|field| check(&format!("{path}.{}", field.name()), field));
                }
                _ => {}
            }
        }
        for kind in Kind::ALL {
            assert!(of(kind).fields().len() > 5);
            of(kind).fields().iter().for_each(|field| check(&format!("{}.{}", kind.name(), field.name()), field));
        }
    }

    #[test]
    fn every_column_is_described_where_people_read() {
        let document = include_str!("../../../docs/lake.md");
        for kind in Kind::ALL {
            let begin = document.find(&format!("### `{}`", kind.name())).expect("a heading");
            let table = &document[begin..];
            let table = &table[..table[4..].find("### ").map_or(table.len(), |end| end + 4)];
            for field in of(kind).fields() {
                assert!(table.contains(&format!("`{}`", field.name())), "{}.{}", kind.name(), field.name());
            }
        }
    }

    #[test]
    fn the_columns_that_kinds_name_exist() {
        for kind in Kind::ALL {
            let columns = of(kind);
            for name in [kind.order(), kind.key(), kind.looked_up(), kind.unique()].concat() {
                assert!(columns.field_with_name(name).is_ok(), "{}.{name}", kind.name());
            }
            assert!(kind.key().iter().all(|name| kind.order().contains(name)));
        }
    }

    #[test]
    fn events_come_back_from_rows() {
        let sent = MailEvent {
            at: 1_700_000_000_000_000,
            author_domain: Some("example.org".into()),
            facts: vec![FactHash([7; 16]), FactHash([8; 16])],
            dkim: vec![SignatureEvent { result: "pass".into(), ..SignatureEvent::default() }],
            ..MailEvent::default()
        };
        let event = Event::Mail(Box::new(sent.clone()));
        let rows = rows(Kind::Mail, &[&event]).expect("rows");
        let back: Vec<MailEvent> = serde_arrow::from_record_batch(&rows).expect("read");
        assert_eq!(back, [sent]);
    }
}
