//! Writes a failure report as a mail, with people taken out of it (RFC 6590, RFC 6591 §5)

use std::fmt::Write as _;

use super::FailureReport;
use crate::fields::{fields, raw_fields};

/// The fields of the failed mail that are passed on; all others, and the body, are left out.
const PASSED_ON: [&str; 21] = [
    "arc-authentication-results",
    "arc-message-signature",
    "arc-seal",
    "authentication-results",
    "cc",
    "content-transfer-encoding",
    "content-type",
    "date",
    "dkim-signature",
    "from",
    "list-id",
    "message-id",
    "mime-version",
    "received",
    "received-spf",
    "reply-to",
    "return-path",
    "sender",
    "subject",
    "to",
    "x-mailer",
];

/// How the Subject begins.
pub(crate) const SUBJECT: &str = "DMARC failure report for ";

/// How people are taken out of a report.
pub struct Redaction<'r> {
    /// A keyed hash, the key of which stays the same for a while, so that the owner sees what belongs together (RFC 6590 §3).
    pub keyed_hash: &'r dyn Fn(&[u8]) -> Vec<u8>,
}

/// What stands around the report.
#[derive(Clone, Copy, Debug)]
pub struct Covering<'c> {
    /// Who reports.
    pub from: &'c str,
    /// Who asked for it.
    pub to: &'c str,
    /// The mail's date, as RFC 5322 writes it.
    pub date: &'c str,
    /// The mail's name, without brackets.
    pub message_id: &'c str,
    /// The boundary of its parts: it must not stand in any of them.
    pub boundary: &'c str,
}

/// Writes the mail. Texts lose what could begin another line; the failed mail keeps only fields that say how it came.
pub fn write(report: &FailureReport, covering: &Covering<'_>, redaction: &Redaction<'_>) -> String {
    let domain = report.reported_domain.first().map_or("", String::as_str);
    cover(covering, domain) + &parts(report, covering.boundary, redaction)
}

/// Writes the header of a mail about a domain, up to the empty line: what differs from one recipient to the next.
pub fn cover(covering: &Covering<'_>, domain: &str) -> String {
    let Covering { boundary, .. } = covering;
    let mut mail = Lines::default();
    mail.field("From", covering.from);
    mail.field("To", covering.to);
    mail.field("Date", covering.date);
    mail.field("Message-ID", &format!("<{}>", covering.message_id));
    mail.field("Subject", &format!("{SUBJECT}{domain}"));
    mail.field("Auto-Submitted", "auto-generated");
    mail.field("MIME-Version", "1.0");
    mail.field("Content-Type", &format!("multipart/report; report-type=feedback-report; boundary=\"{boundary}\""));
    mail.line("");
    mail.0
}

/// Writes the parts of the mail, behind its header: what is told, with people taken out of it.
pub fn parts(report: &FailureReport, boundary: &str, redaction: &Redaction<'_>) -> String {
    let domain = report.reported_domain.first().map_or("", String::as_str);
    let mut mail = Lines::default();
    mail.line(&format!("--{boundary}"));
    mail.line("Content-Type: text/plain; charset=utf-8\r\n");
    mail.line(&format!("A mail that bears the name of {} failed its checks here.", one_line(domain)));
    mail.line("What it looked like is told below in the format of RFC 6591 and RFC 9991.");
    mail.line("Parts of addresses that name a person are replaced by a keyed hash (RFC 6590).\r\n");
    mail.line(&format!("--{boundary}"));
    mail.line("Content-Type: message/feedback-report\r\n");
    write_feedback(&mut mail, report, redaction);
    mail.line("");
    if let Some(original) = &report.original {
        mail.line(&format!("--{boundary}"));
        mail.line("Content-Type: text/rfc822-headers\r\n");
        write_header(&mut mail, &original.octets, redaction);
        mail.line("");
    }
    mail.line(&format!("--{boundary}--"));
    mail.0
}

/// Writes the fields of the report.
fn write_feedback(mail: &mut Lines, report: &FailureReport, redaction: &Redaction<'_>) {
    let alignment = report.identity_alignment.join(", ");
    mail.field("Feedback-Type", "auth-failure");
    mail.field("Version", if report.version.is_empty() { "1" } else { &report.version });
    mail.field("User-Agent", if report.user_agent.is_empty() { "Sekisho" } else { &report.user_agent });
    report.auth_failure.iter().for_each(|failure| mail.field("Auth-Failure", failure.word()));
    mail.field_if_any("Identity-Alignment", &alignment);
    mail.field_if_any("Delivery-Result", report.delivery_result.map_or("", super::Delivery::word));
    for (name, values) in [
        ("Authentication-Results", &report.authentication_results),
        ("SPF-DNS", &report.spf_dns),
        ("Reported-Domain", &report.reported_domain),
    ] {
        values.iter().for_each(|value| mail.field(name, &redaction.addresses(value)));
    }
    mail.field_if_any("DKIM-Domain", &report.dkim_domain);
    mail.field_if_any("DKIM-Identity", &redaction.addresses(&report.dkim_identity));
    mail.field_if_any("DKIM-Selector", &report.dkim_selector);
    mail.field_if_any("Original-Mail-From", &redaction.addresses(&report.original_mail_from));
    report.original_rcpt_to.iter().for_each(|to| mail.field("Original-Rcpt-To", &redaction.addresses(to)));
    if let Some(date) = report.arrival_date.and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok()) {
        let utc = date.to_zoned(jiff::tz::TimeZone::UTC);
        mail.field_if_any("Arrival-Date", &jiff::fmt::rfc2822::to_string(&utc).unwrap_or_default());
    }
    mail.field_if_any("Source-IP", &report.source_ip.map_or_else(String::new, |address| address.to_string()));
    mail.field_if_any("Source-Port", &report.source_port.map_or_else(String::new, |port| port.to_string()));
    mail.field_if_any("Reporting-MTA", &report.reporting_mta);
    mail.field_if_any("Incidents", &report.incidents.map_or_else(String::new, |count| count.to_string()));
}

