//! The process that holds a Postfix, and ends it with all its daemons whatever becomes of the test
//!
//! A shell waits on a pipe from the test's process. When the pipe closes, because the value was dropped, or the process
//! panicked, aborted or was killed, it ends the master and what is left of its process group, and removes the folder. The
//! master leads a process group of its own, so nothing else can be hit.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::folder;

/// Keeps a master running.
pub(super) struct Guard {
    /// The shell.
    shell: Child,
    /// Closing it ends the master.
    leash: Option<ChildStdin>,
    /// The master's process id.
    master: u32,
}

/// What the shell does: `$1` is the master, `$2` its configuration, `$3` the folder to remove.
///
/// The master passes the signal on, so the second one is for those who did not hear. Whether the group is empty cannot be
/// asked with `kill -0`: the dead stay in it until process 1 takes notice, and in a container that may be never.
const SCRIPT: &str = r#"
trap '' INT HUP TERM
"$1" -c "$2" </dev/null >/dev/null 2>&1 &
master=$!
echo "$master"
read -r _
kill -s TERM "$master"
wait "$master"
kill -s KILL -- "-$master"
rounds=0
until rm -rf -- "$3" || [ "$rounds" -ge 300 ]; do
  rounds=$((rounds + 1))
  sleep 0.01
done
"#;

impl Guard {
    /// Starts the master with this configuration; `folder` is removed when it has ended.
    pub(super) fn start(configuration: &Path, folder: &Path) -> io::Result<Guard> {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "postfix-guard"])
            .arg(folder::master())
            .args([configuration, folder])
            .env_remove("MAIL_CONFIG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let leash = shell.stdin.take();
        let mut line = String::new();
        if let Some(output) = shell.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let master = line.trim().parse().map_err(|_| io::Error::other("the guard did not say who the master is"))?;
        Ok(Guard { shell, leash, master })
    }

    /// Returns the master's process id.
    pub(super) fn master(&self) -> u32 {
        self.master
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(mut leash) = self.leash.take() {
            let _ = leash.write_all(b"\n");
        }
        let _ = self.shell.wait();
    }
}
