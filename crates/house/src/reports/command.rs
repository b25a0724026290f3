//! `sekisho report`: import, list, show

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use sekisho_ask::Source;
use sekisho_core::visible::Visible;
use sekisho_ledger::{Id, JobCount, JobState, Ledger, Page, ProvenBy, Report, ReportFilter, ReportState};
use serde_json::json;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::imap::{Entry, Place};
use super::import::{Importer, Taken};
use super::omissions;
use super::reader::{QUEUE, Reader, Tally};
use super::reason;
use super::senders::Senders;
use super::submitter::Examiner;
use super::told::{Seen, all_told, name_sources, namer, reported, with_parents};
use super::trouble::Trouble;
use crate::check::read_zone;
use crate::cli::{OmissionsArguments, ReportArguments, ReportCommand};
use crate::config::Config;
use crate::fault::Fault;
use crate::lake::{self, NotOpened};
use crate::speech::Talk;
use crate::store::DataFolder;
use crate::terminal::{Paint, Tone, pad};
use crate::webhooks::Announcer;
use crate::{Exit, Streams, serve};

/// How often is looked whether somebody else has let go of what they had in hand.
const LOOK: Duration = Duration::from_secs(1);

impl ReportArguments {
    /// Imports, lists or shows.
    pub(crate) fn run(self, talk: &Talk, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
        let config = Config::load(self.config.as_deref(), &streams.setting.config_places)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        match &self.what {
            ReportCommand::Import { paths, password_file, ca_file, dns } => {
                let wanted = Wanted::sort(paths, password_file.as_deref(), ca_file.as_deref())?;
                let folder = DataFolder::open(&config.store, &streams.setting.data_places)?;
                let folder = folder.ok_or_else(|| Fault::new("fault-no-data-folder", []))?;
                let examiner = {
                    // A resolver binds itself to the reactor that it is made in.
                    let _inside = runtime.enter();
                    let source = serve::source(dns.as_deref(), &config)?;
                    Examiner { source, policy: Arc::new(config.policy()), timeout: config.dns.timeout }
                };
                let trusted = &config.intake.trusted_authserv_ids;
                let announcer = Announcer::of(&config.webhooks);
                let reading = (examiner, announcer);
                runtime.block_on(import(&folder, (&wanted, trusted), reading, self.json, talk, streams))
            }
            ReportCommand::List { state, limit } => {
                let folder = DataFolder::find(&config.store, &streams.setting.data_places)?;
                let filter = ReportFilter { state: *state, ..ReportFilter::default() };
                list(&runtime.block_on(Listed::find(&folder, filter, *limit))?, self.json, talk, streams)
            }
            ReportCommand::SpfOmissions(wanted) => wanted.run(&config, &runtime, self.json, talk, streams),
            ReportCommand::Out(out) => out.run(&config, &runtime, self.json, talk, streams),
            ReportCommand::Show { domain, days, unproven, no_names, dns } => {
                let folder = DataFolder::find(&config.store, &streams.setting.data_places)?;
                let told = all_told(&folder, domain, (*days, &config.trust(*unproven)), &streams.setting)?;
                let mut senders = Senders::of(&told);
                if !senders.are_none() {
                    let namer = namer(&config, dns.as_deref(), !no_names, &runtime, talk, streams)?;
                    runtime.block_on(senders.name(&namer))?;
                }
                senders.show(domain, &told, self.json, talk, streams)?;
                if told.distrusted > 0 {
                    let mails = told.distrusted.into();
                    streams.tell(&format!("sekisho: {}", talk.say("show-distrusted", &[("mails", mails)])));
                }
                if senders.are_none() && !unproven {
                    let all = all_told(&folder, domain, (*days, &config.trust(true)), &streams.setting)?;
                    let (rows, failed) = (all.rows.iter().map(|row| row.mails), all.failed.iter().map(|row| row.mails));
                    let mails = rows.chain(failed).fold(0_u64, u64::saturating_add);
                    if mails > 0 {
                        streams.tell(&format!("sekisho: {}", talk.say("show-unproven", &[("mails", mails.into())])));
                    }
                }
                Ok(if senders.are_none() { Exit::Found } else { Exit::Clean })
            }
        }
    }
}

