//! The vault: Evidence by its SHA-256, compressed with zstd, in a folder or on S3
//!
//! An object's name is its hash, so it is written once and never changed. A folder holds `ab/abcd….zst`, one folder for each
//! first octet; a bucket holds the same below its prefix.

mod fault;
mod place;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{Stream, StreamExt, TryStreamExt};
use object_store::path::Path as Location;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::digest::Digest;

pub use fault::{GetError, PutError, StoreError, VaultError};
pub use place::S3;

/// The largest Evidence there may be. The bound holds for what comes out, too: a small object never becomes a large one.
pub const LARGEST: usize = 64 * 1024 * 1024;

/// Where Evidence lies. Clones share the store.
#[derive(Clone, Debug)]
pub struct Vault {
    /// The store.
    store: Arc<dyn ObjectStore>,
    /// The folder, where it is one.
    folder: Option<PathBuf>,
}

impl Vault {
    /// Opens a folder, and makes it where there is none.
    pub async fn in_folder(folder: &Path) -> Result<Vault, VaultError> {
        let (folder, kept) = (folder.to_owned(), folder.to_owned());
        let opened = blocking(move || place::folder(&folder)).await;
        let store = opened.map_err(|source| VaultError::Folder { path: kept.clone(), source })?;
        Ok(Vault { store: Arc::new(store), folder: Some(kept) })
    }

    /// Opens a bucket on S3, or on what speaks like it. Nothing is asked of it yet.
    pub fn on_s3(s3: &S3) -> Result<Vault, VaultError> {
        Ok(Vault { store: s3.store()?, folder: None })
    }

    /// Keeps bytes, and returns their name; they are durable then. What is kept already is looked at, and left alone if it is sound.
    pub async fn put(&self, bytes: impl AsRef<[u8]> + Send + 'static) -> Result<Digest, PutError> {
        let size = bytes.as_ref().len();
        if size > LARGEST {
            return Err(PutError::TooLarge(size));
        }
        let packed = blocking(move || pack(bytes.as_ref())).await;
        let (digest, packed) = packed.map_err(PutError::Compression)?;
        if self.keeps(&digest).await? {
            return Ok(digest);
        }
        match in_time(self.store.put(&location(&digest), packed.into())).await {
            Ok(_) => Ok(digest),
            Err(error) => Err(PutError::of(error)),
        }
    }

    /// Returns bytes by their name, after a look whether they are what it says.
    pub async fn get(&self, digest: &Digest) -> Result<Vec<u8>, GetError> {
        let name = *digest;
        let packed = in_time(async { self.store.get(&location(&name)).await?.bytes().await }).await;
        let packed = packed.map_err(|error| GetError::of(name, error))?;
        blocking(move || unpack(name, &packed)).await
    }

    /// Lists everything there is with its size in the store, in no order: for backups, and to look what nothing points at.
    pub fn list(&self) -> impl Stream<Item = Result<(Digest, u64), StoreError>> + Send + '_ {
        self.store
            .list(None)
            .map_err(StoreError::from)
            .try_filter_map(|object| async move { Ok(named(&object)) })
            .boxed()
    }

    /// Removes bytes by their name, once their time is over; what is not there is no error.
    pub async fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        match in_time(self.store.delete(&location(digest))).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Tells whether these bytes are kept, sound and durable. Where they are damaged they are to be written again.
    async fn keeps(&self, digest: &Digest) -> Result<bool, PutError> {
        match in_time(self.store.head(&location(digest))).await {
            Ok(_) => {}
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(PutError::of(error)),
        }
        match self.get(digest).await {
            Ok(_) => {}
            Err(GetError::Unavailable(error)) => return Err(PutError::Unavailable(error)),
            Err(_) => return Ok(false),
        }
        // Whoever wrote it may not have come to this point yet: its name has to be on the disk, too.
        if let Some(folder) = &self.folder {
            let shard = folder.join(shard(digest));
            let synced = blocking(move || std::fs::File::open(shard)?.sync_all()).await;
            synced.map_err(|error| PutError::Unavailable(error.into()))?;
        }
        Ok(true)
    }
}

/// How long a store may take. S3 tries again within it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Gives the store as long as it may take.
async fn in_time<T>(asked: impl Future<Output = object_store::Result<T>>) -> object_store::Result<T> {
    tokio::time::timeout(PATIENCE, asked)
        .await
        .unwrap_or_else(|late| Err(object_store::Error::Generic { store: "vault", source: Box::new(late) }))
}

/// Runs what computes or waits for a disk where nobody else waits.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// How hard to compress: reports and mails are text, and shrink to a quarter at a few hundred MB a second.
const LEVEL: i32 = 3;

/// Hashes and compresses.
fn pack(bytes: &[u8]) -> std::io::Result<(Digest, Vec<u8>)> {
    Ok((Digest::of(bytes), zstd::bulk::compress(bytes, LEVEL)?))
}

/// Decompresses, within bounds, and looks whether the hash is right.
fn unpack(digest: Digest, packed: &[u8]) -> Result<Vec<u8>, GetError> {
    /// What compressing something of the largest size may need; 2^27 is zstd's own default.
    const WINDOW: u32 = 27;
    let mut bytes = Vec::new();
    let mut read = || -> std::io::Result<()> {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
        decoder.window_log_max(WINDOW)?;
        decoder.take(LARGEST as u64 + 1).read_to_end(&mut bytes).map(|_| ())
    };
    let sound = read().is_ok() && bytes.len() <= LARGEST && Digest::of(&bytes) == digest;
    if sound { Ok(bytes) } else { Err(GetError::Corrupt(digest)) }
}

/// Returns the folder that bytes lie in.
fn shard(digest: &Digest) -> String {
    format!("{:02x}", digest.octets()[0])
}

/// Returns where bytes lie.
fn location(digest: &Digest) -> Location {
    Location::from_iter([shard(digest), format!("{digest}.zst")])
}

/// Returns the name and size of an object, if it is one of ours.
fn named(object: &ObjectMeta) -> Option<(Digest, u64)> {
    let digest = object.location.filename()?.strip_suffix(".zst")?.parse().ok()?;
    Some((digest, object.size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_unpacked() {
        for bytes in [&b""[..], b"abc", &[7; 1_000_000]] {
            let (digest, packed) = pack(bytes).unwrap();
            assert_eq!(unpack(digest, &packed).unwrap(), bytes);
        }
    }

    #[test]
    fn a_bomb_and_damaged_bytes_are_corrupt() {
        let bomb = zstd::bulk::compress(&vec![0; LARGEST + 1], 1).unwrap();
        assert!(bomb.len() < 100_000);
        let (digest, packed) = pack(b"Evidence").unwrap();
        let cut = &packed[..packed.len() - 1];
        for damaged in [&bomb[..], b"", b"no zstd", cut, &pack(b"another").unwrap().1] {
            assert!(matches!(unpack(digest, damaged), Err(GetError::Corrupt(name)) if name == digest));
        }
    }
}
