//! Who sends in the name of a domain: the rows of many reports, by source

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use sekisho_core::sums::Reported;
use sekisho_core::visible::Visible;
use serde_json::json;

use super::failed::FailedSource;
use crate::names::{By, Clue, Named};
use crate::speech::Talk;
use crate::terminal::{Paint, Tone, pad, width};

/// The most lines that an account shows; JSON has all sources.
const SHOWN: usize = 40;
/// How many reporters are named.
const REPORTERS: usize = 5;
/// The most columns that what a source is called takes.
const CALLED: usize = 36;
/// The most columns that the names of domains take.
const NAMES: usize = 36;
/// The heights of a chart's bars.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A host that sends in the name of a domain.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Source {
    /// Its address.
    pub(crate) address: String,
    /// What it was found to be.
    pub(crate) named: Named,
    /// The domains that sign its mails, and the one that SPF found, each once.
    pub(crate) domains: BTreeSet<String>,
    /// The MAIL FROM domains that SPF lets it use.
    envelopes: BTreeSet<String>,
    /// The domains whose signatures on its mails are valid.
    signers: BTreeSet<String>,
    /// How many mails.
    pub(crate) mails: u64,
    /// In how many SPF or a signature is aligned and passes.
    pub(crate) pass: u64,
    /// In how many SPF is aligned and passes.
    pub(crate) spf: u64,
    /// In how many a signature is aligned and passes.
    pub(crate) dkim: u64,
    /// How many mails each day.
    pub(crate) days: BTreeMap<String, u64>,
    /// Who told it, as the reports prove.
    reporters: BTreeSet<String>,
}

impl Source {
    /// Returns one of which no mail was counted.
    pub(super) fn unseen(address: &str, named: &Named) -> Source {
        Source { address: address.to_owned(), named: named.clone(), ..Source::default() }
    }

    /// Counts a row.
    fn add(&mut self, row: &Reported) {
        let add = |sum: &mut u64, holds: bool| *sum = sum.saturating_add(if holds { row.mails } else { 0 });
        add(&mut self.mails, true);
        add(&mut self.pass, row.spf_aligned || row.dkim_aligned);
        add(&mut self.spf, row.spf_aligned);
        add(&mut self.dkim, row.dkim_aligned);
        add(self.days.entry(row.day.clone()).or_default(), true);
        self.reporters.extend(row.submitter.clone());
        self.domains.extend(row.dkim.iter().filter_map(|dkim| dkim.domain.clone()).chain(row.spf_domain.clone()));
        let valid = row.dkim.iter().filter(|dkim| dkim.result == "pass");
        self.signers.extend(valid.filter_map(|dkim| dkim.domain.clone()));
        self.envelopes.extend(row.spf_domain.clone().filter(|_| row.spf_result.as_deref() == Some("pass")));
    }

    /// Counts what another one of the same sender sent.
    fn join(&mut self, other: &Source) {
        for (sum, more) in [
            (&mut self.mails, other.mails),
            (&mut self.pass, other.pass),
            (&mut self.spf, other.spf),
            (&mut self.dkim, other.dkim),
        ] {
            *sum = sum.saturating_add(more);
        }
        for (day, mails) in &other.days {
            let sum = self.days.entry(day.clone()).or_default();
            *sum = sum.saturating_add(*mails);
        }
        self.domains.extend(other.domains.iter().cloned());
        self.reporters.extend(other.reporters.iter().cloned());
    }

    /// Returns what may name it.
    pub(crate) fn clue(&self) -> Clue<'_> {
        Clue {
            address: self.address.parse().ok(),
            envelopes: self.envelopes.iter().map(String::as_str).collect(),
            signers: self.signers.iter().map(String::as_str).collect(),
            is_direct: self.spf > 0,
        }
    }
}

/// Adds rows up by source, the busiest first.
pub(crate) fn sources(rows: &[Reported]) -> Vec<Source> {
    let mut sources: BTreeMap<&str, Source> = BTreeMap::new();
    for row in rows {
        let source = match sources.entry(&row.source_ip) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Source { address: row.source_ip.clone(), ..Source::default() }),
        };
        source.add(row);
    }
    let mut sources: Vec<Source> = sources.into_values().collect();
    sources.sort_by(|one, other| (other.mails, &one.address).cmp(&(one.mails, &other.address)));
    sources
}

