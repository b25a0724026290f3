//! Many mails through one daemon: its memory stays as it is. `./x soak` sends a hundred thousand, to the real program

use std::thread;

use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::milter::{Delivery, Mta};

use super::served::Served;
use super::through::MONITOR;
use crate::hostile::{VICTIM, claim, signed_by, zone};
use crate::serve::say;

/// How many conversations there are at a time.
const CONVERSATIONS: usize = 8;
/// How much more memory there may be at the end than after the first tenth: what of the table of signatures (32 MiB, handed
/// out by the system as it is touched) is still untouched then, and what an allocator keeps.
const GROWTH_MAX: u64 = 24 << 20;

/// How many mails are sent; `./x soak` asks for more.
fn mails() -> usize {
    std::env::var("SEKISHO_MAILS").map_or(1000, |count| count.parse().unwrap())
}

/// Sends mails that are all different, over some connections at a time.
fn send(served: &Served, numbers: std::ops::Range<usize>) {
    let gate = served.milter();
    thread::scope(|scope| {
        for first in numbers.start..numbers.start + CONVERSATIONS {
            let numbers = (first..numbers.end).step_by(CONVERSATIONS);
            scope.spawn(move || {
                let mut mta = Mta::new(gate);
                for number in numbers {
                    let id = format!("Message-ID: <{number}@victim.example>\r\n");
                    let body = format!("Mail {number}.\r\n").repeat(50 + number % 500);
                    let mail = signed_by("victim.example", &claim(id, "", body));
                    let delivery = Delivery {
                        client_ip: VICTIM.parse().ok(),
                        mail_from: "chief@victim.example",
                        ..Delivery::of(&mail)
                    };
                    let seen = mta.deliver(&delivery).unwrap();
                    let told = String::from_utf8_lossy(&seen.mail[..400]).into_owned();
                    assert!(told.contains("dkim=pass") && told.contains("dmarc=pass"), "{number}: {told}");
                    // Connections come and go, too.
                    if number % 997 == 0 {
                        mta.hang_up();
                    }
                }
            });
        }
    });
}

#[test]
fn memory_stays_as_it_is_however_many_mails_come() {
    let mails = mails();
    let dns = DnsServer::start(zone());
    let served =
        Served::start(&format!("{MONITOR}[dns]\ntimeout_seconds = 300\n[http]\nlisten = [\"127.0.0.1:0\"]\n"), &dns);
    send(&served, 0..mails / 10);
    let first = served.memory("VmRSS");
    send(&served, mails / 10..mails);
    let (last, most) = (served.memory("VmRSS"), served.memory("VmHWM"));
    say(&format!(
        "{mails} mails: {} MB after the first tenth, {} MB at the end, {} MB at the most",
        first >> 20,
        last >> 20,
        most >> 20
    ));
    assert_eq!(served.metric("sekisho_results_total{check=\"dmarc\",result=\"pass\"}"), mails as u64);
    assert!(last <= first + GROWTH_MAX, "{} MB grew to {} MB", first >> 20, last >> 20);
}
