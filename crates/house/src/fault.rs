//! What went wrong on our side, so that it can be said in the reader's language
//!
//! A failed check is a verdict and not a fault. A fault names a message of `speech/*.ftl` and what the message names;
//! its cause is said behind it.

use std::fmt;
use std::io;
use std::path::Path;

use sekisho_core::facts::Kind;
use sekisho_core::name::BadName;
use sekisho_core::presentation::BadRecord;
use sekisho_core::step::Value;
use sekisho_core::zone::BadLine;

use crate::speech::Talk;

/// Something that could not be done.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// The id of its message.
    message: &'static str,
    /// What the message names.
    arguments: Vec<(&'static str, Value)>,
    /// Words of ours that stand in place of the message, whole however long they are.
    whole: Option<String>,
    /// Why it came to that.
    cause: Option<Box<Fault>>,
}

impl Fault {
    /// Names a message and its arguments.
    pub(crate) fn new<const N: usize>(message: &'static str, arguments: [(&'static str, Value); N]) -> Fault {
        Fault { message, arguments: arguments.into(), whole: None, cause: None }
    }

    /// Names what was to be done with a file, and why the system refused.
    pub(crate) fn io(message: &'static str, path: &Path, error: &io::Error) -> Fault {
        Fault::new(message, [("path", shown(path))]).because(Fault::system(error))
    }

    /// Says what the system said: the common refusals in the reader's language, the others as they came.
    pub(crate) fn system(error: &io::Error) -> Fault {
        let message = match error.kind() {
            io::ErrorKind::NotFound => "why-not-found",
            io::ErrorKind::PermissionDenied => "why-denied",
            io::ErrorKind::IsADirectory => "why-directory",
            io::ErrorKind::AlreadyExists => "why-exists",
            io::ErrorKind::AddrInUse => "why-in-use",
            io::ErrorKind::AddrNotAvailable => "why-not-here",
            // Nothing here waits for files: it is a lock that somebody else has.
            io::ErrorKind::WouldBlock => "why-held",
            io::ErrorKind::InvalidData => "why-not-ours",
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "why-full",
            io::ErrorKind::ReadOnlyFilesystem => "why-read-only",
            io::ErrorKind::NotADirectory => "why-no-directory",
            _ => return Fault::new("why-system", [("text", error.to_string().into())]),
        };
        Fault::new(message, [])
    }

    /// Says something of ours that has to be copied, and is never cut.
    pub(crate) fn whole(text: String) -> Fault {
        Fault { whole: Some(text), ..Fault::new("why-other", []) }
    }

    /// Repeats somebody else's words.
    pub(crate) fn quote(text: String) -> Fault {
        Fault::new("why-other", [("text", text.into())])
    }

    /// Adds the cause.
    pub(crate) fn because(mut self, cause: impl Into<Fault>) -> Fault {
        self.cause = Some(Box::new(cause.into()));
        self
    }

    /// Says the fault and its causes in one line.
    pub(crate) fn say(&self, talk: &Talk) -> String {
        let mut said = self.say_alone(talk);
        let mut cause = &self.cause;
        while let Some(fault) = cause {
            said.push_str(": ");
            said.push_str(&fault.say_alone(talk));
            cause = &fault.cause;
        }
        said
    }

    /// Says the fault without its causes.
    fn say_alone(&self, talk: &Talk) -> String {
        self.whole.clone().unwrap_or_else(|| talk.say(self.message, &self.arguments))
    }
}

/// Returns a path as a sentence names it.
pub(crate) fn shown(path: &Path) -> Value {
    Value::from(path.as_os_str().as_encoded_bytes())
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.say(&Talk::new(sekisho_core::speech::Lang::En)))
    }
}

impl std::error::Error for Fault {}

impl From<BadName> for Fault {
    fn from(why: BadName) -> Fault {
        Fault::new(
            match why {
                BadName::Empty => "why-name-empty",
                BadName::EmptyLabel => "why-label-empty",
                BadName::LabelTooLong => "why-label-long",
                BadName::TooLong => "why-name-long",
                BadName::BadEscape => "why-name-escape",
                BadName::BadUnicode => "why-name-unicode",
                other => return Fault::quote(other.to_string()),
            },
            [],
        )
    }
}

impl From<BadRecord> for Fault {
    fn from(why: BadRecord) -> Fault {
        Fault::new(
            match why {
                BadRecord::Address => "why-address",
                BadRecord::Name(why) => return why.into(),
                BadRecord::Preference => "why-preference",
                BadRecord::Quotes => "why-quotes",
                BadRecord::StringTooLong => "why-string-long",
                other => return Fault::quote(other.to_string()),
            },
            [],
        )
    }
}

impl From<BadLine> for Fault {
    fn from(why: BadLine) -> Fault {
        match why {
            BadLine::TooShort => Fault::new("why-line-short", []),
            BadLine::Name(why) => why.into(),
            BadLine::Kind => Fault::new("why-zone-kind", [("kinds", kinds().into())]),
            BadLine::Parenthesis => Fault::new("why-parenthesis", []),
            BadLine::Failure => Fault::new("why-failure", []),
            BadLine::Record(why) => why.into(),
            other => Fault::quote(other.to_string()),
        }
    }
}

/// Returns the types of record that judges ask for, as a list for eyes.
pub(crate) fn kinds() -> String {
    Kind::ALL.map(Kind::as_str).join(", ")
}
