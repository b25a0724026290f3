//! Any octets as the value of From, and as a whole header: one author domain, or a reason why not.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_fuzz::assert_speaks;
use sekisho_mail::address::{Addresses, Entry, display};
use sekisho_mail::author;
use sekisho_mail::header::Header;
use sekisho_mail::verdict::AuthorResult;

fuzz_target!(|data: &[u8]| {
    read_addresses(data);
    judge(data);
    judge(&[b"From:", data, b"\r\n"].concat());
});

/// Reads a list of addresses to its end; there are no more entries than octets and commas.
fn read_addresses(value: &[u8]) {
    let mut addresses = Addresses::parse(value);
    let mut count = 0;
    for entry in &mut addresses {
        count += 1;
        if let Entry::Mailbox(mailbox) = entry {
            let _ = display(mailbox.phrase);
            assert!(mailbox.domain.len() + mailbox.local.len() <= value.len());
        }
    }
    assert!(count <= value.len() + 1, "{count} entries in {} octets", value.len());
    let _ = (addresses.oddities(), Addresses::survey(value));
}

/// Judges a header: the result, the domain and the reason fit together, and the steps say so.
fn judge(raw: &[u8]) {
    let header = Header::parse(raw);
    let (author, steps) = author::judge(&header);
    assert_eq!(author.result == AuthorResult::Ok, author.domain.is_some(), "{author:?}");
    assert_eq!(author.result == AuthorResult::Ok, author.reason.is_none(), "{author:?}");
    if author.result == AuthorResult::Ok {
        // Nobody passes without exactly one field that is From to everybody.
        assert_eq!(header.named("From").count(), 1);
        assert!(!author.addresses.is_empty());
    }
    assert!(!steps.is_empty());
    assert_speaks(&steps);
    assert_eq!(author::judge(&header), (author, steps));
}
