//! A private PostgreSQL on loopback: its own folder, its own port, gone with the test
//!
//! It runs as an unprivileged user, since PostgreSQL refuses root. A shell on a [`Leash`] starts and ends it, so none outlives the
//! test's process. Its order of texts is English and not that of bytes, so that a statement which rests on one is found out.
//!
//! ```no_run
//! # use sekisho_testkit::postgres::Postgres;
//! let Some(postgres) = Postgres::start() else { return };
//! let url = postgres.database("books");
//! ```

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::account;
use crate::leash::Leash;

/// A running PostgreSQL; it ends when dropped.
pub struct Postgres {
    /// What holds it.
    leash: Mutex<Leash>,
    /// Where its commands are.
    commands: PathBuf,
    /// Where it listens.
    port: u16,
}

/// Holds the server: `$1` is its program, `$2` its data, `$3` its port, `$4` the folder to remove in the end.
///
/// `QUIT` is PostgreSQL's immediate shutdown: nothing is written any more, as when it is killed, but its processes end with it.
const SCRIPT: &str = r#"
trap '' INT HUP TERM
master=
all() { kill -s "$1" -- $(cat /proc/"$master"/task/"$master"/children) "$master"; }
halt() { [ -z "$master" ] || { all CONT; kill -s QUIT "$master"; wait "$master"; master=; }; }
while read -r word; do
  case $word in
    start)
      "$1" -D "$2" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off \
        >>"$4/log" 2>&1 </dev/null &
      master=$!
      echo "$master" ;;
    halt) halt; echo halted ;;
    freeze) all STOP; echo frozen ;;
    thaw) all CONT; echo thawed ;;
  esac
done
halt
rm -rf -- "$4"
"#;

/// How long a start may take.
const START: Duration = Duration::from_secs(30);

impl Postgres {
    /// Starts one. Where there is none, it says loudly that the test did not run.
    pub fn start() -> Option<Postgres> {
        match Postgres::try_start() {
            Ok(postgres) => Some(postgres),
            Err(reason) => {
                // Not `eprintln!`: the test harness would swallow what a passing test prints.
                io::stderr().write_all(format!("NOT RUN: there is no PostgreSQL: {reason}\n").as_bytes()).ok();
                None
            }
        }
    }

    /// Makes a database, and returns its address.
    ///
    /// # Panics
    ///
    /// Where there is one of this name.
    pub fn database(&self, name: &str) -> String {
        let made = self.command("createdb", &[name]).expect("PostgreSQL's own commands can be run");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        format!("postgres://sekisho@127.0.0.1:{}/{name}", self.port)
    }

    /// Ends it as if it were killed: what was committed is there afterwards, and nothing else.
    pub fn halt(&self) {
        self.say("halt");
    }

    /// Starts it again after [`Postgres::halt`], and waits until it answers.
    ///
    /// # Panics
    ///
    /// Where it does not start.
    pub fn resume(&self) {
        self.say("start");
        self.wait().expect("it started before");
    }

    /// Stops all its processes where they stand: connections stay open, and nobody answers.
    pub fn freeze(&self) {
        self.say("freeze");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.say("thaw");
    }

    /// Starts one, or says why not.
    fn try_start() -> Result<Postgres, String> {
        let commands =
            commands().ok_or("it is not installed. Run: sudo apt-get install postgresql (`./x test` does)")?;
        let user = user()?;
        let folder = folder(user).map_err(|error| format!("cannot make its folder: {error}"))?;
        let (top, data) = (folder.to_string_lossy().into_owned(), folder.join("data").to_string_lossy().into_owned());
        let program = commands.join("postgres").to_string_lossy().into_owned();
        let port = free_port().map_err(|error| format!("no free port: {error}"))?;
        let leash = Leash::start(SCRIPT, &[&program, &data, &port.to_string(), &top], user);
        let postgres = Postgres { leash: Mutex::new(leash.map_err(|error| error.to_string())?), commands, port };
        postgres.initialize(&data, user)?;
        postgres.say("start");
        postgres.wait().map_err(|()| fs::read_to_string(folder.join("log")).unwrap_or_default())?;
        Ok(postgres)
    }

    /// Writes an empty cluster.
    fn initialize(&self, data: &str, user: Option<(u32, u32)>) -> Result<(), String> {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(self.commands.join("initdb"));
        command.args(["--no-sync", "--auth=trust", "--username=sekisho", "--encoding=UTF8", "--locale=C.UTF-8"]);
        command.args(["--locale-provider=icu", "--icu-locale=en-US", "-D", data]).current_dir("/");
        if let Some((user, group)) = user {
            command.uid(user).gid(group);
        }
        let made = command.output().map_err(|error| error.to_string())?;
        if made.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&made.stderr).into_owned()) }
    }

    /// Says a word to the one who holds it.
    fn say(&self, word: &str) {
        let mut leash = self.leash.lock().expect("nobody panics with the leash in hand");
        leash.ask(word).expect("the shell lives as long as the value");
    }

    /// Waits until it answers.
    fn wait(&self) -> Result<(), ()> {
        let start = Instant::now();
        while start.elapsed() < START {
            if self.command("pg_isready", &["-q"]).is_ok_and(|ready| ready.status.success()) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(())
    }

    /// Runs one of PostgreSQL's own commands against it.
    fn command(&self, name: &str, arguments: &[&str]) -> io::Result<Output> {
        let port = self.port.to_string();
        let mut command = Command::new(self.commands.join(name));
        command.args(["-h", "127.0.0.1", "-p", &port, "-U", "sekisho"]).args(arguments).output()
    }
}

/// Returns where the commands of the newest version are, in Debian's place.
fn commands() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let mut versions: Vec<OsString> = versions.map(|version| version.file_name()).collect();
    versions.sort_by_key(|version| version.to_str().and_then(|version| version.parse::<u32>().ok()));
    let found = versions.iter().rev().map(|version| Path::new("/usr/lib/postgresql").join(version).join("bin"));
    found.into_iter().find(|commands| commands.join("initdb").is_file())
}

/// Returns the user to run as: none where this process is unprivileged itself.
fn user() -> Result<Option<(u32, u32)>, String> {
    let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !root {
        return Ok(None);
    }
    let number = |name, group| account::number("/etc/passwd", name).zip(account::number("/etc/group", group));
    let found = number("postgres", "postgres").or_else(|| number("nobody", "nogroup"));
    found.map(Some).ok_or_else(|| "there is no user `postgres` or `nobody` to run it".to_owned())
}

/// Makes its folder.
fn folder(user: Option<(u32, u32)>) -> io::Result<PathBuf> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("sekisho-postgres-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    fs::create_dir(&folder)?;
    if let Some((user, group)) = user {
        chown(&folder, Some(user), Some(group))?;
    }
    Ok(folder)
}

/// Returns a port of 127.0.0.1 where nobody listens.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
