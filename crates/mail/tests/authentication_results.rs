//! Authentication-Results: what is written is read back, and what is forged is found, in every dress.

use proptest::prelude::*;
use sekisho_core::name::DomainName;
use sekisho_mail::authentication_results::{AuthenticationResults, MethodResult, Property, forged};
use sekisho_mail::header::Header;
use sekisho_mail::verdict::{
    Action, ArcResult, ArcVerdict, Author, AuthorResult, Disposition, DkimResult, DkimVerdict, DmarcResult,
    DmarcVerdict, Identity, Mechanism, SpfResult, SpfVerdict, Verdict,
};

/// Returns a domain name.
fn name(text: &str) -> DomainName {
    DomainName::parse(text).expect("a valid name")
}

/// Returns the verdict on a mail that passed, more or less.
fn verdict() -> Verdict {
    let spf = |identity, domain: &str| SpfVerdict {
        result: SpfResult::Pass,
        identity,
        domain: domain.to_owned(),
        name: DomainName::parse(domain).ok(),
        explanation: None,
        lookups: 0,
        void_lookups: 0,
    };
    let dkim = |result, reason, field| DkimVerdict {
        result,
        domain: Some(name("example.org")),
        selector: Some(name("s1")),
        algorithm: Some("rsa-sha256".into()),
        testing: false,
        has_length: false,
        reason,
        field,
        gap: None,
    };
    Verdict {
        action: Action::Accept,
        grounds: Vec::new(),
        author: Author {
            result: AuthorResult::Ok,
            domain: Some(name("example.org")),
            addresses: Vec::new(),
            reason: None,
            flags: Vec::new(),
        },
        spf: Some(spf(Identity::MailFrom, "example.org")),
        spf_helo: Some(spf(Identity::Helo, "evil\";\r\n x=y.example")),
        dkim: vec![dkim(DkimResult::Pass, None, 0), dkim(DkimResult::Fail, Some("the body differs"), 1)],
        arc: ArcVerdict { result: ArcResult::None, instances: 0, sealers: Vec::new(), overrides: false, reason: None },
        dmarc: DmarcVerdict {
            result: DmarcResult::Pass,
            domain: Some(name("example.org")),
            organizational_domain: None,
            policy_domain: Some(name("example.org")),
            policy: Some(Disposition::Reject),
            testing: false,
            aligned: vec![Mechanism::Spf],
            disposition: Disposition::None,
            record: None,
        },
        steps: Vec::new(),
    }
}

#[test]
fn a_verdict_is_told_to_others() {
    let header = Header::parse(b"DKIM-Signature: v=1; bh=xx; b = ab\r\n cd/+efgh; d=x\r\nDKIM-Signature: b=\"\r\n");
    let told = AuthenticationResults::of(&verdict(), &header, "2001:db8::1".parse().ok(), "mx.example.net");
    assert_eq!(
        told.to_field(),
        "Authentication-Results: mx.example.net;\r\n\
         \tspf=pass smtp.mailfrom=example.org;\r\n\
         \tspf=pass;\r\n\
         \tdkim=pass header.d=example.org header.s=s1 header.a=rsa-sha256\r\n\
         \theader.b=\"abcd/+ef\";\r\n\
         \tdkim=fail reason=\"the body differs\" header.d=example.org header.s=s1\r\n\
         \theader.a=rsa-sha256;\r\n\
         \tarc=none smtp.remote-ip=\"2001:db8::1\";\r\n\
         \tdmarc=pass (p=reject dis=none) header.from=example.org policy.dmarc=reject"
    );
}

#[test]
fn without_an_author_dmarc_says_why() {
    let mut verdict = verdict();
    verdict.author.reason = Some("several From fields");
    verdict.dkim.clear();
    verdict.dmarc =
        DmarcVerdict { result: DmarcResult::Permerror, domain: None, policy: None, ..verdict.dmarc.clone() };
    let field = AuthenticationResults::of(&verdict, &Header::parse(b""), None, "mx.example.net").to_field();
    assert!(field.contains("\tdkim=none;\r\n"), "{field}");
    assert!(field.ends_with("\tdmarc=permerror reason=\"several From fields\""), "{field}");
}

#[test]
fn all_of_many_forged_fields_are_found() {
    let field = "Authentication-Results: mx.example.org; dmarc=pass header.from=victim.example\r\n";
    let raw = field.repeat(50) + "From: a@attack.example\r\n" + field;
    let expected: Vec<usize> = (0..50).chain([51]).collect();
    assert_eq!(forged(&Header::parse(raw.as_bytes()), "mx.example.org"), expected);
    let huge = format!("Authentication-Results: mx.example.org{}\r\n", "; dkim=pass".repeat(10_000));
    assert_eq!(forged(&Header::parse(huge.as_bytes()), "MX.example.org."), [0]);
    let breaks = "X: y".to_owned() + &"\nAuthentication-Results:(".repeat(20_000) + "\r\n";
    assert_eq!(forged(&Header::parse(breaks.as_bytes()), "mx.example.org"), [0]);
    let nested = "X: y".to_owned() + &"\nAuthentication-Results: a(".repeat(20_000) + &")".repeat(20_000);
    assert_eq!(forged(&Header::parse(nested.as_bytes()), "mx.example.org"), [0]);
}

