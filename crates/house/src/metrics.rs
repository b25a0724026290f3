//! What is counted, for Prometheus
//!
//! Every counter is there from the start, so that a mail costs a few additions and no allocation. Two daemons in one
//! process count apart. docs/operations.md explains each name; a test holds the two together.

use std::fs;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};
use sekisho_ask::{Counts, Source};
use sekisho_ledger::ReportKind;
use sekisho_mail::verdict::{Action, ArcResult, AuthorResult, DkimResult, DmarcResult, SpfResult, Verdict};

use crate::door::Full;
use crate::gate::{Act, Broken, Fate, SEALS, Unfit};
use crate::reports::{BOUNCED, NOTED, RESULTS, Tally};
use crate::{intake, webhooks};

/// How long a mail waits for its answer, in seconds: from what the cache knows to what no server answers.
const WAITS: &[f64] = &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0];

/// Everything that is counted.
pub(crate) struct Metrics {
    /// All of it, for the one who reads.
    registry: Registry,
    /// Author results.
    author: Words,
    /// SPF results of MAIL FROM.
    spf: Words,
    /// SPF results of HELO.
    spf_helo: Words,
    /// DKIM results, one a signature; `none` where there is none.
    dkim: Words,
    /// ARC results.
    arc: Words,
    /// DMARC results.
    dmarc: Words,
    /// What the recommended policy does.
    verdict: Words,
    /// What was done.
    pub(crate) decision: Words,
    /// What became of mails that were to be signed.
    pub(crate) signing: Words,
    /// Mails that were not signed, by why.
    pub(crate) unsigned: Words,
    /// What became of mails that may be sealed.
    pub(crate) seals: Words,
    /// Mails whose signature came suspiciously often.
    pub(crate) replays: IntCounter,
    /// How long a mail waited for its answer after its end.
    pub(crate) wait: Histogram,
    /// Mails that were not judged to their end, by our fault.
    pub(crate) broken_off: IntCounter,
    /// Mails that were refused since too much in them speaks in our name.
    pub(crate) swamped: IntCounter,
    /// Mails that their MTA did not want judged any more.
    pub(crate) abandoned: IntCounter,
    /// Conversations under way.
    pub(crate) sessions: IntGauge,
    /// Conversations that were begun.
    pub(crate) sessions_begun: IntCounter,
    /// Conversations of an MTA that came as far as a mail, or to their end: whoever only knocks is none.
    pub(crate) sessions_agreed: IntCounter,
    /// Conversations that were refused, by the limit.
    pub(crate) sessions_refused: Words,
    /// Conversations that made room for others.
    pub(crate) sessions_displaced: IntCounter,
    /// Conversations that could not go on, by what was wrong.
    pub(crate) session_failures: Words,
    /// Connections that could not be taken.
    pub(crate) accept_failures: IntCounter,
    /// Reloads, by whether the new configuration holds.
    pub(crate) reloads: Words,
    /// What the resolver did.
    dns: Dns,
    /// What became of Events.
    pub(crate) events: EventCounts,
    /// What the intake did.
    pub(crate) intake: IntakeCounts,
    /// What became of connections by HTTP.
    pub(crate) http: HttpCounts,
    /// What became of reports.
    pub(crate) read: ReadCounts,
    /// What became of the reports that we send.
    pub(crate) reports_out: Words,
    /// What became of calls of webhooks.
    pub(crate) webhooks: Words,
    /// What became of mails whose failure is to be told of.
    pub(crate) failed_mails: Words,
    /// What the process takes.
    process: Process,
}

