//! The lake in figures: Events through append and settle, octets a mail, and the day's top senders of one domain
//!
//! `./x bench lake [MILLIONS]` generates so many million mails of one day (10 unless told) straight into files through the
//! same writer, as they lie after compacting, and asks. `SEKISHO_LAKE_BENCH` names the folder, so that a second run asks only.

#![allow(clippy::print_stdout, reason = "figures are what it prints")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use sekisho_lake::{Kind, Lake, Settings};

#[path = "generated/mails.rs"]
mod mails;

use mails::{DAY, Numbers, Sorted};

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
    // So many small files become one in several rounds, as a daemon does them hour by hour.
    let mut repeated = 0;
    loop {
        let compacted = runtime().block_on(lake.compact()).expect("compacted");
        repeated += compacted.repeated as u64;
        if compacted.written == 0 {
            break;
        }
    }
    // Both rounds appended the same Events, so half of them are repeated.
    assert_eq!(repeated, count);
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
