//! What a verdict means for the mail: the house's own rules over the recommended policy
//!
//! Monitoring is the default: every mail is judged and annotated, and none is refused.

use sekisho_mail::verdict::{Action, Ground, Verdict};

use crate::config::{GateSection, Mode};

/// What is done with a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It passes.
    Pass,
    /// It passes, marked for the filter behind us.
    Mark,
    /// The client is refused with this answer.
    Refuse(String),
    /// The client shall try again, with this answer.
    PutOff(String),
}

impl Decision {
    /// Every word.
    pub(crate) const WORDS: [&str; 4] = ["pass", "mark", "refuse", "put-off"];

    /// Returns the stable word for logs and counters.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Decision::Pass => "pass",
            Decision::Mark => "mark",
            Decision::Refuse(_) => "refuse",
            Decision::PutOff(_) => "put-off",
        }
    }
}

/// Decides about a mail that was judged.
pub(super) fn decide(section: &GateSection, verdict: &Verdict) -> Decision {
    if section.mode == Mode::Monitor {
        return Decision::Pass;
    }
    match verdict.action {
        Action::Accept => Decision::Pass,
        Action::Quarantine => Decision::Mark,
        Action::Tempfail => Decision::PutOff(
            "451 4.7.5 The sender's domain could not be verified just now, please try again later".to_owned(),
        ),
        Action::Reject => Decision::Refuse(refusal(verdict)),
    }
}

/// Says why a mail is refused.
fn refusal(verdict: &Verdict) -> String {
    let why = match verdict.grounds.first() {
        Some(Ground::AuthorMissing) => "the mail has no author (From field)",
        Some(Ground::AuthorMultiple) => "the mail has authors of several domains (From field)",
        _ => "the author (From field) cannot be relied on",
    };
    match verdict.author.reason {
        Some(reason) => format!("550 5.7.1 Refused: {why}: {reason} (RFC 5322 section 3.6.2)"),
        None => format!("550 5.7.1 Refused: {why} (RFC 5322 section 3.6.2)"),
    }
}
