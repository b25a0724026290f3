//! Files with secrets: keys of signatures and of TLS, secrets that we share with others. Nobody else may read them

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::unistd::geteuid;

use crate::fault::{Fault, shown};

/// What nobody but owner and group may do with a key file: others nothing at all, the group nothing but read.
const TOO_OPEN: u32 = 0o027;

/// Opens one, unless others could read it as well.
pub(crate) fn open(path: &Path) -> Result<File, Fault> {
    let refused = |error: io::Error| match error.kind() {
        // At the start it may have been root who read it: a reload is not.
        io::ErrorKind::PermissionDenied => {
            let user = Fault::new("why-key-denied", [("user", u64::from(geteuid().as_raw()).into())]);
            Fault::new("fault-read", [("path", shown(path))]).because(user)
        }
        _ => Fault::io("fault-read", path, &error),
    };
    let file = File::open(path).map_err(refused)?;
    match too_open(&file.metadata().map_err(refused)?) {
        Some(why) => Err(Fault::new("fault-key", [("path", shown(path))]).because(why)),
        None => Ok(file),
    }
}

/// Says how open a file is, where others can read it, or anybody but its owner can change it.
pub(crate) fn too_open(about: &Metadata) -> Option<Fault> {
    let mode = about.permissions().mode() & 0o777;
    (mode & TOO_OPEN != 0).then(|| Fault::new("why-key-open", [("mode", format!("{mode:04o}").into())]))
}
