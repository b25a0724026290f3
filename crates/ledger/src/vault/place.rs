//! The places a vault may be in: a folder, a bucket

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, ObjectStore, RetryConfig};

use super::{StoreError, VaultError};

/// A bucket on S3, or on what speaks like it.
#[derive(Clone, PartialEq, Eq)]
pub struct S3 {
    /// The bucket.
    pub bucket: String,
    /// What stands before every name in it; may be empty.
    pub prefix: String,
    /// Its region.
    pub region: String,
    /// Where it is, if it is not Amazon's: `https://…`. With `http://` nothing is encrypted.
    pub endpoint: Option<String>,
    /// Key id and secret; without them they come from the environment (`AWS_…`) or the machine's role.
    pub credentials: Option<(String, String)>,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let S3 { bucket, prefix, region, endpoint, credentials } = self;
        let secret = credentials.as_ref().map(|(id, _)| (id, "…"));
        f.debug_struct("S3")
            .field("bucket", bucket)
            .field("prefix", prefix)
            .field("region", region)
            .field("endpoint", endpoint)
            .field("credentials", &secret)
            .finish()
    }
}

/// How long S3 may take for one request, to connect, and with all attempts together.
const S3_PATIENCE: [Duration; 3] = [Duration::from_secs(10), Duration::from_secs(3), Duration::from_secs(15)];

impl S3 {
    /// Returns the store below the prefix; nothing is asked of it yet.
    pub fn store(&self) -> Result<Arc<dyn ObjectStore>, VaultError> {
        Ok(Arc::new(PrefixStore::new(bucket(self)?, self.prefix.as_str())))
    }

    /// Tells whether it is there, and lets us look into it.
    pub async fn look(&self) -> Result<(), VaultError> {
        let store = self.store()?;
        let first = store.list(None).try_next().await;
        first.map(drop).map_err(|error| VaultError::Bucket(StoreError::from(error)))
    }
}

/// Prepares a bucket.
fn bucket(s3: &S3) -> Result<AmazonS3, VaultError> {
    let [request, connect, all] = S3_PATIENCE;
    let client = ClientOptions::new().with_timeout(request).with_connect_timeout(connect);
    let retry = RetryConfig { max_retries: 3, retry_timeout: all, ..RetryConfig::default() };
    let mut builder = match &s3.credentials {
        Some((id, secret)) => AmazonS3Builder::new().with_access_key_id(id).with_secret_access_key(secret),
        None => AmazonS3Builder::from_env(),
    };
    if let Some(endpoint) = &s3.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let clear = s3.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let builder = builder.with_client_options(client.with_allow_http(clear)).with_retry(retry);
    // Objects are removed one by one: not everything that speaks like S3 knows how to remove many.
    let builder = builder.with_disable_bulk_delete(true);
    let built = builder.with_bucket_name(&s3.bucket).with_region(&s3.region).build();
    built.map_err(|error| VaultError::Bucket(StoreError::from(error)))
}

/// Prepares a folder: all folders of first octets are made, durably and once, so that no `put` has to, and what a process that
/// was killed left half written is removed.
pub(super) fn folder(path: &Path) -> io::Result<LocalFileSystem> {
    make_folder(path)?;
    for octet in 0..=u8::MAX {
        let shard = path.join(format!("{octet:02x}"));
        make_folder(&shard)?;
        remove_halves(&shard)?;
    }
    File::open(path)?.sync_all()?;
    if let Some(parent) = path.canonicalize()?.parent() {
        File::open(parent)?.sync_all()?;
    }
    // With `fsync` a file is written beside its name, synced, renamed, and then its folder is synced.
    Ok(LocalFileSystem::new_with_prefix(path).map_err(io::Error::other)?.with_fsync(true))
}

/// Makes a folder for its owner alone, where there is none: Evidence holds people's mail.
fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// How long a file may have been half written by somebody who still lives.
const HALF_WRITTEN: Duration = Duration::from_secs(3600);

/// Removes files that were never finished; their names end in `#` and a number.
fn remove_halves(shard: &Path) -> io::Result<()> {
    for entry in fs::read_dir(shard)? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.as_encoded_bytes().contains(&b'#') {
            continue;
        }
        let age = SystemTime::now().duration_since(entry.metadata()?.modified()?);
        if age.is_ok_and(|age| age > HALF_WRITTEN) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
