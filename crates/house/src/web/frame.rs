//! What is around every page: the bar, the language, the look, and what a browser may do with it

use std::fmt::Write;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use sekisho_core::speech::Lang;
use sekisho_core::step::Value;
use serde::Deserialize;
use tracing::error;

use super::Desk;
use super::assets;
use super::visitor::Visitor;
use crate::lake::LakeError;
use crate::people::access::{Need, Viewer};
use crate::phrase;
use crate::speech::Talk;

/// How long a browser keeps how somebody likes the desk, in seconds: a year.
const KEPT: u32 = 31_536_000;

/// The sentences of every language, read once.
pub(super) struct Sentences {
    /// English.
    en: Arc<Talk>,
    /// Japanese.
    ja: Arc<Talk>,
}

impl Sentences {
    /// Reads them.
    pub(super) fn new() -> Sentences {
        Sentences { en: Arc::new(Talk::new(Lang::En)), ja: Arc::new(Talk::new(Lang::Ja)) }
    }

    /// Returns those of a language.
    pub(super) fn of(&self, lang: Lang) -> Arc<Talk> {
        Arc::clone(match lang {
            Lang::En => &self.en,
            Lang::Ja => &self.ja,
        })
    }
}

/// The rooms of the desk, in the order of the bar: path, message, and what one needs to enter.
const ROOMS: [(&str, &str, Need); 10] = [
    ("/", "desk-today", Need::Look),
    ("/messages", "desk-messages", Need::Look),
    ("/domains", "desk-domains", Need::Look),
    ("/simulator", "desk-simulator", Need::Simulate),
    ("/reports", "desk-reports", Need::Look),
    ("/drop", "desk-drop", Need::Drop),
    ("/start", "desk-start", Need::LookAtHouse),
    ("/settings", "desk-settings", Need::LookAtHouse),
    ("/health", "desk-health", Need::LookAtHouse),
    ("/people", "desk-people", Need::ManagePeople),
];

/// A room, as the bar names it.
pub(super) struct Room {
    /// Where it is.
    pub(super) path: &'static str,
    /// What it is called.
    pub(super) name: String,
    /// Whether the reader is there.
    pub(super) is_here: bool,
}

/// What is around a page.
pub(super) struct Frame {
    /// The language.
    pub(super) lang: &'static str,
    /// Light or dark, where somebody chose.
    pub(super) look: Option<&'static str>,
    /// The path of this page, with its query.
    pub(super) path: String,
    /// What is said of parameters of its address that it does not know.
    pub(super) unknown: Vec<String>,
    /// Who reads it.
    pub(super) login: Option<String>,
    /// The same, with what they may.
    pub(super) viewer: Option<Viewer>,
    /// Whether the books are the sample's.
    pub(super) is_sample: bool,
    /// The sentences.
    pub(super) talk: Arc<Talk>,
    /// What forms prove themselves with.
    pub(super) proof: Option<String>,
    /// What scripts and styles of this answer prove themselves with.
    pub(super) nonce: String,
}

impl Frame {
    /// Says a message.
    pub(super) fn say(&self, message: &str) -> String {
        self.talk.word(message)
    }

