//! The author under attack: no reader may see another author domain than the one that DMARC is asked about.

use proptest::prelude::*;
use sekisho_core::name::DomainName;
use sekisho_core::speech::{Lang, Speech};
use sekisho_mail::address::{Addresses, Entry, display};
use sekisho_mail::author::judge;
use sekisho_mail::header::Header;
use sekisho_mail::verdict::{Author, AuthorResult};

/// Judges the author of a header.
fn author(raw: &[u8]) -> Author {
    judge(&Header::parse(raw)).0
}

/// Judges a header that only has this From field, and a date.
fn from(value: &[u8]) -> Author {
    author(&[b"Date: x\r\nFrom: ", value, b"\r\nTo: you@example.net\r\n"].concat())
}

/// Attacks that make one reader see `attack.example` and another `victim.example`, and what becomes of the author.
const ATTACKS: &[(&str, &[u8], AuthorResult, &str)] = &[
    (
        "two From fields, the attacker's first",
        b"From: <a@attack.example>\r\nFrom: <v@victim.example>\r\n",
        AuthorResult::Multiple,
        "several From fields",
    ),
    (
        "two From fields, the victim's first",
        b"From: <v@victim.example>\r\nFrom: <a@attack.example>\r\n",
        AuthorResult::Multiple,
        "several From fields",
    ),
    (
        "the same From field twice",
        b"From: <a@attack.example>\r\nFrom: <a@attack.example>\r\n",
        AuthorResult::Multiple,
        "several From fields",
    ),
    (
        "a second field with a space before its colon",
        b"From : <a@attack.example>\r\nFrom: <v@victim.example>\r\n",
        AuthorResult::Multiple,
        "several From fields",
    ),
    (
        "a first line that begins with a space",
        b" From: <a@attack.example>\r\nFrom: <v@victim.example>\r\n",
        AuthorResult::Unusable,
        "odd From field name",
    ),
    (
        "a first line that begins with a tab",
        b"\tFrom: <v@victim.example>\r\nFrom: <a@attack.example>\r\n",
        AuthorResult::Unusable,
        "odd From field name",
    ),
    (
        "a name folded before its colon",
        b"From\r\n : <v@victim.example>\r\nFrom: <a@attack.example>\r\n",
        AuthorResult::Unusable,
        "odd From field name",
    ),
    (
        "a name folded in its middle",
        b"From: <a@attack.example>\r\nFr\r\n om: <v@victim.example>\r\n",
        AuthorResult::Unusable,
        "odd From field name",
    ),
    (
        "a NUL in the name",
        b"From\0: <v@victim.example>\r\nFrom: <a@attack.example>\r\n",
        AuthorResult::Unusable,
        "odd From field name",
    ),
    (
        "a vertical tab in the name",
        b"From\x0b: <v@victim.example>\r\nFrom: <a@attack.example>\r\n",
        AuthorResult::Unusable,
        "odd From field name",
    ),
    (
        "a form feed before the colon",
        b"From\x0c: <v@victim.example>\r\n",
        AuthorResult::Unusable,
        "odd From field name",
    ),
    (
        "a zero-width space in the name",
        "From\u{200b}: <v@victim.example>\r\nFrom: <a@attack.example>\r\n".as_bytes(),
        AuthorResult::Unusable,
        "odd From field name",
    ),
    (
        "a From line without a colon",
        b"From <v@victim.example>\r\nFrom: <a@attack.example>\r\n",
        AuthorResult::Unusable,
        "odd From field name",
    ),
    (
        "a field behind a bare line feed",
        b"Subject: x\nFrom: <v@victim.example>\r\nFrom: <a@attack.example>\r\n",
        AuthorResult::Unusable,
        "hidden From field",
    ),
    (
        "a field behind a bare carriage return",
        b"From: <a@attack.example>\r\nSubject: x\rFrom: <v@victim.example>\r\n",
        AuthorResult::Unusable,
        "hidden From field",
    ),
    (
        "a header that ends at a bare empty line",
        b"Subject: x\n\r\nFrom: <a@attack.example>\r\n",
        AuthorResult::Unusable,
        "bare line break that ends the header",
    ),
    (
        "a line that is no field, before From",
        b"Subject: x\r\nhello there\r\nFrom: <a@attack.example>\r\n",
        AuthorResult::Unusable,
        "a line that is no field before From",
    ),
    (
        "a line that is no field, behind From",
        b"From: <v@victim.example>\r\nhello there\r\nSubject: x\r\n",
        AuthorResult::Unusable,
        "a line that is no field",
    ),
    (
        "a line of white space that ends a field before From",
        b"Sender: <v@victim.example>\r\n \r\nFrom: <a@attack.example>\r\n",
        AuthorResult::Unusable,
        "a line of white space before From",
    ),
    (
        "no From, but a Sender",
        b"Sender: <v@victim.example>\r\nResent-From: <v@victim.example>\r\n",
        AuthorResult::Missing,
        "no From field",
    ),
    (
        "two authors",
        b"From: <a@attack.example>, <v@victim.example>\r\n",
        AuthorResult::Multiple,
        "several author domains",
    ),
    (
        "two authors, one without brackets",
        b"From: v@victim.example, <a@attack.example>\r\n",
        AuthorResult::Multiple,
        "several author domains",
    ),
    (
        "a comma hidden by a backslash",
        b"From: <a@attack.example>\\,<v@victim.example>\r\n",
        AuthorResult::Unusable,
        "text after an address",
    ),
    ("a route", b"From: <@attack.example,@x.example:v@victim.example>\r\n", AuthorResult::Unusable, "route address"),
    (
        "two brackets",
        b"From: <v@victim.example><a@attack.example>\r\n",
        AuthorResult::Unusable,
        "two addresses without a comma",
    ),
    (
        "two brackets with a comment between",
        b"From: <a@attack.example>(x)<v@victim.example>\r\n",
        AuthorResult::Unusable,
        "two addresses without a comma",
    ),
    (
        "an address before the brackets",
        b"From: v@victim.example <a@attack.example>\r\n",
        AuthorResult::Unusable,
        "address of another domain before the address",
    ),
    (
        "an address behind the brackets",
        b"From: <a@attack.example> v@victim.example\r\n",
        AuthorResult::Unusable,
        "text after an address",
    ),
    (
        "an encoded address beside another",
        b"From: =?utf-8?B?PHZAdmljdGltLmV4YW1wbGU+?=, <a@attack.example>\r\n",
        AuthorResult::Unusable,
        "encoded-word in an address",
    ),
    (
        "an encoded address in brackets",
        b"From: <=?utf-8?q?v=40victim.example=00?=@attack.example>\r\n",
        AuthorResult::Unusable,
        "encoded-word in an address",
    ),
    ("a domain cut by a NUL", b"From: v@victim.example\0.attack.example\r\n", AuthorResult::Unusable, "NUL in From"),
    (
        "a domain cut by an open comment",
        b"From: v@victim.example(.attack.example\r\n",
        AuthorResult::Unusable,
        "unclosed comment",
    ),
    (
        "a domain with a comment that goes on",
        b"From: <v@victim.example(.attack.example)>\r\n",
        AuthorResult::Unusable,
        "comment that looks like a part of the address",
    ),
    (
        "a domain cut by a quote",
        b"From: v@victim.example'.attack.example\r\n",
        AuthorResult::Unusable,
        "domain that is no valid name",
    ),
    (
        "a domain cut by white space",
        b"From: <v@victim.example .attack.example>\r\n",
        AuthorResult::Unusable,
        "domain broken by white space or a comment",
    ),
    ("two at signs", b"From: v@victim.example@attack.example\r\n", AuthorResult::Unusable, "two at signs"),
    (
        "an address in a quoted local part",
        b"From: \"v@victim.example>\"@attack.example\r\n",
        AuthorResult::Unusable,
        "address inside a quoted local part",
    ),
    (
        "a quoted string that never ends",
        b"From: \"v@victim.example <a@attack.example>\r\n",
        AuthorResult::Unusable,
        "unclosed quote",
    ),
    (
        "a folded line of white space",
        b"From: v@victim.example\r\n \r\n , a@attack.example\r\n",
        AuthorResult::Unusable,
        "blank line in From",
    ),
    (
        "fullwidth letters that a reader may fold",
        "From: v@ｖｉｃｔｉｍ.example\r\n".as_bytes(),
        AuthorResult::Unusable,
        "invalid internationalized domain",
    ),
    (
        "a backslash that Shift_JIS swallows",
        b"From: \"\x83\\\" <v@victim.example>, \" <a@attack.example>\r\n",
        AuthorResult::Unusable,
        "undeclared character set in From",
    ),
];

