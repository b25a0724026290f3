//! Questions to name servers: which one, how often, and what is remembered
//!
//! A question is tried a few times, each time with a bounded wait, so that a zone which never answers costs only itself.
//! Validation is not done here: that is the work of a validating resolver nearby.

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use hickory_resolver::net::tls::default_provider;
use hickory_resolver::proto::op::{DnsRequest, DnsRequestOptions, Query};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use sekisho_core::facts::{Answer, Outcome, Question};

use crate::cache::Cache;
use crate::line::Line;
use crate::reply::{Reading, Trail, failure, read, wire_question};
use crate::upstream::Upstream;

/// How a resolver asks.
#[derive(Clone, Debug)]
pub struct ResolverConfig {
    /// The name servers: the first is asked, the others where it does not answer.
    pub upstreams: Vec<Upstream>,
    /// A file of PEM certificates of authorities that are trusted beside the public ones, for DoT and DoH.
    pub authorities: Option<PathBuf>,
    /// How many octets of answers are kept.
    pub cache_octets: u64,
    /// How long one try waits for its answer.
    pub patience: Duration,
    /// How often a question is tried; each name server is tried at least once.
    pub tries: usize,
}

impl ResolverConfig {
    /// Returns the usual way to ask these name servers: three tries of two seconds each, and 64 MB of cache.
    pub fn new(upstreams: Vec<Upstream>) -> ResolverConfig {
        let (cache_octets, patience, tries) = (64 << 20, Duration::from_secs(2), 3);
        ResolverConfig { upstreams, authorities: None, cache_octets, patience, tries }
    }
}

/// Asks name servers and remembers what they said. A clone shares everything.
#[derive(Clone)]
pub struct Resolver(Arc<Inner>);

/// What clones of a resolver share.
struct Inner {
    /// The name servers.
    lines: Vec<Line>,
    /// The one that answered last.
    favourite: AtomicUsize,
    /// How often a question is tried.
    tries: usize,
    /// What they said.
    cache: Cache,
    /// How many questions judges asked.
    asked: AtomicU64,
    /// How many of them a deadline left unanswered.
    late: AtomicU64,
    /// How many of them name servers were asked, by what came out, in the order of [`Counts::OUTCOMES`].
    found: [AtomicU64; Counts::OUTCOMES.len()],
}

/// What a resolver did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Questions of judges.
    pub asked: u64,
    /// Those of them that a deadline left unanswered.
    pub late: u64,
    /// Questions that name servers were asked, since the cache did not know, by what came out, in the order of
    /// [`Counts::OUTCOMES`].
    pub found: [u64; Counts::OUTCOMES.len()],
    /// Answers that are kept.
    pub kept: u64,
    /// About how many octets they take.
    pub kept_octets: u64,
}

impl Counts {
    /// Every outcome, as [`Outcome::word`] has it.
    pub const OUTCOMES: [&str; 7] = ["answer", "nodata", "nxdomain", "servfail", "timeout", "refused", "truncated"];
}

impl Resolver {
    /// Makes a resolver with an empty cache; nothing is connected yet.
    pub fn new(config: ResolverConfig) -> Result<Resolver, BadResolver> {
        if config.upstreams.is_empty() {
            return Err(BadResolver::NoUpstream);
        }
        let trust = Arc::new(trust(config.authorities.as_deref())?);
        let tries = config.tries.max(config.upstreams.len());
        let line = |upstream| Line::new(upstream, Arc::clone(&trust), config.patience);
        let lines = config.upstreams.into_iter().map(line).collect();
        let cache = Cache::new(config.cache_octets);
        let (favourite, asked, late) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Ok(Resolver(Arc::new(Inner { lines, favourite, tries, cache, asked, late, found: Default::default() })))
    }

    /// Returns the answer to a question where it is in the cache.
    pub(crate) async fn known(&self, question: &Question) -> Option<Arc<Answer>> {
        let known = self.0.cache.known(question).await;
        self.0.asked.fetch_add(u64::from(known.is_some()), Ordering::Relaxed);
        known
    }

    /// Answers a question, from the cache where it is known.
    pub async fn answer(&self, question: &Question) -> Arc<Answer> {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        let find = async {
            let answer = self.0.find(question).await;
            self.0.count(&answer.outcome);
            answer
        };
        self.0.cache.get(question, find).await
    }

