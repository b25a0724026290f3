//! What the border said of a mail: SPF by the Authentication-Results that an MTA of ours wrote on top of it (RFC 8601)
//!
//! Anybody may put such a field into a mail, so that its place is the only proof of who wrote it: a server writes above what it
//! was sent, and so it does with its `Received` (RFC 5321 §4.4). Therefore only fields *above the first `Received`* count. One
//! `Received` may stand higher: that of a delivery by LMTP to a listed host, since nobody outside speaks LMTP to it. Whether
//! the border removes forged fields, as it should (RFC 8601 §5), does not matter then.
//!
//! Everything that those fields say of SPF has to agree; what is odd ends the search, and nothing is known.

use sekisho_core::name::DomainName;
use sekisho_mail::authentication_results::{AuthenticationResults, MethodResult, NAME};
use sekisho_mail::header::{Field, Header};
use sekisho_mail::message::Message;
use sekisho_mail::policy::Policy;

use crate::received;

/// The most octets on top of a mail that are looked at: what servers of ours write is far less.
const TOP_OCTETS: usize = 64 * 1024;
/// The most fields.
const TOP_FIELDS: usize = 100;

/// Returns the domain of MAIL FROM for which SPF passes, as a server that calls itself one of `trusted` found it.
pub(crate) fn spf_pass(mail: &[u8], trusted: &[String]) -> Option<DomainName> {
    if trusted.is_empty() {
        return None;
    }
    let top = Policy { max_header_bytes: TOP_OCTETS, max_fields: TOP_FIELDS, ..Policy::default() };
    let message = Message::parse_within(mail, &top);
    agreed(&results(&message.header(), trusted)?)
}

/// Returns what the border says of SPF; nothing where no `Received` shows where its own fields end.
fn results(header: &Header<'_>, trusted: &[String]) -> Option<Vec<MethodResult>> {
    let (mut results, mut has_said) = (Vec::new(), false);
    for field in header.fields() {
        if field.reads_as("received") {
            let is_ours = !has_said && received::is_delivery_to(field, trusted);
            if !is_ours {
                return Some(results);
            }
        } else if field.reads_as(NAME) {
            has_said = true;
            results.extend(said(field, trusted)?.into_iter().filter(|one| one.method.eq_ignore_ascii_case("spf")));
        }
    }
    None
}

/// Reads what a listed server says; nothing where another one says it, or it cannot be read.
fn said(field: &Field<'_>, trusted: &[String]) -> Option<Vec<MethodResult>> {
    let said = AuthenticationResults::parse(field.value()).ok().filter(|_| field.is(NAME))?;
    let is_listed = trusted.iter().any(|name| name.eq_ignore_ascii_case(&said.authserv_id));
    // RFC 8601 §2.2: there is no other version yet, and nobody knows what one would mean.
    (is_listed && said.version.is_none_or(|version| version == 1)).then_some(said.results)
}

/// Returns the one domain of MAIL FROM for which all results say pass.
fn agreed(results: &[MethodResult]) -> Option<DomainName> {
    let mut agreed = None;
    for result in results {
        let of_mail_from = |name: &str| name.eq_ignore_ascii_case("mailfrom") || name.eq_ignore_ascii_case("mfrom");
        let identities = result.properties.iter().filter(|property| property.kind.eq_ignore_ascii_case("smtp"));
        for identity in identities.filter(|property| of_mail_from(&property.name)) {
            let domain = domain(&identity.value)?;
            let is_pass =
                result.result.eq_ignore_ascii_case("pass") && result.version.is_none_or(|version| version == 1);
            if !is_pass || agreed.as_ref().is_some_and(|agreed| *agreed != domain) {
                return None;
            }
            agreed = Some(domain);
        }
    }
    agreed
}

