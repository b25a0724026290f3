//! What is signed verifies, and looks as it should

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use proptest::prelude::*;
use sekisho_core::facts::Record;
use sekisho_core::presentation::split_string;
use sekisho_core::zone::Zone;
use sekisho_mail::body::{BodyHasher, BodyPlan, Canonicalization};
use sekisho_mail::dkim::Algorithm;
use sekisho_mail::dkim::sign::{SignError, Signer, sign_all};
use sekisho_mail::dkim::signing_key::{BadKey, NewKey, SigningKey};
use sekisho_mail::message::Message;
use sekisho_mail::verdict::DkimResult;

use super::{NOW, der, judge, moment, name, pem, vector};

/// Returns a signer of example.org.
fn signer(key: &str) -> Signer {
    Signer::new(name("example.org"), name(key), SigningKey::from_pem(&pem(key)).unwrap())
}

/// Returns the world where the keys of these signers are published.
fn world(signers: &[Signer]) -> Zone {
    let mut zone = Zone::default();
    for signer in signers {
        let at = name(&format!("{}._domainkey.{}", signer.selector, signer.domain));
        zone.add(at, Record::Txt(split_string(signer.key.record().as_bytes())));
    }
    zone
}

/// Signs a mail and returns the fields.
fn fields(signers: &[Signer], mail: &[u8]) -> Result<Vec<u8>, SignError> {
    let message = Message::parse(mail);
    let mut plan = BodyPlan::new();
    signers.iter().for_each(|signer| signer.plan(&mut plan));
    let mut hasher = BodyHasher::new(&plan);
    message.body().for_each(|piece| hasher.update(&piece));
    sign_all(signers, &message.header(), &hasher.finish(), moment(NOW))
}

/// Signs a mail.
fn signed(signers: &[Signer], mail: &[u8]) -> Vec<u8> {
    [fields(signers, mail).unwrap(), mail.to_vec()].concat()
}

/// Returns the reasons of every signature.
fn reasons(mail: &[u8], zone: &Zone) -> Vec<Option<&'static str>> {
    judge(mail, zone).into_iter().map(|verdict| verdict.reason).collect()
}

/// A mail with some of everything.
const MAIL: &[u8] = b"Received: by a\r\nFrom: Hana <hana@example.org>\r\nTo: ken@example.net,\r\n\tada@example.net\r\n\
    Subject: =?utf-8?q?caf=C3=A9?=\r\nList-Unsubscribe: <mailto:no@example.org>\r\n\r\nOne  \r\ntwo\tthree\r\n\r\n\r\n";

#[test]
fn several_keys_sign_the_same_mail() {
    let mut signers = vec![signer("rsa2048"), signer("ed25519"), signer("rsa4096")];
    signers[1].header = Canonicalization::Simple;
    signers[2].body = Canonicalization::Simple;
    let mail = signed(&signers, MAIL);
    assert_eq!(reasons(&mail, &world(&signers)), [None; 3]);
    let results: Vec<_> = judge(&mail, &world(&signers)).iter().map(|verdict| verdict.result).collect();
    assert_eq!(results, [DkimResult::Pass; 3]);
}

#[test]
fn fields_are_folded_and_always_the_same() {
    let mut signers = vec![signer("rsa4096"), signer("ed25519")];
    signers[0].expire_after = Some(86_400);
    signers[0].identity = Some("a=b;ä@mail.example.org".into());
    let text = String::from_utf8(fields(&signers, MAIL).unwrap()).unwrap();
    assert!(text.lines().all(|line| line.len() <= 78), "{text}");
    assert!(text.starts_with("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;"));
    assert!(text.contains("i=a=3Db=3B=C3=A4@mail.example.org"), "{text}");
    assert!(text.contains(&format!("t={NOW}; x={}", NOW + 86_400)), "{text}");
    assert_eq!(text.as_bytes(), fields(&signers, MAIL).unwrap());
    assert_eq!(reasons(&signed(&signers, MAIL), &world(&signers)), [None, None]);
}

#[test]
fn fields_that_are_added_break_what_was_oversigned() {
    let signers = [signer("rsa2048")];
    let mail = signed(&signers, MAIL);
    for added in [
        "From: x@example.com",
        "Subject: other",
        "Reply-To: x@example.com",
        "To: x",
        "Cc: x",
        "Date: Thu, 1 Jan 2026 00:00:00 +0000",
        "Message-ID: <x@example.com>",
        "MIME-Version: 1.0",
        "Content-Type: text/html",
        "Content-Transfer-Encoding: base64",
        "Content-Disposition: attachment",
    ] {
        let mail = [added.as_bytes(), b"\r\n", &mail].concat();
        assert_eq!(reasons(&mail, &world(&signers)), [Some("header differs")], "{added}");
    }
    for added in ["Received: by b", "X-Note: seen", "DKIM-Signature: v=1; s=x"] {
        let mail = [added.as_bytes(), b"\r\n", &mail].concat();
        assert_eq!(*reasons(&mail, &world(&signers)).last().unwrap(), None, "{added}");
    }
}

