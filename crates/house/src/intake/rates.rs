//! How many mails a client may bring in a minute

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the span is that mails are counted in.
const SPAN: Duration = Duration::from_secs(60);
/// The most clients that are known at a time. Beyond that strangers are not counted: the number of connections bounds them.
const CLIENTS_MAX: usize = 65_536;

/// When each client has used up what it may bring, if it brought nothing more. Who brings mails steadily is as far ahead of
/// the clock as mails are; a whole span ahead is as far as it goes.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<HashMap<IpAddr, Instant>>);

impl Rates {
    /// Tells whether a client may bring one more mail now, and counts it if so.
    pub(super) fn admit(&self, client: IpAddr, per_minute: u32, now: Instant) -> bool {
        if per_minute == 0 {
            return true;
        }
        let client = neighbourhood(client);
        let step = SPAN / per_minute;
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= CLIENTS_MAX && !clients.contains_key(&client) {
            clients.retain(|_, used_up| *used_up > now);
            if clients.len() >= CLIENTS_MAX {
                return true;
            }
        }
        let used_up = clients.entry(client).or_insert(now);
        let next = (*used_up).max(now) + step;
        let may = next.duration_since(now) <= SPAN;
        if may {
            *used_up = next;
        }
        may
    }
}

/// Returns whom an address stands for: in IPv6 a whole /64, of which each host has as many addresses as it likes.
fn neighbourhood(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
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
        rates.admit(address(0, 0), 3, now + SPAN);
        assert!(rates.0.lock().unwrap().len() < 10);
    }
}
