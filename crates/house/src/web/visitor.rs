//! Who asks, in which language, for whose books; what they may; and that a form came from a page of ours
//!
//! Every room says what a visitor needs ([`Need`]); [`admit`] lets in whoever has it, before the room's handler runs.

use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::rand;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sekisho_core::speech::Lang;
use sekisho_ledger::Id;

use super::frame::Frame;
use super::{BODY, Desk};
use crate::http::peer::Peer;
use crate::people::access::{Need, Scope, Viewer};
use crate::people::session::{Token, form_proof, is_form_proof};
use crate::people::{Actor, Came, Trouble};

/// After how many seconds it is worth asking again where somebody asked too much at a time, or the books did not answer.
pub(crate) const AGAIN: &str = "5";

/// Who asks.
pub(super) struct Visitor {
    /// What is around the page that is shown.
    pub(super) frame: Frame,
    /// Who it is, and by which session; nobody on the pages that lead in.
    pub(super) came: Option<Came>,
    /// The address of the client.
    pub(super) client: IpAddr,
    /// Whether what it said came by TLS.
    pub(super) is_tls: bool,
}

impl Visitor {
    /// Returns the domains whose mail may be seen; none is all.
    pub(super) fn within(&self) -> Option<Vec<String>> {
        self.scope().names()
    }

    /// Returns what may be seen: nothing by who did not come in.
    pub(super) fn scope(&self) -> Scope {
        let nothing = || Scope::Domains(Vec::new());
        // The sample is nobody's.
        if self.frame.is_sample {
            Scope::All
        } else {
            self.viewer().map_or_else(nothing, |viewer| viewer.scope.clone())
        }
    }

    /// Returns who it is.
    pub(super) fn viewer(&self) -> Option<&Viewer> {
        self.frame.viewer.as_ref()
    }

    /// Writes a cookie that opens a door: for this host alone, never for scripts, and not with what another site sends. What came by
    /// TLS goes by nothing else.
    pub(super) fn door_cookie(&self, name: &str, value: &str, seconds: u32) -> HeaderValue {
        let secure = self.secure();
        let cookie = format!("sekisho-{name}={value}; Path=/; Max-Age={seconds}; SameSite=Lax; HttpOnly{secure}");
        HeaderValue::from_str(&cookie).expect("a token is base64url")
    }

    /// Writes a cookie that says how somebody likes the desk; it is worth nothing to others.
    pub(super) fn cookie(&self, name: &str, value: &str, seconds: u32) -> String {
        let secure = self.secure();
        format!("sekisho-{name}={value}; Path=/; Max-Age={seconds}; SameSite=Strict; HttpOnly{secure}")
    }

    /// Returns what keeps a cookie from going in the clear.
    fn secure(&self) -> &'static str {
        if self.is_tls { "; Secure" } else { "" }
    }

    /// Names who does something, for the audit log.
    pub(super) fn actor(&self) -> Actor {
        Actor { person: self.viewer().map(|viewer| viewer.person), client: Some(self.client) }
    }
}

impl FromRequestParts<Arc<Desk>> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Visitor, Self::Rejection> {
        let came = parts.extensions.get::<Came>().cloned();
        let viewer =
            came.as_ref().map(|came| came.viewer.clone()).or_else(|| parts.extensions.get::<Viewer>().cloned());
        let lang = chosen(&parts.headers)
            .or_else(|| came.as_ref()?.viewer.lang)
            .or_else(|| accepted(&parts.headers))
            .unwrap_or_default();
        let look = ["light", "dark"].into_iter().find(|look| value(&parts.headers, "look") == Some(look));
        let frame = Frame {
            lang: lang.as_str(),
            look,
            path: parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            unknown: Vec::new(),
            login: came.as_ref().map(|came| came.viewer.login.clone()),
            viewer,
            is_sample: came.is_some() && value(&parts.headers, "books") == Some("sample") && desk.has_sample(),
            talk: desk.speech.of(lang),
            proof: came.as_ref().map(|came| form_proof(&came.session.csrf)),
            nonce: random(),
        };
        let peer = Peer::noted(&parts.extensions);
        Ok(Visitor { frame, came, client: peer.address, is_tls: peer.is_tls })
    }
}

