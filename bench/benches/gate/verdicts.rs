//! What each peer says of the mails, beside what is true: we made the mails, so we know

use std::collections::BTreeMap;

use sekisho_testkit::milter::Seen;

use crate::mails::{Letter, Truth};

/// How often a peer said something of a method that is not so.
#[derive(Default)]
pub(crate) struct Differences(BTreeMap<Difference, usize>);

/// Something that a peer said and that is not so.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Difference {
    /// In which mix.
    mix: &'static str,
    /// Of which mails in it.
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
    /// Compares what a peer said of the mails of a mix.
    pub(crate) fn compare(&mut self, mix: &'static str, peer: &'static str, letters: &[Letter], seen: &[Seen]) {
        for (letter, seen) in letters.iter().zip(seen) {
            let said = Said::read(&seen.mail);
            let truth = &letter.truth;
            let pairs = [
                ("spf", said.of("spf"), truth.spf.to_owned()),
                ("dkim", said.signatures(), signatures(truth)),
                ("dmarc", said.of("dmarc"), truth.dmarc.to_owned()),
                ("arc", said.of("arc"), truth.arc.to_owned()),
            ];
            for (method, said, truth) in pairs.into_iter().filter(|(_, said, truth)| said != truth) {
                let mails = kind(&letter.truth);
                *self.0.entry(Difference { mix, mails, method, peer, said, truth }).or_default() += 1;
            }
        }
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        println!("\nverdicts that are not so (what is true is known: the mails were made that way)\n");
        println!("| mix | mails | method | who | said | true is | how many | why |");
        println!("|---|---|---|---|---|---|---:|---|");
        for (one, count) in &self.0 {
            let Difference { mix, mails, method, peer, said, truth } = one;
            println!("| {mix} | {mails} | {method} | {peer} | {said} | {truth} | {count} | {} |", why(one));
        }
        if self.0.is_empty() {
            println!("(none)");
        }
    }
}

/// What one peer said of one mail.
struct Said(Vec<(String, String)>);

impl Said {
    /// Reads all Authentication-Results fields of a mail; those that were made have none of their own.
    fn read(mail: &[u8]) -> Said {
        let text = String::from_utf8_lossy(mail);
        let header = text.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n\t", " ").replace("\r\n ", " ");
        let fields = header.lines().filter_map(|line| line.split_once(':'));
        let results = fields.filter(|(name, _)| name.eq_ignore_ascii_case("Authentication-Results"));
        let words = results.flat_map(|(_, value)| value.split(';').skip(1));
        Said(
            words
                .filter_map(|word| word.trim().split_once('='))
                // SPF of HELO is another question than SPF of MAIL FROM.
                .filter(|(method, rest)| {
                    *method != "spf" || !rest.contains("smtp.helo") || rest.contains("smtp.mailfrom")
                })
                .map(|(method, rest)| {
                    let result: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
                    (method.to_owned(), result)
                })
                .collect(),
        )
    }

    /// Returns the result of a method that has one; who says nothing says that there is none.
    fn of(&self, method: &str) -> String {
        self.0.iter().find(|(known, _)| known == method).map_or("none", |(_, result)| result).to_owned()
    }

    /// Returns how many signatures pass and how many do not.
    fn signatures(&self) -> String {
        let results = || self.0.iter().filter(|(method, result)| method == "dkim" && result != "none");
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
