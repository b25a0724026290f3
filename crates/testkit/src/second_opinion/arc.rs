//! What `mail-auth` 0.13.3 says of the ARC chain of a mail
//!
//! It is given the zone through its cache, so that it never asks anyone; its clock is the machine's.

use std::borrow::Borrow;
use std::hash::Hash;
use std::time::Instant;

use hickory_proto::op::ResponseCode;
use mail_auth::{AuthenticatedMessage, DnsError, Error, MessageAuthenticator, Parameters, ResolverCache, Txt};
use sekisho_core::facts::Question;
use sekisho_core::zone::Zone;

use super::dkim::{text, word};
use super::spf::Overheard;

/// Asks for an opinion on the chain of a mail, in its own words; nothing where it sees no mail.
///
/// # Panics
///
/// Panics where no runtime can be made.
pub fn ask(mail: &[u8], zone: &Zone) -> Option<&'static str> {
    let message = AuthenticatedMessage::parse(mail)?;
    let keys = Keys(zone);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let output = runtime.block_on(async {
        let resolver = MessageAuthenticator::new(Default::default(), Default::default()).expect("a resolver");
        resolver.verify_arc(Parameters::new(&message).with_txt_cache(&keys)).await
    });
    Some(word(output.result()))
}

/// The zone as a cache of keys.
struct Keys<'z>(&'z Zone);

impl ResolverCache<Box<str>, Txt> for Keys<'_> {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let Some(name) = Overheard::of(name).name() else {
            return Some(Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain))));
        };
        Some(text(&self.0.answer(&Question::txt(name)).outcome))
    }

    fn remove<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
}
