//! What a judge must know: questions, answers, and all of them together
//!
//! A judge is a function of [`Facts`]. Where an answer is not there yet it returns [`Missing`] with every question it
//! can already name; somebody with a network answers them and asks the judge again.

use std::any::Any;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, OnceLock};

use crate::name::DomainName;

/// One question to the DNS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// Which records are asked for.
    pub kind: Kind,
    /// At which name.
    pub name: DomainName,
}

impl Question {
    /// Asks for `kind` at `name`.
    #[inline]
    pub fn new(kind: Kind, name: DomainName) -> Question {
        Question { kind, name }
    }

    /// Asks for the TXT records at `name`.
    #[inline]
    pub fn txt(name: DomainName) -> Question {
        Question::new(Kind::Txt, name)
    }

    /// Asks for the names of an address (RFC 1035 §3.5, RFC 3596 §2.5).
    pub fn ptr(address: IpAddr) -> Question {
        let (labels, suffix): (Vec<String>, &[u8]) = match address {
            IpAddr::V4(address) => (address.octets().iter().rev().map(u8::to_string).collect(), b"in-addr"),
            IpAddr::V6(address) => {
                let nibbles = address.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
                (nibbles.map(|nibble| format!("{nibble:x}")).collect(), b"ip6")
            }
        };
        let labels = labels.iter().map(String::as_bytes).chain([suffix, b"arpa"]);
        let name = DomainName::from_labels(labels).expect("at most 34 labels of 1 to 7 octets are a name");
        Question::new(Kind::Ptr, name)
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// The record types that judges ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail exchangers.
    Mx,
    /// Text.
    Txt,
    /// The name of an address.
    Ptr,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Kind; 5] = [Kind::A, Kind::Aaaa, Kind::Mx, Kind::Txt, Kind::Ptr];

    /// Returns the type's mnemonic, as zone files write it.
    #[inline]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::A => "A",
            Kind::Aaaa => "AAAA",
            Kind::Mx => "MX",
            Kind::Txt => "TXT",
            Kind::Ptr => "PTR",
        }
    }

    /// Reads a mnemonic, in whatever case.
    pub fn parse(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One record of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// A mail exchanger; the root as exchange says "no mail here" (RFC 7505).
    Mx {
        /// Lower is asked first.
        preference: u16,
        /// The host that takes the mail.
        exchange: DomainName,
    },
    /// The character-strings of one TXT record, each up to 255 octets.
    Txt(Vec<Box<[u8]>>),
    /// The name of an address.
    Ptr(DomainName),
}

impl Record {
    /// Returns which kind of question this record answers.
    pub fn kind(&self) -> Kind {
        match self {
            Record::A(_) => Kind::A,
            Record::Aaaa(_) => Kind::Aaaa,
            Record::Mx { .. } => Kind::Mx,
            Record::Txt(_) => Kind::Txt,
            Record::Ptr(_) => Kind::Ptr,
        }
    }

    /// Returns a TXT record's strings joined without spaces (RFC 7208 §3.3, RFC 6376 §3.6.2.2); nothing for other kinds.
    #[inline]
    pub fn text(&self) -> Option<std::borrow::Cow<'_, [u8]>> {
        match self {
            Record::Txt(strings) => Some(match strings.as_slice() {
                [one] => std::borrow::Cow::Borrowed(one),
                many => std::borrow::Cow::Owned(many.concat()),
            }),
            _ => None,
        }
    }
}

/// What came back. "No such name" and "no such data" differ (DMARC's `np=`), and so do the ways to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// At least one record of the kind asked for.
    Records(Vec<Record>),
    /// The name exists, with no record of that kind (NODATA).
    NoData,
    /// The name does not exist (NXDOMAIN).
    NoName,
    /// The servers failed (SERVFAIL, or anything else that is no answer).
    Servfail,
    /// No answer came in time.
    Timeout,
    /// The server refused to answer.
    Refused,
    /// The answer was larger than the bounds allow, or was cut and could not be had whole.
    Truncated,
}

impl Outcome {
    /// Returns the records, none where there is no answer with some.
    #[inline]
    pub fn records(&self) -> &[Record] {
        match self {
            Outcome::Records(records) => records,
            _ => &[],
        }
    }

    /// Tells whether nothing is known for now: asking again later may tell.
    #[inline]
    pub fn is_transient(&self) -> bool {
        matches!(self, Outcome::Servfail | Outcome::Timeout | Outcome::Refused | Outcome::Truncated)
    }

    /// Tells whether the DNS said that there is nothing: a void lookup (RFC 7208 §4.6.4).
    #[inline]
    pub fn is_absent(&self) -> bool {
        matches!(self, Outcome::NoData | Outcome::NoName)
    }

    /// Returns the outcome's stable word, as `check --json` writes it.
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Records(_) => "answer",
            Outcome::NoData => "nodata",
            Outcome::NoName => "nxdomain",
            Outcome::Servfail => "servfail",
            Outcome::Timeout => "timeout",
            Outcome::Refused => "refused",
            Outcome::Truncated => "truncated",
        }
    }
}

/// An outcome, and its parsed form once somebody needed it: parsed records and keys live as long as the cached answer.
pub struct Answer {
    /// What came back.
    pub outcome: Outcome,
    /// How many seconds it may be kept.
    pub ttl: u32,
    /// What a judge made of it.
    parsed: OnceLock<Arc<dyn Any + Send + Sync>>,
    /// How the books name it.
    name: OnceLock<[u8; 16]>,
}

