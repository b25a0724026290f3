//! DMARC failure reports: one mail that failed, told to the owner of the domain (RFC 6591, RFC 9991)
//!
//! [`read()`] takes the fields of the `message/feedback-report` part and the mail they are about, as [`crate::mail`] finds
//! them. [`write()`](write::write()) makes the whole mail, and leaves out what is nobody's business (RFC 6590).

pub mod write;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use sekisho_mail::author;
use sekisho_mail::message::Message;

use crate::domain;
use crate::fields::{fields, without_comments};
use crate::moment::moment;
use crate::unreadable::{Fault, Unreadable};
use crate::warning::{Mend, Warnings};

/// How many values of one field are kept.
const VALUES: usize = 50;

/// What a failure report says. Texts are empty where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureReport {
    /// The version of the format.
    pub version: String,
    /// The program that made the report.
    pub user_agent: String,
    /// What failed.
    pub auth_failure: Vec<AuthFailure>,
    /// Which checks failed although they were aligned with the author domain (RFC 9991 §4): `dkim`, `spf`; or `none`.
    pub identity_alignment: Vec<String>,
    /// What became of the mail.
    pub delivery_result: Option<Delivery>,
    /// What the receiver found.
    pub authentication_results: Vec<String>,
    /// The domain of the signature that failed.
    pub dkim_domain: String,
    /// Its identity.
    pub dkim_identity: String,
    /// Its selector.
    pub dkim_selector: String,
    /// The header as it was hashed, in base64.
    pub dkim_canonicalized_header: String,
    /// The body as it was hashed, in base64.
    pub dkim_canonicalized_body: String,
    /// The SPF record that was used.
    pub spf_dns: Vec<String>,
    /// The return path.
    pub original_mail_from: String,
    /// The recipients.
    pub original_rcpt_to: Vec<String>,
    /// The envelope's name.
    pub original_envelope_id: String,
    /// The mail's name.
    pub message_id: String,
    /// When the mail came, in microseconds since 1970.
    pub arrival_date: Option<i64>,
    /// The host that sent it.
    pub source_ip: Option<IpAddr>,
    /// The port that it sent it from.
    pub source_port: Option<u16>,
    /// Whose name the mail bears.
    pub reported_domain: Vec<String>,
    /// Addresses of the web in the mail.
    pub reported_uri: Vec<String>,
    /// Who wrote the report.
    pub reporting_mta: String,
    /// How many mails the report stands for.
    pub incidents: Option<u64>,
    /// Fields that nobody defined, as they are written.
    pub other: Vec<(String, String)>,
    /// What is there of the mail.
    pub original: Option<Original>,
    /// What was mended.
    pub warnings: Warnings,
}

/// What is there of the mail that a report is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// Whether its body is there too.
    pub is_whole: bool,
    /// Its octets.
    pub octets: Vec<u8>,
}

/// What failed (RFC 6591 §3.1, RFC 9991).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthFailure {
    /// Author Domain Signing Practices, which are history.
    Adsp,
    /// The body is not what was signed.
    BodyHash,
    /// The key was revoked.
    Revoked,
    /// The signature does not fit.
    Signature,
    /// SPF.
    Spf,
    /// DMARC.
    Dmarc,
    /// A word that nobody defined.
    Unknown,
}

/// What became of the mail (RFC 6591 §3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// It was delivered.
    Delivered,
    /// It was delivered as spam.
    Spam,
    /// It was delivered elsewhere by a rule.
    Policy,
    /// It was refused.
    Reject,
    /// Something else.
    Other,
    /// A word that nobody defined.
    Unknown,
}

/// The words of [`AuthFailure`].
const AUTH_FAILURES: [(&str, AuthFailure); 7] = [
    ("adsp", AuthFailure::Adsp),
    ("bodyhash", AuthFailure::BodyHash),
    ("revoked", AuthFailure::Revoked),
    ("signature", AuthFailure::Signature),
    ("spf", AuthFailure::Spf),
    ("dmarc", AuthFailure::Dmarc),
    // What some write.
    ("dkim", AuthFailure::Signature),
];