#[test]
fn what_cannot_be_signed_says_why() {
    let refused = |change: fn(&mut Signer), mail: &[u8]| {
        let mut signer = signer("ed25519");
        change(&mut signer);
        fields(&[signer], mail).unwrap_err()
    };
    assert_eq!(refused(|_| {}, b"To: x\r\n\r\n"), SignError::NoFrom);
    assert_eq!(
        refused(|s| s.identity = Some("a@example.com".into()), MAIL),
        SignError::BadIdentity("a@example.com".into())
    );
    assert_eq!(refused(|s| s.oversigned.push("a:b".into()), MAIL), SignError::BadFieldName("a:b".into()));
    assert_eq!(refused(|s| s.selector = name("a;b"), MAIL), SignError::BadName(name("a;b")));
    assert_eq!(refused(|s| s.selector = name(&["a"; 123].join(".")), MAIL), SignError::NameTooLong);
    let message = Message::parse(MAIL);
    let nothing = BodyHasher::new(&BodyPlan::new()).finish();
    assert_eq!(signer("ed25519").sign(&message.header(), &nothing, moment(NOW)), Err(SignError::BodyNotHashed));
}

#[test]
fn keys_are_read_written_and_published() {
    for key in ["rsa2048", "rsa4096", "ed25519"] {
        let read = SigningKey::from_pem(&pem(key)).unwrap();
        assert_eq!(SigningKey::from_pem(&read.to_pem().unwrap()).unwrap().record(), read.record(), "{key}");
        assert_eq!(SigningKey::from_der(&der(&pem(key))).unwrap().record(), read.record(), "{key}");
        assert!(!format!("{read:?}").contains("Ed25519KeyPair"));
    }
    let record = SigningKey::from_pem(&pem("rsa2048")).unwrap().record();
    assert_eq!(SigningKey::from_pem(&pem("rsa2048.pkcs1")).unwrap().record(), record);
    // RFC 8463 §A.1 and §A.2.
    let seed = b"\x9d\x61\xb1\x9d\xef\xfd\x5a\x60\xba\x84\x4a\xf4\x92\xec\x2c\xc4\x44\x49\xc5\x69\x7b\x32\x69\x19\x70\x3b\xac\x03\x1c\xae\x7f\x60";
    let key = SigningKey::from_seed(seed).unwrap();
    assert_eq!(
        key.dns_record(&name("brisbane"), &name("football.example.com")),
        "brisbane._domainkey.football.example.com. IN TXT \"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\""
    );
    let long = SigningKey::from_pem(&pem("rsa4096")).unwrap().dns_record(&name("s"), &name("example.org"));
    assert!(long.starts_with("s._domainkey.example.org. IN TXT ( \"v=DKIM1; k=rsa; p=") && long.ends_with("\" )"));
    assert_eq!(SigningKey::from_pem("hello").unwrap_err(), BadKey::NoPem);
    assert_eq!(
        SigningKey::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----").unwrap_err(),
        BadKey::Unreadable
    );
    assert_eq!(
        SigningKey::from_pem("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----")
            .unwrap_err(),
        BadKey::Encrypted
    );
    assert!(String::from_utf8(vector("README.md")).unwrap().contains("test keys"));
}

#[test]
fn new_keys_sign() {
    for kind in [NewKey::Ed25519, NewKey::Rsa2048] {
        let key = SigningKey::generate(kind, &SystemRandom::new()).unwrap();
        let signers = [Signer::new(name("example.org"), name("new"), key)];
        assert_eq!(reasons(&signed(&signers, MAIL), &world(&signers)), [None]);
    }
}

#[test]
fn a_key_kept_elsewhere_signs_and_may_refuse() {
    let pair = Ed25519KeyPair::from_pkcs8(&der(&pem("ed25519"))).unwrap();
    let public = aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref().to_vec();
    let sign = move |hash: &[u8; 32]| Some(pair.sign(hash).as_ref().to_vec());
    let key = SigningKey::elsewhere(Algorithm::Ed25519Sha256, public, sign);
    let signers = [Signer::new(name("example.org"), name("away"), key)];
    assert_eq!(reasons(&signed(&signers, MAIL), &world(&signers)), [None]);
    let shut = SigningKey::elsewhere(Algorithm::RsaSha256, vec![], |_| None);
    assert_eq!(fields(&[Signer::new(name("example.org"), name("away"), shut)], MAIL), Err(SignError::Refused));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_signed_verifies(
        fields in proptest::collection::vec(
            ("(To|cc|Subject|Received|X-Odd|Content-Type|References|DKIM-Signature)", "( |\t)?", "([ -~]{0,30}|\r\n [a-z]{1,9}|\t{1,3}|é){0,6}"),
            0..12,
        ),
        from in 0usize..12,
        body in "([ -~\t]{0,40}(\r\n|\n|\r)?){0,8}",
        ways in proptest::collection::vec(any::<bool>(), 4),
        is_rsa in any::<bool>(),
    ) {
        let mut header: Vec<String> = fields.iter().map(|(name, space, value)| format!("{name}{space}:{value}\r\n")).collect();
        header.insert(from.min(header.len()), "From: Hana <hana@example.org>\r\n".into());
        let how = |relaxed: bool| if relaxed { Canonicalization::Relaxed } else { Canonicalization::Simple };
        let mut signer = signer(if is_rsa { "rsa2048" } else { "ed25519" });
        (signer.header, signer.body) = (how(ways[0]), how(ways[1]));
        signer.signed.push("X-Odd".into());
        signer.signed.push("DKIM-Signature".into());
        let signers = [signer];
        let mail = header.concat() + "\r\n" + &body;
        let verdicts = judge(&signed(&signers, mail.as_bytes()), &world(&signers));
        prop_assert_eq!(verdicts[0].reason, None);
    }
}
