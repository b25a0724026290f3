//! No octet of what was signed can be changed

use std::sync::LazyLock;

use proptest::prelude::*;
use sekisho_core::zone::Zone;
use sekisho_mail::verdict::DkimResult;

use super::{ByHand, judge, usual_zone};

/// Signed mails: by RSA and Ed25519, each simple and relaxed.
static MAILS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mails = ["a=ed25519-sha256; c=simple/simple; s=ed", "a=rsa-sha256; c=simple/simple; s=rsa"]
        .iter()
        .flat_map(|kind| [kind.to_string(), kind.replace("simple/simple", "relaxed/relaxed")])
        .map(|kind| ByHand {
            tags: format!("v=1; {kind}; d=example.org; h=from:to:subject:cc:from; bh={{bh}}"),
            header: "From: Hana <hana@example.org>\r\nTo: ken@example.net\r\nSubject: Tea at three\r\n",
            body: "Will you come?\r\n\r\nHana\r\n".into(),
        });
    mails.map(|mail| mail.sign()).collect()
});
/// Their world.
static WORLD: LazyLock<Zone> = LazyLock::new(usual_zone);

/// Tells whether any signature passes.
fn passes(mail: &[u8]) -> bool {
    judge(mail, &WORLD).iter().any(|verdict| verdict.result == DkimResult::Pass)
}

/// Returns how many octets stand before the value of `b=`, and where the value ends.
fn signature_value(mail: &[u8]) -> (usize, usize) {
    let start = mail.windows(5).position(|window| window == b"; b=\"" || &window[..4] == b"; b=").unwrap() + 4;
    (start, start + mail[start..].iter().position(|&b| b == b'\r').unwrap())
}

#[test]
fn untouched_they_pass() {
    assert!(MAILS.iter().all(|mail| passes(mail)));
}

#[test]
fn every_single_octet_matters_where_all_is_simple() {
    for mail in [&MAILS[0], &MAILS[2]] {
        let (start, end) = signature_value(mail);
        for at in (0..start).chain(end..mail.len()) {
            for change in [1, 0x20, 0x80] {
                let mut changed = mail.clone();
                changed[at] ^= change;
                assert!(!passes(&changed), "octet {at} changed by {change:#x}: {}", changed.escape_ascii());
            }
        }
    }
}

#[test]
fn every_bit_of_the_signature_matters() {
    for mail in MAILS.iter() {
        let (start, end) = signature_value(mail);
        for at in start..end {
            let mut changed = mail.clone();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(!passes(&changed), "octet {at}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn nothing_that_can_be_seen_can_be_put_in_taken_out_or_exchanged(
        which in 0usize..4,
        at in any::<proptest::sample::Index>(),
        octet in 0x21u8..0x7f,
        way in 0u8..3,
    ) {
        let mail = &MAILS[which];
        let (start, end) = signature_value(mail);
        let places: Vec<usize> = (0..start).chain(end..mail.len()).filter(|&at| mail[at].is_ascii_graphic()).collect();
        let at = places[at.index(places.len())];
        // Field names have no case in the relaxed way.
        prop_assume!(way != 1 || !mail[at].eq_ignore_ascii_case(&octet));
        let mut changed = mail.clone();
        match way {
            0 => changed.insert(at, octet),
            1 => changed[at] = octet,
            _ => {
                changed.remove(at);
            }
        }
        prop_assert!(!passes(&changed), "{}", changed.escape_ascii());
    }

    #[test]
    fn arbitrary_mails_and_keys_make_nothing_panic(
        tags in "([a-z]{1,2}=[ -~]{0,12};){0,6}",
        header in "([A-Za-z]{1,8}:?[ -~\r\n\t]{0,20}){0,4}",
        record in "[ -~]{0,40}",
        body in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut zone = Zone::default();
        let at = super::name("s._domainkey.example.org");
        zone.add(at, sekisho_core::facts::Record::Txt(vec![record.into_bytes().into()]));
        let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        for base in ["", &format!("v=1;a=rsa-sha256;d=example.org;s=s;h=from:to;bh={hash};b=AAAA;")] {
            let mail = [format!("DKIM-Signature: {base}{tags}\r\n{header}\r\n\r\n").as_bytes(), &body].concat();
            prop_assert!(!passes(&mail));
        }
    }
}