#[test]
fn no_composition_hides_the_author() {
    for (attack, raw, result, reason) in ATTACKS {
        let author = author(raw);
        assert_eq!((author.result, author.reason), (*result, Some(*reason)), "{attack}");
        assert_eq!(author.domain, None, "{attack}");
    }
}

/// Pretences that no grammar forbids: the author domain is clear, and a flag says what a reader may take it for.
const PRETENCES: &[(&str, &[u8], &str)] = &[
    ("an address for a name", b"\"v@victim.example\" <a@attack.example>", "address-in-display-name"),
    (
        "an encoded address for a name",
        b"=?utf-8?B?PHZAdmljdGltLmV4YW1wbGU+?= <a@attack.example>",
        "address-in-display-name",
    ),
    ("escaped quotes in the name", b"\"v\\@victim.example\\\" <\" <a@attack.example>", "address-in-display-name"),
    ("an address in a comment before", b"(v@victim.example) <a@attack.example>", "address-in-comment"),
    ("an address in a comment behind", b"<a@attack.example> (v@victim.example)", "address-in-comment"),
    ("an address in the second comment", b"<a@attack.example> (x.y) (v@victim.example)", "address-in-comment"),
    ("a name that turns its direction", "\"\u{202e}elpmaxe.mitciv@v\" <a@attack.example>".as_bytes(), "bidi-controls"),
];

