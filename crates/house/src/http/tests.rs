//! HTTP and HTTPS through the real listener: who is answered, who is told to come otherwise, and who keeps nobody waiting

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Request, Version, header};
use axum::routing::get;
use sekisho_ask::Source;
use sekisho_core::facts::Facts;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion, version};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::sync::CancellationToken;

use super::seats::{CONNECTIONS, SHARE};
use super::tls::{Secrecy, begin, doubt, open};
use super::{House, TURNED_AWAY, keep, listen, names_one_host};
use crate::config::{HttpSection, TlsFiles, config_for_testing};
use crate::gate::{Front, Gate, Lasting, Office};

/// How long anything may take on a busy machine.
const STALLED: Duration = Duration::from_secs(60);

/// A listener with a certificate.
struct Listening {
    /// Where it listens.
    address: SocketAddr,
    /// What begins TLS there.
    secrecy: Arc<Secrecy>,
    /// Trusts the certificate that it began with.
    roots: RootCertStore,
    /// Ends it.
    shutdown: CancellationToken,
    /// It.
    task: JoinHandle<()>,
}

/// Makes a certificate; returns what trusts it, and what begins TLS with it.
fn certificate() -> (RootCertStore, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(["desk.example".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let section = HttpSection { tls: Some(TlsFiles { certificate, key }), ..HttpSection::default() };
    assert_eq!(doubt(&section), None);
    (roots, open(&section).unwrap().unwrap())
}

/// Makes a daemon.
fn front() -> Arc<Front> {
    let config = config_for_testing("");
    let source = Source::Facts(Facts::default());
    Arc::new(Front::new(Gate::new(&config, source, Office::open(&config).unwrap(), Lasting::for_testing())))
}

impl Listening {
    /// Begins to listen.
    async fn begin() -> Listening {
        let (roots, acceptor) = certificate();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
        let (secrecy, front) = (Arc::new(Secrecy::new(Some(acceptor))), front());
        let task = tokio::spawn(listen(listener, front, None, None, Arc::clone(&secrecy), shutdown.clone()));
        Listening { address, secrecy, roots, shutdown, task }
    }

    /// Begins TLS as somebody who trusts these.
    async fn connect(
        &self,
        roots: &RootCertStore,
        versions: &[&'static SupportedProtocolVersion],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_protocol_versions(versions).unwrap().with_root_certificates(roots.clone());
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let stream = TcpStream::connect(self.address).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("desk.example").unwrap(), stream).await
    }

    /// Asks whether it lives, over TLS.
    async fn ask(&self) -> String {
        ask(self.connect(&self.roots, &[&version::TLS13]).await.unwrap(), "/healthz").await
    }

    /// Says something in the clear, and returns what comes back.
    async fn say(&self, octets: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(octets).await.unwrap();
        let mut answer = Vec::new();
        // Whoever says nonsense may be hung up on.
        let _ = tokio::time::timeout(STALLED, stream.read_to_end(&mut answer)).await.expect("it is closed");
        answer
    }

    /// Ends it.
    async fn end(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

/// Asks for something over a connection, and returns the whole answer.
async fn ask(mut stream: TlsStream<TcpStream>, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: desk.example\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn https_is_spoken_in_both_versions_and_asks_for_itself_in_future() {
    let listening = Listening::begin().await;
    let versions = [(&version::TLS12, ProtocolVersion::TLSv1_2), (&version::TLS13, ProtocolVersion::TLSv1_3)];
    for (version, spoken) in versions {
        let stream = listening.connect(&listening.roots, &[version]).await.unwrap();
        let session = stream.get_ref().1;
        assert_eq!((session.protocol_version(), session.alpn_protocol()), (Some(spoken), Some(&b"http/1.1"[..])));
        let answer = ask(stream, "/healthz").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("ok\n"), "{answer}");
        assert!(answer.contains("strict-transport-security: max-age=31536000\r\n"), "{answer}");
    }
    listening.end().await;
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_whoever_comes_next_and_disturbs_nobody() {
    let listening = Listening::begin().await;
    let before = listening.connect(&listening.roots, &[&version::TLS13]).await.unwrap();
    let (renewed, acceptor) = certificate();
    listening.secrecy.replace(Some(acceptor));
    assert!(listening.connect(&listening.roots, &[&version::TLS13]).await.is_err(), "the old one is gone");
    let after = listening.connect(&renewed, &[&version::TLS13]).await.unwrap();
    for stream in [before, after] {
        assert!(ask(stream, "/healthz").await.starts_with("HTTP/1.1 200 OK"));
    }
    listening.end().await;
}

#[tokio::test]
async fn whoever_speaks_without_tls_hears_how_to_come_and_nothing_else() {
    let listening = Listening::begin().await;
    for path in ["/healthz", "/metrics", "/sign-in"] {
        let answer = listening.say(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request"), "{answer}");
        assert!(answer.contains("https://") && answer.contains("のみ") && !answer.contains("strict-"), "{answer}");
    }
    for garbage in
        [&b"\x16\x03\x01\xff\xff\0\0\0"[..], b"\x16GET / HTTP/1.1\r\n\r\n", b"\0\0\0\0\r\n\r\n", b"EHLO x\r\n\r\n"]
    {
        let answer = listening.say(garbage).await;
        assert!(!answer.windows(6).any(|six| six == b"200 OK"), "{garbage:?}");
    }
    assert!(listening.ask().await.starts_with("HTTP/1.1 200 OK"), "and it goes on");
    listening.end().await;
}

#[tokio::test]
async fn handshakes_that_never_end_take_seats_and_keep_nobody_out() {
    let listening = Listening::begin().await;
    let mut slow = Vec::new();
    for number in 0..CONNECTIONS + 10 {
        let mut stream = TcpStream::connect(listening.address).await.unwrap();
        // Some say nothing at all, some begin.
        stream.write_all(if number % 2 == 0 { b"" } else { b"\x16\x03\x01\x02" }).await.unwrap();
        slow.push(stream);
    }
    assert!(listening.ask().await.starts_with("HTTP/1.1 200 OK"));
    // Who came first made room.
    let ended = tokio::time::timeout(STALLED, slow[0].read(&mut [0])).await.unwrap();
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    listening.end().await;
}

#[tokio::test]
async fn a_handshake_has_its_time() {
    let (_, acceptor) = certificate();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    for said in [&b""[..], b"\x16", b"\x16\x03\x01\x02"] {
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.write_all(said).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let begun = begin(stream, &acceptor, Duration::from_millis(20)).await;
        assert_eq!(begun.err().map(|why| why.kind()), Some(ErrorKind::TimedOut), "{said:?}");
    }
}

/// Connects as a client with another address, and asks for something.
async fn ask_from(client: u8, place: SocketAddr, path: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, client), 0).into()).unwrap();
    let mut stream = socket.connect(place).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: desk.example\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Hears the whole answer.
async fn hear(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    tokio::time::timeout(STALLED, stream.read_to_string(&mut answer)).await.expect("it is answered").unwrap();
    answer
}

#[test]
fn a_request_names_one_host() {
    let request = |version, hosts: &[&str]| {
        let mut request = Request::new(());
        *request.version_mut() = version;
        for host in hosts {
            request.headers_mut().append(header::HOST, host.parse().unwrap());
        }
        names_one_host(&request)
    };
    assert!(request(Version::HTTP_11, &["desk.example"]) && request(Version::HTTP_10, &[]));
    assert!(!request(Version::HTTP_11, &[]) && !request(Version::HTTP_11, &["desk.example", "evil.example"]));
    assert!(!request(Version::HTTP_10, &["desk.example", "evil.example"]));
}

#[tokio::test]
async fn requests_that_run_are_served_to_their_end_and_where_there_is_no_room_that_is_said() {
    let (begun, may_end) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (noted, awaited) = (Arc::clone(&begun), Arc::clone(&may_end));
    let slow = async move || {
        noted.add_permits(1);
        awaited.acquire().await.unwrap().forget();
        "done"
    };
    let (rooms, front) = (Router::new().route("/slow", get(slow)).route("/quick", get(async || "quick")), front());
    let (secrecy, seats) = (Arc::new(Secrecy::new(None)), Arc::default());
    let turned_away = Arc::new(Semaphore::new(TURNED_AWAY));
    let house = Arc::new(House { rooms, front: Arc::clone(&front), secrecy, seats, turned_away });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (place, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
    let task = tokio::spawn(keep(listener, house, shutdown.clone()));
    let mut running = Vec::new();
    let mut clients = 1_u8;
    for _ in 0..CONNECTIONS / SHARE {
        for _ in 0..SHARE {
            running.push(ask_from(clients, place, "/slow").await);
        }
        clients += 1;
        // Beyond the share of one the next one is served as before.
        begun.acquire_many(SHARE.try_into().unwrap()).await.unwrap().forget();
        let refused = hear(ask_from(clients - 1, place, "/quick").await).await;
        assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("\r\nRetry-After: 10\r\n"), "{refused}");
        let served = hear(ask_from(clients, place, "/quick").await).await;
        assert!(served.starts_with("HTTP/1.1 200 ") || clients > 4, "{served}");
    }
    // All seats are taken by requests that run.
    let refused = hear(ask_from(9, place, "/quick").await).await;
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.ends_with("come again in a bit\n"), "{refused}");
    assert_eq!((front.metrics.http.refused.get("client"), front.metrics.http.displaced.get()), (4, 0));
    assert_eq!(front.metrics.http.refused.get("total"), 2);
    may_end.add_permits(CONNECTIONS);
    for stream in running {
        let answer = hear(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("done"), "{answer}");
    }
    assert!(hear(ask_from(9, place, "/quick").await).await.starts_with("HTTP/1.1 200 "));
    shutdown.cancel();
    task.await.unwrap();
}
