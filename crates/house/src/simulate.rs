//! `sekisho simulate`: what receivers told, and our own gate saw, is judged again as if other records were published
//!
//! Each row of a report stands for mails with the same source and identifiers: a [`stream`]. Our own judges hear it twice
//! ([`judge`]), with the DNS as it is and with the records that are [proposed](`proposal`); what would be worse off is shown with the
//! smallest change that saves it ([`advice`]), which the same judges have tried.

mod account;
mod advice;
pub(crate) mod again;
pub(crate) mod forecast;
mod judge;
mod proposal;
mod stream;

use std::collections::BTreeMap;

use jiff::Timestamp;
use sekisho_ask::{Errand, Source};
use sekisho_core::facts::{Facts, Missing};
use sekisho_core::name::DomainName;
use sekisho_core::sums::Reported;
use sekisho_core::visible::Visible;
use sekisho_mail::policy::Policy;
use sekisho_mail::verdict::DmarcResult;

use self::account::Outlook;
use self::advice::{Advice, Standing};
use self::judge::{Change, Ruling};
use self::stream::Stream;
use crate::check::read_zone;
use crate::cli::SimulateArguments;
use crate::config::{Config, OwnSource};
use crate::fault::Fault;
use crate::names::Named;
use crate::reports::suspicion::{self, Signal};
use crate::reports::told::{Seen, name_sources, namer, reported, with_parents};
use crate::speech::Talk;
use crate::store::DataFolder;
use crate::terminal::Paint;
use crate::world::World;
use crate::{Exit, Streams, serve};

/// The most questions: they are those of all streams together.
const QUESTIONS: usize = 20_000;
/// The most streams that are judged, the largest first.
const STREAMS: usize = 5_000;

impl SimulateArguments {
    /// Judges again, and says what would be worse off.
    pub(crate) fn run(self, talk: &Talk, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
        let config = Config::load(self.config.as_deref(), &streams.setting.config_places)?;
        let proposed = proposal::read(&self.record, &self.domain)?;
        let folder = DataFolder::find(&config.store, &streams.setting.data_places)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let subjects = subjects(&self.domain, &proposed);
        let reporter = config.reports.sender_domain();
        let seen = Seen { domains: &subjects, reporter, or_mail_from: proposal::touch_spf(&proposed) };
        let seen = Some(&seen).filter(|_| !self.reports_only);
        let under = domains(&self.domain, &proposed);
        let trust = config.trust(self.unproven);
        let told = reported(&folder, &under, (seen, None), (self.days, &trust), &streams.setting)?;
        let rows = about(told.rows, &subjects);
        if rows.is_empty() {
            return Err(Fault::new("fault-simulate-nothing", [("domain", (&self.domain).into())]).into());
        }
        let faulty = proposal::faulty(&proposed);
        for (name, tag) in &faulty {
            let named = [("name", name.into()), ("tag", (*tag).into())];
            writeln!(streams.stderr, "sekisho: {}", talk.say("note-simulate-faulty", &named))?;
        }
        let source = {
            // A resolver binds itself to the reactor that it is made in.
            let _inside = runtime.enter();
            match &self.zone {
                Some(path) => Source::Zone(read_zone(path)?),
                None => serve::source(self.dns.as_deref(), &config)?,
            }
        };
        let mut all = stream::streams(&rows);
        let left_out = all.len().saturating_sub(STREAMS);
        all.truncate(STREAMS);
        let mut namer = namer(&config, None, false, &runtime, talk, streams)?;
        namer.source = Some(source.clone()).filter(|_| !self.no_names);
        let named = runtime.block_on(name_sources(&rows, &namer))?;
        let own: Vec<OwnSource> = subjects.iter().flat_map(|domain| config.names.own_of(domain)).collect();
        let (domain, proposed, named) = (&self.domain, &proposed, &named);
        let case = Simulation { streams: &all, rows: &rows, domain, proposed, named, own: &own };
        let policy = config.policy();
        let errand = Errand::new(config.dns.timeout, QUESTIONS);
        let outlooks = runtime.block_on(case.judge(&source, errand, &policy))?;
        let broken = account::broken_spf(&outlooks);
        for domain in &broken {
            let named = [("domain", Visible(domain.as_bytes()).to_string().into())];
            writeln!(streams.stderr, "sekisho: {}", talk.say("note-simulate-broken", &named))?;
        }
        let said = if self.json {
            account::json(&self.domain, told.days, (proposed, told.seen), &outlooks) + "\n"
        } else {
            let paint = Paint { on: streams.setting.stdout_colour };
            account::tell(&self.domain, told.days, (proposed, told.seen, left_out), &outlooks, talk, paint)
        };
        streams.stdout.write_all(said.as_bytes())?;
        streams.stdout.flush()?;
        let is_open =
            |outlook: &Outlook<'_>| outlook.ruling.change.is_worse() || outlook.ruling.change == Change::Unknown;
        let is_clean = !outlooks.iter().any(is_open) && left_out == 0 && broken.is_empty();
        let is_clean = is_clean && faulty.is_empty();
        Ok(if !is_clean { Exit::Found } else { Exit::Clean })
    }
}

