//! Who sends a mail, and who receives it

use super::command::MailParameters;
use super::mailbox::Mailbox;

/// A mail as far as it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<K> {
    /// Who sends; nobody where the path is null.
    pub mail_from: Option<Mailbox>,
    /// What was said beside.
    pub parameters: MailParameters,
    /// Who receives.
    pub recipients: Vec<Recipient<K>>,
    /// Whether any recipient was named at all.
    pub(super) was_told_recipients: bool,
    /// How many were refused because there were too many before them.
    pub(super) refused_for_number: u32,
}

impl<K> Envelope<K> {
    /// Begins a mail.
    pub(super) fn new(mail_from: Option<Mailbox>, parameters: MailParameters) -> Envelope<K> {
        Envelope { mail_from, parameters, recipients: Vec::new(), was_told_recipients: false, refused_for_number: 0 }
    }
}

/// One whose mail is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient<K> {
    /// Its mailbox.
    pub mailbox: Mailbox,
    /// What it is for, as was decided.
    pub kind: K,
}
