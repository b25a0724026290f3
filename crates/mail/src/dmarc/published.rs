//! Which DMARC policy holds for a domain's mail, whatever a mail proves (RFC 9989 §4.10.1)

use std::sync::Arc;

use sekisho_core::facts::{Facts, Missing};
use sekisho_core::name::DomainName;
use sekisho_core::step::{Check, Trace};

use super::record::{Found, Record};
use super::walk;

/// What a domain publishes, or its organization for it.
#[derive(Clone, Debug)]
pub enum Published {
    /// A record.
    Record {
        /// The domain at which it stands.
        at: DomainName,
        /// What it says.
        record: Arc<Record>,
    },
    /// Several records at one name, which are all discarded (§4.10, step 2), and no other that holds.
    Several {
        /// The domain at which they stand.
        at: DomainName,
        /// How many.
        count: usize,
    },
    /// None.
    Absent,
    /// The DNS does not say just now.
    Unavailable,
}

/// Finds it, or names the questions that are missing.
pub fn published(facts: &Facts, domain: &DomainName) -> Result<Published, Missing> {
    let question = walk::question(domain);
    if let Some(question) = &question {
        facts.get(question)?;
    }
    let own = walk::read(facts, question.as_ref());
    match &own {
        Found::One(record) => {
            return Ok(Published::Record { at: domain.clone(), record: Arc::clone(record) });
        }
        Found::Unavailable => return Ok(Published::Unavailable),
        Found::Several(_) | Found::Absent => {}
    }
    let walked = walk::walk(facts, domain, &mut Trace::new(Check::Dmarc))?;
    Ok(match (walked.applicable, own) {
        (Some((at, record)), _) if walked.organization.is_some() => Published::Record { at, record },
        (_, Found::Several(count)) => Published::Several { at: domain.clone(), count },
        _ if walked.organization.is_none() => Published::Unavailable,
        _ => Published::Absent,
    })
}
