//! How much strangers may bring: one of them in a minute, all of them in a day, and never the last of the disk
//!
//! Nobody vouches for who sends a report, so these bounds are all that stands between a stranger and a full disk. By SMTP and by HTTP
//! the strangers of a day have a measure each: whoever uses up the one with posts does not keep out mails.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sekisho_ledger::Channel;
use tracing::warn;

use super::Intake;
use super::rates::{Limit, MINUTE, Rates, UsedUp};
use crate::config::IntakeSection;

/// How long the span is that what all strangers bring is counted in.
const DAY: Duration = Duration::from_secs(86_400);
/// When to come again where the disk has no room: somebody has to look after it.
const LATER: Duration = Duration::from_secs(600);
/// How often the log tells that somebody was refused; the counters tell of each.
const COMPLAINTS: Duration = Duration::from_secs(60);

/// A bound on what is brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// How many reports a client posts.
    Posts,
    /// How many octets a client brings.
    Client,
    /// How many octets all strangers bring.
    Total,
    /// How much of the disk is left.
    Reserve,
}

impl Bound {
    /// Every bound.
    pub(crate) const ALL: [Bound; 4] = [Bound::Posts, Bound::Client, Bound::Total, Bound::Reserve];

    /// Returns the stable word for logs and counters.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Bound::Posts => "posts",
            Bound::Client => "client",
            Bound::Total => "total",
            Bound::Reserve => "reserve",
        }
    }

    /// Tells whether it is the client's own doing that it is met.
    pub(super) fn is_the_clients(self) -> bool {
        matches!(self, Bound::Posts | Bound::Client)
    }
}

/// A bound that would be passed, and how long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Beyond {
    /// Which one.
    pub(super) bound: Bound,
    /// After how long the same may be tried again.
    pub(super) wait: Duration,
}

/// Something that a stranger brings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// How it comes.
    pub(super) channel: Channel,
    /// Whose it is; nothing where a relay of ours does not say, who is trusted.
    pub(super) client: Option<IpAddr>,
    /// How many octets it has.
    pub(super) octets: u64,
}

/// What strangers brought lately.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    /// How many reports each client posted.
    posts: Rates,
    /// How many octets each client brought.
    octets: Rates,
    /// How many octets all of them brought by mail.
    mailed: Mutex<UsedUp>,
    /// How many octets all of them posted.
    posted: Mutex<UsedUp>,
    /// When the log last told that somebody was refused.
    complained: Mutex<Option<Instant>>,
}

impl Bounds {
    /// Counts that a client posts a report.
    fn count_post(&self, client: IpAddr, section: &IntakeSection, now: Instant) -> Result<(), Beyond> {
        let limit = Limit(section.posts_per_minute.into(), MINUTE);
        self.posts.charge(client, 1, limit, now).map_err(|wait| Beyond { bound: Bound::Posts, wait })
    }

    /// Tells whether a load may come, and counts nothing.
    fn look(&self, load: Load, section: &IntakeSection, now: Instant) -> Result<(), Beyond> {
        let Some(client) = load.client else { return Ok(()) };
        let looked = self.octets.look(client, load.octets, of_client(section), now);
        looked.map_err(|wait| Beyond { bound: Bound::Client, wait })?;
        let total = *self.total(load.channel).lock().unwrap_or_else(PoisonError::into_inner);
        let looked = total.after(load.octets, of_all(section), now);
        looked.map(drop).map_err(|wait| Beyond { bound: Bound::Total, wait })
    }

    /// Counts a load that came. What a client brought counts for it though it is refused for the others' sake.
    fn charge(&self, load: Load, section: &IntakeSection, now: Instant) -> Result<(), Beyond> {
        let Some(client) = load.client else { return Ok(()) };
        let charged = self.octets.charge(client, load.octets, of_client(section), now);
        charged.map_err(|wait| Beyond { bound: Bound::Client, wait })?;
        let mut total = self.total(load.channel).lock().unwrap_or_else(PoisonError::into_inner);
        let charged = total.after(load.octets, of_all(section), now);
        *total = charged.map_err(|wait| Beyond { bound: Bound::Total, wait })?;
        Ok(())
    }

    /// Returns what all strangers brought by a channel.
    fn total(&self, channel: Channel) -> &Mutex<UsedUp> {
        if channel == Channel::Http { &self.posted } else { &self.mailed }
    }

    /// Tells whether it is time to tell the log that somebody was refused: a flood shall not fill the disk by that way.
    fn may_complain(&self, now: Instant) -> bool {
        let mut complained = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        let may = complained.is_none_or(|last| now.saturating_duration_since(last) >= COMPLAINTS);
        if may {
            *complained = Some(now);
        }
        may
    }
}

/// Returns how much one client may bring.
fn of_client(section: &IntakeSection) -> Limit {
    Limit(section.octets_per_minute, MINUTE)
}

/// Returns how much all strangers may bring by one channel.
fn of_all(section: &IntakeSection) -> Limit {
    Limit(section.octets_per_day, DAY)
}

impl Intake {
    /// Counts that a client posts a report.
    pub(super) fn count_post(&self, client: IpAddr, section: &IntakeSection) -> Result<(), Beyond> {
        self.noted(client.into(), self.bounds.count_post(client, section, Instant::now()))
    }

