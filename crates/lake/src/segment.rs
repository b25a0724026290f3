//! Segments: the write-ahead files whose synced batches are acknowledged Events
//!
//! A segment is a header and frames; a frame is a batch of Events of any kinds. All numbers are little-endian.
//!
//! ```text
//! header  "SEKISHO\x01"  generation u32  created i64  key u64  check u32         (32 octets)
//! frame   length u32     place u32       content u32  payload
//! payload the Events, as `sekisho_core::written` writes them
//! ```
//!
//! `place` is the CRC-32 of key, offset and length, `content` that of key, offset and payload. The key is drawn for each
//! segment, so that nobody outside can put octets into a mail that read as a frame when a damaged one is stepped over.

use crate::columns;

/// The octets of a header.
pub(crate) const HEADER: usize = 32;
/// The octets of a frame before its payload.
pub(crate) const FRAME: usize = 12;
/// The longest payload of a frame.
pub(crate) const LONGEST_FRAME: usize = 16 << 20;
/// How a segment begins.
const MAGIC: [u8; 8] = *b"SEKISHO\x01";

/// What stands at the beginning of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// How many columns the build that wrote it knew: fields are only ever added.
    pub(crate) generation: u32,
    /// When it was begun, in microseconds since 1970.
    pub(crate) created: i64,
    /// What its checksums begin with.
    pub(crate) key: u64,
}

impl Header {
    /// Returns the header of a segment of this build.
    pub(crate) fn new(created: i64, key: u64) -> Self {
        Self { generation: columns::generation(), created, key }
    }

    /// Returns its octets.
    pub(crate) fn octets(&self) -> [u8; HEADER] {
        let mut octets = [0; HEADER];
        octets[..8].copy_from_slice(&MAGIC);
        octets[8..12].copy_from_slice(&self.generation.to_le_bytes());
        octets[12..20].copy_from_slice(&self.created.to_le_bytes());
        octets[20..28].copy_from_slice(&self.key.to_le_bytes());
        let check = crc32fast::hash(&octets[..28]);
        octets[28..].copy_from_slice(&check.to_le_bytes());
        octets
    }

    /// Reads the header of a segment; nothing where it is none.
    pub(crate) fn read(octets: &[u8]) -> Option<Self> {
        let octets: &[u8; HEADER] = octets.first_chunk()?;
        if octets[..8] != MAGIC || crc32fast::hash(&octets[..28]) != number(octets, 28)? {
            return None;
        }
        Some(Self {
            generation: number(octets, 8)?,
            created: i64::from_le_bytes(octets[12..20].try_into().ok()?),
            key: u64::from_le_bytes(octets[20..28].try_into().ok()?),
        })
    }

    /// Returns the checksum of what stands at `offset`.
    fn check(&self, offset: u64, octets: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.key.to_le_bytes());
        hasher.update(&offset.to_le_bytes());
        hasher.update(octets);
        hasher.finalize()
    }

    /// Appends a frame that will stand at `offset`.
    pub(crate) fn frame(&self, offset: u64, payload: &[u8], into: &mut Vec<u8>) {
        let length = u32::try_from(payload.len()).expect("a payload is at most LONGEST_FRAME");
        into.extend_from_slice(&length.to_le_bytes());
        into.extend_from_slice(&self.check(offset, &length.to_le_bytes()).to_le_bytes());
        into.extend_from_slice(&self.check(offset, payload).to_le_bytes());
        into.extend_from_slice(payload);
    }

    /// Returns the payload of the frame at `at`, if a whole and sound one stands there.
    fn payload<'a>(&self, octets: &'a [u8], at: usize) -> Option<&'a [u8]> {
        let offset = u64::try_from(at).ok()?;
        let length: u32 = number(octets, at)?;
        if number(octets, at + 4)? != self.check(offset, &length.to_le_bytes()) {
            return None;
        }
        let begin = at + FRAME;
        let payload = octets.get(begin..begin.checked_add(usize::try_from(length).ok()?)?)?;
        (number(octets, at + 8)? == self.check(offset, payload)).then_some(payload)
    }
}

/// Reads a number of four octets.
fn number(octets: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*octets.get(at..)?.first_chunk()?))
}

