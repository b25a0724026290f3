//! Why a report cannot be read, or does not count, in the reader's language
//!
//! The books keep such a reason in English: a stable word, the place, and what was seen there. Other languages have a sentence for each
//! word, and the place; what was seen stands in the JSON and at the desk, in the words of the reader that saw it.

use sekisho_core::speech::Lang;
use sekisho_report::unreadable::{Fault, Place, Unreadable};
use sekisho_report::warning::{Mend, Warning};

use crate::speech::Talk;

/// Why feedback does not count.
pub(super) const FEEDBACK: &str = "feedback is kept, and not counted";
/// Why a TLS report by mail does not count.
pub(super) const UNSIGNED: &str = "no valid signature of its sender: RFC 8460 §3";
/// Why a notice is passed over: nothing failed.
pub(super) const NO_FAILURE: &str = "the mail that it is about did not fail";
/// Why a notice is passed over: it answers nothing.
pub(super) const STRANGER: &str = "it names no mail of ours";
/// Why a notice is passed over: notices have no sender.
pub(super) const HAS_SENDER: &str = "a notice has no sender: RFC 5321 §4.5.5";
/// Why something came back, where the notice does not say it.
const UNTOLD: &str = "no reason is told";
/// What stands before the name of a report of ours that came back, and behind it.
const CAME_BACK: (&str, &str) = ("our report ", " came back: ");
/// What stands before what was mended.
const MENDED: &str = "mended: ";
/// What stands before the name of the report that was counted instead.
const COUNTED: &str = "it was counted with ";
/// The reasons that are whole sentences, and their messages.
const SENTENCES: [(&str, &str); 5] = [
    (FEEDBACK, "reason-feedback"),
    (UNSIGNED, "reason-unsigned"),
    (NO_FAILURE, "reason-no-failure"),
    (STRANGER, "reason-stranger"),
    (HAS_SENDER, "reason-has-sender"),
];

/// Writes several reasons for the books, the stable word first.
pub(super) fn write(reasons: &[Unreadable]) -> String {
    let one = |why: &Unreadable| format!("{}: {why}", why.fault.word());
    reasons.iter().take(3).map(one).collect::<Vec<_>>().join("; ")
}

/// Writes for the books what of a report that counts was mended so that its sums are other ones; none where nothing was.
pub(super) fn write_mended<'w>(warnings: impl Iterator<Item = &'w Warning>) -> Option<String> {
    let one = |warning: &Warning| match warning.line {
        0 => format!("{}: {}", warning.mend, warning.detail),
        line => format!("{}: line {line}: {}", warning.mend, warning.detail),
    };
    let mended: Vec<String> = warnings.filter(|warning| warning.mend.changes_sums()).take(3).map(one).collect();
    (!mended.is_empty()).then(|| format!("{MENDED}{}", mended.join("; ")))
}

/// Writes for the books that a report of ours came back.
pub(super) fn write_came_back(report: &str, why: &str) -> String {
    let (before, behind) = CAME_BACK;
    format!("{before}{report}{behind}{why}")
}

/// Writes for the books that a report was counted before.
pub(super) fn write_counted(holder: &str) -> String {
    format!("{COUNTED}{holder}")
}

/// Says a reason that the books keep.
pub(crate) fn say(reason: &str, talk: &Talk) -> String {
    if talk.lang() == Lang::En {
        return reason.to_owned();
    }
    if let Some((_, message)) = SENTENCES.iter().find(|(sentence, _)| *sentence == reason) {
        return talk.word(message);
    }
    let (before, behind) = CAME_BACK;
    if let Some((report, why)) = reason.strip_prefix(before).and_then(|rest| rest.split_once(behind)) {
        let why = if why == UNTOLD { talk.word("reason-untold") } else { why.to_owned() };
        return talk.say("reason-came-back", &[("report", report.to_owned().into()), ("why", why.into())]);
    }
    if let Some(holder) = reason.strip_prefix(COUNTED) {
        return talk.say("reason-counted", &[("report", holder.to_owned().into())]);
    }
    if let Some(mended) = reason.strip_prefix(MENDED) {
        let known = |piece: &str| Mend::ALL.into_iter().find(|mend| piece.split(':').next() == Some(mend.word()));
        let said = mended.split("; ").filter_map(known).map(|mend| talk.word(&format!("mended-{mend}")));
        return said.collect::<Vec<_>>().join(" ");
    }
    let said: Vec<String> = faults(reason).into_iter().map(|(fault, place)| sentence(fault, place, talk)).collect();
    if said.is_empty() { reason.to_owned() } else { said.join(" ") }
}

