//! Any record, written and read back; any text as a record or a name, read, written and read again.

#![no_main]

use std::net::{Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use sekisho_core::facts::{Kind, Record};
use sekisho_core::name::DomainName;

/// Something to be written or read.
#[derive(Arbitrary, Debug)]
enum Input<'a> {
    /// Addresses.
    Address(Ipv4Addr, Ipv6Addr),
    /// The labels of a host, with a preference.
    Host(u16, Vec<&'a [u8]>),
    /// Character-strings; what is too long for one is cut.
    Strings(Vec<&'a [u8]>),
    /// Text.
    Text(&'a str),
}

fuzz_target!(|input: Input<'_>| {
    match input {
        Input::Address(v4, v6) => {
            round_trip(&Record::A(v4));
            round_trip(&Record::Aaaa(v6));
        }
        Input::Host(preference, labels) => {
            let Ok(name) = DomainName::from_labels(labels) else { return };
            name_round_trip(&name);
            round_trip(&Record::Mx { preference, exchange: name.clone() });
            round_trip(&Record::Ptr(name));
        }
        Input::Strings(strings) if !strings.is_empty() => {
            round_trip(&Record::Txt(strings.iter().map(|string| string[..string.len().min(255)].into()).collect()));
        }
        Input::Strings(_) => {}
        Input::Text(text) => read(text),
    }
});

/// Reads text as every kind of record and as a name.
fn read(text: &str) {
    for kind in Kind::ALL {
        if let Ok(record) = Record::from_presentation(kind, text) {
            assert_eq!(record.kind(), kind);
            // Long text without quotes is taken, but as strings of 255.
            round_trip(&record);
        }
    }
    let names = [DomainName::from_presentation(text), DomainName::parse(text), DomainName::parse_unicode(text)];
    names.iter().flatten().for_each(name_round_trip);
}

/// Writes a record and reads it back.
fn round_trip(record: &Record) {
    let text = record.to_string();
    assert!(text.bytes().all(|b| (b' '..=b'~').contains(&b)), "{text:?}");
    assert_eq!(Record::from_presentation(record.kind(), &text).as_ref(), Ok(record), "{text:?}");
}

/// Writes a name and reads it back; its parts are its parts.
fn name_round_trip(name: &DomainName) {
    assert_eq!(DomainName::from_presentation(&name.to_string()).as_ref(), Ok(name));
    assert!(name.as_wire().len() <= 254);
    assert_eq!(&name.suffix(name.label_count()), name);
    assert!(name.parent().is_none_or(|parent| name.is_at_or_below(&parent) && !parent.is_at_or_below(name)));
    assert_eq!(DomainName::from_labels(name.labels()).as_ref(), Ok(name));
    let _ = (name.to_unicode(), name.to_dotted());
}
