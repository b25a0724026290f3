//! The content of a mail, taken in or passed over

use std::ops::Range;

use super::{Session, Stage, Step};
use crate::smtp::content::Content;
use crate::smtp::event::Event;
use crate::smtp::reply::Reply;
use crate::smtp::terms::{BareLineEnds, Protocol, Terms};

impl<K> Session<K> {
    /// Lets the content come, line by line.
    pub(super) fn take_data(&mut self, out: &mut Vec<u8>) -> Step {
        if let Some(reply) = self.lacks_recipients() {
            return self.complain_step(reply, out);
        }
        Reply::GO_ON.write(out);
        self.content = Some(Content::new());
        self.stage = Stage::Text;
        Step::Event(Event::MailBegun)
    }

    /// Lets a chunk of the content come.
    pub(super) fn take_bdat(&mut self, length: u64, is_last: bool, out: &mut Vec<u8>) -> Step {
        if let Some(reason) = self.lacks_recipients().or(self.trouble) {
            return self.waste(length, is_last, reason, out);
        }
        if length == 0 && !is_last {
            self.count_idle(out);
        }
        let is_first = self.content.is_none();
        let octets = self.content.get_or_insert_with(Content::new).octets;
        if octets.saturating_add(length) > self.terms.limits.message_octets {
            self.trouble = Some(Reply::TOO_LARGE);
            let step = self.waste(length, is_last, Reply::TOO_LARGE, out);
            return if is_first { step } else { Step::Event(Event::Aborted) };
        }
        if !matches!(self.stage, Stage::Closing) {
            self.stage = Stage::Chunk { left: length, length, is_last };
        }
        if is_first { Step::Event(Event::MailBegun) } else { Step::Again }
    }

    /// Returns why there is nobody to receive the content, if so.
    fn lacks_recipients(&self) -> Option<Reply<'static>> {
        match &self.envelope {
            Some(envelope) if !envelope.recipients.is_empty() => None,
            // RFC 5321 §3.3, and RFC 2033 §4.2 for LMTP.
            Some(envelope) if envelope.was_told_recipients && self.terms.protocol == Protocol::Smtp => {
                Some(Reply::NO_RECIPIENT)
            }
            Some(_) => Some(Reply::NO_RCPT),
            None => Some(Reply::NO_MAIL),
        }
    }

    /// Reads content up to the dot.
    pub(super) fn read_text(&mut self, out: &mut Vec<u8>) -> Step {
        let Some(content) = &mut self.content else { return Step::Wait };
        let cut = content.read_text(self.inbox.waiting());
        let piece = self.inbox.take(cut.done, cut.piece);
        if cut.is_end {
            return self.end_content(out);
        }
        if cut.done == 0 { Step::Wait } else { self.look_at(piece, out) }
    }

    /// Reads content by count.
    pub(super) fn read_chunk(&mut self, left: u64, length: u64, is_last: bool, out: &mut Vec<u8>) -> Step {
        let waiting = self.inbox.waiting();
        let count = usize::try_from(left).map_or(waiting.len(), |left| waiting.len().min(left));
        if let Some(content) = &mut self.content {
            content.read_chunk(&waiting[..count]);
        }
        let left = left - count as u64;
        if count > 0 {
            let piece = self.inbox.take(count, 0..count);
            self.stage = Stage::Chunk { left, length, is_last };
            return self.look_at(piece, out);
        }
        match (left, is_last) {
            (0, true) => {
                if let Some(content) = &mut self.content {
                    content.end_chunks();
                }
                self.end_content(out)
            }
            (0, false) => {
                self.stage = Stage::Chunks;
                match self.trouble {
                    Some(reason) => self.complain(reason, out),
                    None => Reply::new(250, "2.0.0", &format!("{length} octets")).write(out),
                }
                Step::Again
            }
            _ => Step::Wait,
        }
    }

    /// Hands a piece of content on, unless something is wrong with the mail.
    fn look_at(&mut self, piece: Range<usize>, out: &mut Vec<u8>) -> Step {
        let Some(content) = &self.content else { return Step::Again };
        let had_trouble = self.trouble.is_some();
        // Enough was passed over for politeness.
        if content.octets > most_octets(&self.terms) {
            return self.end(Some(Reply::TOO_LARGE), out);
        }
        if content.octets > self.terms.limits.message_octets {
            self.trouble.get_or_insert(Reply::TOO_LARGE);
        }
        self.look_for_bare_line_ends();
        match (had_trouble, self.trouble) {
            (false, None) => Step::Content(piece),
            (false, Some(_)) => Step::Event(Event::Aborted),
            (true, _) => Step::Again,
        }
    }

    /// Ends the content: the mail waits for its outcome, or is refused.
    fn end_content(&mut self, out: &mut Vec<u8>) -> Step {
        let had_trouble = self.trouble.is_some();
        self.look_for_bare_line_ends();
        let Some(reason) = self.trouble else {
            self.stage = Stage::Storing;
            return Step::Event(Event::MailEnded);
        };
        self.write_for_mail(&reason, out);
        self.forget_mail();
        self.count_error(out);
        if had_trouble { Step::Again } else { Step::Event(Event::Aborted) }
    }

    /// Refuses content with stray line ends, whatever else is wrong with it: which of two faults is seen first depends on
    /// how the octets come.
    fn look_for_bare_line_ends(&mut self) {
        if self.has_bare_line_ends() && self.terms.bare_line_ends == BareLineEnds::Refuse {
            self.trouble = Some(Reply::BARE_IN_CONTENT);
        }
    }

    /// Lets a chunk come that is passed over.
    pub(super) fn waste(&mut self, length: u64, is_last: bool, reason: Reply<'static>, out: &mut Vec<u8>) -> Step {
        if length > most_octets(&self.terms) {
            return self.end(Some(Reply::TOO_LARGE), out);
        }
        self.stage = Stage::Waste { left: length, is_last, reason };
        Step::Again
    }

    /// Passes over what is not taken.
    pub(super) fn read_waste(&mut self, left: u64, is_last: bool, reason: Reply<'static>, out: &mut Vec<u8>) -> Step {
        let waiting = self.inbox.waiting().len();
        let count = usize::try_from(left).map_or(waiting, |left| waiting.min(left));
        self.inbox.take(count, 0..0);
        let left = left - count as u64;
        self.stage = Stage::Waste { left, is_last, reason };
        if left > 0 {
            return Step::Wait;
        }
        match (&self.envelope, &self.content) {
            (Some(_), Some(_)) if is_last => {
                self.write_for_mail(&reason, out);
                self.forget_mail();
                self.count_error(out);
                return Step::Again;
            }
            (Some(_), Some(_)) => self.stage = Stage::Chunks,
            (Some(_), None) => self.stage = Stage::Envelope,
            (None, _) => self.stage = self.resting(),
        }
        self.complain_step(reason, out)
    }
}

/// Returns how many octets of content may come in vain.
fn most_octets(terms: &Terms) -> u64 {
    terms.limits.message_octets.saturating_mul(2).saturating_add(1 << 20)
}
