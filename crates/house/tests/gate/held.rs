//! Mails in the hold queue: listed with their reason, released once, and never judged twice

use std::ffi::OsString;
use std::time::Duration;

use sekisho_house::Setting;
use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::smtp::SmtpClient;
use serde_json::Value;

use super::through::Road;
use crate::command::{Folder, Said};
use crate::hostile::{ATTACKER, zone_with};

/// How long a mail may take to the sink.
const SOON: Duration = Duration::from_secs(20);

/// Calls `sekisho held` for the Postfix of a road.
fn held(road: &Road, words: &[&str]) -> Said {
    let postfix = road.postfix.configuration();
    let words = ["held"].iter().chain(words).map(OsString::from);
    let arguments = words.chain(["--lang".into(), "en".into(), "--postfix".into(), postfix.into_os_string()]);
    Folder::new().call_args(arguments.collect(), "", Setting::default())
}

#[test]
fn a_held_mail_is_listed_released_and_delivered_once_as_it_was_annotated() {
    let config = "[gate]\nlisten = [\"127.0.0.1:0\"]\nauthserv_id = \"mx.example.net\"\nmode = \"enforce\"\nquarantine = \"hold\"\n";
    let dns = DnsServer::start(zone_with("_dmarc.held.example TXT \"v=DMARC1; p=quarantine\""));
    // Without SMTPUTF8 Postfix takes addresses of any octets.
    let mut road = Road::with(config, dns, |setup| setup.main("smtputf8_enable", "no"));
    let said = held(&road, &["list"]);
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("0 mails are held\n", ""));
    for number in 1..=2 {
        let mail =
            format!("From: A <a@held.example>\r\nSubject: \x1b[2J {number}\r\nMessage-ID: <{number}@x>\r\n\r\nHi.\r\n");
        assert_eq!(road.send(ATTACKER, "x@attack.example", mail).code, 250);
    }
    let listed = held(&road, &["list", "--json"]);
    let mails: Vec<Value> = listed.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((listed.exit, mails.len()), (0, 2), "{}{}", listed.stdout, listed.stderr);
    let first = &mails[0];
    assert_eq!(
        (&first["mail_from"], &first["from"], &first["recipients"]),
        (&"x@attack.example".into(), &"A <a@held.example>".into(), &1.into())
    );
    let why = first["why"].as_str().unwrap();
    assert!(why.starts_with("dmarc=fail") && why.contains("header.from=held.example"), "{why}");
    let text = held(&road, &["list"]).stdout;
    assert!(!text.contains('\x1b') && text.contains("\\x1b[2J 1") && text.ends_with("2 mails are held\n"), "{text}");

    // An address that is not UTF-8 does not hide the others.
    let mut session = SmtpClient::connect(road.postfix.inbound()).unwrap();
    session.say("EHLO mail.attack.example").unwrap();
    session.send(b"MAIL FROM:<\xff\xfe@attack.example>\r\n").unwrap();
    let taken = session.hear().unwrap();
    assert_eq!(taken.code, 250, "{taken}");
    session.say("RCPT TO:<reader@receiver.test>").unwrap();
    assert_eq!(session.data(b"From: A <a@held.example>\r\n\r\nHi.\r\n").unwrap().code, 250);
    let listed = held(&road, &["list"]);
    assert_eq!((listed.exit, listed.stderr.as_str()), (0, ""));
    assert!(listed.stdout.ends_with("3 mails are held\n"), "{}", listed.stdout);
    let listed = held(&road, &["list", "--json"]).stdout;
    let odd: Value = serde_json::from_str(listed.lines().next_back().unwrap()).unwrap();
    let mut removal = road.postfix.command("postsuper");
    assert!(removal.args(["-d", odd["id"].as_str().unwrap()]).status().unwrap().success());

    // What is not held, or no id at all, releases nothing.
    let id = first["id"].as_str().unwrap();
    for nonsense in ["ALL", "-rALL", "ABCDEF0123", "; true", "../x"] {
        let said = held(&road, &["release", id, "--", nonsense]);
        assert_eq!((said.exit, said.stdout.as_str()), (2, ""), "{nonsense}: {}", said.stderr);
    }
    assert_eq!((road.postfix.held().len(), road.sink.count()), (2, 0));

    let said = held(&road, &["release", id]);
    assert_eq!((said.exit, said.stdout), (0, format!("{id} is released\n")), "{}", said.stderr);
    let arrival = road.sink.next(0, SOON);
    let told = arrival.fields("Authentication-Results");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("mx.example.net;") && told[0].contains("dmarc=fail"), "{told:?}");
    assert_eq!(arrival.fields("Message-ID"), ["<1@x>"]);
    assert_eq!(road.postfix.held().len(), 1);
    // Each was judged once.
    assert_eq!(road.gate.log().matches("judged a mail").count(), 3, "{}", road.gate.log());
    assert!(road.gate.stop());
    // A released mail is not held any more.
    assert_eq!(held(&road, &["release", id]).exit, 2);
    let other = mails[1]["id"].as_str().unwrap();
    assert_eq!(held(&road, &["release", other, "--json"]).json(), serde_json::json!({ "released": [other] }));
    assert_eq!(road.sink.next(1, SOON).fields("Message-ID"), ["<2@x>"]);
    assert!(road.postfix.wait_for_empty_queue(SOON));
    assert_eq!(road.sink.count(), 2);
}
