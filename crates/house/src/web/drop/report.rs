//! What a dropped report says, in words: who tells, about whom, who sends, and what cannot be read

use sekisho_report::bounce::Bounce;
use sekisho_report::dmarc::aggregate::{Alignment, Disposition, Policy, Report};
use sekisho_report::dmarc::failure::FailureReport;
use sekisho_report::tls::{Failure, PolicyResult, TlsReport};
use sekisho_report::unreadable::Unreadable;
use sekisho_report::warning::Warnings;

use super::super::frame::Frame;
use super::super::reports::excerpt;
use super::super::shown;
use crate::reports::glance::{Glance, Source, Sources, Sums, Told};
use crate::reports::reason;

/// How many policies and failures of a TLS report are shown.
const SHOWN: usize = 200;
/// How many things are shown that cannot be read.
const UNREAD: usize = 16;

/// What was found in what was dropped.
pub(super) struct Read {
    /// What its reports say.
    pub(super) sheets: Vec<Sheet>,
    /// What cannot be read.
    pub(super) unread: Vec<Unread>,
}

/// What one report says.
#[derive(Default)]
pub(super) struct Sheet {
    /// What kind of report it is.
    pub(super) name: String,
    /// The domain that it is about.
    pub(super) about: String,
    /// What it says of itself: name and value.
    pub(super) facts: Vec<(String, String)>,
    /// Who sends.
    pub(super) sources: Vec<Line>,
    /// How many more hosts send.
    pub(super) others: usize,
    /// The policies of a TLS report.
    pub(super) policies: Vec<PolicyLine>,
    /// What failed under them.
    pub(super) failures: Vec<FailureLine>,
    /// How many policies and failures are not shown.
    pub(super) left_out: usize,
    /// The first lines of the mail that it is about.
    pub(super) original: Option<String>,
    /// What was mended.
    pub(super) mended: Vec<String>,
}

/// A host that sends.
pub(super) struct Line {
    /// Its address.
    pub(super) address: String,
    /// How many mails.
    pub(super) mails: String,
    /// How many of a hundred are aligned.
    pub(super) aligned: String,
    /// How that looks.
    pub(super) state: &'static str,
    /// How many of a hundred by SPF.
    pub(super) spf: String,
    /// How many of a hundred by DKIM.
    pub(super) dkim: String,
    /// What was done.
    pub(super) done: String,
    /// The domains that are named with it.
    pub(super) domains: String,
}

/// What happened under a policy.
pub(super) struct PolicyLine {
    /// Whose it is.
    pub(super) domain: String,
    /// Its kind.
    pub(super) kind: &'static str,
    /// How many sessions were as they should be.
    pub(super) successful: String,
    /// How many were not.
    pub(super) failed: String,
}

/// Sessions that failed in one way.
pub(super) struct FailureLine {
    /// Whose policy it was.
    pub(super) domain: String,
    /// The way.
    pub(super) way: String,
    /// Who sent.
    pub(super) sender: String,
    /// Who was to receive.
    pub(super) receiver: String,
    /// How many sessions.
    pub(super) sessions: String,
    /// What else is said.
    pub(super) reason: String,
}

/// Something that cannot be read.
pub(super) struct Unread {
    /// Why.
    pub(super) says: String,
    /// The stable word.
    pub(super) word: &'static str,
    /// What was seen.
    pub(super) seen: String,
}

impl Read {
    /// Puts what was found into words.
    pub(super) fn of(frame: &Frame, glance: &Glance) -> Read {
        let sheets = glance.told.iter().map(|told| Sheet::of(frame, told)).collect();
        let unread = glance.unreadable.iter().take(UNREAD).map(|why| Unread::of(frame, why)).collect();
        Read { sheets, unread }
    }
}

impl Unread {
    /// Says why something cannot be read.
    fn of(frame: &Frame, why: &Unreadable) -> Unread {
        let (says, word) = (reason::say_unreadable(why, &frame.talk), why.fault.word());
        Unread { says, word, seen: shown::long(&why.detail) }
    }
}

impl Sheet {
    /// Puts a report into words.
    fn of(frame: &Frame, told: &Told) -> Sheet {
        match told {
            Told::Aggregate(report, sources) => Sheet::aggregate(frame, report, sources),
            Told::Tls(report) => Sheet::tls(frame, report),
            Told::Failure(report) => Sheet::failure(frame, report),
            Told::Notice(notice) => Sheet::notice(frame, notice),
        }
    }

