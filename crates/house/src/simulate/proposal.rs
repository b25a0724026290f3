//! What is proposed: records in zone form, or the text alone where its kind is plain

use sekisho_core::facts::{Facts, Kind, Outcome, Question, Record};
use sekisho_core::name::DomainName;
use sekisho_core::zone::{Here, Zone};
use sekisho_mail::dmarc::record::{Record as Policy, Standing};

use crate::check::what_if::{self, failure};
use crate::fault::Fault;
use crate::world;

/// The longest text of a proposal.
const LONGEST: usize = 16 << 10;

/// Reads all proposals about a domain; several for one name are several records.
pub(super) fn read(texts: &[String], domain: &DomainName) -> Result<Facts, Fault> {
    let mut answers: Vec<(Question, Outcome)> = Vec::new();
    for text in texts {
        let wrong = || Fault::new("fault-record", [("text", text.clone().into())]);
        for (question, outcome) in one(text, domain).map_err(|why| wrong().because(why))? {
            match answers.iter_mut().find(|(known, _)| *known == question) {
                None => answers.push((question, outcome)),
                Some((_, Outcome::Records(known))) if matches!(outcome, Outcome::Records(_)) => {
                    known.extend_from_slice(outcome.records());
                }
                Some(_) => return Err(wrong().because(Fault::new("why-proposal-twice", []))),
            }
        }
    }
    Ok(answers.into_iter().fold(Facts::default(), |facts, (question, outcome)| world::with(&facts, question, outcome)))
}