#[test]
fn pretences_are_flagged() {
    for (pretence, value, flag) in PRETENCES {
        let author = from(value);
        assert_eq!(author.domain, DomainName::parse("attack.example").ok(), "{pretence}");
        assert!(author.flags.contains(flag), "{pretence}: {:?}", author.flags);
    }
}

#[test]
fn the_rest_of_the_header_is_flagged() {
    let found = author(
        b"From: a@x.org, b@x.org\r\nSubject: a\r\nsubject : b\r\nTo: a\xff\r\nX: a\rb\nc\0\r\n \r\n d\r\n\t\r\nCc: y\r\n",
    );
    let expected = [
        "space-before-colon",
        "bare-cr-in-header",
        "bare-lf-in-header",
        "line-behind-bare-break",
        "blank-folded-line",
        "blank-last-line",
        "nul-in-header",
        "not-utf8",
        "no-date",
        "duplicate-subject",
        "several-authors",
        "sender-missing",
    ];
    assert_eq!(found.result, AuthorResult::Ok);
    for flag in expected {
        assert!(found.flags.contains(&flag), "{flag}: {:?}", found.flags);
    }
    assert_eq!(found.flags.len(), expected.len(), "{:?}", found.flags);
    let no_fields = author(b"Date: x\r\nFrom: a@x.org\r\nCc\x01: y\r\nno colon\r\n");
    assert_eq!(
        (no_fields.reason, &*no_fields.flags),
        (Some("a line that is no field"), &["odd-field-name", "colonless-line"][..])
    );
    let long = [&b"Date: x\r\nFrom : a@x.org\r\nSubject: "[..], &[b'x'; 999], b"\r\n"].concat();
    assert_eq!(author(&long).flags, ["space-before-colon", "long-line"]);
}

#[test]
fn every_conclusion_has_its_sentence() {
    for lang in Lang::ALL {
        let speech = Speech::new(lang, sekisho_mail::speech::sources(lang)).unwrap();
        let pretences = PRETENCES.iter().map(|(_, value, _)| [b"From: ", *value, b"\r\n"].concat());
        for raw in ATTACKS.iter().map(|(_, raw, ..)| raw.to_vec()).chain(pretences) {
            let (author, steps) = judge(&Header::parse(&raw));
            assert!(steps.iter().any(|step| step.result == Some(author.result.as_str())));
            for step in steps {
                let id = step.rule.id.replace('.', "-");
                assert_eq!(speech.check(&id, &step.arguments), Ok(()));
                assert!(!speech.step(&step).chars().any(char::is_control), "{}", step.rule.id);
            }
        }
    }
}

#[test]
fn huge_and_deep_fields_are_read_to_their_end() {
    let many = "a@x.org,\r\n ".repeat(400_000) + "b@y.org";
    assert_eq!(from(many.as_bytes()).reason, Some("several author domains"));
    for open in ["(", "<", "\"", "[", "=?utf-8?q?", "a@b <", "x:", "\\", "(\\"] {
        assert_ne!(from(open.repeat(200_000).as_bytes()).result, AuthorResult::Ok, "{open}");
    }
    let fields = "From: a@x.org\r\n".repeat(50_000);
    assert_eq!(author(fields.as_bytes()).reason, Some("several From fields"));
    let breaks = [b"X: ".to_vec(), b"\r \n\t".repeat(200_000), b".\r\nFrom: a@x.org\r\n".to_vec()].concat();
    assert_eq!(author(&breaks).result, AuthorResult::Ok);
}

