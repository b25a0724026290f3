//! `--what-if`: one answer replaced, judged again, and what that changes

use sekisho_core::facts::{Answer, Facts, Kind, Outcome, Question, Record};
use sekisho_core::name::DomainName;
use sekisho_mail::verdict::{SpfVerdict, Verdict};

use crate::fault::Fault;

/// How long a proposed answer lives, in seconds; the records of a zone file live as long.
const TTL: u32 = 300;

/// Reads what people write behind `--what-if`: `TYPE NAME=DATA`, or `NAME TYPE DATA` as in a zone; several of them for one name being several records.
pub(crate) fn parse(proposals: &[String]) -> Result<Facts, Fault> {
    let mut answers: Vec<(Question, Outcome)> = Vec::new();
    for text in proposals {
        let wrong = || Fault::new("fault-what-if", [("text", text.clone().into())]);
        let (question, outcome) = parse_one(text).map_err(|why| wrong().because(why))?;
        match answers.iter_mut().find(|(known, _)| *known == question) {
            None => answers.push((question, outcome)),
            Some((_, Outcome::Records(known))) if matches!(outcome, Outcome::Records(_)) => {
                known.extend_from_slice(outcome.records());
            }
            Some(_) => return Err(wrong().because(Fault::new("why-proposal-twice", []))),
        }
    }
    Ok(answers.into_iter().map(|(question, outcome)| (question, Answer::new(outcome, TTL))).collect())
}

/// Reads one proposal.
pub(crate) fn parse_one(text: &str) -> Result<(Question, Outcome), Fault> {
    let shape = || Fault::new("why-proposal", []);
    let (kind, rest) = text.trim().split_once(char::is_whitespace).ok_or_else(shape)?;
    // As zone files write it: `NAME TYPE DATA`.
    if Kind::parse(kind).is_none()
        && let Some((second, data)) = rest.trim_start().split_once(char::is_whitespace)
        && Kind::parse(second).is_some()
    {
        return parse_one(&format!("{second} {kind}={data}"));
    }
    let (name, data) = rest.split_once('=').ok_or_else(shape)?;
    let kind = Kind::parse(kind).ok_or_else(|| Fault::new("why-kind", [("kinds", crate::fault::kinds().into())]))?;
    let name = name.trim();
    if name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(Fault::new("why-proposal-name", [("name", name.to_owned().into())]));
    }
    let name = if name.is_ascii() { DomainName::from_presentation(name) } else { DomainName::parse_unicode(name) };
    let question = Question::new(kind, name.map_err(Fault::from)?);
    let outcome = match data.trim().strip_prefix('!') {
        Some(word) => failure(word).ok_or_else(|| Fault::new("why-outcome", []))?,
        None => Outcome::Records(vec![Record::from_presentation(kind, data).map_err(Fault::from)?]),
    };
    Ok((question, outcome))
}

/// Reads the word of an outcome without records.
pub(crate) fn failure(word: &str) -> Option<Outcome> {
    [Outcome::NoName, Outcome::NoData, Outcome::Servfail, Outcome::Timeout, Outcome::Refused, Outcome::Truncated]
        .into_iter()
        .find(|outcome| outcome.word() == word)
}

/// Returns those of the proposed answers that no judge asked for.
pub(super) fn unasked<'a>(proposed: &'a Facts, asked: &'a Facts) -> impl Iterator<Item = &'a Question> {
    proposed.iter().map(|(question, _)| question).filter(|question| !asked.has(question))
}

/// Something that differs between two verdicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The check, as the JSON names it.
    pub(crate) check: &'static str,
    /// The field of the check, as the JSON names it.
    pub(crate) field: &'static str,
    /// Which signature, counted from 1, where it is about one.
    pub(crate) signature: Option<usize>,
    /// What it was; nothing where it had no value.
    pub(crate) before: Option<String>,
    /// What it would be.
    pub(crate) after: Option<String>,
}

