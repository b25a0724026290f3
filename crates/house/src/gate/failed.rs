//! A mail that failed DMARC, as far as its author's domain may be told of it in a failure report (RFC 9991)
//!
//! Privacy comes first. Of the header four fields are kept: From and To, out of which people are taken before anything is written
//! down, Date, and Message-ID, by which its sender finds it among its own. No Subject, no path, no body: these tell of people
//! and not of the failure. And nothing is told of a mail that is itself an answer or a report, so that no loop can begin.

use sekisho_core::facts::Question;
use sekisho_core::name::DomainName;
use sekisho_mail::authentication_results::{AuthenticationResults, NAME};
use sekisho_mail::dmarc::record::{Alignment, Psd, Record};
use sekisho_mail::header::Header;
use sekisho_mail::verdict::{DkimResult, DmarcResult, DmarcVerdict, SpfResult, Verdict};
use sekisho_report::dmarc::failure::{AuthFailure, Delivery, FailureReport, Original};

use super::decision::Act;
use super::hearing::Judged;
use crate::config::ReportsSection;
use crate::reports::{FailedMail, is_public_suffix};

/// The fields that are kept.
const KEPT: [&str; 4] = ["From", "To", "Date", "Message-ID"];
/// The most octets of each.
const FIELD: usize = 1024;

/// What else there is to know of the mail.
pub(super) struct Around<'a> {
    /// The reports that we send.
    pub(super) section: &'a ReportsSection,
    /// In whose name we speak.
    pub(super) authserv_id: &'a str,
    /// What this node is called.
    pub(super) host: &'a str,
    /// The recipients.
    pub(super) recipients: &'a [Box<[u8]>],
    /// What was done with it.
    pub(super) act: Act,
}

/// Returns what may be told of a mail, where it failed and its author's domain asks to be told.
pub(super) fn failed_mail(judged: &Judged, header: &Header<'_>, around: &Around<'_>) -> Option<FailedMail> {
    let section = around.section;
    if !section.failures
        || section.relay.is_none()
        || !is_asked_for(&judged.verdict)
        || is_answer(judged, header, around)
    {
        return None;
    }
    let delivery_result = Some(match around.act {
        Act::Pass => Delivery::Delivered,
        Act::Mark => Delivery::Spam,
        Act::Hold => Delivery::Policy,
        Act::Refuse => Delivery::Reject,
        // It comes again.
        Act::PutOff => return None,
    });
    let (verdict, envelope) = (&judged.verdict, &judged.envelope);
    let (author, dmarc) = (verdict.author.domain.as_ref()?, &verdict.dmarc);
    let results = AuthenticationResults::of(verdict, header, envelope.client_ip, around.authserv_id).to_field();
    let mut report = FailureReport {
        user_agent: concat!("Sekisho/", env!("CARGO_PKG_VERSION")).to_owned(),
        auth_failure: vec![AuthFailure::Dmarc],
        delivery_result,
        authentication_results: vec![results.get(NAME.len() + 1..).unwrap_or_default().trim().to_owned()],
        original_mail_from: plain(envelope.mail_from.as_deref().unwrap_or_default()),
        arrival_date: Some(judged.now.as_microsecond()),
        source_ip: envelope.client_ip.map(|address| address.to_canonical()),
        reported_domain: vec![author.to_string()],
        reporting_mta: format!("dns; {}", around.host),
        original: Some(Original { is_whole: false, octets: kept(header) }),
        ..FailureReport::default()
    };
    tell_dkim(&mut report, verdict, author);
    tell_spf(&mut report, judged, author);
    if report.identity_alignment.is_empty() {
        report.identity_alignment.push("none".to_owned());
    }
    Some(FailedMail { policy_domain: dmarc.policy_domain.clone()?, report })
}

