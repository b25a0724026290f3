//! Networks, as people write them: `192.0.2.0/24`, `2001:db8::/32`, or a single address

use std::net::IpAddr;

use ipnet::IpNet;

use crate::fault::Fault;

/// Reads a network. Bits behind the prefix are refused: they are a slip more often than not.
pub(crate) fn read_network(text: &str) -> Result<IpNet, Fault> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => Some(IpNet::from(address)),
        Err(_) => text.parse().ok(),
    };
    network
        .filter(|network| network.trunc() == *network)
        .ok_or_else(|| Fault::new("fault-network", [("value", text.to_owned().into())]))
}

/// Tells whether an address lies in one of the networks. An IPv4 address may be written as IPv6 (`::ffff:192.0.2.1`).
pub(crate) fn contain(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_single_addresses_are_read_and_slips_are_not() {
        let lies_in =
            |network: &str, address: &str| contain(&[read_network(network).unwrap()], address.parse().unwrap());
        assert!(lies_in("192.0.2.0/24", "192.0.2.255") && !lies_in("192.0.2.0/24", "192.0.3.0"));
        assert!(lies_in("192.0.2.1", "::ffff:192.0.2.1") && !lies_in("192.0.2.1", "192.0.2.2"));
        assert!(lies_in("2001:db8::/32", "2001:db8:1::1") && !lies_in("::/0", "192.0.2.1"));
        for slip in ["192.0.2.1/24", "192.0.2.0/33", "192.0.2", "example.org", ""] {
            assert!(read_network(slip).is_err(), "{slip}");
        }
    }
}