/// One counter for each of some words that are known beforehand.
#[derive(Clone)]
pub(crate) struct Words(Vec<(&'static str, IntCounter)>);

impl Words {
    /// Adds one to a word.
    pub(crate) fn count(&self, word: &str) {
        self.add(word, 1);
    }

    /// Returns how often a word was counted.
    pub(crate) fn get(&self, word: &str) -> u64 {
        self.0.iter().find(|(known, _)| *known == word).map_or(0, |(_, counter)| counter.get())
    }

    /// Adds something to a word.
    fn add(&self, word: &str, number: u64) {
        if let Some((_, counter)) = self.0.iter().find(|(known, _)| *known == word) {
            counter.inc_by(number);
        }
    }
}

/// What the resolver did. It counts by itself, and a reload may bring a new one.
struct Dns {
    /// Questions of judges.
    asked: IntCounter,
    /// Questions that a deadline left unanswered.
    late: IntCounter,
    /// Questions to name servers, by outcome.
    found: Words,
    /// Answers that are kept.
    kept: IntGauge,
    /// Their octets.
    kept_octets: IntGauge,
    /// What was counted when somebody last read.
    last: Mutex<Counts>,
}

/// What the process takes, read when somebody reads.
struct Process {
    /// Resident memory.
    memory: IntGauge,
    /// Open files.
    files: IntGauge,
}

impl Metrics {
    /// Makes every counter, at zero.
    pub(crate) fn new() -> Metrics {
        let registry = Registry::new();
        let results = Family::new(&registry, "sekisho_results_total", "Results of checks.", &["check", "result"]);
        let of = |check, words: &mut dyn Iterator<Item = &'static str>| results.words(&[check], words);
        let build = Opts::new("sekisho_build_info", "The program that runs; always 1.");
        let build = build.const_label("version", env!("CARGO_PKG_VERSION"));
        let build = register(&registry, IntGauge::with_opts(build));
        build.set(1);
        let start = gauge(&registry, "sekisho_start_time_seconds", "When the daemon started, in seconds since 1970.");
        start.set(Timestamp::now().as_second());
        let counter = |name, help| register(&registry, IntCounter::new(name, help));
        let words = |name, help, label, words: &mut dyn Iterator<Item = &'static str>| {
            Family::new(&registry, name, help, &[label]).words(&[], words)
        };
        let wait = HistogramOpts::new("sekisho_wait_seconds", "From the end of a mail to the answer about it.");
        let results_out = &mut RESULTS.into_iter();
        let reports_out =
            words("sekisho_reports_out_total", "Reports of ours, by what became of them.", "result", results_out);
        Metrics {
            author: of("author", &mut AuthorResult::ALL.iter().map(|word| word.as_str())),
            spf: of("spf", &mut SpfResult::ALL.iter().map(|word| word.as_str())),
            spf_helo: of("spf-helo", &mut SpfResult::ALL.iter().map(|word| word.as_str())),
            dkim: of("dkim", &mut DkimResult::ALL.iter().map(|word| word.as_str()).chain(["none"])),
            arc: of("arc", &mut ArcResult::ALL.iter().map(|word| word.as_str())),
            dmarc: of("dmarc", &mut DmarcResult::ALL.iter().map(|word| word.as_str())),
            verdict: of("verdict", &mut Action::ALL.iter().map(|word| word.as_str())),
            decision: of("decision", &mut Act::ALL.iter().map(|act| act.as_str())),
            signing: words(
                "sekisho_signing_total",
                "Mails that were to be signed, by what became of them.",
                "result",
                &mut Fate::ALL.iter().map(|fate| fate.as_str()),
            ),
            unsigned: words(
                "sekisho_unsigned_total",
                "Mails that were not signed, by why.",
                "reason",
                &mut Unfit::WORDS.into_iter(),
            ),
            seals: words(
                "sekisho_seals_total",
                "Mails that may be sealed, by what became of them.",
                "result",
                &mut SEALS.into_iter(),
            ),
            replays: counter("sekisho_replays_suspected_total", "Mails whose signature came suspiciously often."),
            wait: register(&registry, Histogram::with_opts(wait.buckets(WAITS.to_vec()))),
            broken_off: counter("sekisho_mails_broken_off_total", "Mails not judged to their end, by a fault of ours."),
            swamped: counter(
                "sekisho_forged_refused_total",
                "Mails refused for more forged fields than an MTA can be asked to take away.",
            ),
            abandoned: counter("sekisho_mails_abandoned_total", "Mails that their MTA took back before their end."),
            sessions: gauge(&registry, "sekisho_sessions", "Conversations under way."),
            sessions_begun: counter("sekisho_sessions_total", "Conversations begun."),
            sessions_agreed: counter(
                "sekisho_sessions_agreed_total",
                "Conversations in which an MTA agreed on the milter protocol.",
            ),
            sessions_refused: words(
                "sekisho_sessions_refused_total",
                "Connections refused beyond a limit.",
                "limit",
                &mut Full::ALL.iter().map(|full| full.as_str()),
            ),
            sessions_displaced: counter("sekisho_sessions_displaced_total", "Idle conversations that made room."),
            session_failures: words(
                "sekisho_session_failures_total",
                "Conversations that could not go on.",
                "kind",
                &mut Broken::KINDS.iter().copied(),
            ),
            accept_failures: counter("sekisho_accept_failures_total", "Connections that could not be taken."),
            reloads: words(
                "sekisho_reloads_total",
                "Reloads of the configuration.",
                "result",
                &mut ["done", "refused"].into_iter(),
            ),
            dns: Dns::new(&registry),
            events: EventCounts::new(&registry),
            intake: IntakeCounts::new(&registry),
            http: HttpCounts::new(&registry),
            read: ReadCounts::new(&registry, reports_out.clone()),
            reports_out,
            webhooks: words(
                "sekisho_webhooks_total",
                "Calls of webhooks, by what became of them.",
                "result",
                &mut webhooks::RESULTS.into_iter(),
            ),
            failed_mails: words(
                "sekisho_failures_total",
                "Mails that failed and whose domain asks to be told, by what became of that.",
                "result",
                &mut NOTED.into_iter(),
            ),
            process: Process {
                memory: gauge(&registry, "process_resident_memory_bytes", "Resident memory in bytes."),
                files: gauge(&registry, "process_open_fds", "Open file descriptors."),
            },
            registry,
        }
    }

    /// Counts what was found about a mail.
    pub(crate) fn judged(&self, verdict: &Verdict) {
        self.author.count(verdict.author.result.as_str());
        verdict.spf.iter().for_each(|spf| self.spf.count(spf.result.as_str()));
        verdict.spf_helo.iter().for_each(|spf| self.spf_helo.count(spf.result.as_str()));
        verdict.dkim.iter().for_each(|dkim| self.dkim.count(dkim.result.as_str()));
        if verdict.dkim.is_empty() {
            self.dkim.count("none");
        }
        self.arc.count(verdict.arc.result.as_str());
        self.dmarc.count(verdict.dmarc.result.as_str());
        self.verdict.count(verdict.action.as_str());
    }

    /// Writes all of it in Prometheus' text format.
    pub(crate) fn text(&self, source: &Source) -> String {
        if let Source::Dns(resolver) = source {
            self.dns.catch_up(resolver.counts());
        }
        self.process.look();
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

impl Dns {
    /// Makes the counters.
    fn new(registry: &Registry) -> Dns {
        let counter = |name, help| register(registry, IntCounter::new(name, help));
        Dns {
            asked: counter(
                "sekisho_dns_questions_total",
                "Questions of judges, those that the cache answered included.",
            ),
            late: counter("sekisho_dns_late_total", "Questions that the deadline of their mail left unanswered."),
            found: Family::new(
                registry,
                "sekisho_dns_answers_total",
                "Questions to name servers, by what came out.",
                &["outcome"],
            )
            .words(&[], &mut Counts::OUTCOMES.into_iter()),
            kept: gauge(registry, "sekisho_dns_cache_entries", "Answers in the cache."),
            kept_octets: gauge(registry, "sekisho_dns_cache_bytes", "About how many bytes they take."),
            last: Mutex::default(),
        }
    }

    /// Adds what was done since somebody last read.
    fn catch_up(&self, now: Counts) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if now.asked < last.asked {
            *last = Counts::default();
        }
        self.asked.inc_by(now.asked.saturating_sub(last.asked));
        self.late.inc_by(now.late.saturating_sub(last.late));
        for ((now, last), (_, counter)) in now.found.iter().zip(&last.found).zip(&self.found.0) {
            counter.inc_by(now.saturating_sub(*last));
        }
        self.kept.set(now.kept.try_into().unwrap_or(i64::MAX));
        self.kept_octets.set(now.kept_octets.try_into().unwrap_or(i64::MAX));
        *last = now;
    }
}

/// What became of Events.
#[derive(Clone)]
pub(crate) struct EventCounts {
    /// Those that the lake keeps.
    pub(crate) kept: IntCounter,
    /// Those that are lost, since the lake did not keep up.
    pub(crate) dropped: IntCounter,
    /// How often the lake could not keep what it was given.
    pub(crate) failures: IntCounter,
}

impl EventCounts {
    /// Makes the counters.
    pub(crate) fn new(registry: &Registry) -> EventCounts {
        let counter = |name, help| register(registry, IntCounter::new(name, help));
        EventCounts {
            kept: counter("sekisho_events_kept_total", "Events that the lake keeps."),
            dropped: counter("sekisho_events_dropped_total", "Events that are lost: the lake did not keep up."),
            failures: counter(
                "sekisho_lake_failures_total",
                "Times that the lake could not keep what it was given, or not be kept in order.",
            ),
        }
    }
}

/// What the intake did.
pub(crate) struct IntakeCounts {
    /// Reports that arrived, by kind and by what became of them.
    reports: Vec<(ReportKind, Words)>,
    /// Recipients that were refused, by why.
    pub(crate) recipients_refused: Words,
    /// Reports that were refused, by the bound that they would have gone beyond.
    pub(crate) refused: Words,
    /// Conversations under way.
    pub(crate) sessions: IntGauge,
    /// Conversations that were begun.
    pub(crate) sessions_begun: IntCounter,
    /// Connections that were refused, by the limit.
    pub(crate) sessions_refused: Words,
    /// Conversations that made room for others.
    pub(crate) sessions_displaced: IntCounter,
    /// Conversations that could not go on, by what was wrong.
    pub(crate) session_failures: Words,
}

impl IntakeCounts {
    /// Makes the counters.
    fn new(registry: &Registry) -> IntakeCounts {
        let counter = |name, help| register(registry, IntCounter::new(name, help));
        let words = |name, help, label, words: &mut dyn Iterator<Item = &'static str>| {
            Family::new(registry, name, help, &[label]).words(&[], words)
        };
        let labels = ["kind", "outcome"];
        let reports = Family::new(registry, "sekisho_intake_reports_total", "Reports that arrived.", &labels);
        let fates = || intake::Fate::ALL.iter().map(|fate| fate.as_str());
        let of = |kind: ReportKind| (kind, reports.words(&[kind.word()], &mut fates()));
        IntakeCounts {
            reports: ReportKind::ALL.iter().filter(|kind| **kind != ReportKind::Unknown).copied().map(of).collect(),
            recipients_refused: words(
                "sekisho_intake_recipients_refused_total",
                "Recipients that were refused at the intake.",
                "reason",
                &mut ["unknown", "rate"].into_iter(),
            ),
            refused: words(
                "sekisho_intake_refused_total",
                "Reports by SMTP or HTTP that were refused beyond a bound.",
                "bound",
                &mut intake::Bound::ALL.iter().map(|bound| bound.as_str()),
            ),
            sessions: gauge(registry, "sekisho_intake_sessions", "Conversations by SMTP under way."),
            sessions_begun: counter("sekisho_intake_sessions_total", "Conversations by SMTP begun."),
            sessions_refused: words(
                "sekisho_intake_sessions_refused_total",
                "Connections by SMTP refused beyond a limit.",
                "limit",
                &mut Full::ALL.iter().map(|full| full.as_str()),
            ),
            sessions_displaced: counter(
                "sekisho_intake_sessions_displaced_total",
                "Conversations by SMTP that made room for others.",
            ),
            session_failures: words(
                "sekisho_intake_session_failures_total",
                "Conversations by SMTP that could not go on.",
                "kind",
                &mut intake::Broken::KINDS.into_iter(),
            ),
        }
    }

    /// Counts a report.
    pub(crate) fn count(&self, kind: ReportKind, fate: intake::Fate) {
        if let Some((_, fates)) = self.reports.iter().find(|(known, _)| *known == kind) {
            fates.count(fate.as_str());
        }
    }

    /// Returns how many reports arrived and were kept, or were known before.
    pub(crate) fn arrived(&self) -> u64 {
        let kept = |fates: &Words| [intake::Fate::New, intake::Fate::Known].map(|fate| fates.get(fate.as_str()));
        self.reports.iter().flat_map(|(_, fates)| kept(fates)).fold(0, u64::saturating_add)
    }
}

/// What became of connections by HTTP for which there was little room.
#[derive(Clone)]
pub(crate) struct HttpCounts {
    /// Those that were refused, by the limit.
    pub(crate) refused: Words,
    /// Those that made room for others.
    pub(crate) displaced: IntCounter,
}

impl HttpCounts {
    /// Makes the counters.
    fn new(registry: &Registry) -> HttpCounts {
        let help = "Connections by HTTP refused beyond a limit.";
        let refused = Family::new(registry, "sekisho_http_connections_refused_total", help, &["limit"]);
        let help = "Connections by HTTP that made room for others.";
        HttpCounts {
            refused: refused.words(&[], &mut Full::ALL.iter().map(|full| full.as_str())),
            displaced: register(registry, IntCounter::new("sekisho_http_connections_displaced_total", help)),
        }
    }
}

/// What became of the reports that were read.
#[derive(Clone)]
pub(crate) struct ReadCounts {
    /// All of them.
    outcomes: Words,
    /// Reports of ours, among which those count that came back.
    ours: Words,
}

impl ReadCounts {
    /// Makes the counters.
    fn new(registry: &Registry, ours: Words) -> ReadCounts {
        let read = Family::new(
            registry,
            "sekisho_reports_read_total",
            "Reports that were taken up to be read, by what came of it.",
            &["outcome"],
        );
        let mut outcomes =
            ["read", "duplicate", "unreadable", "ignored", "returned", "failed", "postponed"].into_iter();
        ReadCounts { outcomes: read.words(&[], &mut outcomes), ours }
    }

    /// Adds what came of some of them.
    pub(crate) fn add(&self, tally: &Tally) {
        for (outcome, number) in [
            ("read", tally.read),
            ("duplicate", tally.duplicates),
            ("unreadable", tally.unreadable),
            ("ignored", tally.ignored),
            ("returned", tally.returned),
            ("failed", tally.failed),
            ("postponed", tally.postponed),
        ] {
            self.outcomes.add(outcome, number);
        }
        self.ours.add(BOUNCED, tally.returned);
    }
}

impl Process {
    /// Looks at the process; what cannot be seen stays as it was.
    fn look(&self) {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<i64>().ok());
        resident.into_iter().for_each(|kilobytes| self.memory.set(kilobytes.saturating_mul(1024)));
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            self.files.set(files.count().try_into().unwrap_or(i64::MAX));
        }
    }
}