/// Tells what differs, check by check.
pub(crate) fn changes(before: &Verdict, after: &Verdict) -> Vec<Change> {
    let mut changes = Changes(Vec::new());
    let words = |verdict: &Verdict| verdict.grounds.iter().map(|ground| ground.as_str()).collect::<Vec<_>>().join(" ");
    changes.compare("verdict", "verdict", before, after, |verdict| Some(verdict.action.to_string()));
    changes.compare("verdict", "grounds", before, after, |verdict| Some(words(verdict)));
    let identities: [(_, SpfOf); 2] =
        [("spf", |verdict| verdict.spf.as_ref()), ("spf_helo", |verdict| verdict.spf_helo.as_ref())];
    for (check, of) in identities {
        changes.compare(check, "result", before, after, |verdict| of(verdict).map(|spf| spf.result.to_string()));
        changes.compare(check, "explanation", before, after, |verdict| of(verdict)?.explanation.clone());
    }
    for index in 0..before.dkim.len().max(after.dkim.len()) {
        let known = changes.0.len();
        changes.compare("dkim", "result", before, after, |verdict| Some(verdict.dkim.get(index)?.result.to_string()));
        changes.compare("dkim", "reason", before, after, |verdict| verdict.dkim.get(index)?.reason.map(str::to_owned));
        changes.0.iter_mut().skip(known).for_each(|change| change.signature = Some(index + 1));
    }
    changes.compare("arc", "result", before, after, |verdict| Some(verdict.arc.result.to_string()));
    changes.compare("arc", "overrides", before, after, |verdict| Some(verdict.arc.overrides.to_string()));
    changes.compare("dmarc", "result", before, after, |verdict| Some(verdict.dmarc.result.to_string()));
    changes.compare("dmarc", "organizational_domain", before, after, |verdict| {
        verdict.dmarc.organizational_domain.as_ref().map(ToString::to_string)
    });
    changes.compare("dmarc", "policy_domain", before, after, |verdict| {
        verdict.dmarc.policy_domain.as_ref().map(ToString::to_string)
    });
    changes.compare("dmarc", "policy", before, after, |verdict| verdict.dmarc.policy.map(|policy| policy.to_string()));
    changes.compare("dmarc", "aligned", before, after, |verdict| {
        Some(verdict.dmarc.aligned.iter().map(|by| by.as_str()).collect::<Vec<_>>().join(" "))
    });
    changes.compare("dmarc", "disposition", before, after, |verdict| Some(verdict.dmarc.disposition.to_string()));
    changes.0
}

/// Picks SPF of one identity.
type SpfOf = fn(&Verdict) -> Option<&SpfVerdict>;

/// Changes as they are found.
struct Changes(Vec<Change>);

impl Changes {
    /// Compares one field of two verdicts.
    fn compare(
        &mut self,
        check: &'static str,
        field: &'static str,
        before: &Verdict,
        after: &Verdict,
        of: impl Fn(&Verdict) -> Option<String>,
    ) {
        let (before, after) = (of(before), of(after));
        if before != after {
            self.0.push(Change { check, field, signature: None, before, after });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposals(texts: &[&str]) -> Result<Facts, Fault> {
        parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    fn txt(name: &str) -> Question {
        Question::txt(DomainName::parse(name).unwrap())
    }

    #[test]
    fn several_proposals_for_a_name_are_several_records() {
        let facts = proposals(&["TXT a.example=v=spf1 -all", "txt A.example=\"x\" \"y\"", "MX a.example=0 ."]).unwrap();
        let records = facts.get(&txt("a.example")).unwrap().outcome.records();
        assert_eq!(records.iter().map(ToString::to_string).collect::<Vec<_>>(), ["\"v=spf1 -all\"", "\"x\" \"y\""]);
        assert_eq!(facts.len(), 2);
    }

    #[test]
    fn failures_and_absence_have_words() {
        let facts = proposals(&["TXT a.example=!nxdomain", "A b.example=!timeout"]).unwrap();
        assert_eq!(facts.get(&txt("a.example")).unwrap().outcome, Outcome::NoName);
        assert!(proposals(&["TXT a.example=!gone"]).is_err());
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for texts in [
            &["TXT"][..],
            &["TXT a.example"],
            &["SRV a.example=x"],
            &["A a.example=1.2.3"],
            &["TXT a..b=x"],
            &["TXT a b=c"],
            &["TXT v=spf1 -all a.example=x", "TXT a\tb=c"],
            &["TXT a.example=x", "TXT a.example=!timeout"],
        ] {
            assert!(proposals(texts).is_err(), "{texts:?}");
        }
    }
}
