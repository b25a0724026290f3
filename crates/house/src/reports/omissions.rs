//! Whom the SPF record of a domain misses: the domain's own sources that it does not name, and the record that names them
//!
//! A report cannot tell whose a source is, so the operator says so. Whoever hands mails on is shown apart and never proposed: in a
//! record it would let everybody behind it send as the domain.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use jiff::civil::Date;
use sekisho_ask::{Errand, Source};
use sekisho_core::facts::{Facts, Missing};
use sekisho_core::name::DomainName;
use sekisho_core::speech::Lang;
use sekisho_core::sums::Reported;
use sekisho_core::visible::Visible;
use sekisho_mail::policy::Policy;
use sekisho_mail::verdict::SpfResult;
use serde_json::{Value, json};

use super::suspicion::{self, Seen, Signal};
use crate::config::OwnSource;
use crate::names::Named;
use crate::speech::Talk;
use crate::spf_record::{self, Hopeless, Mended, Wanted, quoted};
use crate::terminal::{Paint, Tone};
use crate::world::World;

/// The most questions: they are those of all sources together.
const QUESTIONS: usize = 20_000;
/// The most sources that are looked at, the busiest first.
const SOURCES: usize = 2_000;
/// The most sources of one kind that people are shown; JSON has all.
const SHOWN: usize = 25;

/// A source that uses the domain in MAIL FROM, and that SPF does not let pass.
pub(crate) struct Missed {
    /// Its address.
    pub(crate) address: IpAddr,
    /// What it is called.
    pub(crate) named: Named,
    /// How many mails.
    pub(crate) mails: u64,
    /// What SPF says of it now.
    pub(crate) spf: SpfResult,
    /// Why it looks as if it handed mails on.
    pub(crate) signals: Vec<Signal>,
}

/// What was found.
pub(crate) struct Omissions {
    /// How many sources there are.
    pub(crate) sources: usize,
    /// How many of them SPF lets pass.
    pub(crate) covered: usize,
    /// The domain's own.
    pub(crate) own: Vec<Missed>,
    /// Those that nobody confirmed.
    pub(crate) unconfirmed: Vec<Missed>,
    /// Those that hand on what others sent.
    pub(crate) relayed: Vec<Missed>,
    /// What was confirmed, and no source that was seen fits.
    pub(crate) unseen: Vec<OwnSource>,
    /// The record that names the domain's own, where it misses some.
    pub(crate) record: Option<Result<Mended, Hopeless>>,
}

/// Returns the rows of mails whose MAIL FROM has the domain.
pub(crate) fn rows_of(rows: Vec<Reported>, domain: &DomainName) -> Vec<Reported> {
    let is_it = |text: &Option<String>| {
        text.as_deref()
            .filter(|text| !text.is_empty())
            .map(|text| DomainName::parse(text).is_ok_and(|name| name == *domain))
    };
    let has = |row: &Reported| is_it(&row.spf_domain).or_else(|| is_it(&row.envelope_from)).unwrap_or(false);
    rows.into_iter().filter(has).collect()
}

/// What is looked at.
pub(crate) struct Inquiry<'a> {
    /// The MAIL FROM domain.
    pub(crate) domain: &'a DomainName,
    /// The rows that have it.
    pub(crate) rows: &'a [Reported],
    /// What the sources are called.
    pub(crate) named: &'a BTreeMap<String, Named>,
    /// Whom the operator confirms as the domain's own.
    pub(crate) own: &'a [OwnSource],
    /// The limits of SPF.
    pub(crate) policy: &'a Policy,
}

