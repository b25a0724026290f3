//! Backups of SQLite: a copy that is whole, while others write

use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sqlx::ConnectOptions;

use crate::engine::{Engine, sync_folder};
use crate::fault::Fault;
use crate::ledger::{Ledger, beside};

impl Ledger {
    /// Writes a copy of the book to a new file, as it is at one moment; it is on the disk when this returns. Writers wait for
    /// nothing. PostgreSQL has `pg_dump` for that.
    pub async fn backup_to(&self, target: &Path) -> Result<(), BackupError> {
        /// Writes a database without gaps.
        const COPY: &str = "VACUUM INTO $1";
        let Engine::Sqlite(_) = self.engine() else { return Err(BackupError::Engine) };
        if target.exists() {
            return Err(BackupError::Exists(target.to_owned()));
        }
        let part = beside(target, ".part");
        let name = part.to_str().ok_or_else(|| BackupError::Name(target.to_owned()))?.to_owned();
        let failed = |source| BackupError::File { path: target.to_owned(), source };
        remove(&part).and_then(|()| make_private(&part)).map_err(failed)?;
        // Of a copy that is large the pool's connections would be missing to others, and the time has no bound.
        let mut connection = self.options().connect().await.map_err(Fault::from)?;
        let copied = sqlx::query(COPY).bind(name).execute(&mut connection).await;
        if let Err(error) = copied {
            let _ = remove(&part);
            return Err(BackupError::Ledger(error.into()));
        }
        File::open(&part).and_then(|file| file.sync_all()).map_err(failed)?;
        fs::rename(&part, target).and_then(|()| sync_folder(target)).map_err(failed)
    }
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes an empty file for its owner alone; SQLite takes it as its own.
fn make_private(path: &Path) -> io::Result<()> {
    File::options().write(true).create_new(true).mode(0o600).open(path).map(|_| ())
}

/// Why a copy cannot be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum BackupError {
    /// The book is in PostgreSQL.
    Engine,
    /// There is such a file already.
    Exists(PathBuf),
    /// SQLite takes no path that is not UTF-8.
    Name(PathBuf),
    /// The copy cannot be made durable.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database; no space for the copy among others.
    Ledger(Fault),
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BackupError::Engine => f.write_str("the ledger is in PostgreSQL: use `pg_dump`"),
            BackupError::Exists(path) => write!(f, "`{}` exists already", path.display()),
            BackupError::Name(path) => write!(f, "the path `{}` is not UTF-8", path.display()),
            BackupError::File { path, .. } => write!(f, "cannot write the backup `{}`", path.display()),
            BackupError::Ledger(fault) => fault.fmt(f),
        }
    }
}

impl Error for BackupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            BackupError::File { source, .. } => Some(source),
            BackupError::Ledger(fault) => fault.source(),
            _ => None,
        }
    }
}

impl From<Fault> for BackupError {
    fn from(fault: Fault) -> BackupError {
        BackupError::Ledger(fault)
    }
}