    /// Puts an aggregate report into words.
    fn aggregate(frame: &Frame, report: &Report, sources: &Sources) -> Sheet {
        let Report { head, rows, messages, warnings } = report;
        let contact = [&*head.email, &*head.extra_contact_info].join(" ");
        let facts = [
            ("desk-report-org", shown::text(&head.org_name)),
            ("desk-dropped-contact", shown::long(contact.trim())),
            ("desk-report-id", shown::text(&head.report_id)),
            ("desk-report-period", period(head.begin, head.end)),
            ("desk-policy", policy(&head.policy)),
            ("desk-report-rows", shown::number(*rows)),
            ("desk-mails", shown::number(*messages)),
            ("desk-aligned-any", aligned(&sources.sums)),
            ("desk-dropped-errors", shown::long(&head.errors.join("; "))),
            ("desk-dropped-program", shown::text(&head.generator)),
        ];
        Sheet {
            name: frame.say("desk-dropped-aggregate"),
            about: shown::name(&head.policy.domain),
            facts: named(frame, facts),
            sources: sources.busiest.iter().map(Line::of).collect(),
            others: sources.others,
            mended: mended(frame, warnings),
            ..Sheet::default()
        }
    }

    /// Puts a TLS report into words.
    fn tls(frame: &Frame, report: &TlsReport) -> Sheet {
        let facts = [
            ("desk-report-org", shown::text(&report.organization_name)),
            ("desk-dropped-contact", shown::long(&report.contact_info)),
            ("desk-report-id", shown::text(&report.report_id)),
            ("desk-report-period", period(report.begin, report.end)),
        ];
        let failures = report.policies.iter().flat_map(|policy| policy.failures.iter().map(move |one| (policy, one)));
        let left_out = [report.policies.len(), failures.clone().count()].map(|count| count.saturating_sub(SHOWN));
        Sheet {
            name: frame.say("desk-dropped-tls"),
            about: report.policies.first().map(|policy| shown::name(&policy.domain)).unwrap_or_default(),
            facts: named(frame, facts),
            policies: report.policies.iter().take(SHOWN).map(PolicyLine::of).collect(),
            failures: failures.take(SHOWN).map(|(policy, failure)| FailureLine::of(policy, failure)).collect(),
            left_out: left_out.iter().sum(),
            mended: mended(frame, &report.warnings),
            ..Sheet::default()
        }
    }

    /// Puts a failure report into words; its fields are called as RFC 6591 calls them.
    fn failure(frame: &Frame, report: &FailureReport) -> Sheet {
        let words = |words: Vec<&str>| words.join(", ");
        let lines = |values: &[String]| shown::long(&values.join("; "));
        let address = report.source_ip.map(|address| address.to_string()).unwrap_or_default();
        let facts = [
            ("Auth-Failure", words(report.auth_failure.iter().map(|failure| failure.word()).collect())),
            ("Identity-Alignment", lines(&report.identity_alignment)),
            ("Delivery-Result", report.delivery_result.map(|result| result.word().to_owned()).unwrap_or_default()),
            ("Source-IP", address),
            ("Authentication-Results", lines(&report.authentication_results)),
            ("DKIM-Domain", shown::name(&report.dkim_domain)),
            ("DKIM-Selector", shown::text(&report.dkim_selector)),
            ("DKIM-Identity", shown::text(&report.dkim_identity)),
            ("SPF-DNS", lines(&report.spf_dns)),
            ("Original-Mail-From", shown::text(&report.original_mail_from)),
            ("Original-Rcpt-To", lines(&report.original_rcpt_to)),
            ("Message-ID", shown::text(&report.message_id)),
            ("Arrival-Date", report.arrival_date.map(|at| shown::moment(at).text).unwrap_or_default()),
            ("Incidents", report.incidents.map(shown::number).unwrap_or_default()),
            ("Reporting-MTA", shown::text(&report.reporting_mta)),
            ("User-Agent", shown::text(&report.user_agent)),
        ];
        let facts = facts.into_iter().filter(|(_, value)| !value.is_empty());
        Sheet {
            name: frame.say("desk-dropped-failure"),
            about: report.reported_domain.first().map(|domain| shown::name(domain)).unwrap_or_default(),
            facts: facts.map(|(name, value)| (name.to_owned(), value)).collect(),
            original: report.original.as_ref().and_then(|original| excerpt(&original.octets)),
            mended: mended(frame, &report.warnings),
            ..Sheet::default()
        }
    }

