//! The account of one mail for people: its verdict first, then each check, and below it why
//!
//! Nothing is said by colour alone, and bytes from outside are shown harmlessly.

use sekisho_core::step::{Check, Step, Value};
use sekisho_core::visible::Visible;
use sekisho_mail::verdict::{
    Action, ArcResult, Author, AuthorResult, DkimResult, DkimVerdict, DmarcResult, SpfResult, SpfVerdict, Verdict,
};

use super::desk::{Judged, Layout, WhatIf};
use super::tree;
use super::what_if::Change;
use crate::cli::StepsShown;
use crate::phrase;
use crate::speech::Talk;
use crate::terminal::{Piece, Tone, pad, width, wrap};

/// How wide the column with the results is: `permerror` and its distance.
const RESULT_COLUMNS: usize = 11;
/// The stable reason of a signature that was left aside: there were too many.
const UNEXAMINED: &str = "beyond the signature limit";
/// How wide the longest action is.
const ACTION_COLUMNS: usize = "quarantine".len();

/// Returns the account of one mail. Of many mails, one that is accepted gets one line.
pub(super) fn text(judged: &Judged, shown: StepsShown, talk: &Talk, layout: Layout) -> String {
    let in_one_line =
        judged.many && shown != StepsShown::All && judged.verdict.action == Action::Accept && judged.what_if.is_none();
    let mut text = headline(judged, in_one_line, talk, layout);
    if in_one_line {
        return text;
    }
    let account = Account { shown, talk, layout, labels: label_columns(talk) };
    account.people(judged, &mut text);
    text.push('\n');
    account.checks(&judged.verdict, &mut text);
    if let Some(what_if) = &judged.what_if {
        account.what_if(what_if, &mut text);
    }
    text.push('\n');
    text
}

/// Returns how a result word sounds.
pub(super) fn tone(result: &str) -> Tone {
    match result {
        "pass" | "ok" | "accept" => Tone::Good,
        "fail" | "permerror" | "reject" | "missing" | "multiple" | "unusable" => Tone::Bad,
        "softfail" | "temperror" | "policy" | "quarantine" | "tempfail" => Tone::Odd,
        _ => Tone::Plain,
    }
}

/// Returns the first line: what is done with the mail, and why in a few words; whose it is, where nothing follows.
fn headline(judged: &Judged, in_one_line: bool, talk: &Talk, layout: Layout) -> String {
    let verdict = &judged.verdict;
    let sign = match verdict.action {
        Action::Accept => "✓",
        Action::Tempfail => "!",
        Action::Quarantine | Action::Reject => "✗",
    };
    let action = verdict.action.as_str();
    // The names of many mails stand one below the other.
    let gap = if judged.many { ACTION_COLUMNS.saturating_sub(action.len()) } else { 0 };
    let mut pieces = vec![
        (tone(action), format!("{sign}\u{a0}{action}{}", "\u{a0}".repeat(gap))),
        (Tone::Strong, format!(" {}", Visible(judged.source.as_bytes()))),
    ];
    if let (true, Some(domain)) = (in_one_line, &verdict.author.domain) {
        pieces.push((Tone::Dim, format!(" {}", shown_name(domain))));
        pieces.extend(flags(&verdict.author, talk).map(|flags| (Tone::Odd, format!(" · {flags}"))));
    }
    let grounds: Vec<String> = verdict.grounds.iter().map(|ground| talk.word(&format!("ground-{ground}"))).collect();
    if !grounds.is_empty() {
        pieces.push((Tone::Dim, " —".to_owned()));
        pieces.push((Tone::Plain, format!(" {}", grounds.join(&talk.word("comma")))));
    }
    lines(&pieces, 0, 2, layout)
}

/// Says what is odd about the author.
fn flags(author: &Author, talk: &Talk) -> Option<String> {
    let flags = (!author.flags.is_empty()).then(|| author.flags.join(", "))?;
    Some(talk.say("detail-flags", &[("flags", flags.into())]))
}