/// The words of [`Delivery`].
const DELIVERIES: [(&str, Delivery); 5] = [
    ("delivered", Delivery::Delivered),
    ("spam", Delivery::Spam),
    ("policy", Delivery::Policy),
    ("reject", Delivery::Reject),
    ("other", Delivery::Other),
];

impl AuthFailure {
    /// Returns the word of the format.
    pub fn word(self) -> &'static str {
        AUTH_FAILURES.iter().find(|(_, meaning)| *meaning == self).map_or("unknown", |(word, _)| word)
    }
}

impl Delivery {
    /// Returns the word of the format.
    pub fn word(self) -> &'static str {
        DELIVERIES.iter().find(|(_, meaning)| *meaning == self).map_or("unknown", |(word, _)| word)
    }
}

/// Reads the fields of a feedback report; refuses one that is no report of an authentication failure.
pub fn read(feedback: &[u8], original: Option<Original>) -> Result<FailureReport, Unreadable> {
    let mut report = FailureReport { original, ..FailureReport::default() };
    let mut kind = None;
    for (name, value) in fields(feedback) {
        let name_low = name.to_ascii_lowercase();
        if name_low == "feedback-type" {
            kind = Some(without_comments(&value).to_ascii_lowercase());
        } else if let Err(value) = report.take(&name_low, value)
            && report.other.len() < VALUES
        {
            report.other.push((name, value));
        }
    }
    match kind.as_deref() {
        Some("auth-failure") => {}
        Some(kind) => {
            let why = format!("the feedback is of type `{}`, not `auth-failure`", kind.escape_debug());
            return Err(Unreadable::new(Fault::NotAReport, why));
        }
        // Some forget to say it.
        None if !report.auth_failure.is_empty() => {
            report.warnings.note(Mend::Missing, || "the report has no `Feedback-Type`".to_owned());
        }
        None => return Err(Unreadable::new(Fault::Missing, "the feedback report has no `Feedback-Type`")),
    }
    report.note_missing();
    Ok(report)
}

impl FailureReport {
    /// Returns the domain that it is about: the one that it says, or else the author domain; empty where there is neither.
    pub fn about(&self) -> String {
        self.reported_domain.first().cloned().or_else(|| self.author_domain()).unwrap_or_default()
    }

    /// Returns the author domain, as the header of the mail says.
    pub fn author_domain(&self) -> Option<String> {
        let original = self.original.as_ref()?;
        let (author, _) = author::judge(&Message::parse(&original.octets).header());
        author.domain.and_then(|domain| domain::name(&domain.to_string()))
    }

    /// Returns the host that wrote the report, as it says; nothing where what it says is no name.
    pub fn reporting_host(&self) -> Option<String> {
        // RFC 3464 §2.2.2: before the name stands what kind of name it is.
        let said = self.reporting_mta.split_once(';').map_or(self.reporting_mta.as_str(), |(_, name)| name);
        domain::name(without_comments(said).as_str())
    }

    /// Returns the domain of the return path: empty for the null path, nothing where it is not told.
    pub fn mail_from_domain(&self) -> Option<String> {
        if self.original_mail_from.trim() == "<>" {
            Some(String::new())
        } else {
            domain::of_address(&self.original_mail_from)
        }
    }

    /// Returns the domains of the recipients, each once, sorted.
    pub fn recipient_domains(&self) -> Vec<String> {
        let domains = self.original_rcpt_to.iter().flat_map(|line| line.split(',')).filter_map(domain::of_address);
        domains.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Takes a field, whose name is in lower case; hands back the value of one that nobody defined.
    fn take(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "version" => self.version = value,
            "user-agent" => self.user_agent = value,
            "auth-failure" => self.take_auth_failure(&value),
            "identity-alignment" => {
                let value = without_comments(&value).to_ascii_lowercase();
                let words = value.split([',', ' ']).filter(|word| ["dkim", "spf", "none"].contains(word));
                self.identity_alignment = words.take(VALUES).map(str::to_owned).collect();
            }
            "delivery-result" => self.delivery_result = Some(self.delivery(&value)),
            "authentication-results" => push(&mut self.authentication_results, value),
            "dkim-domain" => self.dkim_domain = domain::name(&value).unwrap_or_default(),
            "dkim-identity" => self.dkim_identity = value,
            "dkim-selector" => self.dkim_selector = domain::name(&value).unwrap_or_default(),
            "dkim-canonicalized-header" => self.dkim_canonicalized_header = value.replace(' ', ""),
            "dkim-canonicalized-body" => self.dkim_canonicalized_body = value.replace(' ', ""),
            "spf-dns" => push(&mut self.spf_dns, value),
            "original-mail-from" => self.original_mail_from = value,
            "original-rcpt-to" => push(&mut self.original_rcpt_to, value),
            "original-envelope-id" => self.original_envelope_id = value,
            "message-id" => self.message_id = value,
            "arrival-date" | "received-date" => self.arrival_date = self.date(&value),
            "source-ip" => self.source_ip = self.address(&value),
            "source-port" => self.source_port = value.parse().ok(),
            "reported-domain" => self.reported_domain.extend(domain::name(&value)),
            "reported-uri" => push(&mut self.reported_uri, value),
            "reporting-mta" => self.reporting_mta = value,
            "incidents" => self.incidents = self.count(&value),
            _ => return Err(value),
        }
        Ok(())
    }

