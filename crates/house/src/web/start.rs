//! *Start*: what is connected and what is not, the lines that connect it, and a sample day to look around in

use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;

use super::Desk;
use super::frame::{Frame, Refusal, Shown};
use super::visitor::Visitor;
use crate::config::Config;
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
    let judged = metrics.sessions_agreed.get();
    let milter = config.gate.listen.first().map(|address| format!("inet:{}:{}", address.ip(), address.port()));
    let reports = config.intake.listen.first();
    let link =
        |name: &str, is_there, note: String, lines: String| Link { name: frame.say(name), is_there, note, lines };
    let seen = |count: u64| frame.tell("desk-seen-since-start", &[("count", count.into())]);
    let mut links = Vec::new();
    if let Some(milter) = milter {
        let lines = format!(
            "# /etc/postfix/main.cf\nsmtpd_milters = {milter}\nmilter_default_action = tempfail\nsmtpd_forbid_bare_newline = normalize\n"
        );
        links.push(link("desk-link-gate", judged > 0, seen(judged), lines));
    }
    if let Some(address) = reports {
        let (place, rua, tls) = (postfix(*address), mailbox(config, "rua", host), mailbox(config, "tlsrpt", host));
        let lines = format!(
            "# /etc/postfix/transport\n{rua}  {place}\n{tls}  {place}\n\n; DNS\n_dmarc.example.org.  TXT  \"v=DMARC1; p=none; rua=mailto:{rua}\"\nexample.org._report._dmarc.{host}.  TXT  \"v=DMARC1\"\n_smtp._tls.example.org.  TXT  \"v=TLSRPTv1; rua=mailto:{tls}\"\n"
        );
        let count = metrics.intake.arrived();
        let arrived = frame.tell("desk-reports-since-start", &[("count", count.into())]);
        links.push(link("desk-link-reports", count > 0, arrived, lines));
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
        format!(
            "# /etc/sekisho/sekisho.toml\n[reports]\nfrom = \"{}\"\nrelay = \"127.0.0.1:25\"\n",
            mailbox(config, "rua", host)
        ),
    ));
    links
}

/// Returns a mailbox of a host that the intake takes reports of a kind for.
fn mailbox(config: &Config, kind: &str, host: &str) -> String {
    let patterns = config.intake.kinds().find(|(known, _)| *known == kind).map(|(_, patterns)| patterns);
    match patterns.and_then(<[_]>::first).map(ToString::to_string) {
        Some(pattern) if pattern.starts_with('@') => format!("reports{pattern}"),
        Some(pattern) if pattern.ends_with('@') => pattern + host,
        Some(whole) => whole,
        None => format!("reports@{host}"),
    }
}

/// Names a listener as Postfix's transport table does.
fn postfix(address: SocketAddr) -> String {
    let ip = if address.is_ipv6() { format!("ipv6:{}", address.ip()) } else { address.ip().to_string() };
    format!("smtp:[{ip}]:{}", address.port())
}

/// Makes the sample day, and goes into it.
pub(super) async fn load(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Shown {
    if let Err(why) = Sample::make(&desk.folder, desk.open, Timestamp::now()).await {
        let said = why.say(&visitor.frame.talk);
        return Err(failed(&visitor.frame, &said));
    }
    Ok(stay(&visitor, STAY, "/"))
}

/// Goes into the sample day.
pub(super) async fn enter(visitor: Visitor) -> Response {
    stay(&visitor, STAY, "/")
}

/// Goes back to what is real.
pub(super) async fn leave(visitor: Visitor) -> Response {
    stay(&visitor, 0, "/start")
}

/// Removes the sample day.
pub(super) async fn remove(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Shown {
    desk.forget_sample();
    match Sample::remove(&desk.folder) {
        Ok(()) => Ok(stay(&visitor, 0, "/start")),
        Err(why) => Err(failed(&visitor.frame, &why.say(&visitor.frame.talk))),
    }
}

/// Says that the sample could not be made or removed.
fn failed(frame: &Frame, why: &str) -> Refusal {
    tracing::error!(error = why, "the sample day failed");
    frame.refuse(StatusCode::INTERNAL_SERVER_ERROR, "desk-sample-failed", why)
}

/// Stays in the sample for so long, and goes to a page.
fn stay(visitor: &Visitor, seconds: u32, path: &str) -> Response {
    let mut answer = Redirect::to(path).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&visitor.cookie("books", "sample", seconds)) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}
