//! What a verdict rested on is kept and judged again offline, to the same octet

use std::path::Path;

use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::suites;
use sekisho_testkit::suites::dmarc::worlds;

use crate::dmarc_worlds::{NOW, realise};
use crate::whole::{Check, side_by_side};

/// Judges once over the loopback and keeps the facts, then by these alone with the server gone; both must tell the same.
fn assert_replays(what: &str, server: DnsServer, first: impl Fn(&DnsServer) -> Check, mail: &[u8], folder: &Path) {
    // Ports come again, and kept facts are never overwritten.
    let own = tempfile::tempdir_in(folder).unwrap();
    let kept = own.path().join("facts");
    let path = kept.as_os_str().as_encoded_bytes();
    let asked = first(&server).and("--save-facts", path).run();
    assert!(asked.exit < 2, "{what}: {}", asked.stderr);
    let questions = server.count();
    // Neither envelope nor time is said again: the file has them.
    let replayed = Check::mail(mail).and("--facts", path).run();
    assert_eq!(server.count(), questions, "{what}: somebody was asked again");
    drop(server);
    let again = Check::mail(mail).and("--facts", path).run();
    for told in [replayed, again] {
        assert_eq!((told.exit, &told.stdout), (asked.exit, &asked.stdout), "{what}");
    }
}

#[test]
fn the_worlds_of_dmarc_replay_to_the_octet() {
    let folder = tempfile::tempdir().unwrap();
    let worlds = worlds();
    let cases: Vec<_> = worlds
        .iter()
        .flat_map(|world| world.expectations.iter().map(move |expectation| (world, expectation)))
        .collect();
    side_by_side(&cases, |(world, expectation)| {
        let real = realise(&world.zone, expectation);
        let server = DnsServer::start(real.zone.clone());
        let check = |server: &DnsServer| {
            let check = Check::mail(real.mail.as_slice()).dns(server).and("--at", NOW).and("--timeout", "2");
            match &real.mail_from {
                Some(domain) => check.envelope("192.0.2.77", "helo.example.net", format!("bounce@{domain}")),
                None => check,
            }
        };
        assert_replays(&expectation.asked, server, check, &real.mail, folder.path());
    });
}

#[test]
fn the_cases_of_the_spf_suite_replay_to_the_octet_odd_octets_included() {
    let Some(path) = suites::find("spf/rfc7208-tests.yml") else { return };
    let folder = tempfile::tempdir().unwrap();
    let scenarios = suites::spf::load(&path);
    let cases: Vec<_> =
        scenarios.iter().flat_map(|scenario| scenario.tests.iter().map(move |test| (scenario, test))).collect();
    let mail = b"From: <author@author.test>\r\nSubject: x\r\n\r\nx\r\n";
    side_by_side(&cases, |(scenario, test)| {
        let server = DnsServer::start(scenario.zone.clone());
        let check = |server: &DnsServer| {
            let check = Check::mail(&mail[..]).dns(server).and("--at", NOW).and("--timeout", "2");
            check.envelope(&test.host.to_string(), test.helo.as_slice(), test.mail_from.as_slice())
        };
        assert_replays(&test.name, server, check, mail, folder.path());
    });
}
