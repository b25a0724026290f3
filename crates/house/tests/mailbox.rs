//! Many mails: mbox files, Maildir folders, their order, their names and their summary

use sekisho_house::Setting;

use crate::command::{Folder, MAIL, assert_snapshot};

/// Returns a mail of another author domain.
fn mail_of(domain: &str) -> String {
    MAIL.replace("alice@example.org>\r\nTo", &format!("alice@{domain}>\r\nTo"))
}

/// Returns the sources and author domains of a JSON account.
fn told(stdout: &str) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let objects = stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    objects.map(|object| (text(&object["input"]["source"]), text(&object["author"]["domain"]))).collect()
}

#[test]
fn an_mbox_gives_one_object_a_mail_in_its_order() {
    let folder = Folder::new();
    let domains = ["a.example", "b.example", "example.org"];
    let mbox: String = (0..90)
        .map(|at| {
            format!("From x@y.example Thu Jan  1 00:00:00 1970\n{}\n", mail_of(domains[at % 3]).replace('\r', ""))
        })
        .collect();
    folder.write("box", mbox);
    let said = folder.call("check @box --zone @zone --json");
    let expected: Vec<_> = (0..90).map(|at| (format!("DIR/box#{}", at + 1), domains[at % 3].to_owned())).collect();
    assert_eq!(told(&said.stdout), expected);
}

#[test]
fn a_lone_mail_behind_a_from_line_keeps_its_plain_name() {
    let folder = Folder::new();
    folder.write("one", format!("From x@y Thu Jan  1 00:00:00 1970\r\n{MAIL}"));
    let said = folder.call("check @one --zone @zone --json");
    assert_eq!(told(&said.stdout), [("DIR/one".to_owned(), "example.org".to_owned())]);
}

#[test]
fn one_spoiled_mail_of_an_mbox_costs_only_itself() {
    let folder = Folder::new();
    let mail = MAIL.replace('\r', "");
    folder.write("box", format!("From x 10:00\n{mail}\nFrom x 10:00\nA:b\n\nFrom x 10:00\n{mail}\n"));
    let said = folder.call("check @box --zone @zone --json");
    assert_eq!(said.stdout.lines().count(), 3, "{}", said.stderr);
    assert_eq!(said.exit, 1, "a mail without From is judged, and refused");
}

#[test]
fn a_maildir_is_read_file_by_file() {
    let folder = Folder::new();
    folder.write("maildir/new/2.x", mail_of("b.example"));
    folder.write("maildir/cur/1.x:2,S", mail_of("a.example"));
    folder.write("maildir/tmp/3.x", mail_of("c.example"));
    let said = folder.call("check @maildir --zone @zone --json");
    let expected = [("DIR/maildir/new/2.x", "b.example"), ("DIR/maildir/cur/1.x:2,S", "a.example")];
    assert_eq!(told(&said.stdout), expected.map(|(source, domain)| (source.to_owned(), domain.to_owned())));
}

#[test]
fn the_summary_counts_and_names_the_worst() {
    let folder = Folder::new();
    let mut mbox = String::new();
    for domain in ["example.org", "reject.example", "reject.example", "a.reject.example"] {
        mbox += &format!("From x 10:00\n{}\n", mail_of(domain).replace('\r', ""));
    }
    let command = "check - --zone @zone --client-ip 192.0.2.1 --helo mail.example.org --steps none";
    for lang in ["en", "ja"] {
        let said = folder.call_with(&format!("{command} --lang {lang}"), &mbox, Setting::default());
        assert_eq!((said.exit, said.stderr.as_str()), (1, ""));
        assert_snapshot(&format!("summary.{lang}.txt"), &said.stdout);
    }
}
