//! Asking: what is refused, what is bounded, and files of older builds

use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use sekisho_lake::{AskError, Lake, Settings};
use tempfile::TempDir;

use crate::events::{json, mail, number, open, rows, runtime, small};

/// Asks what is not answered.
fn refused(lake: &Lake, sql: &str) -> AskError {
    let asked = runtime().block_on(async { lake.ask(sql).await?.collect().await });
    match asked {
        Err(error) => error,
        Ok(rows) => panic!("`{sql}` was answered: {rows:?}"),
    }
}

#[test]
fn only_what_reads_is_answered() {
    let root = TempDir::new().expect("a folder");
    let lake = open(root.path(), small());
    lake.append(&[mail(1)]).expect("acknowledged");
    for sql in [
        "DELETE FROM mail",
        "UPDATE mail SET id = 'x'",
        "INSERT INTO mail SELECT * FROM mail",
        "DROP TABLE mail",
        "TRUNCATE TABLE mail",
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE SCHEMA s",
        "CREATE EXTERNAL TABLE passwd(line text) STORED AS CSV LOCATION '/etc/passwd'",
        "COPY (SELECT 1) TO '/tmp/out.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/out.csv'",
        "SET datafusion.execution.batch_size = 1",
        "PREPARE p AS SELECT 1",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM 'file:///etc/passwd'",
        "SELECT 1; SELECT 2",
        "SELECT * FROM generate_series(1, 1000000000)",
        "SELECT repeat('x', 2000000000)",
        "SELECT lpad('x', 2000000000)",
        "SELECT range(1, 100000000000)",
        "SELEKT",
        "SELECT nothing FROM mail",
        "",
    ] {
        let error = refused(&lake, sql);
        assert!(matches!(error, AskError::Refused(_) | AskError::Wrong(_)), "{sql}: {error:?}");
    }
    assert_eq!(number(&lake, "SELECT count(*) FROM mail"), 1);
}

#[test]
fn nesting_and_length_are_bounded() {
    let root = TempDir::new().expect("a folder");
    let lake = open(root.path(), small());
    let deep = format!("SELECT {}1{}", "(".repeat(1_900), ")".repeat(1_900));
    assert!(matches!(refused(&lake, &deep), AskError::Wrong(_)));
    assert!(matches!(refused(&lake, &format!("SELECT '{}'", "x".repeat(70_000))), AskError::Refused(_)));
    assert!(matches!(refused(&lake, &format!("SELECT {}1", "1+".repeat(30_000))), AskError::Refused(_)));
    // A chain of terms is as deep as a tree; the longest that is heard fits onto the stack.
    assert_eq!(number(&lake, &format!("SELECT {}1", "1+".repeat(1_990))), 1_991);
}

#[test]
fn what_takes_too_much_memory_or_time_is_ended() {
    let root = TempDir::new().expect("a folder");
    let settings = Settings { memory: 4 << 20, spill: 8 << 20, time_limit: Duration::from_secs(2), ..small() };
    let lake = open(root.path(), settings);
    lake.append(&(0..5_000).map(mail).collect::<Vec<_>>()).expect("acknowledged");
    for sql in [
        "SELECT array_agg(a.id || b.id) FROM mail a CROSS JOIN mail b",
        "SELECT count(*) FROM mail a, mail b, mail c, mail d WHERE a.id || b.id > c.id || d.id",
    ] {
        let error = refused(&lake, sql);
        assert!(matches!(error, AskError::TooLarge(_) | AskError::TimeLimit(_)), "{error:?}");
    }
}

#[test]
fn what_does_not_fit_into_memory_is_put_aside_and_comes_back_whole() {
    let root = TempDir::new().expect("a folder");
    let lake = open(root.path(), Settings { memory: 32 << 20, threads: 1, ..small() });
    for batch in (0..80_000).collect::<Vec<_>>().chunks(10_000) {
        lake.append(&batch.iter().copied().map(mail).collect::<Vec<_>>()).expect("acknowledged");
        runtime().block_on(lake.settle_all()).expect("settled");
    }
    let plan = json(&lake, "EXPLAIN ANALYZE SELECT * FROM mail ORDER BY client_ip, id DESC");
    assert!(plan.contains("spill_count=") && !plan.contains("spill_count=0,"), "{plan}");
    let sorted = rows(&lake, "SELECT * FROM mail ORDER BY client_ip, id DESC");
    assert_eq!(sorted.iter().map(RecordBatch::num_rows).sum::<usize>(), 80_000);
}

#[test]
fn a_file_without_a_newer_column_reads_as_nulls() {
    let root = TempDir::new().expect("a folder");
    let lake = open(root.path(), small());
    lake.append(&[mail(1), mail(2)]).expect("acknowledged");
    runtime().block_on(lake.settle_all()).expect("settled");
    let day = root.path().join("events/mail/day=2026-11-22");
    let path = std::fs::read_dir(&day).expect("listed").next().expect("one").expect("an entry").path();
    // What an older build would have written: the last columns are not there, and another order.
    let file = std::fs::File::open(&path).expect("opened");
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file)
        .expect("read")
        .build()
        .expect("read");
    let batch: RecordBatch = reader.into_iter().next().expect("one").expect("rows");
    let some: Vec<usize> = (0..batch.num_columns() - 3).rev().collect();
    let older = batch.project(&some).expect("columns");
    let file = std::fs::File::create(day.join("0000deadbeef-0000000000000001.parquet")).expect("created");
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, older.schema(), None).expect("written");
    writer.write(&older).expect("written");
    writer.close().expect("written");
    assert_eq!(number(&lake, "SELECT count(*) FROM mail"), 4);
    assert_eq!(number(&lake, "SELECT count(facts) FROM mail"), 2);
    assert_eq!(number(&lake, "SELECT count(*) FROM mail WHERE facts IS NULL AND author_domain = 'd1.example'"), 1);
}

#[test]
fn days_moments_and_addresses_can_be_asked_about() {
    let root = TempDir::new().expect("a folder");
    let lake = open(root.path(), small());
    let mails: Vec<_> = (0..100).map(mail).collect();
    lake.append(&mails).expect("acknowledged");
    for stage in ["in a segment", "in a file"] {
        let count = |filter: &str| number(&lake, &format!("SELECT count(*) FROM mail WHERE {filter}"));
        assert_eq!(count("day = '2026-11-22'"), 100, "{stage}");
        assert_eq!(count("day < '2026-11-22'"), 0, "{stage}");
        assert_eq!(count("at >= '2026-11-22T12:00:00.050Z'"), 50, "{stage}");
        assert_eq!(count("ip_in(client_ip, '192.0.2.0/28')"), 16, "{stage}");
        assert_eq!(count("array_has(recipient_domains, 'here.example')"), 100, "{stage}");
        assert_eq!(count("author_domain = 'd3.example' AND id = 'm000013'"), 1, "{stage}");
        let sql =
            "SELECT ip_network(client_ip, 26, 48) AS net, count(*) AS n FROM mail GROUP BY net ORDER BY net LIMIT 1";
        assert_eq!(json(&lake, sql), "{\"net\":\"192.0.2.0/26\",\"n\":64}\n", "{stage}");
        runtime().block_on(lake.settle_all()).expect("settled");
    }
}
