//! A small file system in memory, to see what happens when a disk is full

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::leash::Leash;

/// A mounted file system; it goes when dropped, and with the test's process.
pub struct Tmpfs {
    /// What holds it.
    _leash: Leash,
    /// Where it is.
    folder: PathBuf,
}

/// Mounts on a new folder; `$1` is its size.
const SCRIPT: &str = r#"
trap '' INT HUP TERM
read -r _ || exit 0
folder=$(mktemp -d /tmp/sekisho-tmpfs-XXXXXX) || exit 1
if mount -t tmpfs -o "size=$1" none "$folder"; then echo "$folder"; else echo; fi
read -r _
umount -l "$folder"
rmdir "$folder"
"#;

/// The file that fills it.
const FILLER: &str = "filler";

impl Tmpfs {
    /// Mounts one of so many bytes. Where that cannot be done, it says loudly that the test did not run.
    pub fn new(size: u32) -> Option<Tmpfs> {
        let mounted = Leash::start(SCRIPT, &[&size.to_string()], None).and_then(|mut leash| {
            let folder = leash.ask("mount")?;
            Ok((leash, folder))
        });
        match mounted {
            Ok((leash, folder)) if !folder.is_empty() => Some(Tmpfs { _leash: leash, folder: folder.into() }),
            _ => {
                let notice = b"NOT RUN: a tmpfs cannot be mounted; the tests of a full disk need root\n";
                io::stderr().write_all(notice).ok();
                None
            }
        }
    }

    /// Returns where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Fills it until only about so many bytes are left.
    pub fn fill(&self, left: u64) -> io::Result<()> {
        let mut filler = File::options().append(true).create(true).open(self.folder.join(FILLER))?;
        let page = [b'x'; 4096];
        let mut written = 0;
        while filler.write_all(&page).is_ok() {
            written += 1;
        }
        let taken = filler.metadata()?.len();
        assert!(written > 0 || taken > 0, "the disk was full before it was filled");
        filler.set_len(taken.saturating_sub(left))
    }

    /// Gives the space back.
    pub fn empty(&self) -> io::Result<()> {
        fs::remove_file(self.folder.join(FILLER))
    }
}
