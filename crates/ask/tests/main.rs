//! The resolver against loopback servers, and the rounds between judges and sources

#![allow(clippy::unwrap_used)]

mod errands;
mod names;
mod outcomes;
mod remembering;
mod system;
mod transport;

use std::time::Duration;

use sekisho_ask::{Resolver, ResolverConfig, Source, Upstream};
use sekisho_core::facts::{Kind, Outcome, Question};
use sekisho_core::name::DomainName;
use sekisho_core::zone::Zone;
use sekisho_testkit::dns::DnsServer;
use tokio::time::Instant;

/// Returns a resolver that asks this server over UDP and TCP.
fn resolver(server: &DnsServer) -> Resolver {
    Resolver::new(config(server)).unwrap()
}

/// Returns the way to ask this server, with tries that are short enough for tests and long enough for a busy machine.
fn config(server: &DnsServer) -> ResolverConfig {
    let upstream = Upstream::plain(server.address().ip(), server.address().port());
    ResolverConfig { patience: Duration::from_secs(5), ..ResolverConfig::new(vec![upstream]) }
}

/// Returns a zone.
fn zone(text: &str) -> Zone {
    Zone::parse(text).unwrap()
}

/// Returns a question at a name in presentation form.
fn question(kind: Kind, name: &str) -> Question {
    Question::new(kind, DomainName::from_presentation(name).unwrap())
}

/// Asks a server.
async fn ask(server: &DnsServer, kind: Kind, name: &str) -> Outcome {
    resolver(server).answer(&question(kind, name)).await.outcome.clone()
}

/// Returns a moment that no test reaches.
fn never() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

/// Returns a source that asks this server.
fn source(server: &DnsServer) -> Source {
    Source::Dns(resolver(server))
}
