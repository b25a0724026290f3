//! Settling, compacting, removing

use std::fs;
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use sekisho_core::event::Event;
use sekisho_lake::{Kind, Lake, OpenError, Place, Settings};
use tempfile::TempDir;

use crate::events::{NOON, aggregate, fact, failure, json, mail, number, open, rows, runtime, small, tls};

/// Every count that must not change while files come and go.
fn counts(lake: &Lake) -> Vec<i64> {
    Kind::ALL.iter().map(|kind| number(lake, &format!("SELECT count(*) FROM {}", kind.name()))).collect()
}

#[test]
fn events_are_there_exactly_once_at_every_stage() {
    let root = TempDir::new().expect("a folder");
    let lake = open(root.path(), small());
    for round in 0..5 {
        let mails: Vec<_> = (0..100).map(|id| mail(round * 100 + id)).collect();
        lake.append(&mails).expect("acknowledged");
        lake.append(&[
            aggregate(&format!("r{round}"), 0),
            aggregate(&format!("r{round}"), 1),
            tls("t", u32::try_from(round).expect("small")),
            Event::Failure(Box::new(failure(&format!("f{round}"), 1))),
        ])
        .expect("acknowledged");
        lake.append(&[fact(u8::try_from(round).expect("small"), 0)]).expect("acknowledged");
        let all = i64::try_from(round).expect("small") + 1;
        let expected = [all * 100, all, all * 2, all, all];
        assert_eq!(counts(&lake), expected, "in a segment");
        runtime().block_on(lake.settle_all()).expect("settled");
        assert_eq!(counts(&lake), expected, "in files");
    }
    let compacted = runtime().block_on(lake.compact()).expect("compacted");
    assert_eq!((compacted.written, compacted.replaced, compacted.repeated), (5, 25, 0));
    assert_eq!(counts(&lake), [500, 5, 10, 5, 5], "in one file");
    let compacted = runtime().block_on(lake.compact()).expect("compacted");
    assert_eq!((compacted.written, compacted.deleted), (0, 25));
    assert_eq!(counts(&lake), [500, 5, 10, 5, 5], "after the others went");
    let tables = runtime().block_on(lake.tables()).expect("tables");
    let mails = tables.iter().find(|table| table.kind == Kind::Mail).expect("mails");
    assert_eq!((mails.files, mails.rows, mails.days, mails.unsettled), (1, 500, 1, 0));
    assert_eq!(mails.first.as_deref(), Some("2026-11-22"));
}

#[test]
fn a_fact_is_kept_once_a_day_and_a_report_row_once() {
    let root = TempDir::new().expect("a folder");
    let lake = open(root.path(), small());
    for second in [30, 10, 20] {
        lake.append(&[fact(1, second), fact(2, second), aggregate("again", 0), aggregate("again", 1)])
            .expect("acknowledged");
        runtime().block_on(lake.settle_all()).expect("settled");
    }
    lake.append(&[fact(1, 86_400)]).expect("acknowledged");
    runtime().block_on(lake.settle_all()).expect("settled");
    let compacted = runtime().block_on(lake.compact()).expect("compacted");
    assert_eq!(compacted.repeated, 8);
    assert_eq!(number(&lake, "SELECT count(*) FROM aggregate"), 2);
    let facts = json(&lake, "SELECT day, name, at FROM fact ORDER BY day, name");
    let first = "{\"day\":\"2026-11-22\",\"name\":\"f1.example\",\"at\":\"2026-11-22T12:00:10Z\"}\n";
    assert!(facts.starts_with(first), "{facts}");
    assert_eq!(facts.lines().count(), 3, "{facts}");
}

#[test]
fn segments_that_a_crash_left_are_settled_without_repeating_what_was_settled() {
    let root = TempDir::new().expect("a folder");
    let segments = root.path().join("segments");
    let lake = open(root.path(), small());
    lake.append(&[mail(1), mail(2), fact(1, 0)]).expect("acknowledged");
    let [segment] =
        &fs::read_dir(&segments).expect("listed").map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>()[..]
    else {
        panic!("one segment");
    };
    let octets = fs::read(segment).expect("read");
    runtime().block_on(lake.settle_all()).expect("settled");
    // The crash: the files are there, the segment was not yet removed.
    fs::write(segment, octets).expect("written");
    drop(lake);
    let lake = open(root.path(), small());
    assert_eq!(counts(&lake), [2, 1, 0, 0, 0]);
    let compacted = runtime().block_on(lake.compact()).expect("compacted");
    assert_eq!(compacted.written, 0, "what may be written again is left alone");
    runtime().block_on(lake.settle_all()).expect("settled");
    assert_eq!(counts(&lake), [2, 1, 0, 0, 0]);
}

