//! Failure reports: from a mail that fails at the gate to one that its domain can read, without people in it

use std::fs;
use std::time::{Duration, Instant};

use sekisho_report::dmarc::failure::{self, AuthFailure, Delivery as Fate};
use sekisho_report::mail::{self, Kind, Limits};
use sekisho_testkit::milter::{Answer, Delivery, Mta};
use sekisho_testkit::sink::Sink;

use crate::gate::served::Served;
use crate::out::{HOUSE, House};
use crate::whole::Check;

/// How long a report may take to be noted, made and sent.
const SOON: Duration = Duration::from_secs(60);
/// A domain that wants to hear of failures: itself, and somebody who never agreed.
const FAILING: &str = r#"
_dmarc.failing.example TXT "v=DMARC1; p=reject; fo=1; ruf=mailto:ruf@failing.example,mailto:x@stranger.example"
failing.example TXT "v=spf1 ip4:198.51.100.9 -all"
"#;

/// Writes a mail that bears the name of the domain.
fn written(further: &str) -> String {
    format!(
        "Received: from secret.example\r\nFrom: Alice Secret <alice.secret@failing.example>\r\n\
         To: \"Bob Secret\" <bob.secret@house.example>\r\nSubject: the secret plan\r\n{further}\
         Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <plan.1@failing.example>\r\n\r\nthe secret body\r\n"
    )
}

/// A house that tells of failures, and where its mails go.
struct Office {
    /// Its books.
    house: House,
    /// Its daemon.
    served: Served,
    /// Where its reports arrive.
    sink: Sink,
}

impl Office {
    /// Opens it, with more in `[reports]`.
    fn open(further: &str) -> Office {
        let sink = Sink::start();
        // Of a day that nobody reports on any more.
        let house = House::new(Some(sink.address()), &format!("{HOUSE}{FAILING}"), true, "2026-01-01");
        let config = fs::read_to_string(&house.config).unwrap();
        let config = config.replace("[reports]\n", &format!("[reports]\n{further}"));
        let config = format!("[gate]\nlisten = [\"127.0.0.1:0\"]\n[http]\nlisten = [\"127.0.0.1:0\"]\n{config}");
        let served = Served::start(&config, &house.dns);
        Office { house, served, sink }
    }

    /// Lets a mail pass the gate.
    fn deliver(&self, mail_from: &str, recipient: &str, mail: &str) {
        let delivery = Delivery { mail_from, recipients: &[recipient], ..Delivery::of(mail.as_bytes()) };
        assert_eq!(Mta::new(self.served.milter()).deliver(&delivery).unwrap().answer, Answer::Accept);
    }

