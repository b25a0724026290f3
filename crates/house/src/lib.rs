//! The commands of Sekisho: what a person types, what is done, what is said.
//!
//! [`run`] is the whole program with its three streams as arguments, so that a test calls a command in its own process.
//! Nothing here judges: `check` reads mails, lets `sekisho-mail` judge them over answers of `sekisho-ask`, and tells
//! what came out; `config` holds what the house decides; `sign` signs.
//!
//! stdout is data, stderr is talk. Exit 0 is done and clean, 1 is done and something found, 2 could not be done.

use std::cell::Cell;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::iter;
use std::path::PathBuf;

use clap::FromArgMatches;
use sekisho_core::speech::Lang;

use crate::cli::{Cli, Command};
use crate::fault::Fault;
use crate::speech::Talk;
use crate::terminal::Paint;

mod api;
mod careful;
mod check;
mod cli;
mod cluster;
mod config;
mod doctor;
mod door;
mod events;
mod fault;
mod gate;
mod held;
mod help;
mod http;
mod intake;
mod jobs;
mod key_file;
mod lake;
mod metrics;
mod names;
mod neighbourhood;
mod oidc;
mod people;
mod phrase;
mod postfix;
mod recall;
mod received;
mod refusal;
mod reports;
mod sample;
mod serve;
mod sign;
mod simulate;
mod speech;
mod spf_record;
mod store;
mod terminal;
mod tls;
mod way;
mod web;
mod webhooks;
mod world;

pub use crate::cluster::{Cluster, Executing, HostPort, Listening, NoHostPort, OpenedLake, RunPart, Scheduling};
pub use crate::lake::{
    Forget, Form, Keep, Lake, LakeError, LakePlace, LakeTable, LetGo, MOST_ROWS, NotOpened, OpenLake,
};
pub use crate::way::{Way, give_way};

/// Runs one command and returns its exit code.
pub fn run<A>(args: impl IntoIterator<Item = A>, streams: Streams<'_>) -> u8
where
    A: Into<OsString>,
{
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let is_closed = Cell::new(false);
    let Streams { stdin, stdout, stderr, setting } = streams;
    let mut stdout = Listened { out: stdout, is_closed: &is_closed };
    let mut streams = Streams { stdin, stdout: &mut stdout, stderr, setting };
    let lang = refusal::lang(&args).or_else(|| streams.setting.lang()).unwrap_or_default();
    let cli = match read(&args, lang) {
        Ok(cli) => cli,
        Err(refusal) => return refuse(&refusal, lang, &mut streams),
    };
    let talk = Talk::new(cli.lang.unwrap_or(lang));
    let ended = match cli.command {
        Command::Check(arguments) => arguments.run(cli.lang, &talk, &mut streams),
        Command::Cluster(arguments) => arguments.run(&talk, &mut streams),
        Command::Config(arguments) => arguments.run(&talk, &mut streams),
        Command::Held(arguments) => arguments.run(&talk, &mut streams),
        Command::Lake(arguments) => arguments.run(&talk, &mut streams),
        Command::Jobs(arguments) => arguments.run(&talk, &mut streams),
        Command::People(arguments) => arguments.run(&talk, &mut streams),
        Command::Report(arguments) => arguments.run(&talk, &mut streams),
        Command::Serve(arguments) => arguments.run(&talk, &mut streams),
        Command::Sign(arguments) => arguments.run(&talk, &mut streams),
        Command::Simulate(arguments) => arguments.run(&talk, &mut streams),
    };
    match ended {
        Ok(exit) => exit.into(),
        // Whoever closes a pipe has read enough.
        Err(_) if is_closed.get() => Exit::Clean.into(),
        Err(error) => {
            streams.complain(&talk, &error);
            Exit::NotDone.into()
        }
    }
}

/// An output that notes when nobody reads it any more.
struct Listened<'a> {
    /// The output.
    out: &'a mut dyn Write,
    /// Whether its reader has gone.
    is_closed: &'a Cell<bool>,
}

impl Listened<'_> {
    /// Looks whether it was the reader's going that something failed for.
    fn note<T>(&self, done: io::Result<T>) -> io::Result<T> {
        if done.as_ref().is_err_and(|why| why.kind() == io::ErrorKind::BrokenPipe) {
            self.is_closed.set(true);
        }
        done
    }
}

impl Write for Listened<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let done = self.out.write(octets);
        self.note(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = self.out.flush();
        self.note(done)
    }
}

/// Reads the command line.
fn read(args: &[OsString], lang: Lang) -> Result<Cli, clap::Error> {
    let mut command = help::command_line(lang);
    let matches = command.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches(&matches).map_err(|refusal| refusal.format(&mut command))
}

