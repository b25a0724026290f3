//! What receivers told about domains, what our own gate saw of them, and who names the sources in it

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use sekisho_core::name::DomainName;
use sekisho_core::sums::{Failed, Reported};
use tokio::runtime::Runtime;

use super::show;
use crate::config::Config;
use crate::fault::Fault;
use crate::lake::{self, Lake, LakeError, side_by_side};
use crate::names::places::Places;
use crate::names::{Named, Namer};
use crate::speech::Talk;
use crate::store::DataFolder;
use crate::{Setting, Streams, serve};

/// What receivers told about a domain, and what our own gate saw of it.
pub(crate) struct Told {
    /// The days that were asked about.
    pub(crate) days: (Date, Date),
    /// The rows.
    pub(crate) rows: Vec<Reported>,
    /// How many mails of them our own gate saw.
    pub(crate) seen: u64,
    /// What failure reports told of single mails, where that was asked.
    pub(crate) failed: Vec<Failed>,
    /// Of how many mails those told who are distrusted: they are left out of all that.
    pub(crate) distrusted: u64,
}

/// Whose reports count.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    /// Also of those that prove no sender.
    pub(crate) unproven: bool,
    /// Nobody's of these domains, or of those below them.
    pub(crate) distrusted: Vec<DomainName>,
}

impl Trust {
    /// Leaves out what is told by somebody who is distrusted. Returns how many mails that was of.
    fn sift<T>(&self, rows: &mut Vec<T>, of: impl Fn(&T) -> (Option<&str>, u64)) -> u64 {
        let mut left_out = 0_u64;
        rows.retain(|row| {
            let (submitter, mails) = of(row);
            let counts = self.counts(submitter);
            left_out = left_out.saturating_add(if counts { 0 } else { mails });
            counts
        });
        left_out
    }

    /// Tells whether what somebody reports counts.
    pub(crate) fn counts(&self, submitter: Option<&str>) -> bool {
        let Some(name) = submitter.and_then(|name| DomainName::parse(name).ok()) else { return true };
        !self.distrusted.iter().any(|domain| name.is_at_or_below(domain))
    }
}

/// What our own gate saw, which counts beside what receivers told.
pub(crate) struct Seen<'a> {
    /// These domains, and those below them.
    pub(crate) domains: &'a [DomainName],
    /// Whom we report as: what we told ourselves would count twice.
    pub(crate) reporter: Option<DomainName>,
    /// Whether mails count, too, that have them in MAIL FROM alone: these concern who proposes an SPF record.
    pub(crate) or_mail_from: bool,
}

