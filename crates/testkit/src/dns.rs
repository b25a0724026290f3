//! A loopback DNS server that serves a zone, over UDP, TCP, TLS and HTTPS
//!
//! It behaves as an honest resolver would: NXDOMAIN and NODATA differ and carry a SOA record, aliases are shown in the
//! answer, what does not fit into a UDP packet is cut there and whole over TCP. [`Manners`] make it less honest. Every
//! question is noted, so that a test can tell what was asked and how often.
//!
//! ```no_run
//! # use sekisho_testkit::dns::DnsServer;
//! # use sekisho_core::zone::Zone;
//! let server = DnsServer::start(Zone::parse("example.org TXT \"v=spf1 -all\"").unwrap());
//! println!("--dns {}", server.address());
//! ```

mod reply;
mod serve;
mod wire;

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use sekisho_core::facts::Question;
use sekisho_core::zone::Zone;
use tokio::sync::oneshot;

/// A DNS server on a port of 127.0.0.1; it stops when dropped.
pub struct DnsServer {
    /// Where it listens.
    address: SocketAddr,
    /// The certificate of the server over TLS, in PEM; it is its own authority.
    certificate: String,
    /// What was asked.
    log: Arc<Log>,
    /// Dropping this stops the server.
    stop: Option<oneshot::Sender<()>>,
    /// The thread it runs on.
    thread: Option<JoinHandle<()>>,
}

/// How the server departs from what is right and quick.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    /// How long each answer waits.
    pub delay: Duration,
    /// Ignores so many of the first questions.
    pub deaf_for: usize,
    /// Over UDP, sends two forged answers before the right one: one with a wrong id, one to another question.
    pub junk_first: bool,
    /// The time to live of records and of their absence; 300 where not given.
    pub ttl: Option<u32>,
    /// Says NXDOMAIN and NODATA without a SOA record.
    pub without_soa: bool,
    /// Knows no EDNS: answers FORMERR to whoever uses it.
    pub without_edns: bool,
    /// Shows only the first alias and neither the others nor the records, as a server that knows only its own zone.
    pub aliases_unfollowed: bool,
    /// Refuses UDP's questions with a cut answer, and closes TCP connections without a word.
    pub without_tcp: bool,
    /// Closes a stream after each answer.
    pub hangs_up: bool,
}

/// What the server listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Packets.
    Udp,
    /// A stream.
    Tcp,
    /// A stream inside TLS (RFC 7858).
    Tls,
    /// HTTP/2 (RFC 8484).
    Https,
}

/// One question that reached the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What was asked; `None` where its type is none that judges ask for.
    pub question: Option<Question>,
    /// The octets of the name asked for, as they came, without the root's zero octet.
    pub name: Box<[u8]>,
    /// How it came.
    pub transport: Transport,
}

impl DnsServer {
    /// Serves `zone` over UDP and TCP.
    pub fn start(zone: Zone) -> DnsServer {
        DnsServer::start_with(zone, Manners::default())
    }

    /// Serves `zone` over UDP and TCP at an address of the caller's choice: some programs ask port 53 and no other.
    pub fn start_at(zone: Zone, address: SocketAddr) -> DnsServer {
        DnsServer::run(zone, Manners::default(), serve::Listener::at(address))
    }

    /// Serves `zone` over UDP and TCP, with special manners.
    pub fn start_with(zone: Zone, manners: Manners) -> DnsServer {
        DnsServer::run(zone, manners, serve::Listener::plain())
    }

    /// Serves `zone` over TLS.
    pub fn start_tls(zone: Zone, manners: Manners) -> DnsServer {
        DnsServer::run(zone, manners, serve::Listener::tls())
    }

    /// Serves `zone` over HTTPS, at `/dns-query`.
    pub fn start_https(zone: Zone, manners: Manners) -> DnsServer {
        DnsServer::run(zone, manners, serve::Listener::https())
    }

    /// Starts the thread.
    fn run(zone: Zone, manners: Manners, listener: serve::Listener) -> DnsServer {
        let log = Arc::new(Log::default());
        let (stop, stopped) = oneshot::channel();
        let (address, certificate) = (listener.address(), listener.certificate().to_owned());
        let shop = Arc::new(serve::Shop { zone, manners, log: Arc::clone(&log) });
        let thread = std::thread::spawn(move || listener.serve(shop, stopped));
        DnsServer { address, certificate, log, stop: Some(stop), thread: Some(thread) }
    }

    /// Returns where the server listens, for `--dns`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the certificate of the server over TLS or HTTPS, in PEM: it is good for `localhost`, `dns.test` and
    /// `127.0.0.1`. Empty for a plain server.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Returns everything that was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.log.lock().clone()
    }

    /// Returns how many questions came.
    pub fn count(&self) -> usize {
        self.log.lock().len()
    }

    /// Returns how often this question came.
    pub fn count_of(&self, question: &Question) -> usize {
        self.log.lock().iter().filter(|asked| asked.question.as_ref() == Some(question)).count()
    }

    /// Waits until `count` questions have come, at most for `limit`; tells whether they did. It blocks the thread.
    pub fn wait_for(&self, count: usize, limit: Duration) -> bool {
        let waited = self.log.came.wait_timeout_while(self.log.lock(), limit, |asked| asked.len() < count);
        waited.unwrap_or_else(PoisonError::into_inner).0.len() >= count
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What was asked, and who waits for it.
#[derive(Default)]
struct Log {
    /// The questions in their order.
    asked: Mutex<Vec<Asked>>,
    /// Told at each question.
    came: Condvar,
}

impl Log {
    /// Notes a question and returns how many there are.
    fn note(&self, asked: Asked) -> usize {
        let mut all = self.lock();
        all.push(asked);
        self.came.notify_all();
        all.len()
    }

    /// Returns the questions.
    fn lock(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
