//! Events as octets, one behind the other: how they go from a thread to another one, and how they stand in the lake's segments
//!
//! An Event has some thirty texts. Whoever gives them to another thread lets it free what this one allocated, and that was half
//! of what keeping Events cost the gate; written, they are one run of octets. Fields have names, so that each build reads what
//! it knows.
//!
//! ```text
//! kind    length u8, text
//! event   length u32 (little-endian), MessagePack map
//! ```

use std::fmt;

use serde::Deserialize;

use crate::event::Event;

/// The longest Event. The house cuts what comes from outside long before.
pub const LONGEST: usize = 1 << 20;

/// Events that are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Their octets.
    octets: Vec<u8>,
    /// How many there are.
    count: usize,
}

impl Written {
    /// Writes Events.
    ///
    /// # Errors
    ///
    /// Where one of them cannot be written.
    pub fn of(events: &[Event]) -> Result<Written, Unwritable> {
        let mut written = Written { octets: Vec::with_capacity(events.len().min(1 << 12) * 1_024), count: 0 };
        events.iter().try_for_each(|event| written.push(event))?;
        Ok(written)
    }

    /// Writes one more. Where that cannot be done, nothing of it is there.
    ///
    /// # Errors
    ///
    /// Where it is too long, or no octets can be made of it.
    pub fn push(&mut self, event: &Event) -> Result<(), Unwritable> {
        let before = self.octets.len();
        let end = write(event, &mut self.octets).inspect_err(|_| self.octets.truncate(before));
        end.map(|()| self.count += 1)
    }

    /// Takes what somebody else wrote behind what is here.
    pub fn extend(&mut self, more: &Written) {
        self.octets.extend_from_slice(&more.octets);
        self.count += more.count;
    }

    /// Forgets all of them, and keeps room for as many octets at most.
    pub fn clear(&mut self, room: usize) {
        self.octets.clear();
        self.octets.shrink_to(room);
        self.count = 0;
    }

    /// Returns their octets.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Reads them.
    pub fn events(&self) -> Events<'_> {
        Events { octets: &self.octets, wanted: None }
    }

    /// Returns their octets in pieces of whole Events; each is so long at most, or is one Event.
    pub fn pieces(&self, longest: usize) -> impl Iterator<Item = &[u8]> {
        let mut rest = Some(self.octets.as_slice()).filter(|octets| !octets.is_empty());
        std::iter::from_fn(move || {
            let octets = rest?;
            let mut events = Events { octets, wanted: None };
            let mut end = 0;
            while let Some(Ok(_)) = events.step() {
                let behind = octets.len() - events.octets.len();
                if end > 0 && behind > longest {
                    break;
                }
                end = behind;
            }
            // What we wrote can be read; were it not so, it is one piece.
            let (piece, behind) = octets.split_at_checked(end).filter(|_| end > 0).unwrap_or((octets, &[]));
            rest = Some(behind).filter(|octets| !octets.is_empty());
            Some(piece)
        })
    }
}

/// Writes an Event behind what is there.
fn write(event: &Event, into: &mut Vec<u8>) -> Result<(), Unwritable> {
    let kind = event.kind();
    into.push(u8::try_from(kind.len()).expect("names of kinds are short"));
    into.extend_from_slice(kind.as_bytes());
    let length_at = into.len();
    into.extend_from_slice(&[0; 4]);
    match event {
        Event::Mail(mail) => rmp_serde::encode::write_named(into, mail),
        Event::Fact(fact) => rmp_serde::encode::write_named(into, fact),
        Event::Aggregate(row) => rmp_serde::encode::write_named(into, row),
        Event::Tls(row) => rmp_serde::encode::write_named(into, row),
        Event::Failure(row) => rmp_serde::encode::write_named(into, row),
    }
    .map_err(Unwritable::Broken)?;
    let octets = into.len() - length_at - 4;
    if octets > LONGEST {
        return Err(Unwritable::TooLong(octets));
    }
    let length = u32::try_from(octets).expect("it is at most LONGEST");
    into.get_mut(length_at..length_at + 4).expect("they were pushed").copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Why an Event cannot be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unwritable {
    /// It has so many octets.
    TooLong(usize),
    /// No octets can be made of it.
    Broken(rmp_serde::encode::Error),
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unwritable::TooLong(octets) => write!(f, "an event has {octets} octets, and {LONGEST} are allowed"),
            Unwritable::Broken(_) => f.write_str("an event cannot be written"),
        }
    }
}

impl std::error::Error for Unwritable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Unwritable::Broken(error) => Some(error),
            Unwritable::TooLong(_) => None,
        }
    }
}

/// Why Events cannot be read: a fault of the build that wrote them, or of this one.
#[derive(Debug)]
pub struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

/// Events that are read, or those of one kind of them; those of a kind that this build does not know are `None`.
pub struct Events<'a> {
    /// What is left of them.
    octets: &'a [u8],
    /// The kind that is wanted, where only one is.
    wanted: Option<&'a str>,
}

/// An Event that is not read yet.
struct One<'a> {
    /// The name of its kind.
    kind: &'a [u8],
    /// Its octets.
    event: &'a [u8],
}

impl<'a> Events<'a> {
    /// Reads the Events of octets, or those of the wanted kind.
    pub fn of(octets: &'a [u8], wanted: Option<&'a str>) -> Events<'a> {
        Events { octets, wanted }
    }

    /// Takes the next Event.
    fn step(&mut self) -> Option<Result<One<'a>, Unreadable>> {
        if self.octets.is_empty() {
            return None;
        }
        let next = |octets: &'a [u8]| {
            let (length, octets) = octets.split_first()?;
            let (kind, octets) = octets.split_at_checked(usize::from(*length))?;
            let (length, octets) = octets.split_first_chunk()?;
            let (event, rest) = octets.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
            Some((One { kind, event }, rest))
        };
        match next(self.octets) {
            Some((one, rest)) => {
                self.octets = rest;
                Some(Ok(one))
            }
            None => {
                self.octets = &[];
                Some(Err(Unreadable("a batch of Events ends too early".to_owned())))
            }
        }
    }
}

