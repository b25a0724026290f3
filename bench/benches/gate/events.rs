//! What keeping Events costs: the same program with and without them, in turns, since the machine is never twice as quick
//!
//! Events go to a data folder on the disk that the build is on, where syncing costs what it costs. What the full queue had to
//! drop is asked for at the end: dropping would be a quick way to keep nothing.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use sekisho_testkit::dns::DnsServer;

use crate::drive::Course;
use crate::mails::{MIXES, World};
use crate::peer::{Peer, free_port};
use crate::{count, folder, usage};

/// How often the two take turns.
const TURNS: usize = 15;
/// How many sessions there are at a time.
const SESSIONS: [usize; 2] = [8, 64];
/// The metric that counts what was not kept.
const DROPPED: &str = "sekisho_events_dropped_total";
/// The metric that counts what was kept.
const KEPT: &str = "sekisho_events_kept_total";

/// What one turn gave: mails a second, and mails a second of CPU.
type Turn = (f64, f64);

/// Measures both in turns, and prints the medians of the neighbours' ratios.
pub(crate) fn measure() -> io::Result<()> {
    let world = World::new();
    let _dns = DnsServer::start_at(world.zone().clone(), ([127, 0, 0, 1], 53).into());
    // Beside the build: where temporary files are, nothing may be synced.
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target").canonicalize()?;
    let (files, data, http) = (folder(&std::env::temp_dir())?, folder(&target)?, free_port()?);
    let without = Peer::sekisho(files.path())?;
    let with = Peer::sekisho_with_events(files.path(), data.path(), http)?;
    println!(
        "| mails | sessions | mails/s with : without Events | mails a CPU-second with : without | middle half of the first |"
    );
    println!("|---|---:|---:|---:|---:|");
    for mix in MIXES.iter().filter(|mix| ["5k", "41k"].contains(&mix.name)) {
        let letters = world.letters(mix);
        let courses = [Course::prepare(&without.addresses, &letters)?, Course::prepare(&with.addresses, &letters)?];
        for sessions in SESSIONS {
            let (mut rates, mut costs) = (Vec::new(), Vec::new());
            for at in 0..TURNS {
                // Whoever comes second finds what the first one left behind, so each of them does.
                let (off, on) = if at % 2 == 0 {
                    let off = turn(&without, &courses[0], sessions)?;
                    (off, turn(&with, &courses[1], sessions)?)
                } else {
                    let on = turn(&with, &courses[1], sessions)?;
                    (turn(&without, &courses[0], sessions)?, on)
                };
                rates.push(on.0 / off.0);
                costs.push(on.1 / off.1);
            }
            rates.sort_by(f64::total_cmp);
            costs.sort_by(f64::total_cmp);
            let (least, most) = (rates[TURNS / 4], rates[TURNS - 1 - TURNS / 4]);
            println!(
                "| {} | {sessions} | {:.2} | {:.2} | {least:.2} to {most:.2} |",
                mix.name,
                rates[TURNS / 2],
                costs[TURNS / 2]
            );
        }
    }
    let metrics = read_metrics(http)?;
    println!("\nEvents kept: {}, dropped: {}", total(&metrics, KEPT), total(&metrics, DROPPED));
    println!("on disk: {:.1} MB", count(size(data.path())? / 1000) / 1e3);
    Ok(())
}

/// Shows the mails to one of them.
fn turn(peer: &Peer, course: &Course, sessions: usize) -> io::Result<Turn> {
    let processes = peer.processes();
    let before = usage::cpu(&processes);
    let measured = course.run(sessions)?;
    let used = usage::cpu(&processes).saturating_sub(before);
    Ok((
        count(measured.mails) / measured.wall.as_secs_f64(),
        count(measured.mails) / used.as_secs_f64().max(f64::MIN_POSITIVE),
    ))
}

/// Asks the daemon for its counters.
fn read_metrics(http: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(http)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    Ok(said)
}

/// Adds up a counter over all its labels; a counter that is not there is not known.
fn total(metrics: &str, name: &str) -> String {
    let values = metrics.lines().filter(|line| line.starts_with(name));
    let values: Vec<f64> = values.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
    if values.is_empty() { "not known".to_owned() } else { values.iter().sum::<f64>().to_string() }
}

/// Returns how many octets there are below a folder.
fn size(folder: &Path) -> io::Result<usize> {
    let mut octets = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        octets += if about.is_dir() { size(&entry.path())? } else { usize::try_from(about.len()).unwrap_or(0) };
    }
    Ok(octets)
}
