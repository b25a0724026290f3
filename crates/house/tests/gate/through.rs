//! Mails on their way: what is delivered, what is refused, and what is told

use std::net::IpAddr;
use std::time::Duration;

use sekisho_core::zone::Zone;
use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::postfix::{Postfix, Setup};
use sekisho_testkit::sink::{Arrival, Sink};
use sekisho_testkit::smtp::{Client, Letter, Reply, deliver};

use super::served::Served;
use crate::hostile::spoofing::{HEADER_CASES, mail};
use crate::hostile::{ATTACKER, VICTIM, claim, signed_by, zone, zone_with};

/// How long a mail may take to the sink.
const SOON: Duration = Duration::from_secs(20);
/// A gate that only watches.
pub(super) const MONITOR: &str = "[gate]\nlisten = [\"127.0.0.1:0\"]\nauthserv_id = \"mx.example.net\"\n";

/// A client, a gate, a Postfix and a sink.
pub(super) struct Road {
    /// Where mail ends.
    pub(super) sink: Sink,
    /// The MTA.
    pub(super) postfix: Postfix,
    /// The gate.
    pub(super) gate: Served,
    /// The DNS.
    _dns: DnsServer,
    /// How many mails have arrived.
    seen: usize,
}

impl Road {
    /// Builds it, with this configuration and these names in the DNS.
    pub(super) fn new(config: &str, zone: Zone) -> Road {
        Road::with(config, DnsServer::start(zone), |setup| setup)
    }

    /// Builds it before this DNS, with a Postfix that is set up further.
    pub(super) fn with(config: &str, dns: DnsServer, further: impl FnOnce(Setup) -> Setup) -> Road {
        let sink = Sink::start();
        let gate = Served::start(config, &dns);
        let setup = Postfix::before(sink.address()).milter(gate.milter());
        let setup = gate.signer().into_iter().fold(setup, Setup::submission_milter);
        let postfix = further(setup).start();
        Road { sink, postfix, gate, _dns: dns, seen: 0 }
    }

    /// Sends a mail from an address.
    pub(super) fn send(&self, client: &str, mail_from: &str, mail: impl AsRef<[u8]>) -> Reply {
        let letter = Letter::new(mail_from, "reader@receiver.test", mail);
        let client: IpAddr = client.parse().unwrap();
        deliver(self.postfix.inbound(), &letter.by(Client::at(client), "mail.attack.example")).unwrap()
    }

    /// Hands a mail in as a user who has logged in, from an address.
    pub(super) fn submit(&self, client: &str, login: &str, mail_from: &str, mail: impl AsRef<[u8]>) -> Reply {
        let letter = Letter::new(mail_from, "reader@receiver.test", mail);
        let client = Client::at(client.parse().unwrap());
        let client = if login.is_empty() { client } else { client.logged_in(login) };
        deliver(self.postfix.submission(), &letter.by(client, "desk.example")).unwrap()
    }

    /// Waits for a mail that was taken, and returns it.
    pub(super) fn arrived(&mut self, reply: &Reply) -> Arrival {
        assert_eq!(reply.code, 250, "{reply}\n{}", self.gate.log());
        let arrival = self.sink.next(self.seen, SOON);
        self.seen += 1;
        arrival
    }

    /// Sends a mail that must arrive, and returns it.
    pub(super) fn pass(&mut self, client: &str, mail_from: &str, mail: impl AsRef<[u8]>) -> Arrival {
        let reply = self.send(client, mail_from, mail);
        self.arrived(&reply)
    }
}

/// Returns the one field in our name.
pub(super) fn results(arrival: &Arrival) -> String {
    let all = arrival.fields("Authentication-Results");
    let ours: Vec<&String> = all.iter().filter(|value| value.to_ascii_lowercase().contains("mx.example.net")).collect();
    assert_eq!(ours.len(), 1, "{all:?}");
    ours[0].clone()
}

