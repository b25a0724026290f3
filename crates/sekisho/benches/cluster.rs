//! The cluster in figures: the same questions here, by one executor and by two, each with one core
//!
//! `./x bench cluster [MILLIONS]` generates so many million mails of one day (50 unless told) and asks. All is done by
//! processes as their user starts them, and the time is that of the whole command; what starting it and asking about
//! nothing takes is told apart. `SEKISHO_CLUSTER_BENCH` names the folder, so that a second run asks only.

#![allow(clippy::print_stdout, reason = "figures are what it prints")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

#[path = "../../lake/benches/generated/mails.rs"]
mod mails;
#[path = "../tests/cluster/parts.rs"]
mod parts;

use parts::{Part, fill, on_core, sekisho};

/// How many mails lie in one file.
const PER_FILE: u64 = 2_000_000;
/// How often each question is asked; the quickest answer counts.
const TRIES: usize = 3;
/// How long an executor may be silent, in seconds: what `sekisho cluster scheduler` has unless told.
const EXECUTOR_TIMEOUT: u64 = 15;

/// What is asked: a name, and the SQL.
const QUESTIONS: [(&str, &str); 4] = [
    ("nothing", "SELECT count(*) FROM mail WHERE day = '2000-01-01'"),
    (
        "top senders of a domain",
        "SELECT client_ip, count(*) AS mails FROM mail
       WHERE day = '2026-11-22' AND author_domain = 'd000010.example' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20",
    ),
    (
        "results of each domain",
        "SELECT author_domain, dmarc_result, count(*) AS mails, sum(size) AS octets FROM mail
       GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 100",
    ),
    ("networks, by a function", HEAVY),
];

/// The question during which an executor is lost.
const HEAVY: &str =
    "SELECT ip_network(client_ip, 24, 48) AS network, count(*) AS mails, count(DISTINCT author_domain) AS
       domains FROM mail GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 100";

fn main() {
    let millions: u64 = std::env::args().filter_map(|arg| arg.parse().ok()).next_back().unwrap_or(50);
    let scratch = tempfile::TempDir::new().expect("a folder");
    let kept = std::env::var_os("SEKISHO_CLUSTER_BENCH").map(PathBuf::from);
    let root = kept.unwrap_or_else(|| scratch.path().to_owned());
    if !root.join("many/data").exists() {
        fill(&root.join("many"), millions * 1_000_000, PER_FILE);
    }
    let many = Asked::new(&root.join("many"));
    println!("{millions} million mails, one core for each who computes, best of {TRIES}");
    let here: Vec<_> = QUESTIONS.iter().map(|(_, sql)| many.best(sql, None)).collect();
    let one = Cluster::start(&many.folder, 1);
    let by_one: Vec<_> = QUESTIONS.iter().map(|(_, sql)| many.best(sql, Some(&one))).collect();
    one.stop();
    let two = Cluster::start(&many.folder, 2);
    let by_two: Vec<_> = QUESTIONS.iter().map(|(_, sql)| many.best(sql, Some(&two))).collect();
    println!("{:<26}{:>12}{:>14}{:>15}", "question", "here", "one executor", "two executors");
    for (at, (name, _)) in QUESTIONS.iter().enumerate() {
        println!("{name:<26}{:>12.2?}{:>14.2?}{:>15.2?}", here[at].0, by_one[at].0, by_two[at].0);
        assert!(here[at].1 == by_one[at].1 && here[at].1 == by_two[at].1, "{name}: other rows");
    }
    stages(&root.join("few"));
    loss(&many, two, &by_two[QUESTIONS.len() - 1]);
}

