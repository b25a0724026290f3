//! `sekisho report import imaps://…` before a real server: each mail once, and the mailbox stays as it is

use sekisho_core::zone::Zone;
use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::dovecot::{Dovecot, PASSWORD};
use serde_json::Value;

use crate::command::Folder;
use crate::reports::{REPORT, said};

/// A mail with a report, or without.
fn mail(number: u32, is_report: bool) -> Vec<u8> {
    let (kind, body) = if is_report { ("text/xml", REPORT) } else { ("text/plain", "see you") };
    let body = body.replace("<report_id>1<", &format!("<report_id>{number}<"));
    format!(
        "From: r@receiver.example\r\nSubject: {number}\r\nMIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n{body}\r\n"
    )
    .into_bytes()
}

/// Imports a mailbox; returns the exit code, what was taken in, and what was said beside it.
fn import(folder: &Folder, mailbox: &str, options: &[&str]) -> (u8, Value, String) {
    let password = folder.write("password", format!("{PASSWORD}\n"));
    let dns = DnsServer::start(Zone::parse("").unwrap());
    let server = dns.address().to_string();
    let command = ["report", "import", mailbox, "--password-file", &password, "--dns", &server, "--json"];
    let (exit, told, talk) = said(folder, &[&command[..], options].concat());
    (exit, serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{talk}")), talk)
}

#[test]
fn reports_come_out_of_a_mailbox_once_and_the_mailbox_stays_as_it_is() {
    let (folder, dovecot) = (Folder::new(), Dovecot::start());
    let (authority, user) = (dovecot.certificate(), "alice@example.org");
    let trusting = ["--ca-file", authority.to_str().unwrap()];
    for number in 0..3 {
        dovecot.deliver(user, "&laJiQA-", &format!("{number}.mail"), &mail(number, number > 0)).unwrap();
    }
    let before = dovecot.files(user);
    let mailbox = format!("imaps://alice%40example.org@{}/関所", dovecot.secure());
    let taken = |told: &Value| ["new", "known", "passed", "ordinary"].map(|word| told["taken"][word].as_u64().unwrap());
    let (exit, told, talk) = import(&folder, &mailbox, &trusting);
    assert_eq!((exit, taken(&told), &told["read"]["reports"]), (0, [2, 0, 0, 1], &2.into()), "{told}{talk}");
    let (_, listed, _) = said(&folder, &["report", "list", "--json"]);
    assert!(
        listed.lines().count() == 2 && listed.lines().all(|line| line.contains("\"channel\":\"imap\"")),
        "{listed}"
    );
    // What comes later is taken by STARTTLS; nothing is fetched twice, and nobody sees that it was read.
    dovecot.deliver(user, "&laJiQA-", "3.mail", &mail(3, true)).unwrap();
    let mailbox = format!("imap://alice%40example.org@{}/関所", dovecot.plain());
    let (exit, told, talk) = import(&folder, &mailbox, &trusting);
    assert_eq!(
        (exit, taken(&told)),
        (0, [1, 2, 0, 1]),
        "another way to it is another mailbox, and its octets are known: {told}{talk}"
    );
    let (_, told, _) = import(&folder, &mailbox, &trusting);
    assert_eq!(taken(&told), [0, 0, 4, 0], "{told}");
    let names = |files: Vec<String>| -> Vec<String> {
        files.iter().map(|name| name.split(",S=").next().unwrap_or_default().replace(":2,", "")).collect()
    };
    let after = names(dovecot.files(user));
    assert!(names(before).iter().all(|name| after.contains(name)) && after.len() == 4, "{after:?}");
    // An empty mailbox is none the worse, and INBOX where no folder is named.
    dovecot.deliver("bob", "INBOX", "1", &mail(9, false)).unwrap();
    let (exit, told, _) = import(&folder, &format!("imaps://bob@{}", dovecot.secure()), &trusting);
    assert_eq!((exit, taken(&told)), (0, [0, 0, 0, 1]), "{told}");
}

#[test]
fn a_mailbox_that_cannot_be_had_is_told_of() {
    let (folder, dovecot) = (Folder::new(), Dovecot::start());
    let (authority, secure) = (dovecot.certificate(), dovecot.secure());
    let trusting = ["--ca-file", authority.to_str().unwrap()];
    let mailbox = |user: &str, rest: &str| format!("imaps://{user}@{secure}/{rest}");
    // Nobody vouches for the certificate; there is no such folder; the password is another one.
    let (exit, told, talk) = import(&folder, &mailbox("alice", ""), &[]);
    assert!(exit == 1 && talk.contains("TLS did not begin"), "{told}{talk}");
    let (exit, told, talk) = import(&folder, &mailbox("alice", "Nowhere"), &trusting);
    assert!(exit == 1 && talk.contains("the server refused"), "{told}{talk}");
    let other = folder.write("other", "let me in");
    let command = ["report", "import", &mailbox("alice", ""), "--password-file", &other, "--dns", "127.0.0.1:9"];
    let (exit, told, talk) = said(&folder, &[&command[..], &trusting].concat());
    assert!(exit == 1 && talk.contains("refused") && !format!("{told}{talk}").contains("let me in"), "{told}{talk}");
    let (exit, _, talk) = said(&folder, &["report", "import", "imaps://alice:secret@mail.example.org/"]);
    assert!(exit == 2 && talk.contains("the password elsewhere"), "{talk}");
}
