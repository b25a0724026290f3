//! The loopback server's sockets: UDP and TCP on one port, or TLS, or HTTPS

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use sekisho_core::facts::Question;
use sekisho_core::zone::Zone;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::wire::Query;
use super::{Asked, Log, Manners, Transport, reply};

/// What the server serves.
pub(super) struct Shop {
    /// The records.
    pub zone: Zone,
    /// How it behaves.
    pub manners: Manners,
    /// Where questions are noted.
    pub log: Arc<Log>,
}

impl Shop {
    /// Notes a question; tells what it is, where it can be read and is not to be ignored.
    fn take(&self, message: &[u8], transport: Transport) -> Option<Query> {
        let query = Query::read(message)?;
        let question = query.known_kind().map(|kind| Question::new(kind, query.name.clone()));
        let count = self.log.note(Asked { question, name: query.raw_name.clone(), transport });
        (count > self.manners.deaf_for).then_some(query)
    }

    /// Answers a question in its own time.
    async fn answer(&self, query: &Query, transport: Transport) -> Option<Vec<u8>> {
        let answer = reply::answer(&self.zone, &self.manners, query, transport)?;
        if !self.manners.delay.is_zero() {
            tokio::time::sleep(self.manners.delay).await;
        }
        Some(answer)
    }
}

/// Bound sockets.
pub(super) struct Listener {
    /// The stream side.
    tcp: std::net::TcpListener,
    /// The packet side, on the same port.
    udp: Option<std::net::UdpSocket>,
    /// The server's certificate and what it speaks inside TLS.
    secret: Option<Secret>,
}

/// What a server inside TLS needs.
struct Secret {
    /// Its side of the handshake.
    config: Arc<ServerConfig>,
    /// Its certificate, in PEM.
    certificate: String,
    /// TLS or HTTPS.
    transport: Transport,
}

impl Listener {
    /// Binds UDP and TCP to the same free port.
    pub(super) fn plain() -> Listener {
        // The port that TCP was given may be taken on the UDP side: then another one is tried.
        for _ in 0..100 {
            let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port on 127.0.0.1");
            let address = tcp.local_addr().expect("a bound socket has an address");
            if let Ok(udp) = std::net::UdpSocket::bind(address) {
                return Listener { tcp, udp: Some(udp), secret: None };
            }
        }
        panic!("no port of 127.0.0.1 is free for both UDP and TCP");
    }

    /// Binds UDP and TCP to this address.
    pub(super) fn at(address: SocketAddr) -> Listener {
        let tcp = std::net::TcpListener::bind(address).expect("an address that is free for TCP");
        let udp = std::net::UdpSocket::bind(address).expect("an address that is free for UDP");
        Listener { tcp, udp: Some(udp), secret: None }
    }

    /// Binds a port for TLS.
    pub(super) fn tls() -> Listener {
        Listener::secret(Transport::Tls, b"dot")
    }

    /// Binds a port for HTTPS.
    pub(super) fn https() -> Listener {
        Listener::secret(Transport::Https, b"h2")
    }

    /// Binds a port for something inside TLS.
    fn secret(transport: Transport, protocol: &[u8]) -> Listener {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port on 127.0.0.1");
        let names = ["localhost", "dns.test", "127.0.0.1"].map(str::to_owned).to_vec();
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate can be made");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the library's own versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("the key belongs to the certificate");
        config.alpn_protocols = vec![protocol.to_vec()];
        let secret = Secret { config: Arc::new(config), certificate: made.cert.pem(), transport };
        Listener { tcp, udp: None, secret: Some(secret) }
    }

    /// Returns where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.tcp.local_addr().expect("a bound socket has an address")
    }

    /// Returns the certificate, empty where there is none.
    pub(super) fn certificate(&self) -> &str {
        self.secret.as_ref().map_or("", |secret| &secret.certificate)
    }

    /// Serves until `stopped`.
    pub(super) fn serve(self, shop: Arc<Shop>, stopped: oneshot::Receiver<()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            self.tcp.set_nonblocking(true).expect("a socket can be made non-blocking");
            let tcp = TcpListener::from_std(self.tcp).expect("a bound socket");
            if let Some(udp) = self.udp {
                udp.set_nonblocking(true).expect("a socket can be made non-blocking");
                let udp = Arc::new(UdpSocket::from_std(udp).expect("a bound socket"));
                tokio::spawn(serve_udp(Arc::clone(&shop), udp));
            }
            tokio::spawn(serve_tcp(shop, tcp, self.secret));
            let _ = stopped.await;
        });
    }
}

