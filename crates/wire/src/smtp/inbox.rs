//! Octets from the socket that are not yet dealt with
//!
//! The buffer is small and stays so: command lines are bounded, and content is handed on as it comes.

use std::ops::Range;

/// How much is asked for at a time while content comes in a hurry.
const READ: usize = 64 * 1024;
/// How much is asked for otherwise. It also bounds how many commands can be answered in one breath.
const FIRST: usize = 8 * 1024;

/// Octets that came and are not yet dealt with.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// The octets; those before `at` are done with.
    octets: Vec<u8>,
    /// Where the octets begin that are waiting.
    at: usize,
    /// How many octets were filled in.
    end: usize,
    /// How much room was offered last.
    offered: usize,
    /// Whether the last octets took all the room there was, so that more are likely behind them.
    is_busy: bool,
}

impl Inbox {
    /// Returns room for octets from the socket, never none: what waits is moved to the front first.
    pub(super) fn room(&mut self, is_content: bool) -> &mut [u8] {
        if self.at > 0 {
            self.octets.copy_within(self.at..self.end, 0);
            (self.at, self.end) = (0, self.end - self.at);
        }
        let step = if self.is_busy && is_content { READ } else { FIRST };
        // What waits is less than a line, unless the caller reads on without asking what came.
        if self.octets.len() < step || self.octets.len() - self.end < step / 2 {
            self.octets.resize((self.end + step / 2).max(step), 0);
        }
        self.offered = step.min(self.octets.len() - self.end);
        &mut self.octets[self.end..self.end + self.offered]
    }

    /// Says how many octets came.
    pub(super) fn filled(&mut self, count: usize) {
        self.is_busy = count == self.offered;
        self.end += count.min(std::mem::take(&mut self.offered));
    }

    /// Returns the octets that are waiting.
    pub(super) fn waiting(&self) -> &[u8] {
        self.octets.get(self.at..self.end).unwrap_or_default()
    }

    /// Says how many of the waiting octets are done with, and where among them something stands that
    /// [`Inbox::piece`] returns later.
    pub(super) fn take(&mut self, count: usize, piece: Range<usize>) -> Range<usize> {
        let start = self.at;
        self.at = (self.at + count).min(self.end);
        start + piece.start..start + piece.end
    }

    /// Returns a piece that was taken, until there is room for others.
    pub(super) fn piece(&self, piece: Range<usize>) -> &[u8] {
        self.octets.get(piece).unwrap_or_default()
    }

    /// Tells whether nothing is waiting.
    pub(super) fn is_empty(&self) -> bool {
        self.at == self.end
    }

    /// Gives all memory back that no octet is waiting in.
    pub(super) fn doze(&mut self) {
        let waiting = self.waiting().to_vec();
        *self = Inbox { end: waiting.len(), octets: waiting, ..Inbox::default() };
    }

    /// Drops whatever is waiting.
    pub(super) fn clear(&mut self) {
        *self = Inbox::default();
    }

    /// Returns how much memory is held.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.octets.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fills in as much as fits; returns how much that was.
    fn fill(inbox: &mut Inbox, octets: &[u8], is_content: bool) -> usize {
        let room = inbox.room(is_content);
        let count = room.len().min(octets.len());
        room[..count].copy_from_slice(&octets[..count]);
        inbox.filled(count);
        count
    }

    #[test]
    fn little_costs_little_and_content_in_a_hurry_is_read_at_once() {
        let mut inbox = Inbox::default();
        let many = [b'x'; 100_000];
        assert_eq!(fill(&mut inbox, &many, false), FIRST);
        inbox.take(FIRST, 0..0);
        assert_eq!(fill(&mut inbox, &many, false), FIRST);
        inbox.take(FIRST, 0..0);
        assert_eq!(fill(&mut inbox, &many, true), READ);
        inbox.take(READ, 0..0);
        inbox.doze();
        assert_eq!(inbox.capacity(), 0);
    }

    #[test]
    fn what_waits_is_kept_while_there_is_room_made() {
        let mut inbox = Inbox::default();
        fill(&mut inbox, b"one two", false);
        let one = inbox.take(4, 0..3);
        assert_eq!(inbox.piece(one), b"one");
        fill(&mut inbox, b" three", false);
        assert_eq!(inbox.waiting(), b"two three");
        inbox.doze();
        assert_eq!((inbox.waiting(), inbox.is_empty()), (&b"two three"[..], false));
    }
}
