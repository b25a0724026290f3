//! The line before the lake: whose question is asked next
//!
//! Few questions are under way at a time, since mail goes before readers. So that somebody with many slow ones keeps nobody else
//! waiting, one account never has all of them, and of those who wait the one goes first who was served longest ago.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sekisho_ledger::Id;
use tokio::sync::oneshot;

use crate::lake::LakeError;

/// How many questions are under way at a time.
const QUESTIONS: usize = 2;
/// How many of them are of one account.
const SHARE: usize = QUESTIONS - 1;
/// How many requests of one account are in the house at a time, those that wait included.
const REQUESTS: usize = 32;

tokio::task_local! {
    /// On whose behalf this task works: the many places that ask need not hand it on.
    static ACCOUNT: Id;
}

/// The line.
#[derive(Debug, Default)]
pub(crate) struct Line(Mutex<Standing>);

/// Who stands in it.
#[derive(Debug, Default)]
struct Standing {
    /// Whether nobody is let on any more.
    is_closed: bool,
    /// How many questions are under way.
    under_way: usize,
    /// How many turns were given so far.
    given: u64,
    /// Those who have anything to do with it.
    accounts: HashMap<Id, Account>,
    /// Those who wait, in the order in which they came.
    waiting: VecDeque<(Id, oneshot::Sender<Turn>)>,
}

/// What one account has to do with the line.
#[derive(Debug, Default)]
struct Account {
    /// How many requests of it are in the house.
    requests: usize,
    /// How many questions of it are under way.
    under_way: usize,
    /// The number of the last turn that it was given.
    served: u64,
}

/// A request that is in the house.
#[derive(Debug)]
pub(crate) struct Place {
    /// Where.
    line: Arc<Line>,
    /// Whose it is.
    account: Id,
}

/// Somebody's turn to ask; it is over when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn(Option<(Arc<Line>, Id)>);

impl Line {
    /// Lets a request of an account in; nothing where it has too many in the house.
    pub(crate) fn admit(self: &Arc<Line>, account: Id) -> Option<Place> {
        let mut standing = self.lock();
        let requests = &mut standing.accounts.entry(account).or_default().requests;
        if *requests >= REQUESTS {
            return None;
        }
        *requests += 1;
        drop(standing);
        Some(Place { line: Arc::clone(self), account })
    }

    /// Waits until it is the turn of the account on whose behalf this task works.
    pub(crate) async fn turn(self: &Arc<Line>) -> Result<Turn, LakeError> {
        // Whoever works for nobody has a share, too.
        let account = ACCOUNT.try_with(|account| *account).unwrap_or(Id::new(0, [0; 10]));
        let called = {
            let mut standing = self.lock();
            let (turn, called) = oneshot::channel();
            // Whoever gave up holds no place.
            standing.waiting.retain(|(_, caller)| !caller.is_closed());
            standing.waiting.push_back((account, turn));
            standing.accounts.entry(account).or_default();
            standing.call(self);
            called
        };
        called.await.map_err(|_| LakeError("the line is closed".to_owned()))
    }

    /// Sends everybody away, for good.
    #[cfg(test)]
    pub(crate) fn close(&self) {
        let mut standing = self.lock();
        standing.is_closed = true;
        standing.waiting.clear();
    }

    /// Tells how many wait.
    #[cfg(test)]
    fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Locks the line; whoever panicked while it was locked left it whole.
    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    /// Gives turns to those who wait, as long as there are any.
    fn call(&mut self, line: &Arc<Line>) {
        if self.is_closed {
            self.waiting.clear();
        }
        while self.under_way < QUESTIONS {
            let Some((account, caller)) = self.next().and_then(|next| self.waiting.remove(next)) else { break };
            if let Err(mut turn) = caller.send(Turn(Some((Arc::clone(line), account)))) {
                // Whoever went away meanwhile takes no turn, and so ends none.
                turn.0 = None;
                self.forget(account);
                continue;
            }
            (self.under_way, self.given) = (self.under_way + 1, self.given + 1);
            let served = self.given;
            let account = self.accounts.entry(account).or_default();
            (account.under_way, account.served) = (account.under_way + 1, served);
        }
    }

    /// Finds who is next: of those whose account has not its share already, the one whose account was served longest ago.
    fn next(&self) -> Option<usize> {
        let able = self.waiting.iter().enumerate().filter_map(|(at, (account, _))| {
            let account = self.accounts.get(account)?;
            (account.under_way < SHARE).then_some((account.served, at))
        });
        able.min().map(|(_, at)| at)
    }

