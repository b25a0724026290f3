//! What can go wrong with the vault

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::digest::Digest;

/// Why a vault cannot be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum VaultError {
    /// The folder cannot be made or read.
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The bucket's configuration is not sound.
    Bucket(StoreError),
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VaultError::Folder { path, .. } => write!(f, "cannot open the vault's folder `{}`", path.display()),
            VaultError::Bucket(_) => f.write_str("cannot use the bucket"),
        }
    }
}

impl Error for VaultError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            VaultError::Folder { source, .. } => Some(source),
            VaultError::Bucket(source) => Some(source),
        }
    }
}

/// Why bytes were not kept. Nothing of them is there.
#[derive(Debug)]
#[non_exhaustive]
pub enum PutError {
    /// They are more than [`LARGEST`](super::LARGEST).
    TooLarge(usize),
    /// The disk is full: try again when there is space.
    Full(StoreError),
    /// The store cannot be reached or fails: try again later.
    Unavailable(StoreError),
    /// They cannot be compressed: there is no memory.
    Compression(io::Error),
}

impl PutError {
    /// Tells a full disk from the rest.
    pub(super) fn of(error: object_store::Error) -> PutError {
        let error = StoreError::from(error);
        if error.is_full() { PutError::Full(error) } else { PutError::Unavailable(error) }
    }
}

impl fmt::Display for PutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PutError::TooLarge(size) => {
                write!(f, "{size} bytes are more than the {} that the vault takes", super::LARGEST)
            }
            PutError::Full(_) => f.write_str("the vault has no space left"),
            PutError::Unavailable(_) => f.write_str("the vault is not available"),
            PutError::Compression(_) => f.write_str("Evidence cannot be compressed"),
        }
    }
}

impl Error for PutError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            PutError::TooLarge(_) => None,
            PutError::Full(source) | PutError::Unavailable(source) => Some(source),
            PutError::Compression(source) => Some(source),
        }
    }
}

/// Why bytes cannot be had.
#[derive(Debug)]
#[non_exhaustive]
pub enum GetError {
    /// There are none of this name.
    Missing(Digest),
    /// They are not what the name says, or do not end: restore them from a backup.
    Corrupt(Digest),
    /// The store cannot be reached or fails: try again later.
    Unavailable(StoreError),
}

impl GetError {
    /// Tells missing bytes from the rest.
    pub(super) fn of(digest: Digest, error: object_store::Error) -> GetError {
        match error {
            object_store::Error::NotFound { .. } => GetError::Missing(digest),
            error => GetError::Unavailable(error.into()),
        }
    }
}

impl fmt::Display for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GetError::Missing(digest) => write!(f, "the vault has no Evidence `{digest}`"),
            GetError::Corrupt(digest) => write!(f, "the Evidence `{digest}` in the vault is damaged"),
            GetError::Unavailable(_) => f.write_str("the vault is not available"),
        }
    }
}

impl Error for GetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            GetError::Missing(_) | GetError::Corrupt(_) => None,
            GetError::Unavailable(source) => Some(source),
        }
    }
}

/// What the store said.
#[derive(Debug)]
pub struct StoreError(object_store::Error);

impl StoreError {
    /// Tells whether somewhere below a disk is full.
    fn is_full(&self) -> bool {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&self.0);
        while let Some(error) = cause {
            let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
            if matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)) {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> StoreError {
        StoreError(error)
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> StoreError {
        StoreError(object_store::Error::Generic { store: "vault", source: Box::new(error) })
    }
}
