//! DKIM replay: one signature, again and again (RFC 6376 §8.6)
//!
//! Whoever gets one signed mail may send it on to everybody, and every copy passes. Nothing in a copy tells, so the copies
//! are counted: by a hash of `b=`, in a table of fixed size, for a day. That a count is high proves nothing, since a mailing
//! list that changes nothing looks the same: the verdict stays, and the mail says what is suspected.
//!
//! Pure: hashes and times are arguments, so that whoever calls may hash with a key that no sender knows.

/// How many signatures share one place of the table.
const WAYS: usize = 8;
/// How many places there are: two million signatures in 32 MiB, of which the system hands out what is used.
const PLACES: usize = 1 << 18;
/// How long copies are counted from the first one on, in seconds.
const WINDOW: u32 = 24 * 3600;
/// The longest signature that is looked at: base64 of one with an RSA key of 4096 bits has 684 octets.
const SIGNATURE_MAX: usize = 2048;

/// The signatures that were seen, and how often.
pub(super) struct Replay {
    /// The table: of each signature its hash, and since when and how often it was seen. A count of 0 is a free slot.
    slots: Vec<[u64; 2]>,
    /// How many mails were suspicious so far.
    suspected: u64,
}

/// How often one signature was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    /// When first, in seconds of some clock.
    since: u32,
    /// For how many recipients.
    copies: u32,
}

impl Replay {
    /// Makes an empty table.
    pub(super) fn new() -> Replay {
        Replay { slots: vec![[0; 2]; PLACES * WAYS], suspected: 0 }
    }

    /// Returns how many mails were suspicious so far.
    pub(super) fn suspected(&self) -> u64 {
        self.suspected
    }

    /// Counts a mail that passed with these signatures, given by their hashes, to so many recipients. Returns how many
    /// copies there are by now, where that is suspicious, from `threshold` on: one mail alone never is, however many it is
    /// for.
    pub(super) fn count(
        &mut self,
        signatures: impl IntoIterator<Item = u64>,
        recipients: u32,
        now: u32,
        threshold: u32,
    ) -> Option<u32> {
        let mut most = None;
        for signature in signatures {
            let (copies, is_first) = self.note(signature, recipients.max(1), now);
            if !is_first && copies >= threshold {
                most = most.max(Some(copies));
            }
        }
        self.suspected += u64::from(most.is_some());
        most
    }

    /// Notes one signature. Returns how many copies there are by now, and whether this is the first mail with it.
    fn note(&mut self, signature: u64, recipients: u32, now: u32) -> (u32, bool) {
        let place = usize::try_from(signature % PLACES as u64).unwrap_or(0) * WAYS;
        let ways = self.slots.get_mut(place..place + WAYS).unwrap_or_default();
        let is_known = |slot: &[u64; 2]| slot[0] == signature && Seen::of(slot[1]).is_fresh(now);
        if let Some(slot) = ways.iter_mut().find(|slot| is_known(slot)) {
            let seen = Seen::of(slot[1]);
            let copies = seen.copies.saturating_add(recipients);
            slot[1] = Seen { copies, ..seen }.packed();
            return (copies, false);
        }
        // What is over goes first, then what has few copies, then what is old: a flood of other signatures does not wash
        // away one that comes again and again.
        let worth = |slot: &[u64; 2]| {
            let seen = Seen::of(slot[1]);
            (seen.is_fresh(now), seen.copies, seen.since)
        };
        if let Some(slot) = ways.iter_mut().min_by_key(|slot| worth(slot)) {
            *slot = [signature, Seen { since: now, copies: recipients }.packed()];
        }
        (recipients, true)
    }
}

impl Seen {
    /// Reads what a slot holds.
    fn of(packed: u64) -> Seen {
        let [a, b, c, d, e, f, g, h] = packed.to_be_bytes();
        Seen { since: u32::from_be_bytes([a, b, c, d]), copies: u32::from_be_bytes([e, f, g, h]) }
    }

    /// Writes it for a slot.
    fn packed(self) -> u64 {
        u64::from(self.since) << 32 | u64::from(self.copies)
    }

    /// Tells whether copies are still counted.
    fn is_fresh(self, now: u32) -> bool {
        self.copies > 0 && now.saturating_sub(self.since) < WINDOW
    }
}

