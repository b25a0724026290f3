//! A glance at a report: what is in some bytes, and what cannot be read; nothing is kept, claimed or counted
//!
//! The desk shows it of what is dropped there. What is opened here is opened as an import opens it ([`super::opening`]), by the
//! same bounds. Of the rows only sums stay, so that a report of a million rows needs little more room than one of ten.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::IpAddr;

use sekisho_report::bounce::Bounce;
use sekisho_report::dmarc::aggregate::{self, Disposition, Evaluated, Row};
use sekisho_report::dmarc::failure::{self, FailureReport};
use sekisho_report::mail::ReportMail;
use sekisho_report::tls::TlsReport;
use sekisho_report::unreadable::{Fault, Unreadable};

use super::opening::{self, Found, Opened, What};

/// How many sources of a report are told.
pub(crate) const SOURCES: usize = 200;
/// How many domains of a source are told.
const DOMAINS: usize = 8;

/// What is in some bytes.
pub(crate) struct Glance {
    /// Whether they are a mail, which can be judged besides.
    pub(crate) is_mail: bool,
    /// What can be read.
    pub(crate) told: Vec<Told>,
    /// What cannot.
    pub(crate) unreadable: Vec<Unreadable>,
}

/// What a report says.
pub(crate) enum Told {
    /// A DMARC aggregate report.
    Aggregate(Box<aggregate::Report>, Sources),
    /// A TLS report.
    Tls(Box<TlsReport>),
    /// A report of an authentication failure.
    Failure(Box<FailureReport>),
    /// A notice of what became of a mail.
    Notice(Bounce),
}

/// Who sends, as an aggregate report tells.
#[derive(Default)]
pub(crate) struct Sources {
    /// The busiest.
    pub(crate) busiest: Vec<Source>,
    /// How many others there are.
    pub(crate) others: usize,
    /// What all of them sent.
    pub(crate) sums: Sums,
}

/// A host that sends.
#[derive(Default)]
pub(crate) struct Source {
    /// Its address, as the report writes it where it is none.
    pub(crate) address: String,
    /// What it sent.
    pub(crate) sums: Sums,
    /// The author domains, and those that sign and that SPF was asked of.
    pub(crate) domains: BTreeSet<String>,
    /// What was done with its mails.
    pub(crate) dispositions: BTreeSet<&'static str>,
}

/// Mails, and in how many of them what is aligned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    /// How many mails.
    pub(crate) mails: u64,
    /// In how many SPF or a signature is aligned and passes.
    pub(crate) pass: u64,
    /// In how many SPF is.
    pub(crate) spf: u64,
    /// In how many a signature is.
    pub(crate) dkim: u64,
}

/// How a source is known again: its address, or the text that is none.
type Key = (Option<IpAddr>, Box<str>);

/// Looks at bytes. Nothing is returned of an ordinary mail, nor of what has nothing of a report.
pub(crate) fn look(bytes: &[u8]) -> Option<Glance> {
    let (opened, is_mail) = (Opened::open(bytes), opening::is_mail(bytes));
    if opened.mail.as_ref().is_some_and(ReportMail::is_ordinary) {
        return None;
    }
    let is_strange = |why: &Unreadable| why.fault == Fault::NotAReport;
    if !is_mail && opened.found.is_empty() && opened.unreadable.iter().all(is_strange) {
        return None;
    }
    let mut told: Vec<Told> = opened.found.iter().map(|found| tell(bytes, &opened, found)).collect();
    let complaint = complaint(&opened);
    let Opened { notice, mut unreadable, .. } = opened;
    told.extend(notice.map(Told::Notice));
    unreadable.extend(complaint);
    // What breaks a stream is told by who opened it and by who read it.
    unreadable.dedup_by(|why, before| (why.fault, &why.detail) == (before.fault, &before.detail));
    Some(Glance { is_mail, told, unreadable })
}

/// Says why feedback of people is no report that is read here, where a mail brings any.
fn complaint(opened: &Opened) -> Option<Unreadable> {
    let mail = opened.mail.as_ref().filter(|_| opened.is_complaint())?;
    failure::read(mail.feedback.as_deref()?, None).err()
}

/// Tells what a report says.
fn tell(bytes: &[u8], opened: &Opened, found: &Found) -> Told {
    match &found.what {
        What::Tls(report) => Told::Tls(report.clone()),
        What::Failure(report) => Told::Failure(report.clone()),
        What::Aggregate(report) => Told::Aggregate(report.clone(), Sources::of(bytes, opened, found)),
    }
}

impl Sources {
    /// Adds up who sends. The rows are read twice: what else is told of the busiest is gathered of them alone.
    fn of(bytes: &[u8], opened: &Opened, found: &Found) -> Sources {
        let mut sums: BTreeMap<Key, Sums> = BTreeMap::new();
        let mut all = Sums::default();
        each_row(bytes, opened, found, |row| {
            sums.entry(key(row)).or_default().add(row);
            all.add(row);
        });
        let mut ranked: Vec<(Key, Sums)> = sums.into_iter().collect();
        ranked.sort_by_key(|(_, sums)| Reverse(sums.mails));
        let others = ranked.len().saturating_sub(SOURCES);
        ranked.truncate(SOURCES);
        let places: BTreeMap<Key, usize> = ranked.iter().enumerate().map(|(at, (key, _))| (key.clone(), at)).collect();
        let mut busiest: Vec<Source> = ranked.into_iter().map(Source::new).collect();
        each_row(bytes, opened, found, |row| {
            if let Some(source) = places.get(&key(row)).and_then(|at| busiest.get_mut(*at)) {
                source.note(row);
            }
        });
        Sources { busiest, others, sums: all }
    }
}

