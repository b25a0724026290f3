//! Where questions go: a name server, as people write it

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hickory_resolver::system_conf::parse_resolv_conf;

/// Where the system keeps its name servers.
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Where a DoH server usually answers (RFC 8484 §4.1.1 has it as an example, and everybody followed).
const DOH_PATH: &str = "/dns-query";

/// A name server: `ADDRESS[:PORT]`, `tls://ADDRESS[:PORT][#NAME]` or `https://HOST[:PORT][/PATH][#NAME]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Upstream {
    /// The machine.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub transport: Transport,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// By its address.
    Address(IpAddr),
    /// By a name that the system's own resolver looks up at each connection: DoH servers are named so.
    Name(Box<str>),
}

/// How a name server is spoken to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// UDP, and TCP where an answer was cut.
    Plain,
    /// DNS over TLS (RFC 7858).
    Tls {
        /// The name, or address, that the server's certificate must bear.
        name: Box<str>,
    },
    /// DNS over HTTPS (RFC 8484).
    Https {
        /// The name, or address, that the server's certificate must bear.
        name: Box<str>,
        /// The path that questions are posted to.
        path: Box<str>,
    },
}

impl Upstream {
    /// Returns a plain name server.
    pub fn plain(address: IpAddr, port: u16) -> Upstream {
        Upstream { host: Host::Address(address), port, transport: Transport::Plain }
    }

    /// Returns the name servers that the system uses.
    pub fn system() -> Result<Vec<Upstream>, NoSystem> {
        Upstream::from_resolv_conf(Path::new(RESOLV_CONF))
    }

    /// Returns the name servers that a file in the form of `/etc/resolv.conf` names; its search list is not used, since
    /// every name in a mail is whole.
    pub fn from_resolv_conf(path: &Path) -> Result<Vec<Upstream>, NoSystem> {
        let wrong = |why| NoSystem { path: path.to_owned(), why };
        let text = std::fs::read(path).map_err(|error| wrong(WhyNoSystem::Unreadable(error)))?;
        // The one thing that this reading refuses is a file that names no server.
        let (config, _) = parse_resolv_conf(text).map_err(|_| wrong(WhyNoSystem::NoServer))?;
        Ok(config.name_servers().iter().map(|server| Upstream::plain(server.ip, 53)).collect())
    }
}

impl FromStr for Upstream {
    type Err = BadUpstream;

    fn from_str(text: &str) -> Result<Upstream, BadUpstream> {
        parse(text).map_err(|why| BadUpstream { text: text.to_owned(), why })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match &self.host {
            Host::Address(IpAddr::V6(address)) => format!("[{address}]"),
            Host::Address(IpAddr::V4(address)) => address.to_string(),
            Host::Name(name) => name.to_string(),
        };
        let port = self.port;
        match &self.transport {
            Transport::Plain => write!(f, "{host}:{port}"),
            Transport::Tls { name } => write!(f, "tls://{host}:{port}#{name}"),
            Transport::Https { name, path } => write!(f, "https://{host}:{port}{path}#{name}"),
        }
    }
}

/// Reads a name server as people write it.
fn parse(text: &str) -> Result<Upstream, WhyBadUpstream> {
    let Some((scheme, rest)) = text.split_once("://") else {
        let (host, port) = parse_authority(text, 53)?;
        return match host {
            Host::Address(address) => Ok(Upstream::plain(address, port)),
            Host::Name(_) => Err(WhyBadUpstream::Address),
        };
    };
    let (rest, name) = match rest.split_once('#') {
        Some((_, "")) => return Err(WhyBadUpstream::Name),
        Some((rest, name)) => (rest, Some(name)),
        None => (rest, None),
    };
    match scheme {
        "tls" => {
            let (host, port) = parse_authority(rest, 853)?;
            let Host::Address(address) = host else { return Err(WhyBadUpstream::Address) };
            let name = name.map_or_else(|| address.to_string(), str::to_owned).into();
            Ok(Upstream { host, port, transport: Transport::Tls { name } })
        }
        "https" => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let (host, port) = parse_authority(authority, 443)?;
            let name = match (name, &host) {
                (Some(name), _) => name.into(),
                (None, Host::Name(name)) => name.clone(),
                (None, Host::Address(IpAddr::V4(address))) => address.to_string().into(),
                (None, Host::Address(IpAddr::V6(_))) => return Err(WhyBadUpstream::NeedsName),
            };
            let path = if path.is_empty() || path == "/" { DOH_PATH } else { path }.into();
            Ok(Upstream { host, port, transport: Transport::Https { name, path } })
        }
        _ => Err(WhyBadUpstream::Scheme),
    }
}

/// Reads `HOST[:PORT]`; an IPv6 address stands in brackets where a port follows.
fn parse_authority(text: &str, default_port: u16) -> Result<(Host, u16), WhyBadUpstream> {
    if let Ok(address) = text.parse() {
        return Ok((Host::Address(address), default_port));
    }
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(WhyBadUpstream::Address)?;
        let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or(WhyBadUpstream::Port)?) };
        (Host::Address(IpAddr::V6(host.parse().map_err(|_| WhyBadUpstream::Address)?)), port)
    } else {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        };
        (parse_host(host)?, port)
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|&port| port != 0).ok_or(WhyBadUpstream::Port)?,
        None => default_port,
    };
    Ok((host, port))
}

