//! What `mail-auth` 0.13.3 says of the DKIM signatures of a mail
//!
//! It is given the facts through its cache, so that it never asks anyone; its clock is the machine's.

use hickory_proto::op::ResponseCode;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::{AuthenticatedMessage, DkimResult, DnsError, Error, MessageAuthenticator, Parameters, Txt};
use sekisho_core::facts::{Facts, Outcome, Question, Record};

use super::cache::{Answering, Overheard, no_such_name};

/// Asks for an opinion on every signature: fields that it cannot read come first, then the others as they stand.
///
/// # Panics
///
/// Panics where no runtime can be made.
pub fn ask(mail: &[u8], facts: &Facts) -> Vec<&'static str> {
    let Some(message) = AuthenticatedMessage::parse(mail) else { return Vec::new() };
    // What was not asked before is not there.
    let known = |asked: &Overheard| Some(text(&facts.get(&Question::txt(asked.name()?)).ok()?.outcome));
    let answers = Answering(|asked: &Overheard| Some(known(asked).unwrap_or_else(no_such_name)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let outputs = runtime.block_on(async {
        let resolver = MessageAuthenticator::new(Default::default(), Default::default()).expect("a resolver");
        resolver.verify_dkim(Parameters::new(&message).with_txt_cache(&answers)).await
    });
    outputs.iter().map(|output| word(output.result())).collect()
}

/// Returns the word of a result.
pub(super) fn word(result: &DkimResult) -> &'static str {
    match result {
        DkimResult::Pass => "pass",
        DkimResult::Neutral(_) => "neutral",
        DkimResult::Fail(_) => "fail",
        DkimResult::PermError(_) => "permerror",
        DkimResult::TempError(_) => "temperror",
        DkimResult::None => "none",
    }
}

/// Returns what its resolver would have made of an answer.
pub(super) fn text(outcome: &Outcome) -> Txt {
    match outcome {
        Outcome::Records(records) => {
            let texts = records.iter().filter_map(Record::text);
            let mut result = Err(Error::Dns(DnsError::InvalidRecordType));
            for text in texts {
                result = mail_auth::common::verify::DomainKey::parse(&text);
                if result.is_ok() {
                    break;
                }
            }
            result.into()
        }
        Outcome::NoData => Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NoError))),
        Outcome::NoName => no_such_name(),
        _ => Txt::Error(Error::Dns(DnsError::Resolver("no answer".into()))),
    }
}