    /// Says a message that names things.
    pub(super) fn tell(&self, message: &str, arguments: &[(&'static str, Value)]) -> String {
        self.talk.say(message, arguments)
    }

    /// Says a word that the books keep, where it has a translation: `desk-{of}-{word}`. An unknown one stands as it is.
    pub(super) fn word(&self, of: &str, word: &str) -> String {
        let message = format!("desk-{of}-{word}");
        let said = self.talk.word(&message);
        if said == message { word.to_owned() } else { said }
    }

    /// Says a stable phrase of judges or gate.
    pub(super) fn phrase(&self, phrase: &str) -> String {
        phrase::say(phrase, &self.talk)
    }

    /// Returns where a file of the desk is.
    #[expect(clippy::unused_self, reason = "templates call methods of what they have")]
    pub(super) fn asset(&self, name: &str) -> &'static str {
        assets::place(name)
    }

    /// Tells whether the reader may do something.
    fn may(&self, need: Need) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.may(need))
    }

    /// Tells whether the reader may ask what other records would change.
    pub(super) fn may_simulate(&self) -> bool {
        self.may(Need::Simulate)
    }

    /// Tells whether the reader may take exports away.
    pub(super) fn may_export(&self) -> bool {
        self.may(Need::Export)
    }

    /// Tells whether the reader may see how the house is.
    pub(super) fn may_look_at_house(&self) -> bool {
        self.may(Need::LookAtHouse)
    }

    /// Tells whether the reader may change what everybody sees.
    pub(super) fn may_change_settings(&self) -> bool {
        self.may(Need::ChangeSettings)
    }

    /// Returns the rooms that the reader may enter.
    pub(super) fn rooms(&self) -> Vec<Room> {
        let path = self.path.split('?').next().unwrap_or_default();
        let is_here = |room: &str| path == room || (room != "/" && path.starts_with(&format!("{room}/")));
        let open = ROOMS.iter().filter(|(.., need)| self.may(*need));
        open.map(|(path, name, _)| Room { path, name: self.say(name), is_here: is_here(path) }).collect()
    }

    /// Returns the hidden field with which a form proves that it is ours.
    pub(super) fn token(&self) -> String {
        let mut field = String::new();
        if let Some(proof) = &self.proof {
            // The proof is base64url: nothing in it means anything to HTML.
            let _ = write!(field, "<input type=\"hidden\" name=\"proof\" value=\"{proof}\">");
        }
        field
    }

    /// Returns our version.
    #[expect(clippy::unused_self, reason = "templates call methods of what they have")]
    pub(super) fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// Shows a page.
    pub(super) fn show(&self, page: &impl Template) -> Response {
        self.show_as(StatusCode::OK, page)
    }

    /// Shows a page with a status.
    pub(super) fn show_as(&self, status: StatusCode, page: &impl Template) -> Response {
        let html = match page.render() {
            Ok(html) => html,
            Err(why) => {
                error!(error = %why, "a page cannot be written");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        };
        let nonce = &self.nonce;
        let allowed = format!(
            "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        let mut answer = (status, Html(html)).into_response();
        let headers = answer.headers_mut();
        if let Ok(allowed) = HeaderValue::from_str(&allowed) {
            headers.insert(header::CONTENT_SECURITY_POLICY, allowed);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }

    /// Refuses, with a page that offers a way back.
    pub(super) fn refuse(&self, status: StatusCode, message: &'static str, because: &str) -> Refusal {
        let page = RefusalPage { frame: self, title: self.say(message), because: because.to_owned() };
        Refusal(Box::new(self.show_as(status, &page)))
    }

    /// Refuses because the books could not answer.
    pub(super) fn no_answer(&self, why: &LakeError) -> Refusal {
        let said: Vec<&str> = why.0.split_whitespace().collect();
        error!(error = said.join(" "), "the lake could not answer the desk");
        self.refuse(StatusCode::SERVICE_UNAVAILABLE, "desk-no-answer", &self.say("desk-no-answer-says"))
    }
}

/// A refusal.
#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// What is refused.
    title: String,
    /// Why.
    because: String,
}

/// A page that says why there is no other.
pub(super) struct Refusal(Box<Response>);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// What a handler returns.
pub(super) type Shown = Result<Response, Refusal>;

/// Says that there is no such page.
pub(super) async fn nowhere(visitor: Visitor) -> Refusal {
    visitor.frame.refuse(StatusCode::NOT_FOUND, "desk-nowhere", &visitor.frame.say("desk-nowhere-says"))
}

/// How somebody likes the desk.
#[derive(Deserialize)]
pub(super) struct Liking {
    /// `light`, `dark` or `auto`.
    look: String,
    /// `en` or `ja`.
    lang: String,
    /// Where to go back to.
    back: String,
}

/// Notes how somebody likes the desk, in the browser alone.
pub(super) async fn look(State(_): State<Arc<Desk>>, visitor: Visitor, Form(liking): Form<Liking>) -> Response {
    let look = ["light", "dark"].into_iter().find(|look| *look == liking.look).unwrap_or("auto");
    let lang = Lang::parse(&liking.lang).unwrap_or(visitor.frame.talk.lang());
    let cookies = [("look", look), ("lang", lang.as_str())];
    let mut answer = Redirect::to(local(&liking.back)).into_response();
    for (name, value) in cookies {
        if let Ok(cookie) = HeaderValue::from_str(&visitor.cookie(name, value, KEPT)) {
            answer.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    answer
}

/// Returns a path of ours; for what leads elsewhere the first page.
pub(super) fn local(path: &str) -> &str {
    let is_ours = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains(['\\', '\r', '\n'])
        && path.bytes().all(|octet| octet.is_ascii_graphic());
    if is_ours { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_never_leads_away() {
        for away in [
            "",
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "/a\r\nSet-Cookie: x",
            "/a b",
            "javascript:1",
        ] {
            assert_eq!(local(away), "/", "{away:?}");
        }
        assert_eq!(local("/messages?dmarc=fail&after=1.x"), "/messages?dmarc=fail&after=1.x");
    }
}
