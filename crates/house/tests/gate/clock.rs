//! The clock of the system jumps under the daemon (`libfaketime`): conversations go on, and signatures are judged by the
//! time that it says

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use sekisho_core::name::DomainName;
use sekisho_mail::body::{BodyHasher, BodyPlan};
use sekisho_mail::message::Message;
use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::milter::{Delivery, Mta};

use super::served::Served;
use super::through::MONITOR;
use crate::dmarc_worlds::signer;
use crate::hostile::{VICTIM, claim, zone};
use crate::serve::say;

/// Where Debian has the library that stands between a program and the clock.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

/// A mail of the victim's, signed a minute ago for two hours.
fn signed_for_two_hours() -> Vec<u8> {
    let mail = claim("", "", "Hello.\r\n");
    let mut signer = signer(&DomainName::parse("victim.example").unwrap(), "s");
    signer.expire_after = Some(2 * 3600);
    let message = Message::parse(&mail);
    let mut plan = BodyPlan::new();
    signer.plan(&mut plan);
    let mut hasher = BodyHasher::new(&plan);
    message.body().for_each(|piece| hasher.update(&piece));
    let now = Timestamp::from_second(Timestamp::now().as_second() - 60).unwrap();
    [signer.sign(&message.header(), &hasher.finish(), now).unwrap(), mail].concat()
}

/// Shows a mail; returns our field.
fn show(mta: &mut Mta, mail: &[u8]) -> String {
    let delivery = Delivery { client_ip: VICTIM.parse().ok(), mail_from: "chief@victim.example", ..Delivery::of(mail) };
    let text = String::from_utf8(mta.deliver(&delivery).unwrap().mail).unwrap();
    let (field, _) = text.split_once("Received:").unwrap();
    field.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_clock_that_jumps_ends_no_conversation_and_spoils_no_verdict() {
    let Some(library) = LIBRARIES.into_iter().find(|path| Path::new(path).is_file()) else {
        say("NOT RUN: libfaketime is not installed (`./x test` does; Debian's package is `faketime`)");
        return;
    };
    let clock = tempfile::tempdir().unwrap();
    let path = clock.path().join("clock");
    let set = |offset: &str| {
        // At once or not at all: the daemon may look at any time.
        let new = clock.path().join("new");
        fs::write(&new, format!("{offset}\n")).unwrap();
        fs::rename(&new, &path).unwrap();
    };
    set("+0");
    let dns = DnsServer::start(zone());
    // The daemon may read few files, and that of this clock is none of them.
    let config = format!("{MONITOR}[serve]\nconfine = false\n[http]\nlisten = [\"127.0.0.1:0\"]\n");
    let environment = [
        ("LD_PRELOAD", library),
        ("FAKETIME_TIMESTAMP_FILE", path.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        // As in a kernel: whoever sets the clock does not touch the monotonic one.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let mut served = Served::start_in(&config, &dns, &environment);
    let (mut mta, mail) = (Mta::new(served.milter()), signed_for_two_hours());
    let passes = |told: &str| told.contains("dkim=pass") && told.contains("spf=pass") && told.contains("dmarc=pass");
    let told = show(&mut mta, &mail);
    assert!(passes(&told), "{told}");
    let asked = dns.count();
    let expired = "dkim=permerror reason=\"signature expired\"";
    let future = "dkim=permerror reason=\"signed in the future\"";
    for (offset, dkim) in [
        ("+3600", "dkim=pass"),
        ("-3600", future),
        ("+4m", "dkim=pass"),
        ("-3m", "dkim=pass"),
        ("+10y", expired),
        ("@1970-01-01 00:00:10", future),
        ("+0", "dkim=pass"),
        ("@2037-12-31 23:59:59", expired),
        ("+0", "dkim=pass"),
    ] {
        set(offset);
        // The conversation that began before, and one that begins now.
        for told in [show(&mut mta, &mail), show(&mut Mta::new(served.milter()), &mail)] {
            assert!(told.contains(dkim), "{offset}: {told}");
            // SPF needs no clock, and proves the author by itself.
            assert!(told.contains("spf=pass") && told.contains("dmarc=pass"), "{offset}: {told}");
        }
    }
    assert_eq!(dns.count(), asked, "what was answered is kept by a clock that does not jump");
    // A mail under way when the clock jumps is finished.
    let waits = "sekisho_wait_seconds_count";
    assert_eq!(served.metric(waits), 19);
    assert!(served.metric("sekisho_sessions") >= 1);
    assert!(!served.log().contains("panicked"), "{}", served.log());
    // Nor does it stop otherwise than in order.
    set("@1970-01-01 00:00:10");
    assert!(served.stop(), "{}", served.log());
}
