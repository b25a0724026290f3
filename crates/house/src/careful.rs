//! A client for HTTP that goes nowhere else than it was sent, and waits for nobody for long
//!
//! Both ask with it: a provider of identities is asked, and webhooks are called.

use std::iter::successors;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};

/// How long an answer may take, all of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may take.
const CONNECTING: Duration = Duration::from_secs(5);

/// Begins a client: no redirect is followed, no proxy asked, and TLS is whoever calls to decide.
pub(crate) fn client() -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .timeout(PATIENCE)
        .connect_timeout(CONNECTING)
        .no_proxy()
        .user_agent(concat!("Sekisho/", env!("CARGO_PKG_VERSION")))
}

/// Says why nobody can be asked, with all causes: the outermost alone says nothing. Addresses may be secrets, and are left out.
pub(crate) fn told(why: reqwest::Error) -> String {
    let why = why.without_url();
    let causes = successors(std::error::Error::source(&why), |cause| cause.source());
    causes.fold(why.to_string(), |said, cause| format!("{said}: {cause}"))
}
