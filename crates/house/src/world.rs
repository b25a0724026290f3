//! What the DNS would say if some records were other ones: their answers replaced, all others as they are

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use sekisho_core::facts::{Answer, Facts, Missing, Outcome, Question};
use sekisho_core::step::{Check, Trace};
use sekisho_mail::policy::Policy;
use sekisho_mail::spf;
use sekisho_mail::verdict::{Identity, SpfVerdict};

/// How long a replaced answer lives, in seconds; no judge looks at it.
const TTL: u32 = 300;

/// A world in which judges are heard.
#[derive(Clone, Copy)]
pub(crate) struct World<'a> {
    /// The answers that are other ones.
    pub(crate) replaced: &'a Facts,
    /// Those of the real DNS, as far as they are known.
    pub(crate) known: &'a Facts,
    /// What limits SPF.
    pub(crate) policy: &'a Policy,
    /// When it is.
    pub(crate) now: Timestamp,
}

impl World<'_> {
    /// Lets a judge judge. Returns what it concluded, and all that it asked beside what is replaced; or names what the
    /// real DNS has to be asked.
    pub(crate) fn hear<T>(&self, mut judge: impl FnMut(&Facts) -> Result<T, Missing>) -> Result<(T, Facts), Missing> {
        let mut heard = self.replaced.clone();
        loop {
            let Missing(asked) = match judge(&heard) {
                Ok(concluded) => return Ok((concluded, heard)),
                Err(missing) => missing,
            };
            let unknown = self.known.unanswered(asked.iter().cloned());
            let before = heard.len();
            for question in &asked {
                if let Ok(answer) = self.known.get(question) {
                    heard.insert(question.clone(), copy(answer));
                }
            }
            // A judge that asks again for what it was told gets no further: whoever asks the DNS finds that out.
            if !unknown.is_empty() || heard.len() == before {
                return Err(Missing(if unknown.is_empty() { asked } else { unknown }));
            }
        }
    }

    /// Judges SPF of a MAIL FROM domain, of which only the domain is known. Returns also what the verdict rests on.
    pub(crate) fn spf(&self, client_ip: IpAddr, domain: &str) -> Result<(SpfVerdict, Facts), Missing> {
        let (identity, mail_from) = (Identity::MailFrom, domain.as_bytes());
        let request = spf::Request { identity, client_ip, helo: b"", mail_from, receiver: None };
        let mut trace = Trace::new(Check::Spf);
        self.hear(|facts| spf::judge(facts, &request, self.policy, self.now, &mut trace))
    }

    /// Returns what the DNS says to a question in this world.
    pub(crate) fn outcome(&self, question: &Question) -> Result<Outcome, Missing> {
        self.hear(|facts| facts.get(question).map(|answer| answer.outcome.clone())).map(|(outcome, _)| outcome)
    }
}

/// Returns facts of which one is another one.
pub(crate) fn with(replaced: &Facts, question: Question, outcome: Outcome) -> Facts {
    let mut facts = Facts::default();
    facts.insert(question, Arc::new(Answer::new(outcome, TTL)));
    replaced.iter().for_each(|(question, answer)| facts.insert(question.clone(), copy(answer)));
    facts
}

/// Copies an answer.
fn copy(answer: &Answer) -> Arc<Answer> {
    Arc::new(Answer::new(answer.outcome.clone(), answer.ttl))
}
