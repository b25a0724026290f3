//! Reads TLS reports, and what their authors made of drafts

use std::io::Read;
use std::net::IpAddr;

use serde_json::{Map, Value};

use super::{Failure, POLICY_KINDS, PolicyKind, PolicyResult, RESULT_TYPES, ResultType, TlsReport};
use crate::domain;
use crate::moment::moment;
use crate::unpack::reason;
use crate::unreadable::{Fault, Place, Unreadable};
use crate::warning::{Mend, Warnings};

/// How many octets a report may have: it is kept whole while it is read.
const OCTETS: u64 = 4 * 1024 * 1024;
/// How many commas, braces and brackets it may have: each of them can make a value, and a value has a size.
const VALUES: usize = 200_000;
/// How long a text may be.
const TEXT: usize = 2048;

/// Reads a report.
pub fn read(input: impl Read) -> Result<TlsReport, Unreadable> {
    let mut json = Vec::new();
    input.take(OCTETS + 1).read_to_end(&mut json).map_err(|error| reason(&error))?;
    if json.len() as u64 > OCTETS {
        return Err(Unreadable::new(Fault::Size, format!("the report has more than {OCTETS} octets")));
    }
    let text = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&json);
    if text.iter().filter(|b| matches!(b, b',' | b'{' | b'[')).count() > VALUES {
        return Err(Unreadable::new(Fault::Size, format!("the report has more than {VALUES} values")));
    }
    let mut warnings = Warnings::default();
    let is_broken = str::from_utf8(text).is_err();
    let text = String::from_utf8_lossy(text);
    if is_broken {
        warnings.note(Mend::InvalidText, || "the report is no UTF-8".into());
    }
    match serde_json::from_str(&text).map_err(|error| ill_formed(&text, &error))? {
        Value::Object(report) => read_report(&report, warnings),
        _ => Err(Unreadable::new(Fault::NotAReport, "the document is JSON, but no object")),
    }
}

/// Says where JSON is none.
fn ill_formed(text: &str, error: &serde_json::Error) -> Unreadable {
    let fault = match error.classify() {
        serde_json::error::Category::Eof if text.trim().is_empty() => Fault::Empty,
        serde_json::error::Category::Eof => Fault::Truncated,
        _ if error.to_string().starts_with("recursion limit") => Fault::Depth,
        _ => Fault::IllFormed,
    };
    let before: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let place = Place { line: error.line() as u64, octet: (before + error.column().saturating_sub(1)) as u64 };
    let detail = error.to_string();
    let detail = detail.rsplit_once(" at line").map_or(detail.as_str(), |(what, _)| what);
    Unreadable::new(fault, format!("the document is no JSON: {detail}")).at(place)
}

/// Reads the outermost object.
fn read_report(report: &Map<String, Value>, warnings: Warnings) -> Result<TlsReport, Unreadable> {
    let mut reading = Reading { warnings };
    let policies = get(report, &["policies"]);
    if policies.is_none() && get(report, &["organization-name", "report-id"]).is_none() {
        return Err(Unreadable::new(Fault::NotAReport, "the document has neither `policies` nor `report-id`"));
    }
    let range = get(report, &["date-range"]).and_then(Value::as_object);
    let begin = range.and_then(|range| reading.date(range, "start-datetime"));
    let end = range.and_then(|range| reading.date(range, "end-datetime"));
    let mut read = TlsReport {
        organization_name: reading.text(report, &["organization-name"]),
        begin,
        end,
        contact_info: reading.text(report, &["contact-info"]),
        report_id: reading.text(report, &["report-id"]),
        policies: one_or_more(policies).filter_map(Value::as_object).map(|policy| reading.policy(policy)).collect(),
        warnings: Warnings::default(),
    };
    if let (Some(begin), Some(end)) = (read.begin, read.end)
        && end < begin
    {
        (read.begin, read.end) = (Some(end), Some(begin));
        reading.warnings.note(Mend::SwappedDates, || "the period ends before it begins".into());
    }
    for (is_missing, name) in [
        (read.organization_name.is_empty(), "organization-name"),
        (read.report_id.is_empty(), "report-id"),
        (read.begin.is_none() || read.end.is_none(), "date-range"),
        (read.policies.iter().any(|policy| policy.domain.is_empty()), "policy-domain"),
    ] {
        if is_missing {
            reading.warnings.note(Mend::Missing, || format!("the report has no `{name}`"));
        }
    }
    if read.policies.is_empty() {
        reading.warnings.note(Mend::NoRows, || "the report has no policy".into());
    }
    read.warnings = reading.warnings;
    Ok(read)
}

/// A report being read.
struct Reading {
    /// What was mended.
    warnings: Warnings,
}

