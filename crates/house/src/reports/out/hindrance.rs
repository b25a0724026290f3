//! Why a report, or its copy for one recipient, is not sent

use sekisho_core::speech::Lang;

use crate::fault::Fault;
use crate::speech::Talk;

/// A reason not to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hindrance {
    /// The record asks nobody for reports.
    NobodyAsks,
    /// There is no single policy record any more.
    NoRecord,
    /// No mail of that day is left to report on.
    NoMail,
    /// All mail of that day were reports to us: two houses would go on telling each other of their reports.
    OnlyReports,
    /// The name of the domain cannot stand in a mail.
    OddName,
    /// The DNS does not answer just now.
    Dns,
    /// It is no `mailto:`.
    Scheme,
    /// It is no address that we can write to.
    Address,
    /// Whose address it is does not agree: there is no record at this name (RFC 9990, external destinations).
    NoConsent(String),
    /// Whose address it is wants the reports at another host, which could be anybody's.
    Elsewhere,
    /// So many others are asked for before.
    TooMany(usize),
    /// The mail has so many octets, and only so many may be.
    TooLarge(u64, u64),
    /// The name is a public suffix: whoever is asked there is not the owner of the mail.
    PublicSuffix,
    /// Failure reports are turned off since.
    TurnedOff,
}

impl Hindrance {
    /// Every stable word.
    #[cfg(test)]
    pub(super) const WORDS: [&str; 14] = [
        "nobody-asks",
        "no-record",
        "no-mail",
        "only-reports",
        "odd-name",
        "dns",
        "scheme",
        "address",
        "no-consent",
        "elsewhere",
        "too-many",
        "too-large",
        "public-suffix",
        "turned-off",
    ];

    /// Returns its stable word.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Hindrance::NobodyAsks => "nobody-asks",
            Hindrance::NoRecord => "no-record",
            Hindrance::NoMail => "no-mail",
            Hindrance::OnlyReports => "only-reports",
            Hindrance::OddName => "odd-name",
            Hindrance::Dns => "dns",
            Hindrance::Scheme => "scheme",
            Hindrance::Address => "address",
            Hindrance::NoConsent(_) => "no-consent",
            Hindrance::Elsewhere => "elsewhere",
            Hindrance::TooMany(_) => "too-many",
            Hindrance::TooLarge(..) => "too-large",
            Hindrance::PublicSuffix => "public-suffix",
            Hindrance::TurnedOff => "turned-off",
        }
    }

    /// Tells whether somebody might want to know: where nobody asks, nothing is amiss.
    pub(super) fn is_odd(&self) -> bool {
        !matches!(self, Hindrance::NobodyAsks | Hindrance::NoMail | Hindrance::OnlyReports)
    }

    /// Returns what can be said to a person.
    pub(super) fn fault(&self) -> Fault {
        let kilobytes = |octets: u64| octets.div_ceil(1024).into();
        match self {
            Hindrance::NobodyAsks => Fault::new("out-nobody-asks", []),
            Hindrance::NoRecord => Fault::new("out-no-record", []),
            Hindrance::NoMail => Fault::new("out-no-mail", []),
            Hindrance::OnlyReports => Fault::new("out-only-reports", []),
            Hindrance::OddName => Fault::new("out-odd-name", []),
            Hindrance::Dns => Fault::new("out-dns", []),
            Hindrance::Scheme => Fault::new("out-scheme", []),
            Hindrance::Address => Fault::new("out-address", []),
            Hindrance::NoConsent(name) => Fault::new("out-no-consent", [("name", name.clone().into())]),
            Hindrance::Elsewhere => Fault::new("out-elsewhere", []),
            Hindrance::PublicSuffix => Fault::new("out-public-suffix", []),
            Hindrance::TurnedOff => Fault::new("out-turned-off", []),
            Hindrance::TooMany(most) => Fault::new("out-too-many", [("most", (*most).into())]),
            Hindrance::TooLarge(size, most) => {
                Fault::new("out-too-large", [("size", kilobytes(*size)), ("most", kilobytes(*most))])
            }
        }
    }

    /// Returns what the ledger keeps: the word, and the sentence behind it.
    pub(super) fn noted(&self) -> String {
        format!("{}: {}", self.word(), self.fault())
    }

    /// Reads what the ledger keeps; nothing where those words are somebody else's.
    fn read(noted: &str) -> Option<Hindrance> {
        let (word, sentence) = noted.split_once(": ")?;
        let mut numbers = sentence.split(|letter: char| !letter.is_ascii_digit()).filter_map(|text| text.parse().ok());
        let mut octets = || numbers.next().map(|kilobytes: u64| kilobytes.saturating_mul(1024));
        Some(match word {
            "nobody-asks" => Hindrance::NobodyAsks,
            "no-record" => Hindrance::NoRecord,
            "no-mail" => Hindrance::NoMail,
            "only-reports" => Hindrance::OnlyReports,
            "odd-name" => Hindrance::OddName,
            "dns" => Hindrance::Dns,
            "scheme" => Hindrance::Scheme,
            "address" => Hindrance::Address,
            "no-consent" => Hindrance::NoConsent(sentence.rsplit(' ').next()?.to_owned()),
            "elsewhere" => Hindrance::Elsewhere,
            "public-suffix" => Hindrance::PublicSuffix,
            "turned-off" => Hindrance::TurnedOff,
            "too-many" => Hindrance::TooMany(usize::try_from(octets()? / 1024).ok()?),
            "too-large" => Hindrance::TooLarge(octets()?, octets()?),
            _ => return None,
        })
    }
}

/// Says in the reader's language why a report was not sent, as the ledger keeps it; what a relay said stands as it said it.
pub(crate) fn say(noted: &str, talk: &Talk) -> String {
    let ours = Hindrance::read(noted).filter(|why| talk.lang() != Lang::En && why.noted() == noted);
    ours.map_or_else(|| noted.to_owned(), |why| why.fault().say(talk))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each kind.
    fn all() -> [Hindrance; 14] {
        [
            Hindrance::NobodyAsks,
            Hindrance::NoRecord,
            Hindrance::NoMail,
            Hindrance::OnlyReports,
            Hindrance::OddName,
            Hindrance::Dns,
            Hindrance::Scheme,
            Hindrance::Address,
            Hindrance::NoConsent("a.example._report._dmarc.b.example".to_owned()),
            Hindrance::Elsewhere,
            Hindrance::TooMany(7),
            Hindrance::TooLarge(3 << 20, 1 << 20),
            Hindrance::PublicSuffix,
            Hindrance::TurnedOff,
        ]
    }

    #[test]
    fn what_the_ledger_keeps_is_said_in_the_readers_language() {
        let (en, ja) = (Talk::new(Lang::En), Talk::new(Lang::Ja));
        assert_eq!(all().each_ref().map(Hindrance::word), Hindrance::WORDS);
        for why in all() {
            let noted = why.noted();
            assert_eq!((say(&noted, &en), say(&noted, &ja)), (noted.clone(), why.fault().say(&ja)));
            assert_ne!(say(&noted, &ja), noted);
        }
        for other in ["550 5.7.1 no", "dns: 550 said the relay", "too-large: ", "no-consent:", ""] {
            assert_eq!(say(other, &ja), other);
        }
    }

    #[test]
    fn every_reason_has_words() {
        for lang in Lang::ALL {
            for word in Hindrance::WORDS {
                let id = format!("out-{word}");
                assert_ne!(Talk::new(lang).word(&id), id);
            }
        }
        assert!(Hindrance::NoConsent("x.example".into()).noted().contains("x.example"));
    }
}