/// Tells whether the mail failed, and the record asks for reports of such failures. Where several options are given one is enough
/// (RFC 9989 §4.7, `fo`). Of mail that passes nothing is told, whatever they say.
fn is_asked_for(verdict: &Verdict) -> bool {
    let Some(record) = &verdict.dmarc.record else { return false };
    let (fo, spf) = (record.fo, verdict.spf.as_ref());
    // RFC 9991 §2: a `ruf` beside `psd=y` is not considered.
    verdict.dmarc.result == DmarcResult::Fail
        && !record.ruf.is_empty()
        && record.psd != Psd::Yes
        && !verdict.dmarc.policy_domain.as_ref().is_none_or(is_public_suffix)
        && (fo.all
            || fo.any
            || fo.dkim && verdict.dkim.iter().any(|dkim| has_failed(dkim.result))
            || fo.spf && spf.is_some_and(|spf| matches!(spf.result, SpfResult::Fail | SpfResult::Softfail)))
}

/// Tells whether a mail is an answer of a machine or itself a report, or is written to where our reports come from.
fn is_answer(judged: &Judged, header: &Header<'_>, around: &Around<'_>) -> bool {
    let values = |name: &'static str| {
        header.named(name).map(|(_, field)| String::from_utf8_lossy(field.value()).trim().to_ascii_lowercase())
    };
    let begins = |name, words: &[&str]| values(name).any(|value| words.iter().any(|word| value.starts_with(word)));
    // RFC 3834 §5: whatever is not `no` is automatic.
    let is_automatic = values("Auto-Submitted").any(|value| value.split(';').next().map(str::trim) != Some("no"));
    let is_ours = |recipient: &[u8]| {
        let ours = around.section.from.as_ref();
        ours.is_some_and(|from| recipient.trim_ascii().eq_ignore_ascii_case(AsRef::<str>::as_ref(from).as_bytes()))
    };
    judged.envelope.mail_from.as_deref().is_none_or(<[u8]>::is_empty)
        || is_automatic
        || begins("Content-Type", &["multipart/report", "message/feedback-report", "message/delivery-status"])
        || begins("Subject", &["report domain:"])
        || around.recipients.iter().any(|recipient| is_ours(recipient))
}

/// Tells of the first signature that failed although it is aligned with the author (RFC 9991 §4).
fn tell_dkim(report: &mut FailureReport, verdict: &Verdict, author: &DomainName) {
    let failed = verdict.dkim.iter().filter(|dkim| dkim.result != DkimResult::Pass);
    let aligned = failed.filter_map(|dkim| dkim.domain.as_ref().map(|domain| (domain, dkim.selector.as_ref())));
    let mut aligned = aligned.filter(|(domain, _)| is_aligned(&verdict.dmarc, author, domain, |record| record.adkim));
    let Some((domain, selector)) = aligned.next() else { return };
    report.identity_alignment.push("dkim".to_owned());
    report.dkim_domain = domain.to_string();
    report.dkim_identity = format!("@{domain}");
    report.dkim_selector = selector.map(ToString::to_string).unwrap_or_default();
}

/// Tells of SPF that failed although its domain is aligned with the author, and by which record (RFC 9991 §4, RFC 6591 §3.2.4).
fn tell_spf(report: &mut FailureReport, judged: &Judged, author: &DomainName) {
    let verdict = &judged.verdict;
    let Some(spf) = verdict.spf.as_ref().filter(|spf| spf.result != SpfResult::Pass) else { return };
    let Some(domain) = spf.name.as_ref() else { return };
    if !is_aligned(&verdict.dmarc, author, domain, |record| record.aspf) {
        return;
    }
    report.identity_alignment.push("spf".to_owned());
    let Ok(answer) = judged.facts.get(&Question::txt(domain.clone())) else { return };
    let texts = answer.outcome.records().iter().filter_map(sekisho_core::facts::Record::text);
    let records = texts.filter(|text| text.get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"v=spf1")));
    report.spf_dns.extend(records.map(|record| format!("txt : {domain} : \"{}\"", text(&record).replace('"', "'"))));
}

/// Tells whether a result of DKIM is that of a signature that failed its evaluation.
fn has_failed(result: DkimResult) -> bool {
    matches!(result, DkimResult::Fail | DkimResult::Policy | DkimResult::Permerror)
}

