//! Who calls webhooks: once, within ten seconds, and nobody who is not out in the world unless the configuration says so

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode, Url};
use sekisho_ask::Source;
use sekisho_core::facts::{Answer, Kind, Question, Record};
use sekisho_core::name::DomainName;
use tokio::time::{Instant, timeout_at};

use super::address::is_global;
use super::announcer::{Errand, key};
use super::secret::Secret;
use crate::careful::{self, PATIENCE, told};
use crate::config::Webhook;
use crate::fault::Fault;

/// The most octets that are read of an answer.
const MOST: usize = 64 * 1024;

/// Whoever calls webhooks.
#[derive(Default)]
pub(crate) struct Courier {
    /// All of them.
    hooks: Vec<Hook>,
}

/// A webhook that can be called.
struct Hook {
    /// What stands for it in the ledger.
    key: String,
    /// Where it is.
    url: Url,
    /// What is signed with.
    secret: Secret,
    /// Calls it.
    client: Client,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Called {
    /// It was taken.
    Taken,
    /// It will never be: the receiver says that nobody is there any more.
    Gone(String),
    /// It may be taken later.
    Later(String),
}

impl Courier {
    /// Makes ready to call these; reads their secrets. Their names are asked of `source`: what it answers is looked at before
    /// anybody connects, and the kernel need not let us read what the system's resolver reads.
    pub(crate) fn open(hooks: &[Webhook], source: &Source) -> Result<Courier, (usize, Fault)> {
        let one = |(number, hook)| Hook::open(hook, source).map_err(|fault| (number, fault));
        Ok(Courier { hooks: hooks.iter().enumerate().map(one).collect::<Result<_, _>>()? })
    }

    /// Tells whether there is nobody to call.
    pub(super) fn is_idle(&self) -> bool {
        self.hooks.is_empty()
    }

    /// Sends what an errand says under an id. `now` is in seconds.
    pub(super) async fn call(&self, id: &str, errand: &Errand, now: i64) -> Called {
        match self.hooks.iter().find(|hook| hook.key == errand.hook) {
            Some(hook) => hook.call(id, &errand.body, now).await,
            // Another node may know it, or an older configuration did.
            None => Called::Later("no webhook of this configuration".to_owned()),
        }
    }
}

impl Hook {
    /// Makes ready to call it.
    fn open(hook: &Webhook, source: &Source) -> Result<Hook, Fault> {
        let lookup = Lookup { source: source.clone(), is_private: hook.private };
        let client = careful::client()
            .https_only(hook.url.scheme() == "https")
            .dns_resolver(Arc::new(lookup))
            // Each call connects anew, to an address that was looked at for it.
            .pool_max_idle_per_host(0)
            .build();
        let client = client.map_err(|why| Fault::new("fault-webhook-client", []).because(Fault::quote(told(why))))?;
        let (key, url) = (key(hook).to_string(), hook.url.clone());
        Ok(Hook { key, url, secret: Secret::read(&hook.secret)?, client })
    }

    /// Calls it once.
    async fn call(&self, id: &str, body: &str, now: i64) -> Called {
        let deadline = Instant::now() + PATIENCE;
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", now.to_string())
            .header("webhook-signature", self.secret.sign(id, now, body))
            .body(body.to_owned());
        let host = self.url.host_str().unwrap_or_default();
        let answer = match timeout_at(deadline, request.send()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(why)) => return Called::Later(format!("{host} does not answer: {}", told(why))),
            Err(_) => return Called::Later(format!("{host} is too slow")),
        };
        let status = answer.status();
        // What it says beside that is of no use; who sends it should not find the line cut in the middle of it.
        let _ = timeout_at(deadline, drain(answer)).await;
        match status {
            status if status.is_success() => Called::Taken,
            StatusCode::GONE => Called::Gone(format!("{host} answers 410: nobody is there any more")),
            status => Called::Later(format!("{host} answers {}", status.as_u16())),
        }
    }
}

/// Reads of an answer what is not too much.
async fn drain(mut answer: Response) {
    let mut octets = 0;
    while octets < MOST
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        octets += chunk.len();
    }
}

/// Finds the addresses of a webhook: what it answers is what is connected to, so that a name cannot lead elsewhere meanwhile.
struct Lookup {
    /// Where answers come from.
    source: Source,
    /// Whether addresses within may be called.
    is_private: bool,
}

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let (source, is_private) = (self.source.clone(), self.is_private);
        Box::pin(async move { addresses(&source, name.as_str(), is_private).await })
    }
}

/// Returns the addresses of a name that may be called.
pub(super) async fn addresses(
    source: &Source,
    name: &str,
    is_private: bool,
) -> Result<Addrs, Box<dyn Error + Send + Sync>> {
    // RFC 6761 §6.3: this name is asked of nobody.
    if is_private && name.eq_ignore_ascii_case("localhost") {
        return Ok(ports([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()].into()));
    }
    let name = DomainName::parse(name)?;
    let deadline = Instant::now() + PATIENCE;
    let [four, six] = [Kind::A, Kind::Aaaa].map(|kind| Question::new(kind, name.clone()));
    let (four, six) = tokio::join!(source.answer(&four, deadline), source.answer(&six, deadline));
    let found: Vec<IpAddr> = addresses_of(&four).chain(addresses_of(&six)).collect();
    if found.is_empty() {
        return Err(format!("the DNS knows no address of it: {}", four.outcome.word()).into());
    }
    let fair: Vec<IpAddr> = found.into_iter().filter(|address| is_private || is_global(*address)).collect();
    if fair.is_empty() {
        return Err("its name leads to no public address, and `private` is false".into());
    }
    Ok(ports(fair))
}

/// Lists the addresses of an answer.
fn addresses_of(answer: &Answer) -> impl Iterator<Item = IpAddr> + '_ {
    answer.outcome.records().iter().filter_map(|record| match record {
        Record::A(address) => Some(IpAddr::V4(*address)),
        Record::Aaaa(address) => Some(IpAddr::V6(*address)),
        _ => None,
    })
}

/// Writes addresses as the library wants them: port 0 is the one of the webhook.
fn ports(addresses: Vec<IpAddr>) -> Addrs {
    Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)))
}
