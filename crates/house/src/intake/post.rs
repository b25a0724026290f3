//! TLS reports by HTTP POST (RFC 8460 §3), from the HTTPS server in front that an `rua=https://…` names
//!
//! Nobody vouches for who posts: such a report is kept and read, and stays unproven. How much may come says [`super::bounds`].

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::StreamExt;
use sekisho_ledger::{Channel, Envelope, ReportKind};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};
use tracing::info;

use super::Intake;
use super::bounds::{Beyond, Load};
use super::desk::Fate;
use crate::http::peer::Peer;

/// The most octets of a report.
const LARGEST: usize = 25_000_000;
/// Up to how many octets a report is small: whoever sends one slowly holds a connection, and keeps nobody else out.
const SMALL: usize = 64 * 1024;
/// The most larger reports that come at a time: each is held in memory until it is kept.
const LARGE_AT_A_TIME: usize = 4;
/// The fewest octets a second of a larger one, after [`GRACE`]: four slow clients shall not shut the door.
const LEAST_RATE: u64 = 64 * 1024;
/// How long a larger one may be slower than that.
const GRACE: Duration = Duration::from_secs(3);
/// How long one may take to come.
const PATIENCE: Duration = Duration::from_secs(60);
/// The types that RFC 8460 §6.4 and §6.5 know.
const TYPES: [&str; 2] = ["application/tlsrpt+gzip", "application/tlsrpt+json"];

/// Where reports are posted, and how many more may be at a time.
struct Counter {
    /// What the listeners of reports share.
    house: Arc<Intake>,
    /// A permit for each larger report under way.
    large: Semaphore,
}

/// Why a report is not taken, and where it may be later, after how long.
struct Refusal(StatusCode, &'static str, Option<Duration>);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal(status, why, wait) = self;
        let mut answer = (status, format!("{why}\n")).into_response();
        // RFC 9110 §10.2.3: whole seconds, and never one too few.
        let wait = wait.map(|wait| HeaderValue::from(wait.as_secs().saturating_add(1)));
        answer.headers_mut().extend(wait.map(|wait| (header::RETRY_AFTER, wait)));
        answer
    }
}

impl From<Beyond> for Refusal {
    fn from(Beyond { bound, wait }: Beyond) -> Refusal {
        if bound.is_the_clients() {
            return Refusal(StatusCode::TOO_MANY_REQUESTS, "you brought too much in a minute: come again", Some(wait));
        }
        Refusal(StatusCode::SERVICE_UNAVAILABLE, "there is no room for more reports now: come again later", Some(wait))
    }
}

/// Returns who answers what.
pub(crate) fn router(house: Arc<Intake>) -> Router {
    let counter = Counter { house, large: Semaphore::new(LARGE_AT_A_TIME) };
    Router::new().route("/reports/tls", post(take)).with_state(Arc::new(counter))
}

/// Takes a report; 200 says that it is kept.
async fn take(State(counter): State<Arc<Counter>>, request: Request) -> Result<String, Refusal> {
    Ok(format!("stored as {}\n", counter.take(request).await?))
}

impl Counter {
    /// Takes a report, and returns its id.
    async fn take(&self, request: Request) -> Result<String, Refusal> {
        let (head, body) = request.into_parts();
        let client = Peer::noted(&head.extensions).address;
        if let Err(refusal) = self.admit(&head.headers, client).await {
            // Whoever asks before it sends (RFC 9110 §10.1.1) hears this instead of `100 Continue`.
            if !head.headers.contains_key(header::EXPECT) {
                linger(body).await;
            }
            return Err(refusal);
        }
        let received = timeout(PATIENCE, self.receive(body)).await;
        let (body, _permit) = received.unwrap_or(Err(TOO_SLOW))?;
        // Whatever was announced, this is what came.
        self.house.weigh(load(client, body.len()), &self.house.rules().section).await?;
        self.keep(body, client).await
    }

