//! Live: how many mails were judged, told to whoever watches as server-sent events

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use futures_util::stream;

use super::Desk;

/// How often somebody looks.
const BEAT: Duration = Duration::from_secs(5);

/// Tells, every few seconds, how many mails were judged since the start.
pub(super) async fn tell(State(desk): State<Arc<Desk>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let counts = stream::unfold((desk, true), async |(desk, is_first)| {
        if !is_first {
            tokio::time::sleep(BEAT).await;
        }
        let mails = desk.front.metrics.events.kept.get();
        Some((Ok(Event::default().event("mails").data(mails.to_string())), (desk, false)))
    });
    Sse::new(counts).keep_alive(KeepAlive::default())
}
