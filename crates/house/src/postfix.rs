//! The installed Postfix: its own commands, called by their paths and never through a shell

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::fault::{Fault, shown};

/// Where a Postfix usually has its configuration.
pub(crate) const USUAL: &str = "/etc/postfix";
/// Where its commands are, first come first served.
const COMMANDS: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/opt/postfix/sbin"];

/// A Postfix, known by the folder of its configuration.
#[derive(Clone, Debug)]
pub(crate) struct Postfix {
    /// The folder with `main.cf`.
    directory: PathBuf,
}

impl Postfix {
    /// Takes the Postfix of this folder, where it has a `main.cf`.
    pub(crate) fn at(directory: &Path) -> Result<Postfix, Fault> {
        let main = directory.join("main.cf");
        match std::fs::File::open(&main) {
            // Postfix wants the folder with its whole path.
            Ok(_) => match directory.canonicalize() {
                Ok(directory) => Ok(Postfix { directory }),
                Err(why) => Err(Fault::io("fault-read", directory, &why)),
            },
            Err(why) => Err(Fault::io("fault-read", &main, &why)),
        }
    }

    /// Returns the folder of its configuration.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns one of its commands, set to speak to this Postfix; nothing where it is not installed.
    pub(crate) fn command(&self, name: &'static str) -> Option<Command> {
        let path = COMMANDS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())?;
        let mut command = Command::new(path);
        command.arg("-c").arg(&self.directory).env_remove("MAIL_CONFIG").stdin(Stdio::null());
        Some(command)
    }

    /// Calls one of its commands and returns what it said.
    pub(crate) fn call(&self, name: &'static str, arguments: &[&str]) -> Result<Vec<u8>, Fault> {
        let fault = || Fault::new("fault-postfix-command", [("command", name.into())]);
        let Some(mut command) = self.command(name) else {
            return Err(fault().because(Fault::new("why-not-found", [])));
        };
        let Output { status, stdout, stderr } =
            command.args(arguments).output().map_err(|why: io::Error| fault().because(Fault::system(&why)))?;
        if status.success() {
            return Ok(stdout);
        }
        Err(fault().because(Fault::quote(last_line(&stderr))))
    }

    /// Says that the folder of its configuration cannot be used for want of a Postfix in it.
    pub(crate) fn none_at(directory: &Path) -> Fault {
        Fault::new("fault-no-postfix", [("path", shown(directory))])
    }
}

/// Returns the last line of what a command complained about, harmless to show.
fn last_line(stderr: &[u8]) -> String {
    let line = stderr.trim_ascii_end().rsplit(|octet| *octet == b'\n').next().unwrap_or_default();
    sekisho_core::visible::Visible(line).to_string()
}