    /// Reads what failed: one word, or several.
    fn take_auth_failure(&mut self, value: &str) {
        for word in without_comments(value).split([',', ' ']).filter(|word| !word.is_empty()).take(VALUES) {
            let known = AUTH_FAILURES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
            if known.is_none() {
                self.warnings.note(Mend::UnknownWord, || "`Auth-Failure` is none of its words".to_owned());
            }
            let failure = known.map_or(AuthFailure::Unknown, |(_, meaning)| *meaning);
            if !self.auth_failure.contains(&failure) {
                self.auth_failure.push(failure);
            }
        }
    }

    /// Reads what became of the mail.
    fn delivery(&mut self, value: &str) -> Delivery {
        let known = DELIVERIES.iter().find(|(name, _)| name.eq_ignore_ascii_case(value));
        if known.is_none() {
            self.warnings.note(Mend::UnknownWord, || "`Delivery-Result` is none of its words".to_owned());
        }
        known.map_or(Delivery::Unknown, |(_, meaning)| *meaning)
    }

    /// Reads for how many mails the report stands: 32 bits (RFC 5965 §3.2), and one at least.
    fn count(&mut self, value: &str) -> Option<u64> {
        let read = value.parse::<u32>().ok().filter(|count| *count > 0);
        if read.is_none() {
            self.warnings.note(Mend::BadCount, || "`Incidents` is no number".to_owned());
        }
        read.map(u64::from)
    }

    /// Reads a date as mails have it.
    fn date(&mut self, value: &str) -> Option<i64> {
        let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
        // Some write it as other reports do.
        let read = parser.parse_timestamp(value).ok().or_else(|| moment(value));
        if read.is_none() {
            self.warnings.note(Mend::BadDate, || "`Arrival-Date` is no date".to_owned());
        }
        read.map(jiff::Timestamp::as_microsecond)
    }

    /// Reads an address; some write it in brackets.
    fn address(&mut self, value: &str) -> Option<IpAddr> {
        let value = without_comments(value);
        let bare = value.trim_start_matches('[').trim_end_matches(']');
        let bare = bare.strip_prefix("IPv6:").unwrap_or(bare);
        // Some write the port behind it.
        let with_port = || value.parse().ok().map(|socket: SocketAddr| socket.ip());
        let read = bare.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical());
        if read.is_none() {
            self.warnings.note(Mend::BadAddress, || "`Source-IP` is no address".to_owned());
        }
        read
    }

    /// Notes what RFC 6591 §3.1 requires and is not there.
    fn note_missing(&mut self) {
        for (is_missing, name) in [
            (self.auth_failure.is_empty(), "Auth-Failure"),
            (self.authentication_results.is_empty(), "Authentication-Results"),
            (self.source_ip.is_none(), "Source-IP"),
            (self.reported_domain.is_empty(), "Reported-Domain"),
            (self.original.is_none(), "original mail"),
        ] {
            if is_missing {
                self.warnings.note(Mend::Missing, || format!("the report has no `{name}`"));
            }
        }
    }
}

/// Adds a value to a list that is not too long.
fn push(list: &mut Vec<String>, value: String) {
    if list.len() < VALUES {
        list.push(value);
    }
}
