//! Which addresses are out in the world, and which lead back to this machine, to its neighbours or nowhere
//!
//! By the registries of special addresses (RFC 6890, and what IANA added to it). What is not known to be out there is not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Tells whether an address is one that anybody on the Internet may have.
pub(crate) fn is_global(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => is_global_v6(address),
    }
}

/// Tells it of an IPv4 address.
fn is_global_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !match (a, b, c) {
        // This network, this machine, private (RFC 1918), groups, and what is reserved, broadcast with it.
        (0 | 10 | 127 | 224..=255, ..) => true,
        // Behind a carrier's NAT (RFC 6598).
        (100, 64..=127, _) => true,
        // Of the link: clouds keep their secrets at 169.254.169.254.
        (169, 254, _) => true,
        (172, 16..=31, _) | (192, 168, _) => true,
        // Of protocols, and the way to 6to4 that is no more (RFC 7526).
        (192, 0, 0) | (192, 88, 99) => true,
        // Of examples (RFC 5737) and of benchmarks (RFC 2544).
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) | (198, 18..=19, _) => true,
        _ => false,
    }
}

/// Tells it of an IPv6 address that is no IPv4 address in disguise.
fn is_global_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    match (a, b) {
        // RFC 6052 §2.1: a translator leads to the IPv4 address that stands at the end.
        (0x64, 0xff9b) if [c, d, e, f] == [0; 4] => {
            let ([g, h], [i, j]) = (g.to_be_bytes(), h.to_be_bytes());
            is_global_v4(Ipv4Addr::new(g, h, i, j))
        }
        // Of protocols: Teredo (RFC 4380) and others, all of which lead elsewhere than they seem to.
        (0x2001, 0..=0x1ff) => false,
        // 6to4 leads to an IPv4 address (RFC 3056).
        (0x2002, _) => false,
        // Of examples (RFC 3849, RFC 9637).
        (0x2001, 0xdb8) | (0x3fff, 0..=0xfff) => false,
        // All that was ever given out.
        _ => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_inside_is_not_out_in_the_world_however_it_is_written() {
        let inside = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "5f00::1",
            "4000::1",
        ];
        for address in inside {
            assert!(!is_global(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn what_anybody_may_have_is() {
        let outside = [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "128.0.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2001:200::1",
            "2606:4700::1111",
            "2a00::1",
            "3ffe::1",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ];
        for address in outside {
            assert!(is_global(address.parse().unwrap()), "{address}");
        }
    }
}