/// Tells what clap has to say: help and version are data, a refusal is talk.
fn refuse(refusal: &clap::Error, lang: Lang, streams: &mut Streams<'_>) -> u8 {
    if let Some(said) = refusal::say(refusal, &Talk::new(lang)) {
        streams.talk_of_fault(&said);
        return Exit::NotDone.into();
    }
    let text = refusal.render();
    let (out, colour) = if refusal.use_stderr() {
        (&mut *streams.stderr, streams.setting.stderr_colour)
    } else {
        (&mut *streams.stdout, streams.setting.stdout_colour)
    };
    // A reader that went away does not miss the help.
    let _ = if colour { write!(out, "{}", text.ansi()) } else { write!(out, "{text}") };
    let _ = out.flush();
    if refusal.use_stderr() { Exit::NotDone.into() } else { Exit::Clean.into() }
}

/// The three streams of a command, and what surrounds them.
pub struct Streams<'a> {
    /// Where a mail may come from.
    pub stdin: &'a mut dyn Read,
    /// Where data goes.
    pub stdout: &'a mut dyn Write,
    /// Where talk goes.
    pub stderr: &'a mut dyn Write,
    /// What surrounds the streams.
    pub setting: Setting,
}

impl Streams<'_> {
    /// Says on stderr what went wrong, in one line.
    fn complain(&mut self, talk: &Talk, error: &anyhow::Error) {
        let said = match error.downcast_ref::<Fault>() {
            Some(fault) => fault.say(talk),
            None => format!("{error:#}"),
        };
        self.talk_of_fault(&said);
    }

    /// Says on stderr what a person may want to know.
    fn tell(&mut self, said: &str) {
        // Nobody is left to hear that stderr is closed.
        let _ = writeln!(self.stderr, "{said}");
    }

    /// Says on stderr, with our name before it, what could not be done.
    fn talk_of_fault(&mut self, said: &str) {
        let paint = Paint { on: self.setting.stderr_colour };
        // Nobody is left to hear that stderr is closed.
        let _ = writeln!(self.stderr, "{} {said}", paint.bad("sekisho:"));
    }
}

/// What surrounds the streams: terminals, the locale, where configuration lies. A test makes its own.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// How many columns stdout has, where it is a terminal.
    pub width: Option<usize>,
    /// Whether stdout shows colours.
    pub stdout_colour: bool,
    /// Whether stderr shows colours.
    pub stderr_colour: bool,
    /// Whether stderr is a terminal, so that progress may be drawn there.
    pub stderr_terminal: bool,
    /// The locale that the environment names.
    pub locale: Option<String>,
    /// Where a configuration is looked for, first come first served.
    pub config_places: Vec<PathBuf>,
    /// Folders for what has to outlive the machine's next start; the first that can be had is used.
    pub data_places: Vec<PathBuf>,
    /// What opens the lake; without it no Events are kept.
    pub open_lake: Option<OpenLake>,
    /// What makes a cluster that answers questions to the lake; without it there is none.
    pub cluster: Option<Cluster>,
    /// Folders for what has to outlive the process but not the machine; the first that can be had is used.
    pub runtime_places: Vec<PathBuf>,
}

impl Setting {
    /// Reads the setting of this process.
    pub fn of_process() -> Setting {
        let colour = |choice| choice != anstream::ColorChoice::Never;
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .filter_map(std::env::var_os)
            .find(|value| !value.is_empty())
            .map(|value| value.to_string_lossy().into_owned());
        Setting {
            width: io::stdout().is_terminal().then(terminal::columns),
            stdout_colour: colour(anstream::AutoStream::choice(&io::stdout())),
            stderr_colour: colour(anstream::AutoStream::choice(&io::stderr())),
            stderr_terminal: io::stderr().is_terminal(),
            locale,
            config_places: ["sekisho.toml", "/etc/sekisho/sekisho.toml"].map(PathBuf::from).into(),
            data_places: data_places(),
            open_lake: None,
            cluster: None,
            runtime_places: runtime_places(),
        }
    }

    /// Returns the language that the locale names.
    fn lang(&self) -> Option<Lang> {
        self.locale.as_deref().and_then(Lang::parse)
    }
}

/// Returns the runtime folder that systemd made and no other, else the usual one of the system and the user's own.
fn runtime_places() -> Vec<PathBuf> {
    let user = std::env::var_os("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("sekisho"));
    named_or_usual(std::env::var_os("RUNTIME_DIRECTORY"), "/run/sekisho", user)
}

/// Returns the data folder that systemd made and no other, else the usual one of the system and the user's own.
fn data_places() -> Vec<PathBuf> {
    let share = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let user = share.or_else(home).map(|folder| folder.join("sekisho"));
    named_or_usual(std::env::var_os("STATE_DIRECTORY"), "/var/lib/sekisho", user)
}

/// Returns what the environment names; only where it names nothing are there others. Whoever names a folder that is not there
/// yet never meets somebody else's books.
fn named_or_usual(named: Option<OsString>, system: &str, user: Option<PathBuf>) -> Vec<PathBuf> {
    match named {
        Some(named) => vec![named.into()],
        None => iter::once(system.into()).chain(user).collect(),
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Exit {
    /// Done, and nothing to report.
    Clean = 0,
    /// Done, and something was found.
    Found = 1,
    /// It could not be done.
    NotDone = 2,
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> u8 {
        match exit {
            Exit::Clean => 0,
            Exit::Found => 1,
            Exit::NotDone => 2,
        }
    }
}