/// Writes what is passed on of the failed mail's header.
fn write_header(mail: &mut Lines, original: &[u8], redaction: &Redaction<'_>) {
    for raw in raw_fields(original) {
        for (name, value) in fields(raw) {
            if name.eq_ignore_ascii_case("subject") {
                mail.field(&name, &redaction.hash(value.as_bytes()));
            } else if PASSED_ON.contains(&name.to_ascii_lowercase().as_str()) {
                mail.field(&name, &redaction.field(&name, &value));
            }
        }
    }
}

impl Redaction<'_> {
    /// Takes people out of a field: names shown beside addresses go, local parts are hashed. What the sender called the mail stays, or
    /// it could not find it again.
    fn field(&self, name: &str, value: &str) -> String {
        if name.eq_ignore_ascii_case("message-id") {
            return value.to_owned();
        }
        let names_people = ["from", "to", "cc", "reply-to", "sender"].iter().any(|one| name.eq_ignore_ascii_case(one));
        if !names_people {
            return self.addresses(value);
        }
        let addresses =
            value.split(|c: char| c.is_whitespace() || ",;<>()\"".contains(c)).filter(|word| word.contains('@'));
        let redacted: Vec<_> = addresses.map(|address| format!("<{}>", self.addresses(address))).collect();
        redacted.join(", ")
    }

    /// Replaces what stands before each `@`.
    fn addresses(&self, value: &str) -> String {
        let is_end = |c: char| c.is_whitespace() || "<>()[],;:\"=".contains(c);
        let mut redacted = String::with_capacity(value.len());
        let mut rest = value;
        while let Some((before, behind)) = rest.split_once('@') {
            // A quoted local part may hold anything up to its first quotation mark.
            let start = match before.strip_suffix('"') {
                Some(inside) => inside.rfind('"').unwrap_or(0),
                None => before.rfind(is_end).map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8)),
            };
            redacted.push_str(&before[..start]);
            if start < before.len() {
                redacted.push_str(&self.hash(&before.as_bytes()[start..]));
            }
            redacted.push('@');
            rest = behind;
        }
        redacted.push_str(rest);
        redacted
    }

    /// Hashes what names a person, and writes the hash in hexadecimal digits.
    fn hash(&self, private: &[u8]) -> String {
        /// How many octets of a hash are enough to tell people apart.
        const OCTETS: usize = 12;
        let mut text = String::with_capacity(2 * OCTETS);
        for octet in (self.keyed_hash)(private).into_iter().take(OCTETS) {
            write!(text, "{octet:02x}").expect("writing to a string does not fail");
        }
        text
    }
}

/// A mail being written.
#[derive(Default)]
struct Lines(String);

impl Lines {
    /// Writes a line.
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push_str("\r\n");
    }

    /// Writes a field, folded where it is long.
    fn field(&mut self, name: &str, value: &str) {
        /// How long a line should get (RFC 5322 §2.1.1).
        const LINE: usize = 78;
        /// How long it may get, less what stands around a word: of a longer one the rest is left out.
        const LONGEST: usize = 900;
        let mut length = name.len() + 1;
        self.0.extend([name, ":"]);
        for word in one_line(value).split(' ').filter(|word| !word.is_empty()) {
            let word = word.get(..LONGEST).unwrap_or(word);
            if length + 1 + word.len() > LINE && length > name.len() + 1 {
                self.0.push_str("\r\n");
                length = 0;
            }
            self.0.extend([" ", word]);
            length += 1 + word.len();
        }
        self.0.push_str("\r\n");
    }

    /// Writes a field that says something.
    fn field_if_any(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.field(name, value);
        }
    }
}

/// Returns a text without what could end its line, and without what is no ASCII: not every server on the way bears it.
fn one_line(text: &str) -> String {
    let plain = |c: char| match c {
        c if c.is_control() => ' ',
        c if !c.is_ascii() => '?',
        c => c,
    };
    text.chars().map(plain).collect()
}
