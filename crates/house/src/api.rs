//! The HTTP API `/api/v1`: what the desk shows, for programs
//!
//! A room of the API asks through the same functions as the page of the same name, with the same rights and scopes; what it
//! answers is a plain struct, of which its JSON and its part of the OpenAPI [`document`] are made. Whatever is refused is a
//! [`problem`]. No room changes anything but the audit log, which is why a token, that changes nothing, may POST here.

mod asked;
mod caller;
mod check;
mod cursor;
mod document;
mod domains;
mod me;
mod message;
mod messages;
mod problem;
mod reports;
mod shape;
mod simulate;
#[cfg(test)]
mod tests;
mod today;
mod told;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{MethodRouter, any, get, post};

use crate::people::access::Need;
use crate::web::{BODY, Desk, drop};

/// A room: its path, what a caller needs to enter, and who answers.
type Room = (&'static str, Need, MethodRouter<Arc<Desk>>);

/// The API's table of contents: what is where, and what a caller needs to enter.
fn rooms() -> Vec<Room> {
    vec![
        // What happens.
        ("/api/v1/today", Need::Look, get(today::tell)),
        ("/api/v1/messages", Need::Look, get(messages::list)),
        ("/api/v1/messages/{id}", Need::Look, get(message::tell)),
        ("/api/v1/messages/{id}/what-if", Need::Look, post(message::what_if)),
        // In whose name.
        ("/api/v1/domains", Need::Look, get(domains::list)),
        ("/api/v1/domains/{domain}", Need::Look, get(domains::tell)),
        // What others tell, and what we told them.
        ("/api/v1/reports", Need::Look, get(reports::list)),
        ("/api/v1/reports/{id}", Need::Look, get(reports::tell)),
        ("/api/v1/reports/{id}/evidence", Need::LookAtEvidence, get(reports::evidence)),
        // What would happen.
        ("/api/v1/simulate", Need::Simulate, post(simulate::judge)),
        ("/api/v1/check", Need::Drop, post(check::judge).layer(DefaultBodyLimit::max(drop::LONGEST))),
        // Who asks.
        ("/api/v1/people/me", Need::Look, get(me::tell)),
    ]
}

/// Returns the rooms, each behind its need, and what everybody may read: the document, and what problems there are.
pub(crate) fn router(desk: &Arc<Desk>) -> Router {
    let mut router = Router::new();
    for (path, need, room) in rooms() {
        let admitted = middleware::from_fn_with_state((Arc::clone(desk), need), caller::admit);
        router = router.route(path, room.layer(admitted));
    }
    router
        .route("/api/v1/openapi.json", get(document::give))
        .route("/api/v1/problems", get(document::problems))
        .route("/api", any(problem::nowhere))
        .route("/api/", any(problem::nowhere))
        .route("/api/{*nowhere}", any(problem::nowhere))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(desk), problem::finish))
        .with_state(Arc::clone(desk))
}
