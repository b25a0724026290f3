//! The From field as a reader of mail sees it: unfolded, its encoded words decoded, harmless to show
//!
//! Where decoding could mislead, because the field is no plain list of names with addresses, it is shown as written.

use sekisho_core::visible::Visible;
use sekisho_mail::address::{Addresses, Entry, Mailbox, display, encoded_word};
use sekisho_mail::header::Header;

/// The most From fields that are shown.
const FIELDS_MAX: usize = 3;
/// Longer fields are shown as written: nobody reads them to their end.
const DECODED_MAX: usize = 4096;

/// Returns the From fields of a mail.
pub(super) fn shown(header: &Header<'_>) -> Vec<String> {
    header.named("from").take(FIELDS_MAX).map(|(_, field)| shown_value(field.value())).collect()
}

/// Returns one field's value.
fn shown_value(value: &[u8]) -> String {
    let unfolded: Vec<u8> = value.iter().copied().filter(|b| !b"\r\n".contains(b)).collect();
    let written = unfolded.trim_ascii();
    let is_decoded = written.len() <= DECODED_MAX && encoded_word::is_present(written);
    match is_decoded.then(|| decoded(written)).flatten() {
        Some(text) => Visible(text.as_bytes()).to_string(),
        None => Visible(written).to_string(),
    }
}

/// Returns the mailboxes with their names decoded; nothing where the field is more than mailboxes.
fn decoded(value: &[u8]) -> Option<String> {
    let mailboxes: Option<Vec<String>> = Addresses::parse(value)
        .map(|entry| match entry {
            Entry::Mailbox(mailbox) => decoded_mailbox(&mailbox),
            _ => None,
        })
        .collect();
    Some(mailboxes?.join(", "))
}

/// Returns one mailbox as `name <address>`; nothing where its address would need quotes.
fn decoded_mailbox(mailbox: &Mailbox<'_>) -> Option<String> {
    let (local, domain) = (std::str::from_utf8(&mailbox.local).ok()?, std::str::from_utf8(&mailbox.domain).ok()?);
    let is_plain = |text: &str| !text.contains(is_special) && !text.contains([' ', '\t']);
    if !mailbox.angle || mailbox.in_group || mailbox.comment.is_some() || !is_plain(local) || !is_plain(domain) {
        return None;
    }
    let name = display(mailbox.phrase);
    Some(match name.as_str() {
        "" => format!("<{local}@{domain}>"),
        // A decoded name must not pass for a part of the address.
        name if name.contains(is_special) => {
            format!("\"{}\" <{local}@{domain}>", name.replace('\\', "\\\\").replace('"', "\\\""))
        }
        name => format!("{name} <{local}@{domain}>"),
    })
}

/// Tells whether a character means something between names and addresses (RFC 5322 §3.2.3).
fn is_special(character: char) -> bool {
    "()<>[]:;@\\,\"".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_names_are_decoded() {
        assert_eq!(
            shown_value(b" =?ISO-2022-JP?B?GyRCJCpDYyRONFZETD8uGyhC?=\r\n <news@ocha.example>"),
            "お茶の間通信 <news@ocha.example>"
        );
        assert_eq!(
            shown_value(b"=?utf-8?q?a=40bank.example?= <x@mailer.test>, Bob <b@c>"),
            "\"a@bank.example\" <x@mailer.test>, Bob <b@c>"
        );
    }

    #[test]
    fn a_decoded_name_cannot_pass_for_an_address_or_reach_the_terminal() {
        assert_eq!(
            shown_value(b"=?utf-8?q?Bank_=3ca=40bank.example=3e_=22?= <x@mailer.test>"),
            "\"Bank <a@bank.example> \\\"\" <x@mailer.test>"
        );
        assert_eq!(shown_value(b"=?utf-8?q?=1b=5b2J=e2=80=ae?= <x@y.example>"), "\"\\x1b[2J\\u{202e}\" <x@y.example>");
    }

    #[test]
    fn what_is_no_plain_list_is_shown_as_written() {
        for written in
            ["=?utf-8?q?a?= x@y.example", "=?utf-8?q?g?=: a@b;", "=?utf-8?q?a?= <\"b@c\"@d>", "=?utf-8?q?a?="]
        {
            assert_eq!(shown_value(written.as_bytes()), written);
        }
        let long = [&b"=?utf-8?q?a?= "[..], &[b'x'; DECODED_MAX]].concat();
        assert!(shown_value(&long).starts_with("=?utf-8?q?a?= xxx"));
    }
}
