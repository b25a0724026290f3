//! One report while it is read: what is in it, who sent it, what counts of it, and what became of it

use std::collections::{BTreeMap, BTreeSet};

use sekisho_core::event::Event;
use sekisho_ledger::{
    AggregateKey, Claim, Conclusion, Counted, Digest, Id, Lease, Mark, ProvenBy, Report, ReportKind, ReportState,
};
use sekisho_mail::envelope::Envelope;
use sekisho_mail::policy::Service;
use sekisho_report::bounce::Bounce;

use super::news;
use super::opening::{self, Found, Opened, What};
use super::reader::Tally;
use super::reason;
use super::returned::Returned;
use super::rows::{self, Origin};
use super::submitter::{self, Heard};
use super::trouble::Trouble;
use crate::lake::Lake;
use crate::webhooks::Announcer;

/// How many Events are handed to the lake at a time.
const BATCH: usize = 4096;

/// A report while it is read.
pub(super) struct Reading {
    /// Its place among those that are read together.
    pub(super) at: usize,
    /// Its row.
    pub(super) report: Report,
    /// What was received.
    pub(super) bytes: Vec<u8>,
    /// Whether it was begun before, so that the lake may have rows of it.
    pub(super) is_again: bool,
    /// What is in it.
    opened: Opened,
    /// Who sent it, or a mail within it, as far as is proven.
    senders: BTreeMap<Wanted, String>,
    /// The parts that may count.
    parts: Vec<Part>,
    /// What came of a notice about a mail of ours.
    returned: Option<Returned>,
    /// What became of it.
    mark: Mark,
}

/// What has to be proven: of which mail within the mail, or of the mail itself, and by what a TLS report has to prove, or a DMARC
/// report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wanted {
    /// Of which mail within the mail; of the mail itself, if of none.
    within: Option<usize>,
    /// Whether of a TLS report.
    is_tls: bool,
}

impl Wanted {
    /// Returns for what such a mail is examined.
    pub(super) fn service(self) -> Service {
        if self.is_tls { Service::TlsReport } else { Service::Email }
    }
}

/// A report among those of one delivery.
struct Part {
    /// The how manieth.
    at: u32,
    /// What makes it the same as another.
    key: AggregateKey,
    /// Whether it may be counted.
    claim: Option<Claim>,
    /// What was counted.
    counted: Option<Counted>,
}

impl Found {
    /// Returns what has to be proven of it.
    fn wanted(&self) -> Wanted {
        Wanted { within: self.within, is_tls: matches!(self.what, What::Tls(_)) }
    }
}

impl Reading {
    /// Opens what was received.
    pub(super) fn open(at: usize, report: Report, bytes: Vec<u8>, now: i64) -> Reading {
        let opened = Opened::open(&bytes);
        let mark = Mark {
            state: ReportState::Read,
            reason: None,
            read_as: None,
            domain: None,
            submitter: None,
            proven_by: None,
            at: now,
        };
        Reading {
            at,
            report,
            bytes,
            is_again: false,
            opened,
            senders: BTreeMap::new(),
            parts: Vec::new(),
            returned: None,
            mark,
        }
    }

    /// Returns what has to be proven by the mail, or a mail within it.
    pub(super) fn wanted_proofs(&self) -> BTreeSet<Wanted> {
        if self.opened.mail.is_none() || self.is_complaint() {
            return BTreeSet::new();
        }
        self.opened.found.iter().map(Found::wanted).collect()
    }

    /// Returns the mail that has to prove something, and what is known of how it came: of a mail within the mail nothing.
    pub(super) fn to_prove(&self, wanted: Wanted) -> (&[u8], Heard) {
        match wanted.within {
            Some(at) => (self.opened.inner(at), Envelope::default().into()),
            None => (&self.bytes, submitter::heard(&self.report.envelope)),
        }
    }

    /// Returns how many octets it takes.
    pub(super) fn octets(&self) -> usize {
        self.bytes.len() + self.opened.inner_octets()
    }

    /// Takes down whose it is, and how that is known.
    pub(super) fn sent_by(&mut self, wanted: Wanted, proven: Option<(String, ProvenBy)>) {
        let Some((domain, by)) = proven else { return };
        if self.mark.submitter.is_none() {
            (self.mark.submitter, self.mark.proven_by) = (Some(domain.clone()), Some(by));
        }
        self.senders.insert(wanted, domain);
    }

    /// Returns the notice that it is, if it is one.
    pub(super) fn notice(&self) -> Option<&Bounce> {
        self.opened.notice.as_ref()
    }

    /// Takes down what came of that notice.
    pub(super) fn came_back(&mut self, returned: Returned) {
        self.returned = Some(returned);
    }

    /// Tells whether it is a complaint, which the abuse desk will read.
    fn is_complaint(&self) -> bool {
        let is_sent_there = matches!(self.report.kind, ReportKind::Abuse | ReportKind::Fbl);
        self.opened.is_complaint() || self.opened.found.is_empty() && is_sent_there
    }

