//! What a domain's record asks for, as the DNS says it now, and who agrees to get its reports
//!
//! Whoever is outside of the domain's own organization has to agree first (RFC 9990, external destinations): else a forger could
//! have our reports sent to anybody.

use std::time::Duration;

use lettre::Address;
use sekisho_ask::{Errand, Source};
use sekisho_core::facts::{Facts, Missing, Outcome, Question};
use sekisho_core::name::DomainName;
use sekisho_mail::dmarc::organizational_domain;
use sekisho_mail::dmarc::record::Record;

use super::hindrance::Hindrance;

/// The most URIs of a record that are looked at: each may cost questions.
const MOST_URIS: usize = 20;

/// Which reports somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Aggregate reports: `rua`.
    Aggregates,
    /// Failure reports: `ruf`.
    Failures,
}

impl Wanted {
    /// Returns whom a record names for these.
    fn of(self, record: &Record) -> Vec<(String, Option<u64>)> {
        match self {
            Wanted::Aggregates => record.rua_with_limits(),
            Wanted::Failures => record.ruf.iter().map(|uri| (uri.clone(), None)).collect(),
        }
    }
}

/// What a domain asks for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Its record.
    pub(super) record: Record,
    /// Whom it names.
    pub(super) recipients: Vec<Recipient>,
}

/// Somebody who shall get a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recipient {
    /// Where, as the record says it.
    pub(super) uri: String,
    /// The address, or why nothing goes there.
    pub(super) address: Result<Address, Hindrance>,
    /// The most octets that the record wants.
    pub(super) limit: Option<u64>,
}

/// Asks what a policy domain asks for. At most `most` recipients get its reports.
pub(super) async fn ask(
    source: &Source,
    timeout: Duration,
    domain: &DomainName,
    wanted: Wanted,
    most: usize,
) -> Result<Asked, Hindrance> {
    let (mut facts, mut errand) = (Facts::default(), Errand::new(timeout, Errand::QUESTIONS));
    let judged = source.satisfy(&mut facts, &mut errand, |facts| judge(facts, domain, wanted, most)).await;
    judged.unwrap_or(Err(Hindrance::Dns))
}

/// Judges what a policy domain asks for by what is known.
fn judge(facts: &Facts, domain: &DomainName, wanted: Wanted, most: usize) -> Result<Result<Asked, Hindrance>, Missing> {
    let Ok(name) = domain.child(b"_dmarc") else { return Ok(Err(Hindrance::OddName)) };
    let outcome = &facts.get(&Question::txt(name))?.outcome;
    if outcome.is_transient() {
        return Ok(Err(Hindrance::Dns));
    }
    // RFC 9989 §4.10: several records are none.
    let Ok([record]) = <[Record; 1]>::try_from(records(outcome)) else { return Ok(Err(Hindrance::NoRecord)) };
    let named = wanted.of(&record);
    if named.is_empty() {
        return Ok(Err(Hindrance::NobodyAsks));
    }
    let (mut recipients, mut missing) = (Vec::new(), Vec::new());
    for (uri, limit) in named.into_iter().take(MOST_URIS) {
        match recipients_of(facts, domain, wanted, uri, limit) {
            Ok(found) => recipients.extend(found),
            Err(Missing(questions)) => missing.extend(questions),
        }
    }
    if !missing.is_empty() {
        return Err(Missing(missing));
    }
    Ok(Ok(Asked { recipients: bounded(recipients, most), record }))
}

/// Reads the records of an answer that are those of DMARC.
fn records(outcome: &Outcome) -> Vec<Record> {
    let texts = outcome.records().iter().filter_map(sekisho_core::facts::Record::text);
    texts.filter_map(|text| Record::parse(&text)).collect()
}

/// Names each address once, and lets at most `most` of them get reports: those that are asked for first.
fn bounded(all: Vec<Recipient>, most: usize) -> Vec<Recipient> {
    let mut kept: Vec<Recipient> = Vec::new();
    for recipient in all {
        if kept.iter().any(|known| known.address == recipient.address && known.address.is_ok()) {
            continue;
        }
        let is_full = kept.iter().filter(|known| known.address.is_ok()).count() >= most;
        let address =
            recipient.address.and_then(|address| if is_full { Err(Hindrance::TooMany(most)) } else { Ok(address) });
        kept.push(Recipient { address, ..recipient });
    }
    kept
}

