//! `sekisho check`: reads mails, has them judged, and tells what they prove
//!
//! Mails are read one after the other, judged side by side (most of the time goes by waiting for the DNS), and told in
//! the order in which they were read. What is held at a time is bounded, whatever the size of an mbox.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sekisho_core::speech::Lang;
use sekisho_mail::verdict::Action;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

pub(crate) use self::desk::told;
use self::desk::{Desk, Told};
use self::input::{Input, Mail};
pub(crate) use self::options::read_zone;
use self::summary::Summary;
use crate::cli::CheckArguments;
use crate::config::Config;
use crate::fault::{Fault, shown};
use crate::speech::Talk;
use crate::{Exit, Streams};

mod account;
mod desk;
mod facts_file;
mod from_field;
mod input;
pub(crate) mod json;
pub(crate) mod judge;
pub(crate) mod mbox;
mod options;
mod summary;
mod tree;
pub(crate) mod what_if;

/// The most mails that are judged side by side.
const SIDE_BY_SIDE: usize = 32;
/// The most octets of mail that are held at a time, beyond the one mail that is needed to go on.
const HELD_MAX: usize = 32 * 1024 * 1024;

impl CheckArguments {
    /// Judges every mail that is named, and tells of it in the language that is asked for, that of the configuration, or else
    /// the one that is spoken.
    pub(crate) fn run(self, asked: Option<Lang>, talk: &Talk, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
        let config = Config::load(self.config.as_deref(), &streams.setting.config_places)?;
        let talk = Talk::new(asked.or(config.check.lang).unwrap_or(talk.lang()));
        let files = self.files.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("no threads can be started to judge in")?;
        if let (Some(path), true) = (&self.facts, self.dns.is_some() || self.zone.is_some()) {
            // Nobody is left to hear that stderr is closed.
            let _ = writeln!(streams.stderr, "sekisho: {}", talk.say("note-offline", &[("path", shown(path))]));
        }
        let desk = {
            // A resolver binds itself to the reactor that it is made in.
            let _inside = runtime.enter();
            Arc::new(Desk::open(self, &config, talk, &streams.setting)?)
        };
        let mut round = Round {
            runtime: &runtime,
            desk: &desk,
            judging: VecDeque::new(),
            held: 0,
            summary: Summary::default(),
            keeper: desk.options.save_facts.as_deref().map(facts_file::Keeper::create).transpose()?,
            progress: ProgressBar::hidden(),
            worst: Exit::Clean,
            wants_summary: false,
        };
        let Streams { stdin, stdout, stderr, setting } = streams;
        let mut voices = Voices { stdout: *stdout, stderr: *stderr, colour: setting.stderr_colour };
        match round.judge_all(Input::new(&files, *stdin), setting.stderr_terminal, &mut voices) {
            // The reader has seen enough.
            Err(error) if is_closed_pipe(&error) => Ok(round.worst),
            Err(error) => Err(error),
            Ok(()) => Ok(round.worst),
        }
    }
}

/// All mails of one command, while they are judged.
struct Round<'a> {
    /// Where judging happens.
    runtime: &'a Runtime,
    /// How it is done.
    desk: &'a Arc<Desk>,
    /// The mails that are being judged, in their order.
    judging: VecDeque<Pending>,
    /// How many octets of mail are being judged.
    held: usize,
    /// The counts so far.
    summary: Summary,
    /// Where the facts are kept.
    keeper: Option<facts_file::Keeper>,
    /// How far we are.
    progress: ProgressBar,
    /// The worst exit so far.
    worst: Exit,
    /// Whether there were many mails.
    wants_summary: bool,
}

/// A mail that is being judged.
struct Pending {
    /// How many octets it has.
    size: usize,
    /// Where it was found.
    source: String,
    /// Its judging.
    task: JoinHandle<Result<Told, Fault>>,
}

/// Where the words go.
struct Voices<'a> {
    /// Data.
    stdout: &'a mut dyn io::Write,
    /// Talk.
    stderr: &'a mut dyn io::Write,
    /// Whether talk is coloured.
    colour: bool,
}

