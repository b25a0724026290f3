//! HTTP, for those who watch the daemon: is it alive, does it take mails, what has it counted; for TLS reports; and for the web desk

pub(crate) mod peer;
#[cfg(test)]
mod tests;
pub(crate) mod tls;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::peer::Peer;
use self::tls::{Begun, Secrecy};
use crate::api;
use crate::gate::Front;
use crate::intake::{self, Intake};
use crate::web::{self, Desk};

/// The most connections at a time.
const CONNECTIONS: usize = 256;
/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may last: a client that does not read what it asked for takes no place for ever.
const LIFE: Duration = Duration::from_secs(300);
/// How long we wait before we take connections again, where that failed.
const PAUSE: Duration = Duration::from_millis(200);
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
    let house = Arc::new(House { rooms, front, secrecy });
    let mut connections = JoinSet::new();
    let mut seats = Seats::default();
    loop {
        let taken = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            taken = listener.accept() => taken,
        };
        let (stream, peer) = match taken {
            Ok(taken) => taken,
            Err(why) => {
                warn!(error = %why, "cannot take a connection by HTTP; trying again");
                tokio::select! {
                    () = shutdown.cancelled() => break,
                    () = tokio::time::sleep(PAUSE) => continue,
                }
            }
        };
        seats.make_room();
        let house = Arc::clone(&house);
        seats.take(connections.spawn(async move {
            if let Ok(Err(why)) = timeout(LIFE, house.serve(stream, peer.ip())).await {
                debug!(error = %why, "ended a connection by HTTP");
            }
        }));
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
}

impl House {
    /// Serves one connection to its end.
    async fn serve(self: Arc<House>, stream: TcpStream, from: IpAddr) -> anyhow::Result<()> {
        let Some(acceptor) = self.secrecy.acceptor() else { return self.attend(stream, from, false).await };
        match tls::begin(stream, &acceptor, PATIENCE).await? {
            Begun::Secret(stream) => self.attend(stream, from, true).await,
            Begun::Plain(stream) => self.decline(stream).await,
        }
    }

    /// Answers what is asked over a connection.
    async fn attend(
        self: Arc<House>,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin,
        from: IpAddr,
        is_tls: bool,
    ) -> anyhow::Result<()> {
        let rooms = TowerToHyperService::new(self.rooms.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            let peer = Peer::of(from, is_tls, request.headers(), &self.front.gate().config.http);
            request.extensions_mut().insert(peer);
            let answered = rooms.call(request);
            async move {
                let mut answer = answered.await?;
                if is_tls {
                    answer.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, SECRET);
                }
                Ok::<_, Infallible>(answer)
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

/// The connections, the oldest first.
#[derive(Default)]
struct Seats(VecDeque<AbortHandle>);

impl Seats {
    /// Lets the oldest connection make room where there is none: an answer takes a millisecond, so that whoever has been
    /// here for long holds a connection open, and must not keep out those who watch.
    fn make_room(&mut self) {
        self.0.retain(|seat| !seat.is_finished());
        while self.0.len() >= CONNECTIONS {
            self.0.pop_front().iter().for_each(AbortHandle::abort);
            debug!(limit = CONNECTIONS, "ended the oldest connection by HTTP to make room");
        }
    }

    /// Notes a connection.
    fn take(&mut self, seat: AbortHandle) {
        self.0.push_back(seat);
    }
}