/// Returns the policy domains under which there may be reports about what is proposed.
fn domains(domain: &DomainName, proposed: &Facts) -> Vec<DomainName> {
    let mut domains = with_parents(domain);
    for domain in proposal::policy_domains(proposed) {
        if !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    domains
}

/// Returns the domain, and those whose policy is proposed: what is asked is about these and those below them.
fn subjects(domain: &DomainName, proposed: &Facts) -> Vec<DomainName> {
    let mut domains: Vec<DomainName> = proposal::policy_domains(proposed).collect();
    domains.push(domain.clone());
    domains.sort();
    domains.dedup();
    domains
}

/// Returns the rows that are about one of these domains, or about one below it.
fn about(rows: Vec<Reported>, domains: &[DomainName]) -> Vec<Reported> {
    let lies_below =
        |text: &str| DomainName::parse(text).is_ok_and(|name| domains.iter().any(|domain| name.is_at_or_below(domain)));
    let is_meant = |row: &Reported| lies_below(&row.header_from) || row.spf_domain.as_deref().is_some_and(lies_below);
    rows.into_iter().filter(is_meant).collect()
}

/// All that is judged.
struct Simulation<'a> {
    /// The streams.
    streams: &'a [Stream],
    /// The rows that they are made of.
    rows: &'a [Reported],
    /// The domain.
    domain: &'a DomainName,
    /// What is proposed.
    proposed: &'a Facts,
    /// What the sources are called.
    named: &'a BTreeMap<String, Named>,
    /// The sources that the operator has confirmed.
    own: &'a [OwnSource],
}

impl<'a> Simulation<'a> {
    /// Judges every stream, and finds what saves those that would be worse off.
    async fn judge(&self, source: &Source, errand: Errand, policy: &Policy) -> anyhow::Result<Vec<Outlook<'a>>> {
        let (now, nothing) = (Timestamp::now(), Facts::default());
        let (mut known, mut errand) = (Facts::default(), errand);
        let judges_spf = proposal::touch_spf(self.proposed);
        let rule = |known: &Facts| {
            let before = World { replaced: &nothing, known, policy, now };
            let after = World { replaced: self.proposed, ..before };
            each(self.streams, |stream| judge::rule(&stream.of, before, after, judges_spf))
        };
        let rulings = source.satisfy(&mut known, &mut errand, rule).await?;
        let signals = self.signals();
        let advise = |known: &Facts| {
            let after = World { replaced: self.proposed, known, policy, now };
            let both: Vec<_> = self.streams.iter().zip(&rulings).zip(&signals).collect();
            each(&both, |((stream, ruling), signals)| {
                let named = self.named.get(&stream.of.source);
                let is_known = self.is_known(stream, ruling);
                let standing = Standing { named, is_forwarder: !signals.is_empty(), is_known };
                if ruling.change.is_worse() { advice::advise(&stream.of, ruling, after, standing) } else { Ok(None) }
            })
        };
        let advices = source.satisfy(&mut known, &mut errand, advise).await?;
        Ok(self.outlooks(rulings, signals, advices))
    }

    /// Puts together what was found.
    fn outlooks(
        &self,
        rulings: Vec<Ruling>,
        signals: Vec<Vec<Signal>>,
        advices: Vec<Option<Advice>>,
    ) -> Vec<Outlook<'a>> {
        let found = self.streams.iter().zip(rulings).zip(signals).zip(advices);
        let outlook = |(((stream, ruling), signals), advice): (((&'a Stream, _), _), _)| {
            let named = self.named.get(&stream.of.source);
            let is_known = self.is_known(stream, &ruling);
            Outlook { stream, named, ruling, signals, is_known, advice }
        };
        found.map(outlook).collect()
    }

    /// Tells whether the mails of a stream prove now whose they are, or its source is confirmed as one's own.
    fn is_known(&self, stream: &Stream, ruling: &Ruling) -> bool {
        let named = self.named.get(&stream.of.source);
        let address = stream.of.source.parse();
        let is_own = |own: &OwnSource| address.as_ref().is_ok_and(|address| own.holds(*address, named));
        ruling.before.result == DmarcResult::Pass || self.own.iter().any(is_own)
    }

    /// Returns for each stream why its source looks as if it handed mails on.
    fn signals(&self) -> Vec<Vec<Signal>> {
        let seen = suspicion::seen(self.rows, self.domain);
        let all = self.rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.mails));
        let of = |stream: &Stream| {
            let seen = seen.get(stream.of.source.as_str());
            seen.map(|seen| seen.signals(self.named.get(&stream.of.source), all)).unwrap_or_default()
        };
        self.streams.iter().map(of).collect()
    }
}

/// Does something with each of many, and names all that is missing at once.
fn each<T, R>(all: &[T], mut with: impl FnMut(&T) -> Result<R, Missing>) -> Result<Vec<R>, Missing> {
    let (mut done, mut missing) = (Vec::with_capacity(all.len()), None);
    for one in all {
        match with(one) {
            Ok(result) => done.push(result),
            Err(more) => missing = Missing::join(missing, Some(more)),
        }
    }
    missing.map_or(Ok(done), Err)
}
