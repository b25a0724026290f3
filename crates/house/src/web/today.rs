//! *Today*: how much came in the last day, what of it passes, what failed last

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use jiff::Timestamp;
use sekisho_core::search::{AuthorDomain, MailRow, MailSearch, Volume};

use super::Desk;
use super::answers::Question;
use super::chart::{self, Bar};
use super::frame::{Frame, Shown};
use super::messages;
use super::seen::Seen;
use super::shown;
use super::visitor::Visitor;
use crate::lake::{Lake, LakeError, side_by_side};

/// An hour, in microseconds.
const HOUR: i64 = 3_600_000_000;
/// A second, in microseconds.
const SECOND: i64 = 1_000_000;
/// How many domains of a scope are named.
const NAMED: usize = 5;
/// How many of the newest failures, and of the busiest author domains.
const FEW: u32 = 10;

/// *Today*.
#[derive(Template)]
#[template(path = "today.html")]
struct TodayPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// From when to when.
    span: String,
    /// Whose mails these are, where they are not everybody's, and whether they have domains.
    whose: Option<(String, bool)>,
    /// How many mails there were.
    mails: u64,
    /// Where all of them are listed; more fields may follow.
    listed: String,
    /// The large numbers.
    figures: Vec<Figure>,
    /// The hours, drawn.
    chart: String,
    /// The hours.
    hours: &'a [Hour],
    /// The busiest author domains.
    domains: &'a [AuthorDomain],
    /// The newest mails that fail.
    failures: &'a [Seen],
    /// The same, for the list.
    rows: &'a [Seen],
}

/// A large number.
struct Figure {
    /// What it counts.
    name: String,
    /// The number.
    value: String,
    /// What it is of.
    note: String,
    /// Where its mails are.
    path: Option<String>,
}

/// The last 24 hours. All that is said of them is said of the same mails.
pub(crate) struct Day {
    /// When they begin.
    pub(crate) from_at: i64,
    /// When they end: now, with the second that runs.
    pub(crate) until_at: i64,
    /// The hours of the clock that they touch, the earliest first, also those in which nothing came. Of the first and the last a part
    /// may be meant.
    pub(crate) hours: Vec<Hour>,
    /// What they come to.
    pub(crate) sums: Sums,
    /// The newest mails that fail DMARC.
    pub(crate) failures: Vec<MailRow>,
    /// The busiest author domains.
    pub(crate) domains: Vec<AuthorDomain>,
}

/// The mails of an hour of the clock, by what DMARC says of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hour {
    /// When it begins, in microseconds since 1970.
    pub(crate) at: i64,
    /// How many pass.
    pub(crate) pass: u64,
    /// How many fail.
    pub(crate) fail: u64,
    /// How many do neither.
    pub(crate) other: u64,
}

/// How many mails a day has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    /// All of them.
    pub(crate) mails: u64,
    /// Those that pass DMARC.
    pub(crate) pass: u64,
    /// Those that fail it.
    pub(crate) fail: u64,
    /// Those that the house marked or held.
    pub(crate) quarantined: u64,
    /// Those that it refused or put off.
    pub(crate) turned_away: u64,
}

impl Day {
    /// Asks for the one that ends now; with `within`, for mails of which every recipient domain is one of these or below.
    pub(crate) fn ask(lake: &dyn Lake, now: Timestamp, within: Option<&[String]>) -> Result<Day, LakeError> {
        let (from_at, until_at) = last_day(now);
        let search = MailSearch {
            from_at,
            until_at,
            dmarc: Some("fail".to_owned()),
            within: within.map(<[String]>::to_vec),
            limit: FEW,
            ..MailSearch::default()
        };
        let volumes = || lake.volumes(from_at, until_at, HOUR, within);
        let domains = || lake.author_domains(from_at, until_at, None, within, FEW);
        let (volumes, (failures, domains)) = side_by_side(volumes, || side_by_side(|| lake.mails(&search), domains))?;
        let (hours, sums) = (hours((from_at, until_at), &volumes), Sums::of(&volumes));
        Ok(Day { from_at, until_at, hours, sums, failures, domains })
    }
}