/// Says why something cannot be read, without what was seen there.
pub(crate) fn say_unreadable(why: &Unreadable, talk: &Talk) -> String {
    sentence(why.fault, why.place, talk)
}

/// Says what was mended.
pub(crate) fn say_mended(warning: &Warning, talk: &Talk) -> String {
    let said = talk.word(&format!("mended-{}", warning.mend.word()));
    if warning.line == 0 {
        return said;
    }
    talk.say("mended-place", &[("mended", said.into()), ("line", warning.line.into()), ("times", warning.times.into())])
}

/// Says a kind of fault, and where it is.
fn sentence(fault: Fault, place: Option<Place>, talk: &Talk) -> String {
    let said = talk.word(&format!("unreadable-{fault}"));
    let Some(Place { line, octet }) = place else { return said };
    talk.say("reason-place", &[("reason", said.into()), ("line", line.into()), ("octet", octet.into())])
}

/// Finds the faults of a reason that [`write()`] wrote. What was seen may have semicolons, too.
fn faults(reason: &str) -> Vec<(Fault, Option<Place>)> {
    let fault = |piece: &str| {
        let (word, rest) = piece.split_once(": ")?;
        Some((*Fault::ALL.iter().find(|fault| fault.word() == word)?, place(rest)))
    };
    reason.split("; ").filter_map(fault).collect()
}

/// Reads the place that stands before what was seen.
fn place(rest: &str) -> Option<Place> {
    let (line, rest) = rest.strip_prefix("line ")?.split_once(" (octet ")?;
    let (octet, _) = rest.split_once("): ")?;
    Some(Place { line: line.parse().ok()?, octet: octet.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_and_every_mending_has_a_sentence_in_both_languages() {
        for lang in Lang::ALL {
            let talk = Talk::new(lang);
            let faults = Fault::ALL.iter().map(|fault| format!("unreadable-{fault}"));
            let messages = faults.chain(Mend::ALL.iter().map(|mend| format!("mended-{mend}")));
            for message in messages.chain(SENTENCES.iter().map(|(_, message)| (*message).to_owned())) {
                assert_ne!(talk.word(&message), message, "{lang:?}");
            }
        }
    }

    #[test]
    fn what_the_books_keep_is_said_in_the_readers_language() {
        let (en, ja) = (Talk::new(Lang::En), Talk::new(Lang::Ja));
        let seen = |fault, place, detail: &str| Unreadable { fault, detail: detail.to_owned(), place };
        let place = Some(Place { line: 3, octet: 77 });
        let reasons = [seen(Fault::Doctype, place, "a; b: c"), seen(Fault::Ratio, None, "x; size: of an attacker")];
        let kept = write(&reasons);
        assert_eq!(say(&kept, &en), kept);
        let said = say(&kept, &ja);
        assert!(said.starts_with(&say_unreadable(&reasons[0], &ja)) && said.contains('3'), "{said}");
        assert!(said.contains(&ja.word("unreadable-ratio")) && !said.contains("doctype"), "{said}");
        for sentence in [FEEDBACK, UNSIGNED, NO_FAILURE, STRANGER, HAS_SENDER] {
            assert!(!say(sentence, &ja).contains(sentence) && say(sentence, &en) == sentence);
        }
        let came_back = say(&write_came_back("0123", UNTOLD), &ja);
        assert!(came_back.contains("0123") && !came_back.contains(UNTOLD), "{came_back}");
        assert!(!say(&write_counted("0123"), &ja).contains(COUNTED));
        assert_eq!(say("whatever: somebody else says", &ja), "whatever: somebody else says");
    }
}
