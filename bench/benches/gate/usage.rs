//! What a process and its children have used, as the kernel counts it

use std::collections::{HashMap, HashSet};
use std::fs;
use std::time::Duration;

/// How long the kernel's unit of CPU time is (`CLK_TCK` is 100 wherever Linux runs).
const TICK: Duration = Duration::from_millis(10);

/// Returns the CPU time of some processes, their children, and the children that have ended.
pub(crate) fn cpu(roots: &[u32]) -> Duration {
    let ticks: u32 = family(roots).iter().filter_map(|pid| Some(stat(*pid)?.ticks)).sum();
    TICK * ticks
}

/// Returns the most memory that some processes and their children have had at a time, in octets.
pub(crate) fn peak_memory(roots: &[u32]) -> u64 {
    let peak = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
    };
    family(roots).iter().filter_map(peak).sum::<u64>() * 1024
}

/// Lets the peak begin anew.
pub(crate) fn forget_peak(roots: &[u32]) {
    for pid in family(roots) {
        // A process that has ended has no peak to forget.
        let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
    }
}

/// Returns some processes with all their children.
fn family(roots: &[u32]) -> HashSet<u32> {
    let entries = fs::read_dir("/proc").expect("Linux's /proc");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let parents: HashMap<u32, u32> = pids.filter_map(|pid| Some((pid, stat(pid)?.parent))).collect();
    let mut family: HashSet<u32> = roots.iter().copied().collect();
    loop {
        let before = family.len();
        let children = parents.iter().filter(|(_, parent)| family.contains(parent)).map(|(pid, _)| *pid);
        family.extend(children.collect::<Vec<_>>());
        if family.len() == before {
            return family;
        }
    }
}

/// What is read of one process.
struct Stat {
    /// Its parent.
    parent: u32,
    /// Its time, and that of its children that ended, in user and system mode.
    ticks: u32,
}

/// Reads one process.
fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses, and may hold any.
    let fields: Vec<&str> = text.get(text.rfind(')')? + 2..)?.split(' ').collect();
    let number = |at: usize| fields.get(at)?.parse::<u32>().ok();
    Some(Stat { parent: number(1)?, ticks: (11..=14).filter_map(number).sum() })
}
