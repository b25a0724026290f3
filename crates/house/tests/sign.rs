//! `sekisho sign`: keys, records, signatures that our own judge accepts

use std::os::unix::fs::PermissionsExt;

use sekisho_house::Setting;

use crate::command::{Folder, MAIL};

#[test]
fn a_new_key_signs_a_mail_that_passes_by_the_record_to_publish() {
    for (kind, algorithm) in [("ed25519", "ed25519-sha256"), ("rsa2048", "rsa-sha256")] {
        let folder = Folder::new();
        let said =
            folder.call(&format!("sign --new-key {kind} --domain example.org --selector s1 --out @s1.pem --json"));
        assert_eq!((said.exit, said.stderr.as_str()), (0, ""));
        let record = said.json();
        assert_eq!(record["name"], "s1._domainkey.example.org");
        let mode = std::fs::metadata(folder.path("s1.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        folder.write("zone", format!("s1._domainkey.example.org TXT {}", record["value"].as_str().unwrap()));
        for mail in [MAIL.to_owned(), MAIL.replace('\r', "")] {
            folder.write("mail.eml", &mail);
            let said = folder.call("sign @mail.eml --domain example.org --selector s1 --key @s1.pem --expire 7");
            assert_eq!((said.exit, said.stderr.as_str()), (0, ""));
            assert!(said.stdout.starts_with("DKIM-Signature: ") && said.stdout.ends_with(&mail));
            folder.write("signed.eml", &said.stdout);
            let object = folder.call("check @signed.eml --zone @zone --json").json();
            assert_eq!(object["dkim"][0]["result"], "pass", "{}", object["steps"]);
            assert_eq!(object["dkim"][0]["algorithm"], algorithm);
            folder.write("changed.eml", said.stdout.replace("hello", "hullo"));
            assert_eq!(folder.call("check @changed.eml --zone @zone --json").json()["dkim"][0]["result"], "fail");
        }
    }
}

#[test]
fn the_printed_record_is_a_line_of_a_zone_for_check() {
    for kind in ["ed25519", "rsa2048", "rsa3072"] {
        let folder = Folder::new();
        let said = folder.call(&format!("sign --new-key {kind} --domain example.org --selector s1 --out @s1.pem"));
        folder.write("zone", said.stdout);
        let said = folder.call("sign @mail.eml --domain example.org --selector s1 --key @s1.pem");
        folder.write("signed.eml", &said.stdout);
        let object = folder.call("check @signed.eml --zone @zone --json").json();
        assert_eq!(object["dkim"][0]["result"], "pass", "{kind}: {}", object["steps"]);
    }
}

#[test]
fn a_key_that_exists_is_never_overwritten() {
    let folder = Folder::new();
    folder.write("s1.pem", "precious");
    let said = folder.call("sign --new-key ed25519 --domain example.org --selector s1 --out @s1.pem");
    assert_eq!((said.exit, said.stderr.as_str()), (2, "sekisho: cannot write `DIR/s1.pem`: it exists already\n"));
    assert_eq!(std::fs::read_to_string(folder.path("s1.pem")).unwrap(), "precious");
}

#[test]
fn the_record_is_data_and_the_rest_is_talk() {
    let folder = Folder::new();
    let said = folder.call("sign --new-key ed25519 --domain example.org --selector s1 --out @s1.pem");
    assert!(said.stdout.starts_with("s1._domainkey.example.org. IN TXT \"v=DKIM1; k=ed25519; p="), "{}", said.stdout);
    assert!(said.stderr.starts_with("The private key is in DIR/s1.pem"), "{}", said.stderr);
}

#[test]
fn several_keys_sign_one_mail() {
    let folder = Folder::new();
    let mut zone = String::new();
    for selector in ["a", "b"] {
        let said = folder.call(&format!(
            "sign --new-key ed25519 --domain example.org --selector {selector} --out @{selector}.pem --json"
        ));
        zone += &format!("{selector}._domainkey.example.org TXT {}\n", said.json()["value"].as_str().unwrap());
    }
    folder.write("zone", zone);
    let pairs = "--selector a --key @a.pem --selector b --key @b.pem";
    let said = folder.call_with(&format!("sign - --domain example.org {pairs}"), MAIL, Setting::default());
    folder.write("signed.eml", &said.stdout);
    let object = folder.call("check @signed.eml --zone @zone --json").json();
    let told = |at: usize| (object["dkim"][at]["selector"].as_str(), object["dkim"][at]["result"].as_str());
    assert_eq!([told(0), told(1)], [(Some("a"), Some("pass")), (Some("b"), Some("pass"))]);
}

#[test]
fn what_cannot_be_signed_is_said_in_one_line() {
    let folder = Folder::new();
    folder.call("sign --new-key ed25519 --domain example.org --selector s --out @s.pem");
    folder.write("no.pem", "no key");
    folder.write("nobody.eml", "Subject: x\r\n\r\n");
    folder.write("two.eml", "From: a@example.org\r\nFrom: b@example.org\r\n\r\n");
    folder.write("mbox", format!("From a@example.org Thu Jan  1 00:00:00 1970\n{MAIL}"));
    let usual = "--domain example.org --selector s --key @s.pem";
    for (command, why) in [
        (format!("sign @gone {usual}"), "cannot read `DIR/gone`: there is no such file"),
        (format!("sign @nobody.eml {usual}"), "`DIR/nobody.eml` cannot be signed: it has no From field"),
        (format!("sign @two.eml {usual}"), "`DIR/two.eml` cannot be signed: it has more than one From field"),
        (
            format!("sign @mbox {usual}"),
            "`DIR/mbox` cannot be signed: it begins as an mbox does; sign its mails one by one, without the `From ` line",
        ),
        (
            format!("sign @mail.eml {usual} --headers from:;b=x"),
            "`DIR/mail.eml` cannot be signed: `;b=x` is not a field name",
        ),
        (
            format!("sign @mail.eml {usual} --headers from::to"),
            "`DIR/mail.eml` cannot be signed: `` is not a field name",
        ),
        (format!("sign @mail.eml {usual} --selector t"), "every --selector needs its --key: there are 2 and 1"),
        (
            format!("sign @mail.eml {usual} --canonicalization loose"),
            "`loose` is not a canonicalization; write relaxed/relaxed, relaxed/simple, simple/relaxed or simple/simple",
        ),
        (
            "sign @mail.eml --domain example.org --selector s --key @no.pem".to_owned(),
            "the key in `DIR/no.pem` cannot be used: it is not PEM, which begins with `-----BEGIN PRIVATE KEY-----`",
        ),
        (
            "sign @mail.eml --domain a..b --selector s --key @s.pem".to_owned(),
            "`a..b` is not a domain name: two dots meet, or the name begins with one",
        ),
        (
            "sign @mail.eml --domain vic~tim --selector s --key @s.pem".to_owned(),
            "`vic tim` is not a domain name: only letters, digits, hyphens, underscores and dots may stand in it",
        ),
        (
            "sign --new-key ed25519 --domain example.org --selector a;b --out @new.pem".to_owned(),
            "`a;b` is not a selector: only letters, digits, hyphens, underscores and dots may stand in it",
        ),
    ] {
        let said = folder.call(&command);
        assert_eq!((said.exit, said.stdout.as_str()), (2, ""), "{command}");
        assert_eq!(said.stderr, format!("sekisho: {why}\n"));
    }
}

#[test]
fn a_signature_never_expires_at_once() {
    let folder = Folder::new();
    folder.call("sign --new-key ed25519 --domain example.org --selector s --out @s.pem");
    for days in ["0", "-1", "x", "99999999999"] {
        let said =
            folder.call(&format!("sign @mail.eml --domain example.org --selector s --key @s.pem --expire {days}"));
        let why = "cannot be used for `--expire <DAYS>`: write a number of days from 1 to 36500";
        assert_eq!((said.exit, said.stdout.as_str()), (2, ""));
        assert_eq!(said.stderr, format!("sekisho: `{days}` {why}\n"));
    }
}

#[test]
fn a_signature_that_dmarc_will_not_count_is_made_and_warned_of() {
    let folder = Folder::new();
    folder.call("sign --new-key ed25519 --domain example.org --selector s --out @s.pem");
    for (domain, is_warned) in
        [("example.org", false), ("mail.example.org", false), ("example.net", true), ("org", true)]
    {
        let said = folder.call(&format!("sign @mail.eml --domain {domain} --selector s --key @s.pem"));
        assert!(said.exit == 0 && said.stdout.starts_with("DKIM-Signature: "), "{}", said.stderr);
        let warning = format!(
            "sekisho: the mail is from `example.org`, so DMARC will not count a signature of `{domain}`; \
             sign with --domain example.org too\n"
        );
        assert_eq!(said.stderr, if is_warned { warning } else { String::new() });
    }
    let said = folder.call("sign @mail.eml --domain example.net --selector s --key @s.pem --lang ja");
    assert!(said.stderr.contains("`example.net` の署名は DMARC では無効"), "{}", said.stderr);
}

#[test]
fn fields_are_signed_as_they_are_listed() {
    let folder = Folder::new();
    folder.call("sign --new-key ed25519 --domain example.org --selector s --out @s.pem");
    let listed = |names: &str| {
        let command = format!("sign @mail.eml --domain example.org --selector s --key @s.pem --headers {names}");
        let said = folder.call(&command).stdout;
        let list = said.split("h=").nth(1).unwrap().split(';').next().unwrap();
        let mut names: Vec<String> = list.split(':').map(|name| name.trim().to_owned()).collect();
        names.sort_unstable();
        names.join(":")
    };
    assert_eq!(listed("from:to:subject"), "from:subject:to");
    // What is not there, misspelt or not, is guarded against being added.
    assert_eq!(listed("from:subjct:x-foo"), "from:subjct:x-foo");
    assert_eq!(listed("Subject:from:From"), "from:from:subject");
    assert_eq!(listed("subject"), "from:subject");
}

#[test]
fn a_key_that_others_can_read_signs_with_a_warning() {
    let folder = Folder::new();
    folder.call("sign --new-key ed25519 --domain example.org --selector s --out @s.pem");
    let mode = |mode| std::fs::set_permissions(folder.path("s.pem"), std::fs::Permissions::from_mode(mode)).unwrap();
    let sign = || folder.call("sign @mail.eml --domain example.org --selector s --key @s.pem");
    for (open, warns) in [(0o600, false), (0o640, false), (0o644, true), (0o660, true)] {
        mode(open);
        let said = sign();
        assert!(said.exit == 0 && said.stdout.starts_with("DKIM-Signature: "), "{}", said.stderr);
        assert_eq!(!said.stderr.is_empty(), warns, "{open:o}: {}", said.stderr);
    }
    mode(0o644);
    assert_eq!(
        sign().stderr,
        "sekisho: warning: the key `DIR/s.pem` is no secret: others can read or change it (its mode is 0644); `chmod 640` takes that away\n"
    );
    let said = folder.call("sign @mail.eml --domain example.org --selector s --key @s.pem --lang ja");
    assert!(said.stderr.contains("警告") && said.stderr.contains("chmod 640"), "{}", said.stderr);
}
