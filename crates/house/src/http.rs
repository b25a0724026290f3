//! HTTP, for those who watch the daemon: is it alive, does it take mails, what has it counted; for TLS reports; and for the web desk

pub(crate) mod peer;
mod seats;
#[cfg(test)]
mod tests;
pub(crate) mod tls;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::peer::Peer;
use self::seats::{Guest, PATIENCE, SHARE, Seat, Seats, Step, Stepped};
use self::tls::{Begun, Secrecy};
use crate::api;
use crate::door::Full;
use crate::gate::Front;
use crate::intake::{self, Intake};
use crate::web::{self, Desk};

/// How long a connection may last: a client that does not read what it asked for takes no place for ever.
const LIFE: Duration = Duration::from_secs(300);
/// How long we wait before we take connections again, where that failed.
const PAUSE: Duration = Duration::from_millis(200);
/// How long those are attended to for whom there is no room.
const BRIEFLY: Duration = Duration::from_secs(1);
/// How many of them are, at a time.
const TURNED_AWAY: usize = 16;
/// What they hear.
const NO_ROOM: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nConnection: close\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Length: 42\r\n\r\ntoo many connections: come again in a bit\n";
/// How long a browser that once came by TLS comes by nothing else (RFC 6797 §6.1): a year.
const SECRET: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// The text format of Prometheus.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns who answers what.
fn router(front: Arc<Front>, intake: Option<Arc<Intake>>, desk: Option<&Arc<Desk>>) -> Router {
    // For senders of TLS reports.
    let reports = intake.map(intake::post::router).unwrap_or_default();
    Router::new()
        // For those who watch over the process.
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        // For Prometheus.
        .route("/metrics", get(metrics))
        .with_state(front)
        .merge(reports)
        .merge(desk.map(api::router).unwrap_or_default())
        .merge(desk.map(web::router).unwrap_or_default())
}

/// Says that the process runs and answers.
async fn alive() -> &'static str {
    "ok\n"
}

/// Says whether mails are taken.
async fn ready(State(front): State<Arc<Front>>) -> (StatusCode, &'static str) {
    if front.is_ready() { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}

/// Tells what was counted.
async fn metrics(State(front): State<Arc<Front>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, TEXT)], front.metrics.text(&front.gate().source))
}

/// Answers requests until `shutdown`.
pub(crate) async fn listen(
    listener: TcpListener,
    front: Arc<Front>,
    intake: Option<Arc<Intake>>,
    desk: Option<Arc<Desk>>,
    secrecy: Arc<Secrecy>,
    shutdown: CancellationToken,
) {
    let rooms = router(Arc::clone(&front), intake, desk.as_ref());
    let (seats, turned_away) = (Arc::default(), Arc::new(Semaphore::new(TURNED_AWAY)));
    keep(listener, Arc::new(House { rooms, front, secrecy, seats, turned_away }), shutdown).await;
}