/// Says who told of how many of the mails, whoever told of most of them first; nothing where nobody did.
pub(super) fn told_by(rows: &[Reported], talk: &Talk) -> String {
    let mut sums: BTreeMap<Option<&str>, u64> = BTreeMap::new();
    for row in rows {
        let sum = sums.entry(row.submitter.as_deref()).or_default();
        *sum = sum.saturating_add(row.mails);
    }
    if sums.is_empty() {
        return String::new();
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(_, mails)| Reverse(*mails));
    let name = |who: Option<&str>| match who {
        Some(who) => Visible(who.as_bytes()).to_string(),
        None => talk.word("show-nobody"),
    };
    let mut told: Vec<String> =
        sums.iter().take(REPORTERS).map(|(who, mails)| format!("{} {mails}", name(*who))).collect();
    if let Some(more @ 1..) = sums.len().checked_sub(REPORTERS) {
        told.push(talk.say("show-more-reporters", &[("number", more.into())]));
    }
    let list = told.join(", ");
    format!("\n{}\n", talk.say("show-reporters", &[("who", list.into())]))
}

/// Writes a source as an object, with what failure reports tell of its mails.
pub(super) fn json(source: &Source, failed: Option<&FailedSource>) -> String {
    let Named { sender, host, system, country } = &source.named;
    json!({
        "source_ip": source.address, "domains": source.domains, "messages": source.mails, "pass": source.pass,
        "spf_aligned": source.spf, "dkim_aligned": source.dkim, "days": source.days,
        "reporters": source.reporters, "name": sender.map(|(sender, _)| &sender.name),
        "named_by": sender.map(|(_, by)| By::as_str(by)),
        "host": host.as_ref().map(ToString::to_string),
        "as_number": system.as_ref().map(|system| system.number),
        "as_name": system.as_ref().map(|system| &system.organization),
        "country": country,
        "failure_reports": failed.map(FailedSource::json),
    })
    .to_string()
}

/// A line of the account: one source, or all those of one well-known sender.
struct Line<'a> {
    /// What it is called.
    called: String,
    /// How many addresses it has.
    addresses: u64,
    /// Its sums, and its address where it has one.
    source: Cow<'a, Source>,
}

/// Makes one line of all sources of a well-known sender, and one of each other, the busiest first.
fn lines<'a>(sources: &'a [Source], talk: &Talk) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = Vec::new();
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    for source in sources {
        let name = source.named.sender.map(|(sender, _)| &*sender.name);
        if let Some(line) = name.and_then(|name| known.get(name)).and_then(|at| lines.get_mut(*at)) {
            line.addresses += 1;
            line.source.to_mut().join(source);
            continue;
        }
        known.extend(name.map(|name| (name, lines.len())));
        let called = source.named.label(talk.lang()).unwrap_or_else(|| source.address.clone());
        lines.push(Line { called, addresses: 1, source: Cow::Borrowed(source) });
    }
    lines.sort_by_key(|line| Reverse(line.source.mails));
    lines
}

impl Line<'_> {
    /// Returns what it is called, cut to the columns that are there, and shown harmlessly.
    fn name(&self) -> String {
        cut(&Visible(self.called.as_bytes()).to_string(), CALLED)
    }

    /// Returns its address where that does not stand there already, how many there are, and the country.
    fn place(&self, talk: &Talk) -> String {
        let country = self.source.named.country.as_deref().filter(|_| self.addresses == 1);
        let address = match self.addresses {
            1 if self.called == self.source.address => None,
            1 => Some(self.source.address.clone()),
            number => Some(talk.say("show-addresses", &[("number", number.into())])),
        };
        let place: Vec<String> = address.into_iter().chain(country.map(str::to_owned)).collect();
        Visible(place.join(" ").as_bytes()).to_string()
    }

    /// Returns its domains.
    fn domains(&self) -> String {
        let domains: Vec<&str> = self.source.domains.iter().map(String::as_str).collect();
        cut(&Visible(domains.join(" ").as_bytes()).to_string(), NAMES)
    }

    /// Returns how good its share is.
    fn tone(&self) -> Tone {
        match self.source.pass {
            pass if pass == self.source.mails => Tone::Good,
            0 => Tone::Bad,
            _ => Tone::Odd,
        }
    }
}

