//! One verdict's errand: a deadline, a budget of questions, and the rounds between a judge and its source

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use futures_util::future::join_all;
use sekisho_core::facts::{Facts, Missing, Question};
use tokio::time::Instant;

use crate::{Source, unanswered};

/// What one verdict may cost: a deadline that begins with the errand, and a number of questions.
#[derive(Debug)]
pub struct Errand {
    /// When it is too late.
    deadline: Instant,
    /// How many questions may still be asked.
    left: usize,
    /// How many questions were asked.
    asked: usize,
    /// How many questions were not asked, for lack of time or budget.
    denied: usize,
    /// How often the judge was sent back.
    rounds: usize,
    /// How often it may be.
    rounds_max: usize,
}

impl Errand {
    /// The time that RFC 7208 §4.6.4 advises as the least a receiver should give.
    pub const DEADLINE: Duration = Duration::from_secs(20);
    /// How many questions a verdict may ask: a mail that uses every limit of SPF, with ten signatures, asks about 140.
    pub const QUESTIONS: usize = 250;
    /// The most rounds of one errand. The longest honest one is a chain of ten SPF includes, each behind the other, then
    /// the walks of DMARC: about thirty. It bounds a judge that never ends, even where time and budget are used up.
    pub const ROUNDS: usize = 256;

    /// Begins an errand.
    pub fn new(deadline: Duration, questions: usize) -> Errand {
        Errand {
            deadline: Instant::now() + deadline,
            left: questions,
            asked: 0,
            denied: 0,
            rounds: 0,
            rounds_max: Errand::ROUNDS,
        }
    }

    /// Lets the judge be sent back so often at most.
    pub fn within_rounds(self, rounds: usize) -> Errand {
        Errand { rounds_max: rounds, ..self }
    }

    /// Returns when it is too late.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Returns how many questions were asked, from the cache or not.
    pub fn asked(&self) -> usize {
        self.asked
    }

    /// Returns how many questions were answered with a time-out without being asked: the budget or the time was used up.
    pub fn denied(&self) -> usize {
        self.denied
    }

    /// Returns how often the judge was sent back with new answers.
    pub fn rounds(&self) -> usize {
        self.rounds
    }

    /// Tells how many of `wanted` questions may be asked, and counts them.
    fn grant(&mut self, wanted: usize) -> usize {
        let left = if Instant::now() < self.deadline { self.left } else { 0 };
        let granted = wanted.min(left);
        self.left -= granted;
        self.asked += granted;
        self.denied += wanted - granted;
        granted
    }
}

impl Default for Errand {
    fn default() -> Errand {
        Errand::new(Errand::DEADLINE, Errand::QUESTIONS)
    }
}

impl Source {
    /// Calls `judge` until nothing is missing, and asks what it misses, all at once.
    ///
    /// What the errand's deadline or budget leaves unanswered is a time-out. The errand goes on where another judge
    /// takes over, so that one deadline holds for a whole verdict.
    pub async fn satisfy<T>(
        &self,
        facts: &mut Facts,
        errand: &mut Errand,
        mut judge: impl FnMut(&Facts) -> Result<T, Missing>,
    ) -> Result<T, Stuck> {
        loop {
            match judge(facts) {
                Ok(verdict) => return Ok(verdict),
                Err(Missing(missing)) => self.fetch(facts, errand, missing).await?,
            }
        }
    }

    /// Asks what a judge misses, all at once: one round of [`Source::satisfy`], for those who call the judge themselves.
    pub async fn fetch(&self, facts: &mut Facts, errand: &mut Errand, missing: Vec<Question>) -> Result<(), Stuck> {
        let mut questions = unknown(facts, &missing);
        if questions.is_empty() || errand.rounds >= errand.rounds_max {
            return Err(Stuck { asked: missing });
        }
        errand.rounds += 1;
        let granted = errand.grant(questions.len());
        let denied = questions.split_off(granted);
        // Most answers are known, and asking is a large future for each.
        let mut unknown = Vec::new();
        for question in questions {
            match self.known(&question).await {
                Some(answer) => facts.insert(question, answer),
                None => unknown.push(question),
            }
        }
        if !unknown.is_empty() {
            let answers = join_all(unknown.iter().map(|question| self.answer(question, errand.deadline))).await;
            unknown.into_iter().zip(answers).for_each(|(question, answer)| facts.insert(question, answer));
        }
        denied.into_iter().for_each(|question| facts.insert(question, unanswered()));
        Ok(())
    }
}

/// Returns each question that has no answer yet, once, in the judge's order.
fn unknown(facts: &Facts, missing: &[Question]) -> Vec<Question> {
    let mut seen = BTreeSet::new();
    missing.iter().filter(|question| !facts.has(question) && seen.insert(*question)).cloned().collect()
}

/// The judge asked again for what it was told, or never came to an end: our fault, so what it did not conclude
/// is a temperror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// What it asked last.
    pub asked: Vec<Question>,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a judge asks again for what it was told; this is a fault of Sekisho, please report it (it asked for",
        )?;
        for (i, question) in self.asked.iter().take(3).enumerate() {
            write!(f, "{}`{question}`", if i == 0 { " " } else { ", " })?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for Stuck {}
