//! A mail in a list

use sekisho_core::event::SignatureEvent;
use sekisho_core::search::MailRow;

use super::shown::{self, Moment};

/// A line of a list of mails, as it is shown.
pub(super) struct Seen {
    /// The verdict's id.
    pub(super) id: String,
    /// When it was judged.
    pub(super) at: Moment,
    /// The author domain; empty where there is none.
    pub(super) author: String,
    /// The address of the client.
    pub(super) client: String,
    /// SPF's result.
    pub(super) spf: String,
    /// What the signatures come to.
    pub(super) dkim: &'static str,
    /// DMARC's result.
    pub(super) dmarc: String,
    /// What the house did.
    pub(super) decision: String,
}

impl From<&MailRow> for Seen {
    fn from(row: &MailRow) -> Seen {
        Seen {
            id: row.id.clone(),
            at: shown::moment(row.at),
            author: row.author_domain.as_deref().map(shown::name).unwrap_or_default(),
            client: row.client_ip.as_deref().map_or_else(|| "–".to_owned(), shown::text),
            spf: row.spf_result.clone().unwrap_or_else(|| "none".to_owned()),
            dkim: best(&row.dkim),
            dmarc: if row.unjudged.is_some() { "none".to_owned() } else { row.dmarc_result.clone() },
            decision: row.decision.clone(),
        }
    }
}

/// Returns what signatures come to: one that passes is enough, and no signature is none.
pub(super) fn best(signatures: &[SignatureEvent]) -> &'static str {
    let order = ["pass", "temperror", "policy", "fail", "permerror", "neutral"];
    order.into_iter().find(|result| signatures.iter().any(|dkim| dkim.result == *result)).unwrap_or("none")
}
