//! What receivers told about domains, and who names the sources in it

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use sekisho_core::name::DomainName;
use sekisho_core::sums::Reported;
use tokio::runtime::Runtime;

use super::show;
use crate::config::Config;
use crate::fault::Fault;
use crate::lake;
use crate::names::places::Places;
use crate::names::{Named, Namer};
use crate::speech::Talk;
use crate::store::DataFolder;
use crate::{Setting, Streams, serve};

/// What receivers told about a domain.
pub(crate) struct Told {
    /// The days that were asked about.
    pub(crate) days: (Date, Date),
    /// The rows.
    pub(crate) rows: Vec<Reported>,
}

/// Asks the lake what receivers told about some policy domains in the last days.
pub(crate) fn reported(
    folder: &DataFolder,
    domains: &[DomainName],
    (days, unproven): (u32, bool),
    setting: &Setting,
) -> anyhow::Result<Told> {
    let open = setting.open_lake.ok_or_else(|| Fault::new("fault-no-lake", []))?;
    let lake = folder.lake_to_read(open)?;
    let last = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let first = last.saturating_sub(i64::from(days).days());
    let mut rows = Vec::new();
    for domain in domains {
        rows.extend(lake.reported(&domain.to_string(), first, last, unproven).map_err(|why| lake::fault(&why))?);
    }
    Ok(Told { days: (first, last), rows })
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
