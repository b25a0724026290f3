//! *Today*: how much came in the last day, what of it passes, what failed last

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use jiff::Timestamp;
use sekisho_core::search::{AuthorDomain, MailSearch, Volume};

use super::Desk;
use super::chart::{self, Bar};
use super::frame::{Frame, Shown};
use super::seen::Seen;
use super::shown;
use super::visitor::Visitor;

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

/// Shows it.
pub(super) async fn show(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Shown {
    let frame = &visitor.frame;
    let (lake, until_at) = (desk.lake_of(&visitor), Timestamp::now().as_microsecond());
    let first = until_at.div_euclid(HOUR) - HOURS + 1;
    let from_at = first * HOUR;
    let within = visitor.within();
    let asked = desk.ask(lake, move |lake| {
        let search = MailSearch {
            from_at,
            until_at,
            dmarc: Some("fail".to_owned()),
            within: within.clone(),
            limit: FEW,
            ..MailSearch::default()
        };
        let volumes = lake.volumes(from_at, until_at, HOUR, within.as_deref())?;
        Ok((volumes, lake.mails(&search)?, lake.author_domains(from_at, until_at, within.as_deref(), FEW)?))
    });
    let (volumes, failures, domains) = asked.await.map_err(|why| frame.no_answer(&why))?;
    let hours = hours(first, &volumes);
    let figures = figures(frame, &volumes);
    let mails = hours.iter().map(Bar::all).sum();
    let chart = chart::bars(&frame.say("desk-by-hour"), &frame.say("desk-mails"), &hours);
    let failures: Vec<Seen> = failures.iter().map(Seen::from).collect();
    let span = format!("{} – {} UTC", shown::moment(from_at).text, shown::moment(until_at).text);
    let rows = &failures;
    Ok(frame.show(&TodayPage { frame, span, mails, figures, chart, hours, domains, failures: rows, rows }))
}

/// Returns the hours from the first on, also those in which nothing came.
fn hours(first: i64, volumes: &[Volume]) -> Vec<Bar> {
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
    let bar = |hour: i64| {
        let [pass, fail, other] = sums.get(&hour).copied().unwrap_or_default();
        Bar { name: format!("{:02}:00", hour.rem_euclid(24)), pass, fail, other }
    };
    (first..first + HOURS).map(bar).collect()
}

/// Returns the large numbers.
fn figures(frame: &Frame, volumes: &[Volume]) -> Vec<Figure> {
    let sum = |is_meant: &dyn Fn(&Volume) -> bool| {
        volumes.iter().filter(|volume| is_meant(volume)).fold(0_u64, |sum, volume| sum.saturating_add(volume.mails))
    };
    let all = sum(&|_| true);
    let of_all = |part: u64| shown::share(part, all).unwrap_or_default();
    let pass = sum(&|volume| volume.dmarc_result == "pass");
    let fail = sum(&|volume| volume.dmarc_result == "fail");
    let held = sum(&|volume| volume.decision.starts_with("quarantine"));
    let away = sum(&|volume| matches!(volume.decision.as_str(), "refuse" | "tempfail"));
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
        assert_eq!((hours[23].fail, hours[22].all(), hours[0].name.as_str()), (5, 0, "04:00"));
    }
}
