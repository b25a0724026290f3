//! *Domains* and *Domain*: in whose name mail is sent, by whom, and what of it is aligned

pub(super) mod omissions;
pub(crate) mod published;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use sekisho_core::name::DomainName;
use sekisho_core::search::AuthorDomain;
use sekisho_core::sums::Reported;
use serde_json::json;

use self::published::{Published, published};
use super::Desk;
use super::answers::Question;
use super::asked::{DAYS, Faults};
use super::chart::{self, Bar};
use super::frame::{Frame, Refusal, Shown};
use super::shown::{self, Moment};
use super::visitor::Visitor;
use crate::lake::{self, LakeError};
use crate::names::places::Places;
use crate::names::{Named, Namer};
use crate::reports::failed::{self, FailedSource};
use crate::reports::show::{Source, sources};
use crate::reports::told::{Seen, Told, told, with_failures, with_parents};
use crate::sign::read_name;
use crate::simulate::forecast::Over;

/// How many domains are listed.
pub(crate) const DOMAINS: u32 = 200;
/// How many sources are listed; exports have all.
pub(crate) const SOURCES: usize = 100;
/// How long the DNS is waited for, for names of sources and for what is published: somebody sits before the page.
const PATIENCE: Duration = Duration::from_secs(2);
/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;
/// Of how many days all domains are listed where nobody says, and one is shown.
const USUAL: [u32; 2] = [1, 14];

/// *Domains*.
#[derive(Template)]
#[template(path = "domains.html")]
struct DomainsPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// Of how many days.
    days: u32,
    /// What was asked and cannot be read.
    faults: &'a Faults,
    /// The domains, the busiest first.
    domains: &'a [AuthorDomain],
}

/// Lists the author domains of the last days.
pub(super) async fn list(State(desk): State<Arc<Desk>>, mut visitor: Visitor) -> Shown {
    let mut asked = visitor.asked(&["days"]);
    let (frame, days) = (&visitor.frame, asked.days(USUAL[0]));
    let until_at = Timestamp::now().as_microsecond();
    let from_at = until_at - i64::from(days) * DAY;
    let (within, faults) = (visitor.within(), &asked.faults);
    let question = Question { room: "domains", asked: days.to_string(), within: within.clone() };
    let found = desk.ask_lately(question, desk.lake_of(&visitor), move |lake| {
        lake.author_domains(from_at, until_at, within.as_deref(), None, DOMAINS)
    });
    let domains = found.await.map_err(|why| frame.no_answer(&why))?;
    Ok(frame.show_as(faults.status(), &DomainsPage { frame, days, faults, domains: &domains }))
}

/// *Domain*.
#[derive(Template)]
#[template(path = "domain.html")]
struct DomainPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// The domain.
    domain: String,
    /// Of how many days.
    days: u32,
    /// What was asked and cannot be read.
    faults: &'a Faults,
    /// How many mails, and how many of them are aligned, by SPF, by DKIM.
    sums: Sums,
    /// How many of them this house saw itself.
    seen: u64,
    /// Who told of the others.
    reporters: Vec<String>,
    /// The days, drawn.
    chart: String,
    /// The days.
    bars: Vec<Bar>,
    /// Who sends, the busiest first.
    sources: Vec<Line>,
    /// How many sources there are.
    all: usize,
    /// Who sent what failed, as failure reports tell.
    failed: Vec<FailedLine>,
    /// How many such sources there are.
    all_failed: usize,
    /// What the domain publishes.
    published: Published,
}

/// A source, as it is shown.
struct Line {
    /// What it is called.
    label: String,
    /// Its address.
    address: String,
    /// Its country.
    country: String,
    /// How many mails, and how many of them are aligned, by SPF, by DKIM.
    sums: Sums,
    /// The domains that sign, and the MAIL FROM domains.
    domains: String,
}

/// A source of what failed, as it is shown.
struct FailedLine {
    /// What it is called.
    label: String,
    /// Its address.
    address: String,
    /// How many mails.
    mails: String,
    /// What failed.
    auth_failure: String,
    /// What became of them.
    delivery_result: String,
    /// The domains of the signatures that failed, and the MAIL FROM domains.
    domains: String,
    /// Who told it.
    reporters: String,
    /// When the last one arrived.
    last: Moment,
}