/// Tells whether a domain is aligned with the author, by what the judges had to know of its organization.
fn is_aligned(
    dmarc: &DmarcVerdict,
    author: &DomainName,
    domain: &DomainName,
    mode: impl Fn(&Record) -> Alignment,
) -> bool {
    let is_strict = dmarc.record.as_deref().is_some_and(|record| mode(record) == Alignment::Strict);
    let organization = dmarc.organizational_domain.as_ref().or(dmarc.policy_domain.as_ref());
    let is_sibling = organization.is_some_and(|above| author.is_at_or_below(above) && domain.is_at_or_below(above));
    let is_above = author.is_at_or_below(domain) && !is_public_suffix(domain);
    domain == author || !is_strict && (is_sibling || is_above)
}

/// Returns the fields that are kept, the first of each name.
fn kept(header: &Header<'_>) -> Vec<u8> {
    let mut octets = Vec::new();
    for name in KEPT {
        let Some(field) = header.first(name) else { continue };
        let value = field.value();
        octets.extend_from_slice(name.as_bytes());
        octets.push(b':');
        octets.extend_from_slice(value.get(..FIELD).unwrap_or(value));
        octets.extend_from_slice(b"\r\n");
    }
    octets
}

/// Returns an address; nothing of one with quotes, in which it is not plain where the name of a person ends.
fn plain(address: &[u8]) -> String {
    let is_plain = |b: &u8| b.is_ascii_graphic() && !b"\"\\<>()[],;:=".contains(b);
    if address.iter().all(is_plain) { text(address) } else { String::new() }
}

