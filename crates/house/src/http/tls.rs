//! TLS at the HTTP listeners: what begins it, and what comes to those who speak without

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use sekisho_core::speech::Lang;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::warn;

use crate::config::HttpSection;
use crate::fault::Fault;
use crate::key_file;
use crate::speech::Talk;
use crate::tls;

/// The protocol that is spoken inside (RFC 7301 §6).
const PROTOCOLS: &[&[u8]] = &[b"http/1.1"];
/// The type of the record that every handshake begins with (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

/// Reads certificate and key, where there are any, and makes ready to begin TLS. Others must not be able to read the key.
pub(crate) fn open(section: &HttpSection) -> Result<Option<TlsAcceptor>, Fault> {
    let Some(files) = &section.tls else { return Ok(None) };
    key_file::open(&files.key)?;
    tls::acceptor(files, PROTOCOLS).map(Some)
}

/// Returns what speaks against the certificate just now, as the id of a message.
pub(crate) fn doubt(section: &HttpSection) -> Option<&'static str> {
    tls::doubt(section.tls.as_ref()?, Timestamp::now())
}

/// What begins TLS at the listeners, where the configuration has a certificate; a reload puts another one in its place.
pub(crate) struct Secrecy {
    /// What is in force.
    acceptor: watch::Sender<Option<TlsAcceptor>>,
    /// What those hear who speak without.
    pub(super) hint: String,
}

impl Secrecy {
    /// Puts one in force.
    pub(crate) fn new(acceptor: Option<TlsAcceptor>) -> Secrecy {
        let hint = [Lang::En, Lang::Ja].map(|lang| Talk::new(lang).word("http-speaks-tls") + "\n").concat();
        Secrecy { acceptor: watch::Sender::new(acceptor), hint }
    }

    /// Puts another one in force, for connections that begin from now on.
    pub(crate) fn replace(&self, acceptor: Option<TlsAcceptor>) {
        self.acceptor.send_replace(acceptor);
    }

    /// Returns what is in force.
    pub(super) fn acceptor(&self) -> Option<TlsAcceptor> {
        self.acceptor.borrow().clone()
    }
}

/// How a client begins.
pub(super) enum Begun {
    /// With TLS.
    Secret(Box<TlsStream<TcpStream>>),
    /// With something else.
    Plain(TcpStream),
}

/// Begins TLS with a client that does, within this time.
pub(super) async fn begin(stream: TcpStream, acceptor: &TlsAcceptor, patience: Duration) -> io::Result<Begun> {
    let begun = async {
        let mut first = [0];
        // Nothing is taken: whatever it is, its reader reads it from the start.
        if stream.peek(&mut first).await? == 1 && first[0] == HANDSHAKE {
            return Ok(Begun::Secret(Box::new(acceptor.accept(stream).await?)));
        }
        Ok(Begun::Plain(stream))
    };
    timeout(patience, begun).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Says in the log what speaks against the certificate.
pub(crate) fn warn_of_doubt(section: &HttpSection) {
    if let Some(doubt) = doubt(section) {
        let said = Talk::new(Lang::En).word(doubt);
        warn!("{said}");
    }
}
