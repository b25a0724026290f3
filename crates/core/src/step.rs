//! One line of the explanation of a verdict, as data: which rule, which section, what it led to
//!
//! Judges push [`Step`]s while they judge. [`crate::speech`] turns them into sentences; nothing else does.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::name::DomainName;
use crate::visible::Visible;

/// A rule that a judge follows. Its id is stable: other programs read it, and the sentence is found by it.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// The stable id, `check.what-happened`, for example `spf.void-lookups`.
    pub id: &'static str,
    /// Where it is written, for example `RFC 7208 §4.6.4`.
    pub section: &'static str,
}

/// Which check a step belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Check {
    /// Who the author is.
    Author,
    /// SPF of the MAIL FROM identity.
    Spf,
    /// SPF of the HELO identity.
    SpfHelo,
    /// DKIM signatures.
    Dkim,
    /// The ARC chain.
    Arc,
    /// DMARC.
    Dmarc,
    /// What the policy of the house makes of all of them.
    Verdict,
}

impl Check {
    /// Returns the check's stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Check::Author => "author",
            Check::Spf => "spf",
            Check::SpfHelo => "spf_helo",
            Check::Dkim => "dkim",
            Check::Arc => "arc",
            Check::Dmarc => "dmarc",
            Check::Verdict => "verdict",
        }
    }
}

/// One line of the explanation.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The check it belongs to.
    pub check: Check,
    /// How deep it lies: an included record lies one deeper than the record that includes it.
    pub depth: u8,
    /// The rule that was followed.
    pub rule: &'static Rule,
    /// What it led to, in the check's result words; nothing where it only leads on to the next step.
    pub result: Option<&'static str>,
    /// What the sentence names.
    pub arguments: Arguments,
}

/// What a sentence names: each thing behind the word that the sentence calls it.
pub type Arguments = SmallVec<[(&'static str, Value); FEW]>;

/// How many things most sentences name at most.
const FEW: usize = 2;

/// Something that a step's sentence names.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A word of ours.
    Word(&'static str),
    /// Text from outside.
    Text(Box<[u8]>),
    /// Text from outside that lives longer than the step, such as a term of a cached record.
    Shared(Arc<[u8]>),
    /// A count.
    Number(u64),
    /// A domain name.
    Name(DomainName),
    /// An address.
    Address(IpAddr),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Word(word) => f.write_str(word),
            Value::Text(text) => Visible(text).fmt(f),
            Value::Shared(text) => Visible(text).fmt(f),
            Value::Number(number) => number.fmt(f),
            Value::Name(name) => name.fmt(f),
            Value::Address(address) => address.fmt(f),
        }
    }
}

impl From<&'static str> for Value {
    fn from(word: &'static str) -> Value {
        Value::Word(word)
    }
}

impl From<&[u8]> for Value {
    fn from(text: &[u8]) -> Value {
        Value::Text(text.into())
    }
}

impl From<Cow<'static, str>> for Value {
    fn from(text: Cow<'static, str>) -> Value {
        match text {
            Cow::Borrowed(word) => Value::Word(word),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text.into_bytes().into_boxed_slice())
    }
}

impl From<Arc<[u8]>> for Value {
    fn from(text: Arc<[u8]>) -> Value {
        Value::Shared(text)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Value {
        Value::Number(number as u64)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Value {
        Value::Number(number)
    }
}

impl From<&DomainName> for Value {
    fn from(name: &DomainName) -> Value {
        Value::Name(name.clone())
    }
}

impl From<IpAddr> for Value {
    fn from(address: IpAddr) -> Value {
        Value::Address(address)
    }
}

/// Where an account stood at some moment.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    /// How deep the next step lay.
    depth: u8,
    /// How many steps there were.
    steps: usize,
}

/// The steps of one check while it is being judged.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The check that is being judged.
    check: Check,
    /// How deep the next step lies.
    depth: u8,
    /// What was written so far.
    steps: Vec<Step>,
}

impl Trace {
    /// Starts the account of one check.
    #[inline]
    pub fn new(check: Check) -> Trace {
        Trace { check, depth: 0, steps: Vec::new() }
    }

    /// Writes a step that leads on to the next one.
    pub fn note<const N: usize>(&mut self, rule: &'static Rule, arguments: [(&'static str, Value); N]) {
        self.push(rule, None, arguments);
    }

    /// Writes a step that led to `result`.
    pub fn conclude<const N: usize>(
        &mut self,
        rule: &'static Rule,
        result: &'static str,
        arguments: [(&'static str, Value); N],
    ) {
        self.push(rule, Some(result), arguments);
    }

    /// Writes a step that led to `result`, with arguments that were gathered elsewhere.
    pub fn conclude_with(&mut self, rule: &'static Rule, result: &'static str, arguments: Vec<(&'static str, Value)>) {
        self.steps.push(Step {
            check: self.check,
            depth: self.depth,
            rule,
            result: Some(result),
            arguments: arguments.into(),
        });
    }

    /// Goes one level deeper: what follows explains the step above.
    #[inline]
    pub fn enter(&mut self) {
        self.depth = self.depth.saturating_add(1);
    }

    /// Comes back up one level.
    #[inline]
    pub fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Forgets everything and starts again, for the next round.
    #[inline]
    pub fn restart(&mut self) {
        self.depth = 0;
        self.steps.clear();
    }

    /// Returns where the account stands.
    #[inline]
    pub fn mark(&self) -> Mark {
        Mark { depth: self.depth, steps: self.steps.len() }
    }

    /// Forgets what was written since the account stood there.
    #[inline]
    pub fn return_to(&mut self, mark: Mark) {
        self.depth = mark.depth;
        self.steps.truncate(mark.steps);
    }

    /// Returns what was written so far.
    #[inline]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Ends the account.
    #[inline]
    pub fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    /// Writes one step.
    fn push<const N: usize>(
        &mut self,
        rule: &'static Rule,
        result: Option<&'static str>,
        arguments: [(&'static str, Value); N],
    ) {
        /// How many steps most accounts have: the first one makes room for them all.
        const USUAL: usize = 8;
        if self.steps.is_empty() {
            self.steps.reserve(USUAL);
        }
        let arguments =
            if N > FEW { Arguments::from_vec(Vec::from(arguments)) } else { Arguments::from_iter(arguments) };
        self.steps.push(Step { check: self.check, depth: self.depth, rule, result, arguments });
    }
}
