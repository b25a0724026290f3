//! The JSON of `sekisho check`: a contract that other programs read (DESIGN §7)
//!
//! Everything that builds it stands here. Fields are added, never renamed; their order is that of the contract.

use std::borrow::Cow;

use jiff::Timestamp;
use sekisho_core::facts::{Answer, Facts, Question};
use sekisho_core::name::DomainName;
use sekisho_core::step::Step;
use sekisho_core::visible::is_harmless;
use sekisho_mail::verdict::{ArcVerdict, Author, DkimVerdict, DmarcVerdict, SpfVerdict, Verdict};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::desk::{Judged, WhatIf};
use super::what_if::Change;
use crate::cli::StepsShown;
use crate::speech::Talk;

/// Returns the whole object as text with its line end; `steps` is always there, and empty where none are wanted.
pub(super) fn text(judged: &Judged, shown: StepsShown, talk: &Talk, pretty: bool) -> String {
    let telling = Telling { talk, with_steps: shown != StepsShown::None };
    let whole = Whole {
        input: input(judged),
        judged_at: time(judged.judged_at),
        proof: verdict(&judged.verdict, &judged.facts, telling),
        what_if: judged.what_if.as_ref().map(|what_if| self::what_if(what_if, telling)),
    };
    let text = if pretty { serde_json::to_string_pretty(&whole) } else { serde_json::to_string(&whole) };
    harmless(&text.expect("names are text and values are JSON")).into_owned() + "\n"
}

/// How an object is told.
#[derive(Clone, Copy)]
struct Telling<'a> {
    /// The language of the steps.
    talk: &'a Talk,
    /// Whether there are any.
    with_steps: bool,
}

/// Writes characters that could steer a terminal or hide text as `\uXXXX`: to a program the same, to eyes harmless.
pub(crate) fn harmless(json: &str) -> Cow<'_, str> {
    // Line ends are the layout's own: inside of strings JSON has escaped them already.
    let is_fine = |c: char| c == '\n' || is_harmless(c);
    if json.chars().all(is_fine) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_fine(character) {
            text.push(character);
        } else {
            let mut units = [0; 2];
            text.extend(character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    Cow::Owned(text)
}

/// The whole object.
#[derive(Serialize)]
struct Whole<'a> {
    /// What was judged.
    input: Value,
    /// When.
    judged_at: Value,
    /// What it proves.
    #[serde(flatten)]
    proof: Proof<'a>,
    /// What it would prove with other answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    what_if: Option<WhatIfTold<'a>>,
}

/// Everything from `verdict` to `facts`.
#[derive(Serialize)]
struct Proof<'a> {
    /// What the policy would do.
    verdict: &'static str,
    /// Why.
    grounds: Vec<&'static str>,
    /// Who the author is.
    author: Value,
    /// SPF by MAIL FROM.
    spf: Value,
    /// SPF by HELO.
    spf_helo: Value,
    /// The signatures; a mail may bring fifty thousand, so each is built when its turn comes.
    #[serde(serialize_with = "each_signature")]
    dkim: &'a [DkimVerdict],
    /// The chain.
    arc: Value,
    /// DMARC.
    dmarc: Value,
    /// Why, step by step.
    steps: Value,
    /// What it rests on.
    facts: Value,
}

/// Builds the objects of `dkim` one after the other.
fn each_signature<S: Serializer>(signatures: &[DkimVerdict], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(signatures.iter().map(dkim))
}

/// `what_if`: what was replaced, the second verdict whole, and what differs.
#[derive(Serialize)]
struct WhatIfTold<'a> {
    /// The proposed answers.
    replaced: Value,
    /// What the mail would prove.
    #[serde(flatten)]
    proof: Proof<'a>,
    /// What differs.
    changes: Value,
}

/// Builds `input`.
fn input(judged: &Judged) -> Value {
    let text = |octets: Option<&[u8]>| octets.map(|octets| String::from_utf8_lossy(octets).into_owned());
    json!({
        "source": judged.source,
        "sha256": judged.sha256,
        "client_ip": judged.envelope.client_ip.map(|address| address.to_string()),
        "helo": text(judged.envelope.helo.as_deref()),
        "mail_from": text(judged.envelope.mail_from.as_deref()),
    })
}

/// Writes a time as RFC 3339 has it.
pub(super) fn time(at: Timestamp) -> Value {
    at.to_string().into()
}