impl Answer {
    /// Returns an answer that nobody has parsed yet.
    #[inline]
    pub fn new(outcome: Outcome, ttl: u32) -> Answer {
        Answer { outcome, ttl, parsed: OnceLock::new(), name: OnceLock::new() }
    }

    /// Returns what `parse` makes of the outcome, remembered for the next judge that wants the same type.
    ///
    /// The first type asked for is the one that is remembered; any other is parsed anew each time, which is right
    /// and merely slower.
    pub fn parsed<T: Any + Send + Sync>(&self, parse: impl Fn(&Outcome) -> T) -> Arc<T> {
        let known = self.parsed.get_or_init(|| Arc::new(parse(&self.outcome)));
        match Arc::clone(known).downcast::<T>() {
            Ok(parsed) => parsed,
            Err(_) => Arc::new(parse(&self.outcome)),
        }
    }

    /// Returns how the books name this answer: what `name` makes of the outcome, remembered. An answer belongs to one
    /// question, so that the question may be part of its name.
    pub fn named(&self, name: impl FnOnce(&Outcome) -> [u8; 16]) -> [u8; 16] {
        *self.name.get_or_init(|| name(&self.outcome))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("outcome", &self.outcome).field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

/// The judge cannot go on without these answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub Vec<Question>);

impl Missing {
    /// Joins what two judges that go on side by side are missing; `None` where neither misses anything.
    #[inline]
    pub fn join(left: Option<Missing>, right: Option<Missing>) -> Option<Missing> {
        match (left, right) {
            (Some(mut left), Some(right)) => {
                left.0.extend(right.0);
                Some(left)
            }
            (left, right) => left.or(right),
        }
    }
}

/// The answers at hand, sorted by question: a dozen of them, so a vector beats a map.
#[derive(Clone, Debug, Default)]
pub struct Facts(Vec<(Question, Arc<Answer>)>);

impl Facts {
    /// Returns the answer to `question`, or names it as missing.
    #[inline]
    pub fn get(&self, question: &Question) -> Result<&Answer, Missing> {
        self.find(question).ok_or_else(|| Missing(vec![question.clone()]))
    }

    /// Returns the answer to `question`, where there is one. While they are few, to look at the length of each name is
    /// quicker than to compare some.
    #[inline]
    fn find(&self, question: &Question) -> Option<&Answer> {
        /// How many are few.
        const FEW: usize = 32;
        let at = if self.0.len() <= FEW {
            self.0.iter().position(|(known, _)| known == question)?
        } else {
            self.0.binary_search_by(|(known, _)| known.cmp(question)).ok()?
        };
        self.0.get(at).map(|(_, answer)| &**answer)
    }

    /// Tells whether `question` has been answered.
    #[inline]
    pub fn has(&self, question: &Question) -> bool {
        self.find(question).is_some()
    }

    /// Returns those of `questions` that have not been answered; what a judge wants asked ahead of its need.
    pub fn unanswered(&self, questions: impl IntoIterator<Item = Question>) -> Vec<Question> {
        questions.into_iter().filter(|question| !self.has(question)).collect()
    }

    /// Adds an answer; one that is known already stays, since facts only grow.
    #[inline]
    pub fn insert(&mut self, question: Question, answer: Arc<Answer>) {
        /// How many most verdicts rest on.
        const USUAL: usize = 16;
        if self.0.is_empty() {
            self.0.reserve(USUAL);
        }
        if let Err(at) = self.0.binary_search_by(|(known, _)| known.cmp(&question)) {
            self.0.insert(at, (question, answer));
        }
    }

    /// Returns the facts sorted by kind and name.
    pub fn iter(&self) -> impl Iterator<Item = (&Question, &Answer)> {
        self.0.iter().map(|(question, answer)| (question, &**answer))
    }

    /// Returns how many questions have been answered.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether nothing is known.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Question, Answer)> for Facts {
    fn from_iter<I: IntoIterator<Item = (Question, Answer)>>(answers: I) -> Facts {
        let mut facts = Facts::default();
        for (question, answer) in answers {
            facts.insert(question, Arc::new(answer));
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(text: &str) -> Question {
        Question::txt(DomainName::parse(text).unwrap())
    }

    #[test]
    fn facts_only_grow() {
        let mut facts = Facts::default();
        assert_eq!(facts.get(&question("a.example")).unwrap_err(), Missing(vec![question("a.example")]));
        facts.insert(question("a.example"), Arc::new(Answer::new(Outcome::NoName, 60)));
        facts.insert(question("a.example"), Arc::new(Answer::new(Outcome::Timeout, 0)));
        assert_eq!(facts.get(&question("a.example")).unwrap().outcome, Outcome::NoName);
        assert_eq!(facts.len(), 1);
    }

    #[test]
    fn the_names_of_an_address_are_asked_for_backwards() {
        let asked = |address: &str| Question::ptr(address.parse().unwrap()).to_string();
        assert_eq!(asked("192.0.2.41"), "PTR 41.2.0.192.in-addr.arpa");
        assert_eq!(
            asked("2001:db8::cb01"),
            "PTR 1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        );
    }

    #[test]
    fn an_answer_is_parsed_once_for_the_first_type_and_rightly_for_others() {
        let answer = Answer::new(Outcome::NoData, 60);
        let first = answer.parsed(|_| 7u32);
        assert!(Arc::ptr_eq(&first, &answer.parsed(|_| 8u32)));
        assert_eq!(*answer.parsed(|outcome| outcome.word().to_owned()), "nodata");
    }
}