/// Answers packets.
async fn serve_udp(shop: Arc<Shop>, socket: Arc<UdpSocket>) {
    let mut buffer = vec![0; 65_535];
    loop {
        // An error here is an ICMP answer to an earlier packet: the asker has gone.
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else { continue };
        let Some(query) = shop.take(&buffer[..length], Transport::Udp) else { continue };
        let (shop, socket) = (Arc::clone(&shop), Arc::clone(&socket));
        tokio::spawn(async move {
            if shop.manners.junk_first {
                for forged in reply::junk(&query) {
                    let _ = socket.send_to(&forged, peer).await;
                }
            }
            if let Some(answer) = shop.answer(&query, Transport::Udp).await {
                let _ = socket.send_to(&answer, peer).await;
            }
        });
    }
}

/// Answers streams, inside TLS where there is a secret.
async fn serve_tcp(shop: Arc<Shop>, listener: TcpListener, secret: Option<Secret>) {
    let secret = secret.map(|secret| (TlsAcceptor::from(secret.config), secret.transport));
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let (shop, secret) = (Arc::clone(&shop), secret.clone());
        tokio::spawn(async move {
            // Whatever ends a connection is the asker's doing and told by what the asker makes of it.
            let _ = serve_stream(shop, stream, secret).await;
        });
    }
}

/// Answers one stream.
async fn serve_stream(
    shop: Arc<Shop>,
    stream: TcpStream,
    secret: Option<(TlsAcceptor, Transport)>,
) -> std::io::Result<()> {
    if shop.manners.without_tcp {
        return Ok(());
    }
    match secret {
        None => serve_framed(shop, stream, Transport::Tcp).await,
        Some((acceptor, Transport::Https)) => serve_https(shop, acceptor.accept(stream).await?).await,
        Some((acceptor, transport)) => serve_framed(shop, acceptor.accept(stream).await?, transport).await,
    }
}

/// Answers messages behind their lengths, each in its own time (RFC 7766 §7).
async fn serve_framed<S>(shop: Arc<Shop>, stream: S, transport: Transport) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (mut reader, writer) = tokio::io::split(stream);
    let writer = Arc::new(tokio::sync::Mutex::new(writer));
    loop {
        let mut message = vec![0; usize::from(reader.read_u16().await?)];
        reader.read_exact(&mut message).await?;
        let Some(query) = shop.take(&message, transport) else { continue };
        let (shop, writer) = (Arc::clone(&shop), Arc::clone(&writer));
        let hangs_up = shop.manners.hangs_up;
        let answering = tokio::spawn(async move {
            let Some(answer) = shop.answer(&query, transport).await else { return };
            let length = u16::try_from(answer.len()).expect("longer answers are cut");
            let framed = [&length.to_be_bytes()[..], &answer].concat();
            let mut writer = writer.lock().await;
            let _ = writer.write_all(&framed).await;
            let _ = writer.flush().await;
            if shop.manners.hangs_up {
                let _ = writer.shutdown().await;
            }
        });
        if hangs_up {
            let _ = answering.await;
            return Ok(());
        }
    }
}

/// Answers POST requests to `/dns-query` (RFC 8484).
async fn serve_https<S>(shop: Arc<Shop>, stream: S) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut connection = h2::server::handshake(stream).await.map_err(std::io::Error::other)?;
    while let Some(request) = connection.accept().await {
        let (request, mut respond) = request.map_err(std::io::Error::other)?;
        let shop = Arc::clone(&shop);
        tokio::spawn(async move {
            let right = request.method() == Method::POST && request.uri().path() == "/dns-query";
            let mut body = request.into_body();
            let mut message = Vec::new();
            while let Some(Ok(piece)) = body.data().await {
                let _ = body.flow_control().release_capacity(piece.len());
                message.extend_from_slice(&piece);
            }
            let mut response = Response::new(());
            let query = shop.take(&message, Transport::Https).filter(|_| right);
            let Some(query) = query else {
                *response.status_mut() = StatusCode::NOT_FOUND;
                let _ = respond.send_response(response, true);
                return;
            };
            // Without an answer the stream stays open and silent until the asker gives up.
            let Some(answer) = shop.answer(&query, Transport::Https).await else {
                return std::future::pending().await;
            };
            let kind = HeaderValue::from_static("application/dns-message");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            if let Ok(mut send) = respond.send_response(response, false) {
                let _ = send.send_data(Bytes::from(answer), true);
            }
        });
    }
    Ok(())
}
