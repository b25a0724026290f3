//! Days: which folder an Event lies in

use jiff::civil::Date;

/// The microseconds of a day.
const MICROSECONDS: i64 = 86_400_000_000;
/// How many days before its segment was begun an Event may lie: what is older lies in the first of them. A segment of
/// hostile reports can so make a few hundred folders, and not one for every day since 1970.
const BEFORE: i64 = 1_100;
/// How many days after it.
const AFTER: i64 = 2;

/// Returns the day of an Event at `at` in a segment that was begun at `created`, in days since 1970.
pub(crate) fn day_of(at: i64, created: i64) -> i32 {
    let began = created.div_euclid(MICROSECONDS);
    let day = at.div_euclid(MICROSECONDS).clamp(began.saturating_sub(BEFORE), began.saturating_add(AFTER));
    i32::try_from(day.clamp(0, LAST)).expect("between 1970 and 9999")
}

/// The last day that can be written, 9999-12-31.
const LAST: i64 = 2_932_896;
/// The same, as days are counted.
pub(crate) const LAST_DAY: i32 = 2_932_896;

/// Returns how a day is written: `2026-11-22`.
pub(crate) fn written(day: i32) -> String {
    let since = jiff::Span::new().days(day.clamp(0, i32::try_from(LAST).expect("fits")));
    Date::new(1970, 1, 1).and_then(|first| first.checked_add(since)).expect("between 1970 and 9999").to_string()
}

/// Returns whether a day can be written.
pub(crate) fn exists(day: i32) -> bool {
    (0..=LAST).contains(&i64::from(day))
}

/// Reads a day; nothing where it is none.
pub(crate) fn read(text: &str) -> Option<i32> {
    let date: Date = text.parse().ok()?;
    let first = Date::new(1970, 1, 1).ok()?;
    (date >= first).then(|| date.since(first).ok().map(|span| span.get_days()))?
}

/// Returns the day of a moment.
pub(crate) fn today(now: i64) -> i32 {
    i32::try_from(now.div_euclid(MICROSECONDS).clamp(0, LAST)).expect("between 1970 and 9999")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_and_read() {
        for (day, text) in [(0, "1970-01-01"), (20_779, "2026-11-22"), (2_932_896, "9999-12-31")] {
            assert_eq!(written(day), text);
            assert_eq!(read(text), Some(day));
        }
        assert_eq!(read("1969-12-31"), None);
        assert_eq!(read("2026-13-01"), None);
    }

    #[test]
    fn an_event_of_another_age_lies_near_its_segment() {
        let now = 20_779 * MICROSECONDS + 5;
        assert_eq!(day_of(now, now), 20_779);
        assert_eq!(day_of(i64::MIN, now), 20_779 - 1_100);
        assert_eq!(day_of(i64::MAX, now), 20_781);
        assert_eq!(day_of(i64::MAX, i64::MAX), 2_932_896);
    }
}
