//! Moments as people write them, in reports that should have a number or RFC 3339

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Reads a moment: RFC 3339, the same without a zone or with its name, which is UTC then, or seconds with an exponent.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let bare = text.strip_suffix("UTC").or_else(|| text.strip_suffix("GMT")).unwrap_or(text).trim_end();
    let civil = || bare.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse().ok().or_else(civil).or_else(|| seconds(text))
}

/// Reads seconds with an exponent: `1.7953056E+09`.
fn seconds(text: &str) -> Option<Timestamp> {
    let is_number = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+'));
    let seconds = if is_number { text.parse::<f64>().ok()? } else { return None };
    let duration = SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::from_duration(duration).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_only_one_moment_is_read() {
        for text in [
            "2026-11-22T01:02:03Z",
            "2026-11-22T10:02:03+09:00",
            "2026-11-22 01:02:03",
            "2026-11-22T01:02:03",
            "2026-11-22 01:02:03 UTC",
            "2026-11-22 01:02:03GMT",
            "1.795309323E+09",
            "1795309323e0",
        ] {
            assert_eq!(moment(text).map(Timestamp::as_second), Some(1_795_309_323), "{text}");
        }
        assert_eq!(moment("2026-11-22").map(Timestamp::as_second), Some(1_795_305_600));
        for text in ["", "yesterday", "11/22/2026", "22.11.2026", "1e400", "e", "-1e9", "NaN", "inf"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
