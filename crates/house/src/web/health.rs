//! *Health*: does the house work, at a glance, and if not, what is the matter and where to look
//!
//! The figures are those of `/metrics` (since the daemon started) and what ledger, lake and disk say just now. Each line says in
//! words what is well or not: nobody has to know which number would be bad.

pub(super) mod given_up;

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use nix::sys::statvfs::statvfs;
use sekisho_core::step::Value;
use sekisho_ledger::{JobCount, JobState};

use self::given_up::GivenUp;
use super::Desk;
use super::frame::{Frame, Shown};
use super::shown::{self, Moment};
use super::visitor::Visitor;
use crate::lake::LakeTable;

/// Of a hundred parts of the disk, when less are free it is time to look, and when it is late.
const DISK: [u64; 2] = [15, 5];
/// Of a hundred questions to the DNS, when more get no answer it is time to look.
const UNANSWERED: f64 = 5.0;
/// The outcomes of questions that were not answered.
const FAILURES: [&str; 3] = ["servfail", "timeout", "refused"];

/// *Health*.
#[derive(Template)]
#[template(path = "health.html")]
struct HealthPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// Since when the daemon runs.
    since: Moment,
    /// What is well, and what is not.
    vitals: Vec<Vital>,
    /// What the lake holds.
    tables: Vec<LakeTable>,
    /// What waits to be done, by queue and state.
    jobs: Vec<Waiting>,
    /// What was given up last.
    given_up: Vec<GivenUp>,
}

/// Something that is well, or not.
struct Vital {
    /// What it is called.
    name: String,
    /// How it looks.
    state: Condition,
    /// Its figure.
    figure: String,
    /// What that means.
    says: String,
}

/// How something is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// Well.
    Well,
    /// Somebody should look.
    Odd,
    /// It does not work.
    Ill,
}

impl Condition {
    /// Returns the class of the stylesheet.
    fn as_str(self) -> &'static str {
        match self {
            Condition::Well => "pass",
            Condition::Odd => "odd",
            Condition::Ill => "fail",
        }
    }
}

/// Jobs of one queue in one state.
struct Waiting {
    /// The queue.
    queue: String,
    /// The state.
    state: &'static str,
    /// How many.
    jobs: u64,
    /// Since when the oldest waits.
    oldest: Moment,
}

/// Shows it.
pub(super) async fn show(State(desk): State<Arc<Desk>>, mut visitor: Visitor) -> Shown {
    visitor.asked(&[]);
    let frame = &visitor.frame;
    let text = desk.front.metrics.text(&desk.front.gate().source);
    let counted = Counted::read(&text);
    let lake = Arc::clone(&desk.lake);
    let (tables, unsettled) =
        (desk.ask(Arc::clone(&lake), |lake| lake.tables()), desk.ask(lake, |lake| lake.unsettled()));
    let (tables, unsettled) = (tables.await, unsettled.await);
    let (jobs, given_up) = match desk.archive.ledger().await {
        Ok(ledger) => {
            (ledger.unfinished_job_counts().await.ok(), GivenUp::list(&ledger, frame).await.unwrap_or_default())
        }
        Err(_) => (None, Vec::new()),
    };
    let vitals = vec![
        gate(frame, &counted, desk.front.is_ready()),
        wait(frame, &counted),
        judges(frame, &counted),
        dns(frame, &counted),
        events(frame, &counted, unsettled.as_ref().ok().copied()),
        lake_vital(frame, tables.as_deref().ok()),
        ledger(frame, jobs.as_deref()),
        disk(frame, desk.folder.path()),
        process(frame, &counted),
        reloads(frame, &counted),
    ];
    let start = counted.get("sekisho_start_time_seconds");
    let (since, jobs) = (shown::moment(whole(start).saturating_mul(1_000_000).cast_signed()), jobs.unwrap_or_default());
    let jobs = jobs.into_iter().map(Waiting::of).collect();
    Ok(frame.show(&HealthPage { frame, since, vitals, tables: tables.unwrap_or_default(), jobs, given_up }))
}

impl Waiting {
    /// Puts jobs into words.
    fn of(count: JobCount) -> Waiting {
        let JobCount { queue, state, jobs, oldest } = count;
        Waiting { queue, state: state.word(), jobs, oldest: shown::moment(oldest) }
    }
}

