//! The gate beside rspamd, and beside OpenDKIM with OpenDMARC: CPU, time, memory and questions for the same mails
//!
//! `./x bench gate [MIX|PEER…]` runs it in a network of its own, where our name server is at 127.0.0.1:53 and nothing else can
//! be reached. CPU is counted for the filters only: the MTA and the name server are this process. Each session keeps its
//! connection for all its mails. Each line is printed once it is measured; `SEKISHO_PROGRAM` is another program than ours.
//! `./x bench gate events` compares Sekisho with itself: keeping Events, and not.
#![expect(clippy::print_stdout, reason = "a benchmark tells what it found")]

mod drive;
mod events;
mod mails;
mod peer;
mod usage;
mod verdicts;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use sekisho_testkit::dns::DnsServer;
use tempfile::TempDir;

use drive::{Course, Measured};
use mails::{Letter, MIXES, Mix, World};
use peer::Peer;
use verdicts::Differences;

/// How many sessions there are at a time.
const SESSIONS: [usize; 3] = [1, 8, 64];

/// How often a peer that breaks off is tried.
const TRIES: usize = 2;

/// Starts one peer in a folder.
type Starter = fn(&Path) -> io::Result<Peer>;

/// The peers, Sekisho last.
const PEERS: [(&str, Starter); 3] =
    [("rspamd", Peer::rspamd), ("opendkim", Peer::opendkim_and_opendmarc), ("sekisho", Peer::sekisho)];

/// One line of the table.
struct Line {
    /// Who.
    peer: &'static str,
    /// In how many sessions.
    sessions: usize,
    /// CPU for one mail.
    cpu: Duration,
    /// What the MTA saw.
    measured: Measured,
    /// The most memory, in octets.
    memory: u64,
    /// Questions to the name server for one mail.
    questions: f64,
    /// Of how many mails all that it said is so.
    right: usize,
}

fn main() -> io::Result<()> {
    let filters: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if filters == ["events"] {
        return events::measure();
    }
    let named = |name: &str| filters.iter().any(|filter| filter == name);
    let (mixes, starters): (Vec<&Mix>, Vec<&(&str, Starter)>) =
        (MIXES.iter().filter(|mix| named(mix.name)).collect(), PEERS.iter().filter(|peer| named(peer.0)).collect());
    if mixes.len() + starters.len() < filters.len() {
        let known: Vec<&str> = MIXES.iter().map(|mix| mix.name).chain(PEERS.map(|(name, _)| name)).collect();
        return Err(io::Error::other(format!("mixes and peers are {}", known.join(", "))));
    }
    let mixes = if mixes.is_empty() { MIXES.iter().collect() } else { mixes };
    let starters = if starters.is_empty() { PEERS.iter().collect() } else { starters };
    let world = World::new();
    let dns = DnsServer::start_at(world.zone().clone(), ([127, 0, 0, 1], 53).into());
    let folder = folder(&std::env::temp_dir())?;
    println!("load before: {}", fs::read_to_string("/proc/loadavg")?.trim());
    let runners = starters.iter().map(|(_, starter)| Runner::start(*starter, folder.path()));
    let mut runners = runners.collect::<io::Result<Vec<Runner<'_>>>>()?;
    for mix in mixes {
        let letters = world.letters(mix);
        print_head(mix, &letters);
        let (mut lines, mut differences) = (Vec::new(), Differences::default());
        for runner in &mut runners {
            lines.extend(runner.measure(mix, &letters, &dns, &mut differences)?);
        }
        print_ratios(mix, &lines);
        differences.print(mix.name);
    }
    println!("\nload after: {}", fs::read_to_string("/proc/loadavg")?.trim());
    Ok(())
}

/// A peer that is started again where it dies.
struct Runner<'a> {
    /// How it is started.
    starter: Starter,
    /// Where it keeps its files.
    folder: &'a Path,
    /// The peer.
    peer: Peer,
}