/// Shows one.
pub(super) async fn show(State(desk): State<Arc<Desk>>, mut visitor: Visitor, Path(domain): Path<String>) -> Shown {
    let mut asked = visitor.asked(&["days"]);
    let (frame, days) = (&visitor.frame, asked.days(USUAL[1]));
    let (subject, policy) = (subject(&visitor, &domain)?, desk.config_of(&visitor).policy());
    let (source, of) = (desk.source_of(&visitor), subject.clone());
    let (known, published) = tokio::join!(desk.known(&visitor, subject, days), published(&source, &of, &policy, frame));
    let Known { domain, told, sources, failed } = known?;
    let (bars, reporters) = (bars(&told), reporters(&told.rows));
    let chart = chart::bars(&frame.say("desk-by-day"), &frame.say("desk-mails"), &bars);
    let sums = sources.iter().fold(Sums::default(), |sums, (source, _)| sums.and(Sums::of(source)));
    let lines = sources.iter().take(SOURCES).map(|(source, named)| Line::of(frame, source, named)).collect();
    let failed_lines = failed.iter().take(SOURCES).map(|source| FailedLine::of(frame, source)).collect();
    let (domain, all) = (domain.to_string(), sources.len());
    let page = DomainPage {
        frame,
        domain,
        days,
        faults: &asked.faults,
        sums,
        seen: told.seen,
        reporters,
        chart,
        bars,
        sources: lines,
        all,
        failed: failed_lines,
        all_failed: failed.len(),
        published,
    };
    Ok(frame.show_as(page.faults.status(), &page))
}