impl Round<'_> {
    /// Reads, judges and tells every mail, and ends with the summary where there were many.
    fn judge_all(&mut self, mut input: Input<'_>, on_terminal: bool, voices: &mut Voices<'_>) -> anyhow::Result<()> {
        while let Some(read) = input.next() {
            if let Ok(mail) = &read
                && mail.many
                && !self.wants_summary
            {
                self.wants_summary = true;
                self.progress = progress_bar(on_terminal, input.progress().1, &self.desk.talk);
            }
            let size = read.as_ref().map_or(0, |mail| mail.raw.len());
            while !self.judging.is_empty() && (self.judging.len() >= SIDE_BY_SIDE || self.held + size > HELD_MAX) {
                self.tell_next(voices)?;
            }
            self.held += size;
            self.judging.push_back(self.start(read, size));
            self.progress.set_position(input.progress().0);
        }
        while !self.judging.is_empty() {
            self.tell_next(voices)?;
        }
        self.progress.finish_and_clear();
        if self.wants_summary && !self.desk.options.json {
            voices.stdout.write_all(self.summary.say(&self.desk.talk, self.desk.layout).as_bytes())?;
        }
        voices.stdout.flush()?;
        self.keeper.take().map_or(Ok(()), facts_file::Keeper::finish)?;
        Ok(())
    }

    /// Begins to judge a mail; one that could not be read keeps its place in the order.
    fn start(&self, read: Result<Mail, Fault>, size: usize) -> Pending {
        match read {
            Ok(mail) => {
                let source = mail.source.clone();
                Pending { size, source, task: self.runtime.spawn(Arc::clone(self.desk).judge(mail)) }
            }
            Err(fault) => {
                Pending { size, source: String::new(), task: self.runtime.spawn(std::future::ready(Err(fault))) }
            }
        }
    }

    /// Waits for the mail whose turn it is and tells what came out.
    fn tell_next(&mut self, voices: &mut Voices<'_>) -> anyhow::Result<()> {
        let Some(Pending { size, source, task }) = self.judging.pop_front() else { return Ok(()) };
        self.held -= size;
        let ended = self.runtime.block_on(task).unwrap_or_else(|_| Err(ours(&source)));
        let desk = self.desk;
        match ended {
            Ok(told) => {
                self.worst = self.worst.max(exit(told.judged.verdict.action));
                self.summary.count(&told.judged.verdict);
                if let Some(keeper) = &mut self.keeper {
                    keeper.keep(&told.judged)?;
                }
                self.progress.suspend(|| -> io::Result<()> {
                    for note in &told.notes {
                        writeln!(voices.stderr, "sekisho: {}", note.say(&desk.talk))?;
                    }
                    voices.stdout.write_all(told.text.as_bytes())
                })?;
            }
            Err(fault) => {
                self.worst = Exit::NotDone;
                self.summary.count_unjudged();
                let paint = crate::terminal::Paint { on: voices.colour };
                let said = fault.say(&desk.talk);
                // Nobody is left to hear that stderr is closed.
                self.progress.suspend(|| writeln!(voices.stderr, "{} {said}", paint.bad("sekisho:"))).ok();
            }
        }
        Ok(())
    }
}

/// Says that judging one mail ended in an error of ours.
fn ours(source: &str) -> Fault {
    Fault::new("fault-mail", [("path", source.as_bytes().into())]).because(Fault::new("fault-ours", []))
}

/// Returns the exit that an action stands for.
fn exit(action: Action) -> Exit {
    if action == Action::Accept { Exit::Clean } else { Exit::Found }
}

/// Returns a bar over octets, or a counter where their number is not known; nothing is drawn but on a terminal.
fn progress_bar(on_terminal: bool, total: Option<u64>, talk: &Talk) -> ProgressBar {
    let target = if on_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(total, target);
    let shape = match total {
        Some(_) => format!("{} [{{bar:30}}] {{binary_bytes}} / {{binary_total_bytes}}  {{eta}}", talk.word("progress")),
        None => format!("{} {{spinner}} {{binary_bytes}}", talk.word("progress")),
    };
    match ProgressStyle::with_template(&shape) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

/// Tells whether the reader of our output went away.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