    /// Decides which parts may count; of the others it says why not.
    pub(super) fn plan(&mut self) {
        if let Some(returned) = self.returned.take() {
            self.mark.read_as = Some(ReportKind::Bounce);
            (self.mark.state, self.mark.domain) = (returned.state(), returned.domain());
            self.mark.reason = Some(returned.to_string());
            return;
        }
        if self.is_complaint() {
            // Their rooms come with the abuse desk; the bytes are kept until then. People complain in words of their own.
            self.mark.read_as = Some(if self.opened.is_complaint() { ReportKind::Abuse } else { self.report.kind });
            self.leave_out(ReportState::Ignored, reason::FEEDBACK.to_owned());
            return;
        }
        if self.opened.found.is_empty() {
            self.leave_out(ReportState::Unreadable, reason::write(&self.opened.unreadable));
            return;
        }
        for (at, found) in (0..).zip(&self.opened.found) {
            let wanted = found.wanted();
            // Who sent a mail did not write the mail in it: a bounce brings what anybody wrote.
            let submitter = self.senders.get(&wanted);
            let key = key(found, &self.opened, submitter.cloned(), self.report.received_at);
            self.mark.read_as = Some(key.kind);
            self.mark.domain = Some(key.domain.clone()).filter(|domain| !domain.is_empty());
            if wanted.is_tls && self.opened.mail.is_some() && submitter.is_none() {
                // RFC 8460 §3: a report by mail has to be signed, all of it, or is not taken.
                self.mark.state = ReportState::Ignored;
                self.mark.reason = Some(reason::UNSIGNED.to_owned());
            } else {
                self.parts.push(Part { at, key, claim: None, counted: None });
            }
        }
    }

    /// Says that nothing of it counts, and why.
    fn leave_out(&mut self, state: ReportState, reason: String) {
        (self.mark.state, self.mark.reason) = (state, Some(reason));
    }

    /// Returns what is to be claimed.
    pub(super) fn claims(&self) -> impl Iterator<Item = (AggregateKey, Id, u32)> {
        self.parts.iter().map(|part| (part.key.clone(), self.report.id, part.at))
    }

    /// Takes the answers to these claims.
    pub(super) fn claimed(&mut self, answers: &mut impl Iterator<Item = Claim>) {
        for part in &mut self.parts {
            part.claim = answers.next();
        }
    }

    /// Tells the lake the rows of the parts that count; those that it was told before are left out.
    pub(super) fn tell(&mut self, teller: &mut Teller<'_>) -> Result<(), Trouble> {
        for part in self.parts.iter_mut().filter(|part| part.claim == Some(Claim::Ours)) {
            let name = format!("{}.{}", self.report.id, part.at);
            let found = usize::try_from(part.at).ok().and_then(|at| self.opened.found.get(at));
            let found = found.ok_or_else(|| Trouble::Ours("a part of the report is gone".to_owned()))?;
            let told = if self.is_again { teller.lake.rows_of_report(&name)? } else { 0 };
            let received_at = self.report.received_at;
            let origin = Origin { report: &name, submitter: part.key.submitter.as_deref(), received_at };
            let (rows, messages) = tell_rows(teller, &origin, told, found, &self.bytes, &self.opened)?;
            part.counted = Some(Counted { part: part.at, rows, messages });
        }
        Ok(())
    }

    /// Returns what became of it, and who is told.
    pub(super) fn conclusion<'l>(&self, lease: &'l Lease, announcer: &Announcer) -> Conclusion<'l> {
        let counted: Vec<Counted> = self.parts.iter().filter_map(|part| part.counted).collect();
        let mut mark = self.mark.clone();
        if let (true, Some(holder)) = (counted.is_empty(), self.holder()) {
            (mark.state, mark.reason) = (ReportState::Duplicate, Some(reason::write_counted(&holder.to_string())));
        } else if !counted.is_empty() {
            mark.state = ReportState::Read;
            let unreadable = (!self.opened.unreadable.is_empty()).then(|| reason::write(&self.opened.unreadable));
            mark.reason =
                unreadable.or_else(|| reason::write_mended(self.opened.found.iter().flat_map(Found::warnings)));
        }
        let news = news::of_report(&self.report, &mark, &counted, lease);
        let jobs = news.iter().flat_map(|news| announcer.jobs(news)).collect();
        Conclusion { lease, report: self.report.id, mark, counted, jobs }
    }

    /// Returns the report with which one of its parts was counted before.
    fn holder(&self) -> Option<Id> {
        self.parts.iter().rev().find_map(|part| match part.claim {
            Some(Claim::Duplicate(holder)) => Some(holder),
            _ => None,
        })
    }

    /// Adds it up.
    pub(super) fn count(&self, tally: &mut Tally) {
        let mut counted = self.parts.iter().filter_map(|part| Some((part, part.counted?))).peekable();
        match (counted.peek(), self.holder(), self.mark.state) {
            (Some((part, _)), ..) => {
                tally.read += 1;
                tally.unproven += u64::from(part.key.submitter.is_none());
            }
            (None, Some(_), _) => tally.duplicates += 1,
            (None, None, ReportState::Read) if self.opened.notice.is_some() => tally.returned += 1,
            (None, None, ReportState::Unreadable) => tally.unreadable += 1,
            (None, None, _) => tally.ignored += 1,
        }
        for (_, Counted { rows, messages, .. }) in counted {
            (tally.rows, tally.messages) = (tally.rows + rows, tally.messages.saturating_add(messages));
        }
    }
}