/// Lets in who may do this, and whose form is one of ours. Others are led to the door, or refused.
pub(super) async fn admit(State((desk, need)): State<(Arc<Desk>, Need)>, mut request: Request, next: Next) -> Response {
    let mut shown = request.headers().get_all(header::AUTHORIZATION).iter();
    if let Some(first) = shown.next() {
        if shown.next().is_some() {
            // RFC 6750 §3.1: whoever shows two tokens is told so, and none of them counts.
            return (StatusCode::BAD_REQUEST, [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_request\"")])
                .into_response();
        }
        let token = first.to_str().ok().and_then(|shown| shown.strip_prefix("Bearer ")).and_then(Token::shown);
        return admit_program(&desk, need, token, request, next).await;
    }
    let came = match who(&desk, request.headers()).await {
        Ok(came) => came,
        Err(why) => {
            tracing::error!(error = %why, "nobody can be let in");
            return refuse(&desk, request, StatusCode::SERVICE_UNAVAILABLE, "desk-no-answer").await;
        }
    };
    let Some(came) = came else {
        // What no page of ours sends comes from a program, which a door is of no use to.
        if is_safe(request.method()) || is_form(request.headers()) {
            return to_the_door(&request);
        }
        return refuse(&desk, request, StatusCode::NOT_FOUND, "desk-nowhere").await;
    };
    let (may, person, csrf) = (came.viewer.may(need), came.viewer.person, came.session.csrf.clone());
    request.extensions_mut().insert(came);
    if !may {
        return refuse(&desk, request, StatusCode::FORBIDDEN, "desk-not-yours").await;
    }
    if is_safe(request.method()) {
        return enter(&desk, person, request, next).await;
    }
    match proven(request, &csrf).await {
        Ok(request) => enter(&desk, person, request, next).await,
        Err(request) => refuse(&desk, request, StatusCode::FORBIDDEN, "desk-stale-form").await,
    }
}

/// Lets a room answer. Where nobody in it does, since the request is none that it takes, a page says so.
async fn run(desk: &Arc<Desk>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let mut asked = parts.clone();
    let answer = next.run(Request::from_parts(parts, body)).await;
    if !answer.status().is_client_error() || is_page(&answer) {
        return answer;
    }
    let Ok(visitor) = Visitor::from_request_parts(&mut asked, desk).await;
    let because = visitor.frame.say("desk-unreadable-says");
    let mut page = visitor.frame.refuse(answer.status(), "desk-unreadable", &because).into_response();
    // Which methods a room takes stays said (RFC 9110 §15.5.6).
    answer.headers().get(header::ALLOW).into_iter().for_each(|allowed| {
        page.headers_mut().insert(header::ALLOW, allowed.clone());
    });
    page
}

/// Tells whether an answer is a page of ours.
fn is_page(answer: &Response) -> bool {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

/// Finds out who shows a session; nobody where it is none that holds.
async fn who(desk: &Desk, headers: &HeaderMap) -> Result<Option<Came>, Trouble> {
    let Some(token) = value(headers, "session").and_then(Token::shown) else { return Ok(None) };
    desk.people.who(&token).await
}

/// Notes who comes, where it matters only for how a page looks: whoever cannot be told is a stranger.
pub(super) async fn greet(State(desk): State<Arc<Desk>>, mut request: Request, next: Next) -> Response {
    match who(&desk, request.headers()).await {
        Ok(came) => {
            came.into_iter().for_each(|came| drop(request.extensions_mut().insert(came)));
        }
        Err(why) => tracing::error!(error = %why, "nobody can be told from strangers"),
    }
    run(&desk, request, next).await
}

/// Lets a program in that shows a token, to look and to take away. It changes nothing: whoever has it is not its person.
async fn admit_program(
    desk: &Arc<Desk>,
    need: Need,
    token: Option<Token>,
    mut request: Request,
    next: Next,
) -> Response {
    let viewer = match token {
        None => None,
        Some(token) => match desk.people.bearer(&token).await {
            Ok(viewer) => viewer,
            Err(why) => {
                tracing::error!(error = %why, "no program can be let in");
                return refuse(desk, request, StatusCode::SERVICE_UNAVAILABLE, "desk-no-answer").await;
            }
        },
    };
    let Some(viewer) = viewer else {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")])
            .into_response();
    };
    let (may, person) = (viewer.may(need) && is_safe(request.method()), viewer.person);
    request.extensions_mut().insert(viewer);
    match desk.line.admit(person).filter(|_| may) {
        Some(place) => place.work(next.run(request)).await,
        None if may => too_many(desk, request).await,
        None => refuse(desk, request, StatusCode::FORBIDDEN, "desk-not-yours").await,
    }
}

/// Lets somebody into a room who may, unless they have too many requests in the house already.
async fn enter(desk: &Arc<Desk>, person: Id, request: Request, next: Next) -> Response {
    match desk.line.admit(person) {
        Some(place) => place.work(run(desk, request, next)).await,
        None => too_many(desk, request).await,
    }
}

/// Refuses whoever has too many requests in the house.
async fn too_many(desk: &Arc<Desk>, request: Request) -> Response {
    let mut answer = refuse(desk, request, StatusCode::TOO_MANY_REQUESTS, "desk-too-many").await;
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(AGAIN));
    answer
}