/// Asks the lake what receivers told about some policy domains in the last days, and, where that shall count, what our own gate
/// saw; of a MAIL FROM domain also what they told in reports about others.
pub(crate) fn reported(
    folder: &DataFolder,
    domains: &[DomainName],
    (seen, mail_from): (Option<&Seen<'_>>, Option<&DomainName>),
    (days, trust): (u32, &Trust),
    setting: &Setting,
) -> anyhow::Result<Told> {
    let open = setting.open_lake.ok_or_else(|| Fault::new("fault-no-lake", []))?;
    let lake = folder.lake_to_read(open)?;
    let found = told(&*lake, domains, seen, (days, trust)).and_then(|mut found| {
        if let Some(domain) = mail_from {
            let (first, last) = found.days;
            let mut rows = lake.reported_elsewhere(&domain.to_string(), first, last, trust.unproven)?;
            let distrusted = trust.sift(&mut rows, |row| (row.submitter.as_deref(), row.mails));
            found.distrusted = found.distrusted.saturating_add(distrusted);
            found.rows.extend(rows);
        }
        Ok(found)
    });
    Ok(found.map_err(|why| lake::fault(&why))?)
}

/// Asks an open lake for the same.
pub(crate) fn told(
    lake: &dyn Lake,
    domains: &[DomainName],
    seen: Option<&Seen<'_>>,
    (days, trust): (u32, &Trust),
) -> Result<Told, LakeError> {
    let last = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let first = last.saturating_sub(i64::from(days).days());
    let reported = || {
        let mut rows: Vec<Reported> = Vec::new();
        for domain in domains {
            rows.extend(lake.reported(&domain.to_string(), first, last, trust.unproven)?);
        }
        let distrusted = trust.sift(&mut rows, |row| (row.submitter.as_deref(), row.mails));
        Ok((rows, distrusted))
    };
    let Some(seen) = seen else {
        let (rows, distrusted) = reported()?;
        return Ok(Told { days: (first, last), rows, seen: 0, failed: Vec::new(), distrusted });
    };
    let ((mut rows, distrusted), judged) = side_by_side(reported, || judged(lake, seen, (first, last)))?;
    let is_ours = |row: &Reported| {
        let submitter = row.submitter.as_deref().and_then(|name| DomainName::parse(name).ok());
        submitter.is_some() && submitter == seen.reporter
    };
    rows.retain(|row| !is_ours(row));
    let seen = judged.iter().fold(0_u64, |sum, row| sum.saturating_add(row.mails));
    rows.extend(judged);
    Ok(Told { days: (first, last), rows, seen, failed: Vec::new(), distrusted })
}

/// Asks the lake what receivers told about a policy domain in the last days, failure reports among it.
pub(super) fn all_told(
    folder: &DataFolder,
    domain: &DomainName,
    (days, trust): (u32, &Trust),
    setting: &Setting,
) -> anyhow::Result<Told> {
    let open = setting.open_lake.ok_or_else(|| Fault::new("fault-no-lake", []))?;
    let lake = folder.lake_to_read(open)?;
    let found = told(&*lake, std::slice::from_ref(domain), None, (days, trust))
        .and_then(|told| with_failures(&*lake, told, domain, trust));
    Ok(found.map_err(|why| lake::fault(&why))?)
}

/// Asks an open lake also what failure reports told of a domain and those below it.
pub(crate) fn with_failures(
    lake: &dyn Lake,
    told: Told,
    domain: &DomainName,
    trust: &Trust,
) -> Result<Told, LakeError> {
    let (first, last) = told.days;
    let mut failed = lake.failures(&domain.to_string(), first, last, trust.unproven)?;
    let distrusted = trust.sift(&mut failed, |row| (row.submitter.as_deref(), row.mails));
    Ok(Told { failed, distrusted: told.distrusted.saturating_add(distrusted), ..told })
}

/// Asks a lake what our own gate saw.
fn judged(lake: &dyn Lake, seen: &Seen<'_>, (first, last): (Date, Date)) -> Result<Vec<Reported>, LakeError> {
    let Seen { domains, or_mail_from, .. } = seen;
    // Of a domain and one below it the first has it all.
    let is_topmost =
        |domain: &&DomainName| !domains.iter().any(|other| other != *domain && domain.is_at_or_below(other));
    let mut rows = Vec::new();
    for domain in domains.iter().filter(is_topmost) {
        rows.extend(lake.judged(&domain.to_string(), first, last, *or_mail_from)?);
    }
    Ok(rows)
}

/// Returns a domain and those above it that have at least two labels: reports about it may be under any of them, since they
/// name the domain that publishes the policy.
pub(crate) fn with_parents(domain: &DomainName) -> Vec<DomainName> {
    let count = domain.label_count();
    std::iter::once(domain.clone()).chain((2..count).rev().map(|labels| domain.suffix(labels))).collect()
}

/// Returns what the sources of some rows are called, by their addresses.
pub(crate) async fn name_sources(rows: &[Reported], namer: &Namer) -> anyhow::Result<BTreeMap<String, Named>> {
    let sources = show::sources(rows);
    let clues: Vec<_> = sources.iter().map(show::Source::clue).collect();
    let named = namer.name(&clues).await?;
    Ok(sources.iter().map(|source| source.address.clone()).zip(named).collect())
}

/// Returns who names sources. With `asks` the DNS is asked, too; where the system has none, that is said.
pub(crate) fn namer(
    config: &Config,
    dns: Option<&str>,
    asks: bool,
    runtime: &Runtime,
    talk: &Talk,
    streams: &mut Streams<'_>,
) -> anyhow::Result<Namer> {
    let places = Places::open(&config.names)?;
    // A resolver binds itself to the reactor that it is made in.
    let _inside = runtime.enter();
    let source = match asks.then(|| serve::source(dns, config)) {
        Some(Err(why)) if dns.is_none() => {
            writeln!(streams.stderr, "sekisho: {}", talk.say("note-no-names", &[("why", why.say(talk).into())]))?;
            None
        }
        source => source.transpose()?,
    };
    Ok(Namer { source, timeout: config.dns.timeout, policy: config.policy(), places })
}