/// Makes a field of any content.
fn fields() -> impl Strategy<Value = AuthenticationResults> {
    let value = || prop_oneof!["[a-z0-9.-]{1,20}", "[ -~]{1,30}", "[a-z.+]{0,8}@[a-z]{1,9}\\.[a-z]{2,5}"];
    let property = ("(smtp|header|policy|body)", "[a-z][a-z-]{0,8}", value());
    let property = property.prop_map(|(kind, name, value)| Property { kind: kind.into(), name: name.into(), value });
    let version = || prop::option::of(0u32..1000);
    let result = (
        "[a-z][a-z0-9-]{0,10}",
        version(),
        "[a-z]{1,9}",
        prop::option::of("[ -~]{1,40}"),
        prop::collection::vec(property, 0..5),
    );
    let result = result.prop_map(|(method, version, result, reason, properties)| MethodResult {
        method: method.into(),
        version,
        result: result.into(),
        comment: None,
        reason,
        properties,
    });
    (value(), version(), prop::collection::vec(result, 0..6))
        .prop_map(|(authserv_id, version, results)| AuthenticationResults { authserv_id, version, results })
}

/// Dresses our name up so that some reader still reads it.
fn dressed(id: &str, dress: usize, gap: &str) -> String {
    let quoted = format!("\"{id}\"");
    match dress {
        0 => format!("{gap}{id}{gap}"),
        1 => format!("{gap}{quoted}{gap}"),
        2 => format!("{gap}{}{gap}", id.to_uppercase()),
        3 => format!("{gap}{id}.{gap}"),
        4 => format!("{gap}{id} 1"),
        5 => format!("{gap}{}", id.replace('.', &format!("{gap}."))),
        6 => format!("{gap}{id}/1{gap}"),
        7 => format!("{gap}\"{}\"", id.chars().map(|c| format!("\\{c}")).collect::<String>()),
        8 => format!("{gap}{id}(.other.example"),
        _ => format!("{gap}=?utf-8?q?{id}?="),
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(field in fields(), comment in prop::option::of("[ -~]{0,30}")) {
        let mut commented = field.clone();
        if let Some(first) = commented.results.first_mut() {
            first.comment = comment;
        }
        let written = commented.to_field();
        let raw = format!("{written}\r\n");
        let header = Header::parse(raw.as_bytes());
        prop_assert_eq!(header.fields().len(), 1);
        prop_assert_eq!(AuthenticationResults::parse(header.fields()[0].value()), Ok(field));
        for line in written.split("\r\n") {
            let fits = line.len() <= 78 || !line.trim_start().contains(' ') || line.contains('"') || line.contains('(');
            prop_assert!(fits, "{line}");
        }
    }

    #[test]
    fn every_forged_variant_is_found(
        field in fields(),
        id in "[a-z]{2,8}\\.[a-z0-9-]{2,8}\\.(example|org)",
        dress in 0usize..10,
        gap in prop::sample::select(vec!["", " ", "\r\n\t", "(c)", " (a (b) c) ", "(\\))"]),
        odd_name in prop::sample::select(vec![
            "Authentication-Results:", "AUTHENTICATION-RESULTS :", "Authentication\x01-Results:", "Authentication-Results\r\n :",
        ]),
    ) {
        let written = field.to_field();
        let rest = written.split_once(';').map_or("none", |(_, rest)| rest);
        let raw = format!("To: x\r\n{odd_name}{};{rest}\r\nFrom: y\r\n", dressed(&id, dress, gap));
        prop_assert_eq!(forged(&Header::parse(raw.as_bytes()), &id), [1]);
        let other = format!("other.{id}");
        let stays = format!("To: x\r\n{odd_name} {other};{rest}\r\n");
        prop_assert_eq!(forged(&Header::parse(stays.as_bytes()), &id), [0usize; 0]);
    }

    #[test]
    fn any_octets_are_read(raw in prop::collection::vec(any::<u8>(), 0..200), text in "[a-z0-9;=.\"\\\\() /@\r\n\t-]{0,80}") {
        for value in [raw, text.into_bytes()] {
            let _ = AuthenticationResults::parse(&value);
            let raw = [b"Authentication-Results: ", value.as_slice(), b"\r\n"].concat();
            forged(&Header::parse(&raw), "mx.example.org");
            forged(&Header::parse(&value), "mx.example.org");
        }
    }
}
