//! A verdict unfolded: each check as a line of steps from top to bottom, the failing place lit, and the facts below

use sekisho_core::event::SignatureEvent;
use sekisho_core::facts::{Facts, Outcome, Record};
use sekisho_core::step::{Check, Step};
use sekisho_mail::dkim::retold::Retold;
use sekisho_mail::verdict::DkimResult;

use super::frame::Frame;
use super::shown;

/// A check, as it is drawn.
pub(super) struct Drawn {
    /// What it is called.
    pub(super) name: String,
    /// Its result; nothing where a check is a list of results of its own.
    pub(super) result: Option<String>,
    /// Its steps.
    pub(super) steps: Vec<DrawnStep>,
}

/// A step, as it is drawn.
pub(super) struct DrawnStep {
    /// The sentence.
    pub(super) says: String,
    /// The stable id of its rule; empty where it is not known.
    pub(super) rule: &'static str,
    /// Where that is written.
    pub(super) section: &'static str,
    /// What it led to.
    pub(super) result: Option<&'static str>,
    /// Classes of the stylesheet: how it looks, and how deep it lies.
    pub(super) class: String,
}

/// A fact, as it is shown.
pub(super) struct DrawnFact {
    /// The record type.
    pub(super) kind: String,
    /// The name.
    pub(super) name: String,
    /// What came back, where there are no records.
    pub(super) outcome: Option<String>,
    /// The records.
    pub(super) records: Vec<String>,
}

/// The deepest step that the stylesheet indents.
const DEEPEST: u8 = 3;

/// Draws the steps of one check; nothing where there are none.
pub(super) fn check(frame: &Frame, check: Check, result: Option<&str>, steps: &[Step]) -> Option<Drawn> {
    let steps: Vec<DrawnStep> =
        steps.iter().filter(|step| step.check == check).map(|step| drawn(frame, step)).collect();
    let name = frame.say(&format!("label-{}", check.as_str()));
    (!steps.is_empty()).then(|| Drawn { name, result: result.map(str::to_owned), steps })
}

/// Draws a signature of the books. Where a phrase alone tells how it ended, that is the last step.
pub(super) fn signature(frame: &Frame, kept: &SignatureEvent, retold: &Retold) -> Drawn {
    let mut steps: Vec<DrawnStep> = retold.steps.iter().map(|step| drawn(frame, step)).collect();
    if let Some(reason) = kept.reason.as_deref().filter(|_| retold.steps.iter().all(|step| step.result.is_none())) {
        let (rule, section) = retold.untold.map_or(("", ""), |rule| (rule.id, rule.section));
        let result = DkimResult::ALL.iter().map(|result| result.as_str()).find(|result| *result == kept.result);
        let class = format!("{} depth-1", shown::state(&kept.result));
        steps.push(DrawnStep { says: frame.phrase(reason), rule, section, result, class });
    }
    Drawn { name: frame.say("label-dkim"), result: Some(kept.result.clone()), steps }
}

/// Draws one step.
fn drawn(frame: &Frame, step: &Step) -> DrawnStep {
    let state = step.result.map_or("", shown::state);
    DrawnStep {
        says: frame.talk.step(step),
        rule: step.rule.id,
        section: step.rule.section,
        result: step.result,
        class: format!("{state} depth-{}", step.depth.min(DEEPEST)),
    }
}

/// Returns facts as they are shown, in the order of their questions.
pub(super) fn facts(frame: &Frame, facts: &Facts) -> Vec<DrawnFact> {
    let shown = facts.iter().map(|(question, answer)| DrawnFact {
        kind: question.kind.to_string(),
        name: shown::text(&question.name.to_string()),
        outcome: match &answer.outcome {
            Outcome::Records(_) => None,
            other => Some(frame.word("outcome", other.word())),
        },
        records: answer.outcome.records().iter().map(record).collect(),
    });
    shown.collect()
}

/// Returns a record in presentation format: whatever is odd in it is escaped there already.
fn record(record: &Record) -> String {
    record.to_string()
}
