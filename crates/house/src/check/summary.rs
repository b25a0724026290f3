//! What many mails came to: how often each result, and which domains fail most

use std::collections::BTreeMap;
use std::fmt::Write;

use sekisho_core::step::Value;
use sekisho_mail::verdict::{Action, ArcResult, AuthorResult, DkimResult, DmarcResult, SpfResult, SpfVerdict, Verdict};

use super::account::tone;
use super::desk::Layout;
use crate::speech::Talk;
use crate::terminal::{Tone, pad, width};

/// How many failing domains are named.
const DOMAINS_SHOWN: usize = 10;
/// How many failing domains are counted; a flood of forged names must not fill the memory.
const DOMAINS_COUNTED: usize = 100_000;

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// How many mails were judged.
    mails: u64,
    /// How many were not.
    unjudged: u64,
    /// How often each result, by the label of its check.
    results: BTreeMap<(&'static str, &'static str), u64>,
    /// How often DMARC failed, by author domain.
    failing: BTreeMap<String, u64>,
}

/// The checks that are counted: the label, and the results in their order.
fn checks() -> [(&'static str, Vec<&'static str>); 7] {
    let mut signatures: Vec<&str> = DkimResult::ALL.iter().map(|result| result.as_str()).collect();
    signatures.push("none");
    let spf = || SpfResult::ALL.iter().map(|result| result.as_str()).collect();
    [
        ("label-verdict", Action::ALL.iter().map(|action| action.as_str()).collect()),
        ("label-author", AuthorResult::ALL.iter().map(|result| result.as_str()).collect()),
        ("label-spf", spf()),
        ("label-spf_helo", spf()),
        ("label-dkim", signatures),
        ("label-arc", ArcResult::ALL.iter().map(|result| result.as_str()).collect()),
        ("label-dmarc", DmarcResult::ALL.iter().map(|result| result.as_str()).collect()),
    ]
}

impl Summary {
    /// Counts a mail that was judged.
    pub(super) fn count(&mut self, verdict: &Verdict) {
        self.mails += 1;
        self.add("label-verdict", verdict.action.as_str());
        self.add("label-author", verdict.author.result.as_str());
        let spf = |spf: &Option<SpfVerdict>| spf.as_ref().map(|spf| spf.result.as_str());
        spf(&verdict.spf).into_iter().for_each(|word| self.add("label-spf", word));
        spf(&verdict.spf_helo).into_iter().for_each(|word| self.add("label-spf_helo", word));
        if verdict.dkim.is_empty() {
            self.add("label-dkim", "none");
        }
        for signature in &verdict.dkim {
            self.add("label-dkim", signature.result.as_str());
        }
        self.add("label-arc", verdict.arc.result.as_str());
        self.add("label-dmarc", verdict.dmarc.result.as_str());
        if let (DmarcResult::Fail, Some(domain)) = (verdict.dmarc.result, &verdict.dmarc.domain) {
            let domain = domain.to_string();
            if self.failing.len() < DOMAINS_COUNTED || self.failing.contains_key(&domain) {
                *self.failing.entry(domain).or_default() += 1;
            }
        }
    }

    /// Counts a mail that could not be judged.
    pub(super) fn count_unjudged(&mut self) {
        self.unjudged += 1;
    }

    /// Counts one result of one check.
    fn add(&mut self, label: &'static str, word: &'static str) {
        *self.results.entry((label, word)).or_default() += 1;
    }

    /// Says the counts as a table.
    pub(super) fn say(&self, talk: &Talk, layout: Layout) -> String {
        let mut text = String::new();
        let paint = layout.paint;
        let head = talk.say("summary", &[("count", Value::from(self.mails))]);
        let _ = writeln!(text, "{}", paint.tone(Tone::Strong, &head));
        let labels = checks().iter().map(|(label, _)| width(&talk.word(label))).max().unwrap_or_default() + 2;
        let digits = self.mails.max(self.unjudged).max(self.results.values().copied().max().unwrap_or_default());
        let digits = digits.to_string().len();
        for (check, words) in checks() {
            let mut label = talk.word(check);
            for word in words {
                let Some(count) = self.results.get(&(check, word)) else { continue };
                let shown = paint.tone(tone(word), word);
                let _ = writeln!(text, "  {}{count:>digits$}  {shown}", pad(&label, labels));
                label.clear();
            }
        }
        let signatures: u64 =
            self.results.iter().filter(|((check, _), _)| *check == "label-dkim").map(|(_, count)| count).sum();
        if signatures != self.mails {
            let _ = writeln!(text, "  {}", paint.tone(Tone::Dim, &talk.word("summary-signatures")));
        }
        if self.unjudged > 0 {
            let unjudged = talk.say("summary-unjudged", &[("count", Value::from(self.unjudged))]);
            let _ = writeln!(text, "  {}", paint.tone(Tone::Odd, &unjudged));
        }
        self.say_failing(talk, layout, &mut text);
        text
    }

    /// Says which domains fail most.
    fn say_failing(&self, talk: &Talk, layout: Layout, text: &mut String) {
        if self.failing.is_empty() {
            return;
        }
        let mut failing: Vec<(&String, &u64)> = self.failing.iter().collect();
        failing.sort_by(|left, right| right.1.cmp(left.1).then(left.0.cmp(right.0)));
        let digits = failing.first().map_or(1, |(_, count)| count.to_string().len());
        let _ = writeln!(text, "\n{}", layout.paint.tone(Tone::Strong, &talk.word("summary-failing")));
        for (domain, count) in failing.into_iter().take(DOMAINS_SHOWN) {
            let _ = writeln!(text, "  {count:>digits$}  {domain}");
        }
    }
}
