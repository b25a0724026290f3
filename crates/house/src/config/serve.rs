//! `[serve]`: the process of the daemon

use std::path::PathBuf;

use serde::Deserialize;

use super::Faults;

/// The options.
pub(super) const OPTIONS: &[&str] = &["user", "confine", "runtime_folder"];

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawServe {
    /// A user of the system.
    user: Option<String>,
    /// Whether the kernel shall hold us.
    confine: Option<bool>,
    /// A folder.
    runtime_folder: Option<String>,
}

/// The process of the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServeSection {
    /// Who it becomes after its sockets are bound, where it was started as root.
    pub(crate) user: Option<String>,
    /// Whether it asks the kernel to hold it to the files and system calls that it needs.
    pub(crate) confine: bool,
    /// The only folder that it may write to; nothing means systemd's `RuntimeDirectory`, where there is one.
    pub(crate) runtime_folder: Option<PathBuf>,
}

impl Default for ServeSection {
    fn default() -> ServeSection {
        ServeSection { user: None, confine: true, runtime_folder: None }
    }
}

impl ServeSection {
    /// Checks what was written.
    pub(super) fn check(raw: RawServe, _: &mut Faults) -> ServeSection {
        let default = ServeSection::default();
        ServeSection {
            user: raw.user.filter(|user| !user.is_empty()),
            confine: raw.confine.unwrap_or(default.confine),
            runtime_folder: raw.runtime_folder.map(PathBuf::from),
        }
    }
}
