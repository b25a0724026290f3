//! The sample day: each kind of mail judged once, and repeated at the times of its stream

use std::collections::BTreeMap;

use anyhow::Context;
use jiff::Timestamp;
use sekisho_core::event::{Event, FactEvent, FactHash, MailEvent};
use sekisho_core::search::is_within;
use sekisho_core::sums::ReportRow;

use super::mails;
use super::streams::{Curve, STREAMS, Stream};
use crate::gate::{Rehearsal, Rehearsed};

/// An hour, in microseconds.
const HOUR: i64 = 3_600_000_000;
/// A day, in microseconds.
const DAY: i64 = 24 * HOUR;
/// The most octets that a mail has beside those that it was judged with.
const MORE_OCTETS: u64 = 60_000;
/// The most microseconds that anybody waited for a verdict.
const WAITED: u64 = 40_000;

/// Every kind of mail of the day, judged.
pub(super) struct Day {
    /// By stream.
    streams: Vec<Judged>,
}

/// A stream, and its mails as they were judged: one for each client and each set of recipients.
struct Judged {
    /// The stream.
    stream: &'static Stream,
    /// The mails.
    kinds: Vec<Rehearsed>,
}

impl Day {
    /// Judges every kind of mail.
    pub(super) async fn judge(rehearsal: &Rehearsal, now: Timestamp) -> anyhow::Result<Day> {
        let mut streams = Vec::new();
        for stream in STREAMS {
            let mut kinds = Vec::new();
            for to in stream.to {
                let mail = mails::written(stream, to, rehearsal, now).await?;
                let recipients: Vec<Box<[u8]>> = to.iter().map(|to| to.as_bytes().into()).collect();
                for (client, helo) in stream.clients {
                    let envelope = mails::envelope(client, helo, stream.mail_from)?;
                    let judged = rehearsal.judge(&mail, envelope, &recipients, now).await;
                    kinds.push(judged.with_context(|| format!("`{}` was not judged to the end", stream.subject))?);
                }
            }
            streams.push(Judged { stream, kinds });
        }
        Ok(Day { streams })
    }

    /// Returns the Events of the 24 hours before a moment, in their order.
    pub(super) fn events(&self, now: Timestamp) -> Vec<Event> {
        let (until, mut dice, mut mails) = (now.as_microsecond(), Dice(0x5e_c1_50), Vec::new());
        let mut facts: BTreeMap<(i64, FactHash), FactEvent> = BTreeMap::new();
        for Judged { stream, kinds } in &self.streams {
            for _ in 0..stream.mails {
                let Some(kind) = dice.pick(kinds) else { continue };
                let mail = repeated(&kind.mail, moment(stream.curve, until, &mut dice), &mut dice);
                for fact in &kind.facts {
                    let told = facts.entry((mail.at.div_euclid(DAY), fact.hash));
                    let told = told.or_insert_with(|| FactEvent { at: mail.at, ..fact.clone() });
                    told.at = told.at.min(mail.at);
                }
                mails.push(mail);
            }
        }
        mails.sort_by_key(|mail| mail.at);
        let named = mails.into_iter().enumerate().map(|(number, mut mail)| {
            mail.id = format!("{until:x}-{number:x}");
            Event::Mail(Box::new(mail))
        });
        named.chain(facts.into_values().map(|fact| Event::Fact(Box::new(fact)))).collect()
    }

    /// Returns what another receiver saw of a domain on a day, who had so many hundredths of our mails.
    pub(super) fn seen_of(&self, domain: &str, receiver: &str, share: u64) -> Vec<ReportRow> {
        let mut rows = Vec::new();
        for Judged { stream, kinds } in &self.streams {
            // The first recipients' kinds come first, one for each client.
            for kind in kinds.iter().take(stream.clients.len()) {
                if kind.mail.author_domain.as_deref().is_some_and(|author| is_within(author, domain)) {
                    let clients = u64::try_from(stream.clients.len()).unwrap_or(u64::MAX);
                    let mails = u64::from(stream.mails).saturating_mul(share) / 100 / clients;
                    rows.push(row(&kind.mail, receiver, mails.max(1)));
                }
            }
        }
        rows
    }
}

/// Returns a mail as it was judged, at another moment.
fn repeated(kind: &MailEvent, at: i64, dice: &mut Dice) -> MailEvent {
    MailEvent {
        at,
        queue_id: format!("{:010X}", dice.below(1 << 40)),
        size: kind.size.saturating_add(dice.below(MORE_OCTETS)),
        waited: dice.below(WAITED),
        ..kind.clone()
    }
}

/// Returns a row of a report of somebody who does what a mail's domain asks for.
fn row(mail: &MailEvent, receiver: &str, mails: u64) -> ReportRow {
    let disposition = if mail.dmarc_result == "pass" { "pass" } else { &mail.disposition };
    ReportRow {
        source_ip: mail.client_ip.clone().unwrap_or_default(),
        disposition: disposition.to_owned(),
        override_type: None,
        override_comment: None,
        dkim_aligned: mail.dkim_aligned,
        spf_aligned: mail.spf_aligned,
        header_from: mail.author_domain.clone(),
        envelope_from: mail.mail_from_domain.clone(),
        envelope_to: Some(receiver.to_owned()),
        spf_domain: mail.spf_domain.clone(),
        spf_result: mail.spf_result.clone(),
        dkim: mail.dkim.clone(),
        mails,
    }
}

/// Returns a moment of the 24 hours before another one, by the curve of the day.
fn moment(curve: Curve, until: i64, dice: &mut Dice) -> i64 {
    let begins: Vec<i64> = (0..24).map(|hour| until - DAY + hour * HOUR).collect();
    let weight = |begin: i64| {
        let hour = begin.div_euclid(HOUR).rem_euclid(24);
        u64::from(curve.weight(u8::try_from(hour).unwrap_or_default()))
    };
    let mut ticket = dice.below(begins.iter().map(|begin| weight(*begin)).sum());
    let within = i64::try_from(dice.below(HOUR.unsigned_abs())).unwrap_or_default();
    for begin in begins {
        match ticket.checked_sub(weight(begin)) {
            Some(left) => ticket = left,
            None => return begin + within,
        }
    }
    until - 1
}

/// Numbers that look like chance, and are always the same (SplitMix64).
struct Dice(u64);

impl Dice {
    /// Returns a number below another one; 0 where that is 0.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(end).unwrap_or_default()
    }

    /// Returns one of some things.
    fn pick<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        let at = self.below(u64::try_from(things.len()).unwrap_or(u64::MAX));
        things.get(usize::try_from(at).ok()?)
    }
}
