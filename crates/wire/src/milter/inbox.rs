//! Octets from the socket, cut into packets
//!
//! A packet's length is believed only as far as octets really come: memory grows with what was sent, never with what was
//! announced.

use std::fmt;

/// The longest packet that is taken, its letter included. Postfix sends bodies in pieces of 64 KB, and headers of up to
/// `header_size_limit` (100 KB) in one.
const PACKET_MAX: usize = 1 << 20;
/// How much is asked for at a time, where much comes.
const READ: usize = 64 * 1024 + 512;
/// How much is asked for where little comes, enough for most of a small mail: a conversation that waits, or speaks slowly,
/// costs hardly more.
const FIRST: usize = 8 * 1024;

/// Octets that came and are not yet dealt with.
#[derive(Debug, Default)]
pub struct Inbox {
    /// The octets; those before `at` are done with.
    octets: Vec<u8>,
    /// Where the next packet begins.
    at: usize,
    /// How many octets were filled in.
    end: usize,
    /// Whether the last octets took all the room there was, so that more are likely behind them.
    is_busy: bool,
}

impl Inbox {
    /// Returns room for octets from the socket; tell with [`Inbox::filled`] how many came.
    pub fn room(&mut self) -> &mut [u8] {
        if self.at == self.end {
            (self.at, self.end) = (0, 0);
        }
        let left = self.end - self.at;
        let step = if self.is_busy { READ } else { FIRST };
        // What is left moves to the front where the room behind it is small; a packet is moved once at most.
        if self.octets.len() - self.end < step / 2 && self.at > 0 {
            self.octets.copy_within(self.at..self.end, 0);
            (self.at, self.end) = (0, left);
        }
        if self.octets.len() - self.end < step / 2 {
            self.octets.resize(self.end + step, 0);
        }
        &mut self.octets[self.end..]
    }

    /// Says how many octets came.
    pub fn filled(&mut self, count: usize) {
        self.is_busy = count == self.octets.len() - self.end;
        self.end = (self.end + count).min(self.octets.len());
    }

    /// Returns the next whole packet, its letter first; nothing while it has not come whole.
    pub fn packet(&mut self) -> Result<Option<&[u8]>, BadPacket> {
        let waiting = &self.octets[self.at..self.end];
        let Some((length, rest)) = waiting.split_first_chunk() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        match length {
            0 => return Err(BadPacket::Empty),
            length if length > PACKET_MAX => return Err(BadPacket::TooLong(length)),
            length if length > rest.len() => return Ok(None),
            _ => {}
        }
        let start = self.at + 4;
        self.at = start + length;
        Ok(self.octets.get(start..self.at))
    }

    /// Gives memory back that a long packet took, once nothing is waiting.
    pub fn rest(&mut self) {
        if self.at == self.end && self.octets.len() > 4 * READ {
            *self = Inbox::default();
        }
    }

    /// Gives all memory back that no octet is waiting in: nothing came for a while.
    pub fn doze(&mut self) {
        let waiting = self.octets.get(self.at..self.end).unwrap_or_default();
        *self = Inbox { octets: waiting.to_vec(), at: 0, end: waiting.len(), is_busy: false };
    }

    /// Returns how many octets of memory it takes.
    pub fn size(&self) -> usize {
        self.octets.capacity()
    }

    /// Tells whether octets are waiting for the rest of their packet.
    pub fn is_waiting(&self) -> bool {
        self.at < self.end
    }
}

/// Why some octets are no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadPacket {
    /// It has not even a letter.
    Empty,
    /// It says that it is longer than any packet.
    TooLong(usize),
}

impl fmt::Display for BadPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadPacket::Empty => f.write_str("a packet of no octets"),
            BadPacket::TooLong(length) => write!(f, "a packet of `{length}` octets, where {PACKET_MAX} is the most"),
        }
    }
}

impl std::error::Error for BadPacket {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn feed(inbox: &mut Inbox, mut octets: &[u8]) {
        while !octets.is_empty() {
            let room = inbox.room();
            let count = room.len().min(octets.len());
            room[..count].copy_from_slice(&octets[..count]);
            inbox.filled(count);
            octets = &octets[count..];
        }
    }

    #[test]
    fn lengths_of_nothing_and_of_everything_are_refused() {
        let mut inbox = Inbox::default();
        feed(&mut inbox, &[0, 0, 0, 0]);
        assert_eq!(inbox.packet(), Err(BadPacket::Empty));
        let mut inbox = Inbox::default();
        feed(&mut inbox, &[0xff; 4]);
        assert_eq!(inbox.packet(), Err(BadPacket::TooLong(0xffff_ffff)));
        assert!(inbox.octets.len() <= READ);
    }

    #[test]
    fn a_long_packet_leaves_no_memory_behind() {
        let mut inbox = Inbox::default();
        let packet = [&(1u32 << 20).to_be_bytes()[..], &vec![b'B'; 1 << 20]].concat();
        feed(&mut inbox, &packet);
        assert_eq!(inbox.packet().unwrap().unwrap().len(), 1 << 20);
        inbox.rest();
        assert_eq!(inbox.octets.capacity(), 0);
    }

    #[test]
    fn little_costs_little_and_much_is_read_at_once() {
        let mut inbox = Inbox::default();
        feed(&mut inbox, &[0, 0, 0, 9, b'B']);
        assert!(inbox.octets.capacity() <= FIRST);
        let packet = [&60_000u32.to_be_bytes()[..], &[b'B'; 60_000]].concat();
        let mut inbox = Inbox::default();
        let count = inbox.room().len();
        inbox.room().copy_from_slice(&packet[..count]);
        inbox.filled(count);
        assert_eq!(inbox.packet(), Ok(None));
        assert!(inbox.room().len() >= packet.len() - count);
        inbox.doze();
        assert!(inbox.octets.capacity() <= count);
        feed(&mut inbox, &packet[count..]);
        assert_eq!(inbox.packet().unwrap().unwrap().len(), 60_000);
        inbox.doze();
        assert_eq!(inbox.octets.capacity(), 0);
    }

    proptest! {
        #[test]
        fn packets_come_out_as_they_went_in_however_they_are_cut(
            packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 0..20),
            cuts in proptest::collection::vec(1usize..200, 1..40),
        ) {
            let mut wire = Vec::new();
            for packet in &packets {
                wire.extend_from_slice(&u32::try_from(packet.len()).unwrap().to_be_bytes());
                wire.extend_from_slice(packet);
            }
            let (mut inbox, mut seen, mut rest) = (Inbox::default(), Vec::new(), wire.as_slice());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, behind) = rest.split_at(rest.len().min(*cut));
                feed(&mut inbox, piece);
                rest = behind;
                while let Some(packet) = inbox.packet().unwrap() {
                    seen.push(packet.to_vec());
                }
            }
            prop_assert_eq!(seen, packets);
            prop_assert!(!inbox.is_waiting());
        }
    }
}