impl Reading {
    /// Reads what happened under a policy. Early drafts had no object around the policy itself.
    fn policy(&mut self, result: &Map<String, Value>) -> PolicyResult {
        let policy = get(result, &["policy"]).and_then(Value::as_object).unwrap_or(result);
        let summary = get(result, &["summary"]).and_then(Value::as_object).unwrap_or(result);
        let kind = self.text(policy, &["policy-type"]);
        let known = POLICY_KINDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(&kind));
        if known.is_none() {
            self.warnings.note(Mend::UnknownWord, || format!("`policy-type` is `{}`", kind.escape_debug()));
        }
        let failures = one_or_more(get(result, &["failure-details"])).filter_map(Value::as_object);
        let failures = failures.map(|failure| self.failure(failure)).collect();
        PolicyResult {
            kind: known.map_or(PolicyKind::Unknown, |(_, kind)| *kind),
            strings: self.texts(policy, &["policy-string"]),
            domain: domain::read(&self.text(policy, &["policy-domain"])),
            mx_hosts: self.texts(policy, &["mx-host", "mx-host-pattern"]),
            successful: self.count(summary, &["total-successful-session-count", "successful-session-count"], 0),
            failed: self.count(summary, &["total-failure-session-count", "failure-session-count"], 0),
            failures,
        }
    }

    /// Reads how sessions failed.
    fn failure(&mut self, failure: &Map<String, Value>) -> Failure {
        let word = self.text(failure, &["result-type"]);
        let known = RESULT_TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word));
        if known.is_none() {
            self.warnings.note(Mend::UnknownWord, || format!("`result-type` is `{}`", word.escape_debug()));
        }
        Failure {
            result: known.map_or(ResultType::Unknown, |(_, result)| *result),
            result_word: word,
            sending_mta_ip: self.address(failure, "sending-mta-ip"),
            receiving_mx_hostname: domain::read(&self.text(failure, &["receiving-mx-hostname"])),
            receiving_mx_helo: self.text(failure, &["receiving-mx-helo"]),
            receiving_ip: self.address(failure, "receiving-ip"),
            sessions: self.count(failure, &["failed-session-count", "session-count"], 1),
            additional_information: self.text(failure, &["additional-information", "additional-info-uri"]),
            reason_code: self.text(failure, &["failure-reason-code", "failure-error-code", "failure-code"]),
        }
    }

    /// Reads a text; numbers are taken for one.
    fn text(&mut self, object: &Map<String, Value>, names: &[&str]) -> String {
        get(object, names).map_or_else(String::new, |value| self.as_text(value))
    }

    /// Reads several texts, or the only one.
    fn texts(&mut self, object: &Map<String, Value>, names: &[&str]) -> Vec<String> {
        one_or_more(get(object, names)).map(|value| self.as_text(value)).collect()
    }

    /// Returns a value as text.
    fn as_text(&mut self, value: &Value) -> String {
        let mut text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        if text.len() > TEXT {
            self.warnings.note(Mend::LongValue, || format!("a value has more than {TEXT} octets"));
            text.truncate(text.floor_char_boundary(TEXT));
        }
        text
    }

    /// Reads a count; some write it as a text.
    fn count(&mut self, object: &Map<String, Value>, names: &[&str], otherwise: u64) -> u64 {
        let Some(value) = get(object, names) else { return otherwise };
        // 10.0 is a whole number, too.
        let whole = || value.as_f64()?.to_string().parse().ok();
        let read = value.as_u64().or_else(whole).or_else(|| value.as_str()?.trim().parse().ok());
        read.unwrap_or_else(|| {
            self.warnings.note(Mend::BadCount, || format!("`{}` is `{value}`", names.first().unwrap_or(&"count")));
            otherwise
        })
    }

    /// Reads an address.
    fn address(&mut self, object: &Map<String, Value>, name: &str) -> Option<IpAddr> {
        let text = self.text(object, &[name]);
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        let read = bare.parse().ok().map(|address: IpAddr| address.to_canonical());
        if read.is_none() && !text.is_empty() {
            self.warnings.note(Mend::BadAddress, || format!("`{name}` is `{}`", text.escape_debug()));
        }
        read
    }

    /// Reads a moment (RFC 3339); some leave out the zone, which is UTC then.
    fn date(&mut self, object: &Map<String, Value>, name: &str) -> Option<i64> {
        let text = self.text(object, &[name]);
        let read = moment(&text);
        if read.is_none() && !text.is_empty() {
            self.warnings.note(Mend::BadDate, || format!("`{name}` is `{}`", text.escape_debug()));
        }
        read.map(jiff::Timestamp::as_microsecond)
    }
}

/// Returns the first member that has one of these names and is not null; early drafts wrote `_` for `-`.
fn get<'v>(object: &'v Map<String, Value>, names: &[&str]) -> Option<&'v Value> {
    let found = names.iter().find_map(|name| object.get(*name).or_else(|| object.get(&name.replace('-', "_"))));
    found.filter(|value| !value.is_null())
}

/// Returns the elements of an array, or the only value.
fn one_or_more(value: Option<&Value>) -> std::slice::Iter<'_, Value> {
    match value {
        Some(Value::Array(values)) => values.iter(),
        Some(value) => std::slice::from_ref(value).iter(),
        None => [].iter(),
    }
}