/// Takes connections until `shutdown`.
async fn keep(listener: TcpListener, house: Arc<House>, shutdown: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        let taken = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            taken = listener.accept() => taken,
        };
        match taken {
            Ok((stream, peer)) => house.take(stream, peer, &mut connections),
            Err(why) => {
                warn!(error = %why, "cannot take a connection by HTTP; trying again");
                tokio::select! {
                    () = shutdown.cancelled() => break,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
}

/// What all connections share.
struct House {
    /// Who answers what.
    rooms: Router,
    /// The daemon.
    front: Arc<Front>,
    /// What begins TLS.
    secrecy: Arc<Secrecy>,
    /// Who is here.
    seats: Arc<Seats>,
    /// Who may still hear that there is no room.
    turned_away: Arc<Semaphore>,
}

impl House {
    /// Lets a connection in, where there is room for it, and follows it.
    fn take(self: &Arc<House>, stream: TcpStream, peer: SocketAddr, connections: &mut JoinSet<()>) {
        let (from, counts) = (peer.ip().to_canonical(), &self.front.metrics.http);
        // A proxy of ours has those of all its clients.
        let share = if self.front.gate().config.http.trusts(from) { usize::MAX } else { SHARE };
        match self.seats.admit(from, share, Instant::now()) {
            Ok((guest, displaces)) => {
                counts.displaced.inc_by(displaces.into());
                connections.spawn(Arc::clone(self).follow(stream, from, guest));
            }
            Err(full) => {
                counts.refused.count(full.as_str());
                self.turn_away(stream, full, connections);
            }
        }
    }

    /// Follows a connection to its end, or until it has to make room.
    async fn follow(self: Arc<House>, stream: TcpStream, from: IpAddr, guest: Guest) {
        let seat = Arc::clone(guest.seat());
        tokio::select! {
            served = timeout(LIFE, self.serve(stream, from, seat)) => {
                if let Ok(Err(why)) = served {
                    debug!(error = %why, "ended a connection by HTTP");
                }
            }
            () = guest.leave() => debug!(client.ip = %from, "ended a connection by HTTP to make room"),
        }
    }

    /// Tells somebody that there is no room, where that can be told in the clear and not too many are being told so.
    fn turn_away(&self, stream: TcpStream, full: Full, connections: &mut JoinSet<()>) {
        debug!(limit = full.as_str(), "there is no room for a connection by HTTP");
        let Ok(turn) = Arc::clone(&self.turned_away).try_acquire_owned() else { return };
        if self.secrecy.acceptor().is_some() {
            return;
        }
        connections.spawn(async move {
            let _turn = turn;
            // Whoever does not hear it is closed all the same.
            let _ = timeout(BRIEFLY, part(stream)).await;
        });
    }

    /// Serves one connection to its end.
    async fn serve(self: Arc<House>, stream: TcpStream, from: IpAddr, seat: Arc<Seat>) -> anyhow::Result<()> {
        let Some(acceptor) = self.secrecy.acceptor() else { return self.attend(stream, (from, false), seat).await };
        match tls::begin(stream, &acceptor, PATIENCE).await? {
            Begun::Secret(stream) => self.attend(stream, (from, true), seat).await,
            Begun::Plain(stream) => self.decline(stream).await,
        }
    }

    /// Answers what is asked over a connection.
    async fn attend(
        self: Arc<House>,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin,
        (from, is_tls): (IpAddr, bool),
        seat: Arc<Seat>,
    ) -> anyhow::Result<()> {
        let rooms = TowerToHyperService::new(self.rooms.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            let peer = Peer::of(from, is_tls, request.headers(), &self.front.gate().config.http);
            request.extensions_mut().insert(peer);
            let (seat, step) = (Arc::clone(&seat), seat.hear());
            let is_clear = names_one_host(&request);
            let answered = rooms.call(request.map(|body| heard(body, step)));
            async move {
                let mut answer = if is_clear { answered.await? } else { StatusCode::BAD_REQUEST.into_response() };
                if is_tls {
                    answer.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, SECRET);
                }
                let step = if is_stream(&answer) { seat.watch() } else { seat.tell() };
                Ok::<_, Infallible>(answer.map(|body| Stepped::new(body, step)))
            }
        });
        Ok(server().serve_connection(TokioIo::new(stream), service).await?)
    }

    /// Tells whoever speaks without TLS where there is a certificate that nothing is answered so.
    async fn decline(&self, stream: TcpStream) -> anyhow::Result<()> {
        let hint = &self.secrecy.hint;
        let service = service_fn(|_: Request<Incoming>| async {
            let kind = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
            let answer = (StatusCode::BAD_REQUEST, [kind, (header::CONNECTION, "close")], hint.clone());
            Ok::<Response<Body>, Infallible>(answer.into_response())
        });
        Ok(server().serve_connection(TokioIo::new(stream), service).await?)
    }
}

/// Returns what speaks HTTP, and waits for no client for long.
fn server() -> http1::Builder {
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    server
}

/// Tells whether a request says which host it is for, and says it once (RFC 9112 §3.2): links are made of it.
fn names_one_host<B>(request: &Request<B>) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    hosts == 1 || hosts == 0 && request.version() < Version::HTTP_11
}

/// Tells whether an answer goes on until somebody leaves: server-sent events.
fn is_stream(answer: &Response) -> bool {
    answer.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// Returns a body that ends a step with it. One that is at its end already ends it at once.
fn heard(body: Incoming, step: Step) -> Body {
    if hyper::body::Body::is_end_stream(&body) { Body::empty() } else { Body::new(Stepped::new(body, step)) }
}

/// Says that there is no room, and waits until that was heard: who is hung up on while it speaks hears nothing.
async fn part(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(NO_ROOM).await?;
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
