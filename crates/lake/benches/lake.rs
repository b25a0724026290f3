//! The lake in figures: Events through append and settle, octets a mail, and the day's top senders of one domain
//!
//! `./x bench lake [MILLIONS]` generates so many million mails of one day (10 unless told) straight into files through the
//! same writer, as they lie after compacting, and asks. `SEKISHO_LAKE_BENCH` names the folder, so that a second run asks only.

#![allow(clippy::print_stdout, reason = "figures are what it prints")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::civil::{Date, date};
use sekisho_core::event::{Event, FactHash, MailEvent, SignatureEvent};
use sekisho_lake::{Kind, Lake, Settings};

/// The day of the mails.
const DAY: Date = date(2026, 11, 22);
/// When it begins.
const MIDNIGHT: i64 = 1_795_305_600_000_000;
/// How many author domains there are.
const DOMAINS: u64 = 100_000;
/// How many mails lie in one file, as compacting would leave them.
const PER_FILE: u64 = 8_000_000;

fn main() {
    let millions = std::env::args().filter_map(|arg| arg.parse().ok()).next_back().unwrap_or(10);
    let scratch = tempfile::TempDir::new().expect("a folder");
    through(&scratch.path().join("through"));
    let kept = std::env::var_os("SEKISHO_LAKE_BENCH").map(PathBuf::from);
    asked(&kept.unwrap_or_else(|| scratch.path().join("asked")), millions * 1_000_000);
}

/// Measures Events through append and settle.
fn through(root: &std::path::Path) {
    let lake = Lake::open(root, Settings::default()).expect("opened").lake;
    let mut numbers = Numbers(1);
    let count = 300_000;
    let events: Vec<_> = (0..count).map(|_| numbers.mail(None)).collect();
    for batch in [100, 1_000] {
        let (begun, cpu) = (Instant::now(), cpu_time());
        for events in events.chunks(batch) {
            lake.append(events).expect("acknowledged");
        }
        tell(&format!("append, {batch} a batch"), count, begun.elapsed(), cpu_time() - cpu);
    }
    let (begun, cpu) = (Instant::now(), cpu_time());
    let settled = runtime().block_on(lake.settle_all()).expect("settled");
    tell("settle", settled.events as u64, begun.elapsed(), cpu_time() - cpu);
    println!("settled: {} octets a mail", settled.octets / settled.events as u64);
    let (begun, cpu) = (Instant::now(), cpu_time());
    let compacted = runtime().block_on(lake.compact()).expect("compacted");
    // Both rounds appended the same Events, so half of them are repeated.
    assert_eq!(compacted.repeated as u64, count);
    tell("compact", settled.events as u64, begun.elapsed(), cpu_time() - cpu);
    let tables = runtime().block_on(lake.tables()).expect("tables");
    println!("compacted: {} octets a mail", tables[0].octets / tables[0].rows);
}

/// Measures the day's top senders of one domain.
fn asked(root: &std::path::Path, mails: u64) {
    let lake = Lake::open(root, Settings::default()).expect("opened").lake;
    let tables = runtime().block_on(lake.tables()).expect("tables");
    if tables[0].rows == 0 {
        generate(&lake, mails);
    }
    let tables = runtime().block_on(lake.tables()).expect("tables");
    println!(
        "{} mails in {} files, {} octets a mail",
        tables[0].rows,
        tables[0].files,
        tables[0].octets / tables[0].rows
    );
    for domain in [0, 10, 1_000, 50_000] {
        let name = format!("d{domain:06}.example");
        let mut times = Vec::new();
        let mut mails = 0;
        for _ in 0..5 {
            let begun = Instant::now();
            let senders = runtime().block_on(lake.top_senders(&name, DAY, 20)).expect("answered");
            times.push(begun.elapsed());
            mails = senders.iter().map(|sender| sender.mails).sum();
        }
        let (first, best) = (times[0], times.iter().min().copied().unwrap_or_default());
        println!("top senders of {name} ({mails} mails by the first 20): first {first:.2?}, best {best:.2?}");
    }
}

/// Writes the mails of a day as they lie after compacting: each file sorted.
fn generate(lake: &Lake, mails: u64) {
    let (begun, cpu) = (Instant::now(), cpu_time());
    let mut left = mails;
    let mut seed = 7;
    while left > 0 {
        let here = left.min(PER_FILE);
        left -= here;
        seed += 1;
        runtime().block_on(lake.load(Kind::Mail, DAY, Sorted::new(seed, here))).expect("written");
    }
    tell("generate and write files", mails, begun.elapsed(), cpu_time() - cpu);
}

/// Mails in the order of a file, by ten thousands.
struct Sorted {
    /// The mails that are still to come.
    left: u64,
    /// The domain whose mails come now.
    domain: u64,
    /// How many of its mails are still to come.
    of_domain: u64,
    /// How many mails there are altogether.
    all: u64,
    /// When the last one was.
    at: i64,
    /// Where chance comes from.
    numbers: Numbers,
}