/// Builds everything from `verdict` to `facts`.
fn verdict<'a>(verdict: &'a Verdict, facts: &Facts, telling: Telling<'_>) -> Proof<'a> {
    let steps = verdict.steps.iter().filter(|_| telling.with_steps);
    Proof {
        verdict: verdict.action.as_str(),
        grounds: verdict.grounds.iter().map(|ground| ground.as_str()).collect(),
        author: author(&verdict.author),
        spf: spf(verdict.spf.as_ref()),
        spf_helo: spf(verdict.spf_helo.as_ref()),
        dkim: &verdict.dkim,
        arc: arc(&verdict.arc),
        dmarc: dmarc(&verdict.dmarc),
        steps: steps.map(|step| self::step(step, telling.talk)).collect(),
        facts: self::facts(facts),
    }
}

/// Writes a name, or null.
fn name(name: Option<&DomainName>) -> Value {
    name.map(ToString::to_string).into()
}

/// Builds `author`.
fn author(author: &Author) -> Value {
    json!({
        "result": author.result.as_str(),
        "domain": name(author.domain.as_ref()),
        "addresses": author.addresses,
        "reason": author.reason,
        "flags": author.flags,
    })
}

/// Builds `spf` and `spf_helo`: null where it was not asked.
fn spf(spf: Option<&SpfVerdict>) -> Value {
    spf.map_or(Value::Null, |spf| {
        json!({
            "result": spf.result.as_str(),
            "identity": spf.identity.as_str(),
            "domain": spf.domain,
            "explanation": spf.explanation,
            "lookups": spf.lookups,
            "void_lookups": spf.void_lookups,
        })
    })
}

/// Builds one object of `dkim`.
fn dkim(dkim: &DkimVerdict) -> Value {
    json!({
        "result": dkim.result.as_str(),
        "domain": name(dkim.domain.as_ref()),
        "selector": name(dkim.selector.as_ref()),
        "algorithm": dkim.algorithm,
        "testing": dkim.testing,
        "reason": dkim.reason,
    })
}

/// Builds `arc`.
fn arc(arc: &ArcVerdict) -> Value {
    json!({
        "result": arc.result.as_str(),
        "instances": arc.instances,
        "sealers": arc.sealers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "overrides": arc.overrides,
        "reason": arc.reason,
    })
}

/// Builds `dmarc`.
fn dmarc(dmarc: &DmarcVerdict) -> Value {
    json!({
        "result": dmarc.result.as_str(),
        "domain": name(dmarc.domain.as_ref()),
        "organizational_domain": name(dmarc.organizational_domain.as_ref()),
        "policy_domain": name(dmarc.policy_domain.as_ref()),
        "policy": dmarc.policy.map(sekisho_mail::verdict::Disposition::as_str),
        "testing": dmarc.testing,
        "aligned": dmarc.aligned.iter().map(|mechanism| mechanism.as_str()).collect::<Vec<_>>(),
        "disposition": dmarc.disposition.as_str(),
    })
}

/// Builds one object of `steps`.
pub(crate) fn step(step: &Step, talk: &Talk) -> Value {
    json!({
        "check": step.check.as_str(),
        "depth": step.depth,
        "rule": step.rule.id,
        "section": step.rule.section,
        "result": step.result,
        "says": talk.step(step),
    })
}

/// Builds `facts`.
pub(crate) fn facts(facts: &Facts) -> Value {
    facts.iter().map(fact).collect()
}

/// Builds one object of `facts`.
fn fact((question, answer): (&Question, &Answer)) -> Value {
    json!({
        "type": question.kind.as_str(),
        "name": question.name.to_string(),
        "outcome": answer.outcome.word(),
        "records": answer.outcome.records().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "ttl": answer.ttl,
    })
}

/// Builds `what_if`.
fn what_if<'a>(what_if: &'a WhatIf, telling: Telling<'_>) -> WhatIfTold<'a> {
    WhatIfTold {
        replaced: facts(&what_if.proposed),
        proof: verdict(&what_if.verdict, &what_if.facts, telling),
        changes: what_if.changes.iter().map(change).collect(),
    }
}

