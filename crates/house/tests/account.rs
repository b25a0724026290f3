//! The account for people, whole, in both languages

use sekisho_house::Setting;

use crate::command::{Folder, MAIL, assert_snapshot};

/// A forged mail: its author's domain asks for rejection, and its signature belongs to somebody else.
fn forged() -> String {
    let mail = MAIL.replace("From: Alice <alice@example.org>", "From: 山田 太郎 <yamada@reject.example>");
    format!("DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=gone; h=From; bh=AAAA; b=AAAA\r\n{mail}")
}

#[test]
fn a_forged_mail_is_told_with_what_decided() {
    let folder = Folder::new();
    for (lang, width) in [("en", 100), ("ja", 100), ("en", 80), ("ja", 80)] {
        let setting = Setting { width: Some(width), ..Setting::default() };
        let envelope = "--client-ip 203.0.113.1 --helo mail.example.org --mail-from bounce@reject.example";
        let said = folder.call_with(&format!("check - --zone @zone {envelope} --lang {lang}"), forged(), setting);
        assert_eq!((said.exit, said.stderr.as_str()), (1, ""));
        assert_snapshot(&format!("forged.{width}.{lang}.txt"), &said.stdout);
    }
}

#[test]
fn all_steps_of_a_good_mail_are_told_on_request() {
    let folder = Folder::new();
    for lang in ["en", "ja"] {
        let command = format!("check - --zone @zone --trust-received 1 --steps all --lang {lang}");
        let said = folder.call_with(&command, MAIL, Setting::default());
        assert_snapshot(&format!("good.{lang}.txt"), &said.stdout);
    }
}

#[test]
fn what_would_change_is_told_below() {
    let folder = Folder::new();
    for lang in ["en", "ja"] {
        let command =
            format!("check - --zone @zone --client-ip 203.0.113.1 --helo x.example --steps none --lang {lang}");
        let command = format!("{command} --what-if TXT~_dmarc.example.org=v=DMARC1;~p=reject");
        let said = folder.call_with(&command, MAIL, Setting::default());
        assert_snapshot(&format!("what-if.{lang}.txt"), &said.stdout);
    }
}

#[test]
fn colours_add_nothing_but_colours() {
    let folder = Folder::new();
    folder.write("forged.eml", forged());
    let command = "check @forged.eml --zone @zone --client-ip 203.0.113.1 --helo x.example --steps all";
    let coloured = Setting { stdout_colour: true, ..Setting::default() };
    let said = folder.call_with(command, "", coloured).stdout;
    let mut plain = String::new();
    let mut rest = said.as_str();
    while let Some((before, after)) = rest.split_once('\x1b') {
        plain += before;
        rest = after.split_once('m').unwrap().1;
    }
    assert!(said.contains('\x1b'));
    assert_eq!(plain + rest, folder.call(command).stdout);
}

#[test]
fn the_steps_of_each_signature_stand_under_its_own_line() {
    let folder = Folder::new();
    let mut zone = String::new();
    for selector in ["a", "b", "c"] {
        zone += &folder
            .call(&format!("sign --new-key ed25519 --domain example.org --selector {selector} --out @{selector}"))
            .stdout;
    }
    let pairs = "--selector a --key @a --selector b --key @b --selector c --key @c";
    folder.write("signed.eml", folder.call(&format!("sign @mail.eml --domain example.org {pairs}")).stdout);
    folder.write("without-a", zone.lines().skip(1).collect::<Vec<_>>().join("\n"));
    folder.write("two.toml", "[check]\nmax_signatures = 2\n");
    let lines = |options: &str| -> Vec<String> {
        let said = folder.call(&format!("check @signed.eml --zone @without-a {options}")).stdout;
        let lines = said.lines().skip_while(|line| !line.starts_with("  DKIM "));
        lines.take_while(|line| !line.starts_with("  ARC ")).map(str::to_owned).collect()
    };
    // What decided stands under the first signature, and the good ones behind it have nothing to explain.
    let said = lines("");
    let heads: Vec<usize> = (0..said.len()).filter(|at| said[*at].starts_with("  DKIM ")).collect();
    assert_eq!(heads, [0, said.len() - 2, said.len() - 1], "{said:#?}");
    assert!(said[0].contains("permerror") && said.iter().any(|line| line.contains("a._domainkey.example.org")));
    // All steps: each line is followed by those of its own selector.
    let said = lines("--steps all");
    let parts: Vec<String> =
        said.chunk_by(|_, next| !next.starts_with("  DKIM ")).map(|part| part.join("\n")).collect();
    assert_eq!(parts.len(), 3);
    for (part, selector) in parts.iter().zip(["a", "b", "c"]) {
        assert!(part.starts_with("  DKIM ") && part.contains(&format!("s={selector}")), "{part}");
        let others: Vec<&str> = ["a", "b", "c"].into_iter().filter(|other| *other != selector).collect();
        assert!(part.lines().count() > 2 && part.contains(&format!("{selector}._domainkey")), "{part}");
        assert!(others.iter().all(|other| !part.contains(&format!("{other}._domainkey"))), "{part}");
    }
    // Of those that are not examined one step speaks, behind the last.
    let said = lines("--config @two.toml");
    assert!(said[said.len() - 2].contains("s=c") && said[said.len() - 1].contains("not examined"), "{said:#?}");
}

#[test]
fn a_signature_that_does_not_count_says_why() {
    let folder = Folder::new();
    let record = folder.call("sign --new-key ed25519 --domain example.org --selector s1 --out @s1.pem").stdout;
    folder.write("zone", format!("{record}_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n"));
    let keys = "--domain example.org --selector s1 --key @s1.pem";
    let signed = folder.call(&format!("sign @mail.eml {keys} --headers from:to:subject")).stdout;
    let account = |mail: String, options: &str| {
        folder.write("signed.eml", mail);
        let text = folder.call(&format!("check @signed.eml --zone @zone {options}")).stdout;
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(account(signed.clone(), "--steps all").contains("h= signs these fields: from, to, subject"));
    let second = account(format!("Subject: PAY\r\n{signed}"), "");
    assert!(second.contains("does not count: a second Subject is not signed"), "{second}");
    assert!(second.contains("this one has 2, and only one of them is signed"), "{second}");
    assert!(second.contains("SPF was not asked, and could still decide"), "{second}");
    assert!(!second.contains("neither SPF nor DKIM"), "{second}");
    let spaced = account(format!("NOTICE : pay\r\n{signed}"), "--lang ja");
    assert!(spaced.contains("NOTICE が署名されていない"), "{spaced}");
}
