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
    /// What signatures come to, each result once, the best first.
    pub(super) dkim: Vec<&'static str>,
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
            dkim: results(&row.dkim),
            dmarc: if row.unjudged.is_some() { "none".to_owned() } else { row.dmarc_result.clone() },
            decision: row.decision.clone(),
        }
    }
}

/// Returns what signatures come to, each result once: one that passes is enough, and so comes first; no signature is none.
fn results(signatures: &[SignatureEvent]) -> Vec<&'static str> {
    let order = ["pass", "temperror", "policy", "fail", "permerror", "neutral"];
    let found = order.into_iter().filter(|result| signatures.iter().any(|dkim| dkim.result == *result));
    let found: Vec<_> = found.collect();
    if found.is_empty() { vec!["none"] } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_result_of_signatures_is_shown_once_and_what_counts_first() {
        let signed = |results: &[&str]| {
            let one = |result: &&str| SignatureEvent { result: (*result).to_owned(), ..SignatureEvent::default() };
            self::results(&results.iter().map(one).collect::<Vec<_>>())
        };
        assert_eq!(signed(&["fail", "pass", "fail"]), ["pass", "fail"]);
        assert_eq!((signed(&[]), signed(&["permerror"])), (vec!["none"], vec!["permerror"]));
    }
}