/// Returns the `b=` of a DKIM-Signature field's value in one form, however it is folded and padded.
pub(super) fn signature(value: &[u8]) -> Option<Vec<u8>> {
    let (_, text) = value
        .split(|&octet| octet == b';')
        .filter_map(|tag| tag.split_at_checked(tag.iter().position(|&octet| octet == b'=')?))
        .find(|(name, _)| name.trim_ascii() == b"b")?;
    let is_kept = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/');
    let signature: Vec<u8> = text.iter().copied().filter(is_kept).take(SIGNATURE_MAX).collect();
    (!signature.is_empty()).then_some(signature)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_signature_has_one_form_however_it_is_written() {
        let form = |text: &str| signature(text.as_bytes());
        assert_eq!(form("v=1; b=ab+/\r\n\tcd==; bh=xy"), Some(b"ab+/cd".to_vec()));
        assert_eq!(form("v=1; bh=xy; \r\n b = ab+/ cd"), Some(b"ab+/cd".to_vec()));
        assert_eq!([form("v=1; b="), form("bh=b=x"), form("")], [None, None, None]);
    }

    #[test]
    fn copies_are_suspicious_from_the_threshold_on_and_one_mail_alone_never_is() {
        let mut replay = Replay::new();
        assert_eq!(replay.count([7], 5000, 0, 100), None);
        assert_eq!(replay.count([7], 1, 1, 100), Some(5001));
        for at in 1..100 {
            assert_eq!(replay.count([8], 1, at, 100), None);
        }
        assert_eq!(replay.count([8, 9], 1, 100, 100), Some(100));
        assert_eq!(replay.suspected(), 2);
        // A day later all begins anew.
        assert_eq!(replay.count([8], 1, WINDOW + 1, 100), None);
        // A clock that went back forgets nothing and counts on.
        assert_eq!(replay.count([7], 1, 0, 100), Some(5002));
    }

    #[test]
    fn a_flood_of_other_signatures_does_not_wash_away_the_one_that_comes_again() {
        let mut replay = Replay::new();
        let mut suspected_at = None;
        let mut other = 0_u64;
        for copy in 1..=200_u32 {
            if replay.count([0x5eed_0000_1234], 1, copy, 100).is_some() {
                suspected_at.get_or_insert(copy);
            }
            // As many others as make a million, all once.
            for _ in 0..5_000 {
                other = other.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                assert_eq!(replay.count([other], 1, copy, 100), None);
            }
        }
        assert_eq!(suspected_at, Some(100));
        assert!(replay.slots.len() * size_of::<[u64; 2]>() <= 64 << 20);
    }

    proptest! {
        #[test]
        fn few_signatures_are_counted_exactly(
            mails in prop::collection::vec((0_u64..6, 1_u32..50, 0_u32..2_000), 0..200),
            threshold in 1_u32..300,
        ) {
            let (mut replay, mut now, mut suspected) = (Replay::new(), 0, 0);
            let mut expected = HashMap::<u64, (u32, u32)>::new();
            for (signature, recipients, pause) in mails {
                now += pause;
                let seen = expected.get(&signature).copied().filter(|(since, _)| now - since < WINDOW);
                let (since, copies) = seen.map_or((now, recipients), |(since, copies)| (since, copies + recipients));
                expected.insert(signature, (since, copies));
                let told = seen.map(|_| copies).filter(|copies| *copies >= threshold);
                // All of them share one place, which has room for them.
                prop_assert_eq!(replay.count([signature << 32], recipients, now, threshold), told);
                suspected += u64::from(told.is_some());
            }
            prop_assert_eq!(replay.suspected(), suspected);
        }

        #[test]
        fn no_count_is_ever_too_high(mails in prop::collection::vec(0_u64..64, 0..600)) {
            // More signatures than one place has room for: some are forgotten, none is confused with another.
            let mut replay = Replay::new();
            let mut sent = HashMap::<u64, u32>::new();
            for signature in mails {
                let sent = sent.entry(signature).or_default();
                *sent += 1;
                let told = replay.count([signature << 32], 1, 0, 1);
                prop_assert!(told.unwrap_or(0) <= *sent);
            }
        }
    }
}
