//! A shell that holds something for a test, and lets go of it whatever becomes of the test
//!
//! The script reads words from a pipe. When the pipe closes, because the value was dropped, or the process panicked, aborted or
//! was killed, the script cleans up and ends.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A shell on a leash.
pub struct Leash {
    /// The shell.
    shell: Child,
    /// Closing it ends the script.
    words: Option<ChildStdin>,
    /// What the script says.
    lines: BufReader<ChildStdout>,
}

impl Leash {
    /// Starts a script with arguments, as another user where one is given.
    pub fn start(script: &str, arguments: &[&str], user: Option<(u32, u32)>) -> io::Result<Leash> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "leash"]).args(arguments);
        command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A signal to the test's group does not come here: the pipe alone says when it is over.
        command.process_group(0);
        if let Some((user, group)) = user {
            command.uid(user).gid(group);
        }
        let mut shell = command.spawn()?;
        let (words, lines) = (shell.stdin.take(), shell.stdout.take());
        let lines = lines.ok_or_else(|| io::Error::other("the shell has no output"))?;
        Ok(Leash { shell, words, lines: BufReader::new(lines) })
    }

    /// Says a word to the script, and returns the line that it answers.
    pub fn ask(&mut self, word: &str) -> io::Result<String> {
        let words = self.words.as_mut().ok_or_else(|| io::Error::other("the script has ended"))?;
        words.write_all(format!("{word}\n").as_bytes())?;
        let mut line = String::new();
        match self.lines.read_line(&mut line)? {
            0 => Err(io::Error::other("the script has ended")),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        drop(self.words.take());
        let _ = self.shell.wait();
    }
}
