//! Authentication-Results: the field that tells others what was found (RFC 8601)
//!
//! [`AuthenticationResults`] is what such a field says; it is written from a [`Verdict`] and read from what others
//! wrote. [`forged()`] finds the fields that came with a mail and pretend to be ours: they are removed before ours is
//! added, or whoever trusts our name trusts the sender (RFC 8601 §5).

mod forged;
mod read;
mod write;

use std::borrow::Cow;
use std::net::IpAddr;

use sekisho_core::name::DomainName;

use crate::header::Header;
use crate::verdict::{ArcVerdict, DkimVerdict, DmarcResult, DmarcVerdict, Identity, SpfVerdict, Verdict};
pub use forged::forged;
pub use read::Malformed;

/// The field's name.
pub const NAME: &str = "Authentication-Results";

/// What one Authentication-Results field says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthenticationResults {
    /// Who says so (§2.5).
    pub authserv_id: String,
    /// The version of the format, where it is said; there is only version 1.
    pub version: Option<u32>,
    /// What was found; empty for `none`.
    pub results: Vec<MethodResult>,
}

/// A word of the format: ours live as long as the program, those of others were read.
pub type Word = Cow<'static, str>;

/// The result of one method.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MethodResult {
    /// The method, such as `spf` (§2.7).
    pub method: Word,
    /// The version of the method, where it is said.
    pub version: Option<u32>,
    /// The result word.
    pub result: Word,
    /// A comment for people; never read back.
    pub comment: Option<String>,
    /// Why, for people.
    pub reason: Option<String>,
    /// What the method looked at.
    pub properties: Vec<Property>,
}

/// One thing that a method looked at, such as `smtp.mailfrom=example.org` (§2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// Where it was found: `smtp`, `header`, `body` or `policy`.
    pub kind: Word,
    /// What it is.
    pub name: Word,
    /// What it said.
    pub value: String,
}

impl AuthenticationResults {
    /// Tells what a verdict found. `header` is the one that was judged; from it come the signatures' first characters
    /// (RFC 6008), which tell two signatures of one key apart.
    pub fn of(
        verdict: &Verdict,
        header: &Header<'_>,
        client_ip: Option<IpAddr>,
        authserv_id: &str,
    ) -> AuthenticationResults {
        let mut results: Vec<MethodResult> =
            [&verdict.spf, &verdict.spf_helo].into_iter().flatten().map(of_spf).collect();
        if verdict.dkim.is_empty() {
            results.push(MethodResult::new("dkim", "none"));
        }
        results.extend(verdict.dkim.iter().map(|signature| of_dkim(signature, header)));
        results.push(of_arc(&verdict.arc, client_ip));
        results.push(of_dmarc(&verdict.dmarc, verdict));
        AuthenticationResults { authserv_id: authserv_id.to_owned(), version: None, results }
    }
}

impl MethodResult {
    /// Makes a result that says nothing more yet.
    pub fn new(method: &'static str, result: &'static str) -> MethodResult {
        MethodResult { method: method.into(), result: result.into(), ..MethodResult::default() }
    }

    /// Adds something that the method looked at, where there is such.
    fn with(mut self, kind: &'static str, name: &'static str, value: Option<impl ToString>) -> MethodResult {
        if let Some(value) = value {
            self.properties.push(Property { kind: kind.into(), name: name.into(), value: value.to_string() });
        }
        self
    }
}

/// Tells what SPF found (§2.7.2).
fn of_spf(spf: &SpfVerdict) -> MethodResult {
    let property = match spf.identity {
        Identity::MailFrom => "mailfrom",
        Identity::Helo => "helo",
    };
    MethodResult::new("spf", spf.result.as_str()).with("smtp", property, plain(spf.name.as_ref()))
}

/// Tells what became of one signature (§2.7.1).
fn of_dkim(dkim: &DkimVerdict, header: &Header<'_>) -> MethodResult {
    let mut result = MethodResult::new("dkim", dkim.result.as_str())
        .with("header", "d", plain(dkim.domain.as_ref()))
        .with("header", "s", plain(dkim.selector.as_ref()))
        .with("header", "a", dkim.algorithm.as_ref())
        .with("header", "b", signature_start(header, dkim.field));
    result.reason = dkim.reason.map(str::to_owned);
    result.comment = dkim.testing.then(|| "test mode".to_owned());
    result
}

/// Tells what state the ARC chain is in (RFC 8617 §4.1.1, §5.2).
fn of_arc(arc: &ArcVerdict, client_ip: Option<IpAddr>) -> MethodResult {
    let mut result = MethodResult::new("arc", arc.result.as_str()).with("smtp", "remote-ip", client_ip);
    result.reason = arc.reason.map(str::to_owned);
    result
}

/// Tells what DMARC found; without an author, the reason is the author's.
fn of_dmarc(dmarc: &DmarcVerdict, verdict: &Verdict) -> MethodResult {
    let mut result = MethodResult::new("dmarc", dmarc.result.as_str())
        .with("header", "from", plain(dmarc.domain.as_ref()))
        .with("policy", "dmarc", dmarc.policy);
    if dmarc.result == DmarcResult::Permerror {
        result.reason = verdict.author.reason.map(str::to_owned);
    }
    result.comment = dmarc.policy.map(|policy| format!("p={policy} dis={}", dmarc.disposition));
    result
}

/// Returns a name that can stand in the field: one with odd octets is left out.
fn plain(name: Option<&DomainName>) -> Option<String> {
    let harmless = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    name.filter(|name| name.labels().flatten().all(harmless)).map(ToString::to_string)
}

/// Returns the first eight characters of a signature (RFC 6008 §4).
fn signature_start(header: &Header<'_>, field: usize) -> Option<String> {
    let value = header.fields().get(field)?.value();
    let (_, signature) = value
        .split(|&b| b == b';')
        .filter_map(|tag| tag.split_at_checked(tag.iter().position(|&b| b == b'=')?))
        .find(|(name, _)| name.trim_ascii() == b"b")?;
    let start = signature.get(1..)?.iter().filter(|b| !b.is_ascii_whitespace()).take(8);
    let text: String = start.map(|&b| char::from(b)).collect();
    let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    (text.len() == 8 && text.bytes().all(base64)).then_some(text)
}
