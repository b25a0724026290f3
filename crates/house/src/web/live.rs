//! Live: that mails were judged, told to whoever watches as server-sent events
//!
//! Who sees everything is told how many there are. Who sees some domains learns of no other mail, not even that there is one: they are
//! told every minute to look again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use futures_util::stream;
use jiff::Timestamp;

use super::Desk;
use super::visitor::Visitor;
use crate::people::access::Scope;

/// How often somebody looks.
const BEAT: Duration = Duration::from_secs(5);

/// Tells, every few seconds, a number that is another one when it is time to look again.
pub(super) async fn tell(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let scope = visitor.viewer().map_or_else(|| Scope::Domains(Vec::new()), |viewer| viewer.scope.clone());
    let counts = stream::unfold((desk, scope, true), async |(desk, scope, is_first)| {
        if !is_first {
            tokio::time::sleep(BEAT).await;
        }
        let number = number(&scope, desk.front.metrics.events.kept.get(), Timestamp::now());
        Some((Ok(Event::default().event("mails").data(number.to_string())), (desk, scope, false)))
    });
    Sse::new(counts).keep_alive(KeepAlive::default())
}

/// Returns what somebody is told: how many mails were judged since the start, or in which minute it is.
fn number(scope: &Scope, mails: u64, now: Timestamp) -> u64 {
    let minute = u64::try_from(now.as_second() / 60).unwrap_or_default();
    if *scope == Scope::All { mails } else { minute }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_sees_some_domains_is_not_told_how_many_mails_there_are() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!((number(&Scope::All, 7, at(0)), number(&Scope::All, 8, at(0))), (7, 8));
        for scope in [Scope::of(["ours.example"]).unwrap(), Scope::Domains(Vec::new())] {
            assert_eq!(number(&scope, 7, at(601)), number(&scope, 8, at(659)));
            assert_ne!(number(&scope, 7, at(601)), number(&scope, 7, at(661)));
        }
    }
}