impl OmissionsArguments {
    /// Finds whom an SPF record misses, and says which record names them.
    fn run(
        &self,
        config: &Config,
        runtime: &Runtime,
        json: bool,
        talk: &Talk,
        streams: &mut Streams<'_>,
    ) -> anyhow::Result<Exit> {
        let folder = DataFolder::find(&config.store, &streams.setting.data_places)?;
        let source = {
            // A resolver binds itself to the reactor that it is made in.
            let _inside = runtime.enter();
            match &self.zone {
                Some(path) => Source::Zone(read_zone(path)?),
                None => serve::source(self.dns.as_deref(), config)?,
            }
        };
        let (under, subject) = (with_parents(&self.domain), [self.domain.clone()]);
        let seen = Seen { domains: &subject, reporter: config.reports.sender_domain(), or_mail_from: true };
        let seen = Some(&seen).filter(|_| !self.reports_only);
        let asked = (seen, Some(&self.domain));
        let trust = config.trust(self.unproven);
        let told = reported(&folder, &under, asked, (self.days, &trust), &streams.setting)?;
        let rows = omissions::rows_of(told.rows, &self.domain);
        if rows.is_empty() {
            return Err(Fault::new("fault-omissions-nothing", [("domain", (&self.domain).into())]).into());
        }
        let mut namer = namer(config, None, false, runtime, talk, streams)?;
        namer.source = Some(source.clone());
        let named = runtime.block_on(name_sources(&rows, &namer))?;
        let kept = config.names.own_of(&self.domain);
        let new: Vec<_> = self.own.iter().filter(|own| !kept.contains(own)).cloned().collect();
        let own = [kept, new.clone()].concat();
        let (domain, policy) = (&self.domain, config.policy());
        let inquiry = omissions::Inquiry { domain, rows: &rows, named: &named, own: &own, policy: &policy };
        let found = runtime.block_on(inquiry.find(&source, omissions::errand(config.dns.timeout)))?;
        let said = if json {
            found.json(domain, told.days) + "\n"
        } else {
            found.tell(domain, told.days, &new, talk, Paint { on: streams.setting.stdout_colour })
        };
        streams.stdout.write_all(said.as_bytes())?;
        streams.stdout.flush()?;
        Ok(if found.is_something() { Exit::Found } else { Exit::Clean })
    }
}

/// What is to be taken in.
struct Wanted {
    /// Files and folders.
    paths: Vec<PathBuf>,
    /// Mailboxes on servers.
    mailboxes: Vec<Place>,
    /// How one logs in there, where there are any.
    entry: Option<Entry>,
}

impl Wanted {
    /// Tells mailboxes from files, and makes ready what it takes to log in.
    fn sort(named: &[PathBuf], password_file: Option<&Path>, ca_file: Option<&Path>) -> Result<Wanted, Fault> {
        let mut wanted = Wanted { paths: Vec::new(), mailboxes: Vec::new(), entry: None };
        for path in named {
            match path.to_str().filter(|path| Place::is_meant(path)) {
                Some(place) => wanted.mailboxes.push(Place::read(place)?),
                None => {
                    // Nothing is made for what is not there.
                    fs::metadata(path).map_err(|why| Fault::io("fault-read", path, &why))?;
                    wanted.paths.push(path.clone());
                }
            }
        }
        if !wanted.mailboxes.is_empty() {
            wanted.entry = Some(Entry::new(password_file, ca_file)?);
        }
        Ok(wanted)
    }
}

/// Takes reports in, and reads them unless a daemon does.
async fn import(
    folder: &DataFolder,
    (wanted, trusted): (&Wanted, &[String]),
    (examiner, announcer): (Examiner, Announcer),
    json: bool,
    talk: &Talk,
    streams: &mut Streams<'_>,
) -> anyhow::Result<Exit> {
    let (ledger, vault) = (folder.ledger().await?, folder.vault().await?);
    let bar = spinner(streams.setting.stderr_terminal);
    let mut importer = Importer::new(&ledger, &vault, trusted);
    let show = |path: &Path| {
        bar.set_message(path.display().to_string());
        bar.tick();
    };
    importer.import(&wanted.paths, show).await?;
    if let Some(entry) = &wanted.entry {
        for place in &wanted.mailboxes {
            importer.import_mailbox(place, entry, show).await?;
        }
    }
    let mut taken = importer.taken;
    let faults = &mut taken.faults;
    let open = streams.setting.open_lake.ok_or_else(|| Fault::new("fault-no-lake", []))?;
    let mut tally = Tally::default();
    let has_read = match folder.lake_to_write(open) {
        Ok(lake) => {
            let worker = format!("import-{}-{}", std::process::id(), Timestamp::now().as_microsecond());
            let stop = CancellationToken::new();
            let (ledger, rows) = (ledger.clone(), Arc::clone(&lake));
            let lane = QUEUE.into();
            let reader = Reader { ledger, vault, lake: rows, examiner, worker, lane, announcer, stop };
            read_what_waits(&reader, &mut tally, faults, &bar, talk, streams).await?;
            tokio::task::spawn_blocking(move || lake.settle()).await?.map_err(|why| lake::fault(&why))?;
            true
        }
        // The daemon has the lake, and reads what was just taken in.
        Err(NotOpened::Taken(_)) => false,
        // What was taken in is kept, and waits.
        Err(NotOpened::Failed(why)) => {
            faults.push(lake::fault(&why).say(talk));
            true
        }
    };
    bar.finish_and_clear();
    let waiting = if has_read { waiting(&ledger).await? } else { 0 };
    ledger.close().await;
    tell(&taken, &tally, (has_read, waiting), json, talk, streams)?;
    let is_clean = taken.faults.is_empty() && tally.unreadable + tally.failed + waiting == 0;
    Ok(if is_clean { Exit::Clean } else { Exit::Found })
}

