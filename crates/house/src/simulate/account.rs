//! What a simulation comes to, told to people or to programs

use std::collections::BTreeSet;

use jiff::civil::Date;
use sekisho_core::facts::{Facts, Outcome};
use sekisho_core::name::DomainName;
use sekisho_core::visible::Visible;
use sekisho_mail::verdict::{DkimResult, DmarcVerdict, SpfResult};
use serde_json::{Value, json};

use super::advice::Advice;
use super::judge::{Case, Change, Doubt, Ruling};
use super::stream::Stream;
use crate::names::Named;
use crate::reports::suspicion::Signal;
use crate::speech::Talk;
use crate::spf_record::quoted;
use crate::terminal::{Paint, Tone};

/// The most streams of one kind that people are shown; JSON has all.
const SHOWN: usize = 25;

/// What was found of a stream.
pub(super) struct Outlook<'a> {
    /// The stream.
    pub(super) stream: &'a Stream,
    /// What its source is called.
    pub(super) named: Option<&'a Named>,
    /// How it would be judged.
    pub(super) ruling: Ruling,
    /// Why its source looks as if it handed mails on.
    pub(super) signals: Vec<Signal>,
    /// Whether it proves now whose it is, or was confirmed.
    pub(super) is_known: bool,
    /// What saves it.
    pub(super) advice: Option<Advice>,
}

