//! Mails that failed in the name of a domain, as failure reports tell: added up by source, for people and for programs
//!
//! Failure reports tell of single mails and not of all: their numbers are never added to those of aggregate reports.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sekisho_core::sums::Failed;
use sekisho_core::visible::Visible;
use serde_json::{Value, json};

use super::show::{cut, right};
use crate::names::{Clue, Named};
use crate::speech::Talk;
use crate::terminal::{Paint, Tone, pad, width};

/// The most lines that are shown; JSON has all sources.
const SHOWN: usize = 20;
/// How many cells a line has before its numbers.
const CELLS: usize = 5;
/// The most columns that a cell takes.
const COLUMNS: usize = 36;

/// A host that sent mails which failed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FailedSource {
    /// Its address; empty where the reports do not tell it.
    pub(crate) address: String,
    /// What it was found to be.
    pub(crate) named: Named,
    /// How many mails.
    pub(crate) mails: u64,
    /// What failed.
    pub(crate) auth_failure: BTreeSet<String>,
    /// What became of the mails.
    pub(crate) delivery_result: BTreeSet<String>,
    /// The domains of signatures that failed, and the MAIL FROM domains.
    pub(crate) domains: BTreeSet<String>,
    /// Who told it, as the reports prove.
    pub(crate) reporters: BTreeSet<String>,
    /// When the last of them arrived, in microseconds since 1970.
    pub(crate) last_at: i64,
}

impl FailedSource {
    /// Adds what was told.
    fn add(&mut self, row: &Failed) {
        self.mails = self.mails.saturating_add(row.mails);
        self.auth_failure.extend(row.auth_failure.iter().cloned());
        self.delivery_result.extend(row.delivery_result.clone());
        let domains = row.dkim_domain.iter().chain(&row.envelope_from);
        self.domains.extend(domains.filter(|domain| !domain.is_empty()).cloned());
        self.reporters.extend(row.submitter.clone());
        self.last_at = self.last_at.max(row.last_at);
    }

    /// Returns what may name it. Of what failed nothing vouches for a name but the host's own.
    pub(crate) fn clue(&self) -> Clue<'_> {
        Clue { address: self.address.parse().ok(), envelopes: Vec::new(), signers: Vec::new(), is_direct: false }
    }

    /// Returns it as a value of JSON.
    pub(crate) fn json(&self) -> Value {
        json!({
            "messages": self.mails, "auth_failure": self.auth_failure, "delivery_result": self.delivery_result,
            "domains": self.domains, "reporters": self.reporters,
            "last_at": Timestamp::from_microsecond(self.last_at).unwrap_or_default().to_string(),
        })
    }
}

/// Adds rows up by source: first what most reporters tell of, and of that the busiest. How many mails there were is only what a
/// reporter says, and anybody can be one.
pub(crate) fn sources(rows: &[Failed]) -> Vec<FailedSource> {
    let mut sources: BTreeMap<&str, FailedSource> = BTreeMap::new();
    for row in rows {
        let address = row.source_ip.as_deref().unwrap_or_default();
        let source = sources.entry(address).or_insert_with(|| FailedSource {
            address: address.to_owned(),
            last_at: row.last_at,
            ..FailedSource::default()
        });
        source.add(row);
    }
    let mut sources: Vec<FailedSource> = sources.into_values().collect();
    sources.sort_by_key(|source| Reverse((source.reporters.len(), source.mails, source.last_at)));
    sources
}