/// Tells whether a request brings what a form in a browser can.
fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let forms = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];
    kind.is_empty()
        || forms.iter().any(|form| kind.get(..form.len()).is_some_and(|start| start.eq_ignore_ascii_case(form)))
}

/// Leads to the door: whoever was to see a page sees it after signing in.
fn to_the_door(request: &Request) -> Response {
    if !is_safe(request.method()) {
        return Redirect::to("/sign-in").into_response();
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let mut door = form_urlencoded::Serializer::for_suffix(String::from("/sign-in?"), "/sign-in?".len());
    Redirect::to(&door.append_pair("back", path).finish()).into_response()
}

/// Refuses with a page.
async fn refuse(desk: &Arc<Desk>, request: Request, status: StatusCode, message: &'static str) -> Response {
    let (mut parts, _) = request.into_parts();
    let Ok(visitor) = Visitor::from_request_parts(&mut parts, desk).await;
    let because = visitor.frame.say(&format!("{message}-says"));
    visitor.frame.refuse(status, message, &because).into_response()
}

/// Tells whether a form is one of this session. A mail that is dropped is large: its form is looked at as it is read
/// ([`super::drop`]).
async fn proven(request: Request, csrf: &sekisho_ledger::Secret) -> Result<Request, Request> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("multipart/form-data") && request.uri().path() == "/drop" {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY).await.unwrap_or_default();
    let shown = form_urlencoded::parse(&body).find(|(name, _)| name == "proof").map(|(_, proof)| proof.into_owned());
    let is_ours = shown.is_some_and(|proof| is_form_proof(csrf, &proof));
    let request = Request::from_parts(parts, Body::from(body));
    if is_ours { Ok(request) } else { Err(request) }
}

/// Draws 128 bits, written so that they mean nothing to HTML or HTTP.
fn random() -> String {
    let mut octets = [0_u8; 16];
    // Without randomness no script and no style runs: the page is plain, and safe.
    if rand::fill(&mut octets).is_err() {
        return String::new();
    }
    URL_SAFE_NO_PAD.encode(octets)
}

/// Returns the language that was chosen in this browser.
fn chosen(headers: &HeaderMap) -> Option<Lang> {
    value(headers, "lang").and_then(Lang::parse)
}

/// Returns the first language of ours that the browser names.
pub(crate) fn accepted(headers: &HeaderMap) -> Option<Lang> {
    let accepted = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    accepted.split(',').find_map(|one| Lang::parse(one.split(';').next()?.trim()))
}

/// Returns a cookie of ours.
pub(crate) fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs = all.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| known.strip_prefix("sekisho-") == Some(name)).map(|(_, value)| value)
}

/// Refuses what changes something and does not come from a page of ours: browsers say where a request comes from.
pub(super) async fn same_origin(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    if is_safe(request.method()) || comes_from_us(request.headers()) {
        next.run(request).await
    } else {
        refuse(&desk, request, StatusCode::FORBIDDEN, "desk-elsewhere").await
    }
}

/// Tells whether a request changes nothing.
pub(crate) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Tells whether a request comes from a page of ours, or from no browser at all.
fn comes_from_us(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), ..) => matches!(site, "same-origin" | "none"),
        (None, Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, from)| from == host),
        (None, Some(_), None) => false,
        (None, None, _) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns headers.
    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        all.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_language_is_the_chosen_one_or_the_first_of_ours_that_the_browser_names() {
        assert_eq!(accepted(&headers(&[])), None);
        assert_eq!(accepted(&headers(&[("accept-language", "fr, ja;q=0.8, en;q=0.7")])), Some(Lang::Ja));
        assert_eq!(chosen(&headers(&[("cookie", "a=b; sekisho-lang=en")])), Some(Lang::En));
        assert_eq!(chosen(&headers(&[("cookie", "lang=en; sekisho-lang=<script>")])), None);
    }

    #[test]
    fn what_another_site_sends_changes_nothing() {
        assert!(!comes_from_us(&headers(&[("sec-fetch-site", "cross-site"), ("host", "desk.example")])));
        assert!(!comes_from_us(&headers(&[("sec-fetch-site", "same-site"), ("host", "desk.example")])));
        assert!(!comes_from_us(&headers(&[("origin", "https://evil.example"), ("host", "desk.example")])));
        assert!(!comes_from_us(&headers(&[("origin", "null"), ("host", "desk.example")])));
        assert!(comes_from_us(&headers(&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")])));
        assert!(comes_from_us(&headers(&[("sec-fetch-site", "same-origin")])));
        assert!(comes_from_us(&headers(&[("host", "127.0.0.1:8080")])));
    }
}
