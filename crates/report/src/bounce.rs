//! Notices of what became of a mail: that it could not be delivered, above all (RFC 3461, RFC 3464)
//!
//! Anybody may write such a notice. It counts for nothing but by what it names of the mail that it answers: the name of its
//! envelope, or its Message-ID, which who never saw that mail cannot know.

use sekisho_core::visible::Visible;

use crate::dmarc::failure::Original;
use crate::fields::{blocks, fields};
use crate::mail::SubjectFacts;
use crate::unreadable::{Fault, Unreadable};

/// How many recipients of a notice are read.
const RECIPIENTS: usize = 100;
/// The most octets of a name that a mail or its envelope can have (RFC 5322 §2.1.1).
const NAME: usize = 998;

/// What a notice says. Texts are made harmless, and cut where they are long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounce {
    /// What the sender had called the envelope (RFC 3461 §4.4).
    pub envelope_id: Option<String>,
    /// The Message-ID of the mail that came back, without its brackets.
    pub message_id: Option<String>,
    /// What became of the mail, recipient by recipient.
    pub fates: Vec<Fate>,
}

/// What became of a mail for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// What was done.
    pub action: Action,
    /// The status code (RFC 3463); empty where none is told.
    pub status: String,
    /// What the server said that did not take it; empty where none is told.
    pub diagnostic: String,
}

/// What was done with a mail (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It could not be delivered, and nobody tries any more.
    Failed,
    /// It could not be delivered yet.
    Delayed,
    /// It was delivered.
    Delivered,
    /// It was handed on to where nobody sends notices.
    Relayed,
    /// It was handed on to several others.
    Expanded,
    /// A word that nobody defined.
    Unknown,
}

/// The words of [`Action`].
const ACTIONS: [(&str, Action); 5] = [
    ("failed", Action::Failed),
    ("delayed", Action::Delayed),
    ("delivered", Action::Delivered),
    ("relayed", Action::Relayed),
    ("expanded", Action::Expanded),
];

impl Bounce {
    /// Returns why the mail could not be delivered, where it could not: status and diagnostic of the first recipient. A mail
    /// that is late, or was handed on, did not fail.
    pub fn failure(&self) -> Option<String> {
        let Fate { status, diagnostic, .. } = self.fates.iter().find(|fate| fate.action == Action::Failed)?;
        Some(match (status.as_str(), diagnostic.as_str()) {
            ("", "") => "no reason is told".to_owned(),
            ("", one) | (one, "") => one.to_owned(),
            (status, diagnostic) => format!("{status}: {diagnostic}"),
        })
    }
}

/// Reads a notice, and what there is of the mail that came back.
pub fn read(notice: &[u8], original: Option<&Original>) -> Result<Bounce, Unreadable> {
    let mut blocks = blocks(notice);
    let about_mail = blocks.next().unwrap_or_default();
    let fates: Vec<Fate> = blocks.filter_map(fate).take(RECIPIENTS).collect();
    if fates.is_empty() {
        return Err(Unreadable::new(Fault::Missing, "the notice does not say what became of the mail"));
    }
    let envelope_id = value(about_mail, "original-envelope-id").filter(|id| is_name(id));
    let message_id = original.and_then(|original| value(&original.octets, "message-id"));
    let message_id = message_id.map(|id| id.trim_start_matches('<').trim_end_matches('>').to_owned());
    Ok(Bounce { envelope_id, message_id: message_id.filter(|id| is_name(id)), fates })
}

/// Tells whether a mail that came back says in its Subject that it is a report, ours or somebody else's.
pub(crate) fn is_about_report(original: &Original) -> bool {
    let subject = value(&original.octets, "subject").unwrap_or_default();
    let is_failure = subject.starts_with(crate::dmarc::failure::write::SUBJECT);
    is_failure || SubjectFacts::read(&subject).domain.is_some()
}

