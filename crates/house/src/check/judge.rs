//! The hearing of one mail: judged, asked, judged again, until nothing is missing
//!
//! This is the one place of the command where judges and the network meet.

use std::sync::Arc;

use jiff::Timestamp;
use sekisho_ask::{Errand, Resolver, ResolverConfig, Source, Stuck, Upstream};
use sekisho_core::facts::{Answer, Facts, Missing, Question};
use sekisho_mail::body::BodyHasher;
use sekisho_mail::envelope::Envelope;
use sekisho_mail::hearing::Hearing;
use sekisho_mail::message::Message;
use sekisho_mail::policy::Policy;
use sekisho_mail::verdict::Verdict;

use super::options::{Answers, Options};
use crate::config::Config;
use crate::fault::Fault;

/// Judges mails over the answers of one source.
pub(crate) struct Judge {
    /// Where answers come from.
    source: Source,
    /// How long they are waited for, for one mail.
    timeout: std::time::Duration,
    /// How often the judges may be sent back, for one mail.
    rounds: usize,
}

/// What one hearing came to.
pub(crate) struct Heard {
    /// What the mail proves.
    pub(crate) verdict: Verdict,
    /// The answers that were needed.
    pub(crate) facts: Facts,
    /// Whether a judge never came to its end, by our fault.
    pub(super) is_broken_off: bool,
}

/// Answers that are at hand before anybody is asked.
#[derive(Clone, Copy, Default)]
pub(crate) struct Layers<'a> {
    /// Answers that replace all others.
    pub(crate) over: Option<&'a Facts>,
    /// Answers that are known already.
    pub(crate) under: Option<&'a Facts>,
}

/// One mail, ready to be heard.
pub(crate) struct Prepared<'a> {
    /// Who judges.
    judge: &'a Judge,
    /// The mail.
    message: &'a Message<'a>,
    /// How it came.
    envelope: &'a Envelope,
    /// The deciding configuration.
    policy: &'a Arc<Policy>,
    /// The time to judge by.
    now: Timestamp,
    /// Answers to fall back on before the source is asked.
    kept: Option<&'a Facts>,
}

impl Judge {
    /// Chooses the source of answers.
    pub(super) fn new(options: &Options, config: &Config) -> Result<Judge, Fault> {
        let source = match &options.answers {
            Answers::Zone(zone) => Source::Zone(zone.clone()),
            Answers::Kept => Source::Facts(Facts::default()),
            Answers::Dns(upstreams) => Source::Dns(resolver(upstreams, config)?),
        };
        Ok(Judge { source, timeout: options.timeout, rounds: Errand::ROUNDS })
    }

    /// Judges over the answers of a source that is there already.
    pub(crate) fn over(source: Source, timeout: std::time::Duration) -> Judge {
        Judge { source, timeout, rounds: Errand::ROUNDS }
    }

    /// Prepares a hearing.
    pub(crate) fn prepare<'a>(
        &'a self,
        message: &'a Message<'a>,
        envelope: &'a Envelope,
        policy: &'a Arc<Policy>,
        now: Timestamp,
    ) -> Prepared<'a> {
        Prepared { judge: self, message, envelope, policy, now, kept: None }
    }
}

/// Makes a resolver.
fn resolver(upstreams: &[Upstream], config: &Config) -> Result<Resolver, Fault> {
    let upstreams = match upstreams {
        [] => Upstream::system()
            .map_err(|why| Fault::new("why-no-system-dns", []).because(Fault::quote(why.to_string())))?,
        named => named.to_vec(),
    };
    let config = ResolverConfig {
        authorities: config.dns.ca_file.clone(),
        cache_octets: config.dns.cache_octets,
        ..ResolverConfig::new(upstreams)
    };
    Resolver::new(config).map_err(|why| Fault::new("fault-resolver", []).because(Fault::quote(why.to_string())))
}