/// Returns who gets reports by one URI: its address, or those that a consenting host names in its place.
fn recipients_of(
    facts: &Facts,
    domain: &DomainName,
    wanted: Wanted,
    uri: String,
    limit: Option<u64>,
) -> Result<Vec<Recipient>, Missing> {
    let found = match address(&uri) {
        Err(why) => Err(why),
        Ok((address, host)) => match consent(facts, domain, wanted, &host)? {
            Err(why) => Err(why),
            Ok(None) => Ok(vec![Recipient { uri: uri.clone(), address: Ok(address), limit }]),
            Ok(Some(instead)) => Ok(instead),
        },
    };
    Ok(found.unwrap_or_else(|why| vec![Recipient { uri, address: Err(why), limit }]))
}

/// Tells whether a host may get reports about a domain, and whom it names in place of what the domain says.
fn consent(
    facts: &Facts,
    domain: &DomainName,
    wanted: Wanted,
    host: &DomainName,
) -> Result<Result<Option<Vec<Recipient>>, Hindrance>, Missing> {
    if host == domain {
        return Ok(Ok(None));
    }
    let (ours, theirs) = match (organizational_domain(facts, domain), organizational_domain(facts, host)) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(Missing(one)), Err(Missing(other))) => return Err(Missing([one, other].concat())),
        (Err(missing), _) | (_, Err(missing)) => return Err(missing),
    };
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return Ok(Err(Hindrance::Dns)) };
    if ours == theirs {
        return Ok(Ok(None));
    }
    let labels = domain.labels().chain([&b"_report"[..], b"_dmarc"]).chain(host.labels());
    // Steps 4 and 7: where nothing can be asked or found, nobody agrees.
    let Ok(name) = DomainName::from_labels(labels) else {
        return Ok(Err(Hindrance::NoConsent(format!("{domain}._report._dmarc.{host}"))));
    };
    let outcome = &facts.get(&Question::txt(name.clone()))?.outcome;
    if outcome.is_transient() {
        return Ok(Err(Hindrance::Dns));
    }
    let agreed = records(outcome);
    if agreed.is_empty() {
        return Ok(Err(Hindrance::NoConsent(name.to_string())));
    }
    // Step 9: the host may name other addresses, but its own alone. RFC 9991 §5: for failure reports it does so in `ruf`.
    let others = agreed.iter().map(|record| wanted.of(record)).find(|named| !named.is_empty());
    let Some(others) = others else { return Ok(Ok(None)) };
    let instead = others.into_iter().take(MOST_URIS).map(|(uri, limit)| match address(&uri) {
        Ok((address, at)) if at == *host => Ok(Recipient { uri, address: Ok(address), limit }),
        _ => Err(Hindrance::Elsewhere),
    });
    Ok(instead.collect::<Result<Vec<_>, _>>().map(Some))
}

/// Reads the address of a `mailto:`, and its host.
fn address(uri: &str) -> Result<(Address, DomainName), Hindrance> {
    let (scheme, rest) = uri.split_once(':').ok_or(Hindrance::Scheme)?;
    if !scheme.eq_ignore_ascii_case("mailto") {
        return Err(Hindrance::Scheme);
    }
    let text = decoded(rest.split('?').next().unwrap_or_default()).ok_or(Hindrance::Address)?;
    let (local, domain) = text.rsplit_once('@').ok_or(Hindrance::Address)?;
    let host = DomainName::parse_unicode(domain).map_err(|_| Hindrance::Address)?;
    // What is quoted or exotic could become a field of the header, or another command of SMTP.
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&b);
    if !local.bytes().all(is_plain) || !is_usual(&host) {
        return Err(Hindrance::Address);
    }
    let address = Address::new(local, host.to_string()).map_err(|_| Hindrance::Address)?;
    Ok((address, host))
}

/// Tells whether a name is made of letters, digits, hyphens and underscores.
pub(super) fn is_usual(name: &DomainName) -> bool {
    let is_usual = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    !name.is_root() && name.labels().all(|label| label.iter().all(is_usual))
}

