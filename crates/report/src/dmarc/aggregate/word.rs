//! The words of aggregate reports, old ones among them

use super::same::same;
use crate::warning::Mend;

/// What a policy asks for, and what was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Disposition {
    /// Nothing.
    None,
    /// Nothing, since the mail passed under a policy that asks for something (RFC 9990).
    Pass,
    /// Mark as suspicious.
    Quarantine,
    /// Refuse.
    Reject,
    /// A word that nobody defined.
    Unknown,
}

/// Whether a check passed and was aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Evaluated {
    /// It did.
    Pass,
    /// It did not.
    Fail,
    /// A word that nobody defined.
    Unknown,
}

/// What a check said (RFC 8601 §2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AuthResult {
    /// There was nothing to check.
    None,
    /// It passed.
    Pass,
    /// It failed.
    Fail,
    /// SPF: probably not authorized.
    Softfail,
    /// It passed, but not by the rules of the receiver.
    Policy,
    /// Nothing can be said.
    Neutral,
    /// It could not be checked just then.
    Temperror,
    /// It can never be checked.
    Permerror,
    /// A word that nobody defined.
    Unknown,
}

/// Kinds of reasons to do something else than the policy asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OverrideKind {
    /// A rule of the receiver.
    LocalPolicy,
    /// The mail came by a mailing list.
    MailingList,
    /// Something else.
    Other,
    /// The domain is testing (RFC 9990).
    PolicyTestMode,
    /// The mail was forwarded by somebody who is trusted.
    TrustedForwarder,
    /// The mail was forwarded (RFC 7489).
    Forwarded,
    /// The mail was not among the percentage asked for (RFC 7489).
    SampledOut,
    /// A word that nobody defined.
    Unknown,
}

/// How a domain has to be aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Alignment {
    /// Within one organization.
    Relaxed,
    /// Equal.
    Strict,
    /// A word that nobody defined.
    Unknown,
}

/// How a policy record was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Discovery {
    /// By the public suffix list (RFC 7489).
    Psl,
    /// By walking up the tree (RFC 9989).
    Treewalk,
    /// A word that nobody defined.
    Unknown,
}

/// A set of words.
pub(super) trait Word: Copy + PartialEq + Sized + 'static {
    /// Each word and what it means; of several with one meaning the first is the one to be written.
    const WORDS: &'static [(&'static str, Self)];
    /// The words of old drafts and of programs that never followed any.
    const OLD: &'static [(&'static str, Self)] = &[];
    /// What stands for all other words.
    const UNKNOWN: Self;

    /// Reads a word; tells what had to be mended.
    fn read(value: &str) -> (Self, Option<Mend>) {
        let is = |(word, meaning): &(&str, Self)| word.eq_ignore_ascii_case(value).then_some(*meaning);
        if let Some((_, meaning)) = Self::WORDS.iter().find(|(word, _)| same(word.as_bytes(), value.as_bytes())) {
            return (*meaning, None);
        }
        if let Some(meaning) = Self::WORDS.iter().find_map(is) {
            return (meaning, Some(Mend::UpperCase));
        }
        match Self::OLD.iter().find_map(is) {
            Some(meaning) => (meaning, Some(Mend::OldWord)),
            None => (Self::UNKNOWN, Some(Mend::UnknownWord)),
        }
    }

    /// Returns the word; `unknown` where it is none.
    fn write(self) -> &'static str {
        Self::WORDS.iter().find(|(_, meaning)| *meaning == self).map_or("unknown", |(word, _)| word)
    }
}

impl Word for Disposition {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("none", Disposition::None),
        ("pass", Disposition::Pass),
        ("quarantine", Disposition::Quarantine),
        ("reject", Disposition::Reject),
    ];
    const UNKNOWN: Self = Disposition::Unknown;
}

impl Word for Evaluated {
    const WORDS: &'static [(&'static str, Self)] = &[("pass", Evaluated::Pass), ("fail", Evaluated::Fail)];
    const UNKNOWN: Self = Evaluated::Unknown;
}

impl Word for AuthResult {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("pass", AuthResult::Pass),
        ("fail", AuthResult::Fail),
        ("none", AuthResult::None),
        ("softfail", AuthResult::Softfail),
        ("policy", AuthResult::Policy),
        ("neutral", AuthResult::Neutral),
        ("temperror", AuthResult::Temperror),
        ("permerror", AuthResult::Permerror),
    ];
    // RFC 7489 appendix C tells that the last two are common; `hardfail` is of RFC 5451.
    const OLD: &'static [(&'static str, Self)] =
        &[("hardfail", AuthResult::Fail), ("error", AuthResult::Temperror), ("unknown", AuthResult::Permerror)];
    const UNKNOWN: Self = AuthResult::Unknown;
}

impl Word for OverrideKind {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("local_policy", OverrideKind::LocalPolicy),
        ("mailing_list", OverrideKind::MailingList),
        ("other", OverrideKind::Other),
        ("policy_test_mode", OverrideKind::PolicyTestMode),
        ("trusted_forwarder", OverrideKind::TrustedForwarder),
        ("forwarded", OverrideKind::Forwarded),
        ("sampled_out", OverrideKind::SampledOut),
    ];
    const UNKNOWN: Self = OverrideKind::Unknown;
}

impl Word for Alignment {
    const WORDS: &'static [(&'static str, Self)] = &[("r", Alignment::Relaxed), ("s", Alignment::Strict)];
    const OLD: &'static [(&'static str, Self)] = &[("relaxed", Alignment::Relaxed), ("strict", Alignment::Strict)];
    const UNKNOWN: Self = Alignment::Unknown;
}

impl Word for Discovery {
    const WORDS: &'static [(&'static str, Self)] = &[("psl", Discovery::Psl), ("treewalk", Discovery::Treewalk)];
    const UNKNOWN: Self = Discovery::Unknown;
}

/// `y` and `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flag {
    /// `y`.
    Yes,
    /// `n`.
    No,
    /// A word that nobody defined.
    Unknown,
}

impl Word for Flag {
    const WORDS: &'static [(&'static str, Self)] = &[("y", Flag::Yes), ("n", Flag::No)];
    const OLD: &'static [(&'static str, Self)] =
        &[("yes", Flag::Yes), ("no", Flag::No), ("true", Flag::Yes), ("false", Flag::No)];
    const UNKNOWN: Self = Flag::Unknown;
}

impl Disposition {
    /// Returns the word of the format.
    pub fn word(self) -> &'static str {
        self.write()
    }
}

impl Evaluated {
    /// Returns the word of the format.
    pub fn word(self) -> &'static str {
        self.write()
    }
}

impl AuthResult {
    /// Returns the word of the format.
    pub fn word(self) -> &'static str {
        self.write()
    }
}

impl OverrideKind {
    /// Returns the word of the format.
    pub fn word(self) -> &'static str {
        self.write()
    }
}

impl Alignment {
    /// Returns the word of the format.
    pub fn word(self) -> &'static str {
        self.write()
    }
}

impl Discovery {
    /// Returns the word of the format.
    pub fn word(self) -> &'static str {
        self.write()
    }
}
