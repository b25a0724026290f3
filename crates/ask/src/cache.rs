//! The cache of answers: bounded in octets, each answer for its own time, the same question asked once at a time

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache as Moka;
use sekisho_core::facts::{Answer, Question, Record};

/// What the cache itself spends on an entry, about.
const ENTRY: usize = 400;

/// Answers by question.
#[derive(Debug)]
pub(crate) struct Cache(Moka<Question, Arc<Answer>>);

impl Cache {
    /// Makes an empty cache of at most `octets`.
    pub(crate) fn new(octets: u64) -> Cache {
        let cache = Moka::builder()
            .max_capacity(octets)
            .weigher(|question, answer: &Arc<Answer>| u32::try_from(weigh(question, answer)).unwrap_or(u32::MAX))
            .expire_after(TimeToLive)
            .build();
        Cache(cache)
    }

    /// Returns the answer to `question` where it is known.
    pub(crate) async fn known(&self, question: &Question) -> Option<Arc<Answer>> {
        self.0.get(question).await
    }

    /// Returns the answer to `question`; runs `find` where it is not known. Who asks the same meanwhile waits for the
    /// same answer, and where the first to ask goes away, the next one takes over.
    pub(crate) async fn get(&self, question: &Question, find: impl Future<Output = Answer>) -> Arc<Answer> {
        self.0.get_with_by_ref(question, async { Arc::new(find.await) }).await
    }

    /// Returns how many answers are kept, and about how many octets they take.
    pub(crate) fn kept(&self) -> (u64, u64) {
        (self.0.entry_count(), self.0.weighted_size())
    }
}

/// Each answer's own time to live; an answer of zero seconds is shared by those who wait for it and then gone.
struct TimeToLive;

impl Expiry<Question, Arc<Answer>> for TimeToLive {
    fn expire_after_create(&self, _: &Question, answer: &Arc<Answer>, _: Instant) -> Option<Duration> {
        Some(Duration::from_secs(answer.ttl.into()))
    }
}

/// Returns how many octets an entry takes, its parsed form included: that is about as large as the records.
fn weigh(question: &Question, answer: &Answer) -> usize {
    let records = answer.outcome.records();
    let octets: usize = records.iter().map(|record| size_of::<Record>() + owned_octets(record)).sum();
    ENTRY + 2 * question.name.as_wire().len() + 2 * octets
}

/// Returns how many octets a record holds beside itself.
fn owned_octets(record: &Record) -> usize {
    match record {
        Record::A(_) | Record::Aaaa(_) => 0,
        Record::Mx { exchange: name, .. } | Record::Ptr(name) => name.as_wire().len(),
        Record::Txt(strings) => strings.iter().map(|string| size_of::<Box<[u8]>>() + string.len()).sum(),
    }
}

#[cfg(test)]
mod tests {
    use sekisho_core::facts::Outcome;
    use sekisho_core::name::DomainName;

    use super::*;

    #[tokio::test]
    async fn the_cache_stays_within_its_octets() {
        let cache = Cache::new(100_000);
        for i in 0..1000 {
            let question = Question::txt(DomainName::parse(format!("n{i}.example")).unwrap());
            let text = Record::Txt(vec![vec![b'x'; 250].into()]);
            cache.get(&question, async { Answer::new(Outcome::Records(vec![text]), 300) }).await;
        }
        cache.0.run_pending_tasks().await;
        assert!(cache.0.weighted_size() <= 100_000, "{} octets", cache.0.weighted_size());
        assert!(cache.0.entry_count() > 50, "{} entries", cache.0.entry_count());
    }

    #[tokio::test]
    async fn an_answer_of_zero_seconds_is_found_anew() {
        let cache = Cache::new(100_000);
        let question = Question::txt(DomainName::parse("example").unwrap());
        let first = cache.get(&question, async { Answer::new(Outcome::NoData, 0) }).await;
        let second = cache.get(&question, async { Answer::new(Outcome::NoName, 0) }).await;
        assert_eq!((&first.outcome, &second.outcome), (&Outcome::NoData, &Outcome::NoName));
    }
}