/// Cuts a text to some columns, and shows that it was cut.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        kept.push(character);
        if width(&kept) >= columns {
            kept.pop();
            break;
        }
    }
    kept + "…"
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
    let lines = lines(sources, talk);
    let shown = lines.get(..SHOWN).unwrap_or(&lines);
    let heads = ["show-source", "show-address", "show-domains"].map(|word| talk.word(word));
    let cells: Vec<[String; 3]> = shown.iter().map(|line| [line.name(), line.place(talk), line.domains()]).collect();
    let widths: [usize; 3] = std::array::from_fn(|at| {
        let column = cells.iter().map(|cells| width(&cells[at]));
        column.chain([width(&heads[at])]).max().unwrap_or(0)
    });
    let padded = |cells: &[String; 3]| {
        let cells: Vec<String> = cells.iter().zip(widths).map(|(text, columns)| pad(text, columns)).collect();
        cells.join("  ")
    };
    let [by_mails, by_pass, by_day] = ["show-mails", "show-pass", "show-days"].map(|word| talk.word(word));
    let head = format!(
        "{}  {}  {}  {:>5}  {:>5}  {by_day}",
        padded(&heads),
        right(&by_mails, 10),
        right(&by_pass, 5),
        "SPF",
        "DKIM"
    );
    let mut said = format!("{}\n\n{}\n", talk.say("show-head", &named), paint.tone(Tone::Dim, &head));
    for (line, cells) in shown.iter().zip(&cells) {
        let source = &line.source;
        said += &format!(
            "{}  {:>10}  {}  {:>5}  {:>5}  {}\n",
            padded(cells),
            source.mails,
            paint.tone(line.tone(), &format!("{:>5}", share(source.pass, source.mails))),
            share(source.spf, source.mails),
            share(source.dkim, source.mails),
            chart(source, first, last),
        );
    }
    if lines.len() > shown.len() {
        said += &format!("{}\n", talk.say("show-more", &[("number", ((lines.len() - shown.len()) as u64).into())]));
    }
    said
}

/// Returns a text with spaces before it up to some columns.
pub(super) fn right(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
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
    use sekisho_core::speech::Lang;

    use super::*;
    use crate::names::senders;

    /// Makes a row of some mails.
    fn row(source: &str, day: &str, mails: u64, aligned: (bool, bool)) -> Reported {
        Reported {
            submitter: Some("receiver.example".to_owned()),
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
    fn hosts_of_a_well_known_sender_are_one_line_and_hostile_names_are_harmless() {
        let google = senders::by_domain("google.com").unwrap();
        let named = |mut source: Source| {
            let is_google = source.address.starts_with("192");
            source.named.sender = Some((google, By::Host)).filter(|_| is_google);
            source
        };
        let rows = [
            row("192.0.2.1", "2026-11-01", 5, (true, false)),
            row("203.0.113.9", "2026-11-01", 7, (false, false)),
            row("192.0.2.2", "2026-11-02", 6, (true, true)),
            row("\u{1b}[31m", "2026-11-02", 1, (false, false)),
        ];
        let sources: Vec<Source> = sources(&rows).into_iter().map(named).collect();
        let days = ("2026-11-01".parse().unwrap(), "2026-11-02".parse().unwrap());
        let told = account("example.org", days, &sources, &Talk::new(Lang::En), Paint::default());
        let lines: Vec<Vec<&str>> = told.lines().skip(3).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            lines[0][..9],
            ["Google", "Workspace", "2", "addresses", "example.org", "11", "100%", "100%", "54%"]
        );
        assert_eq!(lines[1][..3], ["203.0.113.9", "example.org", "7"]);
        assert!(!told.contains('\u{1b}') && told.contains("\\x1b[31m"), "{told}");
    }

    #[test]
    fn a_name_is_cut_by_columns() {
        assert_eq!((cut("abcdef", 6), cut("abcdefg", 6)), ("abcdef".to_owned(), "abcde…".to_owned()));
        assert_eq!(cut("日本語日本語", 6), "日本…");
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