/// Measures what a stage costs: each further grouping makes one more of them, and there are few rows.
fn stages(folder: &Path) {
    if !folder.join("data").exists() {
        fill(folder, 1_000, 1_000);
    }
    let few = Asked::new(folder);
    let cluster = Cluster::start(folder, 1);
    let columns = ["author_domain", "client_ip", "helo", "size", "queue_id"];
    let nested = |depth: usize| {
        let first = format!("SELECT {} FROM mail", columns.join(", "));
        let groupings = (1..=depth).map(|level| columns[..columns.len() - level].join(", "));
        groupings
            .fold(first, |inner, by| format!("SELECT {by}, count(*) AS n{} FROM ({inner}) GROUP BY {by}", by.len()))
    };
    let times: Vec<_> =
        (1..=4).map(|depth| (few.best(&nested(depth), None).0, few.best(&nested(depth), Some(&cluster)).0)).collect();
    let (first, last) = (times[0], times[times.len() - 1]);
    let more = |first: Duration, last: Duration| last.saturating_sub(first) / 3;
    println!("few rows, one grouping: here {:.2?}, by one executor {:.2?}", first.0, first.1);
    println!("each further stage: here {:.2?}, by one executor {:.2?}", more(first.0, last.0), more(first.1, last.1));
}

/// Measures what the loss of one of two executors costs, when half of the work is done.
fn loss(many: &Asked, mut two: Cluster, undisturbed: &(Duration, String)) {
    let lost = two.executors.pop().expect("there are two");
    let half = undisturbed.0 / 2;
    let killer = std::thread::spawn(move || {
        std::thread::sleep(half);
        lost.kill();
    });
    let (took, rows) = many.once(HEAVY, Some(&two));
    killer.join().expect("it was killed");
    assert_eq!(rows, undisturbed.1, "other rows");
    println!(
        "one of two executors lost after {half:.2?}: the same rows after {took:.2?} instead of {:.2?} (time-out {EXECUTOR_TIMEOUT} s)",
        undisturbed.0
    );
}

/// A lake that is asked.
struct Asked {
    /// The folder of its data folder.
    folder: PathBuf,
}

impl Asked {
    /// Names a lake.
    fn new(folder: &Path) -> Asked {
        Asked { folder: folder.to_owned() }
    }

    /// Asks several times, and returns the shortest time and the rows.
    fn best(&self, sql: &str, cluster: Option<&Cluster>) -> (Duration, String) {
        let all = (0..TRIES).map(|_| self.once(sql, cluster));
        all.min_by_key(|(took, _)| *took).expect("it was asked")
    }

    /// Asks once, here or a cluster, and returns the time and the rows.
    fn once(&self, sql: &str, cluster: Option<&Cluster>) -> (Duration, String) {
        let mut command = sekisho(&self.folder);
        command.args(["lake", "query", sql, "--csv"]);
        let command = match cluster {
            Some(cluster) => {
                command.args(["--cluster", &format!("df://{}", cluster.scheduler.address)]);
                command
            }
            None => on_core(&command, 0),
        };
        timed(command)
    }
}

/// Runs a command, and returns how long it took and what it printed.
fn timed(mut command: Command) -> (Duration, String) {
    let begun = Instant::now();
    let output = command.output().expect("it runs");
    let took = begun.elapsed();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut rows: Vec<_> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    rows.sort();
    (took, rows.join("\n"))
}

/// A cluster that runs.
struct Cluster {
    /// Its executors, each on a core of its own; they stop first.
    executors: Vec<Part>,
    /// Its scheduler.
    scheduler: Part,
    /// What they compute.
    _work: tempfile::TempDir,
}

impl Cluster {
    /// Starts one.
    fn start(folder: &Path, executors: usize) -> Cluster {
        let work = tempfile::TempDir::new().expect("a folder");
        let scheduler = Part::scheduler(folder, EXECUTOR_TIMEOUT);
        let executors =
            (0..executors).map(|core| Part::executor(folder, &scheduler, work.path(), Some(core))).collect();
        Cluster { executors, scheduler, _work: work }
    }

    /// Stops it in order.
    fn stop(self) {
        for part in self.executors.into_iter().chain([self.scheduler]) {
            let (status, said) = part.stop();
            assert!(status.success(), "{status}: {said}");
        }
    }
}
