//! The parts of a cluster as processes of their own, and a lake to ask about

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sekisho_lake::{Kind, Lake, Settings};

use crate::mails::{DAY, Sorted};

/// How long a part may take until it listens, or until it has stopped.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns a call of the program with books in a folder.
pub(crate) fn sekisho(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command.current_dir(folder).env("STATE_DIRECTORY", folder.join("data"));
    command.env("HOME", folder).env_remove("XDG_DATA_HOME").env("LC_ALL", "C");
    command
}

/// Returns a call that is bound to one core.
pub(crate) fn on_core(command: &Command, core: usize) -> Command {
    let mut bound = Command::new("taskset");
    bound.arg("--cpu-list").arg(core.to_string()).arg(command.get_program()).args(command.get_args());
    bound.current_dir(command.get_current_dir().expect("it is set"));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bound.env(name, value),
            None => bound.env_remove(name),
        };
    }
    bound
}

/// Fills the lake with so many mails of one day, in files of `per_file`.
pub(crate) fn fill(folder: &Path, mails: u64, per_file: u64) {
    let lake = Lake::open(&folder.join("data/lake"), Settings::default()).expect("opened").lake;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (mut left, mut seed) = (mails, 7);
    while left > 0 {
        let here = left.min(per_file);
        (left, seed) = (left - here, seed + 1);
        runtime.block_on(lake.load(Kind::Mail, DAY, Sorted::new(seed, here))).expect("written");
    }
}

/// A scheduler or an executor.
pub(crate) struct Part {
    /// The process.
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it says.
    talk: Receiver<String>,
}

impl Part {
    /// Starts a scheduler that gives up a silent executor after so many seconds.
    pub(crate) fn scheduler(folder: &Path, executor_timeout: u64) -> Part {
        let mut command = sekisho(folder);
        command.args(["cluster", "scheduler", "--listen", "127.0.0.1:0"]);
        command.args(["--executor-timeout", &executor_timeout.to_string()]);
        Part::start(command)
    }

    /// Starts an executor with one slot, which computes in `work`, and on one core where it is told.
    pub(crate) fn executor(folder: &Path, scheduler: &Part, work: &Path, core: Option<usize>) -> Part {
        Part::executing(sekisho(folder), &[], scheduler, work, core)
    }

    /// Starts an executor as a call of the program, with arguments that say where its lake is.
    pub(crate) fn executing(
        mut command: Command,
        place: &[&str],
        scheduler: &Part,
        work: &Path,
        core: Option<usize>,
    ) -> Part {
        std::fs::create_dir_all(work).expect("a folder");
        command.args(["cluster", "executor", "--listen", "127.0.0.1:0", "--slots", "1"]).args(place);
        command.arg("--scheduler").arg(scheduler.address.to_string()).arg("--work").arg(work);
        Part::start(match core {
            Some(core) => on_core(&command, core),
            None => command,
        })
    }

    /// Starts a part, and waits until it listens.
    fn start(mut command: Command) -> Part {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("started");
        let talk = heard(child.stderr.take().expect("it was piped"));
        let mut said = String::new();
        let until = Instant::now() + PATIENCE;
        while let Ok(line) = talk.recv_timeout(until.saturating_duration_since(Instant::now())) {
            let words = line.split(|sign: char| sign.is_whitespace() || sign == ';');
            if let Some(address) = words.filter_map(|word| word.parse().ok()).next() {
                return Part { child, address, talk };
            }
            said += &line;
        }
        // Whatever it is, it goes with the test.
        let _ = child.kill();
        let _ = child.wait();
        panic!("it does not listen: {said}");
    }

    /// Kills it at once.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it is there");
        self.child.wait().expect("it ends");
    }

    /// Tells it to stop, and returns how it ended and what it said meanwhile.
    pub(crate) fn stop(mut self) -> (ExitStatus, String) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).expect("a process")), Signal::SIGTERM).expect("it is there");
        let until = Instant::now() + PATIENCE;
        let mut said = String::new();
        // The stream ends when the process does.
        while let Ok(line) = self.talk.recv_timeout(until.saturating_duration_since(Instant::now())) {
            said += &line;
        }
        assert!(Instant::now() < until, "it does not stop: {said}");
        (self.child.wait().expect("it ends"), said)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the lines of a stream as they come.
fn heard(stream: ChildStderr) -> Receiver<String> {
    let (send, lines) = channel();
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.by_ref().take(64 << 10).read_line(&mut line).is_ok_and(|read| read > 0) {
            // Nobody listens any longer: the stream is read on, so that whoever writes there does not wait.
            let _ = send.send(std::mem::take(&mut line));
        }
    });
    lines
}