#[test]
fn a_segment_of_a_newer_build_stays_until_that_build_is_back() {
    let root = TempDir::new().expect("a folder");
    let lake = open(root.path(), small());
    lake.append(&[mail(1)]).expect("acknowledged");
    drop(lake);
    let segment =
        fs::read_dir(root.path().join("segments")).expect("listed").next().expect("one").expect("an entry").path();
    let mut octets = fs::read(&segment).expect("read");
    // One more column, and the checksum of the header.
    octets[8] += 1;
    let check = crc32fast::hash(&octets[..28]).to_le_bytes();
    octets[28..32].copy_from_slice(&check);
    fs::write(&segment, octets).expect("written");
    let lake = open(root.path(), small());
    let settled = runtime().block_on(lake.settle_all()).expect("settled");
    assert_eq!((settled.newer.len(), settled.files), (1, 0));
    assert_eq!(counts(&lake), [1, 0, 0, 0, 0], "and can be asked about");
}

#[test]
fn old_days_go_and_young_ones_stay() {
    let root = TempDir::new().expect("a folder");
    let lake = open(root.path(), small());
    let day = 86_400_i64;
    for ago in 0..5 {
        lake.append(&[fact(1, -ago * day), aggregate("r", 0)]).expect("acknowledged");
    }
    runtime().block_on(lake.settle_all()).expect("settled");
    let gone = runtime().block_on(lake.retain([(Kind::Fact, 2)].into(), NOON)).expect("removed");
    assert_eq!(gone.files, 2);
    assert_eq!(json(&lake, "SELECT min(day) AS day FROM fact"), "{\"day\":\"2026-11-20\"}\n");
    assert_eq!(rows(&lake, "SELECT * FROM aggregate").len(), 1);
}

#[test]
fn what_a_domain_received_is_forgotten_after_its_time_and_nothing_else() {
    let root = TempDir::new().expect("a folder");
    let lake = open(root.path(), small());
    let day = 86_400_000_000_i64;
    let to = |id: usize, ago: i64, recipients: &[&str]| {
        let Event::Mail(mut mail) = mail(id) else { unreachable!("a mail") };
        mail.at = NOON - ago * day;
        mail.recipient_domains = recipients.iter().map(ToString::to_string).collect();
        Event::Mail(mail)
    };
    let mails = [
        to(0, 9, &["a.example"]),
        to(1, 9, &["www.a.example", "b.example"]),
        to(2, 9, &["b.example"]),
        to(3, 9, &["ba.example"]),
        to(4, 9, &[]),
        to(5, 1, &["a.example"]),
    ];
    lake.append(&mails).expect("acknowledged");
    runtime().block_on(lake.settle_all()).expect("settled");
    let ids = "SELECT id FROM mail ORDER BY id";
    let left = "{\"id\":\"m000002\"}\n{\"id\":\"m000003\"}\n{\"id\":\"m000004\"}\n{\"id\":\"m000005\"}\n";
    let forget = || runtime().block_on(lake.forget(vec!["a.example".to_owned()], 7, NOON)).expect("forgotten");
    assert_eq!(forget(), 1);
    assert_eq!(json(&lake, ids), left);
    // Once is enough, and what was replaced goes from the disk.
    assert_eq!(forget(), 0);
    let compacted = runtime().block_on(lake.compact()).expect("compacted");
    assert_eq!((compacted.written, compacted.deleted), (0, 1));
    assert_eq!(json(&lake, ids), left);
    drop(lake);
    let lake = open(root.path(), small());
    assert_eq!(json(&lake, ids), left, "after a restart");
}

#[test]
fn one_process_writes_and_others_read() {
    let root = TempDir::new().expect("a folder");
    assert!(matches!(Lake::open_to_read(root.path(), small()), Err(OpenError::NoLake(_))));
    let lake = open(root.path(), small());
    assert!(matches!(Lake::open(root.path(), small()), Err(OpenError::Taken(_))));
    let reader = Lake::open_to_read(root.path(), small()).expect("opened");
    assert!(reader.append(&[mail(1)]).is_err());
    lake.append(&[mail(1)]).expect("acknowledged");
    assert_eq!(counts(&reader), [1, 0, 0, 0, 0]);
}

