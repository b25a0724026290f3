//! Writes TLS reports

use serde_json::{Map, Value, json};

use super::{Failure, PolicyResult, ResultType, TlsReport};

/// Writes a report as one JSON document.
pub fn write(report: &TlsReport) -> String {
    let policies: Vec<Value> = report.policies.iter().map(policy).collect();
    let document = json!({
        "organization-name": report.organization_name,
        "date-range": { "start-datetime": moment(report.begin), "end-datetime": moment(report.end) },
        "contact-info": report.contact_info,
        "report-id": report.report_id,
        "policies": policies,
    });
    format!("{document:#}\n")
}

/// Returns the name of the file (RFC 8460 §5.1): `sender!domain!begin!end!unique.json.gz`.
pub fn file_name(report: &TlsReport, sender: &str, unique: &str) -> String {
    let domain = report.policies.first().map_or("", |policy| policy.domain.as_str());
    let seconds = |moment: Option<i64>| moment.unwrap_or_default().div_euclid(1_000_000);
    let unique: String = unique.chars().filter(char::is_ascii_alphanumeric).collect();
    let mark = if unique.is_empty() { "" } else { "!" };
    format!("{sender}!{domain}!{}!{}{mark}{unique}.json.gz", seconds(report.begin), seconds(report.end))
}

/// Returns the Subject of the mail (RFC 8460 §5.3).
pub fn subject(report: &TlsReport, submitter: &str) -> String {
    let domain = report.policies.first().map_or("", |policy| policy.domain.as_str());
    format!("Report Domain: {domain} Submitter: {submitter} Report-ID: <{}>", report.report_id)
}

/// Writes what happened under a policy.
fn policy(result: &PolicyResult) -> Value {
    let mut policy = Map::new();
    policy.insert("policy-type".into(), result.kind.word().into());
    policy.insert("policy-domain".into(), result.domain.as_str().into());
    for (name, texts) in [("policy-string", &result.strings), ("mx-host", &result.mx_hosts)] {
        if !texts.is_empty() {
            policy.insert(name.into(), texts.as_slice().into());
        }
    }
    let failures: Vec<Value> = result.failures.iter().map(failure).collect();
    json!({
        "policy": policy,
        "summary": {
            "total-successful-session-count": result.successful,
            "total-failure-session-count": result.failed,
        },
        "failure-details": failures,
    })
}

/// Writes how sessions failed.
fn failure(failure: &Failure) -> Value {
    let word = if failure.result == ResultType::Unknown { &failure.result_word } else { failure.result.word() };
    let address = |address: Option<std::net::IpAddr>| address.map_or_else(String::new, |address| address.to_string());
    let mut details = Map::new();
    details.insert("result-type".into(), word.into());
    details.insert("failed-session-count".into(), failure.sessions.into());
    for (name, text) in [
        ("sending-mta-ip", &address(failure.sending_mta_ip)),
        ("receiving-mx-hostname", &failure.receiving_mx_hostname),
        ("receiving-mx-helo", &failure.receiving_mx_helo),
        ("receiving-ip", &address(failure.receiving_ip)),
        ("additional-information", &failure.additional_information),
        ("failure-reason-code", &failure.reason_code),
    ] {
        if !text.is_empty() {
            details.insert(name.into(), text.as_str().into());
        }
    }
    Value::Object(details)
}

/// Writes a moment.
fn moment(micros: Option<i64>) -> Value {
    let moment = micros.and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
    moment.map_or(Value::Null, |moment| moment.to_string().into())
}
