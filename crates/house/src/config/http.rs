//! `[http]`: where the daemon can be watched

use std::net::SocketAddr;

use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::raw::addresses;

/// The options.
pub(super) const OPTIONS: &[&str] = &["listen"];

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawHttp {
    /// Addresses.
    listen: Option<Vec<Spanned<String>>>,
}

/// Where the daemon can be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpSection {
    /// Where it answers by HTTP.
    pub(crate) listen: Vec<SocketAddr>,
}

impl Default for HttpSection {
    fn default() -> HttpSection {
        HttpSection { listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))] }
    }
}

impl HttpSection {
    /// Checks what was written.
    pub(super) fn check(raw: RawHttp, faults: &mut Faults) -> HttpSection {
        let default = HttpSection::default();
        HttpSection { listen: raw.listen.map_or(default.listen, |written| addresses(written, faults)) }
    }
}
