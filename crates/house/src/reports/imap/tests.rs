//! Servers that are not what they should be: each is told of, within bounds, and nothing that was taken in is lost

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use sekisho_ledger::{Ledger, ReportFilter, Vault};

use super::super::import::Taken;
use super::*;

/// What a server says to a command, by its tag, the command, and the number of the connection; nothing ends the conversation.
type Manners = dyn Fn(&str, &str, usize) -> Option<Vec<u8>> + Send + Sync;

/// A report, as small as it can be.
const REPORT: &str =
    "From: r@x.example\r\nSubject: Report Domain: example.org Submitter: x Report-ID: 1\r\n\r\nnone\r\n";

/// Starts a server without TLS that says what it is told to.
fn serve(greeting: &'static [u8], manners: Box<Manners>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (manners, count): (Arc<Manners>, _) = (manners.into(), AtomicUsize::new(0));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), manners) = (stream, Arc::clone(&manners)) else { return };
            let number = count.fetch_add(1, Ordering::Relaxed);
            std::thread::spawn(move || {
                // The client may be gone at any time.
                let _ = stream.write_all(greeting);
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                for line in lines.map_while(Result::ok) {
                    let (tag, command) = line.split_once(' ').unwrap_or((&line, ""));
                    let Some(said) = manners(tag, command, number) else { return };
                    if stream.write_all(&said).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Says what an honest server with some mails says, each by UID.
fn honest(tag: &str, command: &str, mails: &[(u32, String)]) -> Vec<u8> {
    let mut said = Vec::new();
    let word = command.split(' ').next().unwrap_or_default();
    if word == "STARTTLS" {
        return format!("{tag} BAD no TLS here\r\n").into_bytes();
    }
    if word == "EXAMINE" {
        said = format!("* {} EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n", mails.len()).into_bytes();
    }
    for (uid, mail) in mails {
        let length = mail.len();
        if command.starts_with("UID FETCH 1:* ") {
            said.extend(format!("* 1 FETCH (UID {uid} RFC822.SIZE {length})\r\n").bytes());
        } else if command.starts_with(&format!("UID FETCH {uid} ")) {
            said.extend(format!("* 1 FETCH (UID {uid} BODY[] {{{length}}}\r\n{mail})\r\n").bytes());
        }
    }
    said.extend(format!("{tag} OK done\r\n").bytes());
    said
}

/// Some reports, each with a UID.
fn reports(count: u32) -> Vec<(u32, String)> {
    (1..=count).map(|uid| (uid, REPORT.replace("Report-ID: 1", &format!("Report-ID: {uid}")))).collect()
}

/// Imports from a server, again where the books are not new; returns what was taken in, and how many reports are noted.
async fn import(server: SocketAddr, folder: &Path) -> (Taken, usize) {
    let url = format!("sqlite:{}", folder.join("ledger.db").display());
    let (ledger, vault) = (Ledger::open(&url, 0).await.unwrap(), Vault::in_folder(folder).await.unwrap());
    let place = Place::read(&format!("imap://alice@{server}/Reports")).unwrap();
    let patience = Patience {
        small: Duration::from_millis(500),
        list: Duration::from_millis(500),
        octets_a_second: 1 << 20,
        again: Duration::from_millis(1),
    };
    let entry = Entry { password: "se\"cret".to_owned(), connector: connector(None).unwrap(), patience };
    let mut importer = Importer::new(&ledger, &vault, &[]);
    importer.import_mailbox(&place, &entry, |_| {}).await.unwrap();
    let taken = importer.taken;
    let count = ledger.reports(&ReportFilter::default(), None, 100).await.unwrap().rows.len();
    ledger.close().await;
    (taken, count)
}

/// Imports from a server with these manners into new books.
async fn import_from(greeting: &'static [u8], manners: Box<Manners>) -> (Taken, usize) {
    let folder = tempfile::tempdir().unwrap();
    import(serve(greeting, manners), folder.path()).await
}

/// The greeting of an honest server.
const HELLO: &[u8] = b"* OK hello\r\n";

#[tokio::test]
async fn what_was_taken_in_is_passed_over_and_what_is_new_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let first = serve(HELLO, Box::new(|tag, command, _| Some(honest(tag, command, &reports(3)))));
    let (taken, count) = import(first, folder.path()).await;
    assert_eq!((taken.new, taken.passed, count), (3, 0, 3), "{taken:?}");
    let (taken, _) = import(first, folder.path()).await;
    assert_eq!((taken.new, taken.passed, taken.faults.len()), (0, 3, 0), "{taken:?}");
    // Where UIDVALIDITY is another one the mails are fetched again, and known by their octets.
    let renewed = |tag: &str, command: &str, _| {
        let said = String::from_utf8(honest(tag, command, &reports(4))).unwrap();
        Some(said.replace("UIDVALIDITY 7", "UIDVALIDITY 8").into_bytes())
    };
    let (taken, count) = import(serve(HELLO, Box::new(renewed)), folder.path()).await;
    assert_eq!((taken.new, taken.known, count), (1, 3, 4), "{taken:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again_and_a_mail_that_breaks_it_is_passed_over() {
    // Each connection bears three mails, and none bears the seventh.
    let fetched = Arc::new(AtomicUsize::new(0));
    let manners = move |tag: &str, command: &str, _| {
        let is_mail = command.contains("BODY.PEEK[]");
        let is_broken = is_mail && fetched.fetch_add(1, Ordering::Relaxed) % 4 == 3;
        (!is_broken && !command.starts_with("UID FETCH 7 ")).then(|| honest(tag, command, &reports(12)))
    };
    let (taken, count) = import_from(HELLO, Box::new(manners)).await;
    assert_eq!((taken.new, taken.passed, count), (11, 0, 11), "{taken:?}");
    assert!(taken.faults.len() == 1 && taken.faults[0].contains("mail 7 cannot be fetched"), "{taken:?}");
}

#[tokio::test]
async fn a_mail_that_is_too_large_is_left_where_it_is_whoever_says_so() {
    let announced = |size: &'static str| {
        move |tag: &str, command: &str, _| {
            if command.starts_with("UID FETCH 2 ") {
                return Some(format!("* 2 FETCH (UID 2 BODY[] {{{size}}}\r\nx").into_bytes());
            }
            Some(honest(tag, command, &reports(3)))
        }
    };
    for size in ["2147483648", "536870000", "40000001", "99999999999999999999"] {
        let begun = Instant::now();
        let (taken, count) = import_from(HELLO, Box::new(announced(size))).await;
        assert_eq!((taken.new, count), (2, 2), "{size}: {taken:?}");
        assert!(taken.faults.len() == 1 && taken.faults[0].contains("larger than 40 MB"), "{taken:?}");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
    let told = |tag: &str, command: &str, _| match command.starts_with("UID FETCH 1:* ") {
        true => Some(format!("* 1 FETCH (UID 1 RFC822.SIZE 40000001)\r\n{tag} OK\r\n").into_bytes()),
        false => Some(honest(tag, command, &reports(1))),
    };
    let (taken, count) = import_from(HELLO, Box::new(told)).await;
    assert!(count == 0 && taken.faults[0].contains("mail 1 is larger than 40 MB"), "{taken:?}");
}

#[tokio::test]
async fn silence_garbage_and_endless_talk_are_told_of_in_bounds() {
    let silent = |_: &str, _: &str, _| Some(Vec::new());
    let endless = |tag: &str, command: &str, _| match command.starts_with("UID FETCH 1:* ") {
        true => Some(b"* 1 FETCH (UID 1 RFC822.SIZE 1)\r\n".repeat(3 << 20)),
        false => Some(honest(tag, command, &reports(1))),
    };
    let long = |_: &str, _: &str, _| Some(vec![b'x'; 1 << 20]);
    let garbage = |_: &str, _: &str, _| Some(b"\0\xff{9}\r\n) FETCH (\r\n".repeat(10));
    let chatty = |_: &str, _: &str, _| Some(b"* OK hm\r\n".repeat(100_000));
    let gone = |_: &str, _: &str, _| None;
    let stalled = |tag: &str, command: &str, _| match command.starts_with("UID FETCH 1 ") {
        true => Some(b"* 1 FETCH (UID 1 BODY[] {1000}\r\nab".to_vec()),
        false => Some(honest(tag, command, &reports(1))),
    };
    let refusing = |tag: &str, command: &str, _| match command.starts_with("LOGIN ") {
        true => Some(format!("{tag} NO {}\r\n", "go away ".repeat(1000)).into_bytes()),
        false => Some(honest(tag, command, &[])),
    };
    let no_validity = |tag: &str, _: &str, _| Some(format!("{tag} OK\r\n").into_bytes());
    let cases: [(&'static [u8], Box<Manners>, &str); 12] = [
        (b"", Box::new(silent), "in time"),
        (HELLO, Box::new(silent), "in time"),
        (HELLO, Box::new(endless), "in time"),
        (HELLO, Box::new(long), "does not end"),
        (HELLO, Box::new(garbage), "broke"),
        (HELLO, Box::new(chatty), "more than was asked for"),
        (HELLO, Box::new(gone), "broke"),
        (HELLO, Box::new(stalled), "in time"),
        (HELLO, Box::new(refusing), "refused: "),
        (HELLO, Box::new(no_validity), "TLS did not begin"),
        (b"220 mx ESMTP\r\n", Box::new(silent), "broke"),
        (b"* BYE\r\n", Box::new(gone), "broke"),
    ];
    for (number, (greeting, manners, why)) in cases.into_iter().enumerate() {
        let (taken, count) = import_from(greeting, manners).await;
        let faults = taken.faults.join("\n");
        assert!(count == 0 && faults.contains(why) && faults.len() < 3000, "{number}, {why}: {faults}");
        assert!(!faults.contains("cret"), "nobody repeats the password");
    }
}