    /// Waits until so many mails were noted, or were too many.
    fn wait_for(&self, result: &str, count: u64) {
        let begun = Instant::now();
        while self.count(result) < count {
            assert!(begun.elapsed() < SOON, "{result}: {}", self.served.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Returns how many mails became that.
    fn count(&self, result: &str) -> u64 {
        self.served.metric(&format!("sekisho_failures_total{{result=\"{result}\"}}"))
    }
}

#[test]
fn who_asks_hears_of_a_failure_without_any_person_in_it_and_only_so_often() {
    let office = Office::open("failures = true\nfailures_per_day = 2\n");
    let alice = "alice.secret@failing.example";
    // Of an answer, a report, and a mail to where reports come from nothing is told: no loop can begin.
    office.deliver("", "bob.secret@house.example", &written(""));
    office.deliver(alice, "bob.secret@house.example", &written("Auto-Submitted: auto-replied\r\n"));
    office.deliver(alice, "bob.secret@house.example", &written("Content-Type: Multipart/Report; boundary=b\r\n"));
    office.deliver(alice, "DMARC@house.example", &written(""));
    office.deliver(alice, "bob.secret@house.example", &written("Auto-Submitted: no\r\n"));
    office.wait_for("noted", 1);
    let arrival = office.sink.next(0, SOON);
    assert_eq!(arrival.recipients, ["<ruf@failing.example>"]);
    // It passes DMARC itself.
    let check = Check::mail(arrival.mail.clone()).dns(&office.house.dns);
    let verdict = check.envelope("198.51.100.7", "mx.house.example", "dmarc@house.example").judge();
    assert_eq!(verdict["dmarc"]["result"], "pass");
    assert_eq!(arrival.fields("Auto-Submitted"), ["auto-generated"]);
    let text = String::from_utf8(arrival.mail.clone()).unwrap();
    assert!(!text.to_lowercase().contains("secret"), "{text}");

    let opened = mail::open(&arrival.mail, &Limits::default()).unwrap();
    assert_eq!(opened.kind, Kind::Failure);
    let read = failure::read(&opened.feedback.unwrap(), opened.original).unwrap();
    assert!(read.warnings.is_empty(), "{:?}", read.warnings);
    assert_eq!((&read.auth_failure[..], read.delivery_result), (&[AuthFailure::Dmarc][..], Some(Fate::Delivered)));
    assert_eq!(
        (&read.identity_alignment[..], &read.reported_domain[..]),
        (&["spf".to_owned()][..], &["failing.example".to_owned()][..])
    );
    assert_eq!(read.spf_dns, ["txt : failing.example : \"v=spf1 ip4:198.51.100.9 -all\""]);
    assert_eq!(read.source_ip, Some("192.0.2.1".parse().unwrap()));
    assert!(read.authentication_results[0].contains("dmarc=fail"), "{:?}", read.authentication_results);
    assert!(read.original_rcpt_to.is_empty() && read.original_mail_from.ends_with("@failing.example"), "{read:?}");
    let original = read.original.unwrap();
    let header = String::from_utf8(original.octets).unwrap();
    let names: Vec<&str> = header.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    assert_eq!((original.is_whole, names), (false, vec!["From", "To", "Date", "Message-ID"]));
    assert!(header.contains("<plan.1@failing.example>") && header.contains("@house.example"), "{header}");
    // The same name is the same hash everywhere in it.
    let hash = read.original_mail_from.trim_end_matches("@failing.example");
    assert!(hash.len() == 24 && header.contains(&format!("From: <{hash}@failing.example>")), "{header}");

    // A domain hears of so many a day.
    for _ in 0..3 {
        office.deliver(alice, "bob.secret@house.example", &written(""));
    }
    office.wait_for("beyond", 2);
    assert_eq!((office.count("noted"), office.count("dropped")), (2, 0));
    office.sink.next(1, SOON);
    let consent = "no-consent: does not agree: there is no record at failing.example._report._dmarc.stranger.example";
    let begun = Instant::now();
    let listed = loop {
        let listed = office.house.listed();
        if listed.iter().all(|(_, state, _)| state != "planned") {
            break listed;
        }
        assert!(begun.elapsed() < SOON, "{listed:?}");
        std::thread::sleep(Duration::from_millis(20));
    };
    let expected = [
        ("failing.example", "made", ""),
        ("failing.example", "made", ""),
        ("mailto:x@stranger.example", "skipped", consent),
        ("mailto:x@stranger.example", "skipped", consent),
        ("ruf@failing.example", "sent", ""),
        ("ruf@failing.example", "sent", ""),
    ];
    assert_eq!(listed, expected.map(|(to, state, why)| (to.to_owned(), state.to_owned(), why.to_owned())));
    assert_eq!(office.sink.count(), 2);
    assert!(office.sink.counts_by("Message-ID").values().all(|count| *count == 1));
}

#[test]
fn unless_the_house_wants_it_nobody_hears_of_failures() {
    let office = Office::open("");
    office.deliver("alice.secret@failing.example", "bob.secret@house.example", &written(""));
    let judged = office.served.metric("sekisho_results_total{check=\"dmarc\",result=\"fail\"}");
    assert_eq!((judged, office.count("noted"), office.count("dropped")), (1, 0, 0));
    assert!(office.house.listed().is_empty());
}