/// Decodes what a URI writes as `%` and two digits (RFC 3986 §2.1).
fn decoded(text: &str) -> Option<String> {
    let (mut octets, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, behind)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(behind.get(..2)?).ok()?;
            if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            octets.push(u8::from_str_radix(digits, 16).ok()?);
            rest = behind.get(2..)?;
        } else {
            octets.push(*first);
            rest = behind;
        }
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use sekisho_core::zone::Zone;

    use super::*;

    /// Asks a zone; returns each recipient's address or the word of what hinders.
    fn asked(zone: &str, domain: &str) -> Result<Vec<String>, &'static str> {
        asked_for(Wanted::Aggregates, zone, domain)
    }

    /// Asks a zone for whom these reports are.
    fn asked_for(wanted: Wanted, zone: &str, domain: &str) -> Result<Vec<String>, &'static str> {
        let source = Source::Zone(Zone::parse(zone).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let domain = DomainName::parse(domain).unwrap();
        let asked =
            runtime.block_on(ask(&source, Duration::from_secs(5), &domain, wanted, 2)).map_err(|why| why.word())?;
        let told = asked.recipients.iter().map(|recipient| match &recipient.address {
            Ok(address) => format!("{address} {:?}", recipient.limit),
            Err(why) => format!("{} {}", recipient.uri, why.word()),
        });
        Ok(told.collect())
    }

    #[test]
    fn a_domains_own_hosts_need_no_consent_and_strangers_do() {
        let zone = r#"
_dmarc.example.org TXT "v=DMARC1; p=none; rua=mailto:a@example.org!2k,mailto:b@mail.example.org,mailto:c@other.example"
_dmarc.consent.example TXT "v=DMARC1; p=none; rua=mailto:c@other.example"
consent.example._report._dmarc.other.example TXT "v=DMARC1;"
_dmarc.text.example TXT "v=DMARC1; p=none; rua=mailto:c@other.example"
text.example._report._dmarc.other.example TXT "anything"
_dmarc.slow.example TXT "v=DMARC1; p=none; rua=mailto:c@other.example"
slow.example._report._dmarc.other.example TXT !servfail
"#;
        let told = asked(zone, "example.org").unwrap();
        let expected = ["a@example.org Some(2048)", "b@mail.example.org None", "mailto:c@other.example no-consent"];
        assert_eq!(told, expected);
        assert_eq!(asked(zone, "consent.example").unwrap(), ["c@other.example None"]);
        assert_eq!(asked(zone, "text.example").unwrap(), ["mailto:c@other.example no-consent"]);
        assert_eq!(asked(zone, "slow.example").unwrap(), ["mailto:c@other.example dns"]);
    }

    #[test]
    fn who_consents_may_name_another_address_of_its_own_host_and_of_no_other() {
        let zone = r#"
_dmarc.a.example TXT "v=DMARC1; p=none; rua=mailto:old@other.example"
a.example._report._dmarc.other.example TXT "v=DMARC1; rua=mailto:new@other.example!1m"
_dmarc.b.example TXT "v=DMARC1; p=none; rua=mailto:old@other.example"
b.example._report._dmarc.other.example TXT "v=DMARC1; rua=mailto:victim@victim.example"
"#;
        assert_eq!(asked(zone, "a.example").unwrap(), ["new@other.example Some(1048576)"]);
        assert_eq!(asked(zone, "b.example").unwrap(), ["mailto:old@other.example elsewhere"]);
    }

    #[test]
    fn failure_reports_have_recipients_of_their_own_and_strangers_have_to_agree_to_them_too() {
        let zone = r#"
_dmarc.a.example TXT "v=DMARC1; p=none; rua=mailto:rua@a.example; ruf=mailto:ruf@a.example,mailto:c@other.example,mailto:d@third.example"
a.example._report._dmarc.other.example TXT "v=DMARC1; rua=mailto:rua@victim.example; ruf=mailto:new@other.example"
_dmarc.b.example TXT "v=DMARC1; p=none; rua=mailto:rua@b.example"
"#;
        let failures = |domain| asked_for(Wanted::Failures, zone, domain);
        let expected = ["ruf@a.example None", "new@other.example None", "mailto:d@third.example no-consent"];
        assert_eq!(failures("a.example").unwrap(), expected);
        assert_eq!(failures("b.example"), Err("nobody-asks"));
    }

    #[test]
    fn what_cannot_be_written_to_is_told() {
        let zone = r#"
_dmarc.a.example TXT "v=DMARC1; p=none; rua=https://a.example/r,mailto:x%40y%0d%0a@a.example,mailto:a%2Bb@a.example?subject=x,mailto:a+b@a.example,mailto:c@a.example,mailto:d@a.example"
_dmarc.none.example TXT "v=DMARC1; p=none"
_dmarc.two.example TXT "v=DMARC1; p=none; rua=mailto:a@two.example"
_dmarc.two.example TXT "v=DMARC1; p=none"
_dmarc.slow.example TXT !timeout
"#;
        let expected = [
            "https://a.example/r scheme",
            "mailto:x%40y%0d%0a@a.example address",
            "a+b@a.example None",
            "c@a.example None",
            "mailto:d@a.example too-many",
        ];
        assert_eq!(asked(zone, "a.example").unwrap(), expected);
        assert_eq!(asked(zone, "none.example"), Err("nobody-asks"));
        assert_eq!(asked(zone, "two.example"), Err("no-record"));
        assert_eq!(asked(zone, "gone.example"), Err("no-record"));
        assert_eq!(asked(zone, "slow.example"), Err("dns"));
    }
}
