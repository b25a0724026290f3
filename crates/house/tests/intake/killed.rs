//! The daemon is killed while reports arrive: what was acknowledged is there exactly once

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sekisho_core::event::Event;
use sekisho_ledger::{Digest, ReportState};
use sekisho_testkit::smtp::{Letter, deliver_all};

use super::{Office, is_kept, name, noted, report};
use crate::command::ZONE;
use crate::notebook::Notebook;
use crate::serve::say;

/// A number that `./x soak` makes larger.
fn number(variable: &str, usual: usize) -> usize {
    std::env::var(variable).map_or(usual, |number| number.parse().unwrap())
}

#[test]
fn what_was_acknowledged_is_there_exactly_once_though_the_daemon_is_killed_again_and_again() {
    let (count, kills) = (number("SEKISHO_REPORTS", 300), number("SEKISHO_KILLS", 12));
    let mut office = Office::open("mails_per_minute = 0", ZONE);
    let letters: Vec<Letter> = (0..count).map(report).collect();
    let (server, patience) = (office.served.intake(), Duration::from_secs(240 + count as u64 / 10));
    let (done, begun) = (AtomicBool::new(false), Instant::now());
    let (outcomes, killed) = std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let outcomes = deliver_all(server, &letters, 8, Duration::from_millis(20), patience);
            done.store(true, Ordering::Relaxed);
            outcomes
        });
        let mut killed = 0;
        while killed < kills && !done.load(Ordering::Relaxed) {
            // As near to chance as a test that can be repeated comes: each pause another one.
            std::thread::sleep(Duration::from_millis(20 + (killed as u64 * 67) % 200));
            office.served.kill();
            office.served.restart();
            killed += 1;
        }
        (sending.join().unwrap(), killed)
    });
    let took = begun.elapsed();
    let refused: Vec<_> = outcomes.iter().filter(|outcome| !outcome.accepted()).collect();
    assert!(refused.is_empty(), "{refused:?}\n{}", office.served.log());
    let again: usize = outcomes.iter().map(|outcome| outcome.put_off + outcome.lost).sum();
    assert!(again > 0, "no kill hit a report: the test shows nothing");
    say(&format!("{count} reports in {} ms, {killed} kills, {again} attempts put off or lost", took.as_millis()));

    // Each is one row, under the name that its sender heard, and its Evidence is what was sent.
    let reports = office.reports();
    let rows: BTreeMap<Digest, String> = reports.iter().map(|row| (row.evidence, row.id.to_string())).collect();
    assert_eq!((reports.len(), rows.len()), (count, count));
    for (letter, outcome) in letters.iter().zip(&outcomes) {
        let heard = outcome.reply.as_ref().unwrap().text();
        assert_eq!(rows.get(&Digest::of(&letter.mail)).map(String::as_str), Some(name(&heard)));
    }
    assert!(letters.iter().step_by(count / 100 + 1).all(|letter| is_kept(&office.data, &letter.mail)));

    // Each is read once, however often its reader died.
    office.served.kill();
    office.served.restart();
    let begun = Instant::now();
    while noted(&office.data).iter().any(|report| report.state == ReportState::Received) {
        assert!(begun.elapsed() < patience, "not all is read: {}", office.served.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(office.reports().iter().all(|report| report.state == ReportState::Read), "{}", office.served.log());
    assert!(office.served.stop());
    if std::env::var_os("SEKISHO_PROGRAM").is_none() {
        let events = Notebook::read(&office.data);
        let told = events.iter().filter_map(|event| if let Event::Aggregate(row) = event { Some(row) } else { None });
        let told: Vec<_> = told.map(|row| (row.report.clone(), row.row)).collect();
        let once: BTreeSet<_> = told.iter().collect();
        assert_eq!((told.len(), once.len()), (2 * count, 2 * count), "two rows a report");
    }
}
