//! People at the desk: one's own account, and, for admins, everybody's and what was done

pub(super) mod account;
pub(super) mod audit;
pub(super) mod everybody;
pub(super) mod tokens;

use std::time::Duration;

use axum::http::StatusCode;
use sekisho_ledger::Role;

use super::frame::{Frame, Refusal};
use super::visitor::Visitor;
use crate::people::Came;
use crate::people::access::rank;
use crate::people::accounts::Changed;
use crate::people::password::{LEAST, MOST, Weak};
use crate::people::session::Token;

/// Returns whose page it is. Nobody else gets here: rooms are entered by whoever came in.
pub(super) fn owner(visitor: &Visitor) -> Result<&Came, Refusal> {
    let nobody =
        || visitor.frame.refuse(StatusCode::FORBIDDEN, "desk-not-yours", &visitor.frame.say("desk-not-yours-says"));
    visitor.came.as_ref().ok_or_else(nobody)
}

/// Says how long to wait.
pub(super) fn wait(frame: &Frame, wait: Duration) -> String {
    // Who comes a moment too early waits again.
    frame.tell("desk-wait", &[("seconds", (wait.as_secs() + 1).into())])
}

/// Says why a password is not taken.
fn weak(frame: &Frame, weak: Weak) -> String {
    match weak {
        Weak::Short => frame.tell("desk-password-short", &[("least", LEAST.to_string().into())]),
        Weak::Long => frame.tell("desk-password-long", &[("most", MOST.to_string().into())]),
        Weak::Obvious => frame.say("desk-password-obvious"),
    }
}

/// Says what came of a change: the token of a new session, or a status and why it was not made.
pub(super) fn told(frame: &Frame, changed: Changed) -> Result<Token, (StatusCode, String)> {
    match changed {
        Changed::Done(token) => Ok(token),
        Changed::Wrong => Err((StatusCode::FORBIDDEN, frame.say("desk-proof-wrong"))),
        Changed::Weak(why) => Err((StatusCode::BAD_REQUEST, weak(frame, why))),
        Changed::Wait(time) => Err((StatusCode::TOO_MANY_REQUESTS, wait(frame, time))),
    }
}

/// Says what a role is called.
fn role(frame: &Frame, role: Role) -> String {
    frame.say(match role {
        Role::Viewer => "role-viewer",
        Role::Analyst => "role-analyst",
        Role::Admin => "role-admin",
        _ => "role-unknown",
    })
}

/// Something in a `<select>`.
pub(super) struct Choice {
    /// What is sent.
    pub(super) value: &'static str,
    /// What is read.
    pub(super) name: String,
    /// Whether it is the present one.
    pub(super) is_now: bool,
}

/// Returns the roles up to one, the least first.
fn roles(frame: &Frame, most: Role, now: Role) -> Vec<Choice> {
    let all = Role::ALL.iter().filter(|role| rank(**role) <= rank(most));
    all.map(|one| Choice { value: one.word(), name: role(frame, *one), is_now: *one == now }).collect()
}