/// What stands in a segment, piece by piece.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A batch that was written whole.
    Batch(&'a [u8]),
    /// Octets that are no frame, though frames follow: the disk changed them.
    Damaged(usize),
    /// Octets at the end that are no frame: a batch that nobody acknowledged, or one that the disk changed.
    Torn(usize),
}

/// The pieces of a segment.
pub(crate) struct Pieces<'a> {
    /// The segment.
    octets: &'a [u8],
    /// Its header.
    header: Header,
    /// Where the next piece begins.
    at: usize,
}

impl<'a> Pieces<'a> {
    /// Returns the pieces of a segment, whose header was read before.
    pub(crate) fn new(octets: &'a [u8], header: Header) -> Self {
        Self { octets, header, at: HEADER }
    }

    /// Returns where the next sound frame begins.
    fn resume(&self) -> Option<usize> {
        (self.at + 1..self.octets.len()).find(|&at| self.header.payload(self.octets, at).is_some())
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let rest = self.octets.len().checked_sub(self.at).filter(|rest| *rest > 0)?;
        if let Some(payload) = self.header.payload(self.octets, self.at) {
            self.at += FRAME + payload.len();
            return Some(Piece::Batch(payload));
        }
        let from = self.at;
        match self.resume() {
            Some(next) => {
                self.at = next;
                Some(Piece::Damaged(next - from))
            }
            None => {
                self.at = self.octets.len();
                Some(Piece::Torn(rest))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sekisho_core::event::{Event, MailEvent};
    use sekisho_core::written::{Events, Written};

    use super::*;

    /// Returns a segment of `count` batches of one mail each, and where each begins.
    fn segment(count: usize) -> (Vec<u8>, Vec<usize>, Header) {
        let header = Header::new(1, 0x5eed);
        let mut octets = header.octets().to_vec();
        let mut begins = Vec::new();
        for at in 0..count {
            let mail = MailEvent { id: format!("m{at}"), ..MailEvent::default() };
            let payload = Written::of(&[Event::Mail(Box::new(mail))]).expect("written");
            begins.push(octets.len());
            let offset = octets.len() as u64;
            header.frame(offset, payload.octets(), &mut octets);
        }
        (octets, begins, header)
    }

    #[test]
    fn what_was_written_is_read() {
        let (octets, _, header) = segment(3);
        assert_eq!(Header::read(&octets), Some(header));
        let ids: Vec<_> = Pieces::new(&octets, header)
            .map(|piece| match piece {
                Piece::Batch(payload) => {
                    Events::of(payload, None).map(|event| event.expect("sound").expect("known")).collect::<Vec<_>>()
                }
                other => panic!("{other:?}"),
            })
            .map(|events| match &events[..] {
                [Event::Mail(mail)] => mail.id.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ids, ["m0", "m1", "m2"]);
    }

    #[test]
    fn a_segment_that_is_cut_anywhere_keeps_every_batch_before_the_cut() {
        let (octets, begins, header) = segment(3);
        let mut ends = begins[1..].to_vec();
        ends.push(octets.len());
        for cut in HEADER..=octets.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count();
            let at_an_edge = cut == HEADER || ends.contains(&cut);
            let pieces: Vec<_> = Pieces::new(&octets[..cut], header).collect();
            assert_eq!(pieces.iter().filter(|piece| matches!(piece, Piece::Batch(_))).count(), whole, "cut at {cut}");
            assert_eq!(matches!(pieces.last(), Some(Piece::Torn(_))), !at_an_edge, "cut at {cut}");
            assert!(!pieces.iter().any(|piece| matches!(piece, Piece::Damaged(_))), "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_bit_costs_its_own_batch_only() {
        let (octets, begins, header) = segment(3);
        for at in begins[1]..begins[2] {
            for bit in 0..8 {
                let mut flipped = octets.clone();
                flipped[at] ^= 1 << bit;
                let pieces: Vec<_> = Pieces::new(&flipped, header).collect();
                let damaged = begins[2] - begins[1];
                assert!(
                    matches!(&pieces[..], [Piece::Batch(_), Piece::Damaged(octets), Piece::Batch(_)] if *octets == damaged),
                    "bit {bit} of octet {at}: {pieces:?}"
                );
            }
        }
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_seen() {
        let (octets, _, _) = segment(0);
        for at in 0..HEADER * 8 {
            let mut flipped = octets.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            assert_eq!(Header::read(&flipped), None, "bit {at}");
        }
    }
}
