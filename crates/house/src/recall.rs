//! Recall: a mail of the books with the facts that its verdict rests on, judged once more, as it was or with other records
//!
//! The page of a mail and the API ask here.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sekisho_ask::{Errand, Source};
use sekisho_core::event::{FactEvent, MailEvent, SignatureEvent};
use sekisho_core::facts::{Answer, Facts, Kind, Outcome, Question, Record};
use sekisho_core::name::DomainName;
use sekisho_core::step::Step;
use sekisho_mail::dkim::retold::{Retold, retell};
use sekisho_mail::policy::Policy;

use crate::check::what_if;
use crate::fault::Fault;
use crate::lake::{Lake, LakeError};
use crate::simulate::again::{self, Changed};
use crate::world::World;

/// How many questions a what-if may ask: it is one mail.
const QUESTIONS: usize = 200;
/// How long a kept answer is said to live, in seconds; no judge looks at it.
const TTL: u32 = 300;

/// A mail, and what is left of its facts.
pub(crate) struct Recalled {
    /// The mail.
    pub(crate) mail: MailEvent,
    /// Its facts, as far as they are kept.
    pub(crate) kept: Facts,
    /// The steps of SPF and DMARC, judged again; nothing where a fact is gone that they need.
    pub(crate) steps: Option<Vec<Step>>,
}

/// Finds a mail by its verdict's id; with `within`, only where every recipient domain is one of these or below.
pub(crate) fn find(lake: &dyn Lake, id: &str, within: Option<&[String]>) -> Result<Option<Recalled>, LakeError> {
    let Some(mail) = lake.mail(id, within)? else { return Ok(None) };
    let day = |at: i64| Timestamp::from_microsecond(at).unwrap_or_default().to_zoned(TimeZone::UTC).date();
    let last: Date = day(mail.at);
    // A fact is told once a day; a mail around midnight may rest on one of the day before.
    let first = last.yesterday().unwrap_or(last);
    let kept: Facts = lake.facts(&mail.facts, first, last)?.iter().filter_map(fact).collect();
    let (policy, nothing) = (Policy::default(), Facts::default());
    let world = World { replaced: &nothing, known: &kept, policy: &policy, now: judged_at(&mail) };
    let steps = again::steps(&mail, world).ok();
    Ok(Some(Recalled { mail, kept, steps }))
}

impl Recalled {
    /// Tells whether facts are gone that the verdict rests on.
    pub(crate) fn is_worn(&self) -> bool {
        self.steps.is_none() || self.kept.len() < self.mail.facts.len()
    }

    /// Tells its signatures again, in the order of the header.
    pub(crate) fn signatures(&self) -> impl Iterator<Item = (&SignatureEvent, Retold)> {
        self.mail.dkim.iter().map(|kept| (kept, retell(kept, &self.kept)))
    }

    /// Judges the mail with other records: `TYPE NAME=DATA`, each. What is not kept is asked for.
    pub(crate) async fn what_if(&self, proposals: &[String], source: Source) -> Result<Changed, Fault> {
        let proposed = what_if::parse(proposals)?;
        let (policy, nothing, now) = (Policy::default(), Facts::default(), judged_at(&self.mail));
        let copy = |(question, answer): (&Question, &Answer)| {
            (question.clone(), Answer::new(answer.outcome.clone(), answer.ttl))
        };
        let mut known: Facts = self.kept.iter().map(copy).collect();
        let mut errand = Errand::new(Errand::DEADLINE, QUESTIONS);
        let judged = source.satisfy(&mut known, &mut errand, |known| {
            let before = World { replaced: &nothing, known, policy: &policy, now };
            again::compare(&self.mail, before, World { replaced: &proposed, ..before })
        });
        judged.await.map_err(|_| Fault::new("desk-what-if-stuck", []))
    }
}

/// Returns when a mail was judged.
fn judged_at(mail: &MailEvent) -> Timestamp {
    Timestamp::from_microsecond(mail.at).unwrap_or_default()
}

/// Reads a fact of the books; nothing where it is not one that this build knows.
fn fact(kept: &FactEvent) -> Option<(Question, Answer)> {
    let kind = Kind::parse(&kept.kind)?;
    let question = Question::new(kind, DomainName::from_presentation(&kept.name).ok()?);
    let outcome = match kept.outcome.as_str() {
        "answer" => {
            let records: Result<Vec<Record>, _> =
                kept.records.iter().map(|record| Record::from_presentation(kind, record)).collect();
            Outcome::Records(records.ok()?)
        }
        word => what_if::failure(word)?,
    };
    Some((question, Answer::new(outcome, TTL)))
}