#[test]
fn a_reader_counts_every_event_once_while_files_come_and_go() {
    let root = TempDir::new().expect("a folder");
    let settings = Settings { segment_octets: 2_048, grace: std::time::Duration::from_secs(600), ..small() };
    let lake = open(root.path(), settings.clone());
    let reader = Lake::open_to_read(root.path(), settings).expect("opened");
    let acknowledged = std::sync::atomic::AtomicI64::new(0);
    let order = std::sync::atomic::Ordering::SeqCst;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for id in 0..600 {
                lake.append(&[mail(id)]).expect("acknowledged");
                acknowledged.store(i64::try_from(id).expect("small") + 1, order);
            }
        });
        scope.spawn(|| {
            while acknowledged.load(order) < 600 {
                runtime().block_on(lake.settle()).expect("settled");
                runtime().block_on(lake.compact()).expect("compacted");
            }
        });
        while acknowledged.load(order) < 600 {
            let before = acknowledged.load(order);
            let sql = "SELECT count(*) * 1000000 + count(DISTINCT id) FROM mail";
            let counted = number(&reader, sql);
            let (all, distinct) = (counted / 1_000_000, counted % 1_000_000);
            assert_eq!(all, distinct);
            assert!(all >= before, "{before} were acknowledged, {all} were found");
        }
    });
    assert_eq!(counts(&reader), [600, 0, 0, 0, 0]);
}

#[test]
fn nodes_share_a_store_and_each_day_is_compacted_by_one() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let settings = || Settings { place: Place::Store(Arc::clone(&store)), ..small() };
    let roots = [TempDir::new().expect("a folder"), TempDir::new().expect("a folder")];
    let [one, other] = [open(roots[0].path(), settings()), open(roots[1].path(), settings())];
    one.append(&[mail(1), mail(2), fact(1, 20)]).expect("acknowledged");
    other.append(&[mail(3), fact(1, 10)]).expect("acknowledged");
    assert_eq!(counts(&one), [2, 1, 0, 0, 0], "a node sees its own segments");
    for lake in [&one, &other] {
        runtime().block_on(lake.settle_all()).expect("settled");
    }
    assert_eq!(counts(&one), [3, 2, 0, 0, 0], "and everybody's files");
    // A third node is at it.
    let claim = object_store::path::Path::from("mail/day=2026-11-22/claim");
    runtime().block_on(store.put(&claim, "0123456789abcdef".into())).expect("claimed");
    let compacted = runtime().block_on(one.compact()).expect("compacted");
    assert_eq!((compacted.written, compacted.repeated), (1, 1), "the facts alone");
    runtime().block_on(store.delete(&claim)).expect("ended");
    let compacted = runtime().block_on(other.compact()).expect("compacted");
    assert_eq!((compacted.written, compacted.deleted), (1, 2));
    for lake in [&one, &other] {
        assert_eq!(counts(lake), [3, 1, 0, 0, 0]);
    }
}

#[test]
fn what_another_node_compacted_before_its_segment_went_counts_once() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let settings = || Settings { place: Place::Store(Arc::clone(&store)), ..small() };
    let roots = [TempDir::new().expect("a folder"), TempDir::new().expect("a folder")];
    let one = open(roots[0].path(), settings());
    one.append(&[mail(1), mail(2)]).expect("acknowledged");
    // A crash comes after the files are put, and before the segment is removed.
    let segments = roots[0].path().join("segments");
    let kept: Vec<_> = fs::read_dir(&segments).expect("listed").map(|entry| entry.expect("an entry").path()).collect();
    let kept: Vec<_> = kept.into_iter().map(|path| (fs::read(&path).expect("read"), path)).collect();
    runtime().block_on(one.settle_all()).expect("settled");
    drop(one);
    kept.iter().for_each(|(octets, path)| fs::write(path, octets).expect("written"));
    let other = open(roots[1].path(), settings());
    other.append(&[mail(3)]).expect("acknowledged");
    runtime().block_on(other.settle_all()).expect("settled");
    let compacted = runtime().block_on(other.compact()).expect("compacted");
    assert_eq!(compacted.written, 1);
    let one = open(roots[0].path(), settings());
    assert_eq!(counts(&one), [3, 0, 0, 0, 0], "the segment is there again, and what it holds is in the compacted file");
    runtime().block_on(one.settle_all()).expect("settled");
    for lake in [&one, &other] {
        assert_eq!(counts(lake), [3, 0, 0, 0, 0]);
    }
}
