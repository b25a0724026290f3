//! A private Postfix on loopback: its own folders, its own ports, everything it takes goes to a [`Sink`](crate::sink::Sink)
//!
//! Nothing of the machine's own Postfix is read or changed, several may run at once, and none outlives the test: a guard
//! process stops it when the value is dropped, and also when the test's process goes without a word.
//!
//! ```no_run
//! # use sekisho_testkit::{postfix::Postfix, sink::Sink, smtp::{Letter, deliver}};
//! let sink = Sink::start();
//! let postfix = Postfix::before(sink.address()).milter("127.0.0.1:8891".parse().unwrap()).start();
//! let reply = deliver(postfix.inbound(), &Letter::new("a@sender.test", "b@receiver.test", "Subject: hello\r\n\r\n"));
//! assert_eq!(reply.unwrap().code, 250);
//! ```
//!
//! A test says who the client is with `XCLIENT` ([`Client`](crate::smtp::Client)). Postfix must run as root, and so must
//! the test; `postfix` must be installed (`./x test` sees to it). Without either, [`Setup::start`] panics and says so.

mod folder;
mod guard;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use folder::Folder;
use guard::Guard;

/// A running Postfix; it stops when dropped.
pub struct Postfix {
    /// What keeps it running.
    guard: Guard,
    /// Everything it has on disk.
    folder: Folder,
    /// Where mail from the world comes in.
    inbound: SocketAddr,
    /// Where mail from the house's own users comes in.
    submission: SocketAddr,
}

/// How a Postfix is to be started.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where everything goes.
    sink: SocketAddr,
    /// Lines of `main.cf` after ours: the last one of a name counts.
    main: Vec<(String, String)>,
    /// Options of the port for the world.
    inbound: Vec<(String, String)>,
    /// Options of the port for users.
    submission: Vec<(String, String)>,
}

/// The two ports of a Postfix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Mail from the world, to be verified.
    Inbound,
    /// Mail from users, to be signed; macros call the daemon `ORIGINATING`.
    Submission,
}

impl Postfix {
    /// Prepares a Postfix that hands everything it takes to the server at `sink`.
    pub fn before(sink: SocketAddr) -> Setup {
        let originating = [("milter_macro_daemon_name".to_owned(), "ORIGINATING".to_owned())];
        Setup { sink, main: Vec::new(), inbound: Vec::new(), submission: originating.into() }
    }

    /// Returns where mail from the world comes in.
    pub fn inbound(&self) -> SocketAddr {
        self.inbound
    }

    /// Returns where mail from the house's own users comes in.
    pub fn submission(&self) -> SocketAddr {
        self.submission
    }

    /// Returns the folder with `main.cf` and `master.cf`.
    pub fn configuration(&self) -> PathBuf {
        self.folder.configuration()
    }

    /// Returns the process id of the master, which is also the id of the process group of all its daemons.
    pub fn process(&self) -> u32 {
        self.guard.master()
    }

    /// Returns what was logged so far.
    pub fn log(&self) -> String {
        let log = fs::read(self.folder.log()).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Waits until the log says `what`, at most for `limit`; tells whether it did.
    pub fn wait_for_log(&self, what: &str, limit: Duration) -> bool {
        wait_until(limit, || self.log().contains(what))
    }

    /// Returns the queue ids of the mails in the hold queue.
    pub fn held(&self) -> Vec<String> {
        self.queued("hold")
    }

    /// Returns the queue ids of all mails that wait, be it for an attempt, for the next one, or for somebody to decide.
    pub fn waiting(&self) -> Vec<String> {
        let queues = ["maildrop", "incoming", "active", "deferred", "hold"];
        // A mail that moves on while we look may be seen in two of them: it is one all the same.
        let waiting: BTreeSet<String> = queues.iter().flat_map(|queue| self.queued(queue)).collect();
        waiting.into_iter().collect()
    }

    /// Waits until the queues are empty, at most for `limit`; tells whether they are.
    pub fn wait_for_empty_queue(&self, limit: Duration) -> bool {
        wait_until(limit, || self.waiting().is_empty())
    }

    /// Returns one of Postfix's own commands, such as `postsuper` or `postqueue`, set to speak to this Postfix.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(Path::new(folder::COMMANDS).join(name));
        command.arg("-c").arg(self.configuration()).env_remove("MAIL_CONFIG");
        command
    }