impl<'a> Prepared<'a> {
    /// Lets kept answers stand in for the source, where there are some.
    pub(super) fn after(self, kept: Option<&'a Facts>) -> Prepared<'a> {
        Prepared { kept, ..self }
    }

    /// Hears the mail.
    pub(crate) async fn hear(self, layers: Layers<'_>) -> Heard {
        let Prepared { judge, message, envelope, policy, now, kept } = self;
        let header = message.header();
        let mut asking = Asking {
            judge,
            layers: [layers.over, layers.under, kept],
            facts: Facts::default(),
            errand: Errand::new(judge.timeout, Errand::QUESTIONS).within_rounds(judge.rounds),
        };
        let mut hearing = Hearing::open(envelope.clone(), Arc::clone(policy));
        let proceeded = asking.satisfy(|facts| hearing.proceed(facts, &header, now)).await;
        let mut hasher = BodyHasher::new(&hearing.body_plan());
        for piece in message.body() {
            hasher.update(&piece);
        }
        hearing.close(&hasher.finish());
        let judged = match proceeded {
            Ok(()) => asking.satisfy(|facts| hearing.verdict(facts, &header, now)).await,
            Err(BrokenOff) => Err(BrokenOff),
        };
        let is_broken_off = judged.is_err();
        let verdict = judged.unwrap_or_else(|_| hearing.break_off(&asking.facts, &header, now));
        Heard { verdict, facts: asking.facts, is_broken_off }
    }
}

/// A judge asks again for what it was told, or never comes to an end.
struct BrokenOff;

/// The answers of one hearing as they come in.
struct Asking<'a> {
    /// Who judges.
    judge: &'a Judge,
    /// Answers at hand, the strongest first.
    layers: [Option<&'a Facts>; 3],
    /// The answers that were needed so far.
    facts: Facts,
    /// What this mail may still cost.
    errand: Errand,
}

impl Asking<'_> {
    /// Calls `judge` until nothing is missing: first what is at hand, then the source.
    async fn satisfy<T>(&mut self, mut judge: impl FnMut(&Facts) -> Result<T, Missing>) -> Result<T, BrokenOff> {
        loop {
            let missing = match judge(&self.facts) {
                Ok(verdict) => return Ok(verdict),
                Err(missing) => missing,
            };
            let known = self.facts.len();
            let mut wanted = Vec::new();
            for question in missing.0 {
                match self.at_hand(&question) {
                    Some(answer) => self.facts.insert(question, answer),
                    None => wanted.push(question),
                }
            }
            if !wanted.is_empty() {
                self.ask(wanted).await?;
            }
            if self.facts.len() == known {
                return Err(BrokenOff);
            }
        }
    }

    /// Returns the answer that is at hand.
    fn at_hand(&self, question: &Question) -> Option<Arc<Answer>> {
        let answer = self.layers.iter().flatten().find_map(|layer| layer.get(question).ok())?;
        Some(Arc::new(Answer::new(answer.outcome.clone(), answer.ttl)))
    }

    /// Asks the source, all questions at once.
    async fn ask(&mut self, wanted: Vec<Question>) -> Result<(), BrokenOff> {
        let judge = |facts: &Facts| match facts.unanswered(wanted.iter().cloned()) {
            left if left.is_empty() => Ok(()),
            left => Err(Missing(left)),
        };
        let Asking { judge: Judge { source, .. }, facts, errand, .. } = self;
        source.satisfy(facts, errand, judge).await.map_err(|Stuck { .. }| BrokenOff)
    }
}

#[cfg(test)]
mod tests {
    use sekisho_core::zone::Zone;
    use sekisho_mail::verdict::{Action, DmarcResult, Ground, SpfResult};

    use super::*;

    /// Judges a mail whose SPF needs three rounds, within so many.
    fn hear(rounds: usize) -> Heard {
        let zone = "_dmarc.a.example TXT \"v=DMARC1; p=reject\"
             a.example TXT \"v=spf1 include:b.example -all\"
             b.example TXT \"v=spf1 include:c.example -all\"
             c.example TXT \"v=spf1 ip4:192.0.2.1 -all\"";
        let source = Source::Zone(Zone::parse(zone).unwrap());
        let judge = Judge { source, timeout: Errand::DEADLINE, rounds };
        let message = Message::parse(b"From: x@a.example\r\n\r\nHi.\r\n");
        let envelope = Envelope {
            client_ip: Some([192, 0, 2, 1].into()),
            mail_from: Some((*b"x@a.example").into()),
            ..Envelope::default()
        };
        let policy = Arc::new(Policy::default());
        let prepared = judge.prepare(&message, &envelope, &policy, Timestamp::UNIX_EPOCH);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(prepared.hear(Layers::default()))
    }

    #[test]
    fn a_hearing_that_does_not_end_is_a_temperror_and_no_error() {
        let full = hear(3);
        assert_eq!((full.verdict.action, full.is_broken_off), (Action::Accept, false));
        assert_eq!(full.verdict.spf.map(|spf| spf.result), Some(SpfResult::Pass));
        for rounds in 0..3 {
            let Heard { verdict, facts, is_broken_off } = hear(rounds);
            assert!(is_broken_off && facts.len() < full.facts.len(), "{rounds}");
            assert_eq!((verdict.action, &*verdict.grounds), (Action::Tempfail, &[Ground::DmarcTemperror][..]));
            let spf = verdict.spf.unwrap();
            assert_eq!((spf.result, &*spf.domain), (SpfResult::Temperror, "a.example"), "{rounds}");
            assert_eq!(verdict.dmarc.result, DmarcResult::Temperror, "{rounds}");
            let told = |id| verdict.steps.iter().filter(|step| step.rule.id == id).count();
            assert_eq!((told("spf.broken-off"), told("verdict.broken-off")), (1, 1), "{rounds}");
        }
    }
}
