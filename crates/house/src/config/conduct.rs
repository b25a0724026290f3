//! What is done with mails, for the whole house or for some of them: the options that a rule may set too

use toml::Spanned;

use super::Faults;
use crate::fault::Fault;

/// What was written.
#[derive(Clone, Debug, Default)]
pub(super) struct RawConduct {
    /// `monitor` or `enforce`.
    pub(super) mode: Option<Spanned<String>>,
    /// What is done with a mail without one author to rely on.
    pub(super) author: Option<Spanned<String>>,
    /// What is done where DMARC fails and the domain asks for rejection.
    pub(super) dmarc_reject: Option<Spanned<String>>,
    /// What is done where the DNS does not answer.
    pub(super) temperror: Option<Spanned<String>>,
    /// What is done with a mail that we failed to judge.
    pub(super) failure: Option<Spanned<String>>,
    /// What quarantine is.
    pub(super) quarantine: Option<Spanned<String>>,
}

/// Declares an option of a few words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($(#[$word_doc])* $variant,)*
        }

        impl $name {
            /// Every word.
            const ALL: &[$name] = &[$($name::$variant,)*];

            /// Returns the word of the configuration.
            pub(crate) fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)*
                }
            }

            /// Reads the word; one that is not known is a fault, which names those that are.
            fn read(written: Option<&Spanned<String>>, faults: &mut Faults) -> Option<$name> {
                let written = written?;
                let known = $name::ALL.iter().copied().find(|known| known.as_str() == written.get_ref());
                if known.is_none() {
                    let words = $name::ALL.iter().map(|known| format!("`{}`", known.as_str())).collect::<Vec<_>>();
                    let value = written.get_ref().clone().into();
                    let fault = Fault::new("fault-word", [("value", value), ("words", words.join(", ").into())]);
                    faults.push((written.span(), fault));
                }
                known
            }
        }
    };
}

words! {
    /// Whether verdicts have consequences.
    Mode {
        /// Every mail is judged and annotated, none is refused.
        Monitor = "monitor",
        /// Verdicts decide.
        Enforce = "enforce",
    }
}
words! {
    /// What is done with a mail that has no single author domain to rely on.
    OnAuthor {
        /// It is refused.
        Refuse = "refuse",
        /// It goes into quarantine.
        Quarantine = "quarantine",
        /// It passes.
        Pass = "pass",
    }
}
words! {
    /// What is done where DMARC fails and the domain asks for rejection (RFC 9989 §5.4: that alone is no ground to reject).
    OnReject {
        /// It goes into quarantine.
        Quarantine = "quarantine",
        /// It is refused unless it looks like mail of a mailing list.
        RefuseUnlessList = "refuse-unless-list",
        /// It is refused: that is the policy of this house.
        Refuse = "refuse",
    }
}
words! {
    /// What is done where the DNS does not answer and the answer matters.
    OnTemperror {
        /// The client shall try again.
        PutOff = "tempfail",
        /// It passes.
        Pass = "pass",
    }
}
words! {
    /// What is done with a mail that we failed to judge.
    OnFailure {
        /// It passes, with a field that says that nobody judged it.
        Pass = "pass",
        /// The client shall try again.
        PutOff = "tempfail",
    }
}
words! {
    /// What quarantine is.
    Quarantine {
        /// A field for the filter behind us, such as Sieve.
        Header = "header",
        /// The MTA's own hold queue.
        Hold = "hold",
    }
}

/// What is done with mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conduct {
    /// Whether verdicts have consequences.
    pub(crate) mode: Mode,
    /// No single author domain.
    pub(crate) author: OnAuthor,
    /// DMARC fails, and the domain asks for rejection.
    pub(crate) dmarc_reject: OnReject,
    /// The DNS does not answer.
    pub(crate) temperror: OnTemperror,
    /// We failed to judge it.
    pub(crate) failure: OnFailure,
    /// What quarantine is.
    pub(crate) quarantine: Quarantine,
}

impl Default for Conduct {
    fn default() -> Conduct {
        Conduct {
            mode: Mode::Monitor,
            author: OnAuthor::Refuse,
            dmarc_reject: OnReject::Quarantine,
            temperror: OnTemperror::PutOff,
            failure: OnFailure::Pass,
            quarantine: Quarantine::Header,
        }
    }
}

/// What one rule changes of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// Whether verdicts have consequences.
    pub(super) mode: Option<Mode>,
    /// No single author domain.
    pub(super) author: Option<OnAuthor>,
    /// DMARC fails, and the domain asks for rejection.
    pub(super) dmarc_reject: Option<OnReject>,
    /// The DNS does not answer.
    pub(super) temperror: Option<OnTemperror>,
    /// We failed to judge it.
    pub(super) failure: Option<OnFailure>,
    /// What quarantine is.
    pub(super) quarantine: Option<Quarantine>,
}

impl Change {
    /// Checks what was written.
    pub(super) fn check(raw: &RawConduct, faults: &mut Faults) -> Change {
        Change {
            mode: Mode::read(raw.mode.as_ref(), faults),
            author: OnAuthor::read(raw.author.as_ref(), faults),
            dmarc_reject: OnReject::read(raw.dmarc_reject.as_ref(), faults),
            temperror: OnTemperror::read(raw.temperror.as_ref(), faults),
            failure: OnFailure::read(raw.failure.as_ref(), faults),
            quarantine: Quarantine::read(raw.quarantine.as_ref(), faults),
        }
    }

    /// Returns the conduct with this change.
    pub(crate) fn of(self, conduct: Conduct) -> Conduct {
        Conduct {
            mode: self.mode.unwrap_or(conduct.mode),
            author: self.author.unwrap_or(conduct.author),
            dmarc_reject: self.dmarc_reject.unwrap_or(conduct.dmarc_reject),
            temperror: self.temperror.unwrap_or(conduct.temperror),
            failure: self.failure.unwrap_or(conduct.failure),
            quarantine: self.quarantine.unwrap_or(conduct.quarantine),
        }
    }
}
