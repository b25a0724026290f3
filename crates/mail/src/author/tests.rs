//! Cases of one rule each; whole attacks are in `tests/author.rs`.

use super::*;

/// Judges a header of a From field with this value, and a date.
fn from(value: impl AsRef<[u8]>) -> Author {
    let raw = [b"Date: x\r\nFrom: ", value.as_ref(), b"\r\nTo: b@example.net\r\n"].concat();
    judge(&Header::parse(&raw)).0
}

/// Returns the author domain, or the reason why there is none.
fn domain(value: impl AsRef<[u8]>) -> Result<String, &'static str> {
    let author = from(value);
    assert_eq!(author.result == AuthorResult::Ok, author.domain.is_some());
    author.domain.map(|name| name.to_string()).ok_or_else(|| author.reason.unwrap())
}

#[test]
fn what_the_grammar_allows_is_read() {
    for (value, expected) in [
        ("a@example.org", "example.org"),
        ("\"Joe Q. Public\" <john.q.public@example.com>", "example.com"),
        ("Joe Q. Public <john.q.public@example.com>", "example.com"),
        ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "silly.test"),
        ("John Doe <jdoe@machine(comment).  example>", "machine.example"),
        ("=?utf-8?q?J=C3=B6rg?=\r\n <j@Example.ORG>", "example.org"),
        ("=?utf-8?q?Firma_(Berlin)?= <a@example.org>", "example.org"),
        ("\"a b\"@example.org", "example.org"),
        ("a..b.@docomo.example.jp", "docomo.example.jp"),
        ("関所 <a@日本語.example>", "xn--wgv71a119e.example"),
        ("a@xn--wgv71a119e.example", "xn--wgv71a119e.example"),
        ("a@under_score.example", "under_score.example"),
        ("root@localhost", "localhost"),
        (", a@example.org,, b@EXAMPLE.org,", "example.org"),
        ("a@example.org (A Name)", "example.org"),
        ("a@example.org <a@example.org>", "example.org"),
    ] {
        assert_eq!(domain(value).as_deref(), Ok(expected), "{value}");
    }
}

