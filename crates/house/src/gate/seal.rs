//! An ARC seal on what is handed on (RFC 8617 §5.1)
//!
//! A mail that nobody changes on its way is sealed on arrival, with what was found just then. A list changes what it hands
//! on, so that its mails are sealed at their departure, with what our own Authentication-Results field, which they still
//! have, says of their arrival. Only hosts that are listed are believed to give it back as it was.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use sekisho_mail::arc::Chain;
use sekisho_mail::arc::seal::{Sealer, merge_results};
use sekisho_mail::authentication_results::AuthenticationResults;
use sekisho_mail::body::{BodyDigests, BodyHasher, BodyPlan};
use sekisho_mail::dkim::sign::SignError;
use sekisho_mail::header::Header;
use sekisho_mail::verdict::{ArcResult, ArcVerdict};

use super::sign::keyring::read_key;
use crate::config::seal::When;
use crate::config::{Config, network};
use crate::fault::{Fault, shown};
use crate::sign::bad_sign;

/// The reasons of a broken chain that are ours, or the DNS's: no seal condemns a chain for them.
const NOT_JUDGED: [&str; 3] = ["key not available", "not judged to the end", "body not hashed"];

/// Seals what is handed on.
#[derive(Debug)]
pub(crate) struct Seal {
    /// Who seals.
    pub(super) sealer: Sealer,
    /// When.
    when: When,
    /// Whose mails are sealed at their departure.
    lists: Vec<IpNet>,
}

/// What becomes of a mail that may be sealed, as counters name it.
pub(crate) const SEALS: [&str; 3] = ["sealed", "skipped", "failed"];

/// A new field: its name, and what stands behind the colon.
pub(super) type NewField = (String, String);

impl Seal {
    /// Reads the key and tries it; nothing where nothing is sealed.
    pub(super) fn open(config: &Config) -> Result<Option<Seal>, Fault> {
        let Some(key) = &config.seal.key else { return Ok(None) };
        let sealer = Sealer::new(key.domain.clone(), key.selector.clone(), read_key(&key.path)?);
        let seal = Seal { sealer, when: config.seal.when, lists: config.seal.lists.clone() };
        let mut plan = BodyPlan::new();
        seal.sealer.plan(&mut plan);
        let digests = BodyHasher::new(&plan).finish();
        let tried =
            seal.fields(&Header::parse(b"From: trial\r\n"), ArcResult::None, b"x", &digests, Timestamp::UNIX_EPOCH);
        let refused = |why| Fault::new("fault-key", [("path", shown(&key.path))]).because(bad_sign(&why));
        tried.map_err(refused).map(|_| Some(seal))
    }

    /// Tells whether mails are sealed on arrival.
    pub(super) fn is_on_arrival(&self) -> bool {
        self.when == When::Arrival
    }

    /// Tells whether the mails of a client are sealed at their departure.
    pub(super) fn is_for(&self, client: Option<IpAddr>) -> bool {
        self.when == When::Departure && client.is_some_and(|client| network::contain(&self.lists, client))
    }

    /// Says which hash of the body is wanted.
    pub(super) fn plan(&self, plan: &mut BodyPlan) {
        self.sealer.plan(plan);
    }

    /// Seals a mail on arrival: `results` is the value of our own field.
    pub(super) fn on_arrival(
        &self,
        header: &Header<'_>,
        arc: &ArcVerdict,
        results: &str,
        digests: &BodyDigests,
        now: Timestamp,
    ) -> Result<Vec<NewField>, SignError> {
        if arc.reason.is_some_and(|reason| NOT_JUDGED.contains(&reason)) {
            return Ok(Vec::new());
        }
        self.fields(header, arc.result, results.as_bytes(), digests, now)
    }

    /// Seals a mail at its departure, where it still says what was found on arrival.
    pub(super) fn on_departure(
        &self,
        header: &Header<'_>,
        authserv_id: &str,
        digests: &BodyDigests,
        now: Timestamp,
    ) -> Result<Vec<NewField>, SignError> {
        let Some(results) = merge_results(header, authserv_id) else { return Ok(Vec::new()) };
        let Some(status) = told_status(&results) else { return Ok(Vec::new()) };
        let has_chain = header.first("ARC-Seal").is_some();
        match status {
            // The list took the chain away, so there is none.
            _ if !has_chain => self.fields(header, ArcResult::None, &results, digests, now),
            // The chain was not there when the mail arrived: nobody judged it.
            ArcResult::None => Ok(Vec::new()),
            status => self.fields(header, status, &results, digests, now),
        }
    }

    /// Makes the three fields, the topmost first; none for a chain that is not carried on.
    fn fields(
        &self,
        header: &Header<'_>,
        status: ArcResult,
        results: &[u8],
        digests: &BodyDigests,
        now: Timestamp,
    ) -> Result<Vec<NewField>, SignError> {
        #[cfg(test)]
        assert!(header.first("X-Fail-Seal").is_none(), "a test wants to see a sealer fail");
        let sealed = self.sealer.seal(header, &Chain::find(header), status, results, digests, now)?;
        let sealed = sealed.unwrap_or_default();
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        Ok(Header::parse(&sealed).fields().iter().map(|field| (text(field.name()), text(field.value()))).collect())
    }
}

/// Returns what our own results say of the chain on arrival; nothing where it was not judged.
fn told_status(results: &[u8]) -> Option<ArcResult> {
    let told = AuthenticationResults::parse(results).ok()?;
    let arc = told.results.into_iter().find(|result| result.method == "arc")?;
    if arc.reason.is_some_and(|reason| NOT_JUDGED.contains(&&*reason)) {
        return None;
    }
    ArcResult::ALL.iter().copied().find(|known| known.as_str() == arc.result)
}
