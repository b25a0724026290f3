//! Any octets as a mail: cut into header and body, the header into fields, and nothing lost.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_mail::header::{Field, Header};
use sekisho_mail::message::Message;

fuzz_target!(|data: &[u8]| {
    let message = Message::parse(data);
    let header = message.header();
    assert_nothing_lost(&header);
    let body = message.body().flat_map(|piece| piece.into_owned()).collect::<Vec<u8>>();
    if data.windows(2).all(|pair| pair != b"\r\n") && !data.contains(&b'\r') {
        assert_same_with_crlf(data, &message, &body);
    } else if data.iter().position(|&b| b == b'\n').is_some_and(|at| at > 0 && data[at - 1] == b'\r') {
        // A mail with CRLF is not touched at all.
        assert!(data.starts_with(message.raw_header()) && data.ends_with(&body));
    }
    assert!(message.is_plausible() == header.fields().iter().any(Field::is_well_formed));
});

/// The fields are the header, each of them is what it says, and read alone it is the same.
fn assert_nothing_lost(header: &Header<'_>) {
    let raws: Vec<u8> = header.fields().iter().flat_map(|field| field.raw).copied().collect();
    assert_eq!(raws, header.raw());
    for field in header.fields() {
        assert_eq!(Field::new(field.raw), *field);
        if field.has_colon() {
            assert!(field.raw.starts_with(field.name()));
            assert!(field.raw.len() > field.name().len() + field.value().len());
        }
        let _ = (field.is("From"), field.reads_as("From"), field.reads_as("Authentication-Results"));
        // What is the field is also read as it.
        assert!(!(field.is_well_formed() && field.is("From")) || field.reads_as("From"));
    }
    let by_name = header.named("From").map(|(at, _)| at).collect::<Vec<_>>();
    let by_hand = (0..header.fields().len()).filter(|at| header.fields()[*at].is("From")).collect::<Vec<_>>();
    assert_eq!(by_name, by_hand);
}

/// A mail whose lines end with LF is the same mail as with CRLF.
fn assert_same_with_crlf(data: &[u8], message: &Message<'_>, body: &[u8]) {
    let wire = data.split(|&b| b == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
    let same = Message::parse(&wire);
    assert_eq!(same.raw_header(), message.raw_header());
    assert_eq!(same.body().flat_map(|piece| piece.into_owned()).collect::<Vec<u8>>(), body);
}