    /// Forgets an account that has nothing to do with the line any more.
    fn forget(&mut self, account: Id) {
        let is_idle = self.accounts.get(&account).is_some_and(|known| known.requests == 0 && known.under_way == 0);
        if is_idle && !self.waiting.iter().any(|(waiting, _)| *waiting == account) {
            self.accounts.remove(&account);
        }
    }
}

impl Place {
    /// Does something on behalf of the account.
    pub(crate) async fn work<T>(self, work: impl Future<Output = T>) -> T {
        ACCOUNT.scope(self.account, work).await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut standing = self.line.lock();
        if let Some(account) = standing.accounts.get_mut(&self.account) {
            account.requests = account.requests.saturating_sub(1);
        }
        standing.forget(self.account);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some((line, account)) = self.0.take() else { return };
        let mut standing = line.lock();
        standing.under_way = standing.under_way.saturating_sub(1);
        if let Some(account) = standing.accounts.get_mut(&account) {
            account.under_way = account.under_way.saturating_sub(1);
        }
        standing.forget(account);
        standing.call(&line);
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;

    use super::*;

    /// Returns an account.
    fn account(number: i64) -> Id {
        Id::new(number * 1_000_000, [0; 10])
    }

    /// Lets an account ask; returns who has its turn once it is given.
    fn ask(line: &Arc<Line>, number: i64) -> JoinHandle<Turn> {
        let (place, line) = (line.admit(account(number)).expect("there is a place"), Arc::clone(line));
        tokio::spawn(place.work(async move { line.turn().await.unwrap() }))
    }

    /// Lets everybody go on who can.
    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn many_slow_questions_of_one_keep_nobody_else_waiting() {
        let line = Arc::default();
        let mut slow: Vec<JoinHandle<Turn>> = (0..20).map(|_| ask(&line, 1)).collect();
        settle().await;
        assert_eq!((slow.iter().filter(|one| one.is_finished()).count(), line.waiting()), (1, 19));
        // Others come and go beside the one that lasts.
        for _ in 0..50 {
            drop(ask(&line, 2).await.unwrap());
            drop(ask(&line, 3).await.unwrap());
        }
        assert_eq!(line.waiting(), 19);
        // When it ends, whoever waits goes first that was not served lately.
        let lasting = ask(&line, 2).await.unwrap();
        let newcomer = ask(&line, 4);
        settle().await;
        assert!(!newcomer.is_finished(), "two are under way");
        let first = slow.remove(0).await.unwrap();
        drop(first);
        let turn = newcomer.await.unwrap();
        assert!(!slow.iter().any(JoinHandle::is_finished));
        drop((turn, lasting));
        // And all of the others have their turn in the end.
        for one in slow {
            drop(one.await.unwrap());
        }
        assert!(line.lock().accounts.is_empty() && line.lock().under_way == 0);
    }

    #[tokio::test]
    async fn whoever_goes_away_takes_no_turn_along() {
        let line = Arc::default();
        let holding = [ask(&line, 1).await.unwrap(), ask(&line, 2).await.unwrap()];
        let (gone, also_gone, patient) = (ask(&line, 3), ask(&line, 4), ask(&line, 5));
        settle().await;
        gone.abort();
        settle().await;
        drop(holding);
        // This one was called, and goes before it knows.
        also_gone.abort();
        drop(patient.await.unwrap());
        settle().await;
        let one = ask(&line, 6).await.unwrap();
        drop((ask(&line, 7).await.unwrap(), one));
        settle().await;
        assert!(line.lock().accounts.is_empty() && line.lock().under_way == 0);
    }

    #[tokio::test]
    async fn an_account_has_so_many_requests_in_the_house_and_another_one_as_many() {
        let line: Arc<Line> = Arc::default();
        let mut places: Vec<Place> = (0..REQUESTS).map(|_| line.admit(account(1)).unwrap()).collect();
        assert!(line.admit(account(1)).is_none() && line.admit(account(2)).is_some());
        places.pop();
        assert!(line.admit(account(1)).is_some());
    }

    #[tokio::test]
    async fn whoever_waits_when_the_line_is_closed_is_told_so() {
        let line: Arc<Line> = Arc::default();
        let _first = line.turn().await.unwrap();
        let (other, waiting) = (Arc::clone(&line), Arc::clone(&line));
        let waiting = tokio::spawn(async move { waiting.turn().await.map(drop) });
        settle().await;
        line.close();
        assert!(waiting.await.unwrap().is_err() && other.turn().await.is_err());
    }
}