/// Says how something is, in the sentence `desk-health-NAME-WORD`.
fn vital(
    frame: &Frame,
    (name, word): (&str, &str),
    state: Condition,
    figure: String,
    arguments: &[(&'static str, Value)],
) -> Vital {
    let says = frame.tell(&format!("desk-health-{name}-{word}"), arguments);
    Vital { name: frame.say(&format!("desk-health-{name}")), state, figure, says }
}

/// Tells whether mails are taken.
fn gate(frame: &Frame, counted: &Counted<'_>, is_ready: bool) -> Vital {
    let (sessions, begun) = (counted.get("sekisho_sessions"), counted.get("sekisho_sessions_agreed_total"));
    let (word, state) = match (is_ready, begun > 0.0) {
        (false, _) => ("stopped", Condition::Ill),
        (true, false) => ("unused", Condition::Odd),
        (true, true) => ("ready", Condition::Well),
    };
    vital(frame, ("gate", word), state, number(sessions), &[("begun", number(begun).into())])
}

/// Tells how long mails wait.
fn wait(frame: &Frame, counted: &Counted<'_>) -> Vital {
    let mails = counted.get("sekisho_wait_seconds_count");
    if mails == 0.0 {
        return vital(frame, ("wait", "none"), Condition::Well, "–".to_owned(), &[]);
    }
    let (half, most) = (counted.within("sekisho_wait_seconds", 0.5), counted.within("sekisho_wait_seconds", 0.99));
    let state = if most.is_none_or(|most| most > 10.0) { Condition::Odd } else { Condition::Well };
    let time = |seconds: Option<f64>| {
        seconds.map_or_else(|| "> 20 s".to_owned(), |seconds| format!("≤ {} ms", seconds * 1000.0))
    };
    vital(frame, ("wait", "says"), state, time(half), &[("most", time(most).into()), ("mails", number(mails).into())])
}

/// Tells whether each mail was judged to its end.
fn judges(frame: &Frame, counted: &Counted<'_>) -> Vital {
    let broken = counted.get("sekisho_mails_broken_off_total");
    let (word, state) = if broken > 0.0 { ("broken", Condition::Ill) } else { ("well", Condition::Well) };
    vital(frame, ("judges", word), state, number(broken), &[])
}

/// Tells whether the DNS answers.
fn dns(frame: &Frame, counted: &Counted<'_>) -> Vital {
    // What no name server answered before the deadline of its mail is no outcome yet.
    let late = counted.get("sekisho_dns_late_total");
    let asked = counted.sum("sekisho_dns_answers_total{") + late;
    let failed: f64 =
        FAILURES.iter().map(|word| counted.get(&format!("sekisho_dns_answers_total{{outcome=\"{word}\"}}"))).sum();
    let failed = failed + late;
    let share = if asked > 0.0 { failed / asked * 100.0 } else { 0.0 };
    let (word, state) = if share > UNANSWERED { ("ill", Condition::Odd) } else { ("well", Condition::Well) };
    let arguments =
        [("asked", number(asked).into()), ("kept", number(counted.get("sekisho_dns_cache_entries")).into())];
    vital(frame, ("dns", word), state, format!("{share:.1} %"), &arguments)
}

/// Tells whether every Event is kept.
fn events(frame: &Frame, counted: &Counted<'_>, unsettled: Option<u64>) -> Vital {
    let (kept, dropped) = (counted.get("sekisho_events_kept_total"), counted.get("sekisho_events_dropped_total"));
    let failures = counted.get("sekisho_lake_failures_total");
    let arguments = [
        ("dropped", number(dropped).into()),
        ("failures", number(failures).into()),
        ("unsettled", unsettled.map_or_else(|| "?".to_owned(), shown::number).into()),
    ];
    let (word, state) = match (dropped > 0.0, failures > 0.0) {
        (true, _) => ("dropped", Condition::Ill),
        (false, true) => ("failures", Condition::Odd),
        (false, false) => ("well", Condition::Well),
    };
    vital(frame, ("events", word), state, number(kept), &arguments)
}

/// Tells whether the lake answers.
fn lake_vital(frame: &Frame, tables: Option<&[LakeTable]>) -> Vital {
    match tables {
        Some(tables) => {
            let sum = |of: fn(&LakeTable) -> u64| tables.iter().map(of).fold(0, u64::saturating_add);
            let arguments = [
                ("rows", shown::number(sum(|table| table.rows)).into()),
                ("files", shown::number(sum(|table| table.files)).into()),
            ];
            vital(frame, ("lake", "well"), Condition::Well, shown::octets(sum(|table| table.octets)), &arguments)
        }
        None => vital(frame, ("lake", "away"), Condition::Ill, "–".to_owned(), &[]),
    }
}

/// Tells whether the ledger answers, and whether its jobs get done.
fn ledger(frame: &Frame, jobs: Option<&[JobCount]>) -> Vital {
    let Some(jobs) = jobs else { return vital(frame, ("ledger", "away"), Condition::Ill, "–".to_owned(), &[]) };
    let count = |wanted: fn(&JobState) -> bool| {
        jobs.iter().filter(|count| wanted(&count.state)).map(|count| count.jobs).fold(0, u64::saturating_add)
    };
    let dead = count(|state| *state == JobState::Dead);
    let waiting = count(|state| *state != JobState::Dead);
    let (word, state) = if dead > 0 { ("dead", Condition::Odd) } else { ("well", Condition::Well) };
    vital(frame, ("ledger", word), state, shown::number(waiting), &[("dead", shown::number(dead).into())])
}

/// Tells how much room is left.
fn disk(frame: &Frame, folder: &std::path::Path) -> Vital {
    let Ok(disk) = statvfs(folder) else {
        return vital(frame, ("disk", "away"), Condition::Odd, "–".to_owned(), &[]);
    };
    let (free, all) = (disk.blocks_available(), disk.blocks().max(1));
    let share = free.saturating_mul(100) / all;
    let (word, state) = match share {
        share if share < DISK[1] => ("full", Condition::Ill),
        share if share < DISK[0] => ("scarce", Condition::Odd),
        _ => ("well", Condition::Well),
    };
    let room = shown::octets(free.saturating_mul(disk.fragment_size()));
    vital(frame, ("disk", word), state, format!("{share} %"), &[("room", room.into())])
}

/// Tells what the process takes.
fn process(frame: &Frame, counted: &Counted<'_>) -> Vital {
    let memory = shown::octets(whole(counted.get("process_resident_memory_bytes")));
    let files = number(counted.get("process_open_fds"));
    vital(frame, ("process", "says"), Condition::Well, memory, &[("files", files.into())])
}

/// Tells whether the last change of the configuration holds.
fn reloads(frame: &Frame, counted: &Counted<'_>) -> Vital {
    let of = |word: &str| counted.get(&format!("sekisho_reloads_total{{result=\"{word}\"}}"));
    let (word, state) = if of("refused") > 0.0 { ("refused", Condition::Odd) } else { ("well", Condition::Well) };
    vital(frame, ("reloads", word), state, number(of("done")), &[("refused", number(of("refused")).into())])
}

/// What `/metrics` says.
struct Counted<'a>(BTreeMap<&'a str, f64>);

impl<'a> Counted<'a> {
    /// Reads Prometheus' text format.
    fn read(text: &'a str) -> Counted<'a> {
        let line = |line: &'a str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name, value.parse().ok()?))
        };
        Counted(text.lines().filter(|line| !line.starts_with('#')).filter_map(line).collect())
    }

    /// Returns one figure, with its labels as they are written; zero where there is none.
    fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// Adds up all that begins so.
    fn sum(&self, start: &str) -> f64 {
        self.0.iter().filter(|(name, _)| name.starts_with(start)).map(|(_, value)| value).sum()
    }

    /// Returns the bound of a histogram within which such a part lies; nothing where it lies beyond the last one.
    fn within(&self, name: &str, part: f64) -> Option<f64> {
        let (all, start) = (self.get(&format!("{name}_count")), format!("{name}_bucket{{le=\""));
        let bound = |(of, count): (&&str, &f64)| {
            let bound: f64 = of.strip_prefix(start.as_str())?.strip_suffix("\"}")?.parse().ok()?;
            (bound.is_finite() && *count >= all * part).then_some(bound)
        };
        self.0.iter().filter_map(bound).min_by(f64::total_cmp)
    }
}

/// Writes a count.
fn number(count: f64) -> String {
    shown::number(whole(count))
}

/// Returns a count as the whole number that it is.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are whole and not negative")]
fn whole(count: f64) -> u64 {
    count as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_with_their_labels() {
        let text = "# HELP x y\nx 3\ny{a=\"b\"} 2\ny{a=\"c\"} 5\nw_bucket{le=\"0.01\"} 4\nw_bucket{le=\"0.1\"} 9\nw_bucket{le=\"+Inf\"} 10\nw_count 10\n";
        let counted = Counted::read(text);
        assert_eq!((counted.get("x"), counted.get("y{a=\"b\"}"), counted.get("z")), (3.0, 2.0, 0.0));
        assert_eq!(counted.sum("y{"), 7.0);
        assert_eq!((counted.within("w", 0.5), counted.within("w", 0.99)), (Some(0.1), None));
        assert_eq!(counted.within("w", 0.4), Some(0.01));
    }
}