#[test]
fn mails_arrive_annotated_and_otherwise_untouched() {
    let mut road = Road::new(MONITOR, zone());
    let long = "x".repeat(3000);
    let body = format!("8-bit \u{65e5}\u{672c}\r\n{long}\r\n.\r\n..\r\n trailing \t\r\n\r\n\r\n");
    let good = signed_by("victim.example", &claim("", "X-Empty:\r\nX-Folded: a\r\n\tb  \r\n", body));
    let arrival = road.pass(VICTIM, "chief@victim.example", &good);
    // Ours stands above the trace field of this very hop (RFC 8601 §5), and nothing else was changed.
    let whole = arrival.header().to_vec();
    assert!(whole.starts_with(b"Authentication-Results: mx.example.net;\r\n"), "{}", whole.escape_ascii());
    assert!(arrival.mail.ends_with(&good), "{}", arrival.mail.escape_ascii());
    assert_eq!(arrival.fields("Received").len(), 1);
    let told = results(&arrival);
    for part in [
        "spf=pass smtp.mailfrom=victim.example",
        "dkim=pass header.d=victim.example",
        "arc=none",
        "dmarc=pass",
        "policy.dmarc=reject",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // Watching only: what nobody can prove arrives too, and says so.
    let told = results(&road.pass(ATTACKER, "x@attack.example", claim("", "", "Hi.\r\n")));
    assert!(told.contains("dmarc=fail") && told.contains("header.from=victim.example"), "{told}");
    assert!(road.gate.stop(), "{}", road.gate.log());
}

#[test]
fn fields_that_speak_in_our_name_are_taken_away_whatever_their_form() {
    let mut road = Road::new(MONITOR, zone());
    let forged = [
        "Authentication-Results: mx.example.net; dmarc=pass header.from=victim.example\r\n",
        "authentication-results: MX.Example.NET; dmarc=pass\r\n",
        "Authentication-Results: (comment) mx.example.net (another) 1; dmarc=pass\r\n",
        "Authentication-Results: \"mx.example.net\"; dmarc=pass\r\n",
        "Authentication-Results:\r\n\tmx.example.net;\r\n\tdmarc=pass\r\n",
        "Authentication-Results : mx.example.net; dmarc=pass\r\n",
    ];
    let others = "Authentication-Results: other.example; dmarc=pass\r\n";
    let above = [&forged.concat().repeat(9)[..], others].concat();
    let arrival = road.pass(ATTACKER, "x@attack.example", claim(&above, forged.concat(), "Hi.\r\n"));
    assert!(results(&arrival).contains("dmarc=fail"));
    assert_eq!(arrival.fields("Authentication-Results").len(), 2, "the other house's field stays");
    // Ten thousand results in one field are as easily taken away.
    let many = format!("Authentication-Results: mx.example.net{}\r\n", ";\r\n dkim=pass".repeat(4_000));
    let arrival = road.pass(ATTACKER, "x@attack.example", claim(many, "", "Hi.\r\n"));
    assert_eq!(arrival.fields("Authentication-Results").len(), 1);
}

#[test]
fn no_trick_with_the_author_ends_in_a_pass_for_the_victim() {
    let mut road = Road::new(MONITOR, zone());
    for (name, from, _) in HEADER_CASES {
        let unsigned = mail(from);
        let told = results(&road.pass(ATTACKER, "x@attack.example", &unsigned));
        let passes = told.contains("dmarc=pass");
        assert!(!passes || !told.contains("header.from=victim.example"), "{name}: {told}");
        if from.starts_with(b"From:") {
            let told = results(&road.pass(ATTACKER, "x@attack.example", signed_by("attack.example", &unsigned)));
            assert!(!told.contains("header.from=victim.example") || !told.contains("dmarc=pass"), "{name}: {told}");
        }
    }
}

#[test]
fn enforcement_refuses_marks_holds_and_puts_off() {
    let config = "[gate]\nlisten = [\"127.0.0.1:0\"]\nauthserv_id = \"mx.example.net\"\nmode = \"enforce\"\nhelp = \"https://help.example/\"
                  [[gate.rules]]\nauthors = [\"strict.example\"]\ndmarc_reject = \"refuse\"
                  [[gate.rules]]\nauthors = [\"held.example\"]\nquarantine = \"hold\"
                  [dns]\ntimeout_seconds = 1\n";
    let mut zone = zone_with(
        "_dmarc.strict.example TXT \"v=DMARC1; p=reject\"
         _dmarc.held.example TXT \"v=DMARC1; p=quarantine\"",
    );
    zone.parse_line("_dmarc.down.example TXT !servfail").unwrap();
    let mut road = Road::new(config, zone);
    let from = |domain: &str| format!("From: a@{domain}\r\nDate: Sun, 22 Nov 2026 00:00:00 +0000\r\n\r\nHi.\r\n");
    // A published rejection alone is no ground: marked for the filter behind us.
    let arrival = road.pass(ATTACKER, "x@attack.example", from("victim.example"));
    assert_eq!(arrival.fields("X-Sekisho-Quarantine"), ["yes"]);
    // The policy of this house is one.
    let reply = road.send(ATTACKER, "x@attack.example", from("strict.example"));
    assert_eq!((reply.code, reply.enhanced()), (550, Some("5.7.1")), "{reply}");
    assert!(reply.text().contains("strict.example") && reply.text().contains("https://help.example/"), "{reply}");
    // Without an author there is nobody to ask.
    let reply = road.send(ATTACKER, "x@attack.example", mail(b"From: a@attack.example, b@victim.example\r\n"));
    assert_eq!((reply.code, reply.enhanced()), (550, Some("5.7.1")), "{reply}");
    // What cannot be told now is told later.
    let reply = road.send(ATTACKER, "x@attack.example", from("down.example"));
    assert_eq!((reply.code, reply.enhanced()), (451, Some("4.7.5")), "{reply}");
    // Postfix's own hold queue.
    assert_eq!(road.send(ATTACKER, "x@attack.example", from("held.example")).code, 250);
    assert_eq!(road.postfix.held().len(), 1);
    assert_eq!(road.sink.count(), 1);
}

#[test]
fn forty_megabytes_pass_through_the_hashes() {
    // The machine may be busy with other things; the DNS answers all the same.
    let mut road = Road::new(&format!("{MONITOR}[dns]\ntimeout_seconds = 300\n"), zone());
    let line = [&[b'x'; 70][..], b"\r\n"].concat();
    let good = signed_by("victim.example", &claim("", "", line.repeat(40 * 1024 * 1024 / line.len())));
    let arrival = road.pass(VICTIM, "chief@victim.example", &good);
    assert!(arrival.mail.ends_with(&good));
    assert!(results(&arrival).contains("dkim=pass"));
}