/// Tells people who sent what failed; nothing where nothing did.
pub(super) fn account(sources: &[FailedSource], talk: &Talk, paint: Paint) -> String {
    if sources.is_empty() {
        return String::new();
    }
    let mails = sources.iter().fold(0_u64, |sum, source| sum.saturating_add(source.mails));
    let reporters: BTreeSet<_> = sources.iter().flat_map(|source| &source.reporters).collect();
    let heads =
        ["show-source", "show-domains", "show-what-failed", "show-became", "show-told-by"].map(|word| talk.word(word));
    let shown = sources.get(..SHOWN).unwrap_or(sources);
    let lines: Vec<[String; CELLS]> = shown.iter().map(|source| cells(source, talk)).collect();
    let widths: [usize; CELLS] = std::array::from_fn(|at| {
        lines.iter().map(|cells| width(&cells[at])).chain([width(&heads[at])]).max().unwrap_or(0)
    });
    let padded = |cells: &[String; CELLS]| {
        let cells: Vec<String> = cells.iter().zip(widths).map(|(text, columns)| pad(text, columns)).collect();
        cells.join("  ")
    };
    let (by_mails, last) = (talk.word("show-mails"), talk.word("show-last"));
    let head = format!("{}  {}  {last}", padded(&heads), right(&by_mails, 10));
    let title = talk.say("show-failed", &[("reporters", reporters.len().into()), ("mails", mails.into())]);
    let mut said = format!("\n{title}\n\n{}\n", paint.tone(Tone::Dim, &head));
    for (source, cells) in shown.iter().zip(&lines) {
        let last = Timestamp::from_microsecond(source.last_at).unwrap_or_default().strftime("%Y-%m-%d").to_string();
        said += &format!("{}  {:>10}  {last}\n", padded(cells), source.mails);
    }
    if sources.len() > shown.len() {
        let more = (sources.len() - shown.len()) as u64;
        said += &format!("{}\n", talk.say("show-more", &[("number", more.into())]));
    }
    said
}

/// Returns the cells of a line: who, in whose names, what failed, what became of it, and who told it.
fn cells(source: &FailedSource, talk: &Talk) -> [String; CELLS] {
    let joined = |texts: &BTreeSet<String>| texts.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let address = Some(source.address.clone()).filter(|address| !address.is_empty());
    let called = source.named.label(talk.lang()).or(address).unwrap_or_else(|| "-".to_owned());
    let texts = [&source.domains, &source.auth_failure, &source.delivery_result, &source.reporters].map(joined);
    let [domains, failed, became, reporters] = texts;
    [called, domains, failed, became, reporters].map(|text| cut(&Visible(text.as_bytes()).to_string(), COLUMNS))
}

#[cfg(test)]
mod tests {
    use sekisho_core::speech::Lang;

    use super::*;

    /// Makes a row of some mails.
    fn row(source: Option<&str>, mails: u64, last_at: i64) -> Failed {
        Failed {
            submitter: Some("receiver.example".to_owned()),
            source_ip: source.map(str::to_owned),
            reported_domain: "example.org".to_owned(),
            auth_failure: vec!["dmarc".to_owned()],
            delivery_result: Some("reject".to_owned()),
            dkim_domain: None,
            envelope_from: Some(String::new()),
            last_at,
            mails,
        }
    }

    #[test]
    fn rows_add_up_by_source_and_the_busiest_is_first() {
        let spf = Failed { auth_failure: vec!["spf".to_owned()], ..row(Some("192.0.2.1"), 3, 9) };
        let told = sources(&[row(Some("192.0.2.1"), 2, 10), row(None, 4, -5), spf]);
        let told: Vec<_> = told.iter().map(|s| (&*s.address, s.mails, s.auth_failure.len(), s.last_at)).collect();
        assert_eq!(told, [("192.0.2.1", 5, 2, 10), ("", 4, 1, -5)]);
    }

    #[test]
    fn what_hostile_reports_say_is_harmless_and_many_lines_are_cut() {
        let hostile = Failed { auth_failure: vec!["\u{1b}[31m".to_owned()], ..row(Some("203.0.113.9"), u64::MAX, 0) };
        let others = (0..30).map(|at| row(Some(&format!("192.0.2.{at}")), 1, at));
        let told = sources(&others.chain([hostile]).collect::<Vec<_>>());
        let said = account(&told, &Talk::new(Lang::En), Paint::default());
        assert!(said.contains("203.0.113.9") && !said.contains('\u{1b}') && said.contains("and 11 more"), "{said}");
        assert_eq!(account(&[], &Talk::new(Lang::En), Paint::default()), "");
    }
}
