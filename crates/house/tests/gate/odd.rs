//! What Postfix loses of a header before any filter sees it, and what that costs a signature

use super::through::{MONITOR, Road, results};
use crate::hostile::signatures::sign_by_hand;
use crate::hostile::{ATTACKER, claim, signed_by, zone};

/// The victim's mail with another Subject field.
fn with_subject(field: &[u8]) -> Vec<u8> {
    let mail = claim("", "", "Hello.\r\n");
    let at = mail.windows(8).position(|part| part == b"Subject:").unwrap();
    let end = mail.windows(4).position(|part| part == b"\r\n\r\n").unwrap() + 2;
    [&mail[..at], field, &mail[end..]].concat()
}

/// Signs it octet by octet.
fn signed_simple(field: &[u8]) -> Vec<u8> {
    let tags = "v=1; a=ed25519-sha256; c=simple/simple; d=victim.example; s=s; h=from:to:subject; bh={bh}";
    sign_by_hand(tags, &with_subject(field), None)
}

#[test]
fn what_postfix_loses_of_a_signed_field_breaks_the_signature_for_everybody_behind_it() {
    let mut road = Road::new(MONITOR, zone());
    let long = format!("Subject: {}\r\n", "x".repeat(70_000)).into_bytes();
    for (name, field, shown) in [
        ("plain", &b"Subject: Pay at once\r\n"[..], "Subject: Pay at once\r\n"),
        ("a space before the colon", b"Subject : Pay at once\r\n", "Subject: Pay at once\r\n"),
        ("a NUL", b"Subject: Pay\0 at once\r\n", "Subject: Pay\r\n"),
        ("a lone CR", b"Subject: Pay\rat once\r\n", "Subject: Pay at once\r\n"),
    ] {
        let arrival = road.pass(ATTACKER, "x@attack.example", signed_simple(field));
        let header = String::from_utf8_lossy(arrival.header()).into_owned();
        let told = results(&arrival);
        // What the filter is shown is what is delivered: nobody can tell that there ever was more.
        assert!(header.contains(shown), "{name}: {header}");
        let is_whole = name == "plain";
        assert_eq!(told.contains("dkim=pass"), is_whole, "{name}: {told}");
        assert_eq!(told.contains("dmarc=pass"), is_whole, "{name}: {told}");
    }
    let arrival = road.pass(ATTACKER, "x@attack.example", signed_simple(&long));
    let kept = arrival.fields("Subject")[0].len();
    assert!((59_000..60_001).contains(&kept), "{kept}");
    let told = results(&arrival);
    assert!(!told.contains("dkim=pass") && !told.contains("dmarc=pass"), "{told}");
    // Relaxed, white space before the colon never counts (RFC 6376 §3.4.2), so nothing of weight is lost.
    let spaced = signed_by("victim.example", &with_subject(b"Subject : Pay at once\r\n"));
    let told = results(&road.pass(ATTACKER, "x@attack.example", spaced));
    assert!(told.contains("dkim=pass") && told.contains("dmarc=pass"), "{told}");
}