    /// Tells whether a load may come before it does.
    pub(super) async fn expect(&self, load: Load, section: &IntakeSection) -> Result<(), Beyond> {
        let expected = match self.bounds.look(load, section, Instant::now()) {
            Ok(()) => self.has_room(load.octets, section).await,
            beyond => beyond,
        };
        self.noted(load.client, expected)
    }

    /// Counts a load that came, before it is kept.
    pub(super) async fn weigh(&self, load: Load, section: &IntakeSection) -> Result<(), Beyond> {
        let weighed = match self.bounds.charge(load, section, Instant::now()) {
            Ok(()) => self.has_room(load.octets, section).await,
            beyond => beyond,
        };
        self.noted(load.client, weighed)
    }

    /// Tells whether so many octets leave the reserve of the disk alone. Where the disk does not say, keeping them does.
    async fn has_room(&self, octets: u64, section: &IntakeSection) -> Result<(), Beyond> {
        let room = match section.reserve_octets {
            0 => None,
            _ => self.desk.room().await,
        };
        if room.is_some_and(|room| room < section.reserve_octets.saturating_add(octets)) {
            return Err(Beyond { bound: Bound::Reserve, wait: LATER });
        }
        Ok(())
    }

    /// Notes that somebody is refused, where they are.
    fn noted(&self, client: Option<IpAddr>, outcome: Result<(), Beyond>) -> Result<(), Beyond> {
        if let Err(Beyond { bound, .. }) = outcome {
            let bound = bound.as_str();
            self.metrics.intake.refused.count(bound);
            if self.bounds.may_complain(Instant::now()) {
                let client = client.map(|client| client.to_string()).unwrap_or_default();
                warn!(
                    client.ip = client,
                    limit = bound,
                    "refused a report beyond a bound; others are only counted for a minute"
                );
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So much may be brought: 100 octets of a client in a minute, 1,000 of all in a day, 3 posts.
    fn section() -> IntakeSection {
        IntakeSection { posts_per_minute: 3, octets_per_minute: 100, octets_per_day: 1000, ..IntakeSection::default() }
    }

    /// Something that a neighbour brings.
    fn load(channel: Channel, client: u8, octets: u64) -> Load {
        Load { channel, client: Some([192, 0, 2, client].into()), octets }
    }

    /// Returns the word of the bound that was met.
    fn word(outcome: Result<(), Beyond>) -> &'static str {
        outcome.map_or_else(|beyond| beyond.bound.as_str(), |()| "ok")
    }

    #[test]
    fn a_client_posts_so_many_reports_and_another_one_as_many() {
        let (bounds, now) = (Bounds::default(), Instant::now());
        let post = |client: u8, now| word(bounds.count_post([192, 0, 2, client].into(), &section(), now));
        assert_eq!([1, 1, 1, 1, 2].map(|client| post(client, now)), ["ok", "ok", "ok", "posts", "ok"]);
        assert_eq!(post(1, now + MINUTE / 3), "ok");
        let none = IntakeSection { posts_per_minute: 0, ..section() };
        assert!(bounds.count_post([192, 0, 2, 1].into(), &none, now).is_ok());
    }

    #[test]
    fn many_clients_do_not_fill_the_disk_either_and_posts_keep_out_no_mails() {
        let (bounds, now) = (Bounds::default(), Instant::now());
        let bring = |channel, client, octets, now| word(bounds.charge(load(channel, client, octets), &section(), now));
        let posted: Vec<&str> = (1..13).map(|client| bring(Channel::Http, client, 100, now)).collect();
        assert_eq!(posted, [&["ok"; 10][..], &["total"; 2]].concat());
        assert_eq!((bring(Channel::Smtp, 20, 90, now), bring(Channel::Lmtp, 21, 90, now)), ("ok", "ok"));
        // By whichever way it comes, a client has one measure.
        assert_eq!(bring(Channel::Http, 20, 90, now), "client");
        // A tenth of a day later there is a tenth of the room again.
        assert_eq!(
            (bring(Channel::Http, 30, 90, now + DAY / 10), bring(Channel::Http, 31, 90, now + DAY / 10)),
            ("ok", "total")
        );
    }

    #[test]
    fn whoever_only_asks_is_not_counted_and_a_relay_of_ours_never_is() {
        let (bounds, now, section) = (Bounds::default(), Instant::now(), section());
        for _ in 0..50 {
            assert_eq!(bounds.look(load(Channel::Http, 1, 100), &section, now), Ok(()));
            let relayed = Load { client: None, ..load(Channel::Smtp, 0, 1000) };
            assert_eq!(bounds.charge(relayed, &section, now), Ok(()));
        }
        assert_eq!(word(bounds.charge(load(Channel::Http, 1, 60), &section, now)), "ok");
        assert_eq!(word(bounds.look(load(Channel::Http, 1, 60), &section, now)), "client");
        // One that is larger than all that may come is taken once, and paid for.
        assert_eq!(word(bounds.charge(load(Channel::Smtp, 2, 5000), &section, now)), "ok");
        let beyond = bounds.charge(load(Channel::Smtp, 3, 1), &section, now).unwrap_err();
        assert_eq!((beyond.bound, beyond.wait.as_secs() / 3600), (Bound::Total, 4 * 24));
    }

    #[test]
    fn a_flood_is_told_of_once_in_a_minute() {
        let (bounds, now) = (Bounds::default(), Instant::now());
        let told: Vec<bool> =
            [0, 1, 59, 60, 61].map(|second| bounds.may_complain(now + Duration::from_secs(second))).into();
        assert_eq!(told, [true, false, false, true, false]);
    }
}
