//! What each peer says of the mails, beside what is true: we made the mails, so we know

use std::collections::BTreeMap;

use sekisho_testkit::milter::Replies;

use crate::SESSIONS;
use crate::drive::Sayings;
use crate::mails::{Letter, Truth};

/// How often something happened, by the number of sessions.
type Counts = [usize; SESSIONS.len()];

/// How often the peers said something of a method that is not so, in one mix.
#[derive(Default)]
pub(crate) struct Differences {
    /// What was said.
    said: BTreeMap<Difference, Counts>,
    /// How many mails of each kind each peer was shown.
    shown: BTreeMap<(&'static str, &'static str), Counts>,
}

/// Something that a peer said and that is not so.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Difference {
    /// Of which mails.
    mails: &'static str,
    /// Of which method.
    method: &'static str,
    /// Who.
    peer: &'static str,
    /// What.
    said: String,
    /// What is so.
    truth: String,
}

impl Differences {
    /// Compares what a peer said of the mails of a mix; returns of how many mails all that it said is so.
    pub(crate) fn compare(
        &mut self,
        peer: &'static str,
        sessions: usize,
        letters: &[Letter],
        sayings: &Sayings,
    ) -> usize {
        let at = SESSIONS.iter().position(|known| *known == sessions).expect("a number of sessions that is measured");
        let mut right = 0;
        for (letter, (replies, often)) in
            letters.iter().zip(&sayings.0).flat_map(|(letter, said)| said.iter().map(move |said| (letter, said)))
        {
            let (said, truth, mails) = (Said::read(replies), &letter.truth, kind(&letter.truth));
            self.shown.entry((peer, mails)).or_default()[at] += often;
            let pairs = [
                ("answer", said.answer.to_owned(), "taken".to_owned()),
                ("spf", said.of("spf"), truth.spf.to_owned()),
                ("dkim", said.signatures(), signatures(truth)),
                ("dmarc", said.of("dmarc"), truth.dmarc.to_owned()),
                ("arc", said.of("arc"), truth.arc.to_owned()),
            ];
            let wrong: Vec<_> = pairs.into_iter().filter(|(_, said, truth)| said != truth).collect();
            right += if wrong.is_empty() { *often } else { 0 };
            for (method, said, truth) in wrong {
                self.said.entry(Difference { mails, method, peer, said, truth }).or_default()[at] += often;
            }
        }
        right
    }

    /// Prints the rows of a mix.
    pub(crate) fn print(&self, mix: &str) {
        println!("\nverdicts that are not so (what is true is known: the mails were made that way)\n");
        println!("| mix | mails | method | who | said | true is | of these mails, at {SESSIONS:?} sessions | why |");
        println!("|---|---|---|---|---|---|---|---|");
        for (one, counts) in &self.said {
            let Difference { mails, method, peer, said, truth } = one;
            let shown = self.shown.get(&(*peer, *mails)).copied().unwrap_or_default();
            let shares = counts.iter().zip(shown).map(|(count, shown)| match shown {
                0 => "–".to_owned(),
                shown => format!("{count} of {shown}"),
            });
            let shares: Vec<String> = shares.collect();
            println!(
                "| {mix} | {mails} | {method} | {peer} | {said} | {truth} | {} | {} |",
                shares.join(" / "),
                why(one)
            );
        }
        if self.said.is_empty() {
            println!("(none)");
        }
    }
}

/// What one peer said of one mail.
struct Said {
    /// What became of the mail.
    answer: &'static str,
    /// The results, by method.
    results: Vec<(String, String)>,
}

impl Said {
    /// Reads the Authentication-Results fields that the filters of a chain inserted.
    fn read(replies: &[Replies]) -> Said {
        let packets = || replies.iter().flat_map(|one| &one.packets);
        let fields = packets().filter_map(|packet| {
            let field = match packet.split_first()? {
                (b'i', data) => data.get(4..)?,
                (b'h', data) => data,
                _ => return None,
            };
            let mut parts = field.split(|octet| *octet == 0).map(String::from_utf8_lossy);
            let is_ours = parts.next()?.eq_ignore_ascii_case("Authentication-Results");
            Some(parts.next()?.replace(['\r', '\n', '\t'], " ")).filter(|_| is_ours)
        });
        let fields: Vec<String> = fields.collect();
        let results = fields.iter().flat_map(|value| value.split(';').skip(1)).filter_map(|word| {
            let (method, rest) = word.trim().split_once('=')?;
            // SPF of HELO is another question than SPF of MAIL FROM.
            if method == "spf" && rest.contains("smtp.helo") && !rest.contains("smtp.mailfrom") {
                return None;
            }
            Some((method.to_owned(), rest.chars().take_while(char::is_ascii_alphanumeric).collect()))
        });
        let letters = || packets().filter_map(|packet| packet.first());
        let answer = match letters().find(|letter| b"drtyq".contains(letter)) {
            None => "taken",
            Some(b'd') => "thrown away",
            Some(b't') => "put off",
            Some(b'q') => "held",
            Some(_) => "refused",
        };
        Said { answer, results: results.collect() }
    }

    /// Returns the result of a method that has one; who says nothing says that there is none.
    fn of(&self, method: &str) -> String {
        self.results.iter().find(|(known, _)| known == method).map_or("none", |(_, result)| result).to_owned()
    }

    /// Returns how many signatures pass and how many do not.
    fn signatures(&self) -> String {
        let results = || self.results.iter().filter(|(method, result)| method == "dkim" && result != "none");
        let good = results().filter(|(_, result)| result == "pass").count();
        counted(good, results().count() - good)
    }
}

/// Returns how many signatures really pass.
fn signatures(truth: &Truth) -> String {
    counted(truth.signatures, truth.broken)
}

/// Words the counts of signatures.
fn counted(good: usize, bad: usize) -> String {
    format!("{good} pass, {bad} not")
}

/// Says what kind of mail it is.
fn kind(truth: &Truth) -> &'static str {
    match (truth.dmarc, truth.broken) {
        ("fail", _) => "forged",
        (_, 0) => "good",
        _ => "changed",
    }
}

/// Says why a peer is wrong, where that was found out.
fn why(difference: &Difference) -> &'static str {
    match (difference.peer, difference.method, difference.said.as_str()) {
        ("rspamd", "arc", "reject") => "its own word for `fail`; RFC 8617 §4.4 has `none`, `pass` and `fail`",
        ("OpenDKIM + OpenDMARC", "arc", "none") => "neither of the two judges ARC",
        _ => "",
    }
}