impl Inquiry<'_> {
    /// Finds out whom SPF misses, and which record names them.
    pub(crate) async fn find(&self, source: &Source, mut errand: Errand) -> anyhow::Result<Omissions> {
        let (mut known, now, replaced) = (Facts::default(), Timestamp::now(), Facts::default());
        let seen = self.seen();
        let judge = |known: &Facts| {
            let world = World { replaced: &replaced, known, policy: self.policy, now };
            let (mut results, mut missing) = (Vec::new(), None);
            for (address, _) in &seen {
                match world.spf(*address, &self.domain.to_string()) {
                    Ok((verdict, _)) => results.push(verdict.result),
                    Err(more) => missing = Missing::join(missing, Some(more)),
                }
            }
            missing.map_or(Ok(results), Err)
        };
        let results = source.satisfy(&mut known, &mut errand, judge).await?;
        let mut found = self.sort(&seen, &results);
        if !found.own.is_empty() {
            let wanted: Vec<Wanted> = found.own.iter().map(|missed| self.wanted(missed)).collect();
            let mend = |known: &Facts| {
                let world = World { replaced: &replaced, known, policy: self.policy, now };
                spf_record::mend(world, self.domain, &wanted)
            };
            found.record = Some(source.satisfy(&mut known, &mut errand, mend).await?);
        }
        Ok(found)
    }

    /// Returns what was seen of each source that has an address, the busiest first.
    fn seen(&self) -> Vec<(IpAddr, Seen)> {
        let seen = suspicion::seen(self.rows, self.domain).into_iter();
        let mut seen: Vec<(IpAddr, Seen)> =
            seen.filter_map(|(address, seen)| Some((address.parse().ok()?, seen))).collect();
        seen.sort_by(|(one, seen), (other, more)| (more.mails, one).cmp(&(seen.mails, other)));
        seen.truncate(SOURCES);
        seen
    }

    /// Sorts the sources by whose they are.
    fn sort(&self, seen: &[(IpAddr, Seen)], results: &[SpfResult]) -> Omissions {
        let all = seen.iter().fold(0_u64, |sum, (_, seen)| sum.saturating_add(seen.mails));
        let (mut own, mut unconfirmed, mut relayed, mut covered) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for ((address, seen), spf) in seen.iter().zip(results) {
            if *spf == SpfResult::Pass {
                covered += 1;
                continue;
            }
            let named = self.named.get(&address.to_string());
            let signals = seen.signals(named, all);
            let is_own = self.own.iter().any(|own| own.holds(*address, named));
            let list = match () {
                () if Seen::is_certain(&signals) || !is_own && !signals.is_empty() => &mut relayed,
                () if is_own => &mut own,
                () => &mut unconfirmed,
            };
            let named = named.cloned().unwrap_or_default();
            list.push(Missed { address: *address, named, mails: seen.mails, spf: *spf, signals });
        }
        let holds = |own: &OwnSource, address: &IpAddr| own.holds(*address, self.named.get(&address.to_string()));
        let is_unseen = |own: &&OwnSource| !seen.iter().any(|(address, _)| holds(own, address));
        let unseen = self.own.iter().filter(is_unseen).cloned().collect();
        Omissions { sources: seen.len(), covered, own, unconfirmed, relayed, unseen, record: None }
    }

    /// Returns how a source is named in the record.
    fn wanted(&self, missed: &Missed) -> Wanted {
        let named = self.own.iter().filter(|own| own.holds(missed.address, Some(&missed.named)));
        let network = named.filter_map(|own| match own {
            OwnSource::Network(network) => Some(*network),
            OwnSource::Sender(_) | OwnSource::Host(_) => None,
        });
        // Whoever named a network meant that, and no include.
        let network = network.max_by_key(ipnet::IpNet::prefix_len);
        let sender = missed.named.sender.map(|(sender, _)| sender).filter(|_| network.is_none());
        Wanted { address: missed.address, network, sender }
    }
}

/// Returns the errand on which all of it is asked.
pub(crate) fn errand(timeout: std::time::Duration) -> Errand {
    Errand::new(timeout, QUESTIONS)
}

/// Writes the lines of the configuration that keep what was confirmed.
pub(crate) fn keep(domain: &str, confirmed: &[OwnSource]) -> String {
    let sources: Vec<String> = confirmed.iter().map(ToString::to_string).collect();
    format!("[[names.own]]\ndomain = \"{domain}\"\nsources = {}\n", json!(sources))
}

impl Omissions {
    /// Tells whether there is something to look at.
    pub(super) fn is_something(&self) -> bool {
        !self.own.is_empty() || !self.unconfirmed.is_empty()
    }