impl Runner<'_> {
    /// Starts the peer.
    fn start(starter: Starter, folder: &Path) -> io::Result<Runner<'_>> {
        Ok(Runner { starter, folder, peer: starter(folder)? })
    }

    /// Shows the mails of a mix to the peer in each number of sessions, and prints each line at once.
    fn measure(
        &mut self,
        mix: &Mix,
        letters: &[Letter],
        dns: &DnsServer,
        differences: &mut Differences,
    ) -> io::Result<Vec<Line>> {
        let (mut lines, mut course) = (Vec::new(), None);
        for sessions in SESSIONS {
            for _ in 0..TRIES {
                match self.try_to_measure(&mut course, letters, sessions, dns) {
                    Ok(mut line) => {
                        line.right = differences.compare(line.peer, sessions, letters, &line.measured.said);
                        line.print();
                        lines.push(line);
                        break;
                    }
                    Err(why) => {
                        let (who, ended) = (self.peer.name, self.peer.how_it_is()?);
                        println!("| {who} | {sessions} | broke off with {}: {why}; {ended}; started again |", mix.name);
                        self.peer = (self.starter)(self.folder)?;
                        course = None;
                    }
                }
            }
        }
        Ok(lines)
    }

    /// Shows the mails of a mix to the peer in so many sessions, made ready for it if they are not.
    fn try_to_measure(
        &self,
        course: &mut Option<Course>,
        letters: &[Letter],
        sessions: usize,
        dns: &DnsServer,
    ) -> io::Result<Line> {
        let course = match course {
            Some(course) => course,
            None => course.insert(Course::prepare(&self.peer.addresses, letters)?),
        };
        let processes = self.peer.processes();
        usage::forget_peak(&processes);
        let (asked, used) = (dns.count(), usage::cpu(&processes));
        let measured = course.run(sessions)?;
        let (asked, used) = (dns.count() - asked, usage::cpu(&processes).saturating_sub(used));
        let mails = measured.mails.max(1);
        Ok(Line {
            peer: self.peer.name,
            sessions,
            cpu: used / u32::try_from(mails).unwrap_or(u32::MAX),
            measured,
            memory: usage::peak_memory(&processes),
            questions: count(asked) / count(mails),
            right: 0,
        })
    }
}

impl Line {
    /// Prints the line of the table.
    fn print(&self) {
        let Line { peer, sessions, cpu, measured, memory, questions, right } = self;
        println!(
            "| {peer} | {sessions} | {:.3} | {:.0} | {:.0} | {:.2} | {:.2} | {:.0} | {questions:.2} | {:.1} | {:.1} |",
            millis(*cpu),
            1.0 / cpu.as_secs_f64(),
            count(measured.mails) / measured.wall.as_secs_f64(),
            millis(measured.percentile(50)),
            millis(measured.percentile(99)),
            count(usize::try_from(*memory).unwrap_or(usize::MAX)) / 1e6,
            count(*right) / count(measured.mails.max(1)) * 100.0,
            measured.said.spared() * 100.0,
        );
    }
}

/// Prints the head of the table of one mix.
fn print_head(mix: &Mix, letters: &[Letter]) {
    let octets = letters.iter().map(|letter| letter.mail.len()).sum::<usize>() / letters.len();
    println!("\n{} ({} mails of {octets} octets)\n", mix.name, letters.len());
    println!(
        "| filter | sessions | CPU ms a mail | mails a CPU-second | mails/s | p50 ms | p99 ms | peak MB | questions a mail \
         | % all right | % not read |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
}

/// Prints how Sekisho stands in a mix.
fn print_ratios(mix: &Mix, lines: &[Line]) {
    println!();
    for ours in lines.iter().filter(|line| line.peer == "Sekisho") {
        let others = || lines.iter().filter(|line| line.peer != ours.peer && line.sessions == ours.sessions);
        let (Some(cheapest), Some(quickest)) =
            (others().min_by_key(|line| line.cpu), others().map(|line| line.measured.percentile(99)).min())
        else {
            continue;
        };
        let ratio = cheapest.cpu.as_secs_f64() / ours.cpu.as_secs_f64();
        let waits = ours.measured.percentile(99).as_secs_f64() / quickest.as_secs_f64();
        println!(
            "{} sessions: {ratio:.1} × the mails a CPU-second of {} (target ≥ {}: {}), p99 {waits:.2} × the quicker peer's ({})",
            ours.sessions,
            cheapest.peer,
            mix.target,
            if ratio >= mix.target { "reached" } else { "NOT reached" },
            if waits <= 1.0 { "no worse" } else { "WORSE" },
        );
    }
}

/// Makes a folder in another that every daemon may look into; it goes with the value. In a list of processes of our own ours has the
/// number that it had the last time, so that is no name.
fn folder(within: &Path) -> io::Result<TempDir> {
    tempfile::Builder::new().prefix("sekisho-bench-").permissions(fs::Permissions::from_mode(0o755)).tempdir_in(within)
}

/// Returns milliseconds.
fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Returns a count as a number to divide.
#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are small")]
fn count(of: usize) -> f64 {
    of as f64
}
