//! The keys beside their published records: compared at the start, on reload, and from time to time

use std::sync::Arc;
use std::time::Duration;

use sekisho_ask::Source;
use sekisho_core::name::DomainName;
use sekisho_mail::arc::seal::Sealer;
use sekisho_mail::dkim::published::{Mismatch, Published, compare, question};
use sekisho_mail::dkim::sign::Signer;
use sekisho_mail::dkim::signing_key::SigningKey;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::super::Gate;
use super::{Office, SEAL_KEY};
use crate::config::Config;
use crate::fault::Fault;

/// How long the start waits for the DNS.
const PATIENCE: Duration = Duration::from_secs(5);
/// How soon keys are compared again where the DNS did not answer.
const SOON: Duration = Duration::from_secs(60);
/// How soon they are compared again otherwise: records change, and nobody tells the mail server.
const LATER: Duration = Duration::from_secs(3600);

/// Something that is to be said of a key.
#[derive(Clone, Debug)]
pub(crate) struct Doubt {
    /// The option that names the key's file.
    option: String,
    /// Whose key it is, `d=`.
    pub(crate) domain: DomainName,
    /// What is wrong.
    pub(crate) fault: Fault,
    /// How bad it is.
    pub(crate) weight: Weight,
}

/// How bad a doubt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Signatures by this key do not verify.
    InVain,
    /// The DNS did not answer: nobody knows.
    Unknown,
    /// Receivers are asked not to count on it.
    Testing,
}

impl Doubt {
    /// Names the place in the configuration, too.
    pub(crate) fn at(&self, config: &Config) -> Fault {
        config.blame(&self.option, self.fault.clone())
    }
}

/// A key and where its record has to be.
struct Case<'o> {
    /// `s=`.
    selector: &'o DomainName,
    /// `d=`.
    domain: &'o DomainName,
    /// The key.
    key: &'o SigningKey,
    /// Whether it is used for what is below the domain, too.
    subdomains: bool,
    /// The option that names its file.
    option: &'o str,
}

impl Office {
    /// Lists every key.
    fn cases(&self) -> Vec<Case<'_>> {
        let signing = self.keys.all().map(|held| {
            let Signer { selector, domain, key, .. } = &held.signer;
            Case { selector, domain, key, subdomains: held.subdomains, option: &held.option }
        });
        let sealing = self.seal.iter().map(|seal| {
            let Sealer { selector, domain, key, .. } = &seal.sealer;
            Case { selector, domain, key, subdomains: false, option: SEAL_KEY }
        });
        signing.chain(sealing).collect()
    }

    /// Compares every key with its record, all at once.
    pub(crate) async fn compare(&self, source: &Source) -> Vec<Doubt> {
        let deadline = Instant::now() + PATIENCE;
        let mut asking = JoinSet::new();
        let cases = self.cases();
        for (number, case) in cases.iter().enumerate() {
            // A name that is too long was refused when the key was tried.
            let Some(question) = question(case.selector, case.domain) else { continue };
            let source = source.clone();
            asking.spawn(async move { (number, source.answer(&question, deadline).await) });
        }
        let mut answers = asking.join_all().await;
        answers.sort_by_key(|(number, _)| *number);
        let judged = answers.iter().filter_map(|(number, answer)| {
            let case = cases.get(*number)?;
            doubt(case, compare(case.key, &answer.outcome))
        });
        judged.collect()
    }
}

/// Says what is wrong with a key's record, where anything is.
fn doubt(case: &Case<'_>, compared: Result<Published, Mismatch>) -> Option<Doubt> {
    let (why, weight) = match compared {
        Ok(found) if found.strict && case.subdomains => ("why-record-strict", Weight::InVain),
        Ok(found) if found.testing => ("why-record-testing", Weight::Testing),
        Ok(_) => return None,
        Err(Mismatch::Unavailable) => ("why-record-unavailable", Weight::Unknown),
        Err(Mismatch::Absent) => ("why-record-absent", Weight::InVain),
        Err(Mismatch::Several) => ("why-record-several", Weight::InVain),
        Err(Mismatch::Revoked) => ("why-record-revoked", Weight::InVain),
        Err(Mismatch::Malformed) => ("why-record-malformed", Weight::InVain),
        Err(Mismatch::NotForMail) => ("why-record-not-for-mail", Weight::InVain),
        Err(_) => ("why-record-other-key", Weight::InVain),
    };
    let mut cause = Fault::new(why, []);
    if weight == Weight::InVain {
        let record = case.key.dns_record(case.selector, case.domain);
        cause = cause.because(Fault::new("why-record-publish", []).because(Fault::whole(record)));
    }
    let name = format!("{}._domainkey.{}", case.selector, case.domain);
    let fault = Fault::new("fault-key-record", [("name", name.into())]).because(cause);
    Some(Doubt { option: case.option.to_owned(), domain: case.domain.clone(), fault, weight })
}

/// Compares the keys in force from time to time, until `shutdown`, and logs what changed. `gate` returns the gate in
/// force; `first` is what the start found.
pub(crate) async fn keep_checking(gate: impl Fn() -> Arc<Gate>, first: Vec<Doubt>, shutdown: CancellationToken) {
    let mut known = first;
    loop {
        let wait = if known.iter().any(|doubt| doubt.weight == Weight::Unknown) { SOON } else { LATER };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        let gate = gate();
        let found = gate.office.compare(&gate.source).await;
        for doubt in &found {
            if !known.iter().any(|old| old.is_same(doubt)) {
                doubt.log(&doubt.fault);
            }
        }
        if found.is_empty() && !known.is_empty() {
            info!("every signing key has its record again");
        }
        known = found;
    }
}

impl Doubt {
    /// Tells whether the same was said before.
    fn is_same(&self, other: &Doubt) -> bool {
        self.option == other.option && self.fault.to_string() == other.fault.to_string()
    }

    /// Writes a line; `said` may name the place, too.
    pub(crate) fn log(&self, said: &Fault) {
        match self.weight {
            Weight::InVain => error!(error = %said, "signatures by this key do not verify"),
            Weight::Unknown => {
                warn!(error = %said, "a signing key could not be compared with its record; trying again");
            }
            Weight::Testing => warn!(error = %said, "signatures by this key may not count"),
        }
    }
}
