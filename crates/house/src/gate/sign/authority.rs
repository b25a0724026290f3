//! Who may have which author domains signed

use std::net::IpAddr;

use sekisho_core::name::DomainName;
use sekisho_wire::milter::{Address, Session};

use crate::config::network;
use crate::config::sign::SenderTable;

/// Tells whether a sender of the configuration is the client of this mail, and may have this domain signed.
pub(super) fn may_sign(sender: &SenderTable, session: &Session, domain: &DomainName) -> bool {
    let is_there = client_ip(session).is_some_and(|ip| network::contain(&sender.networks, ip));
    let is_logged_in = login(session).is_some_and(|login| sender.users.iter().any(|user| user.matches(login)));
    // What is not named does not matter, but one of the two is always named.
    (is_there || sender.networks.is_empty())
        && (is_logged_in || sender.users.is_empty())
        && !(sender.networks.is_empty() && sender.users.is_empty())
        && sender.domains.iter().any(|known| known.matches(domain))
}

/// Returns the login of the client, where the MTA says that it has authenticated.
pub(super) fn login(session: &Session) -> Option<&[u8]> {
    let told = |name| session.macros().get(name).filter(|value| !value.is_empty());
    told("{auth_type}").and(told("{auth_authen}"))
}

/// Returns the address of the client.
pub(super) fn client_ip(session: &Session) -> Option<IpAddr> {
    match session.envelope().client.as_ref()?.address {
        Address::Ip(ip) => Some(ip),
        Address::Local | Address::Unknown => None,
    }
}
