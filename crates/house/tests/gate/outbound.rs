//! Mails that go out signed by one port of Postfix, and are verified when they come in by the other

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use aws_lc_rs::rand::SystemRandom;
use sekisho_core::name::DomainName;
use sekisho_core::zone::Zone;
use sekisho_mail::dkim::signing_key::{NewKey, SigningKey};
use tempfile::TempDir;

use super::through::{MONITOR, Road, results};
use crate::hostile::{ATTACKER, zone_with};

/// Keys in files, and what the DNS says of them.
pub(super) struct Keys {
    /// The files.
    pub(super) folder: TempDir,
    /// The records.
    pub(super) records: String,
    /// The tables of the configuration.
    pub(super) tables: String,
}

impl Keys {
    /// Makes an RSA and an Ed25519 key of a domain, with the selectors `rsa` and `ed`.
    pub(super) fn of(domain: &str) -> Keys {
        let mut keys = Keys { folder: TempDir::new().unwrap(), records: String::new(), tables: String::new() };
        let rsa = SigningKey::generate(NewKey::Rsa2048, &SystemRandom::new()).unwrap();
        for (selector, key) in [("rsa", rsa), ("ed", SigningKey::from_seed(&[9; 32]).unwrap())] {
            let path = keys.folder.path().join(format!("{selector}.pem"));
            fs::write(&path, key.to_pem().unwrap()).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            let name = |text| DomainName::parse(text).unwrap();
            keys.records += &(key.dns_record(&name(selector), &name(domain)) + "\n");
            let _ = write!(
                keys.tables,
                "[[sign.keys]]\ndomain = \"{domain}\"\nselector = \"{selector}\"\nkey = {path:?}\n"
            );
        }
        keys
    }
}

/// A road with a port for the users of `house.example`, who may send for it after they have logged in.
fn road(sign: &str) -> (Road, Keys) {
    let keys = Keys::of("house.example");
    let config = format!(
        "{MONITOR}[sign]\nlisten = [\"127.0.0.1:0\"]\n{sign}\n{}\
         [[sign.senders]]\nusers = [\"@house.example\"]\ndomains = [\"house.example\"]\n",
        keys.tables
    );
    let zone: Zone = zone_with(&format!("_dmarc.house.example TXT \"v=DMARC1; p=reject\"\n{}", keys.records));
    (Road::new(&config, zone), keys)
}

/// A mail of the house.
fn mail(fields: &str, body: &str) -> String {
    format!("From: Alice <alice@house.example>\r\nTo: <you@example.net>\r\nSubject: hello\r\n{fields}\r\n{body}")
}

#[test]
fn what_postfix_sends_out_signed_passes_when_it_comes_in_again() {
    let (mut road, _keys) = road("");
    let long = "x".repeat(5000);
    let two_megabytes = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n".repeat(31_800);
    for (name, mail) in [
        ("plain", mail("", "hello\r\n")),
        ("8-bit", mail("X-Name: \u{65e5}\u{672c}\r\n", "\u{95a2}\u{6240} \u{e4}\r\n")),
        ("long lines", mail(&format!("X-Long: {long}\r\n"), &format!("{long}\r\n{long}\r\n"))),
        ("folded", mail("X-Folded: a\r\n\tb\r\n   c  \r\nCc: one@example.net,\r\n two@example.net\r\n", "hello\r\n")),
        ("trailing white space", mail("X-Space: a \t \r\nX-Empty:\r\nX-Tight:x\r\n", "a \t \r\n \r\nb\r\n\r\n\r\n")),
        ("dots", mail("", ".\r\n..\r\n.a\r\n\r\n.\r\n")),
        ("no body", mail("", "")),
        ("no last line end", mail("", "hello")),
        ("two megabytes", mail("", &two_megabytes)),
    ] {
        let reply = road.submit("203.0.113.5", "alice@house.example", "alice@house.example", &mail);
        let sent = road.arrived(&reply);
        let signatures = sent.fields("DKIM-Signature");
        assert_eq!(signatures.len(), 2, "{name}");
        assert!(signatures[0].contains("s=rsa;") && signatures[1].contains("s=ed;"), "{name}: {signatures:?}");
        assert!(sent.fields("Authentication-Results").is_empty(), "{name}: nothing was judged there");
        // From a host that nobody vouches for: the signatures alone prove it.
        let told = results(&road.pass(ATTACKER, "bounce@attack.example", &sent.mail));
        assert_eq!(told.matches("dkim=pass").count(), 2, "{name}: {told}");
        assert!(told.contains("dmarc=pass") && told.contains("header.from=house.example"), "{name}: {told}");
    }
    assert!(road.gate.stop(), "{}", road.gate.log());
}

#[test]
fn whoever_may_not_send_for_a_domain_gets_no_signature() {
    let (mut road, _keys) = road("");
    for (login, mail_from) in [
        ("mallory@other.example", "mallory@other.example"),
        ("mallory@other.example", "alice@house.example"),
        ("alice@mail.house.example", "alice@house.example"),
        ("", "alice@house.example"),
    ] {
        let reply = road.submit("203.0.113.5", login, mail_from, mail("", "hello\r\n"));
        let sent = road.arrived(&reply);
        assert!(sent.fields("DKIM-Signature").is_empty(), "{login}");
        let told = results(&road.pass(ATTACKER, "bounce@attack.example", &sent.mail));
        assert!(told.contains("dkim=none") && told.contains("dmarc=fail"), "{login}: {told}");
    }
    // Nor does the right login get one for somebody else's domain.
    let stranger = mail("", "hello\r\n").replace("alice@house.example", "chief@victim.example");
    let reply = road.submit("203.0.113.5", "alice@house.example", "alice@house.example", stranger);
    assert!(road.arrived(&reply).fields("DKIM-Signature").is_empty());
    assert_eq!(road.gate.log().matches("did not sign a mail").count(), 5);
}

#[test]
fn where_the_house_says_so_they_cannot_even_send() {
    let (mut road, _keys) = road("unsigned = \"refuse\"");
    let reply = road.submit("203.0.113.5", "mallory@other.example", "x@house.example", mail("", "hello\r\n"));
    assert_eq!((reply.code, reply.enhanced()), (550, Some("5.7.1")), "{reply}");
    assert!(reply.text().contains("you may not send mail from house.example"), "{reply}");
    let reply = road.submit("203.0.113.5", "alice@house.example", "alice@house.example", mail("", "hello\r\n"));
    assert_eq!(road.arrived(&reply).fields("DKIM-Signature").len(), 2);
}
