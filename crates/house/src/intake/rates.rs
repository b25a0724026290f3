//! How much a client may bring in a span of time

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::neighbourhood::neighbourhood;

/// How long the span is that mails are counted in.
pub(super) const MINUTE: Duration = Duration::from_secs(60);
/// The most clients that are known at a time. Beyond that strangers are not counted: the number of connections bounds them.
const CLIENTS_MAX: usize = 65_536;

/// So much may be brought in such a span; 0 sets no limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit(pub(super) u64, pub(super) Duration);

/// When somebody has used up what they may bring, if they bring nothing more; nothing before they brought anything. Who brings things
/// steadily is as far ahead of the clock as things are; a whole span ahead is as far as it goes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UsedUp(Option<Instant>);

impl UsedUp {
    /// Returns what is used up once so much more was brought, or how long to wait before that may be. Whoever is not ahead of the clock
    /// may bring one thing of any size: they would wait for ever otherwise.
    pub(super) fn after(self, much: u64, Limit(most, span): Limit, now: Instant) -> Result<UsedUp, Duration> {
        if most == 0 {
            return Ok(self);
        }
        let step = span.as_nanos().saturating_mul(much.into()) / u128::from(most);
        let step = Duration::from_nanos(u64::try_from(step).unwrap_or(u64::MAX));
        let ahead = self.0.map_or(Duration::ZERO, |then| then.saturating_duration_since(now));
        let beyond = (ahead + step).saturating_sub(span);
        if beyond.is_zero() || ahead.is_zero() {
            return Ok(UsedUp(Some(now + ahead + step)));
        }
        Err(beyond.min(ahead))
    }

    /// Tells whether they are ahead of the clock.
    fn is_ahead(self, now: Instant) -> bool {
        self.0.is_some_and(|then| then > now)
    }
}

/// What each client has used up.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<HashMap<IpAddr, UsedUp>>);

impl Rates {
    /// Tells whether a client may bring one more mail now, and counts it if so.
    pub(super) fn admit(&self, client: IpAddr, per_minute: u32, now: Instant) -> bool {
        self.charge(client, 1, Limit(per_minute.into(), MINUTE), now).is_ok()
    }

    /// Counts what a client brings, or says how long it has to wait.
    pub(super) fn charge(&self, client: IpAddr, much: u64, limit: Limit, now: Instant) -> Result<(), Duration> {
        if limit.0 == 0 {
            return Ok(());
        }
        let client = neighbourhood(client);
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= CLIENTS_MAX && !clients.contains_key(&client) {
            clients.retain(|_, used_up| used_up.is_ahead(now));
            if clients.len() >= CLIENTS_MAX {
                return Ok(());
            }
        }
        let used_up = clients.entry(client).or_default();
        *used_up = used_up.after(much, limit, now)?;
        Ok(())
    }

    /// Says how long a client has to wait before it may bring so much, and counts nothing.
    pub(super) fn look(&self, client: IpAddr, much: u64, limit: Limit, now: Instant) -> Result<(), Duration> {
        let clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let used_up = clients.get(&neighbourhood(client)).copied().unwrap_or_default();
        used_up.after(much, limit, now).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn a_client_brings_so_many_mails_in_a_minute_and_others_are_not_concerned() {
        let (rates, begun) = (Rates::default(), Instant::now());
        let [one, other]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse().unwrap());
        let at = |seconds| begun + Duration::from_secs(seconds);
        let admitted = (0..10).filter(|_| rates.admit(one, 6, at(0))).count();
        assert_eq!((admitted, rates.admit(other, 6, at(0)), rates.admit(one, 0, at(0))), (6, true, true));
        // One more each ten seconds, and the whole of it after a minute of silence.
        assert_eq!(
            (rates.admit(one, 6, at(9)), rates.admit(one, 6, at(10)), rates.admit(one, 6, at(10))),
            (false, true, false)
        );
        assert_eq!((0..10).filter(|_| rates.admit(one, 6, at(200))).count(), 6);
    }

    #[test]
    fn a_network_of_ipv6_is_one_client_and_memory_is_bounded() {
        let (rates, now) = (Rates::default(), Instant::now());
        let address =
            |network: u32, host: u32| IpAddr::from(Ipv6Addr::from_bits(u128::from(network) << 64 | u128::from(host)));
        assert_eq!((0..10).filter(|host| rates.admit(address(1, *host), 3, now)).count(), 3);
        let strangers = u32::try_from(CLIENTS_MAX).unwrap() + 1000;
        assert!((2..strangers).all(|network| rates.admit(address(network, 0), 3, now)));
        assert_eq!(rates.0.lock().unwrap().len(), CLIENTS_MAX);
        assert!(!rates.admit(address(1, 0), 3, now), "who is known stays known");
        rates.admit(address(0, 0), 3, now + MINUTE);
        assert!(rates.0.lock().unwrap().len() < 10);
    }

    #[test]
    fn who_is_refused_hears_how_long_to_wait_and_is_let_in_then() {
        let (limit, begun) = (Limit(100, MINUTE), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        let used_up = UsedUp::default().after(100, limit, begun).unwrap();
        // A tenth of it is free again after a tenth of the span.
        assert_eq!(used_up.after(10, limit, at(0)).unwrap_err(), Duration::from_secs(6));
        assert!(used_up.after(10, limit, at(5)).is_err() && used_up.after(10, limit, at(6)).is_ok());
        // What is larger than all of it waits until nothing is owed, and is paid for afterwards.
        assert_eq!(used_up.after(1000, limit, at(0)).unwrap_err(), MINUTE);
        let large = used_up.after(1000, limit, at(60)).unwrap();
        assert_eq!(large.after(1, limit, at(120)).unwrap_err(), Duration::from_millis(540 * 1000 - 60 * 1000 + 600));
        // Numbers that nobody meant break nothing.
        assert!(UsedUp::default().after(u64::MAX, Limit(1, MINUTE), begun).is_ok());
        assert!(large.after(u64::MAX, Limit(0, MINUTE), at(60)).is_ok());
    }
}
