//! SMTP smuggling: a second mail hidden in the first one, sent by way of a server that the victim's SPF names
//!
//! The attacker is a customer of the victim's provider: the outer mail is its own, the hidden one claims the victim, and both
//! come from an address that the victim vouches for.

use std::time::Duration;

use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::sink::Arrival;
use sekisho_testkit::smtp::{Client, SmtpClient};
use serde_json::Value;

use super::through::{MONITOR, Road, results};
use crate::command::Folder;
use crate::hostile::{VICTIM, zone};

/// How long mails may take to the sink.
const SOON: Duration = Duration::from_secs(20);

/// Line ends around a dot that one server reads over and another takes for the end of a mail.
const ENDS: [&str; 8] = ["\n.\r\n", "\n.\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r.\r\n", "\n.\r", "\r.\n"];

/// Builds a road whose Postfix has this line in its `main.cf`.
fn road(name: &str, value: &str) -> Road {
    Road::with(MONITOR, DnsServer::start(zone()), |setup| setup.main(name, value))
}

/// Sends the outer mail with the hidden one behind these line ends, and returns every mail that arrived.
fn smuggle(road: &mut Road, end: &str) -> Vec<Arrival> {
    let before = road.sink.count();
    let mut session = SmtpClient::connect(road.postfix.inbound()).unwrap();
    session.say("EHLO mail.provider.example").unwrap();
    session.introduce(&Client::at(VICTIM.parse().unwrap())).unwrap();
    for command in ["EHLO mail.provider.example", "MAIL FROM:<x@attack.example>", "RCPT TO:<reader@receiver.test>"] {
        assert_eq!(session.say(command).unwrap().code, 250, "{command}");
    }
    let raw = format!(
        "From: <x@attack.example>\r\nSubject: outer\r\n\r\nHi.{end}MAIL FROM:<chief@victim.example>\r\n\
         RCPT TO:<reader@receiver.test>\r\nDATA\r\nFrom: <chief@victim.example>\r\nSubject: smuggled\r\n\r\n\
         Pay at once.\r\n.\r\nQUIT\r\n"
    );
    let mut reply = session.data_raw(raw.as_bytes());
    let mut taken = 0;
    // Whatever is answered to what follows: the parting is the last word, or the server hangs up.
    while let Ok(said) = &reply {
        taken += usize::from(said.code == 250 && said.text().contains("queued as"));
        if said.code == 221 || said.code == 421 {
            break;
        }
        reply = session.hear();
    }
    assert!(road.sink.wait_for(before + taken, SOON), "{end:?}");
    assert!(road.postfix.wait_for_empty_queue(SOON));
    road.sink.arrivals().split_off(before)
}

/// Tells whether a mail proves to be the victim's.
fn passes_for_the_victim(arrival: &Arrival) -> bool {
    let told = results(arrival);
    told.contains("header.from=victim.example") && told.contains("dmarc=pass")
        || told.contains("spf=pass smtp.mailfrom=victim.example")
}

/// Returns what the doctor finds about smuggling in the Postfix of a road, and its exit code.
fn diagnosis(road: &Road) -> (Vec<Value>, u8) {
    let postfix = road.postfix.configuration();
    let arguments = ["config", "doctor", "--json", "--postfix"].map(Into::into);
    let arguments = arguments.into_iter().chain([postfix.into_os_string()]).collect();
    let said = Folder::new().call_args(arguments, "", sekisho_house::Setting::default());
    let found = said.json()["findings"].as_array().unwrap().clone();
    (found.into_iter().filter(|finding| finding["rule"] == "bare-newline").collect(), said.exit)
}

#[test]
fn with_line_ends_normalized_nothing_is_smuggled() {
    let mut road = road("smtpd_forbid_bare_newline", "normalize");
    assert_eq!(diagnosis(&road).0, [] as [Value; 0]);
    for end in ENDS {
        let arrivals = smuggle(&mut road, end);
        assert!(arrivals.len() <= 1, "{end:?}");
        for arrival in arrivals {
            assert!(!passes_for_the_victim(&arrival), "{end:?}: {}", arrival.mail.escape_ascii());
            assert_eq!(arrival.fields("Subject"), ["outer"]);
        }
    }
}

#[test]
fn without_that_the_attack_works_and_the_doctor_says_so() {
    let mut road = road("smtpd_forbid_bare_newline", "no");
    let arrivals = smuggle(&mut road, "\n.\r\n");
    let smuggled: Vec<&Arrival> = arrivals.iter().filter(|arrival| arrival.fields("Subject") == ["smuggled"]).collect();
    assert_eq!((arrivals.len(), smuggled.len()), (2, 1));
    // No milter can tell: that is why the doctor has to.
    assert!(passes_for_the_victim(smuggled[0]));
    let (found, exit) = diagnosis(&road);
    assert_eq!((found.len(), exit), (1, 1));
    assert_eq!(found[0]["severity"], "error");
    assert_eq!(found[0]["change"], "smtpd_forbid_bare_newline = normalize");
    assert!(found[0]["says"].as_str().unwrap().contains("CVE-2023-51764"), "{}", found[0]);
}

#[test]
fn a_lone_cr_that_postfix_leaves_in_a_mail_is_annotated() {
    let mut road = road("cleanup_replace_stray_cr_lf", "no");
    let mail = |body: &str| format!("From: <x@attack.example>\r\nSubject: hello\r\n\r\n{body}\r\n");
    let told = results(&road.pass(VICTIM, "x@attack.example", mail("one\rtwo")));
    assert!(told.contains("reason=\"bare CR or LF in the mail\""), "{told}");
    let told = results(&road.pass(VICTIM, "x@attack.example", mail("one\r\n.\r\ntwo")));
    assert!(!told.contains("bare CR"), "{told}");
    assert!(road.gate.log().contains("stray_line_ends=true"), "{}", road.gate.log());
}