    /// Refuses what is no report, too large, or more than a client or all of them may bring.
    async fn admit(&self, headers: &HeaderMap, client: IpAddr) -> Result<(), Refusal> {
        if !is_report(headers) {
            let why = "send application/tlsrpt+gzip or application/tlsrpt+json";
            return Err(Refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, why, None));
        }
        let announced = announced(headers).unwrap_or_default();
        if announced > LARGEST {
            return Err(TOO_LARGE);
        }
        let rules = self.house.rules();
        self.house.count_post(client, &rules.section)?;
        self.house.expect(load(client, announced), &rules.section).await?;
        Ok(())
    }

    /// Keeps a report that came whole, and returns its id.
    async fn keep(&self, body: Bytes, client: IpAddr) -> Result<String, Refusal> {
        let (size, counts) = (body.len(), &self.house.metrics.intake);
        let envelopes = vec![(ReportKind::Tls, Envelope::default())];
        let Ok(kept) = self.house.desk.take(body.into(), Channel::Http, envelopes).await else {
            counts.count(ReportKind::Tls, Fate::Later);
            return Err(NOT_NOW);
        };
        let kept = kept.first().ok_or(Refusal(StatusCode::INTERNAL_SERVER_ERROR, "a fault of ours", None))?;
        counts.count(kept.kind, kept.fate);
        let (id, kind, outcome) = (&kept.id, kept.kind.word(), kept.fate.as_str());
        info!(report.id = %id, report.kind = kind, outcome = outcome, client.ip = %client, size = size, "took a report");
        Ok(id.to_string())
    }

    /// Receives a body. One that turns out to be large needs a permit, and has to keep coming.
    async fn receive(&self, body: Body) -> Result<(Bytes, Option<SemaphorePermit<'_>>), Refusal> {
        let (begun, mut stream) = (Instant::now(), body.into_data_stream());
        let (mut received, mut permit) = (Vec::new(), None);
        loop {
            let next = match permit {
                None => Ok(stream.next().await),
                Some(_) => timeout(patience(received.len()).saturating_sub(begun.elapsed()), stream.next()).await,
            };
            let Some(piece) = next.map_err(|_| TOO_SLOW)? else { return Ok((received.into(), permit)) };
            // Whoever broke off does not hear this.
            let piece = piece.map_err(|_| Refusal(StatusCode::BAD_REQUEST, "the report did not come whole", None))?;
            if received.len() + piece.len() > LARGEST {
                return Err(TOO_LARGE);
            }
            received.extend_from_slice(&piece);
            if permit.is_none() && received.len() > SMALL {
                permit = Some(self.large.try_acquire().map_err(|_| TOO_MANY)?);
            }
        }
    }
}

/// Returns what a client brings.
fn load(client: IpAddr, octets: usize) -> Load {
    Load { channel: Channel::Http, client: Some(client), octets: octets.try_into().unwrap_or(u64::MAX) }
}

/// Takes in a part of what nobody reads, for a while: a client that still sends when its connection ends never hears why.
async fn linger(body: Body) {
    let (mut stream, mut rest) = (body.into_data_stream(), LINGERING.0);
    let taken = async {
        while let Some(Ok(piece)) = stream.next().await {
            match rest.checked_sub(piece.len()) {
                Some(left) => rest = left,
                None => break,
            }
        }
    };
    // Whoever sends for longer finds its connection ended.
    let _ = timeout(LINGERING.1, taken).await;
}

/// How many octets are taken in for nobody, and for how long.
const LINGERING: (usize, Duration) = (4 << 20, Duration::from_secs(2));
/// When to come again, where that is hard to tell.
const SOON: Option<Duration> = Some(Duration::from_secs(59));
/// It is larger than we take.
const TOO_LARGE: Refusal = Refusal(StatusCode::PAYLOAD_TOO_LARGE, "the report is larger than this server takes", None);
/// It did not come in time.
const TOO_SLOW: Refusal = Refusal(StatusCode::REQUEST_TIMEOUT, "the report did not come in time", None);
/// There are others.
const TOO_MANY: Refusal =
    Refusal(StatusCode::SERVICE_UNAVAILABLE, "too many large reports at a time: come again", SOON);
/// The books do not answer.
const NOT_NOW: Refusal = Refusal(StatusCode::SERVICE_UNAVAILABLE, "the report cannot be kept now: come again", SOON);

/// Returns how long after its beginning the next piece of a larger report is waited for, where so much is there.
fn patience(octets: usize) -> Duration {
    GRACE + Duration::from_secs(u64::try_from(octets).unwrap_or(u64::MAX) / LEAST_RATE)
}

/// Returns how many octets a request says that it has.
fn announced(headers: &HeaderMap) -> Option<usize> {
    // What is too large to be read as a number is too large.
    let said = headers.get(header::CONTENT_LENGTH)?.to_str().ok()?;
    Some(said.parse().unwrap_or(usize::MAX))
}

/// Tells whether this is said to be a TLS report. No page of another site can make a browser say so unasked.
fn is_report(headers: &HeaderMap) -> bool {
    let said = headers.get(header::CONTENT_TYPE).and_then(|said| said.to_str().ok()).unwrap_or_default();
    let kind = said.split(';').next().unwrap_or_default().trim();
    TYPES.iter().any(|known| known.eq_ignore_ascii_case(kind))
}