/// Reads the domain of an address, or one that stands alone.
fn domain(value: &str) -> Option<DomainName> {
    let value = value.strip_prefix('<').and_then(|value| value.strip_suffix('>')).unwrap_or(value);
    DomainName::parse_unicode(value.rsplit('@').next()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the border writes that takes mail from the world.
    const RECEIVED: &str = "Received: from mx.reporter.example (mx.reporter.example [192.0.2.1])\r\n\tby mx.example.org (Postfix) with ESMTPS id 1; Thu, 1 Jan 2026 00:00:00 +0000\r\n";
    /// What it writes above that.
    const PASS: &str = "Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=r@reporter.example\r\n";
    /// What delivers into mailboxes behind it.
    const LMTP: &str = "Received: from mx.example.org ([127.0.0.1])\r\n\tby MX.example.org with LMTP\r\n\tid 1 (envelope-from <r@x>)\r\n\tfor <rua@example.org>; Thu, 1 Jan 2026 00:00:00 +0000\r\n";
    /// The rest of a mail.
    const REST: &str = "From: r@reporter.example\r\nSubject: x\r\n";

    /// Reads a header, given in pieces.
    fn read(pieces: &[&str]) -> Option<String> {
        let mail = pieces.concat() + "\r\nbody\r\n";
        let trusted = ["mx.example.org".to_owned(), "example.net".to_owned()];
        let found = spf_pass(mail.as_bytes(), &trusted).map(|domain| domain.to_string());
        // In a file lines may end with LF alone.
        let bare = mail.replace("\r\n", "\n");
        assert_eq!(spf_pass(bare.as_bytes(), &trusted).map(|domain| domain.to_string()), found);
        assert_eq!(spf_pass(mail.as_bytes(), &[]), None, "nobody is trusted unasked");
        found
    }

    #[test]
    fn what_the_border_wrote_on_top_counts() {
        let delivery = "Return-Path: <r@reporter.example>\r\nDelivered-To: rua@example.org\r\n";
        let dkim = "Authentication-Results: mx.example.org; dkim=pass header.d=reporter.example\r\n";
        let filter = "Received-SPF: Pass\r\nX-Spam-Status: No\r\n";
        for pieces in [
            &[PASS, RECEIVED, REST][..],
            &[delivery, PASS, RECEIVED, REST],
            &[delivery, LMTP, PASS, RECEIVED, REST],
            &[dkim, filter, PASS, RECEIVED, REST],
            &[PASS, PASS, RECEIVED, REST],
            &[
                "Authentication-Results: Example.NET 1; SPF/1 = Pass (ok) SMTP.MailFrom=\"a b\"@Reporter.Example;\r\n",
                RECEIVED,
            ],
            &[
                "Authentication-Results: mx.example.org;\r\n\tspf=pass smtp.helo=mx.reporter.example;\r\n\tspf=pass smtp.mailfrom=reporter.example\r\n",
                RECEIVED,
            ],
        ] {
            assert_eq!(read(pieces).as_deref(), Some("reporter.example"), "{pieces:?}");
        }
    }

    #[test]
    fn what_somebody_else_may_have_written_never_counts() {
        let fail = "Authentication-Results: mx.example.org; spf=fail smtp.mailfrom=r@reporter.example\r\n";
        let silent = "Authentication-Results: mx.example.org; dkim=none\r\n";
        let other = "Authentication-Results: mx.other.example; spf=none\r\n";
        let foreign = RECEIVED.replace("mx.example.org", "mx.other.example");
        let foreign_lmtp = LMTP.replace("MX.example.org", "mx.other.example");
        let greeting = RECEIVED.replace("from mx.reporter.example", "from x by mx.example.org with LMTP");
        for pieces in [
            // The border wrote none, or one that says otherwise, or nothing of SPF: the sender's own stands further down.
            &[RECEIVED, PASS, REST][..],
            &[RECEIVED, PASS, RECEIVED, REST],
            &[RECEIVED, REST, PASS],
            &[fail, RECEIVED, PASS, RECEIVED],
            &[silent, RECEIVED, PASS, RECEIVED],
            &[silent, LMTP, PASS, RECEIVED],
            &[PASS, fail, RECEIVED],
            &[other, PASS, RECEIVED],
            // Below a Received that is not ours, that is no delivery, or that a greeting makes look like one.
            &[&foreign, PASS, RECEIVED],
            &[&foreign_lmtp, PASS, RECEIVED],
            &[&greeting, PASS, RECEIVED],
            &[LMTP, RECEIVED, PASS],
            &["Received: x\r\n", PASS, RECEIVED],
            &["Received : x\r\n", PASS, RECEIVED],
            // No Received at all: nobody knows where the sender's fields begin.
            &[PASS, REST],
            &[LMTP, PASS, REST],
        ] {
            assert_eq!(read(pieces), None, "{pieces:?}");
        }
    }

    #[test]
    fn what_is_odd_or_contradicts_itself_never_counts() {
        for said in [
            "mx.example.org.evil.example; spf=pass smtp.mailfrom=reporter.example",
            "evil.example (mx.example.org); spf=pass smtp.mailfrom=reporter.example",
            "mx.example.org 2; spf=pass smtp.mailfrom=reporter.example",
            "mx.example.org; spf/2=pass smtp.mailfrom=reporter.example",
            "mx.example.org; spf=pass (smtp.mailfrom=reporter.example",
            "mx.example.org; spf=pass smtp.helo=reporter.example",
            "mx.example.org; spf=pass header.from=reporter.example",
            "mx.example.org; spf=pass smtp.mailfrom=<>",
            "mx.example.org; spf=pass smtp.mailfrom=reporter.example smtp.mailfrom=other.example",
            "mx.example.org; spf=pass smtp.mailfrom=reporter.example; spf=fail smtp.mailfrom=reporter.example",
            "mx.example.org; spf=pass smtp.mailfrom=reporter.example; spf=pass smtp.mailfrom=other.example",
            "mx.example.org; spf=softfail smtp.mailfrom=reporter.example",
            "mx.example.org; none",
            "mx.example.org; x=y reason=\"; spf=pass smtp.mailfrom=reporter.example\"",
            "mx.example.org; sender-id=pass smtp.mailfrom=reporter.example",
            "",
        ] {
            let field = format!("Authentication-Results: {said}\r\n");
            assert_eq!(read(&[&field, RECEIVED, REST]), None, "{said}");
        }
        for name in ["Authentication-Results :", "X-Authentication-Results:", "ARC-Authentication-Results: i=1;"] {
            let field = format!("{name} mx.example.org; spf=pass smtp.mailfrom=reporter.example\r\n");
            let found = read(&[&field, RECEIVED, REST]);
            // White space before the colon is obsolete, and means the same (RFC 5322 §4.5.8).
            assert_eq!(found.is_some(), name.ends_with(" :"), "{name}");
        }
        // However long the header is, only its top is read.
        let long = "X: y\r\n".repeat(1 << 20);
        assert_eq!(read(&[&long, PASS, RECEIVED]), None);
    }
}
