//! Crashes: a process that is killed at any moment loses nothing that it acknowledged, and repeats nothing

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use sekisho_lake::{Lake, Settings};
use tempfile::TempDir;

use crate::events::{mail, number, open, runtime, small};

/// Where the process of [`writes_until_it_is_killed`] finds its lake, and with which Event it begins.
const CHILD: &str = "SEKISHO_LAKE_CHILD";

/// Settings under which everything happens all the time.
fn restless() -> Settings {
    Settings { segment_octets: 4_096, ..small() }
}

#[test]
#[ignore = "a process that other tests start and kill"]
fn writes_until_it_is_killed() {
    let child = std::env::var(CHILD).expect("started by another test");
    let (root, first) = child.rsplit_once(' ').expect("a folder and a number");
    let lake = Lake::open(&PathBuf::from(root), restless()).expect("opened").lake;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                runtime().block_on(lake.settle()).expect("settled");
                runtime().block_on(lake.compact()).expect("compacted");
            }
        });
        for id in first.parse().expect("a number").. {
            lake.append(&[mail(id)]).expect("acknowledged");
            writeln!(std::io::stdout(), "acknowledged {id}").expect("heard");
        }
    });
}

#[test]
fn what_was_acknowledged_survives_kill_9_exactly_once() {
    let root = TempDir::new().expect("a folder");
    let mut next = 0;
    // Killed after so many more Events: early, in the middle of settling and compacting, late.
    for more in [1, 2, 7, 19, 40, 3, 83, 140, 11, 57, 90, 23] {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["crash::writes_until_it_is_killed", "--exact", "--ignored", "--nocapture"])
            .env(CHILD, format!("{} {next}", root.path().display()))
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut acknowledged = None;
        let mut seen = 0;
        for line in stdout.lines() {
            let line = line.expect("a line");
            if let Some((_, id)) = line.split_once("acknowledged ") {
                acknowledged = id.parse::<i64>().ok();
                seen += 1;
                if seen == more {
                    child.kill().expect("killed");
                }
            }
        }
        child.wait().expect("ended");
        let last = acknowledged.expect("something was acknowledged");
        let lake = Lake::open(root.path(), restless()).expect("opened").lake;
        let check = |when: &str| {
            let all = number(&lake, "SELECT count(*) FROM mail");
            assert_eq!(all, number(&lake, "SELECT count(DISTINCT id) FROM mail"), "{when}: none twice");
            let sql = format!("SELECT count(*) FROM mail WHERE id <= 'm{last:06}'");
            assert_eq!(number(&lake, &sql), last + 1, "{when}: all that were acknowledged");
            all
        };
        check("opened again");
        runtime().block_on(lake.settle_all()).expect("settled");
        check("settled");
        runtime().block_on(lake.compact()).expect("compacted");
        next = check("compacted");
    }
}

#[test]
fn a_torn_tail_is_cut_and_told() {
    let root = TempDir::new().expect("a folder");
    let lake = open(root.path(), small());
    lake.append(&[mail(0)]).expect("acknowledged");
    lake.append(&[mail(1)]).expect("acknowledged");
    drop(lake);
    let segments = root.path().join("segments");
    let path = fs::read_dir(&segments).expect("listed").next().expect("one").expect("an entry").path();
    let octets = fs::read(&path).expect("read");
    // Where the second batch begins: both are as long.
    let second = 32 + (octets.len() - 32) / 2;
    for cut in (33..octets.len()).step_by(7).chain([32, second - 1, second, second + 1, octets.len() - 1]) {
        fs::write(&path, &octets[..cut]).expect("written");
        let opened = Lake::open(root.path(), small()).expect("opened");
        let whole = i64::from(cut >= second);
        assert_eq!(number(&opened.lake, "SELECT count(*) FROM mail"), whole, "cut at {cut}");
        assert_eq!(opened.damages.len(), usize::from(cut != second && cut != 32), "cut at {cut}");
        assert!(opened.damages.iter().all(|damage| damage.torn), "cut at {cut}");
        drop(opened);
        assert_eq!(open(root.path(), small()).append(&[]).err().map(|error| error.to_string()), None, "it is mended");
    }
}

#[test]
fn a_flipped_bit_costs_one_batch_and_the_segment_is_kept() {
    let root = TempDir::new().expect("a folder");
    let lake = open(root.path(), small());
    for id in 0..3 {
        lake.append(&[mail(id)]).expect("acknowledged");
    }
    drop(lake);
    let path =
        fs::read_dir(root.path().join("segments")).expect("listed").next().expect("one").expect("an entry").path();
    let mut octets = fs::read(&path).expect("read");
    let middle = octets.len() / 2;
    octets[middle] ^= 1;
    fs::write(&path, octets).expect("written");
    let opened = Lake::open(root.path(), small()).expect("opened");
    assert!(matches!(&opened.damages[..], [damage] if !damage.torn));
    let lake = opened.lake;
    assert_eq!(number(&lake, "SELECT count(*) FROM mail"), 2);
    let settled = runtime().block_on(lake.settle_all()).expect("settled");
    assert_eq!((settled.damaged.len(), settled.events), (1, 2));
    assert_eq!(number(&lake, "SELECT count(*) FROM mail"), 2);
    assert!(path.with_extension("damaged").exists());
}