impl Sorted {
    /// Returns so many mails.
    fn new(seed: u64, all: u64) -> Self {
        Self { left: all, domain: 0, of_domain: share(0, all), all, at: MIDNIGHT, numbers: Numbers(seed) }
    }
}

impl Iterator for Sorted {
    type Item = Vec<Event>;

    fn next(&mut self) -> Option<Vec<Event>> {
        let mut events = Vec::new();
        while self.left > 0 && events.len() < 10_000 {
            if self.of_domain == 0 && self.domain + 1 < DOMAINS {
                self.domain += 1;
                self.of_domain = share(self.domain, self.all);
                self.at = MIDNIGHT;
                continue;
            }
            self.of_domain = self.of_domain.saturating_sub(1);
            self.left -= 1;
            let step = 86_400_000_000 / share(self.domain, self.all).max(1) * 2;
            self.at += i64::try_from(self.numbers.below(step.max(1))).expect("within a day");
            self.at = self.at.min(MIDNIGHT + 86_399_999_999);
            events.push(self.numbers.mail(Some((self.domain, self.at))));
        }
        (!events.is_empty()).then_some(events)
    }
}

/// Returns how many of all mails a domain has: a few have most, as it is.
fn share(domain: u64, all: u64) -> u64 {
    all / 13 / (domain + 2) + 1
}

/// Numbers by chance, the same in every run.
struct Numbers(u64);

impl Numbers {
    /// Returns the next one.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns one below a limit.
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Returns a mail, of a domain and a moment if told.
    fn mail(&mut self, of: Option<(u64, i64)>) -> Event {
        let (domain, at) = of.unwrap_or_else(|| {
            let at = MIDNIGHT + i64::try_from(self.below(86_400_000_000)).expect("within a day");
            (self.below(1_000) * self.below(100) % DOMAINS, at)
        });
        let name = format!("d{domain:06}.example");
        let sender = if self.below(50) == 0 { self.below(1 << 32) } else { domain * 16 + self.below(domain % 16 + 1) };
        let passes = self.below(20) > 0;
        let result = if passes { "pass" } else { "fail" };
        let fact = |of: u64, at: u64| {
            FactHash(
                (u128::from(of) << 64 | u128::from(at))
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
                    .to_be_bytes(),
            )
        };
        Event::Mail(Box::new(MailEvent {
            at,
            id: format!("{:012x}{:016x}", at / 1_000, self.next()),
            node: "gate-1".into(),
            queue_id: format!("4{:010X}", self.below(1 << 40)),
            client_ip: Some(
                std::net::Ipv4Addr::from_bits(u32::try_from(sender & 0xffff_ffff).expect("32 bits")).to_string(),
            ),
            helo: format!("mx{}.{name}", sender % 4),
            mail_from_domain: if self.below(10) == 0 { format!("bounce.{name}") } else { name.clone() },
            mail_from_local: format!("{:016x}", self.below(1 << 20).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            recipient_domains: vec![format!("here{}.example", self.below(20))],
            recipients: 1,
            size: 2_000 + self.below(100_000),
            author_result: "ok".into(),
            author_domain: Some(name.clone()),
            spf_result: Some(result.into()),
            spf_domain: Some(name.clone()),
            spf_helo_result: Some("none".into()),
            dkim: vec![SignatureEvent {
                result: result.into(),
                domain: Some(name.clone()),
                selector: Some(format!("s{}", domain % 3)),
                algorithm: Some("rsa-sha256".into()),
                reason: None,
            }],
            arc_result: "none".into(),
            dmarc_result: result.into(),
            policy_domain: Some(name),
            policy: Some("quarantine".into()),
            spf_aligned: passes,
            dkim_aligned: passes,
            disposition: if passes { "none" } else { "quarantine" }.into(),
            verdict: if passes { "accept" } else { "quarantine" }.into(),
            decision: if passes { "pass" } else { "quarantine-header" }.into(),
            waited: 200 + self.below(3_000),
            facts: (0..8).map(|at| fact(domain, at)).chain([fact(sender, 99)]).collect(),
            ..MailEvent::default()
        }))
    }
}

/// Tells how many Events went through in a second, and in a second of one core.
fn tell(what: &str, count: u64, wall: Duration, cpu: Duration) {
    let per =
        |time: Duration| u64::try_from(u128::from(count) * 1_000_000 / time.as_micros().max(1)).unwrap_or(u64::MAX);
    println!("{what}: {count} events in {wall:.2?}, {} a second, {} a CPU second", per(wall), per(cpu));
}

/// Returns how much CPU time this process has used.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<u64> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|n| n.parse().ok())
        .collect();
    // Ticks of 10 ms: user and system.
    Duration::from_millis(fields.iter().sum::<u64>() * 10)
}

/// Returns a runtime to wait with.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
