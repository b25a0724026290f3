//! Who sends in the name of a domain: the rows of many reports, by source

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::civil::Date;
use sekisho_core::sums::Reported;
use sekisho_core::visible::Visible;
use serde_json::json;

use crate::speech::Talk;
use crate::terminal::{Paint, Tone, pad, width};

/// The most sources that an account shows; JSON has all.
const SHOWN: usize = 40;
/// The most columns that the names of domains take.
const NAMES: usize = 44;
/// The heights of a chart's bars.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A host that sends in the name of a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Source {
    /// Its address.
    pub(super) address: String,
    /// The domains that sign its mails, and the one that SPF found, each once.
    pub(super) domains: Vec<String>,
    /// How many mails.
    pub(super) mails: u64,
    /// In how many SPF or a signature is aligned and passes.
    pub(super) pass: u64,
    /// In how many SPF is aligned and passes.
    pub(super) spf: u64,
    /// In how many a signature is aligned and passes.
    pub(super) dkim: u64,
    /// How many mails each day.
    pub(super) days: BTreeMap<String, u64>,
}

/// Adds rows up by source, the busiest first.
pub(super) fn sources(rows: &[Reported]) -> Vec<Source> {
    let mut sources: BTreeMap<&str, Source> = BTreeMap::new();
    for row in rows {
        let source = match sources.entry(&row.source_ip) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Source { address: row.source_ip.clone(), ..Source::default() }),
        };
        source.mails = source.mails.saturating_add(row.mails);
        let add = |sum: &mut u64, holds: bool| *sum = sum.saturating_add(if holds { row.mails } else { 0 });
        add(&mut source.pass, row.spf_aligned || row.dkim_aligned);
        add(&mut source.spf, row.spf_aligned);
        add(&mut source.dkim, row.dkim_aligned);
        let day = source.days.entry(row.day.clone()).or_default();
        *day = day.saturating_add(row.mails);
        let signers = row.dkim.iter().filter_map(|dkim| dkim.domain.clone());
        source.domains.extend(signers.chain(row.spf_domain.clone()));
    }
    let mut sources: Vec<Source> = sources.into_values().collect();
    for source in &mut sources {
        source.domains.sort();
        source.domains.dedup();
    }
    sources.sort_by(|one, other| (other.mails, &one.address).cmp(&(one.mails, &other.address)));
    sources
}

/// Writes a source as an object.
pub(super) fn json(source: &Source) -> String {
    json!({
        "source_ip": source.address, "domains": source.domains, "messages": source.mails, "pass": source.pass,
        "spf_aligned": source.spf, "dkim_aligned": source.dkim, "days": source.days,
    })
    .to_string()
}

/// Tells people who sends.
pub(super) fn account(
    domain: &str,
    (first, last): (Date, Date),
    sources: &[Source],
    talk: &Talk,
    paint: Paint,
) -> String {
    let sum = |what: fn(&Source) -> u64| sources.iter().fold(0_u64, |sum, source| sum.saturating_add(what(source)));
    let (mails, pass) = (sum(|source| source.mails), sum(|source| source.pass));
    let named = [
        ("domain", domain.to_owned().into()),
        ("first", first.to_string().into()),
        ("last", last.to_string().into()),
        ("mails", mails.into()),
        ("sources", (sources.len() as u64).into()),
        ("share", share(pass, mails).into()),
    ];
    if sources.is_empty() {
        return talk.say("show-nothing", &named) + "\n";
    }
    let shown = sources.get(..SHOWN).unwrap_or(sources);
    let name = |source: &Source| Visible(source.domains.join(" ").as_bytes()).to_string();
    let names = shown.iter().map(|source| width(&name(source)).min(NAMES)).max().unwrap_or(0);
    let addresses = shown.iter().map(|source| width(&source.address)).max().unwrap_or(0).max(6);
    let mut said = format!("{}\n\n", talk.say("show-head", &named));
    let head = ["show-mails", "show-pass"].map(|word| talk.word(word));
    let columns = format!(
        "{}  {}  {:>10}  {:>5}  {:>5}  {:>5}",
        pad(&talk.word("show-source"), addresses),
        pad(&talk.word("show-domains"), names),
        head[0],
        head[1],
        "SPF",
        "DKIM"
    );
    said += &format!("{}\n", paint.tone(Tone::Dim, &columns));
    for source in shown {
        let tone = if source.pass == source.mails {
            Tone::Good
        } else if source.pass == 0 {
            Tone::Bad
        } else {
            Tone::Odd
        };
        let name: String = name(source).chars().take(NAMES).collect();
        said += &format!(
            "{}  {}  {:>10}  {}  {:>5}  {:>5}  {}\n",
            pad(&Visible(source.address.as_bytes()).to_string(), addresses),
            pad(&name, names),
            source.mails,
            paint.tone(tone, &format!("{:>5}", share(source.pass, source.mails))),
            share(source.spf, source.mails),
            share(source.dkim, source.mails),
            chart(source, first, last),
        );
    }
    if sources.len() > shown.len() {
        said += &format!("{}\n", talk.say("show-more", &[("number", ((sources.len() - shown.len()) as u64).into())]));
    }
    said
}

