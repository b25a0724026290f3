//! A simulation for a page: the streams by what would become of them, in words, the worst first

use std::sync::Arc;

use jiff::civil::Date;
use sekisho_ask::{Errand, Source};
use sekisho_core::facts::Facts;
use sekisho_core::name::DomainName;
use sekisho_mail::verdict::DkimResult;

use super::account::{self, Outlook, data, short, sum};
use super::judge::{Change, Doubt};
use super::{QUESTIONS, STREAMS, Simulation, about, domains, proposal, stream, subjects};
use crate::config::{Config, OwnSource};
use crate::fault::Fault;
use crate::lake::{self, Lake};
use crate::names::Namer;
use crate::names::places::Places;
use crate::people::access::Scope;
use crate::reports::told::{Seen, name_sources, told};
use crate::speech::Talk;

/// The most streams of one kind that a page shows.
const SHOWN: usize = 50;

/// What is asked.
pub(crate) struct Asked {
    /// The domain.
    pub(crate) domain: DomainName,
    /// The records that are proposed.
    pub(crate) proposed: Facts,
    /// Of how many days.
    pub(crate) days: u32,
}

impl Asked {
    /// Reads what somebody proposes.
    pub(crate) fn read(domain: &str, records: &[String], days: u32) -> Result<Asked, Fault> {
        let domain = DomainName::parse_unicode(domain).map_err(Fault::from)?;
        let proposed = proposal::read(records, &domain)?;
        Ok(Asked { domain, proposed, days })
    }

    /// Tells whether all that it is about lies within a scope: a record that is proposed for a neighbour asks about their mail, too.
    pub(crate) fn is_within(&self, scope: &Scope) -> bool {
        subjects(&self.domain, &self.proposed).iter().all(|domain| scope.covers(domain))
    }
}

/// Over what is judged.
pub(crate) struct Over {
    /// Where reports and the gate's own mails are.
    pub(crate) lake: Arc<dyn Lake>,
    /// Where answers come from.
    pub(crate) source: Source,
    /// The configuration.
    pub(crate) config: Arc<Config>,
}

/// What a simulation comes to.
pub(crate) struct Forecast {
    /// The days.
    pub(crate) days: (Date, Date),
    /// How many mails our own gate saw of all.
    pub(crate) seen: u64,
    /// How many streams were not judged.
    pub(crate) left_out: usize,
    /// What is proposed, as a zone has it.
    pub(crate) proposed: Vec<String>,
    /// Tags of proposed policies that have no effect as they are written: the name and the tag.
    pub(crate) faulty: Vec<(DomainName, String)>,
    /// The MAIL FROM domains whose SPF would come to a permerror.
    pub(crate) broken: Vec<String>,
    /// The streams by what becomes of them, the worst first; kinds without any are left out.
    pub(crate) groups: Vec<Group>,
}

/// Streams of which the same becomes.
pub(crate) struct Group {
    /// The stable word.
    pub(crate) change: &'static str,
    /// Whether they are worse off.
    pub(crate) is_worse: bool,
    /// How many there are.
    pub(crate) streams: usize,
    /// How many mails they have.
    pub(crate) mails: u64,
    /// The largest of them.
    pub(crate) shown: Vec<Line>,
}

/// A stream, in words.
pub(crate) struct Line {
    /// The address of the source.
    pub(crate) source: String,
    /// What it is called.
    pub(crate) label: Option<String>,
    /// How many mails.
    pub(crate) mails: u64,
    /// On how many days.
    pub(crate) days: usize,
    /// The author domain.
    pub(crate) author: String,
    /// The MAIL FROM domain, and what SPF came to.
    pub(crate) envelope: Option<(String, String)>,
    /// Who signed validly.
    pub(crate) signers: Vec<String>,
    /// DMARC now, and then.
    pub(crate) dmarc: (String, String),
    /// Why nobody can tell.
    pub(crate) doubts: Vec<String>,
    /// Whether it only hands on what others sent.
    pub(crate) is_forwarder: bool,
    /// What saves it; a line that begins with two spaces is a record to publish.
    pub(crate) advice: Vec<String>,
}

/// Judges the streams of a domain under proposed records, and puts what becomes of them into words; nothing where nothing is known
/// of the domain.
pub(crate) async fn forecast(asked: Asked, over: Over, talk: &Talk) -> anyhow::Result<Option<Forecast>> {
    let tell = |judged: &Judged<'_>| {
        let Judged { days, seen, left_out, proposed, outlooks, .. } = *judged;
        let groups = Change::ALL.into_iter().map(|change| Group::of(change, outlooks, talk));
        let groups = groups.filter(|group| group.streams > 0).collect();
        let faulty = proposal::faulty(proposed).into_iter().map(|(name, tag)| (name, tag.to_string())).collect();
        let broken = account::broken_spf(outlooks).into_iter().collect();
        Forecast { days, seen, left_out, proposed: written(proposed), faulty, broken, groups }
    };
    judged(asked, over, tell).await
}

