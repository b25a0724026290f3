//! The gate is killed while mails flow: nothing is lost, nothing comes twice, and nothing says more than was judged

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sekisho_testkit::smtp::{Client, Letter, Outcome, deliver_all};

use super::through::Road;
use crate::hostile::{VICTIM, claim, signed_by, zone};

/// How often it is killed; `./x soak` asks for more.
fn kills() -> usize {
    std::env::var("SEKISHO_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(20)
}

#[test]
fn mails_arrive_exactly_once_while_the_gate_is_killed_again_and_again() {
    let mut road = Road::new("[gate]\nlisten = [\"127.0.0.1:0\"]\nauthserv_id = \"mx.example.net\"\n", zone());
    let (kills, server) = (kills(), road.postfix.inbound());
    let patience = Duration::from_secs(240 + 4 * kills as u64);
    let letters: Vec<Letter> = (0..kills * 15)
        .map(|number| {
            let id = format!("Message-ID: <{number}@victim.example>\r\n");
            let mail = signed_by("victim.example", &claim(id, "", format!("Mail {number}.\r\n").repeat(200)));
            let client = Client::at(VICTIM.parse().unwrap());
            Letter::new("chief@victim.example", "reader@receiver.test", mail).by(client, "mail.victim.example")
        })
        .collect();
    let done = AtomicBool::new(false);
    let (outcomes, slowest) = std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let outcomes = deliver_all(server, &letters, 4, Duration::from_millis(20), patience);
            done.store(true, Ordering::Relaxed);
            outcomes
        });
        let mut slowest = Duration::ZERO;
        for kill in 0..kills {
            // As near to chance as a test that can be repeated comes: each pause another one, from 1 to 200 ms.
            std::thread::sleep(Duration::from_millis(1 + (kill as u64 * 67) % 200));
            road.gate.kill();
            slowest = slowest.max(road.gate.restart());
        }
        (sending.join().unwrap(), slowest)
    });
    assert!(outcomes.iter().all(Outcome::accepted), "{outcomes:?}");
    assert!(road.sink.wait_for(letters.len(), Duration::from_secs(60)));
    assert!(road.postfix.wait_for_empty_queue(Duration::from_secs(60)));
    let counts = road.sink.counts_by("Message-ID");
    assert_eq!((counts.len(), counts.values().max()), (letters.len(), Some(&1)));
    for arrival in road.sink.arrivals() {
        let told = arrival.fields("Authentication-Results");
        assert_eq!(told.len(), 1, "{told:?}");
        let judged = told[0].contains("dkim=pass") && told[0].contains("spf=pass") && told[0].contains("dmarc=pass");
        let unjudged = told[0].contains("dmarc=temperror reason=\"the filter died while it was in work\"");
        assert!(judged != unjudged, "{told:?}");
    }
    let put_off: usize = outcomes.iter().map(|outcome| outcome.put_off + outcome.lost).sum();
    assert!(put_off > 0, "no kill hit a mail: the test shows nothing");
    crate::serve::say(&format!(
        "{kills} kills, {} mails, each arrived once; {put_off} attempts put off; back within {} ms at the most",
        letters.len(),
        slowest.as_millis()
    ));
    // Starting takes milliseconds; a second is the bound on a machine with nothing else to do.
    assert!(slowest < Duration::from_secs(20), "{slowest:?}");
}