/// Reads what became of the mail for one recipient; nothing where the fields are about something else.
fn fate(block: &[u8]) -> Option<Fate> {
    let word = value(block, "action")?;
    let known = ACTIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word.trim()));
    let shown = |text: &str| {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        Visible(words.join(" ").as_bytes()).to_string()
    };
    // Which kind of server said it stands before the semicolon (RFC 3464 §2.3.6).
    let said = value(block, "diagnostic-code").unwrap_or_default();
    let said = said.split_once(';').map_or(said.as_str(), |(_, said)| said);
    Some(Fate {
        action: known.map_or(Action::Unknown, |(_, action)| *action),
        status: shown(&value(block, "status").unwrap_or_default()),
        diagnostic: shown(said),
    })
}

/// Returns the value of the first field of a name, which is given in lower case.
fn value(block: &[u8], wanted: &str) -> Option<String> {
    fields(block).find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
}

/// Tells whether a text can be the name of a mail or of its envelope.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_with_status_and_diagnostic() {
        let notice = b"Reporting-MTA: dns; relay.test\r\nOriginal-Envelope-Id: 1@mx.example\r\n\r\n\
            Final-Recipient: rfc822; a@example.org\r\nAction: delayed\r\nStatus: 4.4.1\r\n\r\n\
            Final-Recipient: rfc822; b@example.org\r\nAction: FAILED\r\nStatus: 5.1.1\r\n\
            Diagnostic-Code: smtp; 550 5.1.1 no such user;\r\n \x1b[2J gone\r\n";
        let read = read(notice, None).unwrap();
        assert_eq!((read.envelope_id.as_deref(), read.message_id.as_deref()), (Some("1@mx.example"), None));
        assert_eq!(read.fates.iter().map(|fate| fate.action).collect::<Vec<_>>(), [Action::Delayed, Action::Failed]);
        assert_eq!(read.failure().unwrap(), "5.1.1: 550 5.1.1 no such user; \\x1b[2J gone");
    }

    #[test]
    fn what_is_late_or_handed_on_did_not_fail() {
        for action in ["delayed", "delivered", "relayed", "expanded", "failing", ""] {
            let notice = format!("Reporting-MTA: dns; x\n\nAction: {action}\nStatus: 5.0.0\n");
            assert_eq!(read(notice.as_bytes(), None).unwrap().failure(), None, "{action}");
        }
        let bare = read(b"Reporting-MTA: dns; x\n\nAction: failed\n", None).unwrap();
        assert_eq!(bare.failure().as_deref(), Some("no reason is told"));
    }

    #[test]
    fn the_mail_that_came_back_names_itself_and_its_body_does_not() {
        let of = |octets: &[u8]| Original { is_whole: true, octets: octets.to_vec() };
        let notice = b"Reporting-MTA: dns; x\n\nAction: failed\n";
        for (mail, found) in [
            (
                &b"Subject: x\r\nMessage-Id:\r\n <1@mx.example>\r\n\r\nMessage-ID: <2@mx.example>\r\n"[..],
                Some("1@mx.example"),
            ),
            (b"Subject: x\r\n\r\nMessage-ID: <2@mx.example>\r\n", None),
            (b"Message-ID: <a b>\r\n", None),
            (b"Message-ID: <>\r\n", None),
        ] {
            assert_eq!(read(notice, Some(&of(mail))).unwrap().message_id.as_deref(), found);
        }
        assert!(is_about_report(&of(b"Subject: Report Domain: a.example\r\n Submitter: b.example\r\n\r\n")));
        assert!(!is_about_report(&of(b"Subject: hello\r\n\r\nSubject: Report Domain: a.example\r\n")));
    }

    #[test]
    fn a_notice_without_any_recipient_is_none_and_one_with_many_is_bounded() {
        for notice in [&b""[..], b"Action: failed\n", b"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; a@b\n"] {
            assert_eq!(read(notice, None).unwrap_err().fault, Fault::Missing);
        }
        let many = format!("Reporting-MTA: dns; x\n{}", "\nAction: delayed\n".repeat(10_000));
        assert_eq!(read(many.as_bytes(), None).unwrap().fates.len(), RECIPIENTS);
        let long = format!("A: b\n\nAction: failed\nDiagnostic-Code: smtp; {}\n", "x".repeat(100_000));
        assert!(read(long.as_bytes(), None).unwrap().failure().unwrap().len() < 300);
    }
}