/// The same as one object, as `sekisho simulate --json` prints it.
pub(crate) async fn json(asked: Asked, over: Over) -> anyhow::Result<Option<String>> {
    let tell = |judged: &Judged<'_>| {
        account::json(judged.domain, judged.days, (judged.proposed, judged.seen), judged.outlooks)
    };
    judged(asked, over, tell).await
}

/// Streams that were judged.
struct Judged<'a> {
    /// The domain.
    domain: &'a DomainName,
    /// The days.
    days: (Date, Date),
    /// How many mails our own gate saw of all.
    seen: u64,
    /// How many streams were not judged.
    left_out: usize,
    /// What is proposed.
    proposed: &'a Facts,
    /// What becomes of them.
    outlooks: &'a [Outlook<'a>],
}

/// Judges the streams, and lets `tell` say what was found; nothing where nothing is known of the domain.
async fn judged<T>(asked: Asked, over: Over, tell: impl FnOnce(&Judged<'_>) -> T) -> anyhow::Result<Option<T>> {
    let Asked { domain, proposed, days } = asked;
    let Over { lake, source, config } = over;
    let (subjects, under) = (subjects(&domain, &proposed), domains(&domain, &proposed));
    let reporter = config.reports.sender_domain();
    let (about_what, or_mail_from) = (subjects.clone(), proposal::touch_spf(&proposed));
    let trust = config.trust(false);
    let asked =
        move || told(&*lake, &under, Some(&Seen { domains: &about_what, reporter, or_mail_from }), (days, &trust));
    let told = tokio::task::spawn_blocking(asked).await?.map_err(|why| lake::fault(&why))?;
    let rows = about(told.rows, &subjects);
    if rows.is_empty() {
        return Ok(None);
    }
    let mut all = stream::streams(&rows);
    let left_out = all.len().saturating_sub(STREAMS);
    all.truncate(STREAMS);
    let (timeout, policy) = (config.dns.timeout, config.policy());
    let namer =
        Namer { source: Some(source.clone()), timeout, policy: config.policy(), places: Places::open(&config.names)? };
    let named = name_sources(&rows, &namer).await?;
    let own: Vec<OwnSource> = subjects.iter().flat_map(|domain| config.names.own_of(domain)).collect();
    let case =
        Simulation { streams: &all, rows: &rows, domain: &domain, proposed: &proposed, named: &named, own: &own };
    let outlooks = case.judge(&source, Errand::new(timeout, QUESTIONS), &policy).await?;
    let (domain, proposed, outlooks) = (&domain, &proposed, &*outlooks);
    Ok(Some(tell(&Judged { domain, days: told.days, seen: told.seen, left_out, proposed, outlooks })))
}

/// Writes proposed records as a zone has them.
fn written(proposed: &Facts) -> Vec<String> {
    let lines = proposed.iter().flat_map(|(question, answer)| {
        let head = format!("{}. {}", question.name, question.kind);
        data(&answer.outcome).into_iter().map(move |data| format!("{head} {data}"))
    });
    lines.collect()
}

impl Group {
    /// Gathers the streams of which this becomes.
    fn of(change: Change, outlooks: &[Outlook<'_>], talk: &Talk) -> Group {
        let of_kind: Vec<_> = outlooks.iter().filter(|outlook| outlook.ruling.change == change).collect();
        Group {
            change: change.as_str(),
            is_worse: change.is_worse(),
            streams: of_kind.len(),
            mails: sum(of_kind.iter().map(|outlook| outlook.stream.mails)),
            shown: of_kind.iter().take(SHOWN).map(|outlook| Line::of(outlook, talk)).collect(),
        }
    }
}

impl Line {
    /// Puts a stream into words.
    fn of(outlook: &Outlook<'_>, talk: &Talk) -> Line {
        let (of, ruling) = (&outlook.stream.of, &outlook.ruling);
        let spf = of.spf.map_or("-", |result| result.as_str()).to_owned();
        let passed = of.dkim.iter().filter(|dkim| dkim.result == DkimResult::Pass);
        let advice = || outlook.advice.as_ref().map_or_else(|| outlook.hopeless(talk), |advice| advice.tell(talk));
        Line {
            source: of.source.clone(),
            label: outlook.named.and_then(|named| named.label(talk.lang())),
            mails: outlook.stream.mails,
            days: outlook.stream.days.len(),
            author: of.author.clone(),
            envelope: of.envelope.clone().map(|domain| (domain, spf)),
            signers: passed.filter_map(|dkim| dkim.domain.as_ref().map(ToString::to_string)).collect(),
            dmarc: (short(&ruling.before), short(&ruling.after)),
            doubts: ruling.doubts.iter().map(|doubt| talk.word(&format!("doubt-{}", Doubt::as_str(*doubt)))).collect(),
            is_forwarder: !outlook.signals.is_empty(),
            advice: if ruling.change.is_worse() { advice() } else { Vec::new() },
        }
    }
}
