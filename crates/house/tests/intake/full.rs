//! The disk is full: senders are put off, nothing acknowledged is lost, and it goes on by itself

use std::time::{Duration, Instant};

use sekisho_testkit::smtp::{Reply, deliver};
use sekisho_testkit::tmpfs::Tmpfs;

use super::{Office, is_kept, name, report};
use crate::command::ZONE;

/// How large the disk is.
const DISK: u32 = 8 << 20;
/// How soon it has to go on by itself.
const SOON: Duration = Duration::from_secs(5);

#[test]
fn a_full_disk_puts_senders_off_and_loses_nothing() {
    let Some(disk) = Tmpfs::new(DISK) else { return };
    let mut office = Office::open_in(&disk.folder().join("data"), "mails_per_minute = 0\nreserve_megabytes = 0", ZONE);
    let server = office.served.intake();
    let bring = |number: usize| -> Reply { deliver(server, &report(number)).unwrap() };
    let mut stored: Vec<(usize, String)> = Vec::new();
    let mut take = |number: usize, reply: &Reply| stored.push((number, name(&reply.text()).to_owned()));
    for number in 0..20 {
        take(number, &bring(number));
    }
    // However little is left, what is acknowledged is kept.
    let (mut number, mut put_off) = (20, 0);
    for left in [64 << 10, 16 << 10, 4 << 10, 0, 0] {
        disk.fill(left).unwrap();
        for _ in 0..8 {
            let reply = bring(number);
            match reply.code {
                250 => take(number, &reply),
                _ => {
                    assert!(reply.is_temporary() && reply.enhanced() == Some("4.3.0"), "{reply}");
                    put_off += 1;
                }
            }
            number += 1;
        }
    }
    assert!(put_off >= 8, "the disk was never full");
    assert_eq!(office.served.log().matches("reports cannot be kept now").count(), 1, "{}", office.served.log());
    disk.empty().unwrap();
    let begun = Instant::now();
    let reply = loop {
        let reply = bring(number);
        if reply.code == 250 {
            break reply;
        }
        assert!(begun.elapsed() < SOON, "{reply}: {}", office.served.log());
        std::thread::sleep(Duration::from_millis(50));
    };
    take(number, &reply);
    crate::serve::say(&format!(
        "{put_off} put off, taken again {} ms after space came back",
        begun.elapsed().as_millis()
    ));
    // Power fails, too.
    office.served.kill();
    let reports = office.reports();
    assert_eq!(reports.len(), stored.len());
    for (number, id) in stored {
        assert!(reports.iter().any(|report| report.id.to_string() == id));
        assert!(is_kept(&office.data, &report(number).mail), "{number}");
    }
}