/// Counters of one name that differ in their labels.
struct Family(IntCounterVec);

impl Family {
    /// Makes a family without members.
    fn new(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Family {
        Family(register(registry, IntCounterVec::new(Opts::new(name, help), labels)))
    }

    /// Makes a counter for each word, the last label; those before it are the same for all.
    fn words(&self, labels: &[&str], words: &mut dyn Iterator<Item = &'static str>) -> Words {
        Words(words.map(|word| (word, self.0.with_label_values(&[labels, &[word]].concat()))).collect())
    }
}

/// Makes a gauge.
fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    register(registry, IntGauge::new(name, help))
}

/// Puts something that counts on the registry.
fn register<T: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<T>) -> T {
    let made = made.expect("the names are constants, and a test makes all of them");
    registry.register(Box::new(made.clone())).expect("each name is registered once, and a test makes all of them");
    made
}

#[cfg(test)]
mod tests {
    use sekisho_core::facts::Facts;

    use super::*;

    /// The page that explains the names.
    const PAGE: &str = include_str!("../../../docs/operations.md");
    /// The dashboard that draws them.
    const DASHBOARD: &str = include_str!("../../../etc/grafana-dashboard.json");

    /// Lists the names that are counted under.
    fn names() -> Vec<String> {
        let text = Metrics::new().text(&Source::Facts(Facts::default()));
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned)).collect()
    }

    #[test]
    fn every_metric_is_explained() {
        let names = names();
        assert!(names.len() >= 20, "{names:?}");
        for name in names {
            assert!(PAGE.contains(&format!("`{name}`")), "docs/operations.md lacks {name}");
        }
    }

    #[test]
    fn the_dashboard_draws_only_what_is_counted() {
        let names = names();
        let drawn = |word: &&str| word.starts_with("sekisho_") || word.starts_with("process_");
        let is_part = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        let drawn: Vec<&str> = DASHBOARD.split(is_part).filter(drawn).collect();
        assert!(drawn.len() >= 10, "{drawn:?}");
        for name in drawn {
            let base = name.strip_suffix("_bucket").or(name.strip_suffix("_sum")).or(name.strip_suffix("_count"));
            assert!(names.iter().any(|known| known == base.unwrap_or(name)), "nothing is called {name}");
        }
    }

    #[test]
    fn a_new_resolver_does_not_turn_counters_back() {
        let dns = Dns::new(&Registry::new());
        for asked in [5, 8, 2, 3] {
            dns.catch_up(Counts { asked, found: [asked, 0, 0, 0, 0, 0, 0], ..Counts::default() });
        }
        assert_eq!((dns.asked.get(), dns.found.0[0].1.get()), (11, 11));
    }
}
