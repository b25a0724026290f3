//! What `mail-auth` 0.13.3 says of DMARC, given what SPF and DKIM came to
//!
//! It is given the zone through its cache. Whether an author domain exists at all a cache cannot tell it: behind the cache
//! stands a resolver without servers, so that it never takes `np=`.

use std::sync::Arc;

use hickory_proto::op::ResponseCode;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::dkim::Signature;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::dmarc::{Dmarc, Policy};
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DmarcOutput, DmarcResult, DnsError, Error, MessageAuthenticator, Parameters,
    SpfOutput, SpfResult, Txt,
};
use sekisho_core::facts::{Outcome, Question, Record};
use sekisho_core::zone::Zone;

use super::cache::{Answering, Overheard, no_such_name};
use crate::suites::dmarc::{Expectation, Mechanism};

/// What was concluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// The result, in RFC 8601's words.
    pub result: &'static str,
    /// What is to be done with the mail.
    pub disposition: &'static str,
}

/// Asks for an opinion on one expectation.
///
/// # Panics
///
/// Panics where no runtime can be made.
pub fn ask(zone: &Zone, expectation: &Expectation) -> Opinion {
    let mail = format!("From: a@{}\r\n\r\n", expectation.author);
    let message = AuthenticatedMessage::parse(mail.as_bytes()).expect("a mail with a header");
    let signatures = signatures(expectation);
    let dkim: Vec<DkimOutput<'_>> = signatures.iter().map(|(passes, signature)| dkim(*passes, signature)).collect();
    let (domain, spf) = spf(expectation);
    let texts = Answering(|asked: &Overheard| Some(text(&zone.answer(&Question::txt(asked.name()?)).outcome)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let output = runtime.block_on(async {
        let resolver = MessageAuthenticator::new(Default::default(), Default::default()).expect("a resolver");
        let parameters = DmarcParameters::new(&message, &dkim, &domain, &spf);
        resolver.verify_dmarc(Parameters::new(parameters).with_txt_cache(&texts)).await
    });
    opinion(&output)
}

/// Puts its two results together.
fn opinion(output: &DmarcOutput) -> Opinion {
    let results = [output.spf_result(), output.dkim_result()];
    let has = |wanted: fn(&&DmarcResult) -> bool| results.iter().any(wanted);
    let result = if has(|result| matches!(result, DmarcResult::Pass)) {
        "pass"
    } else if has(|result| matches!(result, DmarcResult::TempError(_))) {
        "temperror"
    } else if has(|result| matches!(result, DmarcResult::PermError(_))) {
        "permerror"
    } else if output.dmarc_record().is_none() {
        "none"
    } else {
        "fail"
    };
    let disposition = match (result, output.policy()) {
        ("fail", Policy::Quarantine) => "quarantine",
        ("fail", Policy::Reject) => "reject",
        _ => "none",
    };
    Opinion { result, disposition }
}

/// Returns the signatures, and whether each passes.
fn signatures(expectation: &Expectation) -> Vec<(bool, Signature)> {
    let dkim = expectation.identifiers.iter().filter(|one| one.mechanism == Mechanism::Dkim);
    dkim.map(|one| (one.passes, Signature { d: one.domain.to_string(), ..Signature::default() })).collect()
}

/// Returns what DKIM came to.
fn dkim(passes: bool, signature: &Signature) -> DkimOutput<'_> {
    let output = if passes { DkimOutput::pass() } else { DkimOutput::temp_err(no_answer()) };
    output.with_signature(signature)
}

/// Returns the domain of MAIL FROM, and what SPF came to.
fn spf(expectation: &Expectation) -> (String, SpfOutput) {
    match expectation.identifiers.iter().find(|one| one.mechanism == Mechanism::Spf) {
        Some(one) => {
            let result = if one.passes { SpfResult::Pass } else { SpfResult::TempError };
            (one.domain.to_string(), SpfOutput::new(one.domain.to_string()).with_result(result))
        }
        None => (String::new(), SpfOutput::new(String::new()).with_result(SpfResult::None)),
    }
}

/// Reads an answer as its own resolver does: the first record that can be read counts.
fn text(outcome: &Outcome) -> Txt {
    match outcome {
        Outcome::Records(records) => {
            let read = |text: std::borrow::Cow<'_, [u8]>| Dmarc::parse(&text).ok();
            let record = records.iter().filter_map(Record::text).find_map(read);
            record.map_or(Txt::Error(Error::Dns(DnsError::InvalidRecordType)), |record| Txt::Dmarc(Arc::new(record)))
        }
        Outcome::NoData => Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NoError))),
        Outcome::NoName => no_such_name(),
        _ => Txt::Error(no_answer()),
    }
}

/// Says that no server answered.
fn no_answer() -> Error {
    Error::Dns(DnsError::Resolver("no answer".into()))
}
