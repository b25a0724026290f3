//! Whom an address stands for, wherever clients are counted

use std::net::{IpAddr, Ipv6Addr};

/// Returns whom an address stands for: in IPv6 a whole /64, of which each host has as many addresses as it likes.
pub(crate) fn neighbourhood(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_ipv6_cannot_be_many() {
        let of = |text: &str| neighbourhood(text.parse().unwrap()).to_string();
        assert_eq!((of("2001:db8:1:2:3::4"), of("2001:db8:1:3::")), ("2001:db8:1:2::".into(), "2001:db8:1:3::".into()));
        assert_eq!((of("192.0.2.1"), of("::ffff:192.0.2.1")), ("192.0.2.1".into(), "192.0.2.1".into()));
    }
}