/// Lays pieces out with `first` columns before the first line and `rest` before the others.
fn lines(pieces: &[Piece], first: usize, rest: usize, layout: Layout) -> String {
    let mut text = String::new();
    for (index, (line, _)) in wrap(pieces, layout.width.saturating_sub(rest), layout.paint).iter().enumerate() {
        text.push_str(&" ".repeat(if index == 0 { first } else { rest }));
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Returns how wide the column with the labels is.
fn label_columns(talk: &Talk) -> usize {
    let labels = ["label-author", "label-spf_helo", "label-verdict", "label-from", "label-envelope"];
    labels.iter().map(|label| width(&talk.word(label))).max().unwrap_or_default() + 2
}

/// How one account is told.
struct Account<'a> {
    /// Whose steps are shown.
    shown: StepsShown,
    /// The language.
    talk: &'a Talk,
    /// The lines.
    layout: Layout,
    /// How wide the column with the labels is.
    labels: usize,
}

impl Account<'_> {
    /// Tells who speaks: the From field and the envelope.
    fn people(&self, judged: &Judged, text: &mut String) {
        for from in &judged.from {
            self.labelled("label-from", &[(Tone::Plain, from.clone())], text);
        }
        if judged.from.is_empty() {
            self.labelled("label-from", &[(Tone::Plain, self.talk.word("from-none"))], text);
        }
        let envelope = &judged.envelope;
        let mut said = Vec::new();
        if let Some(address) = envelope.client_ip {
            said.push(self.talk.say("envelope-client", &[("address", Value::from(address))]));
        }
        if let Some(helo) = &envelope.helo {
            said.push(self.talk.say("envelope-helo", &[("helo", Value::from(&**helo))]));
        }
        if let Some(path) = &envelope.mail_from {
            let message = if judged.from_return_path { "envelope-return-path" } else { "envelope-mail-from" };
            said.push(self.talk.say(message, &[("path", Value::from(&**path))]));
        }
        if !said.is_empty() {
            self.labelled("label-envelope", &[(Tone::Plain, said.join(&self.talk.word("comma")))], text);
        }
    }

    /// Tells every check.
    fn checks(&self, verdict: &Verdict, text: &mut String) {
        self.author(verdict, text);
        self.spf("label-spf", Check::Spf, verdict.spf.as_ref(), verdict, text);
        self.spf("label-spf_helo", Check::SpfHelo, verdict.spf_helo.as_ref(), verdict, text);
        self.dkim(verdict, text);
        self.arc(verdict, text);
        self.dmarc(verdict, text);
        if self.shown == StepsShown::All || verdict.action != Action::Accept || !verdict.grounds.is_empty() {
            self.check("label-verdict", verdict.action.as_str(), Vec::new(), text);
            self.steps(Check::Verdict, verdict, true, text);
        }
    }

    /// Tells who the author is.
    fn author(&self, verdict: &Verdict, text: &mut String) {
        let author = &verdict.author;
        let mut details: Vec<String> = author.domain.iter().map(shown_name).collect();
        details.extend(author.reason.map(|reason| phrase::say(reason, self.talk)));
        details.extend(flags(author, self.talk));
        self.check("label-author", author.result.as_str(), details, text);
        let is_odd = author.result != AuthorResult::Ok || !author.flags.is_empty();
        self.steps(Check::Author, verdict, is_odd, text);
    }

    /// Tells SPF of one identity, or why it was not asked.
    fn spf(&self, label: &str, check: Check, spf: Option<&SpfVerdict>, verdict: &Verdict, text: &mut String) {
        let last = verdict.steps.iter().rfind(|step| step.check == check);
        let why = || last.map_or_else(|| self.talk.word("detail-not-asked"), |step| self.talk.step(step));
        let Some(spf) = spf else {
            self.check(label, "—", vec![why()], text);
            return;
        };
        if spf.result == SpfResult::None && self.shown == StepsShown::Failed {
            // Nothing failed, and one sentence says all.
            self.check(label, spf.result.as_str(), vec![why()], text);
            return;
        }
        let mut details = vec![Visible(spf.domain.as_bytes()).to_string()];
        if let Some(explanation) = &spf.explanation {
            details.push(self.talk.say("detail-explanation", &[("text", explanation.clone().into())]));
        }
        self.check(label, spf.result.as_str(), details, text);
        self.steps(check, verdict, spf.result != SpfResult::Pass, text);
    }

    /// Tells the signatures.
    fn dkim(&self, verdict: &Verdict, text: &mut String) {
        if verdict.dkim.is_empty() {
            self.check("label-dkim", "none", vec![self.talk.word("detail-unsigned")], text);
        }
        let steps: Vec<&Step> = verdict.steps.iter().filter(|step| step.check == Check::Dkim).collect();
        // Each signature that was examined has steps of its own, in the order of the header.
        let mut groups = steps.chunk_by(|_, next| next.depth > 0).peekable();
        for signature in &verdict.dkim {
            self.check("label-dkim", signature.result.as_str(), self.signature(signature), text);
            if signature.reason != Some(UNEXAMINED) && groups.peek().is_some_and(|group| is_of_one_signature(group)) {
                let group = groups.next().unwrap_or_default();
                self.draw(group, signature.result != DkimResult::Pass, text);
            }
        }
        // What is said of all that were not examined.
        groups.for_each(|group| self.draw(group, true, text));
    }

    /// Returns what names one signature.
    fn signature(&self, signature: &DkimVerdict) -> Vec<String> {
        let mut details: Vec<String> = signature.domain.iter().map(shown_name).collect();
        details.extend(signature.selector.iter().map(|selector| format!("s={selector}")));
        details.extend(signature.algorithm.iter().map(|algorithm| Visible(algorithm.as_bytes()).to_string()));
        if signature.testing {
            details.push(self.talk.word("detail-key-testing"));
        }
        details.extend(signature.reason.map(|reason| phrase::say(reason, self.talk)));
        if let Some(gap) = &signature.gap {
            let message = if gap.spaced { "detail-gap-spaced" } else { "detail-gap" };
            details.push(self.talk.say(message, &[("field", Value::from(&*gap.field))]));
        }
        details
    }

    /// Tells the ARC chain.
    fn arc(&self, verdict: &Verdict, text: &mut String) {
        let arc = &verdict.arc;
        let mut details = Vec::new();
        if arc.result != ArcResult::None {
            let count = Value::from(u64::from(arc.instances));
            let sealers: Vec<String> = arc.sealers.iter().map(shown_name).collect();
            details.push(self.talk.say("detail-arc", &[("count", count), ("sealers", sealers.join(", ").into())]));
        }
        if arc.overrides {
            details.push(self.talk.word("detail-overrides"));
        }
        details.extend(arc.reason.map(|reason| phrase::say(reason, self.talk)));
        self.check("label-arc", arc.result.as_str(), details, text);
        self.steps(Check::Arc, verdict, arc.result == ArcResult::Fail, text);
    }

    /// Tells DMARC.
    fn dmarc(&self, verdict: &Verdict, text: &mut String) {
        let dmarc = &verdict.dmarc;
        let mut details: Vec<String> = dmarc.domain.iter().map(shown_name).collect();
        match (dmarc.policy, &dmarc.policy_domain) {
            (Some(policy), Some(domain)) if Some(domain) != dmarc.domain.as_ref() => {
                let named = [("policy", policy.as_str().into()), ("domain", domain.into())];
                details.push(self.talk.say("detail-policy", &named));
            }
            (Some(policy), _) => details.push(format!("p={policy}")),
            (None, _) => {}
        }
        if dmarc.testing {
            details.push(self.talk.word("detail-policy-testing"));
        }
        if !dmarc.aligned.is_empty() {
            let aligned: Vec<String> = dmarc.aligned.iter().map(|by| by.as_str().to_uppercase()).collect();
            details.push(self.talk.say("detail-aligned", &[("by", aligned.join(" + ").into())]));
        }
        self.check("label-dmarc", dmarc.result.as_str(), details, text);
        self.steps(Check::Dmarc, verdict, dmarc.result != DmarcResult::Pass, text);
    }

    /// Writes the line of one check.
    fn check(&self, label: &str, result: &str, details: Vec<String>, text: &mut String) {
        let gap = RESULT_COLUMNS.saturating_sub(width(result));
        // A hard gap, since spaces between words fold into one.
        let head = format!("  {}", pad(&self.talk.word(label), self.labels));
        let indent = width(&head) + RESULT_COLUMNS;
        text.push_str(&self.layout.paint.tone(Tone::Strong, &head));
        text.push_str(&self.layout.paint.tone(tone(result), result));
        let mut pieces = Vec::new();
        for (index, detail) in details.into_iter().enumerate() {
            if index > 0 {
                pieces.push((Tone::Dim, " ·".to_owned()));
            }
            pieces.push((Tone::Plain, format!(" {detail}")));
        }
        if pieces.is_empty() {
            text.push('\n');
        } else {
            text.push_str(&lines(&pieces, gap, indent, self.layout));
        }
    }

    /// Writes the steps of one check, where they are wanted.
    fn steps(&self, check: Check, verdict: &Verdict, failed: bool, text: &mut String) {
        let steps: Vec<&Step> = verdict.steps.iter().filter(|step| step.check == check).collect();
        self.draw(&steps, failed, text);
    }

    /// Draws steps that belong together, where they are wanted.
    fn draw(&self, steps: &[&Step], failed: bool, text: &mut String) {
        if self.shown == StepsShown::All || failed {
            text.push_str(&tree::draw(steps, self.shown, self.talk, self.layout));
        }
    }

    /// Writes a line with a label.
    fn labelled(&self, label: &str, pieces: &[Piece], text: &mut String) {
        let head = format!("  {}", pad(&self.talk.word(label), self.labels));
        text.push_str(&self.layout.paint.tone(Tone::Dim, &head));
        text.push_str(&lines(pieces, 0, width(&head), self.layout));
    }

    /// Tells what other answers would change.
    fn what_if(&self, what_if: &WhatIf, text: &mut String) {
        text.push('\n');
        for (question, answer) in what_if.proposed.iter() {
            let records: Vec<String> = answer.outcome.records().iter().map(ToString::to_string).collect();
            let said = if records.is_empty() { answer.outcome.word().to_owned() } else { records.join(" ") };
            let said = self.talk.say("what-if", &[("question", question.to_string().into()), ("answer", said.into())]);
            text.push_str(&lines(&[(Tone::Strong, said)], 2, 4, self.layout));
        }
        if what_if.changes.is_empty() {
            text.push_str(&format!("    {}\n", self.talk.word("what-if-nothing")));
        }
        let columns = what_if.changes.iter().map(|change| width(&place(change))).max().unwrap_or_default() + 2;
        for change in &what_if.changes {
            text.push_str(&format!("    {}", pad(&place(change), columns)));
            let said = |value: &str| {
                if change.field == "reason" { phrase::say(value, self.talk) } else { value.to_owned() }
            };
            let value = |value: &Option<String>| {
                value.as_deref().filter(|value| !value.is_empty()).map_or_else(|| "—".to_owned(), said)
            };
            let (before, after) = (value(&change.before), value(&change.after));
            let pieces = [(tone(&before), before), (Tone::Dim, " →".to_owned()), (tone(&after), format!(" {after}"))];
            text.push_str(&lines(&pieces, 0, columns + 4, self.layout));
        }
    }
}

/// Returns a name as it is, and behind it in its own script where it has one.
fn shown_name(name: &sekisho_core::name::DomainName) -> String {
    let (ascii, unicode) = (name.to_string(), name.to_unicode());
    if ascii == unicode { ascii } else { format!("{ascii} ({})", Visible(unicode.as_bytes())) }
}

/// Tells whether steps begin with the signature that they are about.
fn is_of_one_signature(group: &[&Step]) -> bool {
    group.first().is_some_and(|step| step.rule.id == "dkim.signature")
}

/// Names the place of a change as the JSON does.
fn place(change: &Change) -> String {
    match change.signature {
        Some(number) => format!("{}[{number}].{}", change.check, change.field),
        None if change.check == change.field => change.check.to_owned(),
        None => format!("{}.{}", change.check, change.field),
    }
}
