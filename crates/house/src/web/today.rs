//! *Today*: how much came in the last day, what of it passes, what failed last

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use jiff::Timestamp;
use sekisho_core::search::{AuthorDomain, MailRow, MailSearch, Volume};

use super::Desk;
use super::chart::{self, Bar};
use super::frame::{Frame, Shown};
use super::seen::Seen;
use super::shown;
use super::visitor::Visitor;
use crate::lake::{Lake, LakeError};

/// An hour, in microseconds.
const HOUR: i64 = 3_600_000_000;
/// How many hours are shown.
const HOURS: i64 = 24;
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
    /// How many mails there were.
    mails: u64,
    /// The large numbers.
    figures: Vec<Figure>,
    /// The hours, drawn.
    chart: String,
    /// The hours.
    hours: Vec<Bar>,
    /// The busiest author domains.
    domains: Vec<AuthorDomain>,
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
    path: Option<&'static str>,
}

/// The last day, hour by hour.
pub(crate) struct Day {
    /// When its first hour begins.
    pub(crate) from_at: i64,
    /// Now.
    pub(crate) until_at: i64,
    /// The hours, the earliest first, also those in which nothing came.
    pub(crate) hours: Vec<Hour>,
    /// What they come to.
    pub(crate) sums: Sums,
    /// The newest mails that fail DMARC.
    pub(crate) failures: Vec<MailRow>,
    /// The busiest author domains.
    pub(crate) domains: Vec<AuthorDomain>,
}

/// The mails of an hour, by what DMARC says of them.
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
        let until_at = now.as_microsecond();
        let first = until_at.div_euclid(HOUR) - HOURS + 1;
        let from_at = first * HOUR;
        let search = MailSearch {
            from_at,
            until_at,
            dmarc: Some("fail".to_owned()),
            within: within.map(<[String]>::to_vec),
            limit: FEW,
            ..MailSearch::default()
        };
        let volumes = lake.volumes(from_at, until_at, HOUR, within)?;
        let (failures, domains) = (lake.mails(&search)?, lake.author_domains(from_at, until_at, within, FEW)?);
        Ok(Day { from_at, until_at, hours: hours(first, &volumes), sums: Sums::of(&volumes), failures, domains })
    }
}

impl Hour {
    /// Returns it as a bar of a chart.
    fn bar(&self) -> Bar {
        let name = format!("{:02}:00", self.at.div_euclid(HOUR).rem_euclid(24));
        Bar { name, pass: self.pass, fail: self.fail, other: self.other }
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
pub(super) async fn show(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Shown {
    let frame = &visitor.frame;
    let within = visitor.within();
    let asked = desk.ask(desk.lake_of(&visitor), move |lake| Day::ask(lake, Timestamp::now(), within.as_deref()));
    let Day { from_at, until_at, hours, sums, failures, domains } = asked.await.map_err(|why| frame.no_answer(&why))?;
    let (hours, figures): (Vec<Bar>, _) = (hours.iter().map(Hour::bar).collect(), figures(frame, sums));
    let mails = hours.iter().map(Bar::all).sum();
    let chart = chart::bars(&frame.say("desk-by-hour"), &frame.say("desk-mails"), &hours);
    let failures: Vec<Seen> = failures.iter().map(Seen::from).collect();
    let span = format!("{} – {} UTC", shown::moment(from_at).text, shown::moment(until_at).text);
    let rows = &failures;
    Ok(frame.show(&TodayPage { frame, span, mails, figures, chart, hours, domains, failures: rows, rows }))
}

/// Returns the hours from the first on, also those in which nothing came.
fn hours(first: i64, volumes: &[Volume]) -> Vec<Hour> {
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
    (first..first + HOURS).map(of).collect()
}

/// Returns the large numbers.
fn figures(frame: &Frame, sums: Sums) -> Vec<Figure> {
    let Sums { mails: all, pass, fail, quarantined: held, turned_away: away } = sums;
    let of_all = |part: u64| shown::share(part, all).unwrap_or_default();
    let figure = |name: &str, count: u64, note: String, path| Figure {
        name: frame.say(name),
        value: shown::number(count),
        note,
        path,
    };
    vec![
        figure("desk-mails", all, frame.say("desk-last-day"), Some("/messages")),
        figure("desk-dmarc-pass", pass, of_all(pass), Some("/messages?dmarc=pass")),
        figure("desk-dmarc-fail", fail, of_all(fail), Some("/messages?dmarc=fail")),
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
        let hours = hours(
            100,
            &[volume(100, "pass", 2), volume(100, "none", 3), volume(100, "temperror", 1), volume(123, "fail", 5)],
        );
        assert_eq!(hours.len(), 24);
        assert_eq!((hours[0].pass, hours[0].fail, hours[0].other), (2, 0, 4));
        assert_eq!((hours[23].fail, hours[22].bar().all(), hours[0].bar().name.as_str()), (5, 0, "04:00"));
    }
}