/// Exports the sources of a domain: `sources.csv` or `sources.json`.
pub(super) async fn export(
    State(desk): State<Arc<Desk>>,
    mut visitor: Visitor,
    Path((domain, file)): Path<(String, String)>,
) -> Shown {
    let mut asked = visitor.asked(&["days"]);
    let (frame, days) = (&visitor.frame, asked.days(USUAL[1]));
    if let Some(why) = asked.faults.of("days") {
        return Err(frame.refuse(asked.faults.status(), "desk-unreadable", why));
    }
    let Known { domain, sources, .. } = desk.known(&visitor, subject(&visitor, &domain)?, days).await?;
    let (kind, text) = match file.as_str() {
        "sources.json" => ("application/json", as_json(&sources)),
        "sources.csv" => ("text/csv; charset=utf-8", as_csv(&sources)),
        _ => return Err(frame.refuse(StatusCode::NOT_FOUND, "desk-nowhere", &frame.say("desk-nowhere-says"))),
    };
    // A name in wire form may hold anything: the file is named by what is harmless in it.
    let harmless: String =
        domain.to_string().chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')).collect();
    let named = format!("attachment; filename=\"{harmless}-{file}\"");
    let mut answer: Response = ([(header::CONTENT_TYPE, kind)], text).into_response();
    if let Ok(named) = HeaderValue::from_str(&named) {
        answer.headers_mut().insert(header::CONTENT_DISPOSITION, named);
    }
    answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // What somebody may see is nobody else's.
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

/// What is known of a domain.
pub(crate) struct Known {
    /// The domain.
    pub(crate) domain: DomainName,
    /// What receivers told, and this house saw.
    pub(crate) told: Arc<Told>,
    /// Who sends, and what each is called.
    pub(crate) sources: Vec<(Source, Named)>,
    /// Who sent what failed, as failure reports tell.
    pub(crate) failed: Vec<FailedSource>,
}

/// Reads of which domain somebody asks, and refuses what is none, or not theirs to see.
fn subject(visitor: &Visitor, domain: &str) -> Result<DomainName, Refusal> {
    let frame = &visitor.frame;
    let domain = read_name("desk-not-a-domain", domain).map_err(|why| {
        frame.refuse(StatusCode::BAD_REQUEST, "desk-no-such-domain", &shown::long(&why.say(&frame.talk)))
    })?;
    if !visitor.scope().covers(&domain) {
        return Err(frame.refuse(StatusCode::FORBIDDEN, "desk-not-yours", &frame.say("desk-not-yours-says")));
    }
    Ok(domain)
}

impl Desk {
    /// Finds what is known of a domain.
    async fn known(&self, visitor: &Visitor, domain: DomainName, days: u32) -> Result<Known, Refusal> {
        let over =
            Over { lake: self.lake_of(visitor), source: self.source_of(visitor), config: self.config_of(visitor) };
        self.known_over(over, domain, days).await.map_err(|why| visitor.frame.no_answer(&why))
    }

    /// Finds what is known of a domain in some books.
    pub(crate) async fn known_over(&self, over: Over, domain: DomainName, days: u32) -> Result<Known, LakeError> {
        let Over { lake, source, config } = over;
        let reporter = config.reports.sender_domain();
        let (under, subject) = (with_parents(&domain), [domain.clone()]);
        // Whoever may ask about a domain at all may see all of this.
        let trust = config.trust(false);
        let asked = format!("{domain} {days} {reporter:?} {trust:?}");
        let question = Question { room: "domain", asked, within: None };
        let find = move |lake: &dyn lake::Lake| {
            let seen = Seen { domains: &subject, reporter, or_mail_from: false };
            let mut told = told(lake, &under, Some(&seen), (days, &trust))?;
            let [domain] = &subject;
            let is_about =
                |row: &Reported| DomainName::parse(&row.header_from).is_ok_and(|name| name.is_at_or_below(domain));
            told.rows.retain(is_about);
            with_failures(lake, told, domain, &trust)
        };
        let told: Arc<Told> = self.ask_lately(question, lake, find).await?;
        let (source, timeout, policy) = (Some(source), config.dns.timeout.min(PATIENCE), config.policy());
        let places = Places::open(&config.names).map_err(|why| LakeError(why.to_string()))?;
        let namer = Namer { source, timeout, policy, places };
        let sources = sources(&told.rows);
        let failed = failed::sources(&told.failed);
        let clues: Vec<_> = sources.iter().map(Source::clue).chain(failed.iter().map(FailedSource::clue)).collect();
        let mut named = namer.name(&clues).await.map_err(|why| LakeError(format!("{why:#}")))?.into_iter();
        let sources = sources.into_iter().zip(named.by_ref()).collect();
        let failed = failed.into_iter().zip(named).map(|(source, named)| FailedSource { named, ..source }).collect();
        Ok(Known { domain, told, sources, failed })
    }
}

/// The mails of a day, by whether they are aligned.
pub(crate) struct Day {
    /// The day.
    pub(crate) day: jiff::civil::Date,
    /// How many are.
    pub(crate) pass: u64,
    /// How many are not.
    pub(crate) fail: u64,
}

/// Returns the days as bars.
fn bars(told: &Told) -> Vec<Bar> {
    let name = |day: jiff::civil::Date| day.strftime("%m-%d").to_string();
    days(told).iter().map(|day| Bar { name: name(day.day), pass: day.pass, fail: day.fail, other: 0 }).collect()
}

/// Adds the mails up by day, the days without any among them.
pub(crate) fn days(told: &Told) -> Vec<Day> {
    let mut sums: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
    for row in &told.rows {
        let is_pass = row.spf_aligned || row.dkim_aligned;
        let sum = &mut sums.entry(&row.day).or_default()[usize::from(!is_pass)];
        *sum = sum.saturating_add(row.mails);
    }
    let (first, last) = told.days;
    let days = first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last);
    let of = |day: jiff::civil::Date| {
        let [pass, fail] = sums.get(day.to_string().as_str()).copied().unwrap_or_default();
        Day { day, pass, fail }
    };
    days.map(of).collect()
}