/// An address as it is meant.
#[derive(Clone, Debug, PartialEq)]
struct Meant {
    /// The display name.
    name: Option<String>,
    /// The local part.
    local: String,
    /// The domain.
    domain: String,
}

/// Makes an address, and one of the ways to write it.
fn written() -> impl Strategy<Value = (Meant, String)> {
    let gap = prop::sample::select(vec!["", " ", "\r\n ", "(c)", " (a (b) \\) ) ", "\t"]);
    let name = prop::option::of("[a-zA-Z0-9 ,.<>@\"\\\\関所é;:-]{1,12}");
    let local = prop_oneof!["[a-z0-9!#$%&'*+/=^_{|}~-]{1,8}(\\.[a-z0-9]{1,4}){0,2}", "[a-z \"\\\\()<>,;:関]{1,8}",];
    let domain = "[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?(\\.[a-z]{2,6}){1,2}";
    (name, local, domain, gap.clone(), gap).prop_map(|(name, local, domain, before, behind)| {
        let quote = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let is_dot_atom = !local.contains(|c: char| " \"\\()<>,;:".contains(c));
        let spec = if is_dot_atom { local.clone() } else { quote(&local) };
        let address = match &name {
            Some(name) => format!("{before}{}{behind}<{before}{spec}{behind}@{before}{domain}{behind}>", quote(name)),
            None => format!("{before}{spec}@{domain}{behind}"),
        };
        (Meant { name, local, domain }, address)
    })
}

/// Pieces of From fields, good and bad.
fn soup() -> impl Strategy<Value = String> {
    let pieces = [
        "a@attack.example",
        " <a@attack.example>",
        "v@victim.example",
        "<",
        ">",
        ",",
        ";",
        ":",
        " ",
        "(",
        ")",
        "\"",
        "\\",
        "@",
        ".",
        "[",
        "]",
        "\r\n ",
        "\r",
        "\n",
        "\0",
        "\x1b",
        "関",
        "\u{200b}",
        "=?utf-8?q?v=40victim.example?=",
        "From:",
        "Joe",
        "Joe ",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn lists_are_read_as_they_are_meant(list in prop::collection::vec(written(), 1..8), group in any::<bool>()) {
        let text = list.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(",");
        let text = if group { format!("us:{text};") } else { text };
        let mut entries = Addresses::parse(text.as_bytes());
        if group {
            prop_assert_eq!(entries.next(), Some(Entry::Group(b"us")));
        }
        for (meant, text) in &list {
            let Some(Entry::Mailbox(read)) = entries.next() else { panic!("{text:?} is not read") };
            let name = read.angle.then(|| display(read.phrase));
            prop_assert_eq!(&*read.local, meant.local.as_bytes());
            prop_assert_eq!(&*read.domain, meant.domain.as_bytes());
            prop_assert_eq!(&name, &meant.name);
            prop_assert_eq!(read.in_group, group);
        }
        prop_assert_eq!(entries.next(), None);
        prop_assert!(entries.oddities().is_empty());
    }

    #[test]
    fn a_victim_never_goes_unnoticed(value in soup()) {
        let author = from(value.as_bytes());
        if author.domain == DomainName::parse("attack.example").ok() && value.contains("victim.example") {
            let noticed = ["address-in-display-name", "address-in-comment"];
            prop_assert!(noticed.iter().any(|flag| author.flags.contains(flag)), "{author:?}");
        }
    }

    #[test]
    fn any_octets_are_judged(raw in prop::collection::vec(any::<u8>(), 0..400), value in soup()) {
        for raw in [raw, value.into_bytes()] {
            let found = author(&raw);
            prop_assert_eq!(found.domain.is_some(), found.result == AuthorResult::Ok);
            prop_assert_eq!(found.reason.is_none(), found.result == AuthorResult::Ok);
            let inside = from(&raw);
            prop_assert_eq!(inside.reason.is_none(), inside.result == AuthorResult::Ok);
            for entry in Addresses::parse(&raw) {
                if let Entry::Mailbox(mailbox) = entry {
                    display(mailbox.phrase);
                }
            }
        }
    }
}
