//! TLS reports by HTTP POST (RFC 8460 §3), from the HTTPS server in front that an `rua=https://…` names
//!
//! Nobody vouches for who posts: such a report is kept and read, and stays unproven.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use sekisho_ledger::{Channel, Envelope, ReportKind};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::info;

use super::Intake;
use super::desk::Fate;

/// The most octets of a report.
const LARGEST: usize = 25_000_000;
/// The most reports that come at a time: each is held in memory until it is kept.
const AT_A_TIME: usize = 4;
/// How long one may take to come.
const PATIENCE: Duration = Duration::from_secs(60);
/// The types that RFC 8460 §6.4 and §6.5 know.
const TYPES: [&str; 2] = ["application/tlsrpt+gzip", "application/tlsrpt+json"];

/// Where reports are posted, and how many more may be at a time.
struct Counter {
    /// What the listeners of reports share.
    house: Arc<Intake>,
    /// A permit for each report under way.
    permits: Semaphore,
}

/// Returns who answers what.
pub(crate) fn router(house: Arc<Intake>) -> Router {
    let counter = Counter { house, permits: Semaphore::new(AT_A_TIME) };
    Router::new().route("/reports/tls", post(take)).with_state(Arc::new(counter))
}

/// Takes a report; 200 says that it is kept.
async fn take(State(counter): State<Arc<Counter>>, request: Request) -> (StatusCode, String) {
    let refused = |status: StatusCode, why: &str| (status, format!("{why}\n"));
    if !is_report(request.headers()) {
        let why = "send application/tlsrpt+gzip or application/tlsrpt+json";
        return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
    }
    let Ok(_permit) = counter.permits.try_acquire() else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "too many reports at a time: come again");
    };
    let body = match timeout(PATIENCE, to_bytes(request.into_body(), LARGEST)).await {
        Ok(Ok(body)) => body,
        // Whoever broke off does not hear this.
        Ok(Err(_)) => return refused(StatusCode::PAYLOAD_TOO_LARGE, "the report is larger than this server takes"),
        Err(_) => return refused(StatusCode::REQUEST_TIMEOUT, "the report did not come in time"),
    };
    let (size, counts) = (body.len(), &counter.house.metrics.intake);
    let envelopes = vec![(ReportKind::Tls, Envelope::default())];
    match counter.house.desk.take(body.into(), Channel::Http, envelopes).await {
        Ok(kept) => {
            let Some(kept) = kept.first() else { return refused(StatusCode::INTERNAL_SERVER_ERROR, "a fault of ours") };
            counts.count(kept.kind, kept.fate);
            let (id, outcome) = (&kept.id, kept.fate.as_str());
            info!(report.id = %id, report.kind = kept.kind.word(), outcome = outcome, size = size, "took a report");
            (StatusCode::OK, format!("stored as {id}\n"))
        }
        Err(_) => {
            counts.count(ReportKind::Tls, Fate::Later);
            refused(StatusCode::SERVICE_UNAVAILABLE, "the report cannot be kept now: come again")
        }
    }
}

/// Tells whether this is said to be a TLS report. No page of another site can make a browser say so unasked.
fn is_report(headers: &HeaderMap) -> bool {
    let said = headers.get(header::CONTENT_TYPE).and_then(|said| said.to_str().ok()).unwrap_or_default();
    let kind = said.split(';').next().unwrap_or_default().trim();
    TYPES.iter().any(|known| known.eq_ignore_ascii_case(kind))
}
