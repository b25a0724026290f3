//! Questions become answers: the DNS, a zone of one's own, or the facts of an earlier verdict
//!
//! A judge says what it misses; a [`Source`] finds out. [`Source::satisfy`] asks all of it at once, within what an
//! [`Errand`] allows, and calls the judge again until it is content.
//!
//! - [`errand`]: one verdict's deadline and budget, and the rounds between judge and source.
//! - [`resolver`]: questions to name servers, with a cache in which the same question is asked once at a time.
//! - [`upstream`]: name servers as people write them, and those of the system.
//!
//! Nothing here logs: what goes wrong is an [`Outcome`] or an error value.

mod cache;
pub mod errand;
mod line;
mod reply;
pub mod resolver;
pub mod upstream;

use std::sync::Arc;

use sekisho_core::facts::{Answer, Facts, Outcome, Question};
use sekisho_core::zone::Zone;
use tokio::time::{Instant, timeout_at};

pub use errand::{Errand, Stuck};
pub use resolver::{BadResolver, Counts, Resolver, ResolverConfig};
pub use upstream::{BadUpstream, NoSystem, Upstream};

/// Where answers come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Name servers.
    Dns(Resolver),
    /// A small DNS of one's own.
    Zone(Zone),
    /// What was answered before: a verdict is replayed. What is not there is a time-out, never a new question.
    Facts(Facts),
}

impl Source {
    /// Returns the answer to a question where it is at hand, without asking anybody.
    async fn known(&self, question: &Question) -> Option<Arc<Answer>> {
        match self {
            Source::Dns(resolver) => resolver.known(question).await,
            Source::Zone(_) | Source::Facts(_) => None,
        }
    }

    /// Answers a question, with a time-out where the deadline comes first.
    pub async fn answer(&self, question: &Question, deadline: Instant) -> Arc<Answer> {
        match self {
            Source::Dns(resolver) if Instant::now() >= deadline => late(resolver),
            // Asking is a large future, and moving it about takes time.
            Source::Dns(resolver) => {
                let asking = Box::pin(timeout_at(deadline, resolver.answer(question)));
                asking.await.unwrap_or_else(|_| late(resolver))
            }
            Source::Zone(zone) => Arc::new(zone.answer(question)),
            Source::Facts(facts) => match facts.get(question) {
                Ok(answer) => Arc::new(Answer::new(answer.outcome.clone(), answer.ttl)),
                Err(_) => unanswered(),
            },
        }
    }
}

/// Returns the answer to a question that name servers did not answer in time.
fn late(resolver: &Resolver) -> Arc<Answer> {
    resolver.note_late();
    unanswered()
}

/// Returns the answer to a question that nobody could wait for; it holds for one verdict only.
fn unanswered() -> Arc<Answer> {
    Arc::new(Answer::new(Outcome::Timeout, 0))
}