#[test]
fn every_doubt_has_its_reason() {
    for (value, reason) in [
        (&b""[..], fault::EMPTY_FROM.reason),
        (b" (nobody) ,", fault::EMPTY_FROM.reason),
        (b"a@x.org, b@y.org", fault::SEVERAL_DOMAINS.reason),
        (b"undisclosed:;", fault::GROUP.reason),
        (b"us: a@x.org, b@x.org;", fault::GROUP_MEMBERS.reason),
        (b"a@x.org\0", fault::NUL.reason),
        (b"a@x.org\n b", fault::BARE_BREAK.reason),
        (b"a@x.org\r", fault::BARE_BREAK.reason),
        ("a\u{2028} <a@x.org>".as_bytes(), fault::HIDDEN_BREAK.reason),
        ("a@x.org\u{85}From: <v@v.org>".as_bytes(), fault::HIDDEN_BREAK.reason),
        (b"a@x.org\x0bFrom: <v@v.org>", fault::CONTROL.reason),
        (b"a\r\n \r\n <a@x.org>", fault::BLANK_LINE.reason),
        (b"\x1b$B4X\x1b(B <a@x.org>", fault::CONTROL.reason),
        (b"\"\x83\\\" <v@v.org>, \" <a@x.org>", fault::UNDECLARED_CHARSET.reason),
        (b"\"a <a@x.org>", fault::UNCLOSED_QUOTE.reason),
        (b"a@x.org(.v.org", fault::UNCLOSED_COMMENT.reason),
        (b"<a@x.org", fault::UNCLOSED_ANGLE.reason),
        (b"a@[x.org", fault::UNCLOSED_LITERAL.reason),
        (b"Mailer Daemon", fault::NO_ADDRESS.reason),
        (b"Doe, John <j@x.org>", fault::NO_ADDRESS.reason),
        (b"<>", fault::EMPTY_ADDRESS.reason),
        (b"@x.org", fault::EMPTY_LOCAL.reason),
        (b"<@x.org>", fault::EMPTY_LOCAL.reason),
        (b"a@", fault::EMPTY_DOMAIN.reason),
        (b"<a@>", fault::EMPTY_DOMAIN.reason),
        (b"x@a.org@b.org", fault::TWO_AT_SIGNS.reason),
        (b"<x@a.org@b.org>", fault::TWO_AT_SIGNS.reason),
        (b"<@a.org,@b.org:x@c.org>", fault::ROUTE.reason),
        (b"a@[192.0.2.1]", fault::DOMAIN_LITERAL.reason),
        (b"a@x.org.", fault::TRAILING_DOT.reason),
        (b"a@.x.org", fault::BAD_DOMAIN.reason),
        (b"a@x..org", fault::BAD_DOMAIN.reason),
        (b"a@x'.org", fault::BAD_DOMAIN.reason),
        (b"a@192.0.2.1", fault::BAD_DOMAIN.reason),
        (b"a@\"x.org\"", fault::BAD_DOMAIN.reason),
        (b"a@xn--a-.org", fault::BAD_IDN.reason),
        (b"a@\xff.org", fault::BAD_IDN.reason),
        ("a@ｖｉｃｔｉｍ.org".as_bytes(), fault::BAD_IDN.reason),
        ("a@victim。org".as_bytes(), fault::BAD_IDN.reason),
        (b"a@v.org .x.org", fault::SPLIT_DOMAIN.reason),
        (b"a@v.org(c).x.org", fault::SPLIT_DOMAIN.reason),
        (b"=?utf-8?q?a=40v.org?=", fault::ENCODED_ADDRESS.reason),
        (b"=?utf-8?q?a?=@x.org", fault::ENCODED_ADDRESS.reason),
        (b"=?utf-8?q?\"?= <v@v.org>, \" <a@x.org>", fault::CROSSED_WORD.reason),
        (b"=?utf-8?q?V(?= <v@v.org>) <a@x.org>", fault::CROSSED_WORD.reason),
        (b"\"=?utf-8?q?\" <a@x.org> (?=\" <v@v.org> )", fault::CROSSED_WORD.reason),
        (b"a@x.org(.v.org)", fault::COMMENT_IN_ADDRESS.reason),
        (b"<(v@v.org)a@x.org>", fault::COMMENT_IN_ADDRESS.reason),
        (b"\"v@v.org\"@x.org", fault::QUOTED_AT.reason),
        (b"John a@x.org", fault::TEXT_BEFORE.reason),
        (b"<a@x.org> John", fault::TEXT_AFTER.reason),
        (b"a@x.org b@x.org", fault::TEXT_AFTER.reason),
        (b"<a@x.org> <b@v.org>", fault::SECOND_ANGLE.reason),
        (b"a@v.org <a@x.org>", fault::ADDRESS_BEFORE.reason),
        (b"a@x.org; b@v.org", fault::SEMICOLON.reason),
        (b"a@x.org\\,", fault::TEXT_AFTER.reason),
        (b"a: b: c@x.org;", fault::GROUP.reason),
        (b":a@x.org", fault::UNPARSEABLE.reason),
    ] {
        assert_eq!(domain(value), Err(reason), "{}", Visible(value));
    }
    let long = format!("a@{}.org", "x".repeat(64));
    assert_eq!(domain(&long), Err(fault::BAD_DOMAIN.reason));
    let deep = format!("{}{} a@x.org", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(domain(&deep), Err(fault::DEEP_COMMENT.reason));
}

#[test]
fn what_is_odd_but_clear_is_flagged() {
    for (value, flag) in [
        (&b"a@x.org, b@x.org"[..], flag::SEVERAL_AUTHORS.word),
        (b"a@x.org, b@x.org", flag::SENDER_MISSING.word),
        (b"a@localhost", flag::SINGLE_LABEL_DOMAIN.word),
        (b",a@x.org", flag::EMPTY_ELEMENT.word),
        (b"a@ x.org", flag::OBSOLETE_ADDRESS.word),
        (b"a.@x.org", flag::LOCAL_DOTS.word),
        (b"a@x.org <b@x.org>", flag::UNQUOTED_NAME.word),
        (b"\"v@v.org\" <a@x.org>", flag::NAME_ADDRESS.word),
        (b"=?utf-8?b?PHZAdi5vcmc+?= <a@x.org>", flag::NAME_ADDRESS.word),
        ("v＠v.org <a@x.org>".as_bytes(), flag::NAME_ADDRESS.word),
        ("ｖ＠ｖ．ｏｒｇ <a@x.org>".as_bytes(), flag::NAME_ADDRESS.word),
        ("\"v@v。org\" <a@x.org>".as_bytes(), flag::NAME_ADDRESS.word),
        ("\"v@v｡org\" <a@x.org>".as_bytes(), flag::NAME_ADDRESS.word),
        ("\"v@v\u{200b}.org\" <a@x.org>".as_bytes(), flag::NAME_ADDRESS.word),
        ("=?utf-8?b?dkB277yOb3Jn?= <a@x.org>".as_bytes(), flag::NAME_ADDRESS.word),
        (b"=?utf-7?q?v+AEA-v+AC4-org?= <a@x.org>", flag::NAME_ADDRESS.word),
        (b"a@x.org (v@v.org)", flag::COMMENT_ADDRESS.word),
        ("Рaypal <a@x.org>".as_bytes(), flag::MIXED_SCRIPTS.word),
        ("a@раураl.example".as_bytes(), flag::MIXED_SCRIPTS.word),
        ("a@раура.example".as_bytes(), flag::CONFUSABLE_DOMAIN.word),
        ("\"\u{202e}gro.v@v\" <a@x.org>".as_bytes(), flag::BIDI_CONTROLS.word),
        ("\"v\u{200b}\" <a@x.org>".as_bytes(), flag::INVISIBLE.word),
        (b"=?utf-8?q?a=00b?= <a@x.org>", flag::INVISIBLE.word),
        (b"\xffa <a@x.org>", flag::NOT_UTF8.word),
    ] {
        let author = from(value);
        assert_eq!(author.result, AuthorResult::Ok, "{} {:?}", Visible(value), author.reason);
        assert!(author.flags.contains(&flag), "{} {:?}", Visible(value), author.flags);
    }
    for value in [
        "a@x.org",
        "\"a@x.org\" <a@x.org>",
        "ａ＠ｘ．ｏｒｇ <a@x.org>",
        "山田 Taro太郎 <a@日本語.example>",
        "👩‍👧 x <a@münchen.example>",
    ] {
        assert_eq!(from(value).flags, [""; 0], "{value}");
    }
}

#[test]
fn addresses_are_named_harmlessly_and_not_without_end() {
    assert_eq!(from("\"a\\\"b\"@x.org, \u{202e}c@x.org").addresses, ["\"a\\\"b\"@x.org", "\\u{202e}c@x.org"]);
    assert_eq!(from("a@[192.0.2.1]").addresses, ["a@[192.0.2.1]"]);
    let many = from("a@x.org,".repeat(300_000));
    assert_eq!((many.addresses.len(), many.result), (ADDRESSES_MAX, AuthorResult::Ok));
}

#[test]
fn a_line_that_is_no_field_is_never_part_of_a_header() {
    for line in ["PAY", "PAY me: now", "P\u{1}: x", "Pé: x", ": x", "\u{a0}", "--", "<html>"] {
        let reason = |raw: String| judge(&Header::parse(raw.as_bytes())).0.reason;
        let before = format!("Date: x\r\n{line}\r\nFrom: a@x.org\r\nTo: b@y.org\r\n");
        assert_eq!(reason(before), Some(fault::NO_FIELD_BEFORE.reason), "{line:?}");
        for end in ["To: b@y.org\r\n", ""] {
            let behind = format!("Date: x\r\nFrom: a@x.org\r\n{line}\r\n{end}");
            assert_eq!(reason(behind), Some(fault::NO_FIELD.reason), "{line:?}");
        }
    }
}

#[test]
fn lines_of_white_space_are_told_apart_by_what_follows() {
    let author = |raw: &str| judge(&Header::parse(raw.as_bytes())).0;
    for (lines, flags) in [
        ("X: a\r\n \r\n b\r\nTo: c\r\n", &["blank-folded-line"][..]),
        ("X:\r\n\t\r\n \t \r\n\tb\r\nTo: c\r\n", &["blank-folded-line"]),
        ("X: a\r\n \r\n", &["blank-folded-line"]),
        ("X: a\r\n \r\nTo: c\r\n", &["blank-last-line"]),
        ("Subject:\r\n \t\r\nTo: c\r\n", &["blank-last-line"]),
        ("X: a\n \nTo: c\r\n", &["bare-lf-in-header", "blank-last-line", "line-behind-bare-break"]),
        ("X: a\r\n \u{a0}\r\nTo: c\r\n", &[]),
        ("X : a\r\nTo: c\r\n", &["space-before-colon"]),
    ] {
        let behind = author(&format!("Date: x\r\nFrom: a@x.org\r\n{lines}"));
        assert_eq!((behind.reason, &*behind.flags), (None, flags), "{lines:?}");
        let before = author(&format!("Date: x\r\n{lines}From: a@x.org\r\n"));
        let is_last = flags.contains(&"blank-last-line") || lines.ends_with(" \r\n");
        assert_eq!(before.reason, is_last.then_some(fault::BLANK_BEFORE.reason), "{lines:?}");
    }
}

#[test]
fn what_some_take_for_a_line_break_is_flagged_before_what_looks_like_a_field() {
    for hidden in ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\u{85}", "\u{2028}", "\u{2029}"] {
        for (rest, is_flagged) in [("From: v@v.org", true), ("X-Any :", true), ("just words", false), (" X: y", false)]
        {
            let raw = format!("Date: x\r\nFrom: a@x.org\r\nSubject: é{hidden}.{hidden}{rest}\r\n");
            let (author, _) = judge(&Header::parse(raw.as_bytes()));
            let expected: &[&str] = if is_flagged { &["hidden-line-break"] } else { &[] };
            assert_eq!((author.reason, &*author.flags), (None, expected), "{raw:?}");
        }
    }
}