    /// Returns the queue ids in one queue.
    fn queued(&self, queue: &str) -> Vec<String> {
        let mut ids = Vec::new();
        collect_files(&self.folder.queue().join(queue), &mut ids);
        ids.sort();
        ids
    }
}

impl Setup {
    /// Lets a milter judge what comes in from the world. Called again, it names one more.
    pub fn milter(self, milter: SocketAddr) -> Setup {
        self.milter_at(Door::Inbound, milter)
    }

    /// Lets a milter see what comes in from users. Called again, it names one more.
    pub fn submission_milter(self, milter: SocketAddr) -> Setup {
        self.milter_at(Door::Submission, milter)
    }

    /// Says what happens to a mail when the milter fails: `tempfail`, `accept`, `reject` or `quarantine`.
    pub fn default_action(self, action: &str) -> Setup {
        self.main("milter_default_action", action)
    }

    /// Adds a line to `main.cf`; it wins over what stands there by default.
    pub fn main(mut self, name: &str, value: &str) -> Setup {
        self.main.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds an option (`-o name=value`) to one of the two ports.
    pub fn option(mut self, door: Door, name: &str, value: &str) -> Setup {
        self.options(door).push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it and waits until it listens.
    ///
    /// # Panics
    ///
    /// Where Postfix is not installed, this process is not root, or Postfix does not start; its log is then in the message.
    pub fn start(self) -> Postfix {
        let mut complaint = String::new();
        // Between choosing a free port and listening to it somebody else may take it: then another is chosen.
        for _ in 0..3 {
            match self.try_start() {
                Ok(postfix) => return postfix,
                Err(error) => complaint = error,
            }
            if !complaint.contains("Address already in use") {
                break;
            }
        }
        panic!("the private Postfix did not start: {complaint}");
    }

    /// Adds a milter to a port.
    fn milter_at(mut self, door: Door, milter: SocketAddr) -> Setup {
        let options = self.options(door);
        let address = format!("inet:{}:{}", milter.ip(), milter.port());
        match options.iter_mut().find(|(name, _)| name == "smtpd_milters") {
            Some((_, value)) => *value = format!("{value}, {address}"),
            None => options.push(("smtpd_milters".to_owned(), address)),
        }
        self
    }

    /// Returns the options of a port.
    fn options(&mut self, door: Door) -> &mut Vec<(String, String)> {
        match door {
            Door::Inbound => &mut self.inbound,
            Door::Submission => &mut self.submission,
        }
    }

    /// Starts it on ports that are free just now.
    fn try_start(&self) -> Result<Postfix, String> {
        let (inbound, submission) = two_free_ports().map_err(|error| format!("no free port: {error}"))?;
        let folder = Folder::new(self, inbound, submission)?;
        let guard = Guard::start(&folder.configuration(), folder.top()).map_err(|error| error.to_string())?;
        let postfix = Postfix { guard, folder, inbound, submission };
        // `showq` is the last line of `master.cf`: where it answers, all the others listen. The ports themselves are left
        // alone, since a connection there would already be a session of the milter's.
        if wait_until(START, || postfix.answers()) {
            return Ok(postfix);
        }
        Err(format!("it does not listen after {START:?}; its log says:\n{}", postfix.log()))
    }
}

/// How long starting may take.
const START: Duration = Duration::from_secs(10);

impl Postfix {
    /// Tells whether it lists its queue.
    fn answers(&self) -> bool {
        let ask = || -> io::Result<usize> {
            let mut stream = UnixStream::connect(self.folder.queue().join("public/showq"))?;
            stream.set_read_timeout(Some(START))?;
            stream.read(&mut [0; 64])
        };
        ask().is_ok_and(|count| count > 0)
    }
}

/// Returns two ports of 127.0.0.1 where nobody listens.
fn two_free_ports() -> io::Result<(SocketAddr, SocketAddr)> {
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let second = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok((first.local_addr()?, second.local_addr()?))
}

/// Adds the names of all files under `folder`.
fn collect_files(folder: &Path, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect_files(&entry.path(), names);
        } else {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
}

/// Waits until `done`, at most for `limit`; tells whether it is.
fn wait_until(limit: Duration, done: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > limit {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}