impl Desk {
    /// Returns the last day, as it was when it was asked for last; with `within`, as [`Day::ask`] does.
    pub(crate) async fn day(&self, lake: Arc<dyn Lake>, within: Option<Vec<String>>) -> Result<Arc<Day>, LakeError> {
        let question = Question { room: "today", asked: String::new(), within: within.clone() };
        let find = move |lake: &dyn Lake| Day::ask(lake, Timestamp::now(), within.as_deref());
        self.ask_lately(question, lake, find).await
    }
}

/// Returns the 24 hours that end now, in whole seconds: so the same span can stand in the address of a list.
fn last_day(now: Timestamp) -> (i64, i64) {
    messages::span(None, Some(now.as_second().saturating_add(1).saturating_mul(SECOND)), 0)
}

impl Hour {
    /// Returns it as a bar of a chart.
    fn bar(&self) -> Bar {
        let name = format!("{:02}:00", self.at.div_euclid(HOUR).rem_euclid(24));
        Bar { name, pass: self.pass, fail: self.fail, other: self.other }
    }

    /// Returns its day and hour: the first and the last may be the same hour of two days.
    fn name(&self) -> String {
        shown::moment(self.at).text.get(5..16).unwrap_or_default().to_owned()
    }
}

impl Sums {
    /// Adds volumes up.
    fn of(volumes: &[Volume]) -> Sums {
        let sum = |is_meant: &dyn Fn(&Volume) -> bool| {
            volumes.iter().filter(|volume| is_meant(volume)).fold(0_u64, |sum, volume| sum.saturating_add(volume.mails))
        };
        Sums {
            mails: sum(&|_| true),
            pass: sum(&|volume| volume.dmarc_result == "pass"),
            fail: sum(&|volume| volume.dmarc_result == "fail"),
            quarantined: sum(&|volume| volume.decision.starts_with("quarantine")),
            turned_away: sum(&|volume| matches!(volume.decision.as_str(), "refuse" | "tempfail")),
        }
    }
}

/// Shows it.
pub(super) async fn show(State(desk): State<Arc<Desk>>, mut visitor: Visitor) -> Shown {
    visitor.asked(&[]);
    let frame = &visitor.frame;
    let within = visitor.within();
    let day = desk.day(desk.lake_of(&visitor), within).await.map_err(|why| frame.no_answer(&why))?;
    let Day { from_at, until_at, hours, sums, failures, domains } = &*day;
    let (from_at, until_at) = (*from_at, *until_at);
    let (span, listed) = (shown::span(from_at, until_at), messages::listed((from_at, until_at)));
    let (figures, bars): (_, Vec<Bar>) = (figures(frame, *sums, &listed), hours.iter().map(Hour::bar).collect());
    let chart = chart::bars(&frame.say("desk-by-hour"), &frame.say("desk-mails"), &bars);
    let failures: Vec<Seen> = failures.iter().map(Seen::from).collect();
    let (rows, mails, whose) = (&failures, sums.mails, whose(frame, visitor.within().as_deref()));
    let page = TodayPage { frame, span, whose, mails, listed, figures, chart, hours, domains, failures: rows, rows };
    Ok(frame.show(&page))
}

/// Says whose mails somebody sees whose scope has domains: those to them, and not those in their name.
fn whose(frame: &Frame, within: Option<&[String]>) -> Option<(String, bool)> {
    let domains = within?;
    if domains.is_empty() {
        return Some((frame.say("desk-sees-nothing"), false));
    }
    let named: Vec<String> = domains.iter().take(NAMED).map(|domain| shown::name(domain)).collect();
    let more = if domains.len() > NAMED { ", …" } else { "" };
    Some((frame.tell("desk-today-yours", &[("domains", format!("{}{more}", named.join(", ")).into())]), true))
}