/// Who tells the lake rows, those of several reports together.
pub(super) struct Teller<'l> {
    /// The lake.
    lake: &'l dyn Lake,
    /// What it was not told yet.
    batch: Vec<Event>,
}

impl<'l> Teller<'l> {
    /// Begins.
    pub(super) fn new(lake: &'l dyn Lake) -> Teller<'l> {
        Teller { lake, batch: Vec::new() }
    }

    /// Takes a row.
    fn take(&mut self, event: Event) -> Result<(), Trouble> {
        self.batch.push(event);
        if self.batch.len() >= BATCH { self.tell() } else { Ok(()) }
    }

    /// Tells the lake what it was not told yet.
    fn tell(&mut self) -> Result<(), Trouble> {
        if !self.batch.is_empty() {
            self.lake.append(&self.batch)?;
            self.batch.clear();
        }
        Ok(())
    }

    /// Ends; when this returns the lake has all of it.
    pub(super) fn end(mut self) -> Result<(), Trouble> {
        self.tell()
    }
}

/// Tells the lake the rows of a report from the one behind `told` on. Returns how many there are, and how many mails.
fn tell_rows(
    teller: &mut Teller<'_>,
    origin: &Origin<'_>,
    told: u64,
    found: &Found,
    bytes: &[u8],
    opened: &Opened,
) -> Result<(u64, u64), Trouble> {
    let (mut at, mut messages) = (0_u64, 0_u64);
    let mut take = |event: &dyn Fn(u32) -> Event, count: u64| -> Result<(), Trouble> {
        messages = messages.saturating_add(count);
        at += 1;
        if at <= told { Ok(()) } else { teller.take(event(u32::try_from(at - 1).unwrap_or(u32::MAX))) }
    };
    match &found.what {
        What::Tls(report) => rows::tls(origin, report).iter().try_for_each(|event| take(&|_| event.clone(), 0))?,
        What::Failure(report) => {
            let from = opened.mail.as_ref().and_then(|mail| mail.from_domain.as_deref());
            take(&|_| rows::failure(origin, report, from), report.incidents.unwrap_or(1))?;
        }
        What::Aggregate(_) => {
            opening::rows(bytes, opened, found, |head, row| {
                take(&|at| rows::aggregate(origin, head, row, at), row.count)
            })?;
        }
    }
    Ok((at, messages))
}

/// Returns what makes a report the same as another.
fn key(found: &Found, opened: &Opened, submitter: Option<String>, received_at: i64) -> AggregateKey {
    match &found.what {
        What::Aggregate(report) => AggregateKey {
            kind: ReportKind::DmarcAggregate,
            submitter,
            org: report.head.org_name.clone(),
            report_id: named(&report.head.report_id, report.rows, report.messages),
            domain: report.head.policy.domain.clone(),
            begin: report.head.begin.unwrap_or(received_at),
            end: report.head.end.unwrap_or(received_at),
        },
        What::Tls(report) => AggregateKey {
            kind: ReportKind::Tls,
            submitter,
            org: report.organization_name.clone(),
            report_id: {
                let (mut sessions, policies) = (0_u64, report.policies.len() as u64);
                report.policies.iter().for_each(|policy| {
                    sessions = sessions.saturating_add(policy.successful).saturating_add(policy.failed);
                });
                named(&report.report_id, policies, sessions)
            },
            domain: report.policies.first().map(|policy| policy.domain.clone()).unwrap_or_default(),
            begin: report.begin.unwrap_or(received_at),
            end: report.end.unwrap_or(received_at),
        },
        What::Failure(report) => {
            let at = rows::arrived(report, received_at);
            let feedback = opened.mail.as_ref().and_then(|mail| mail.feedback.as_deref()).unwrap_or_default();
            let original = report.original.as_ref().map_or(&[][..], |original| &original.octets);
            AggregateKey {
                kind: ReportKind::DmarcFailure,
                submitter,
                org: report.reporting_host().unwrap_or_default(),
                // Such a report has no name, and its copies to several recipients say the same.
                report_id: Digest::of(&[feedback, original].concat()).to_string(),
                domain: report.about(),
                begin: at,
                end: at,
            }
        }
    }
}

/// Returns the name by which a report is known again. Two of a day that have none are told apart by what they add up to.
fn named(id: &str, rows: u64, sum: u64) -> String {
    if id.is_empty() { format!("without a name: {rows}, {sum}") } else { id.to_owned() }
}
