//! Mails made to be costly end in a clear verdict (timings are the benchmarks' matter)

use sekisho_core::zone::Zone;
use sekisho_mail::verdict::DkimResult;

use super::{ByHand, NOW, hear, judge, usual_zone};

#[test]
fn fifty_thousand_signatures_cost_ten_and_ten_questions() {
    let one = |i: usize| {
        format!(
            "DKIM-Signature: v=1; a=rsa-sha256; d=d{i}.example; s=s; h=from:to:subject;\r\n\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n\tb=AAAA\r\n"
        )
    };
    let mail: String = (0..50_000).map(one).collect::<String>() + "From: a@example.org\r\n\r\n";
    let (signatures, facts) = hear(mail.as_bytes(), &Zone::default(), NOW);
    assert_eq!(facts.len(), 10);
    let verdicts = signatures.verdicts();
    assert_eq!(verdicts.len(), 50_000);
    assert_eq!(verdicts.iter().filter(|verdict| verdict.result == DkimResult::Policy).count(), 49_990);
    assert_eq!(signatures.into_steps().iter().filter(|step| step.rule.id == "dkim.unexamined").count(), 1);
}

#[test]
fn fifty_thousand_signatures_that_cannot_be_examined_cost_no_question() {
    let good = String::from_utf8(ByHand::usual().sign()).unwrap();
    let one = |i: usize| {
        format!("DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s{i}; h=from:to:subject; bh=AAAA; b=AAAA\r\n")
    };
    let mail: String = (0..50_000).map(one).collect::<String>() + &good;
    let (signatures, facts) = hear(mail.as_bytes(), &usual_zone(), NOW);
    assert_eq!(facts.len(), 1);
    let verdicts = signatures.verdicts();
    assert_eq!((verdicts.len(), verdicts[50_000].result), (50_001, DkimResult::Pass));
    assert!(verdicts[..50_000].iter().all(|verdict| verdict.reason == Some("tag malformed")));
    assert!(signatures.into_steps().len() < 50);
}

#[test]
fn ten_thousand_fields_and_a_list_as_long_verify() {
    let mut mail = ByHand::usual();
    let fields: String = (0..10_000).map(|i| format!("X-Field-{}: {i}\r\n", i % 5_000)).collect();
    mail.header = Box::leak((fields + mail.header).into_boxed_str());
    let signed = mail.sign();
    assert_eq!(judge(&signed, &usual_zone())[0].reason, None);
    // As long a list, for each of ten signatures that do not verify.
    let names: String = (0..20_000).map(|i| format!(":X-Field-{}", i % 7_000)).collect();
    let broken = format!(
        "DKIM-Signature: v=1; a=ed25519-sha256; d=example.org; s=ed; h=from{names}; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n"
    );
    let mail = broken.repeat(10) + &String::from_utf8(signed).unwrap();
    let verdicts = judge(mail.as_bytes(), &usual_zone());
    assert!(verdicts[..10].iter().all(|verdict| verdict.reason == Some("header or key differs")));
}

#[test]
fn fields_and_tags_of_a_megabyte_are_read() {
    let tags: String = (0..200_000).map(|i| format!("t{i}=;")).collect();
    let mail = format!("DKIM-Signature: {tags}\r\nSubject: {}\r\nFrom: a@example.org\r\n\r\n", "x".repeat(1 << 20));
    assert_eq!(judge(mail.as_bytes(), &Zone::default())[0].reason, Some("tag missing"));
    let mail = format!("DKIM-Signature: {tags}t7=\r\nFrom: a@example.org\r\n\r\n");
    assert_eq!(judge(mail.as_bytes(), &Zone::default())[0].reason, Some("tag duplicated"));
}
