//! Events as octets, one behind the other: how they go from a thread to another one, and how they stand in the lake's segments
//!
//! An Event has some thirty texts. Whoever gives them to another thread lets it free what this one allocated, and that was half
//! of what keeping Events cost the gate; written, they are one run of octets. Fields have no names, which were half of these octets:
//! they stand in their order, what a newer build added at the end is passed over, and what an older one lacks is its default. Events
//! with names, as builds wrote them until November 2026, are read, too.
//!
//! ```text
//! kind    length u8, text
//! event   length u32 (little-endian), MessagePack array
//! ```

use std::fmt;

use serde::Deserialize;

use crate::event::Event;
use crate::known::Known;

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
        Event::Mail(mail) => rmp_serde::encode::write(into, mail),
        Event::Fact(fact) => rmp_serde::encode::write(into, fact),
        Event::Aggregate(row) => rmp_serde::encode::write(into, row),
        Event::Tls(row) => rmp_serde::encode::write(into, row),
        Event::Failure(row) => rmp_serde::encode::write(into, row),
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
    rmp_serde::from_slice(octets)
        .map(|Known(event)| event)
        .map_err(|error| Unreadable(format!("an Event cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{AggregateEvent, FactEvent, FailureEvent, MailEvent, SignatureEvent, TlsEvent};

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

    /// Puts octets between the head of an Event and its end, and mends its length.
    fn framed(kind: &str, event: &[u8]) -> Vec<u8> {
        let length = u32::try_from(event.len()).unwrap().to_le_bytes();
        [&[u8::try_from(kind.len()).unwrap()][..], kind.as_bytes(), &length, event].concat()
    }

    #[test]
    fn what_other_builds_wrote_is_read_as_far_as_this_one_knows_it() {
        let signature = SignatureEvent { result: "pass".to_owned(), ..SignatureEvent::default() };
        let mail = MailEvent { id: "m".to_owned(), dkim: vec![signature], waited: 7, ..MailEvent::default() };
        let read = |event: &[u8]| Events::of(&framed("mail", event), None).next().unwrap().unwrap().unwrap();
        let expected = Event::Mail(Box::new(mail.clone()));
        assert_eq!(read(&rmp_serde::to_vec_named(&mail).unwrap()), expected, "with names");

        let plain = rmp_serde::to_vec(&mail).unwrap();
        let [0xdc, high, low, fields @ ..] = &plain[..] else { panic!("{plain:x?}") };
        let count = u16::from_be_bytes([*high, *low]);
        let with = |count: u16, fields: &[u8]| [&[0xdc][..], &count.to_be_bytes(), fields].concat();
        // A newer build has a field more, and its signatures, too: a map here, and a text.
        let at = fields.windows(6).position(|octets| octets == b"\x95\xa4pass").unwrap();
        let (before, signature) = fields.split_at(at);
        let (signature, behind) = signature.split_at(1 + 5 + 4);
        let newer = [before, b"\x96", &signature[1..], b"\xa3new", behind, b"\x81\x01\x02"].concat();
        assert_eq!(read(&with(count + 1, &newer)), expected, "with more fields");
        // An older one did not have the last field yet, which is a list without anything here.
        assert_eq!(fields.last(), Some(&0x90));
        assert_eq!(read(&with(count - 1, &fields[..fields.len() - 1])), expected, "with fewer fields");
    }

    #[test]
    fn fields_stand_where_they_always_stood() {
        /// The fields of each kind that have been written. Whoever adds one adds it at the end, here and there.
        const FIELDS: [(&str, &str); 6] = [
            (
                "mail",
                "at id node queue_id client_ip helo mail_from_domain mail_from_local recipient_domains recipients size \
                author_result author_domain author_reason author_flags spf_result spf_domain spf_helo_result dkim arc_result \
                arc_sealers dmarc_result organizational_domain policy_domain policy policy_testing spf_aligned dkim_aligned \
                disposition verdict grounds decision override_type override_comment unjudged copies waited facts",
            ),
            ("fact", "at hash kind name outcome records"),
            (
                "aggregate",
                "at until report org submitter policy_domain policy source_ip count disposition dkim_aligned \
                spf_aligned reasons header_from envelope_from envelope_to dkim spf_domain spf_result row",
            ),
            (
                "tls",
                "at until report org submitter policy_domain policy_type successful failed result_type sending_ip \
                receiving_host receiving_ip reason_code row",
            ),
            (
                "failure",
                "at report org submitter reported_domain header_from envelope_from envelope_to source_ip count \
                auth_failure identity_alignment delivery_result dkim_domain dkim_selector row",
            ),
            ("signature", "result domain selector algorithm reason"),
        ];
        let named = [
            rmp_serde::to_vec_named(&MailEvent::default()),
            rmp_serde::to_vec_named(&FactEvent::default()),
            rmp_serde::to_vec_named(&AggregateEvent::default()),
            rmp_serde::to_vec_named(&TlsEvent::default()),
            rmp_serde::to_vec_named(&FailureEvent::default()),
            rmp_serde::to_vec_named(&SignatureEvent::default()),
        ];
        for ((kind, fields), named) in FIELDS.into_iter().zip(named) {
            let Names(names) = rmp_serde::from_slice(&named.unwrap()).unwrap();
            assert_eq!(names, fields.split_whitespace().collect::<Vec<_>>(), "{kind}");
        }
    }

    /// The names of the fields of a struct, in their order.
    struct Names(Vec<String>);

    impl<'de> Deserialize<'de> for Names {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            /// Reads them.
            struct Each;
            impl<'de> serde::de::Visitor<'de> for Each {
                type Value = Names;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a map")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                    let mut names = Vec::new();
                    while let Some((name, serde::de::IgnoredAny)) = map.next_entry()? {
                        names.push(name);
                    }
                    Ok(Names(names))
                }
            }
            deserializer.deserialize_map(Each)
        }
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
