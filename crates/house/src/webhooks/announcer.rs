//! What is told of something that happened, and to whom
//!
//! Ids, kinds, domains and numbers go out, and nothing else: no name before an at sign, nothing of Evidence, no secret.

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::rand;
use jiff::Timestamp;
use sekisho_ledger::{Digest, Id, NewJob};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::error;

use super::topic::Topic;
use crate::config::Webhook;

/// The queue of what waits to be told.
pub(super) const QUEUE: &str = "webhook";
/// How often it is tried to tell it: for about a day, as [`super::delivery`] waits.
pub(super) const ATTEMPTS: u32 = 25;
/// The most octets of a domain's name.
const LONGEST_NAME: usize = 253;

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) struct News {
    /// What it is about.
    pub(crate) topic: Topic,
    /// When it happened, in microseconds since 1970.
    pub(crate) at: i64,
    /// What is told of it.
    pub(crate) data: Value,
    /// What makes it the same as another; none is told as often as it is said.
    pub(crate) once: Option<String>,
}

/// What a job has to know.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Errand {
    /// Which webhook is called.
    pub(super) hook: String,
    /// What is sent, octet for octet.
    pub(super) body: String,
}

/// Whoever knows who wants to hear of what. Clones share it, so that a reload reaches all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Announcer(Arc<RwLock<Vec<Webhook>>>);

impl Announcer {
    /// Tells these.
    pub(crate) fn of(hooks: &[Webhook]) -> Announcer {
        Announcer(Arc::new(RwLock::new(hooks.to_vec())))
    }

    /// Tells others from now on.
    pub(crate) fn replace(&self, hooks: &[Webhook]) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = hooks.to_vec();
    }

    /// Returns the jobs by which something is told to all who want to hear of it.
    pub(crate) fn jobs(&self, news: &News) -> Vec<NewJob> {
        let hooks = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let wanted = hooks.iter().filter(|hook| hook.wants(news.topic));
        wanted.filter_map(|hook| job(key(hook), news)).collect()
    }
}

/// Returns what stands for a webhook in the ledger: its address may open a door, and is kept nowhere else.
pub(super) fn key(hook: &Webhook) -> Digest {
    Digest::of(hook.url.as_str().as_bytes())
}

/// Makes the job by which something is told once.
fn job(hook: Digest, news: &News) -> Option<NewJob> {
    let mut random = [0; 10];
    if rand::fill(&mut random).is_err() {
        error!("the system has no randomness: a webhook will not be called");
        return None;
    }
    let (hook, topic) = (hook.to_string(), news.topic.word());
    let once = news.once.as_ref().map(|once| format!("{topic} {once} {hook}"));
    let errand = Errand { hook, body: body(news) };
    Some(NewJob {
        id: Id::new(news.at, random),
        queue: QUEUE.to_owned(),
        subject: topic.to_owned(),
        payload: serde_json::to_string(&errand).expect("two texts are JSON"),
        once,
        due: news.at,
        made_at: news.at,
        max_attempts: ATTEMPTS,
    })
}

/// Writes what is sent.
fn body(news: &News) -> String {
    let timestamp = Timestamp::from_microsecond(news.at).unwrap_or_default().to_string();
    json!({ "type": news.topic.word(), "timestamp": timestamp, "data": news.data }).to_string()
}

/// Returns a domain as it may be told. What others wrote where a domain stands may be anything, somebody's address, too.
pub(crate) fn tellable(domain: &str) -> Option<&str> {
    let is_usual = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_');
    let is_name = !domain.is_empty() && domain.len() <= LONGEST_NAME && domain.bytes().all(is_usual);
    is_name.then_some(domain)
}