/// Reads an IPv4 address or a host name; what looks like an address is none of the latter.
fn parse_host(text: &str) -> Result<Host, WhyBadUpstream> {
    if let Ok(address) = text.parse() {
        return Ok(Host::Address(IpAddr::V4(address)));
    }
    let letters = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    let named = text.bytes().all(letters) && text.bytes().any(|b| b.is_ascii_alphabetic());
    if named { Ok(Host::Name(text.into())) } else { Err(WhyBadUpstream::Address) }
}

/// Some text names no name server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadUpstream {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub why: WhyBadUpstream,
}

impl fmt::Display for BadUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` names no name server: {}", self.text, self.why)
    }
}

impl std::error::Error for BadUpstream {}

/// What is wrong with the text of a name server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhyBadUpstream {
    /// The scheme is neither `tls` nor `https`.
    Scheme,
    /// There is no address.
    Address,
    /// The port is no number from 1 to 65535.
    Port,
    /// Nothing follows the `#`.
    Name,
    /// An IPv6 address over HTTPS does not say which name its certificate bears.
    NeedsName,
}

impl fmt::Display for WhyBadUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WhyBadUpstream::Scheme => {
                "write `ADDRESS:PORT`, `tls://ADDRESS:PORT#NAME` or `https://HOST:PORT/PATH#NAME`"
            }
            WhyBadUpstream::Address => {
                "its address cannot be read, write for instance `192.0.2.53:53` or `[2001:db8::53]:53`"
            }
            WhyBadUpstream::Port => "its port is no number from 1 to 65535",
            WhyBadUpstream::Name => "after `#` stands the name that its certificate bears",
            WhyBadUpstream::NeedsName => "add the name that its certificate bears, `#NAME`",
        })
    }
}

/// The system's name servers cannot be told.
#[derive(Debug)]
pub struct NoSystem {
    /// The file that should name them.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: WhyNoSystem,
}

/// Why a file names no name server.
#[derive(Debug)]
pub enum WhyNoSystem {
    /// It cannot be read.
    Unreadable(std::io::Error),
    /// It has no `nameserver` line.
    NoServer,
}

impl fmt::Display for NoSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.why {
            WhyNoSystem::Unreadable(error) if error.kind() == std::io::ErrorKind::NotFound => {
                write!(f, "this system names no name servers: there is no `{path}`; name one with `--dns ADDRESS:PORT`")
            }
            WhyNoSystem::Unreadable(_) => {
                write!(f, "`{path}` cannot be read; name a name server with `--dns ADDRESS:PORT`")
            }
            WhyNoSystem::NoServer => {
                write!(f, "`{path}` has no `nameserver` line; name a name server with `--dns ADDRESS:PORT`")
            }
        }
    }
}

impl std::error::Error for NoSystem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.why {
            WhyNoSystem::Unreadable(error) => Some(error),
            WhyNoSystem::NoServer => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written, and what it means in full.
    fn full(text: &str) -> String {
        text.parse::<Upstream>().unwrap().to_string()
    }

    #[test]
    fn servers_are_read_in_every_form() {
        assert_eq!(full("192.0.2.53"), "192.0.2.53:53");
        assert_eq!(full("192.0.2.53:5353"), "192.0.2.53:5353");
        assert_eq!(full("::1"), "[::1]:53");
        assert_eq!(full("[::1]"), "[::1]:53");
        assert_eq!(full("[::1]:5353"), "[::1]:5353");
        assert_eq!(full("tls://192.0.2.53#dns.example"), "tls://192.0.2.53:853#dns.example");
        assert_eq!(full("tls://[2001:db8::53]:8853"), "tls://[2001:db8::53]:8853#2001:db8::53");
        assert_eq!(full("https://dns.example"), "https://dns.example:443/dns-query#dns.example");
        assert_eq!(full("https://192.0.2.53:8443/ask?x#dns.example"), "https://192.0.2.53:8443/ask?x#dns.example");
    }

    #[test]
    fn what_is_written_in_full_reads_back() {
        for text in ["[2001:db8::53]:53", "tls://192.0.2.53:853#dns.example", "https://dns.example:443/q#other.example"]
        {
            assert_eq!(full(text), text);
        }
    }

    #[test]
    fn other_text_says_what_is_wrong() {
        let why = |text: &str| text.parse::<Upstream>().unwrap_err().why;
        assert_eq!(why("dns.example"), WhyBadUpstream::Address);
        assert_eq!(why("192.0.2:53"), WhyBadUpstream::Address);
        assert_eq!(why("192.0.2.53:"), WhyBadUpstream::Port);
        assert_eq!(why("192.0.2.53:65536"), WhyBadUpstream::Port);
        assert_eq!(why("192.0.2.53:0"), WhyBadUpstream::Port);
        assert_eq!(why("[::1"), WhyBadUpstream::Address);
        assert_eq!(why("[::1]53"), WhyBadUpstream::Port);
        assert_eq!(why(""), WhyBadUpstream::Address);
        assert_eq!(why("quic://192.0.2.53"), WhyBadUpstream::Scheme);
        assert_eq!(why("tls://dns.example"), WhyBadUpstream::Address);
        assert_eq!(why("tls://192.0.2.53#"), WhyBadUpstream::Name);
        assert_eq!(why("https://[::1]/dns-query"), WhyBadUpstream::NeedsName);
    }
}