/// Returns the MAIL FROM domains whose SPF would come to a permerror and does not now: whoever proposes that has mistyped something.
pub(super) fn broken_spf(outlooks: &[Outlook<'_>]) -> BTreeSet<String> {
    let is_broken = |case: &Case| case.spf.as_ref().is_some_and(|spf| spf.result == SpfResult::Permerror);
    let newly = outlooks.iter().filter(|outlook| is_broken(&outlook.ruling.case) && !is_broken(&outlook.ruling.was));
    newly.filter_map(|outlook| outlook.stream.of.envelope.clone()).collect()
}

/// Tells people what would change. Of the mails our own gate saw so many, and `left_out` streams were not judged.
pub(super) fn tell(
    domain: &DomainName,
    (first, last): (Date, Date),
    (proposed, seen, left_out): (&Facts, u64, usize),
    outlooks: &[Outlook<'_>],
    talk: &Talk,
    paint: Paint,
) -> String {
    let named = [("domain", domain.into()), ("first", first.to_string().into()), ("last", last.to_string().into())];
    let mut said = talk.say("simulate-head", &named) + "\n";
    for (question, answer) in proposed.iter() {
        for line in data(&answer.outcome) {
            said += &format!("  {} {}  {line}\n", question.name, question.kind);
        }
    }
    if seen > 0 {
        let all = sum(outlooks.iter().map(|outlook| outlook.stream.mails));
        let others = if all > seen { "yes" } else { "no" };
        said += &format!("\n{}\n", talk.say("simulate-seen", &[("mails", seen.into()), ("others", others.into())]));
    }
    for change in Change::ALL {
        let of_kind: Vec<&Outlook<'_>> = outlooks.iter().filter(|outlook| outlook.ruling.change == change).collect();
        if of_kind.is_empty() {
            continue;
        }
        let mails = sum(of_kind.iter().map(|outlook| outlook.stream.mails));
        let counts = [("streams", of_kind.len().into()), ("mails", mails.into())];
        let tone = match change {
            Change::Breaks | Change::Harsher => Tone::Bad,
            Change::Unknown => Tone::Odd,
            Change::Milder | Change::Mended => Tone::Good,
            Change::Same => Tone::Plain,
        };
        let head = talk.say(&format!("simulate-{}", change.as_str()), &counts);
        said += &format!("\n{}\n", paint.tone(tone, &head));
        if change == Change::Same {
            continue;
        }
        for outlook in of_kind.iter().take(SHOWN) {
            said += &outlook.tell(talk);
        }
        if of_kind.len() > SHOWN {
            said += &format!("  {}\n", talk.say("simulate-more", &[("number", (of_kind.len() - SHOWN).into())]));
        }
    }
    if left_out > 0 {
        said += &format!("\n{}\n", talk.say("simulate-left-out", &[("number", left_out.into())]));
    }
    said
}

impl Outlook<'_> {
    /// Tells people of one stream.
    fn tell(&self, talk: &Talk) -> String {
        let Stream { of, mails, days } = self.stream;
        let visible = |text: &str| Visible(text.as_bytes()).to_string();
        let label = self.named.and_then(|named| named.label(talk.lang()));
        let source = label.map_or_else(|| visible(&of.source), |label| visible(&format!("{label} ({})", of.source)));
        let volume = talk.say("simulate-volume", &[("mails", (*mails).into()), ("days", days.len().into())]);
        let mut said = format!("  {source}: {volume}\n    From {}", visible(&of.author));
        if let Some(domain) = &of.envelope {
            let result = of.spf.map_or("-", |result| result.as_str());
            said += &format!(", MAIL FROM {} (SPF {result})", visible(domain));
        }
        for dkim in of.dkim.iter().filter(|dkim| dkim.result == DkimResult::Pass) {
            let selector = dkim.selector.as_ref().map(|selector| format!(", s={selector}")).unwrap_or_default();
            said += &dkim.domain.as_ref().map(|domain| format!(", DKIM d={domain}{selector}")).unwrap_or_default();
        }
        said += &format!("\n    DMARC {} → {}\n", short(&self.ruling.before), short(&self.ruling.after));
        for doubt in &self.ruling.doubts {
            said += &format!("    {}\n", talk.word(&format!("doubt-{}", Doubt::as_str(*doubt))));
        }
        if self.ruling.change.is_worse() {
            if !self.signals.is_empty() {
                said += &format!("    {}\n", talk.word("simulate-forwarder"));
            }
            for line in self.advice.as_ref().map_or_else(|| self.hopeless(talk), |advice| advice.tell(talk)) {
                said += &format!("    {line}\n");
            }
        }
        said
    }

    /// Says that nothing in the DNS saves a stream.
    pub(super) fn hopeless(&self, talk: &Talk) -> Vec<String> {
        match (self.signals.is_empty(), self.is_known) {
            (false, _) => Vec::new(),
            (true, true) => vec![talk.word("advice-none")],
            (true, false) => vec![talk.word("advice-unconfirmed")],
        }
    }

    /// Writes it as an object.
    fn json(&self) -> Value {
        let Stream { of, mails, days } = self.stream;
        let dkim: Vec<Value> = of.dkim.iter().map(|dkim| {
            let name = |name: &Option<DomainName>| name.as_ref().map(ToString::to_string);
            json!({ "domain": name(&dkim.domain), "selector": name(&dkim.selector), "result": dkim.result.as_str() })
        }).collect();
        json!({
            "source_ip": of.source,
            "name": self.named.and_then(|named| named.label(sekisho_core::speech::Lang::En)),
            "header_from": of.author,
            "mail_from_domain": of.envelope,
            "spf": of.spf.map(SpfResult::as_str),
            "dkim": dkim,
            "messages": mails,
            "days": days.iter().collect::<Vec<_>>(),
            "change": self.ruling.change.as_str(),
            "before": verdict(&self.ruling.before),
            "after": verdict(&self.ruling.after),
            "doubts": self.ruling.doubts.iter().map(|doubt| doubt.as_str()).collect::<Vec<_>>(),
            "forwarder": self.signals.iter().map(|signal| signal.as_str()).collect::<Vec<_>>(),
            "known": self.is_known,
            "advice": self.advice.as_ref().map(Advice::json),
        })
    }
}

impl Advice {
    /// Tells people what to do; a record stands in a line of its own, to be copied.
    pub(super) fn tell(&self, talk: &Talk) -> Vec<String> {
        let record = |name: &DomainName, text: &str| format!("  {name}. TXT {}", quoted(text));
        match self {
            Advice::Relax { tag, name, text } => {
                vec![talk.say("advice-relax", &[("tag", (*tag).into())]), record(name, text)]
            }
            Advice::KeepKey { name } => vec![talk.say("advice-keep-key", &[("name", name.into())])],
            Advice::Spf(mended) => vec![
                talk.say(
                    "advice-spf",
                    &[("domain", (&mended.name).into()), ("lookups", u64::from(mended.lookups).into())],
                ),
                record(&mended.name, &mended.text),
            ],
            Advice::Sign { domain } => vec![talk.say("advice-sign", &[("domain", domain.into())])],
        }
    }

    /// Writes it as an object.
    fn json(&self) -> Value {
        let record = |name: &DomainName, text: &str| json!({ "name": name.to_string(), "type": "TXT", "text": text });
        match self {
            Advice::Relax { tag, name, text } => json!({ "do": "relax", "tag": tag, "record": record(name, text) }),
            Advice::KeepKey { name } => json!({ "do": "keep-key", "name": name.to_string() }),
            Advice::Spf(mended) => json!({
                "do": "spf", "record": record(&mended.name, &mended.text), "lookups": mended.lookups
            }),
            Advice::Sign { domain } => json!({ "do": "sign", "domain": domain.to_string() }),
        }
    }
}

/// Writes what a simulation comes to as one object.
pub(super) fn json(
    domain: &DomainName,
    (first, last): (Date, Date),
    (proposed, seen): (&Facts, u64),
    outlooks: &[Outlook<'_>],
) -> String {
    let records: Vec<Value> = proposed
        .iter()
        .map(|(question, answer)| {
            let (name, kind, outcome) = (question.name.to_string(), question.kind.as_str(), answer.outcome.word());
            json!({ "name": name, "type": kind, "outcome": outcome, "records": data(&answer.outcome) })
        })
        .collect();
    let mut sums = serde_json::Map::new();
    for change in Change::ALL {
        let of_kind: Vec<&Stream> =
            outlooks.iter().filter(|outlook| outlook.ruling.change == change).map(|outlook| outlook.stream).collect();
        let days: BTreeSet<&String> = of_kind.iter().flat_map(|stream| &stream.days).collect();
        let mails = sum(of_kind.iter().map(|stream| stream.mails));
        let counts = json!({ "streams": of_kind.len(), "messages": mails, "days": days.len() });
        sums.insert(change.as_str().to_owned(), counts);
    }
    let streams: Vec<Value> = outlooks.iter().map(Outlook::json).collect();
    json!({
        "domain": domain.to_string(), "first": first.to_string(), "last": last.to_string(), "gate_messages": seen,
        "proposed": records, "sums": sums, "streams": streams,
    })
    .to_string()
}

/// Writes a verdict as an object.
fn verdict(verdict: &DmarcVerdict) -> Value {
    json!({
        "result": verdict.result.as_str(),
        "disposition": verdict.disposition.as_str(),
        "aligned": verdict.aligned.iter().map(|by| by.as_str()).collect::<Vec<_>>(),
        "policy_domain": verdict.policy_domain.as_ref().map(ToString::to_string),
    })
}

/// Writes a verdict in two words.
pub(super) fn short(verdict: &DmarcVerdict) -> String {
    match verdict.disposition.as_str() {
        "none" => verdict.result.as_str().to_owned(),
        disposition => format!("{} ({disposition})", verdict.result),
    }
}

/// Returns the records of an answer as a zone file has them, or what comes back without any.
pub(super) fn data(outcome: &Outcome) -> Vec<String> {
    match outcome {
        Outcome::Records(records) => records.iter().map(ToString::to_string).collect(),
        other => vec![format!("!{}", other.word())],
    }
}

/// Adds numbers up.
pub(super) fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}