/// Writes how much of a whole something is; a whole that lacks a little is not 100 %.
fn share(part: u64, whole: u64) -> String {
    let hundred = u128::from(part) * 100;
    match (hundred / u128::from(whole.max(1)), part) {
        (0, 1..) => "<1%".to_owned(),
        (percent, _) => format!("{percent}%"),
    }
}

/// Draws how much came on each day, at most thirty columns.
fn chart(source: &Source, first: Date, last: Date) -> String {
    /// How many columns.
    const COLUMNS: usize = 30;
    let days: Vec<u64> = first
        .series(jiff::Span::new().days(1))
        .take_while(|day| *day <= last)
        .map(|day| source.days.get(&day.to_string()).copied().unwrap_or(0))
        .collect();
    let each = days.len().div_ceil(COLUMNS).max(1);
    let sums: Vec<u64> =
        days.chunks(each).map(|days| days.iter().fold(0, |sum: u64, day| sum.saturating_add(*day))).collect();
    let most = sums.iter().copied().max().unwrap_or(0).max(1);
    let bar = |sum: &u64| {
        let height = u128::from(*sum) * 8 / u128::from(most);
        let at = usize::try_from(height).unwrap_or(0).clamp(1, 8) - 1;
        if *sum == 0 { ' ' } else { BARS[at] }
    };
    sums.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a row of some mails.
    fn row(source: &str, day: &str, mails: u64, aligned: (bool, bool)) -> Reported {
        Reported {
            day: day.to_owned(),
            source_ip: source.to_owned(),
            header_from: "example.org".to_owned(),
            envelope_from: None,
            spf_domain: Some("example.org".to_owned()),
            spf_result: Some("pass".to_owned()),
            spf_aligned: aligned.0,
            dkim: Vec::new(),
            dkim_aligned: aligned.1,
            disposition: "none".to_owned(),
            mails,
        }
    }

    #[test]
    fn rows_add_up_by_source_and_the_busiest_is_first() {
        let rows = [
            row("192.0.2.1", "2026-11-01", 5, (true, false)),
            row("192.0.2.2", "2026-11-01", 70, (false, false)),
            row("192.0.2.1", "2026-11-02", 6, (true, true)),
        ];
        let sources = sources(&rows);
        let told: Vec<_> =
            sources.iter().map(|s| (&*s.address, s.mails, s.pass, s.spf, s.dkim, s.days.len())).collect();
        assert_eq!(told, [("192.0.2.2", 70, 0, 0, 0, 1), ("192.0.2.1", 11, 11, 11, 6, 2)]);
    }

    #[test]
    fn a_share_is_whole_only_where_nothing_lacks_and_none_only_where_there_is_none() {
        let told = [(0, 5), (1, 1000), (999, 1000), (5, 5), (0, 0), (u64::MAX, u64::MAX)]
            .map(|(part, whole)| share(part, whole));
        assert_eq!(told, ["0%", "<1%", "99%", "100%", "0%", "100%"]);
    }

    #[test]
    fn a_chart_has_a_bar_a_day_or_fewer() {
        let rows = [row("192.0.2.1", "2026-11-01", 8, (true, false)), row("192.0.2.1", "2026-11-03", 1, (true, false))];
        let source = &sources(&rows)[0];
        let day = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!(chart(source, day("2026-11-01"), day("2026-11-04")), "█ ▁ ");
        assert!(chart(source, day("2025-11-01"), day("2026-11-04")).chars().count() <= 30);
    }
}
