//! Who asks, in which language, for whose books; and that a form came from a page of ours

use std::sync::Arc;

use aws_lc_rs::rand;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sekisho_core::speech::Lang;

use super::Desk;
use super::frame::Frame;

/// Who asks.
pub(super) struct Visitor {
    /// What is around the page that is shown.
    pub(super) frame: Frame,
}

impl FromRequestParts<Arc<Desk>> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Visitor, Self::Rejection> {
        let lang = lang(&parts.headers);
        let look = ["light", "dark"].into_iter().find(|look| value(&parts.headers, "look") == Some(look));
        let frame = Frame {
            lang: lang.as_str(),
            look,
            path: parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            login: None,
            is_sample: value(&parts.headers, "books") == Some("sample") && desk.has_sample(),
            talk: desk.speech.of(lang),
            proof: None,
            nonce: random(),
        };
        Ok(Visitor { frame })
    }
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

/// Returns the language that was chosen, or the first of ours that the browser names.
fn lang(headers: &HeaderMap) -> Lang {
    let chosen = value(headers, "lang").and_then(Lang::parse);
    let named = || {
        let accepted = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
        accepted.split(',').find_map(|one| Lang::parse(one.split(';').next()?.trim()))
    };
    chosen.or_else(named).unwrap_or_default()
}

/// Returns a cookie of ours.
pub(super) fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs = all.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| known.strip_prefix("sekisho-") == Some(name)).map(|(_, value)| value)
}

/// Writes a cookie that says how somebody likes the desk; it is worth nothing to others.
pub(super) fn cookie(name: &str, value: &str, seconds: u32) -> String {
    format!("sekisho-{name}={value}; Path=/; Max-Age={seconds}; SameSite=Strict; HttpOnly")
}

/// Refuses what changes something and does not come from a page of ours: browsers say where a request comes from.
pub(super) async fn same_origin(request: Request, next: Next) -> Response {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if is_safe || comes_from_us(request.headers()) { next.run(request).await } else { StatusCode::FORBIDDEN.into_response() }
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
        assert_eq!(lang(&headers(&[])), Lang::En);
        assert_eq!(lang(&headers(&[("accept-language", "fr, ja;q=0.8, en;q=0.7")])), Lang::Ja);
        assert_eq!(lang(&headers(&[("accept-language", "ja"), ("cookie", "a=b; sekisho-lang=en")])), Lang::En);
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