/// Returns who told of a domain, each once.
pub(crate) fn reporters(rows: &[Reported]) -> Vec<String> {
    rows.iter().filter_map(|row| row.submitter.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// How many mails, and how many of them are aligned, by SPF, by DKIM.
#[derive(Clone, Copy, Default)]
struct Sums([u64; 4]);

impl Sums {
    /// Returns those of a source.
    fn of(source: &Source) -> Sums {
        Sums([source.mails, source.pass, source.spf, source.dkim])
    }

    /// Adds others.
    fn and(mut self, more: Sums) -> Sums {
        self.0.iter_mut().zip(more.0).for_each(|(sum, more)| *sum = sum.saturating_add(more));
        self
    }

    /// Returns one of them.
    fn get(self, at: usize) -> u64 {
        self.0.get(at).copied().unwrap_or_default()
    }

    /// Returns one of them as a page has it.
    fn number(self, at: usize) -> String {
        shown::number(self.get(at))
    }

    /// Returns the share of one of them, or a dash where there are no mails.
    fn share(self, at: usize) -> String {
        shown::share(self.get(at), self.get(0)).unwrap_or_else(|| "–".to_owned())
    }

    /// Returns how it looks: all aligned, none, or some.
    fn state(self) -> &'static str {
        match (self.get(0), self.get(1)) {
            (mails, pass) if mails == pass => "pass",
            (_, 0) => "fail",
            _ => "odd",
        }
    }
}

impl Line {
    /// Puts a source into words.
    fn of(frame: &Frame, source: &Source, named: &Named) -> Line {
        let domains: Vec<String> = source.domains.iter().map(|domain| shown::name(domain)).collect();
        let label = named.label(frame.talk.lang()).unwrap_or_else(|| source.address.clone());
        Line {
            label: shown::text(&label),
            address: shown::text(&source.address),
            country: named.country.clone().map(|country| shown::text(&country.to_string())).unwrap_or_default(),
            sums: Sums::of(source),
            domains: domains.join(", "),
        }
    }
}

impl FailedLine {
    /// Puts a source of what failed into words.
    fn of(frame: &Frame, source: &FailedSource) -> FailedLine {
        let joined =
            |texts: &BTreeSet<String>| texts.iter().map(|text| shown::name(text)).collect::<Vec<_>>().join(", ");
        let address = if source.address.is_empty() { "–" } else { &*source.address };
        let label = source.named.label(frame.talk.lang()).unwrap_or_else(|| address.to_owned());
        FailedLine {
            label: shown::text(&label),
            address: shown::text(address),
            mails: shown::number(source.mails),
            auth_failure: joined(&source.auth_failure),
            delivery_result: joined(&source.delivery_result),
            domains: joined(&source.domains),
            reporters: joined(&source.reporters),
            last: shown::moment(source.last_at),
        }
    }
}

/// Writes sources as JSON.
fn as_json(sources: &[(Source, Named)]) -> String {
    let object = |(source, named): &(Source, Named)| {
        json!({
            "source_ip": source.address, "name": named.label(sekisho_core::speech::Lang::En),
            "messages": source.mails, "aligned": source.pass, "spf_aligned": source.spf, "dkim_aligned": source.dkim,
            "domains": source.domains, "days": source.days,
        })
    };
    serde_json::Value::from(sources.iter().map(object).collect::<Vec<_>>()).to_string()
}

/// Writes sources as CSV in which nothing is a formula.
fn as_csv(sources: &[(Source, Named)]) -> String {
    let mut csv = String::from("source_ip,name,messages,aligned,spf_aligned,dkim_aligned,domains\r\n");
    for (source, named) in sources {
        let domains = source.domains.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let label = named.label(sekisho_core::speech::Lang::En).unwrap_or_default();
        let cells = [cell(&source.address), cell(&label)]
            .into_iter()
            .chain(Sums::of(source).0.map(|sum| sum.to_string()))
            .chain([cell(&domains)]);
        csv += &cells.collect::<Vec<_>>().join(",");
        csv += "\r\n";
    }
    csv
}

/// Writes a cell: in quotes, and with an apostrophe before what a spreadsheet would take for a formula.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let before = if is_formula { "'" } else { "" };
    format!("\"{before}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"] {
            assert!(cell(formula).starts_with("\"'"), "{formula:?}");
        }
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(cell("192.0.2.1"), "\"192.0.2.1\"");
    }
}