    /// Tells people. `confirmed` are the sources that were confirmed on the command line alone.
    pub(super) fn tell(
        &self,
        domain: &DomainName,
        (first, last): (Date, Date),
        confirmed: &[OwnSource],
        talk: &Talk,
        paint: Paint,
    ) -> String {
        let head = [
            ("domain", domain.into()),
            ("first", first.to_string().into()),
            ("last", last.to_string().into()),
            ("sources", self.sources.into()),
            ("missed", (self.sources - self.covered).into()),
        ];
        let mut said = talk.say("omissions-head", &head) + "\n";
        let lists = [
            ("omissions-own", &self.own, Tone::Bad),
            ("omissions-unconfirmed", &self.unconfirmed, Tone::Odd),
            ("omissions-relayed", &self.relayed, Tone::Dim),
        ];
        for (word, list, tone) in lists {
            if list.is_empty() {
                continue;
            }
            said += &format!("\n{}\n", paint.tone(tone, &talk.word(word)));
            list.iter().take(SHOWN).for_each(|missed| said += &missed.tell(talk));
            if list.len() > SHOWN {
                said += &format!("  {}\n", talk.say("omissions-more", &[("number", (list.len() - SHOWN).into())]));
            }
            if word == "omissions-own" {
                said += &self.tell_record(domain, confirmed, talk);
            }
        }
        let mistaken: Vec<_> = self.unseen.iter().filter(|own| confirmed.contains(own)).collect();
        if !mistaken.is_empty() {
            said.push('\n');
        }
        for own in mistaken {
            said += &format!("{}\n", talk.say("omissions-unseen", &[("source", own.to_string().into())]));
        }
        said
    }

    /// Tells people the record, and how to keep what they confirmed.
    fn tell_record(&self, domain: &DomainName, confirmed: &[OwnSource], talk: &Talk) -> String {
        let mut said = match &self.record {
            Some(Ok(mended)) => {
                let lookups = talk.say("omissions-publish", &[("lookups", u64::from(mended.lookups).into())]);
                format!("\n{lookups}\n  {}. TXT {}\n", mended.name, quoted(&mended.text))
            }
            Some(Err(why)) => format!("\n{}\n", talk.word(&format!("omissions-hopeless-{}", why.as_str()))),
            None => String::new(),
        };
        if !confirmed.is_empty() {
            said += &format!("\n{}\n", talk.word("omissions-keep"));
            keep(&domain.to_string(), confirmed).lines().for_each(|line| said += &format!("  {line}\n"));
        }
        said
    }

    /// Writes it as one object.
    pub(super) fn json(&self, domain: &DomainName, (first, last): (Date, Date)) -> String {
        let list = |list: &[Missed]| list.iter().map(Missed::json).collect::<Vec<_>>();
        let (record, why) = match &self.record {
            Some(Ok(mended)) => {
                let Mended { name, text, lookups } = mended;
                (Some(json!({ "name": name.to_string(), "type": "TXT", "text": text, "lookups": lookups })), None)
            }
            Some(Err(why)) => (None, Some(why.as_str())),
            None => (None, None),
        };
        json!({
            "domain": domain.to_string(), "first": first.to_string(), "last": last.to_string(),
            "sources": self.sources, "covered": self.covered, "own": list(&self.own),
            "unconfirmed": list(&self.unconfirmed), "relayed": list(&self.relayed), "record": record, "hindrance": why,
            "own_unseen": self.unseen.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
        .to_string()
    }
}

impl Missed {
    /// Tells people of it.
    fn tell(&self, talk: &Talk) -> String {
        let address = self.address.to_string();
        let label = self.named.label(talk.lang());
        let called = label.map_or_else(|| address.clone(), |label| format!("{label} ({address})"));
        let volume = talk.say("omissions-volume", &[("mails", self.mails.into()), ("spf", self.spf.as_str().into())]);
        let signals = self.signals.iter().map(|signal| talk.word(&format!("signal-{}", signal.as_str())));
        let signals: Vec<String> = signals.collect();
        let why =
            if signals.is_empty() { String::new() } else { format!("\n    {}", signals.join(&talk.word("comma"))) };
        format!("  {}: {volume}{why}\n", Visible(called.as_bytes()))
    }

    /// Writes it as an object.
    fn json(&self) -> Value {
        json!({
            "source_ip": self.address.to_string(), "name": self.named.label(Lang::En), "messages": self.mails,
            "spf": self.spf.as_str(), "signals": self.signals.iter().map(|signal| signal.as_str()).collect::<Vec<_>>(),
        })
    }
}
