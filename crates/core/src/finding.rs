//! What an audit or a watch wants to tell: how bad it is, of whom, why, and what to do about it
//!
//! A finding is data, as a step is: its rule has one sentence that says what was found, and one that advises
//! (`RULE-advice`), in each language.

use crate::name::DomainName;
use crate::step::{Arguments, Rule, Value};

/// How bad something is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It does not work, or lets others in.
    Fault,
    /// It works, and not as one would want.
    Warning,
    /// It is worth knowing.
    Note,
}

impl Severity {
    /// Returns the stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Fault => "fault",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The rule that it breaks. Its id is stable.
    pub rule: &'static Rule,
    /// Whom it is about.
    pub subject: DomainName,
    /// What the sentences name.
    pub arguments: Arguments,
}

impl Finding {
    /// Notes what was found of a domain.
    pub fn new<const N: usize>(
        severity: Severity,
        rule: &'static Rule,
        subject: &DomainName,
        arguments: [(&'static str, Value); N],
    ) -> Finding {
        Finding { severity, rule, subject: subject.clone(), arguments: arguments.into_iter().collect() }
    }
}
