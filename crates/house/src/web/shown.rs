//! How values look on a page: moments, numbers, names, results

use jiff::Timestamp;
use sekisho_core::name::DomainName;
use sekisho_core::visible::{Visible, is_harmless};

/// A moment, for people and for programs.
pub(super) struct Moment {
    /// For programs: RFC 3339.
    pub(super) exact: String,
    /// For people, in UTC.
    pub(super) text: String,
}

/// Returns a moment out of microseconds since 1970.
pub(super) fn moment(at: i64) -> Moment {
    match Timestamp::from_microsecond(at) {
        Ok(at) => Moment {
            exact: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            text: at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        },
        Err(_) => Moment { exact: String::new(), text: at.to_string() },
    }
}

/// Returns a span of time, for people.
pub(super) fn span(from_at: i64, until_at: i64) -> String {
    format!("{} – {} UTC", moment(from_at).text, moment(until_at).text)
}

/// Returns a number with thin spaces between thousands.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push('\u{202f}');
        }
        shown.push(digit);
    }
    shown
}

/// Returns octets as people say them.
pub(super) fn octets(octets: u64) -> String {
    match octets {
        0..=1023 => format!("{octets} B"),
        1024..=1_048_575 => format!("{} KB", octets / 1024),
        1_048_576..=1_073_741_823 => format!("{}.{} MB", octets >> 20, ((octets % (1 << 20)) * 10) >> 20),
        _ => format!("{}.{} GB", octets >> 30, ((octets % (1 << 30)) * 10) >> 30),
    }
}

/// Returns the share of a part in percent, with one digit; nothing of nothing.
pub(super) fn share(part: u64, whole: u64) -> Option<String> {
    let tenths = (u128::from(part) * 1000).checked_div(u128::from(whole))?;
    Some(format!("{}.{} %", tenths / 10, tenths % 10))
}

/// Returns text from outside, harmless to the eye: what is invisible or turns the direction of text is spelled out.
pub(super) fn text(text: &str) -> String {
    Visible(text.as_bytes()).text().into_owned()
}

/// Returns a long text from outside, whole: a record, a reason. What is invisible is spelled out piece by piece.
pub(super) fn long(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_harmless(character) {
            shown.push(character);
        } else {
            shown.push_str(&format!("\\u{{{:x}}}", u32::from(character)));
        }
    }
    shown
}

/// Returns a name as it is on the wire, and beside it as people read it where that differs.
pub(super) fn name(name: &str) -> String {
    let plain = text(name);
    let read = DomainName::parse(name).map(|name| name.to_unicode()).unwrap_or_default();
    if read.is_empty() || read.is_ascii() { plain } else { format!("{plain} ({})", text(&read)) }
}

/// Returns how a result looks: a class of the stylesheet.
pub(super) fn state(result: &str) -> &'static str {
    match result {
        "pass" | "accept" | "ok" => "pass",
        "fail" | "reject" | "refuse" | "permerror" => "fail",
        "softfail" | "policy" | "temperror" | "quarantine" | "quarantine-header" | "quarantine-hold" | "tempfail" => {
            "odd"
        }
        _ => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_shares_are_exact() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
        assert_eq!([0, 1023, 1024, 1 << 20, 3 << 19].map(octets), ["0 B", "1023 B", "1 KB", "1.0 MB", "1.5 MB"]);
        assert_eq!((share(1, 0), share(2, 3), share(3, 3)), (None, Some("66.6 %".into()), Some("100.0 %".into())));
    }

    #[test]
    fn what_deceives_the_eye_is_spelled_out() {
        assert_eq!(text("invoice\u{202e}fdp.exe"), "invoice\\u{202e}fdp.exe");
        assert_eq!(name("xn--r8jz45g.example"), "xn--r8jz45g.example (例え.example)");
        assert_eq!(name("plain.example"), "plain.example");
        assert_eq!(moment(1_000_000).text, "1970-01-01 00:00:01");
    }
}
