//! Reports of ours: DMARC aggregate reports to the domains whose mail we judged (RFC 9990), and failure reports (RFC 9991)
//!
//! From the rows of a day to mails in other people's hands. [`asked`] reads again what a domain's record asks for, and whether
//! those agree who are to get its reports; [`draft`] makes the report; [`reporter`] is who we are, proves before anything else
//! that a report of ours would pass DMARC, and signs; [`relay`] hands mails over; [`jobs`] plans each report once, however many nodes there are, and sends
//! it; [`failures`] notes single mails that failed, for the same jobs; [`command`] shows and starts all of that, [`daily`] does it each day; [`rehearsal`] does it for the sample day.

mod asked;
pub(super) mod command;
mod daily;
mod draft;
mod failures;
mod hindrance;
mod jobs;
mod prepare;
pub(crate) mod rehearsal;
mod relay;
mod reporter;

use jiff::civil::{Date, date};

pub(crate) use self::daily::keep_sending;
pub(crate) use self::failures::{FailedMail, Failures, NOTED, Waiting, is_public_suffix, keep_noting};
pub(crate) use self::hindrance::say as say_unsent;
pub(crate) use self::jobs::{BOUNCED, RESULTS};
pub(crate) use self::reporter::Reporter;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Returns which day it is, counted from 1970-01-01.
fn day_number(day: Date) -> i64 {
    date(1970, 1, 1).until(day).map_or(0, |span| i64::from(span.get_days()))
}

/// Returns when a day begins and when its last second does, in microseconds since 1970 (UTC).
fn period(day: Date) -> (i64, i64) {
    let begin = day_number(day).saturating_mul(DAY);
    (begin, begin + DAY - 1_000_000)
}

/// Returns the day of a number.
pub(super) fn day_of(number: i64) -> Option<Date> {
    date(1970, 1, 1).checked_add(jiff::Span::new().try_days(number).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_utc_and_end_with_their_last_second() {
        let day = date(2026, 11, 22);
        assert_eq!(day_of(day_number(day)), Some(day));
        assert_eq!(period(day), (1_795_305_600_000_000, 1_795_391_999_000_000));
        assert_eq!(day_number(date(1969, 12, 31)), -1);
    }
}