impl Source {
    /// Begins to tell of a source.
    fn new(((address, text), sums): (Key, Sums)) -> Source {
        let address = address.map_or_else(|| text.into_string(), |address| address.to_string());
        Source { address, sums, ..Source::default() }
    }

    /// Notes in whose names a row's mails were, and what was done with them.
    fn note(&mut self, row: &Row) {
        self.dispositions.extend(row.disposition.map(Disposition::word));
        let signers = row.dkim_results.iter().map(|dkim| &dkim.domain);
        let asked = row.spf_results.iter().map(|spf| &spf.domain);
        for domain in std::iter::once(&row.header_from).chain(signers).chain(asked) {
            if self.domains.len() >= DOMAINS {
                return;
            }
            if !domain.is_empty() && !self.domains.contains(domain) {
                self.domains.insert(domain.clone());
            }
        }
    }
}

impl Sums {
    /// Counts a row.
    fn add(&mut self, row: &Row) {
        let (spf, dkim) = (row.spf == Some(Evaluated::Pass), row.dkim == Some(Evaluated::Pass));
        let add = |sum: &mut u64, holds: bool| *sum = sum.saturating_add(if holds { row.count } else { 0 });
        add(&mut self.mails, true);
        add(&mut self.pass, spf || dkim);
        add(&mut self.spf, spf);
        add(&mut self.dkim, dkim);
    }
}

/// Reads the rows of a report that was found.
fn each_row(bytes: &[u8], opened: &Opened, found: &Found, mut take: impl FnMut(&Row)) {
    let Ok(()) = opening::rows(bytes, opened, found, |_, row| {
        take(row);
        Ok::<(), Infallible>(())
    });
}

/// Returns how a row's source is known again.
fn key(row: &Row) -> Key {
    let text = if row.source_ip.is_some() { "" } else { &*row.source_text };
    (row.source_ip, text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a report of rows: source, mails, DKIM and SPF.
    fn report(rows: &[(&str, u64, &str, &str)]) -> String {
        let row = |(source, count, dkim, spf): &(&str, u64, &str, &str)| {
            format!(
                "<record><row><source_ip>{source}</source_ip><count>{count}</count><policy_evaluated>\
                 <disposition>none</disposition><dkim>{dkim}</dkim><spf>{spf}</spf></policy_evaluated></row>\
                 <identifiers><header_from>a{count}.example</header_from></identifiers></record>"
            )
        };
        let rows: String = rows.iter().map(row).collect();
        format!(
            "<?xml version=\"1.0\"?><feedback><report_metadata><org_name>r.example</org_name><report_id>1</report_id>\
             </report_metadata><policy_published><domain>a.example</domain><p>none</p></policy_published>{rows}</feedback>"
        )
    }

    /// Looks at an aggregate report.
    fn sources(text: &str) -> Sources {
        match look(text.as_bytes()).unwrap().told.remove(0) {
            Told::Aggregate(_, sources) => sources,
            _ => panic!("it is another one"),
        }
    }

    #[test]
    fn rows_are_added_up_by_source_and_the_busiest_is_first() {
        let told = sources(&report(&[
            ("192.0.2.1", 5, "pass", "fail"),
            ("nobody", 7, "fail", "fail"),
            ("192.0.2.1", 4, "fail", "pass"),
        ]));
        let first = &told.busiest[0];
        assert_eq!((&*first.address, first.sums), ("192.0.2.1", Sums { mails: 9, pass: 9, spf: 4, dkim: 5 }));
        assert_eq!(first.domains.iter().collect::<Vec<_>>(), ["a4.example", "a5.example"]);
        assert_eq!((&*told.busiest[1].address, told.others), ("nobody", 0));
        assert_eq!(told.sums, Sums { mails: 16, pass: 9, spf: 4, dkim: 5 });
    }

    #[test]
    fn of_very_many_sources_the_busiest_are_told_and_the_others_are_counted() {
        let names: Vec<String> = (0..SOURCES + 50).map(|at| format!("10.0.{}.{}", at / 250, at % 250)).collect();
        let rows: Vec<_> = (1..).zip(&names).map(|(count, name)| (&**name, count, "pass", "pass")).collect();
        let told = sources(&report(&rows));
        assert_eq!((told.busiest.len(), told.others), (SOURCES, 50));
        assert_eq!((told.busiest[0].sums.mails, told.busiest[SOURCES - 1].sums.mails), (250, 51));
        assert_eq!(told.sums.mails, 250 * 251 / 2);
    }

    #[test]
    fn what_has_nothing_of_a_report_is_none_and_a_broken_one_is() {
        for other in ["From: a@b.example\r\nSubject: hello\r\n\r\nhi\r\n", "hello", "<html></html>", "{\"a\": 1}"] {
            assert!(look(other.as_bytes()).is_none(), "{other}");
        }
        for broken in
            [&b"<feedback><report_metadata>"[..], b"{\"policies\": [", b"\x1f\x8b\x08", b"<!DOCTYPE x><feedback/>"]
        {
            let glance = look(broken).unwrap();
            assert!(glance.told.is_empty() && !glance.unreadable.is_empty() && !glance.is_mail, "{broken:?}");
        }
    }
}