/// Returns what was said as text, and not too much of it.
fn text(said: &[u8]) -> String {
    String::from_utf8_lossy(said.get(..FIELD).unwrap_or(said)).into_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use jiff::Timestamp;
    use sekisho_ask::{Errand, Source};
    use sekisho_core::facts::Facts;
    use sekisho_core::zone::Zone;
    use sekisho_mail::body::BodyHasher;
    use sekisho_mail::envelope::Envelope;
    use sekisho_mail::hearing::Hearing;

    use super::*;
    use crate::config::config_for_testing;

    /// A domain with a key that fits nothing, and whose SPF names another host.
    const WORLD: &str = "a.example TXT \"v=spf1 ip4:198.51.100.1 -all\"\n\
        s._domainkey.a.example TXT \"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"\n";
    /// A signature by it that cannot be valid.
    const SIGNATURE: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=a.example; s=s; h=from;\r\n \
        bh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=; b=AAAA\r\n";

    /// Returns what would be told of a mail to the domain of a record.
    fn told(record: &str, mail: &str, mail_from: &str, act: Act) -> Option<FailedMail> {
        let zone = Zone::parse(&format!("{WORLD}_dmarc.a.example TXT \"v=DMARC1; p=none; {record}\"\n")).unwrap();
        let (source, header, now) = (Source::Zone(zone), Header::parse(mail.as_bytes()), Timestamp::UNIX_EPOCH);
        let envelope = Envelope {
            client_ip: Some("192.0.2.1".parse().unwrap()),
            helo: Some((*b"mx.example").into()),
            mail_from: Some(mail_from.as_bytes().into()),
        };
        let mut hearing = Hearing::open(envelope.clone(), Arc::default());
        let (mut facts, mut errand) = (Facts::default(), Errand::new(Duration::from_secs(5), Errand::QUESTIONS));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime
            .block_on(source.satisfy(&mut facts, &mut errand, |facts| hearing.proceed(facts, &header, now)))
            .unwrap();
        let digests = BodyHasher::new(&hearing.body_plan()).finish();
        hearing.close(&digests);
        let verdict = source.satisfy(&mut facts, &mut errand, |facts| hearing.verdict(facts, &header, now));
        let verdict = runtime.block_on(verdict).unwrap();
        assert_eq!(verdict.dmarc.result, DmarcResult::Fail);
        let (has_stray_line_ends, octets, asked, waited) = (false, 0, 0, Duration::ZERO);
        let judged = Judged { verdict, envelope, digests, now, has_stray_line_ends, facts, octets, asked, waited };
        let config =
            config_for_testing("[reports]\nfailures = true\nrelay = '127.0.0.1:25'\nfrom = 'dmarc@house.example'\n");
        let around = Around {
            section: &config.reports,
            authserv_id: "mx.example",
            host: "mx.example",
            recipients: &[(*b"bob@house.example").into()],
            act,
        };
        failed_mail(&judged, &header, &around)
    }

    /// Tells whether a plain mail is told of, by what the record asks for.
    fn is_told(record: &str, fields: &str, mail_from: &str) -> bool {
        told(record, &format!("{fields}From: a@a.example\r\n"), mail_from, Act::Pass).is_some()
    }

    #[test]
    fn the_record_says_of_which_failures_it_wants_to_hear() {
        let (ours, others) = ("x@a.example", "x@other.example");
        for (record, fields, mail_from, expected) in [
            ("rua=mailto:r@a.example", "", ours, false),
            ("ruf=mailto:r@a.example", "", ours, true),
            ("ruf=mailto:r@a.example; psd=y", "", ours, false),
            ("ruf=mailto:r@a.example; fo=1", "", others, true),
            ("ruf=mailto:r@a.example; fo=s", "", ours, true),
            ("ruf=mailto:r@a.example; fo=s", "", others, false),
            ("ruf=mailto:r@a.example; fo=d", "", ours, false),
            ("ruf=mailto:r@a.example; fo=d", SIGNATURE, others, true),
            ("ruf=mailto:r@a.example; fo=d:0", "", others, true),
        ] {
            assert_eq!(is_told(record, fields, mail_from), expected, "{record} {fields}");
        }
    }

    #[test]
    fn nothing_is_told_of_answers_and_reports() {
        let record = "ruf=mailto:r@a.example";
        for fields in [
            "Auto-Submitted: auto-generated\r\n",
            "Auto-Submitted:\r\n no\r\nAuto-Submitted: auto-replied\r\n",
            "Content-Type:\r\n\tMULTIPART/report; report-type=feedback-report\r\n",
            "Subject: Report Domain: a.example\r\n",
        ] {
            assert!(!is_told(record, fields, "x@a.example"), "{fields}");
        }
        assert!(is_told(record, "Auto-Submitted: No; by=a-person\r\n", "x@a.example"));
        assert!(!is_told(record, "", ""), "the null path");
        assert!(told(record, "From: a@a.example\r\n", "x@a.example", Act::PutOff).is_none(), "it comes again");
    }

    #[test]
    fn what_failed_although_it_was_aligned_is_named() {
        let tell = |mail_from: &str, fields: &str, record: &str| {
            let mail = format!("{fields}From: a@a.example\r\n");
            let report =
                told(&format!("ruf=mailto:r@a.example; {record}"), &mail, mail_from, Act::Refuse).unwrap().report;
            assert_eq!(report.delivery_result, Some(Delivery::Reject));
            (report.identity_alignment.join(","), report.dkim_selector, report.spf_dns.concat())
        };
        let owned =
            |alignment: &str, selector: &str, spf: &str| (alignment.to_owned(), selector.to_owned(), spf.to_owned());
        let spf = "txt : a.example : \"v=spf1 ip4:198.51.100.1 -all\"";
        assert_eq!(tell("x@a.example", SIGNATURE, ""), owned("dkim,spf", "s", spf));
        assert_eq!(tell("x@other.example", "", ""), owned("none", "", ""));
        assert_eq!(tell("x@sub.a.example", "", "").0, "spf");
        assert_eq!(tell("x@sub.a.example", "", "aspf=s").0, "none");
    }

    #[test]
    fn of_the_header_four_fields_are_kept_and_not_too_much_of_each() {
        let to = format!("To: {}\r\n", "bob@house.example, ".repeat(500));
        let mail = format!("Subject: s\r\n{to}Cc: c@d.example\r\nFrom: a@a.example\r\nMessage-ID: <1@a.example>\r\n");
        let told = told("ruf=mailto:r@a.example", &mail, "\"a secret\"@a.example", Act::Mark).unwrap();
        let octets = told.report.original.unwrap().octets;
        let text = String::from_utf8(octets).unwrap();
        assert!(
            text.starts_with("From: a@a.example\r\nTo: bob@") && text.ends_with("\r\nMessage-ID: <1@a.example>\r\n")
        );
        assert!(text.len() < 3 * FIELD && !text.contains("Subject") && !text.contains("Cc"), "{text}");
        // Where it is not plain how far a name goes, nothing of it is told.
        assert_eq!(told.report.original_mail_from, "");
    }
}
