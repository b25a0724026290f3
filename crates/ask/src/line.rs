//! One name server, and how a message gets there and back

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::net::NetError;
use hickory_resolver::net::h2::HttpsClientStream;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::tcp::TcpClientStream;
use hickory_resolver::net::tls::tls_exchange;
use hickory_resolver::net::udp::UdpClientStream;
use hickory_resolver::net::xfer::{DnsExchange, DnsHandle, DnsRequestSender, FirstAnswer};
use hickory_resolver::proto::op::{DnsRequest, DnsResponse};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use sekisho_core::facts::Outcome;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use crate::upstream::{Host, Transport, Upstream};

/// How many questions may be on their way to one name server at the same time; further ones wait for a place. Each one
/// over UDP has a socket of its own, so this bounds open files.
const ON_THE_WAY_MAX: usize = 512;

/// A name server, with the stream to it that is kept open.
pub(crate) struct Line {
    /// The name server.
    upstream: Upstream,
    /// Whom to trust, inside TLS.
    trust: Arc<ClientConfig>,
    /// How long one try may take.
    patience: Duration,
    /// Owns the tasks that read and write streams: they end with the line.
    runtime: TokioRuntimeProvider,
    /// The stream, where there is one.
    stream: Mutex<Kept>,
    /// Places for questions on their way.
    places: Semaphore,
}

/// A stream that is kept open for the next question.
#[derive(Default)]
struct Kept {
    /// How many streams there were: tells one from the next.
    serial: u64,
    /// The stream, until something goes wrong with it.
    open: Option<Exchange>,
}

/// The library's handle of a stream that a task of its own reads and writes.
type Exchange = DnsExchange<TokioRuntimeProvider>;

impl Line {
    /// Prepares a line; nothing is connected yet.
    pub(crate) fn new(upstream: Upstream, trust: Arc<ClientConfig>, patience: Duration) -> Line {
        let (runtime, stream, places) = (TokioRuntimeProvider::new(), Mutex::default(), Semaphore::new(ON_THE_WAY_MAX));
        Line { upstream, trust, patience, runtime, stream, places }
    }

    /// Returns the name server.
    pub(crate) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Sends a request and returns what the server says, whole; or why there is nothing.
    pub(crate) async fn ask(&self, request: &DnsRequest) -> Result<DnsResponse, Outcome> {
        // Waiting for a place is no try: only the errand's deadline ends it.
        let _place = self.places.acquire().await.map_err(|_| Outcome::Servfail)?;
        if self.upstream.transport != Transport::Plain {
            return self.over_stream(request).await.map_err(|error| outcome(&error));
        }
        match self.over_udp(request).await {
            Ok(response) if response.truncation => self.over_stream(request).await.map_err(|_| Outcome::Truncated),
            // It may have been cut in the middle of a record.
            Err(NetError::Proto(_)) => self.over_stream(request).await.map_err(|error| outcome(&error)),
            Ok(response) => Ok(response),
            Err(error) => Err(outcome(&error)),
        }
    }

    /// Sends one packet, from a port of its own, and waits for its answer.
    async fn over_udp(&self, request: &DnsRequest) -> Result<DnsResponse, NetError> {
        let address = self.address().await?;
        let mut socket = UdpClientStream::builder(address, self.runtime.clone())
            .with_timeout(Some(self.patience))
            .with_os_port_selection(true)
            .with_max_retries(1)
            .build();
        socket.send_message(request.clone()).first_answer().await
    }

    /// Sends a message on the kept stream; where that one turns out to be closed, on a new one.
    async fn over_stream(&self, request: &DnsRequest) -> Result<DnsResponse, NetError> {
        let mut waits_on = None;
        let tries = async {
            loop {
                let (stream, serial, fresh) = self.stream().await?;
                waits_on = Some(serial);
                match stream.send(request.clone()).first_answer().await {
                    Ok(response) => return Ok(response),
                    Err(error) if fresh || matches!(error, NetError::Timeout) => return Err(error),
                    // A server may close an idle stream whenever it likes (RFC 7766 §6.2.3).
                    Err(_) => self.give_up(serial),
                }
            }
        };
        let result = timeout(self.patience, tries).await.unwrap_or(Err(NetError::Timeout));
        if let (Err(_), Some(serial)) = (&result, waits_on) {
            self.give_up(serial);
        }
        result
    }

    /// Returns the kept stream, its serial number and whether it was opened for this question.
    async fn stream(&self) -> Result<(Exchange, u64, bool), NetError> {
        let mut kept = self.stream.lock().await;
        if let Some(stream) = &kept.open {
            return Ok((stream.clone(), kept.serial, false));
        }
        let stream = self.connect().await?;
        kept.serial += 1;
        kept.open = Some(stream.clone());
        Ok((stream, kept.serial, true))
    }

    /// Lets the next question open a new stream instead of this one, which closes when those who wait on it are done.
    fn give_up(&self, serial: u64) {
        // Who holds the lock opens a stream, or is about to find this one closed as well.
        if let Ok(mut kept) = self.stream.try_lock()
            && kept.serial == serial
        {
            kept.open = None;
        }
    }

    /// Opens a stream.
    async fn connect(&self) -> Result<Exchange, NetError> {
        let address = self.address().await?;
        let runtime = self.runtime.clone();
        match &self.upstream.transport {
            Transport::Plain => {
                TcpClientStream::exchange(address, None, self.patience, Some(2 * ON_THE_WAY_MAX), runtime).await
            }
            Transport::Tls { name } => {
                let name = ServerName::try_from(name.to_string()).map_err(|_| NetError::Message("bad server name"))?;
                let trust = ClientConfig::clone(&self.trust);
                tls_exchange(address, name, trust, self.patience, Some(2 * ON_THE_WAY_MAX), runtime).await
            }
            Transport::Https { name, path } => {
                let mut builder = HttpsClientStream::builder(Arc::clone(&self.trust), runtime);
                builder.request_timeout(self.patience);
                builder.exchange(address, name.to_string().into(), path.to_string().into()).await
            }
        }
    }

    /// Returns the server's address; a name is looked up through the system.
    async fn address(&self) -> Result<SocketAddr, NetError> {
        let port = self.upstream.port;
        match &self.upstream.host {
            Host::Address(address) => Ok(SocketAddr::new(*address, port)),
            Host::Name(name) => {
                let found: Vec<SocketAddr> = tokio::net::lookup_host((&**name, port)).await?.collect();
                let first = found.iter().find(|address| address.ip().is_ipv4()).or(found.first());
                first.copied().ok_or(NetError::NoConnections)
            }
        }
    }
}

/// Returns what a judge is told where no message came.
fn outcome(error: &NetError) -> Outcome {
    match error {
        NetError::Timeout => Outcome::Timeout,
        NetError::RequestTooLarge | NetError::Truncated => Outcome::Truncated,
        _ => Outcome::Servfail,
    }
}