impl Iterator for Events<'_> {
    type Item = Result<Option<Event>, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let One { kind, event: octets } = match self.step()? {
                Ok(one) => one,
                Err(why) => return Some(Err(why)),
            };
            let is_wanted = self.wanted.is_none_or(|wanted| wanted.as_bytes() == kind);
            // Which kinds there are is for the build to know that asks for all.
            let event = match kind {
                b"mail" if is_wanted => read(octets).map(Event::Mail),
                b"fact" if is_wanted => read(octets).map(Event::Fact),
                b"aggregate" if is_wanted => read(octets).map(Event::Aggregate),
                b"tls" if is_wanted => read(octets).map(Event::Tls),
                b"failure" if is_wanted => read(octets).map(Event::Failure),
                b"mail" | b"fact" | b"aggregate" | b"tls" | b"failure" => continue,
                _ => return Some(Ok(None)),
            };
            if event.is_err() {
                self.octets = &[];
            }
            return Some(event.map(Some));
        }
    }
}

/// Reads the fields of an Event.
fn read<'a, T: Deserialize<'a>>(octets: &'a [u8]) -> Result<T, Unreadable> {
    rmp_serde::from_slice(octets).map_err(|error| Unreadable(format!("an Event cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{AggregateEvent, FactEvent, FailureEvent, MailEvent, TlsEvent};

    /// Makes a fact.
    fn fact(name: &str) -> Event {
        Event::Fact(Box::new(FactEvent { name: name.into(), ..FactEvent::default() }))
    }

    #[test]
    fn what_was_written_is_read_whatever_its_kind() {
        let events = [
            Event::Mail(Box::new(MailEvent { id: "m".to_owned(), ..MailEvent::default() })),
            fact("example.org"),
            Event::Aggregate(Box::new(AggregateEvent { at: 1, ..AggregateEvent::default() })),
            Event::Tls(Box::new(TlsEvent { at: 2, ..TlsEvent::default() })),
            Event::Failure(Box::new(FailureEvent { at: 3, ..FailureEvent::default() })),
        ];
        let mut written = Written::of(&events[..1]).unwrap();
        written.extend(&Written::of(&events[1..]).unwrap());
        let read: Vec<_> = written.events().map(|event| event.unwrap().unwrap()).collect();
        assert_eq!((read.as_slice(), written.len()), (&events[..], 5));
        for event in &events {
            let of_kind: Vec<_> = Events::of(written.octets(), Some(event.kind())).map(Result::unwrap).collect();
            assert_eq!(of_kind, [Some(event.clone())]);
        }
        written.clear(0);
        assert_eq!((written.len(), written.octets(), written.events().count()), (0, &b""[..], 0));
    }

    #[test]
    fn an_event_that_is_too_long_leaves_what_is_there_as_it_is() {
        let mut written = Written::of(&[fact("a")]).unwrap();
        let before = written.clone();
        let refused = written.push(&fact(&"x".repeat(LONGEST + 1)));
        assert!(matches!(refused, Err(Unwritable::TooLong(octets)) if octets > LONGEST), "{refused:?}");
        assert_eq!(written, before);
    }

    #[test]
    fn pieces_are_whole_events_and_together_all_of_them() {
        let events: Vec<Event> = (1..50).map(|length| fact(&"x".repeat(length))).collect();
        let written = Written::of(&events).unwrap();
        for longest in [0, 1, 100, 300, 1000, usize::MAX] {
            let pieces: Vec<&[u8]> = written.pieces(longest).collect();
            assert_eq!(pieces.concat(), written.octets());
            let read = pieces.iter().flat_map(|piece| {
                let events: Vec<_> = Events::of(piece, None).map(|event| event.unwrap().unwrap()).collect();
                assert!(piece.len() <= longest || events.len() == 1, "{longest}: {}", piece.len());
                events
            });
            assert!(read.eq(events.iter().cloned()));
        }
        assert_eq!(Written::default().pieces(10).count(), 0);
    }

    #[test]
    fn a_kind_of_a_newer_build_is_stepped_over_and_what_is_cut_is_told() {
        let mut octets = b"\x04flow\x03\0\0\0abc".to_vec();
        octets.extend_from_slice(Written::of(&[fact("example.org")]).unwrap().octets());
        let events: Vec<_> = Events::of(&octets, None).map(Result::unwrap).collect();
        assert_eq!(events, [None, Some(fact("example.org"))]);
        for cut in 13..octets.len() {
            let events: Vec<_> = Events::of(&octets[..cut], None).collect();
            assert!(matches!(events.as_slice(), [Ok(None), Err(_)]), "cut at {cut}: {events:?}");
        }
    }

    #[test]
    fn fields_that_are_unknown_or_absent_do_not_hinder() {
        // {"name": "example.org", "newer": [1]}
        let event = b"\x82\xa4name\xabexample.org\xa5newer\x91\x01";
        let mut octets = b"\x04fact".to_vec();
        octets.extend_from_slice(&u32::try_from(event.len()).unwrap().to_le_bytes());
        octets.extend_from_slice(event);
        assert_eq!(Events::of(&octets, None).map(Result::unwrap).collect::<Vec<_>>(), [Some(fact("example.org"))]);
    }
}
