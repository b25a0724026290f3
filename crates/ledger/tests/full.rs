//! A disk that is full: an error, nothing half done, and work again once there is space

use futures_util::TryStreamExt;
use sekisho_ledger::vault::PutError;
use sekisho_ledger::{Fault, Ledger, Receipt, ReportFilter, Vault};
use sekisho_testkit::tmpfs::Tmpfs;

use crate::books::{NOW, intake, runtime};

/// How large the disk is.
const DISK: u32 = 8 * 1024 * 1024;

#[test]
fn a_full_disk_under_the_ledger_loses_nothing_that_was_acknowledged() {
    let Some(disk) = Tmpfs::new(DISK) else { return };
    runtime().block_on(async {
        let url = format!("sqlite:{}", disk.folder().join("ledger.db").display());
        let ledger = Ledger::open(&url, NOW).await.unwrap();
        let mut acknowledged = Vec::new();
        for round in 0..3_u32 {
            disk.fill(200 * 1024).unwrap();
            let mut refused = 0;
            for number in 0..1000_u32 {
                let new = intake(format!("round {round}, {number}").as_bytes());
                match ledger.receive(&new).await {
                    Ok(receipt) => {
                        assert_eq!(receipt, Receipt::New);
                        acknowledged.push(new.report.id);
                    }
                    Err(Fault::Full(_)) => refused += 1,
                    Err(other) => panic!("{other:?}"),
                }
                if refused == 20 {
                    break;
                }
            }
            assert_eq!(refused, 20, "the disk did not become full");
            disk.empty().unwrap();
            // At once, and without anybody's help.
            let new = intake(format!("after round {round}").as_bytes());
            assert_eq!(ledger.receive(&new).await.unwrap(), Receipt::New);
            acknowledged.push(new.report.id);
        }
        assert!(acknowledged.len() > 3, "nothing went in before the disk was full");
        for id in &acknowledged {
            assert!(ledger.report(*id).await.unwrap().is_some());
        }
        let (mut reports, mut after) = (0, None);
        loop {
            let page = ledger.reports(&ReportFilter::default(), after, 500).await.unwrap();
            reports += page.rows.len();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let jobs: u64 = ledger.job_counts().await.unwrap().iter().map(|count| count.jobs).sum();
        assert_eq!((reports, jobs), (acknowledged.len(), acknowledged.len() as u64));
        ledger.close().await;
        assert!(Ledger::open(&url, NOW).await.unwrap().report(acknowledged[0]).await.unwrap().is_some());
    });
}

#[test]
fn a_full_disk_under_the_vault_leaves_no_part_of_an_object() {
    let Some(disk) = Tmpfs::new(DISK) else { return };
    runtime().block_on(async {
        let folder = disk.folder().join("vault");
        let vault = Vault::in_folder(&folder).await.unwrap();
        let mut kept = Vec::new();
        for round in 0..3_u64 {
            disk.fill(300 * 1024).unwrap();
            let mut refused = 0;
            for number in 0..1000_u64 {
                match vault.put(noise(round << 32 | number)).await {
                    Ok(digest) => kept.push(digest),
                    Err(PutError::Full(_)) => refused += 1,
                    Err(other) => panic!("{other:?}"),
                }
                if refused == 20 {
                    break;
                }
            }
            assert_eq!(refused, 20, "the disk did not become full");
            assert_eq!(files(&folder), kept.len(), "something half written stays");
            disk.empty().unwrap();
            kept.push(vault.put(noise(u64::MAX - round)).await.unwrap());
        }
        assert!(kept.len() > 3, "nothing went in before the disk was full");
        for digest in &kept {
            vault.get(digest).await.unwrap();
        }
        let mut listed: Vec<_> = vault.list().map_ok(|(digest, _)| digest).try_collect().await.unwrap();
        listed.sort();
        kept.sort();
        assert_eq!(listed, kept);
    });
}

/// Returns 50,000 bytes that do not compress.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    let mut bytes = Vec::with_capacity(50_000);
    while bytes.len() < 50_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes
}

/// Returns how many files there are in the folders of a vault, whatever they are called.
fn files(folder: &std::path::Path) -> usize {
    let shards = std::fs::read_dir(folder).unwrap();
    shards.map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap().count()).sum()
}