    /// Puts a notice into words.
    fn notice(frame: &Frame, notice: &Bounce) -> Sheet {
        let name = notice.message_id.as_ref().or(notice.envelope_id.as_ref());
        let facts = [
            ("desk-dropped-original", name.map(|name| shown::text(name)).unwrap_or_default()),
            ("desk-reason", notice.failure().map(|why| shown::long(&why)).unwrap_or_default()),
        ];
        Sheet { name: frame.say("desk-dropped-notice"), facts: named(frame, facts), ..Sheet::default() }
    }

    /// Tells whether it reports nothing at all.
    pub(super) fn is_bare(&self) -> bool {
        self.facts.is_empty() && self.sources.is_empty() && self.policies.is_empty()
    }
}

impl Line {
    /// Puts a source into words.
    fn of(source: &Source) -> Line {
        let Sums { mails, pass, spf, dkim } = source.sums;
        let part = |part: u64| shown::share(part, mails).unwrap_or_else(|| "–".to_owned());
        let state = match pass {
            pass if pass == mails => "pass",
            0 => "fail",
            _ => "odd",
        };
        Line {
            address: shown::text(&source.address),
            mails: shown::number(mails),
            aligned: part(pass),
            state,
            spf: part(spf),
            dkim: part(dkim),
            done: source.dispositions.iter().copied().collect::<Vec<_>>().join(", "),
            domains: source.domains.iter().map(|domain| shown::name(domain)).collect::<Vec<_>>().join(" "),
        }
    }
}

impl PolicyLine {
    /// Puts what happened under a policy into words.
    fn of(policy: &PolicyResult) -> PolicyLine {
        PolicyLine {
            domain: shown::name(&policy.domain),
            kind: policy.kind.word(),
            successful: shown::number(policy.successful),
            failed: shown::number(policy.failed),
        }
    }
}

impl FailureLine {
    /// Puts sessions that failed in one way into words.
    fn of(policy: &PolicyResult, failure: &Failure) -> FailureLine {
        let address = |address: Option<std::net::IpAddr>| address.map(|address| address.to_string());
        let receiver = [Some(shown::name(&failure.receiving_mx_hostname)), address(failure.receiving_ip)];
        let reason = [&*failure.reason_code, &*failure.additional_information].map(shown::long);
        FailureLine {
            domain: shown::name(&policy.domain),
            way: shown::text(&failure.result_word),
            sender: address(failure.sending_mta_ip).unwrap_or_default(),
            receiver: receiver.into_iter().flatten().collect::<Vec<_>>().join(" "),
            sessions: shown::number(failure.sessions),
            reason: reason.join(" ").trim().to_owned(),
        }
    }
}

/// Names facts in the reader's language; those without a value are left out.
fn named<const N: usize>(frame: &Frame, facts: [(&str, String); N]) -> Vec<(String, String)> {
    let said = facts.into_iter().filter(|(_, value)| !value.is_empty());
    said.map(|(message, value)| (frame.say(message), value)).collect()
}

/// Returns a period, as far as it is said.
fn period(begin: Option<i64>, end: Option<i64>) -> String {
    let moment = |at: Option<i64>| at.map_or_else(|| "?".to_owned(), |at| shown::moment(at).text);
    if begin.or(end).is_none() { String::new() } else { format!("{} – {}", moment(begin), moment(end)) }
}

/// Returns how much is aligned, and how.
fn aligned(sums: &Sums) -> String {
    let part = |part: u64| shown::share(part, sums.mails).unwrap_or_else(|| "–".to_owned());
    format!("{} (SPF {}, DKIM {})", part(sums.pass), part(sums.spf), part(sums.dkim))
}

/// Returns a policy as a record has it.
fn policy(policy: &Policy) -> String {
    let asked = |asked: Option<Disposition>| asked.map(|asked| asked.word().to_owned());
    let mode = |mode: Option<Alignment>| mode.map(|mode| mode.word().to_owned());
    let tags = [
        ("p", asked(policy.p)),
        ("sp", asked(policy.sp)),
        ("np", asked(policy.np)),
        ("adkim", mode(policy.adkim)),
        ("aspf", mode(policy.aspf)),
        ("pct", policy.pct.map(|pct| pct.to_string())),
        ("fo", Some(shown::text(&policy.fo)).filter(|fo| !fo.is_empty())),
        ("t", policy.testing.map(|testing| if testing { "y" } else { "n" }.to_owned())),
    ];
    let said = tags.into_iter().filter_map(|(tag, value)| Some(format!("{tag}={}", value?)));
    said.collect::<Vec<_>>().join("; ")
}

/// Says what was mended, and what was seen.
fn mended(frame: &Frame, warnings: &Warnings) -> Vec<String> {
    warnings.iter().map(|warning| reason::say_mended(warning, &frame.talk)).collect()
}
