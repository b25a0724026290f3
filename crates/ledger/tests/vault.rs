//! The vault: what went in comes out, or an error does

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use sekisho_ledger::vault::{GetError, LARGEST, PutError, VaultError};
use sekisho_ledger::{Digest, Vault};

use crate::books::runtime;

/// Returns where an object of a folder lies.
fn file(folder: &Path, digest: &Digest) -> PathBuf {
    let name = digest.to_string();
    folder.join(&name[..2]).join(format!("{name}.zst"))
}

#[test]
fn what_went_in_comes_out_by_its_hash() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::in_folder(&folder.path().join("a/b")).await.unwrap();
        let mut kept = Vec::new();
        for bytes in [Vec::new(), b"one".to_vec(), vec![0; 3_000_000]] {
            let digest = vault.put(bytes.clone()).await.unwrap();
            assert_eq!(digest, Digest::of(&bytes));
            assert_eq!(vault.get(&digest).await.unwrap(), bytes);
            kept.push(digest);
        }
        assert!(fs::metadata(file(&folder.path().join("a/b"), &kept[2])).unwrap().len() < 1000, "it is compressed");
        let mode = fs::metadata(folder.path().join("a/b/00")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let mut listed: Vec<_> = vault.list().map_ok(|(digest, _)| digest).try_collect().await.unwrap();
        listed.sort();
        kept.sort();
        assert_eq!(listed, kept);
        vault.remove(&kept[0]).await.unwrap();
        vault.remove(&kept[0]).await.unwrap();
        assert!(matches!(vault.get(&kept[0]).await, Err(GetError::Missing(digest)) if digest == kept[0]));
        assert!(matches!(vault.put(vec![0; LARGEST + 1]).await, Err(PutError::TooLarge(_))));
    });
}

#[test]
fn what_is_there_already_is_left_alone_unless_it_is_damaged() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::in_folder(folder.path()).await.unwrap();
        let digest = vault.put("Evidence").await.unwrap();
        let path = file(folder.path(), &digest);
        let long_ago = SystemTime::now() - Duration::from_secs(1000);
        fs::File::options().append(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        assert_eq!(vault.put("Evidence").await.unwrap(), digest);
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), long_ago);
        for damage in [&b""[..], b"garbage", &fs::read(&path).unwrap()[..10]] {
            fs::write(&path, damage).unwrap();
            assert!(matches!(vault.get(&digest).await, Err(GetError::Corrupt(name)) if name == digest));
            assert_eq!(vault.put("Evidence").await.unwrap(), digest);
            assert_eq!(vault.get(&digest).await.unwrap(), b"Evidence");
        }
    });
}

#[test]
fn many_may_put_the_same_at_once() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let vaults = [Vault::in_folder(folder.path()).await.unwrap(), Vault::in_folder(folder.path()).await.unwrap()];
        let tasks: Vec<_> = (0..16)
            .map(|number: usize| {
                let vault = vaults[number % 2].clone();
                tokio::spawn(async move { vault.put(vec![7; 100_000]).await.unwrap() })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Digest::of(&[7; 100_000]));
        }
        let shard = file(folder.path(), &Digest::of(&[7; 100_000])).parent().unwrap().to_owned();
        assert_eq!(fs::read_dir(shard).unwrap().count(), 1);
    });
}

#[test]
fn what_a_killed_process_left_half_written_is_never_listed_and_goes() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::in_folder(folder.path()).await.unwrap();
        let digest = Digest::of(b"Evidence");
        let [old, young] = ["1", "2"].map(|number| {
            let half = PathBuf::from(format!("{}#{number}", file(folder.path(), &digest).display()));
            fs::write(&half, "half").unwrap();
            half
        });
        fs::write(folder.path().join("00/README"), "not ours").unwrap();
        let long_ago = SystemTime::now() - Duration::from_secs(7200);
        fs::File::options().append(true).open(&old).unwrap().set_modified(long_ago).unwrap();
        assert!(matches!(vault.get(&digest).await, Err(GetError::Missing(_))));
        assert_eq!(vault.list().try_collect::<Vec<_>>().await.unwrap(), []);
        assert_eq!(vault.put("Evidence").await.unwrap(), digest);
        Vault::in_folder(folder.path()).await.unwrap();
        assert!(!old.exists() && young.exists(), "somebody may be writing the young one");
    });
}

#[test]
fn a_folder_that_is_a_file_or_goes_away_is_an_error() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let refused = Vault::in_folder(&folder.path().join("file")).await;
        assert!(matches!(refused, Err(VaultError::Folder { .. })), "{refused:?}");
        let vault = Vault::in_folder(&folder.path().join("vault")).await.unwrap();
        let shard = folder.path().join("vault").join(&Digest::of(b"x").to_string()[..2]);
        fs::remove_dir(&shard).unwrap();
        fs::write(&shard, "").unwrap();
        let refused = vault.put("x").await;
        assert!(matches!(refused, Err(PutError::Unavailable(_))), "{refused:?}");
    });
}
