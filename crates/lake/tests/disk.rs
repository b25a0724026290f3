//! A full disk: an error, nothing half, and it works again when there is space

use std::fs;
use std::path::Path;
use std::process::Command;

use sekisho_lake::{AppendError, Lake};
use tempfile::TempDir;

use crate::events::{mail, number, runtime, small};

/// Where the process of [`fills_a_small_disk`] finds its disk.
const DISK: &str = "SEKISHO_LAKE_DISK";

#[test]
fn a_full_disk_is_an_error_and_passes() {
    let root = TempDir::new().expect("a folder");
    // The mount is seen by that process alone, and ends with it.
    let script = "mount -t tmpfs -o size=2m tmpfs \"$0\" && exec \"$@\"";
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .arg(root.path())
        .arg(std::env::current_exe().expect("this program"))
        .args(["disk::fills_a_small_disk", "--exact", "--ignored", "--nocapture"])
        .env(DISK, root.path())
        .output()
        .expect("util-linux is installed");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "a process that another test starts on a disk of 2 MB"]
fn fills_a_small_disk() {
    let disk = std::env::var(DISK).expect("started by another test");
    let disk = Path::new(&disk);
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![1; 1 << 20]).expect("half of the disk");
    let lake = Lake::open(&disk.join("lake"), small()).expect("opened").lake;
    let batch = |round: usize| (0..50).map(|id| mail(round * 50 + id)).collect::<Vec<_>>();
    let mut round = 0;
    let error = loop {
        match lake.append(&batch(round)) {
            Ok(()) => round += 1,
            Err(error) => break error,
        }
        assert!(round < 200, "the disk has 2 MB");
    };
    assert!(matches!(error, AppendError::Full(_)), "{error:?}");
    let acknowledged = i64::try_from(round).expect("small") * 50;
    assert_eq!(number(&lake, "SELECT count(*) FROM mail"), acknowledged, "no half batch");
    assert!(lake.append(&batch(round)).is_err(), "and still full");
    fs::remove_file(&ballast).expect("removed");
    lake.append(&batch(round)).expect("there is space again");
    assert_eq!(number(&lake, "SELECT count(*) FROM mail"), acknowledged + 50);
    runtime().block_on(lake.settle_all()).expect("settled");
    assert_eq!(number(&lake, "SELECT count(DISTINCT id) FROM mail"), acknowledged + 50);
}