/// Reads the reports that wait, those included that somebody who was broken off has in hand for a while yet.
async fn read_what_waits(
    reader: &Reader,
    tally: &mut Tally,
    faults: &mut Vec<String>,
    bar: &ProgressBar,
    talk: &Talk,
    streams: &mut Streams<'_>,
) -> anyhow::Result<()> {
    let (mut held, mut patience) = (VecDeque::new(), None);
    loop {
        match reader.work(&mut held, tally).await {
            Ok(true) => {
                bar.set_message(talk.say("report-progress", &[("read", tally.read.into())]));
                bar.tick();
            }
            Ok(false) => {
                let (is_first, longest) = (patience.is_none(), reader.longest_held().as_secs());
                let begun = || (Timestamp::now().as_microsecond(), Instant::now() + reader.longest_held() + LOOK);
                let (now, until) = *patience.get_or_insert_with(begun);
                let elsewhere = reader.held_elsewhere(now).await?;
                if elsewhere == 0 || Instant::now() > until {
                    tally.postponed += elsewhere;
                    return Ok(());
                }
                if is_first {
                    bar.suspend(|| {
                        let waiting = [("number", elsewhere.into()), ("seconds", longest.into())];
                        streams.tell(&talk.say("report-waiting", &waiting));
                    });
                }
                tokio::time::sleep(LOOK).await;
            }
            Err(why @ Trouble::Ledger(_)) => return Err(why.into()),
            // What waits is read by whoever comes next.
            Err(why) => {
                faults.push(why.to_string());
                return Ok(());
            }
        }
    }
}

/// Counts the reports that wait to be read, or to be tried again: those of earlier imports, too.
async fn waiting(ledger: &Ledger) -> anyhow::Result<u64> {
    let counts = ledger.unfinished_job_counts().await?;
    let waits = |count: &&JobCount| count.queue == QUEUE && count.state != JobState::Dead;
    Ok(counts.iter().filter(waits).map(|count| count.jobs).sum())
}

/// Tells what an import came to.
fn tell(
    taken: &Taken,
    tally: &Tally,
    (has_read, waiting): (bool, u64),
    json: bool,
    talk: &Talk,
    streams: &mut Streams<'_>,
) -> anyhow::Result<()> {
    for fault in &taken.faults {
        writeln!(streams.stderr, "sekisho: {}", Visible(fault.as_bytes()))?;
    }
    if json {
        let told = json!({
            "taken": { "new": taken.new, "known": taken.known, "passed": taken.passed, "ordinary": taken.ordinary, "faults": taken.faults },
            "read": has_read.then(|| json!({
                "reports": tally.read, "rows": tally.rows, "messages": tally.messages, "duplicates": tally.duplicates,
                "unreadable": tally.unreadable, "ignored": tally.ignored, "returned": tally.returned, "unproven": tally.unproven, "later": waiting,
            })),
        });
        writeln!(streams.stdout, "{told}")?;
    } else {
        let count = |number: u64| number.into();
        let taken_in = [("new", count(taken.new)), ("known", count(taken.known)), ("passed", count(taken.passed))];
        writeln!(streams.stdout, "{}", talk.say("report-taken", &taken_in))?;
        if taken.ordinary > 0 {
            writeln!(streams.stdout, "{}", talk.say("report-ordinary", &[("number", count(taken.ordinary))]))?;
        }
        if has_read {
            let read =
                [("reports", count(tally.read)), ("rows", count(tally.rows)), ("messages", count(tally.messages))];
            writeln!(streams.stdout, "{}", talk.say("report-read", &read))?;
            let beside = [
                ("report-unproven", tally.unproven),
                ("report-duplicates", tally.duplicates),
                ("report-returned", tally.returned),
                ("report-ignored", tally.ignored),
                ("report-unreadable", tally.unreadable),
                ("report-later", waiting),
            ];
            for (message, number) in beside.into_iter().filter(|(_, number)| *number > 0) {
                writeln!(streams.stdout, "{}", talk.say(message, &[("number", number.into())]))?;
            }
        } else {
            writeln!(streams.stdout, "{}", talk.word("report-by-daemon"))?;
        }
    }
    streams.stdout.flush()?;
    Ok(())
}