    /// Returns what was done so far.
    pub fn counts(&self) -> Counts {
        let (kept, kept_octets) = self.0.cache.kept();
        let found = std::array::from_fn(|at| self.0.found[at].load(Ordering::Relaxed));
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts { asked: read(&self.0.asked), late: read(&self.0.late), found, kept, kept_octets }
    }

    /// Notes that a deadline left a question unanswered.
    pub(crate) fn note_late(&self) {
        self.0.late.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let upstreams: Vec<_> = self.0.lines.iter().map(|line| line.upstream().to_string()).collect();
        f.debug_tuple("Resolver").field(&upstreams).finish()
    }
}

impl Inner {
    /// Counts what came out of a question.
    fn count(&self, outcome: &Outcome) {
        let at = Counts::OUTCOMES.iter().position(|word| *word == outcome.word());
        if let Some(count) = at.and_then(|at| self.found.get(at)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Asks, and follows aliases where the name server does not.
    async fn find(&self, question: &Question) -> Answer {
        let mut question = question.clone();
        let mut trail = Trail::new(question.name.clone());
        loop {
            match self.find_along(&question, trail).await {
                Reading::Answer(answer) => return answer,
                // Without EDNS as well: this server cannot be spoken to.
                Reading::WithoutEdns => return failure(Outcome::Servfail),
                Reading::Elsewhere(further) => {
                    question.name = further.name.clone();
                    trail = further;
                }
            }
        }
    }

    /// Asks one name server after the other until one knows, as often as there are tries.
    async fn find_along(&self, question: &Question, trail: Trail) -> Reading {
        let favourite = self.favourite.load(Ordering::Relaxed);
        let mut turns: VecDeque<usize> = (0..self.lines.len()).map(|i| (favourite + i) % self.lines.len()).collect();
        let mut refusal = None;
        let mut silence = Outcome::Timeout;
        for _ in 0..self.tries {
            let Some(turn) = turns.pop_front() else { break };
            match self.lines[turn].read(question, trail.clone()).await {
                // It will say the same again; another one may know more.
                Ok(Reading::Answer(answer)) if answer.outcome.is_transient() => refusal = refusal.or(Some(answer)),
                Ok(Reading::WithoutEdns) => refusal = refusal.or_else(|| Some(failure(Outcome::Servfail))),
                Ok(reading) => {
                    self.favourite.store(turn, Ordering::Relaxed);
                    return reading;
                }
                Err(outcome) => {
                    silence = outcome;
                    turns.push_back(turn);
                }
            }
        }
        Reading::Answer(refusal.unwrap_or_else(|| failure(silence)))
    }
}

impl Line {
    /// Asks this name server; where it does not know EDNS, without (RFC 6891 §7).
    async fn read(&self, question: &Question, trail: Trail) -> Result<Reading, Outcome> {
        let response = self.ask(&request(question, true)?).await?;
        match read(&response, question.kind, trail.clone()) {
            Reading::WithoutEdns => {
                let response = self.ask(&request(question, false)?).await?;
                Ok(read(&response, question.kind, trail))
            }
            reading => Ok(reading),
        }
    }
}

/// Returns a question as a message.
fn request(question: &Question, edns: bool) -> Result<DnsRequest, Outcome> {
    let (name, kind) = wire_question(question).ok_or(Outcome::Servfail)?;
    let mut options = DnsRequestOptions::default();
    options.use_edns = edns;
    Ok(DnsRequest::from_query(Query::query(name, kind), options))
}

/// Returns whom to trust inside TLS: the public authorities, and those of a file.
fn trust(authorities: Option<&Path>) -> Result<ClientConfig, BadResolver> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = authorities {
        let bad = |why: String| BadResolver::Authorities { path: path.to_owned(), why };
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))?;
        let before = roots.len();
        for certificate in certificates {
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
        }
        if roots.len() == before {
            return Err(bad("it holds no certificate".to_owned()));
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| BadResolver::Tls(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// A resolver cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadResolver {
    /// No name server is named.
    NoUpstream,
    /// The file of further authorities cannot be used.
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// TLS cannot be set up.
    Tls(String),
}

impl fmt::Display for BadResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadResolver::NoUpstream => f.write_str("no name server is named"),
            BadResolver::Authorities { path, why } => {
                write!(f, "the certificates in `{}` cannot be used: {why}", path.display())
            }
            BadResolver::Tls(why) => write!(f, "TLS cannot be set up: {why}"),
        }
    }
}

impl std::error::Error for BadResolver {}
