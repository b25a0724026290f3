//! A cache for `mail-auth` that nobody fills: it answers from what is known already, so that nobody is asked
//!
//! It is asked with a key of any type that hashes like the key it was made for, so the key is read off the hashing.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::time::Instant;

use hickory_proto::op::ResponseCode;
use mail_auth::{DnsError, Error, ResolverCache, Txt};
use sekisho_core::name::DomainName;

/// A cache that holds what a function says of the key; where that says nothing, it is a miss.
pub struct Answering<F>(pub F);

impl<K, V, F: Fn(&Overheard) -> Option<V>> ResolverCache<K, V> for Answering<F> {
    fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        (self.0)(&Overheard::of(key))
    }

    fn remove<Q>(&self, _: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: K, _: V, _: Instant) {}
}

/// Says that there is no such name.
pub fn no_such_name() -> Txt {
    Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain)))
}

/// What a key tells a hasher: its octets.
pub struct Overheard(Vec<u8>);

impl Overheard {
    /// Listens to a key.
    fn of<Q: Hash + ?Sized>(key: &Q) -> Overheard {
        /// How many octets most keys have at most.
        const USUAL: usize = 64;
        let mut overheard = Overheard(Vec::with_capacity(USUAL));
        key.hash(&mut overheard);
        overheard
    }

    /// Returns the text that was hashed, where it was text: it ends in an octet that no UTF-8 text has.
    pub fn text(&self) -> Option<&[u8]> {
        self.0.strip_suffix(&[0xff])
    }

    /// Returns the name that was hashed, or the reverse name of the address.
    pub fn name(&self) -> Option<DomainName> {
        match self.text() {
            Some(b".") => return Some(DomainName::root()),
            Some(text) => return DomainName::parse(text).ok(),
            None => {}
        }
        // An address begins with its variant and its length.
        let reversed = |octets: &[u8]| octets.iter().rev().map(u8::to_string).collect::<Vec<_>>().join(".");
        if let Some(octets) = self.0.last_chunk::<16>().filter(|_| self.0.len() > 20) {
            let nibbles = octets.iter().rev().map(|octet| format!("{:x}.{:x}.", octet & 15, octet >> 4));
            return DomainName::parse(format!("{}ip6.arpa", nibbles.collect::<String>())).ok();
        }
        let octets = self.0.last_chunk::<4>()?;
        DomainName::parse(format!("{}.in-addr.arpa", reversed(octets))).ok()
    }
}

impl Hasher for Overheard {
    fn write(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn names_and_addresses_are_overheard() {
        let name = |overheard: &Overheard| overheard.name().unwrap().to_string();
        assert_eq!(name(&Overheard::of("a.example.")), "a.example");
        assert_eq!(name(&Overheard::of(&IpAddr::from([192, 0, 2, 1]))), "1.2.0.192.in-addr.arpa");
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        assert!(name(&Overheard::of(&v6)).starts_with("1.0.0.0."));
        assert!(name(&Overheard::of(&v6)).ends_with(".8.b.d.0.1.0.0.2.ip6.arpa"));
    }
}
