//! Answers that stand for a while: what one reader has just asked need not be found again for the next one
//!
//! Many people have the same few pages open, and over many mails each of these costs the processor a tenth of a second that the gate
//! would have used. So an answer stands for [`TIMES`] as long as all answers that stand took to find, and never longer than [`MOST`]: all
//! questions that are asked again and again take a twentieth of the time together. What is found quickly is found anew each time, and where
//! mails leave little time for questions, answers stand longer. *Today* and *Messages* say of which time they are. Who may see what is a
//! part of the question: nobody is shown what somebody else may see.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;

use super::Desk;
use crate::lake::{Lake, LakeError};

/// How many times as long as it took to find it, and all others that stand, an answer stands.
const TIMES: u32 = 20;
/// How long it stands at most.
const MOST: Duration = Duration::from_secs(60);
/// What took less is found anew.
const QUICK: Duration = Duration::from_millis(50);
/// How many answers stand at a time: each is a page at most.
const AT_A_TIME: u64 = 128;

/// What somebody asks, and how far they may see. Two that are equal have the same answer, but for the time that they are asked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    /// In which room.
    pub(crate) room: &'static str,
    /// What is asked there.
    pub(crate) asked: String,
    /// Whose mails may be seen; nothing is everybody's.
    pub(crate) within: Option<Vec<String>>,
}

/// The answers that stand.
pub(super) struct Answers {
    /// What they say, by what was asked and of which lake. Its address names it: while an answer stands no other lake has that.
    standing: Cache<(Question, usize), Standing>,
    /// How long each took to find, and until when it stands.
    costs: Mutex<Vec<(Duration, Instant)>>,
}

/// An answer.
#[derive(Clone)]
struct Standing {
    /// What it says.
    says: Arc<dyn Any + Send + Sync>,
    /// How long it stands.
    stands: Duration,
    /// Of which lake. It is not kept open: whoever lets go of it may open its folder again.
    _lake: Weak<dyn Lake>,
}

/// Says when an answer goes.
struct Stands;

impl Expiry<(Question, usize), Standing> for Stands {
    fn expire_after_create(&self, _: &(Question, usize), answer: &Standing, _: Instant) -> Option<Duration> {
        Some(answer.stands)
    }
}

impl Default for Answers {
    fn default() -> Answers {
        let standing = Cache::builder().max_capacity(AT_A_TIME).expire_after(Stands).build();
        Answers { standing, costs: Mutex::default() }
    }
}

impl Answers {
    /// Returns how long an answer stands that is found now, and took so long.
    fn how_long(&self, took: Duration, now: Instant) -> Duration {
        if took < QUICK {
            return Duration::ZERO;
        }
        let mut costs = self.costs.lock().unwrap_or_else(PoisonError::into_inner);
        costs.retain(|(_, until)| *until > now);
        let all = costs.iter().fold(took, |all, (cost, _)| all.saturating_add(*cost));
        let stands = all.saturating_mul(TIMES).min(MOST);
        costs.push((took, now + stands));
        stands
    }
}

impl Desk {
    /// Asks a lake what others may have asked just now. Whoever asks the same meanwhile waits for the same answer.
    pub(crate) async fn ask_lately<T: Send + Sync + 'static>(
        &self,
        question: Question,
        lake: Arc<dyn Lake>,
        find: impl FnOnce(&dyn Lake) -> Result<T, LakeError> + Send + 'static,
    ) -> Result<Arc<T>, LakeError> {
        let key = (question, Arc::as_ptr(&lake).cast::<()>() as usize);
        let standing = match self.answers.standing.get(&key).await {
            Some(standing) => standing,
            None => {
                // Each waits for a turn of its own: whoever stands in line behind many keeps nobody waiting who asks the same.
                let _turn = self.line.turn().await?;
                let found = async {
                    let (begun, asked) = (Instant::now(), Arc::clone(&lake));
                    let says = Arc::new(Desk::on_a_thread(move || find(&*asked)).await??);
                    let stands = self.answers.how_long(begun.elapsed(), Instant::now());
                    Ok(Standing { says, stands, _lake: Arc::downgrade(&lake) })
                };
                self.answers
                    .standing
                    .try_get_with(key, found)
                    .await
                    .map_err(|why: Arc<LakeError>| LakeError::clone(&why))?
            }
        };
        standing.says.downcast().map_err(|_| LakeError("a question has answers of two kinds".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::lake::puddle::Puddle;
    use crate::web::tests::House;

    /// Returns what is asked of a room by whoever sees so much.
    fn question(room: &'static str, within: Option<&str>) -> Question {
        let within = within.map(|domain| vec![domain.to_owned()]);
        Question { room, asked: "days=1".to_owned(), within }
    }

    #[test]
    fn an_answer_stands_by_what_it_cost() {
        let begun = Instant::now();
        let alone = |took| Answers::default().how_long(Duration::from_millis(took), begun).as_millis();
        let stands = [0, 49, 50, 240, 2_999, 3_001, 60_000].map(alone);
        assert_eq!(stands, [0, 0, 1_000, 4_800, 59_980, 60_000, 60_000]);
        // Others that stand are paid for, too, as long as they do.
        let answers = Answers::default();
        let found = |took, after| {
            answers.how_long(Duration::from_millis(took), begun + Duration::from_millis(after)).as_millis()
        };
        assert_eq!([found(100, 0), found(100, 10), found(10, 20), found(100, 2_500)], [2_000, 4_000, 0, 4_000]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_took_long_stands_for_those_who_may_see_the_same_and_what_was_quick_does_not() {
        let (house, asked) = (House::open().await, Arc::new(AtomicU32::new(0)));
        let ask = async |question: Question, takes: Duration| {
            let asked = Arc::clone(&asked);
            let find = move |_: &dyn Lake| {
                std::thread::sleep(takes);
                Ok(asked.fetch_add(1, Ordering::Relaxed))
            };
            *house.desk.ask_lately(question, Arc::clone(&house.desk.lake), find).await.unwrap()
        };
        let slow = QUICK * 15;
        let together = tokio::join!(ask(question("slow", None), slow), ask(question("slow", None), slow));
        assert_eq!((together, ask(question("slow", None), slow).await), ((0, 0), 0));
        assert_eq!(ask(question("slow", Some("ours.example")), slow).await, 1, "another scope");
        assert_eq!(ask(question("other", None), slow).await, 2, "another room");
        let quick = async || ask(question("quick", None), Duration::ZERO).await;
        assert_eq!((quick().await, quick().await), (3, 4));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_answer_that_stands_keeps_no_lake_open() {
        let (house, lake) = (House::open().await, Arc::new(Puddle::default()));
        let open = Arc::downgrade(&lake);
        let find = |_: &dyn Lake| {
            std::thread::sleep(QUICK);
            Ok(1)
        };
        assert_eq!(house.desk.ask_lately(question("any", None), lake, find).await, Ok(Arc::new(1)));
        assert!(open.upgrade().is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_question_that_fails_has_no_answer_that_stands() {
        let house = House::open().await;
        let ask = async |says: Result<u8, &str>| {
            let says = says.map_err(|why| LakeError(why.to_owned()));
            let find = move |_: &dyn Lake| {
                std::thread::sleep(QUICK);
                says
            };
            house.desk.ask_lately(question("any", None), Arc::clone(&house.desk.lake), find).await
        };
        assert_eq!(ask(Err("the disk is away")).await, Err(LakeError("the disk is away".to_owned())));
        assert_eq!(ask(Ok(7)).await, Ok(Arc::new(7)));
    }
}
