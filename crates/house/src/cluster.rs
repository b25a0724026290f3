//! `sekisho cluster`: the machines that answer questions to the lake together, where the program was built with them
//!
//! What they are made of is the program's choice (`crates/sekisho`, feature `cluster`): nothing here links an engine.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::{ClusterArguments, ClusterCommand};
use crate::config::Config;
use crate::fault::Fault;
use crate::lake::{Lake, LakeError, LakePlace};
use crate::serve::journal;
use crate::speech::Talk;
use crate::store::DataFolder;
use crate::{Exit, Streams};

/// A lake, or why there is none.
pub type OpenedLake = Result<Arc<dyn Lake>, LakeError>;
/// Hears where a part of a cluster listens.
pub type Listening<'a> = &'a mut dyn FnMut(SocketAddr);
/// Runs a part of a cluster as its settings say, until the process is told to stop.
pub type RunPart<S> = fn(&S, Listening<'_>) -> Result<(), LakeError>;

/// What makes a cluster, where this program was built with one.
#[derive(Clone, Copy, Debug)]
pub struct Cluster {
    /// Opens the lake in a folder to read, so that the cluster at an address answers.
    pub read: fn(&str, &LakePlace) -> OpenedLake,
    /// Runs a scheduler until the process is told to stop; says where it listens.
    pub schedule: RunPart<Scheduling>,
    /// Runs an executor until the process is told to stop; says where it listens.
    pub execute: RunPart<Executing>,
}

/// How a scheduler runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduling {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How long an executor may be silent until its tasks are given to others.
    pub executor_timeout: Duration,
}

/// How an executor runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executing {
    /// Where others fetch what it computed.
    pub listen: SocketAddr,
    /// Where its scheduler is.
    pub scheduler: HostPort,
    /// Where the lake is.
    pub lake: LakePlace,
    /// The folder for what it computes; otherwise the system's for temporary files.
    pub work: Option<PathBuf>,
    /// How many tasks it does at once.
    pub slots: usize,
}

/// A host by name or address, and a port: `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// The host; an address of IPv6 stands in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl FromStr for HostPort {
    type Err = NoHostPort;

    fn from_str(text: &str) -> Result<HostPort, NoHostPort> {
        let (host, port) = text.rsplit_once(':').ok_or(NoHostPort)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_host = match bare {
            Some(ip) => ip.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty() && host.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".-_".contains(&octet))
            }
        };
        let port = port.parse().ok().filter(|port| is_host && *port != 0).ok_or(NoHostPort)?;
        Ok(HostPort { host: host.to_owned(), port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A text is no host and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoHostPort;

impl fmt::Display for NoHostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is no host with a port, such as `scheduler.example:50050`")
    }
}

impl std::error::Error for NoHostPort {}

/// Returns what makes a cluster, or says how a program gets it.
pub(crate) fn built_in(streams: &Streams<'_>) -> Result<Cluster, Fault> {
    streams.setting.cluster.ok_or_else(|| Fault::new("fault-no-cluster", []))
}

impl ClusterArguments {
    /// Runs a part of a cluster until it is told to stop.
    pub(crate) fn run(self, talk: &Talk, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
        let cluster = built_in(streams)?;
        let config = Config::load(self.config.as_deref(), &streams.setting.config_places)?;
        journal::open(config.log);
        let said = |why: LakeError| Fault::new("fault-cluster", []).because(Fault::quote(why.to_string()));
        match self.what {
            ClusterCommand::Scheduler { listen, executor_timeout } => {
                warn_of_others(listen, talk, streams);
                let scheduling = Scheduling { listen, executor_timeout: Duration::from_secs(executor_timeout.into()) };
                (cluster.schedule)(&scheduling, &mut |address| {
                    let next = [("address", reached(address).to_string().into())];
                    streams.tell(&talk.say("cluster-scheduler-listening", &[("address", address.to_string().into())]));
                    streams.tell(&talk.say("cluster-scheduler-next", &next));
                })
                .map_err(said)?;
            }
            ClusterCommand::Executor { scheduler, listen, lake, work, slots } => {
                warn_of_others(listen, talk, streams);
                let lake = match lake {
                    Some(lake) => LakePlace::in_folder(&lake),
                    None => DataFolder::find_files(&config.store, &streams.setting.data_places)?,
                };
                let slots = usize::from(slots.unwrap_or_else(processors));
                let executing = Executing { listen, scheduler: scheduler.clone(), lake, work, slots };
                (cluster.execute)(&executing, &mut |address| {
                    let told = [("address", address.to_string().into()), ("slots", slots.into())];
                    streams.tell(&talk.say("cluster-executor-listening", &told));
                    let next = [("scheduler", scheduler.to_string().into())];
                    streams.tell(&talk.say("cluster-executor-next", &next));
                })
                .map_err(said)?;
            }
        }
        streams.tell(&talk.word("cluster-stopped"));
        Ok(Exit::Clean)
    }
}

/// Warns whoever listens where others may come from: nobody is asked who they are.
fn warn_of_others(listen: SocketAddr, talk: &Talk, streams: &mut Streams<'_>) {
    if !listen.ip().is_loopback() {
        streams.tell(&talk.say("cluster-open", &[("address", listen.to_string().into())]));
    }
}

/// Returns under which address those on this machine reach whoever listens everywhere.
fn reached(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())) } else { address }
}

/// Returns how many processors this process may use.
fn processors() -> u16 {
    std::thread::available_parallelism().map_or(1, |count| u16::try_from(count.get()).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_ports_are_read() {
        for text in ["127.0.0.1:50050", "scheduler.example:1", "[::1]:65535", "a_b-c:7"] {
            assert_eq!(text.parse::<HostPort>().map(|read| read.to_string()), Ok(text.to_owned()));
        }
        for text in
            ["", ":1", "host", "host:", "host:0", "host:65536", "::1:50050", "[::g]:1", "http://host:1", "a b:1"]
        {
            assert_eq!(text.parse::<HostPort>(), Err(NoHostPort), "{text}");
        }
    }
}
