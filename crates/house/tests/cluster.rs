//! `sekisho cluster` and `--cluster`, with a cluster that only repeats what it is told

use std::net::SocketAddr;

use sekisho_house::{Cluster, LakeError, Setting};

use crate::command::{Folder, Said};

/// A cluster that repeats.
const ECHO: Cluster = Cluster {
    read: |address, place| Err(LakeError(format!("{address} about {}", place.folder.display()))),
    schedule: |how, listening| {
        listening(SocketAddr::from((how.listen.ip(), 7)));
        if how.executor_timeout.as_secs() == 15 { Ok(()) } else { Err(LakeError(format!("{how:?}"))) }
    },
    execute: |how, listening| {
        listening(how.listen);
        let work = how.work.as_ref().map(|work| work.display().to_string());
        Err(LakeError(format!("for {}, {} in {work:?}, {} slots", how.scheduler, how.lake.folder.display(), how.slots)))
    },
};

/// Calls a command of a program with a cluster, or without.
fn call(folder: &Folder, command: &str, cluster: Option<Cluster>) -> Said {
    let setting = Setting { cluster, data_places: vec![folder.path("data")], ..Setting::default() };
    folder.call_with(command, "", setting)
}

#[test]
fn a_program_without_a_cluster_says_how_to_build_one() {
    let folder = Folder::new();
    folder.write("data/secret", "");
    for command in [
        "lake query SELECT --cluster df://127.0.0.1",
        "lake tables --cluster df://127.0.0.1",
        "cluster scheduler",
        "cluster executor --scheduler 127.0.0.1:50050",
    ] {
        let said = call(&folder, command, None);
        assert_eq!(said.exit, 2);
        assert!(said.stderr.contains("cargo build --release --package sekisho --features cluster"), "{}", said.stderr);
    }
}

#[test]
fn questions_go_to_the_cluster_that_is_named() {
    let folder = Folder::new();
    folder.write("data/secret", "");
    for command in ["lake query SELECT --cluster df://127.0.0.1:9", "lake tables --cluster df://127.0.0.1:9"] {
        let said = call(&folder, command, Some(ECHO));
        assert_eq!(said.stderr, "sekisho: the lake cannot do that: df://127.0.0.1:9 about DIR/data/lake\n");
    }
}

#[test]
fn a_scheduler_says_where_it_listens_and_what_to_do_next() {
    let folder = Folder::new();
    let said = call(&folder, "cluster scheduler --listen [::1]:0", Some(ECHO));
    assert_eq!(said.exit, 0, "{}", said.stderr);
    for told in ["on [::1]:7", "--scheduler [::1]:7", "df://[::1]:7", "stopped"] {
        assert!(said.stderr.contains(told), "{told}: {}", said.stderr);
    }
    let said = call(&folder, "cluster scheduler --executor-timeout 20", Some(ECHO));
    assert!(said.exit == 2 && said.stderr.contains("127.0.0.1:50050, executor_timeout: 20s"), "{}", said.stderr);
}

#[test]
fn an_executor_reads_the_lake_of_the_house_unless_told() {
    let folder = Folder::new();
    folder.write("data/secret", "");
    let executor =
        |more: &str| call(&folder, &format!("cluster executor --scheduler host:1 {more}"), Some(ECHO)).stderr;
    assert!(executor("--slots 3").contains("for host:1, DIR/data/lake in None, 3 slots"), "{}", executor("--slots 3"));
    let said = executor("--lake /mnt/lake --work /var/tmp --slots 1");
    assert!(said.contains("for host:1, /mnt/lake in Some(\"/var/tmp\"), 1 slots"), "{said}");
}

#[test]
fn whoever_listens_to_others_is_warned() {
    let folder = Folder::new();
    let warned = |command: &str| call(&folder, command, Some(ECHO)).stderr.contains("no password and no encryption");
    assert!(warned("cluster scheduler --listen 0.0.0.0:50050"));
    assert!(warned("cluster executor --scheduler host:1 --lake /mnt --listen 10.0.0.1:50051"));
    assert!(!warned("cluster scheduler"));
    assert!(!warned("cluster executor --scheduler host:1 --lake /mnt"));
}

#[test]
fn addresses_that_are_none_are_refused() {
    let folder = Folder::new();
    for command in [
        "cluster scheduler --listen 50050",
        "cluster executor --scheduler host",
        "cluster executor --scheduler a:1 --slots 0",
        "cluster scheduler --executor-timeout 9",
    ] {
        assert_eq!(call(&folder, command, Some(ECHO)).exit, 2, "{command}");
    }
}
