//! HTTP, for those who watch the daemon: is it alive, does it take mails, what has it counted; for TLS reports; and for the web desk

pub(crate) mod peer;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::peer::Peer;
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
    shutdown: CancellationToken,
) {
    let router = router(Arc::clone(&front), intake, desk.as_ref());
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
        let rooms = TowerToHyperService::new(router.clone());
        let front = Arc::clone(&front);
        let service = service_fn(move |mut request: Request<Incoming>| {
            let from = Peer::of(peer.ip(), request.headers(), &front.gate().config.http);
            request.extensions_mut().insert(from);
            rooms.call(request)
        });
        seats.take(connections.spawn(async move {
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
            let served = timeout(LIFE, server.serve_connection(TokioIo::new(stream), service)).await;
            if let Ok(Err(why)) = served {
                debug!(error = %why, "ended a connection by HTTP");
            }
        }));
    }
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