/// Makes something that shows that work goes on.
fn spinner(on_terminal: bool) -> ProgressBar {
    let target = if on_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(None, target);
    match ProgressStyle::with_template("{spinner} {wide_msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The newest reports, and the files and mailboxes that they were taken from.
struct Listed {
    /// The reports.
    rows: Vec<Report>,
    /// Where an import found them.
    sources: BTreeMap<Id, Vec<String>>,
}

impl Listed {
    /// Finds them.
    async fn find(folder: &DataFolder, filter: ReportFilter, limit: u16) -> anyhow::Result<Listed> {
        let ledger = folder.ledger().await?;
        let Page { rows, .. } = ledger.reports(&filter, None, limit).await?;
        let (newest, oldest) = (rows.first().map(|row| row.received_at + 1), rows.last().map(|row| row.received_at));
        let sources = ledger.sources_of_reports(&ReportFilter { from: oldest, before: newest, ..filter }).await?;
        Ok(Listed { rows, sources })
    }

    /// Returns where an import found a report.
    fn sources(&self, report: &Report) -> &[String] {
        self.sources.get(&report.id).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Lists reports.
fn list(found: &Listed, json: bool, talk: &Talk, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
    let paint = Paint { on: streams.setting.stdout_colour };
    if !json {
        let head = if found.rows.is_empty() { talk.word("list-nothing") } else { list_head(talk, paint) };
        writeln!(streams.stdout, "{head}")?;
    }
    for report in &found.rows {
        let sources = found.sources(report);
        let line = if json { listed_json(report, sources) } else { listed(report, sources, talk, paint) };
        writeln!(streams.stdout, "{line}")?;
    }
    streams.stdout.flush()?;
    Ok(Exit::Clean)
}

/// Writes the heads of the list's columns.
fn list_head(talk: &Talk, paint: Paint) -> String {
    let [at, id, kind, domain, state, reason, from] =
        ["list-received", "list-id", "list-kind", "list-domain", "list-state", "list-reason", "list-from"]
            .map(|word| talk.word(word));
    let padded = [(at, 16), (id, 32), (kind, 15), (domain, 24), (state, 10)].map(|(head, columns)| pad(&head, columns));
    let [at, id, kind, domain, state] = padded;
    paint.tone(Tone::Dim, &format!("{at}  {id}  {kind} {domain} {state}  {reason} [{from}]"))
}

/// Writes a report of the list as a line: when, what, about whom, from whom, what became of it, and in which file or mailbox an
/// import found it first.
fn listed(report: &Report, sources: &[String], talk: &Talk, paint: Paint) -> String {
    let at = Timestamp::from_microsecond(report.received_at).unwrap_or_default();
    let tone = match report.state {
        ReportState::Read => Tone::Good,
        ReportState::Unreadable => Tone::Bad,
        _ => Tone::Odd,
    };
    let kind = report.read_as.unwrap_or(report.kind);
    let domain = report.domain.as_deref().unwrap_or("-");
    let reason = report.reason.as_deref().map(|why| reason::say(why, talk));
    let source = sources.first().map(|source| format!("[{source}]"));
    let last: Vec<String> = reason.into_iter().chain(source).collect();
    format!(
        "{}  {}  {:<15} {:<24} {}  {}",
        at.strftime("%Y-%m-%d %H:%M"),
        report.id,
        kind.word(),
        Visible(domain.as_bytes()).to_string(),
        paint.tone(tone, &format!("{:<10}", report.state.word())),
        last.iter().map(|text| Visible(text.as_bytes()).to_string()).collect::<Vec<_>>().join(" ")
    )
    .trim_end()
    .to_owned()
}

/// Writes a report of the list as an object.
fn listed_json(report: &Report, sources: &[String]) -> String {
    json!({
        "id": report.id.to_string(),
        "received_at": Timestamp::from_microsecond(report.received_at).unwrap_or_default().to_string(),
        "kind": report.read_as.unwrap_or(report.kind).word(),
        "channel": report.channel.word(),
        "domain": report.domain,
        "submitter": report.submitter,
        "proven_by": report.proven_by.map(ProvenBy::word),
        "evidence": report.evidence.to_string(),
        "size": report.size,
        "state": report.state.word(),
        "reason": report.reason,
        "sources": sources,
    })
    .to_string()
}