#[test]
fn a_header_that_ends_early_to_some_readers_is_no_ground_to_trust_what_follows() {
    for hidden in ["X: a\n\nPAY\r\n", "X: a\r\rPAY\r\n", "X: a\n\r\nPAY: 1\r\n"] {
        let raw = format!("From: a@x.org\r\nDate: x\r\n{hidden}Subject: y\r\n");
        let (author, _) = judge(&Header::parse(raw.as_bytes()));
        assert_eq!(author.reason, Some("bare line break that ends the header"), "{hidden:?}");
    }
}

#[test]
fn text_behind_a_bare_break_is_a_line_to_some() {
    for (field, flags) in [
        ("X: a\nPay now\r\n", &["bare-lf-in-header", "line-behind-bare-break"][..]),
        ("X: a\rSubject: y\r\n", &["bare-cr-in-header", "line-behind-bare-break"]),
        ("X: a\n b\r\n", &["bare-lf-in-header"]),
        ("X: a\r\tb\r\n", &["bare-cr-in-header"]),
        ("X: a\n b\nc\r\n", &["bare-lf-in-header", "line-behind-bare-break"]),
        ("X: a\r\n b\r\n", &[]),
    ] {
        for raw in [format!("Date: x\r\n{field}From: a@x.org\r\n"), format!("From: a@x.org\r\nDate: x\r\n{field}")] {
            let (author, _) = judge(&Header::parse(raw.as_bytes()));
            assert_eq!((author.reason, &*author.flags), (None, flags), "{raw:?}");
        }
    }
}