/// Reads one proposal.
fn one(text: &str, domain: &DomainName) -> Result<Vec<(Question, Outcome)>, Fault> {
    let text = text.trim();
    if text.len() > LONGEST {
        return Err(Fault::new("why-record-long", []));
    }
    if let Some(name) = bare(text, domain)? {
        let record = Record::from_presentation(Kind::Txt, text).map_err(Fault::from)?;
        return Ok(vec![(Question::txt(name), Outcome::Records(vec![record]))]);
    }
    // As `check --what-if` writes it: `TYPE NAME=DATA`.
    if let Some((kind, rest)) = text.split_once(char::is_whitespace)
        && Kind::parse(kind).is_some()
        && rest.split_once('=').is_some_and(|(name, _)| !name.trim().contains(char::is_whitespace))
    {
        return Ok(vec![what_if::parse_one(text)?]);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    // What is not there any more: the words of `check --what-if`.
    if let [name, .., kind, word] = words.as_slice()
        && let Some(outcome) = word.strip_prefix('!').and_then(failure)
        && let Some(kind) = Kind::parse(kind)
    {
        let name = DomainName::from_presentation(name).map_err(Fault::from)?;
        return Ok(vec![(Question::new(kind, name), outcome)]);
    }
    let mut zone = Zone::default();
    zone.parse_line(text).map_err(Fault::from)?;
    let name = DomainName::from_presentation(words.first().copied().unwrap_or_default()).map_err(Fault::from)?;
    let records = Kind::ALL.into_iter().filter_map(|kind| {
        let question = Question::new(kind, name.clone());
        match zone.here(&question) {
            Here::Outcome(outcome @ Outcome::Records(_)) => Some((question, outcome)),
            Here::Outcome(_) | Here::Alias(_) => None,
        }
    });
    let records: Vec<_> = records.collect();
    if records.is_empty() { Err(Fault::new("why-record-kind", [])) } else { Ok(records) }
}

/// Returns the name of a record that is given by its text alone.
fn bare(text: &str, domain: &DomainName) -> Result<Option<DomainName>, Fault> {
    let text = text.trim_start_matches('"').to_ascii_lowercase();
    if text.starts_with("v=dmarc1") {
        return domain.child(b"_dmarc").map(Some).map_err(Fault::from);
    }
    if text.starts_with("v=dkim1") {
        return Err(Fault::new("why-record-selector", [("domain", domain.into())]));
    }
    Ok(text.starts_with("v=spf1").then(|| domain.clone()))
}

/// Tells whether SPF may rest on some of the proposals: whatever is neither a policy nor a key.
pub(super) fn touch_spf(proposed: &Facts) -> bool {
    proposed
        .iter()
        .any(|(question, _)| !question.name.labels().any(|label| label == b"_dmarc" || label == b"_domainkey"))
}

/// Returns the domains whose policy is proposed.
pub(super) fn policy_domains(proposed: &Facts) -> impl Iterator<Item = DomainName> {
    let names = proposed.iter().map(|(question, _)| &question.name);
    names.filter(|name| name.labels().next() == Some(b"_dmarc")).filter_map(DomainName::parent)
}

/// Returns the proposed policies that receivers will not act upon as they are written: each name, and the tag at fault.
pub(super) fn faulty(proposed: &Facts) -> Vec<(DomainName, &'static str)> {
    let mut faulty = Vec::new();
    for (question, answer) in proposed.iter().filter(|(question, _)| question.name.labels().next() == Some(b"_dmarc")) {
        let texts = answer.outcome.records().iter().filter_map(Record::text);
        let policies: Vec<Option<Policy>> = texts.map(|text| Policy::parse(&text)).collect();
        let tag = match policies.as_slice() {
            [] => None,
            [Some(policy)] => match policy.standing {
                Standing::AsWritten => None,
                Standing::AsNone(fault) | Standing::Unusable(fault) => Some(fault.tag()),
            },
            _ => Some("v"),
        };
        faulty.extend(tag.map(|tag| (question.name.clone(), tag)));
    }
    faulty
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads proposals about example.org; returns each with what it says.
    fn said(texts: &[&str]) -> Result<Vec<(String, String)>, String> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let facts = read(&texts, &DomainName::parse("example.org").unwrap()).map_err(|why| why.to_string())?;
        let told = facts.iter().map(|(question, answer)| {
            let records = answer.outcome.records().iter().map(ToString::to_string).collect::<Vec<_>>();
            (question.to_string(), format!("{} {}", answer.outcome.word(), records.join(" + ")).trim().to_owned())
        });
        Ok(told.collect())
    }

    #[test]
    fn a_record_is_given_in_zone_form_or_by_its_text_alone() {
        for (text, question, answer) in [
            ("v=DMARC1; p=reject", "TXT _dmarc.example.org", "answer \"v=DMARC1; p=reject\""),
            ("\"v=spf1 \" \"-all\"", "TXT example.org", "answer \"v=spf1 \" \"-all\""),
            ("_dmarc.a.example 300 IN TXT \"v=DMARC1\"", "TXT _dmarc.a.example", "answer \"v=DMARC1\""),
            ("mail.example.org. A 192.0.2.1", "A mail.example.org", "answer 192.0.2.1"),
            ("s1._domainkey.example.org TXT !nxdomain", "TXT s1._domainkey.example.org", "nxdomain"),
            ("TXT _dmarc.b.example=v=DMARC1; p=none", "TXT _dmarc.b.example", "answer \"v=DMARC1; p=none\""),
        ] {
            assert_eq!(said(&[text]).unwrap(), [(question.to_owned(), answer.to_owned())]);
        }
        assert_eq!(said(&["v=spf1 -all", "example.org TXT \"x\""]).unwrap()[0].1, "answer \"v=spf1 -all\" + \"x\"");
        for odd in ["", "x", "v=DKIM1; p=", "a..b TXT x", "example.org CNAME a.example", "example.org TXT !gone"] {
            assert!(said(&[odd]).is_err(), "{odd}");
        }
        assert!(said(&["x.example TXT a", "x.example TXT !nxdomain"]).is_err());
    }

    #[test]
    fn a_policy_that_nobody_will_act_upon_is_told() {
        let tags = |text: &str| {
            let facts = read(&[text.to_owned()], &DomainName::parse("example.org").unwrap()).unwrap();
            faulty(&facts).into_iter().map(|(_, tag)| tag).collect::<Vec<_>>()
        };
        assert_eq!(tags("v=DMARC1; p=reject"), Vec::<&str>::new());
        assert_eq!(tags("v=DMARC1; p=rejekt"), ["p"]);
        assert_eq!(tags("v=dmarc1; p=reject"), ["v"]);
        assert_eq!(tags("v=spf1 -all"), Vec::<&str>::new());
    }
}
