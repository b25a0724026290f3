//! `sekisho serve`: the daemon, from its sockets to its orderly end
//!
//! Everything is bound before anything is started, and every task has an owner.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use sekisho_ask::{Resolver, ResolverConfig, Source, Upstream};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cli::ServeArguments;
use crate::config::Config;
use crate::fault::Fault;
use crate::gate::{Gate, InWork, Office, Role, keep_checking, listen};
use crate::speech::Talk;
use crate::{Exit, Streams};

impl ServeArguments {
    /// Serves until it is told to stop.
    pub(crate) fn run(self, talk: &Talk, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
        let config = Config::load(self.config.as_deref(), &streams.setting.config_places)?;
        let source = source(self.dns.as_deref(), &config)?;
        // Only the first call of a process decides where log lines go; a test may call twice.
        let _ =
            tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(streams.setting.stderr_colour).try_init();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|why| Fault::new("fault-runtime", []).because(Fault::system(&why)))?;
        runtime.block_on(serve(config, source, talk, streams))
    }
}

/// Binds, tells where, serves, and stops in order.
async fn serve(config: Config, source: Source, talk: &Talk, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
    let host = if host.is_empty() { "localhost".to_owned() } else { host };
    let mut sockets = Vec::new();
    for (role, addresses) in [(Role::Verify, &config.gate.listen), (Role::Sign, &config.sign.listen)] {
        for address in addresses {
            let refused =
                |why| Fault::new("fault-bind", [("address", address.to_string().into())]).because(Fault::system(&why));
            sockets.push((role, TcpListener::bind(address).await.map_err(refused)?));
        }
    }
    let in_work = in_work(&streams.setting.runtime_places)?;
    let (office, doubts) = match Office::prepare(&config, &source).await {
        Ok(prepared) => prepared,
        Err(mut faults) => {
            let last = faults.pop().unwrap_or_else(|| Fault::new("fault-ours", []));
            faults.iter().for_each(|fault| streams.talk_of_fault(&fault.say(talk)));
            return Err(last.into());
        }
    };
    let gate = Arc::new(Gate::new(&config, source, in_work, host).with_office(office));
    let shutdown = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut listeners = JoinSet::new();
    for (role, socket) in sockets {
        let said = if role == Role::Sign { "serve-signing" } else { "serve-listening" };
        let address = socket.local_addr()?;
        writeln!(streams.stderr, "{}", talk.say(said, &[("address", address.to_string().into())]))?;
        listeners.spawn(listen(socket, role, Arc::clone(&gate), shutdown.clone()));
    }
    if !config.sign.listen.is_empty() || config.seal.key.is_some() {
        let gate = Arc::clone(&gate);
        listeners.spawn(keep_checking(move || Arc::clone(&gate), doubts, shutdown.clone()));
    }
    writeln!(streams.stderr, "{}", talk.word("serve-ready"))?;
    streams.stderr.flush()?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    info!("stopping: no new connections, mails under way are finished");
    shutdown.cancel();
    while listeners.join_next().await.is_some() {}
    Ok(Exit::Clean)
}

/// Opens the notes on mails in work in the first folder that can be had.
fn in_work(places: &[PathBuf]) -> Result<InWork, Fault> {
    let folder = places.iter().find(|place| fs::create_dir_all(place).is_ok());
    let Some(folder) = folder else {
        warn!("no runtime folder: a mail that kills the program will be judged again");
        return Ok(InWork::without_folder());
    };
    let now = u64::try_from(Timestamp::now().as_second()).unwrap_or(0);
    let in_work = InWork::open(folder, now).map_err(|why| Fault::io("fault-runtime-folder", folder, &why))?;
    if in_work.suspects() > 0 {
        warn!(suspects = in_work.suspects(), "mails were in work when the program died; they will pass unjudged");
    }
    Ok(in_work)
}

/// Chooses where answers come from: the command line, else the configuration, else the system.
fn source(named: Option<&str>, config: &Config) -> Result<Source, Fault> {
    let upstreams = match named {
        Some(server) => {
            let upstream: Result<Upstream, _> = server.parse();
            let refused = |why: &_| crate::config::bad_upstream(why);
            vec![upstream.map_err(|why| {
                Fault::new("fault-dns", [("server", server.to_owned().into())]).because(refused(&why))
            })?]
        }
        None if config.dns.upstreams.is_empty() => Upstream::system()
            .map_err(|why| Fault::new("why-no-system-dns", []).because(Fault::quote(why.to_string())))?,
        None => config.dns.upstreams.clone(),
    };
    let resolver = ResolverConfig {
        authorities: config.dns.ca_file.clone(),
        cache_octets: config.dns.cache_octets,
        ..ResolverConfig::new(upstreams)
    };
    let resolver = Resolver::new(resolver)
        .map_err(|why| Fault::new("fault-resolver", []).because(Fault::quote(why.to_string())))?;
    Ok(Source::Dns(resolver))
}