/// Builds one object of `changes`.
fn change(change: &Change) -> Value {
    json!({
        "check": change.check,
        "field": change.field,
        "signature": change.signature,
        "before": change.before,
        "after": change.after,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sekisho_core::facts::{Kind, Outcome};
    use sekisho_core::speech::Lang;
    use sekisho_mail::envelope::Envelope;
    use sekisho_mail::verdict::{
        Action, ArcResult, AuthorResult, Disposition, DkimResult, DmarcResult, Ground, Identity, Mechanism, SpfResult,
    };

    use super::*;

    #[test]
    fn characters_that_steer_terminals_are_written_as_escapes() {
        let json = r#"{"helo":"h\u009b31m\u202e🙂関"}"#;
        let value: Value = serde_json::from_str(json).unwrap();
        let raw = serde_json::to_string(&value).unwrap();
        let written = harmless(&raw);
        assert_eq!(written, r#"{"helo":"h\u009b31m\u202e🙂関"}"#);
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), value);
    }

    /// Reads a name.
    fn name_of(text: &str) -> DomainName {
        DomainName::parse(text).unwrap()
    }

    /// A mail that could be read but for its signature, with everything there is to tell.
    fn judged() -> Judged {
        let spf = |identity, domain: &str| SpfVerdict {
            result: SpfResult::Softfail,
            identity,
            domain: domain.to_owned(),
            name: None,
            explanation: None,
            lookups: 1,
            void_lookups: 0,
        };
        Judged {
            source: "mail.eml".to_owned(),
            sha256: "00".repeat(32),
            envelope: Envelope {
                client_ip: "2001:db8::1".parse().ok(),
                helo: None,
                mail_from: Some(b"\xff@example.org"[..].into()),
            },
            from_return_path: false,
            judged_at: "2026-05-01T12:00:00Z".parse().unwrap(),
            policy: Arc::default(),
            from: Vec::new(),
            many: false,
            is_broken_off: false,
            verdict: Verdict {
                action: Action::Quarantine,
                grounds: vec![Ground::DmarcFail],
                author: Author {
                    result: AuthorResult::Ok,
                    domain: Some(name_of("example.org")),
                    addresses: vec!["a@example.org".to_owned()],
                    reason: None,
                    flags: vec!["duplicate-field"],
                },
                spf: Some(spf(Identity::MailFrom, "example.org")),
                spf_helo: None,
                dkim: vec![DkimVerdict {
                    result: DkimResult::Permerror,
                    domain: None,
                    selector: Some(name_of("s1")),
                    algorithm: None,
                    testing: false,
                    has_length: false,
                    reason: Some("tag missing"),
                    field: 0,
                    gap: None,
                }],
                arc: ArcVerdict {
                    result: ArcResult::None,
                    instances: 0,
                    sealers: Vec::new(),
                    overrides: false,
                    reason: None,
                },
                dmarc: DmarcVerdict {
                    result: DmarcResult::Fail,
                    domain: Some(name_of("example.org")),
                    organizational_domain: None,
                    policy_domain: Some(name_of("example.org")),
                    policy: Some(Disposition::Reject),
                    testing: true,
                    aligned: vec![Mechanism::Spf],
                    disposition: Disposition::Quarantine,
                    record: None,
                },
                steps: Vec::new(),
            },
            facts: [(Question::new(Kind::A, name_of("gone.example")), Answer::new(Outcome::NoName, 60))]
                .into_iter()
                .collect(),
            what_if: None,
        }
    }

    #[test]
    fn the_object_is_that_of_the_contract_to_the_letter() {
        let expected = concat!(
            r#"{"input":{"source":"mail.eml","sha256":"0000000000000000000000000000000000000000000000000000000000000000","#,
            r#""client_ip":"2001:db8::1","helo":null,"mail_from":"�@example.org"},"judged_at":"2026-05-01T12:00:00Z","#,
            r#""verdict":"quarantine","grounds":["dmarc-fail"],"#,
            r#""author":{"result":"ok","domain":"example.org","addresses":["a@example.org"],"reason":null,"flags":["duplicate-field"]},"#,
            r#""spf":{"result":"softfail","identity":"mailfrom","domain":"example.org","explanation":null,"lookups":1,"void_lookups":0},"#,
            r#""spf_helo":null,"#,
            r#""dkim":[{"result":"permerror","domain":null,"selector":"s1","algorithm":null,"testing":false,"reason":"tag missing"}],"#,
            r#""arc":{"result":"none","instances":0,"sealers":[],"overrides":false,"reason":null},"#,
            r#""dmarc":{"result":"fail","domain":"example.org","organizational_domain":null,"policy_domain":"example.org","#,
            r#""policy":"reject","testing":true,"aligned":["spf"],"disposition":"quarantine"},"#,
            r#""steps":[],"facts":[{"type":"A","name":"gone.example","outcome":"nxdomain","records":[],"ttl":60}]}"#,
            "\n"
        );
        assert_eq!(text(&judged(), StepsShown::Failed, &Talk::new(Lang::En), false), expected);
        assert_eq!(text(&judged(), StepsShown::Failed, &Talk::new(Lang::En), true).lines().next(), Some("{"));
    }
}
