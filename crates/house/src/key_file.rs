//! Files with secrets: keys of signatures and of TLS, secrets that we share with others. Nobody else may read them

use std::fs::File;
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
    let mode = file.metadata().map_err(refused)?.permissions().mode() & 0o777;
    if mode & TOO_OPEN != 0 {
        let why = Fault::new("why-key-open", [("mode", format!("{mode:04o}").into())]);
        return Err(Fault::new("fault-key", [("path", shown(path))]).because(why));
    }
    Ok(file)
}