/// Returns the hours of the clock that a span touches, also those in which nothing came.
fn hours((from_at, until_at): (i64, i64), volumes: &[Volume]) -> Vec<Hour> {
    let mut sums: BTreeMap<i64, [u64; 3]> = BTreeMap::new();
    for volume in volumes {
        let at = match volume.dmarc_result.as_str() {
            "pass" => 0,
            "fail" => 1,
            _ => 2,
        };
        let sum = &mut sums.entry(volume.at.div_euclid(HOUR)).or_default()[at];
        *sum = sum.saturating_add(volume.mails);
    }
    let of = |hour: i64| {
        let [pass, fail, other] = sums.get(&hour).copied().unwrap_or_default();
        Hour { at: hour * HOUR, pass, fail, other }
    };
    (from_at.div_euclid(HOUR)..=(until_at - 1).div_euclid(HOUR)).map(of).collect()
}

/// Returns the large numbers, each with the list of its mails where one search finds them.
fn figures(frame: &Frame, sums: Sums, listed: &str) -> Vec<Figure> {
    let Sums { mails: all, pass, fail, quarantined: held, turned_away: away } = sums;
    let of_all = |part: u64| shown::share(part, all).unwrap_or_default();
    let figure = |name: &str, count: u64, note: String, fields: Option<&str>| Figure {
        name: frame.say(name),
        value: shown::number(count),
        note,
        path: fields.map(|fields| format!("{listed}{fields}")),
    };
    vec![
        figure("desk-mails", all, frame.say("desk-last-day"), Some("")),
        figure("desk-dmarc-pass", pass, of_all(pass), Some("&dmarc=pass")),
        figure("desk-dmarc-fail", fail, of_all(fail), Some("&dmarc=fail")),
        figure("desk-no-policy", all - pass - fail, of_all(all - pass - fail), None),
        figure("desk-quarantined", held, of_all(held), None),
        figure("desk-turned-away", away, of_all(away), None),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hour_has_a_bar_and_what_is_neither_is_counted_too() {
        let volume = |hour: i64, dmarc: &str, mails| Volume {
            at: hour * HOUR,
            dmarc_result: dmarc.to_owned(),
            decision: "pass".to_owned(),
            mails,
        };
        let volumes =
            [volume(100, "pass", 2), volume(100, "none", 3), volume(100, "temperror", 1), volume(123, "fail", 5)];
        let hours = hours((100 * HOUR, 124 * HOUR), &volumes);
        assert_eq!(hours.len(), 24);
        assert_eq!((hours[0].pass, hours[0].fail, hours[0].other), (2, 0, 4));
        assert_eq!((hours[23].fail, hours[22].bar().all(), hours[0].bar().name.as_str()), (5, 0, "04:00"));
    }

    #[test]
    fn the_last_day_has_24_hours_and_a_bar_for_each_hour_of_the_clock_that_it_touches() {
        let half_past = Timestamp::from_microsecond(1_000 * HOUR + HOUR / 2 + 250_000).unwrap();
        let span = last_day(half_past);
        assert_eq!(span, (976 * HOUR + HOUR / 2 + SECOND, 1_000 * HOUR + HOUR / 2 + SECOND));
        let hours = hours(span, &[]);
        assert_eq!((hours.len(), hours[0].at, hours[24].at), (25, 976 * HOUR, 1_000 * HOUR));
        assert_eq!((hours[0].name(), hours[24].name()), ("02-10 16:00".to_owned(), "02-11 16:00".to_owned()));
        assert_eq!(hours[0].bar().name, hours[24].bar().name);
        let whole = last_day(Timestamp::from_microsecond(1_000 * HOUR - 1).unwrap());
        assert_eq!((whole, super::hours(whole, &[]).len()), ((976 * HOUR, 1_000 * HOUR), 24));
    }
}
