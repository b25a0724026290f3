//! A signature of the books told again, without its mail: what its key says, and how it ended (RFC 6376 §6.1)
//!
//! Neither header nor body is at hand, so what was concluded of them stands as it was noted. The key's record is a fact
//! that is kept, and is looked at once more.

use sekisho_core::event::SignatureEvent;
use sekisho_core::facts::Facts;
use sekisho_core::name::DomainName;
use sekisho_core::step::{Check, Rule, Step, Trace, Value};

use super::fault::{self, Fault};
use super::key::{self, Lookup};
use super::{FOUND, KEY, TESTING, VALID};
use crate::verdict::DkimResult;

/// What can be told of a signature.
#[derive(Debug)]
pub struct Retold {
    /// The steps. They lead to the end, unless only [`SignatureEvent::reason`] tells it.
    pub steps: Vec<Step>,
    /// The rule of an end that the steps do not tell, since its sentence names what was not kept.
    pub untold: Option<&'static Rule>,
}

/// Tells a signature again, from what is noted of it and what is left of the facts of its mail.
pub fn retell(signature: &SignatureEvent, facts: &Facts) -> Retold {
    let name = |text: &Option<String>| text.as_deref().and_then(|text| DomainName::from_presentation(text).ok());
    let (domain, selector) = (name(&signature.domain), name(&signature.selector));
    let algorithm = signature.algorithm.as_deref().map_or(Value::Word("?"), |text| text.as_bytes().into());
    let mut trace = Trace::new(Check::Dkim);
    let shown = |name: &Option<DomainName>| name.as_ref().map_or(Value::Word("?"), Value::from);
    let arguments = [("domain", shown(&domain)), ("selector", shown(&selector)), ("algorithm", algorithm.clone())];
    trace.note(&FOUND, arguments);
    trace.enter();
    let question = selector.zip(domain).and_then(|(selector, domain)| key::question(&selector, &domain));
    let lookup = question.as_ref().and_then(|question| key::lookup(facts, question).ok());
    let at = question.map_or(Value::Word("?"), |question| (&question.name).into());
    if let Some(lookup) = &lookup {
        tell_key(lookup, &at, &mut trace);
    }
    let untold = match signature.reason.as_deref().map(fault::with_reason) {
        None if signature.result == DkimResult::Pass.as_str() => {
            trace.conclude(&VALID, DkimResult::Pass.as_str(), []);
            None
        }
        Some(Some(fault)) if !fault.names_more_than_the_key() => {
            let bits = lookup.and_then(|lookup| lookup.bits).map_or(Value::Word("?"), Value::from);
            let arguments = vec![("name", at), ("bits", bits), ("algorithm", algorithm)];
            trace.conclude_with(&fault.rule, fault.result.as_str(), arguments);
            None
        }
        ended => ended.flatten().map(|fault: &'static Fault| &fault.rule),
    };
    Retold { steps: trace.into_steps(), untold }
}

/// Tells what is at the name of a key, where one is.
fn tell_key(lookup: &Lookup, at: &Value, trace: &mut Trace) {
    if let Ok(key) = &lookup.key {
        let bits = lookup.bits.unwrap_or(256);
        trace.note(&KEY, [("name", at.clone()), ("kind", key.kind().into()), ("bits", bits.into())]);
        if lookup.testing {
            trace.note(&TESTING, [("name", at.clone())]);
        }
    }
}
