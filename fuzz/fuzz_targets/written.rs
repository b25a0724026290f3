//! Any octets as written Events: what is read is the same when it is written and read again, whole or in pieces.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_core::event::Event;
use sekisho_core::written::{Events, Written};

fuzz_target!(|data: &[u8]| {
    let read: Vec<Event> = Events::of(data, None).filter_map(|event| event.ok().flatten()).collect();
    for kind in ["mail", "fact", "aggregate", "tls", "failure"] {
        let of_kind = Events::of(data, Some(kind)).filter_map(|event| event.ok().flatten());
        assert!(of_kind.eq(read.iter().filter(|event| event.kind() == kind).cloned()) || has_end(data), "{kind}");
    }
    let written = Written::of(&read).expect("what was read can be written");
    let again = written.pieces(data.len() % 512).flat_map(|piece| Events::of(piece, None).collect::<Vec<_>>());
    let again: Vec<Event> =
        again.map(|event| event.expect("what we wrote can be read").expect("and is known")).collect();
    assert_eq!((again.len(), again), (written.len(), read));
});

/// Tells whether the octets break off somewhere: where one kind alone is read, what is broken of another is passed over.
fn has_end(data: &[u8]) -> bool {
    Events::of(data, None).any(|event| event.is_err())
}
