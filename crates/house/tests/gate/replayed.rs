//! Copies of a signed mail are counted on over a reload

use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::milter::{Delivery, Mta};

use super::served::Served;
use super::through::MONITOR;
use crate::hostile::{claim, signed_by, zone};

#[test]
fn a_reload_forgets_no_copies() {
    let dns = DnsServer::start(zone());
    let config = format!("{MONITOR}replay_copies = 3\n[http]\nlisten = [\"127.0.0.1:0\"]\n");
    let served = Served::start(&config, &dns);
    let mail = signed_by("victim.example", &claim("", "", "Buy this.\r\n"));
    let is_suspected = || {
        // A conversation of its own, so that the gate in force is asked.
        let seen = Mta::new(served.milter()).deliver(&Delivery::of(&mail)).unwrap();
        String::from_utf8(seen.mail).unwrap().contains("replay suspected")
    };
    let counted = || served.metric("sekisho_replays_suspected_total");
    assert_eq!([is_suspected(), is_suspected()], [false; 2]);
    served.reload();
    assert_eq!((is_suspected(), counted()), (true, 1));
    served.reload();
    assert_eq!((is_suspected(), counted()), (true, 2));
    assert!(served.log().contains("replay.copies=4 replay.mails=2"), "{}", served.log());
}

#[test]
fn every_recipient_is_a_copy_also_those_whose_addresses_are_not_kept() {
    let dns = DnsServer::start(zone());
    let served = Served::start(&format!("{MONITOR}replay_copies = 3000\n"), &dns);
    let mail = signed_by("victim.example", &claim("", "", "Buy this.\r\n"));
    let many: Vec<String> = (0..2000).map(|number| format!("{number}.{}@receiver.test", "x".repeat(50))).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut mta = Mta::new(served.milter());
    let told = |mta: &mut Mta| {
        let seen = mta.deliver(&Delivery { recipients: &many, ..Delivery::of(&mail) }).unwrap();
        String::from_utf8(seen.mail).unwrap().contains("replay suspected")
    };
    assert_eq!([told(&mut mta), told(&mut mta)], [false, true]);
    assert!(served.log().contains("replay.copies=4000"), "{}", served.log());
}
