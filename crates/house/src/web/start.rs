//! *Start*: what is connected and what is not, the lines that connect it, and a sample day to look around in

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;

use super::Desk;
use super::frame::{Frame, Refusal, Shown};
use super::visitor::{Visitor, cookie};
use crate::sample::Sample;

/// How long a browser stays in the sample, in seconds: until it is closed, and a day at most.
const STAY: u32 = 86_400;

/// *Start*.
#[derive(Template)]
#[template(path = "start.html")]
struct StartPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// What is connected, and what is not.
    links: Vec<Link>,
    /// Whether there is a sample.
    has_sample: bool,
}

/// Something that can be connected.
struct Link {
    /// What it is called.
    name: String,
    /// Whether it is.
    is_there: bool,
    /// What is known of it.
    note: String,
    /// The lines that connect it.
    lines: String,
}

/// Shows it.
pub(super) async fn show(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Shown {
    let frame = &visitor.frame;
    let (links, has_sample) = (links(frame, &desk), desk.has_sample());
    Ok(frame.show(&StartPage { frame, links, has_sample }))
}

/// Tells what is connected.
fn links(frame: &Frame, desk: &Desk) -> Vec<Link> {
    let gate = desk.front.gate();
    let config = &gate.config;
    let host = gate.host();
    let metrics = &desk.front.metrics;
    let judged = metrics.sessions_begun.get();
    let milter = config.gate.listen.first().map(|address| format!("inet:{}:{}", address.ip(), address.port()));
    let reports = config.intake.listen.first();
    let link =
        |name: &str, is_there, note: String, lines: String| Link { name: frame.say(name), is_there, note, lines };
    let seen = |count: u64| frame.tell("desk-seen-since-start", &[("count", count.into())]);
    let mut links = Vec::new();
    if let Some(milter) = milter {
        let lines = format!("# /etc/postfix/main.cf\nsmtpd_milters = {milter}\nmilter_default_action = tempfail\n");
        links.push(link("desk-link-gate", judged > 0, seen(judged), lines));
    }
    if let Some(address) = reports {
        let lines = format!(
            "# /etc/postfix/transport\nreports@{host}  smtp:[{}]:{}\n\n; DNS\n_dmarc.example.org.  TXT  \"v=DMARC1; p=none; rua=mailto:reports@{host}\"\nexample.org._report._dmarc.{host}.  TXT  \"v=DMARC1\"\n_smtp._tls.example.org.  TXT  \"v=TLSRPTv1; rua=mailto:reports@{host}\"\n",
            address.ip(),
            address.port()
        );
        let count = metrics.intake.sessions_begun.get();
        links.push(link("desk-link-reports", count > 0, seen(count), lines));
    }
    let is_signing = !config.sign.listen.is_empty();
    links.push(link(
        "desk-link-sign",
        is_signing,
        String::new(),
        "# docs/signing.md\nsekisho sign --new-key rsa2048 --domain example.org --selector s2026 --out /etc/sekisho/s2026.pem\n".to_owned(),
    ));
    let is_reporting = config.reports.relay.is_some();
    links.push(link(
        "desk-link-out",
        is_reporting,
        String::new(),
        format!("# /etc/sekisho/sekisho.toml\n[reports]\nfrom = \"reports@{host}\"\nrelay = \"127.0.0.1:25\"\n"),
    ));
    links
}

/// Makes the sample day, and goes into it.
pub(super) async fn load(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Shown {
    if let Err(why) = Sample::make(&desk.folder, desk.open, Timestamp::now()).await {
        let said = why.say(&visitor.frame.talk);
        return Err(failed(&visitor.frame, &said));
    }
    Ok(stay(STAY, "/"))
}

/// Goes into the sample day.
pub(super) async fn enter() -> Response {
    stay(STAY, "/")
}

/// Goes back to what is real.
pub(super) async fn leave() -> Response {
    stay(0, "/start")
}

/// Removes the sample day.
pub(super) async fn remove(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Shown {
    desk.forget_sample();
    match Sample::remove(&desk.folder) {
        Ok(()) => Ok(stay(0, "/start")),
        Err(why) => Err(failed(&visitor.frame, &why.say(&visitor.frame.talk))),
    }
}

/// Says that the sample could not be made or removed.
fn failed(frame: &Frame, why: &str) -> Refusal {
    tracing::error!(error = why, "the sample day failed");
    frame.refuse(StatusCode::INTERNAL_SERVER_ERROR, "desk-sample-failed", why)
}

/// Stays in the sample for so long, and goes to a page.
fn stay(seconds: u32, path: &str) -> Response {
    let mut answer = Redirect::to(path).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie("books", "sample", seconds)) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}
