//! Problems: how the API says that it does not do what it was asked (RFC 9457)
//!
//! A handler returns a [`Problem`]; [`finish`] writes it, and makes one of whatever else is refused on the way.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sekisho_core::speech::Lang;
use sekisho_core::step::Value;
use serde::Serialize;
use utoipa::ToSchema;

use crate::check::json::harmless;
use crate::fault::Fault;
use crate::lake::LakeError;
use crate::speech::Talk;
use crate::web::{Desk, visitor};

/// The media type of a problem.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";
/// Where the kinds of problems are listed: a type is a place there.
const PLACE: &str = "/api/v1/problems";

/// A kind of problem: its stable word, its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind(&'static str, StatusCode);

/// A parameter that there is none of.
pub(super) const UNKNOWN_PARAMETER: Kind = Kind("unknown-parameter", StatusCode::BAD_REQUEST);
/// A parameter whose value cannot be read.
pub(super) const BAD_PARAMETER: Kind = Kind("bad-parameter", StatusCode::BAD_REQUEST);
/// A cursor that is none, or one of another search.
pub(super) const BAD_CURSOR: Kind = Kind("bad-cursor", StatusCode::BAD_REQUEST);
/// A body that is not what the document says.
pub(super) const BAD_BODY: Kind = Kind("bad-body", StatusCode::BAD_REQUEST);
/// Two tokens.
pub(super) const TWO_TOKENS: Kind = Kind("two-tokens", StatusCode::BAD_REQUEST);
/// No token.
pub(super) const NO_TOKEN: Kind = Kind("no-token", StatusCode::UNAUTHORIZED);
/// A token that opens nothing.
pub(super) const BAD_TOKEN: Kind = Kind("bad-token", StatusCode::UNAUTHORIZED);
/// Something that the role of a caller is too small for.
pub(super) const NOT_ALLOWED: Kind = Kind("not-allowed", StatusCode::FORBIDDEN);
/// A domain that is somebody else's.
pub(super) const NOT_YOURS: Kind = Kind("not-yours", StatusCode::FORBIDDEN);
/// Something that only a program may do, and not a browser with a session.
pub(super) const TOKEN_ONLY: Kind = Kind("token-only", StatusCode::FORBIDDEN);
/// A path that leads nowhere.
pub(super) const NOWHERE: Kind = Kind("nowhere", StatusCode::NOT_FOUND);
/// A message that there is none of, or that is somebody else's.
pub(super) const NO_MESSAGE: Kind = Kind("no-message", StatusCode::NOT_FOUND);
/// A report that there is none of, or that is somebody else's.
pub(super) const NO_REPORT: Kind = Kind("no-report", StatusCode::NOT_FOUND);
/// A domain of which nothing is known.
pub(super) const NOTHING_KNOWN: Kind = Kind("nothing-known", StatusCode::NOT_FOUND);
/// A method that a room does not have.
const BAD_METHOD: Kind = Kind("bad-method", StatusCode::METHOD_NOT_ALLOWED);
/// A body that is too long.
const TOO_LARGE: Kind = Kind("too-large", StatusCode::PAYLOAD_TOO_LARGE);
/// A body of another media type.
pub(super) const BAD_MEDIA_TYPE: Kind = Kind("bad-media-type", StatusCode::UNSUPPORTED_MEDIA_TYPE);
/// Records that cannot be read.
pub(super) const BAD_RECORDS: Kind = Kind("bad-records", StatusCode::UNPROCESSABLE_ENTITY);
/// Octets that are no mail.
pub(super) const NO_MAIL: Kind = Kind("no-mail", StatusCode::UNPROCESSABLE_ENTITY);
/// More requests of one account than may be under way at a time.
pub(super) const TOO_MANY: Kind = Kind("too-many", StatusCode::TOO_MANY_REQUESTS);
/// A fault of ours.
const FAULT: Kind = Kind("fault", StatusCode::INTERNAL_SERVER_ERROR);
/// Books that do not answer.
pub(super) const NO_ANSWER: Kind = Kind("no-answer", StatusCode::SERVICE_UNAVAILABLE);

/// All kinds, by their status.
pub(super) const KINDS: [Kind; 22] = [
    UNKNOWN_PARAMETER,
    BAD_PARAMETER,
    BAD_CURSOR,
    BAD_BODY,
    TWO_TOKENS,
    NO_TOKEN,
    BAD_TOKEN,
    NOT_ALLOWED,
    NOT_YOURS,
    TOKEN_ONLY,
    NOWHERE,
    NO_MESSAGE,
    NO_REPORT,
    NOTHING_KNOWN,
    BAD_METHOD,
    TOO_LARGE,
    BAD_MEDIA_TYPE,
    BAD_RECORDS,
    NO_MAIL,
    TOO_MANY,
    FAULT,
    NO_ANSWER,
];

/// Why something is not done.
#[derive(Clone, Debug)]
pub(super) struct Problem(Box<Why>);

/// What a problem says.
#[derive(Clone, Debug)]
struct Why {
    /// Its kind.
    kind: Kind,
    /// What its sentence names.
    arguments: Vec<(&'static str, Value)>,
    /// The fault behind it.
    fault: Option<Fault>,
    /// The parameter, or the field of the body, that it is about.
    parameter: Option<String>,
}

/// What an API handler returns.
pub(super) type Answer = Result<Response, Problem>;

impl Kind {
    /// Returns its stable word.
    #[cfg(test)]
    pub(super) fn word(self) -> &'static str {
        self.0
    }

    /// Returns the status that answers have.
    pub(super) fn status(self) -> StatusCode {
        self.1
    }

    /// Returns the reference that names it.
    fn place(self) -> String {
        format!("{PLACE}#{}", self.0)
    }

    /// Says what it is called.
    fn title(self, talk: &Talk) -> String {
        talk.word(&format!("problem-{}", self.0))
    }

    /// Returns the kind of what was refused before a handler of ours could say why.
    fn of(status: StatusCode) -> Kind {
        match status {
            StatusCode::NOT_FOUND => NOWHERE,
            StatusCode::METHOD_NOT_ALLOWED => BAD_METHOD,
            StatusCode::PAYLOAD_TOO_LARGE => TOO_LARGE,
            status if status.is_client_error() => BAD_BODY,
            _ => FAULT,
        }
    }
}

impl Problem {
    /// Names one.
    pub(super) fn new<const N: usize>(kind: Kind, arguments: [(&'static str, Value); N]) -> Problem {
        Problem(Box::new(Why { kind, arguments: arguments.into(), fault: None, parameter: None }))
    }

    /// Names the parameter that it is about.
    pub(super) fn about(mut self, parameter: &str) -> Problem {
        self.0.parameter = Some(parameter.to_owned());
        self
    }

    /// Names the fault behind it.
    pub(super) fn because(mut self, fault: Fault) -> Problem {
        self.0.fault = Some(fault);
        self
    }

    /// Returns its kind.
    #[cfg(test)]
    pub(super) fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Says it.
    fn say(&self, talk: &Talk, path: &str) -> Told {
        let Why { kind, arguments, fault, parameter } = &*self.0;
        let said = talk.say(&format!("problem-{}-says", kind.0), arguments);
        let detail = fault.as_ref().map_or_else(|| said.clone(), |fault| format!("{said} {}", fault.say(talk)));
        Told {
            kind: kind.place(),
            title: kind.title(talk),
            status: kind.1.as_u16(),
            detail,
            instance: path.to_owned(),
            parameter: parameter.clone(),
        }
    }
}

/// Says in the log why the books did not answer, and to the caller that they did not.
pub(super) fn no_answer(why: &LakeError) -> Problem {
    let said: Vec<&str> = why.0.split_whitespace().collect();
    tracing::error!(error = said.join(" "), "the books could not answer the API");
    Problem::new(NO_ANSWER, [])
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut answer = self.0.kind.status().into_response();
        let told = match self.0.kind {
            NO_TOKEN => Some((header::WWW_AUTHENTICATE, "Bearer")),
            TWO_TOKENS => Some((header::WWW_AUTHENTICATE, "Bearer error=\"invalid_request\"")),
            BAD_TOKEN => Some((header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")),
            TOO_MANY | NO_ANSWER => Some((header::RETRY_AFTER, visitor::AGAIN)),
            _ => None,
        };
        answer.headers_mut().extend(told.map(|(name, value)| (name, HeaderValue::from_static(value))));
        answer.extensions_mut().insert(self);
        answer
    }
}

/// A problem, as it is told (RFC 9457 §3.1).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Told {
    /// The kind of problem: a place in `/api/v1/problems`.
    #[serde(rename = "type")]
    #[schema(example = "/api/v1/problems#bad-parameter")]
    kind: String,
    /// What the kind is called, in the language of `Accept-Language`.
    title: String,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong with this request.
    detail: String,
    /// The path that was asked for.
    instance: String,
    /// The parameter, or the field of the body, that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
}

/// A kind of problem in the list.
#[derive(Serialize, ToSchema)]
pub(super) struct ProblemKind {
    /// What `type` says of it.
    #[serde(rename = "type")]
    kind: String,
    /// What it is called.
    title: String,
    /// The status of its answers.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
}

/// Returns the kinds of problems, in words.
pub(super) fn kinds(talk: &Talk) -> Vec<ProblemKind> {
    let told = |kind: Kind| ProblemKind { kind: kind.place(), title: kind.title(talk), status: kind.1.as_u16() };
    KINDS.into_iter().map(told).collect()
}

/// Says that there is no such path.
pub(super) async fn nowhere() -> Problem {
    Problem::new(NOWHERE, [])
}

/// Returns the language of a request: what it accepts, and English for programs that do not care.
pub(super) fn lang(headers: &HeaderMap) -> Lang {
    visitor::accepted(headers).unwrap_or_default()
}

/// Writes problems as they are told, and keeps browsers from making anything of any answer.
pub(super) async fn finish(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    let (path, lang) = (request.uri().path().to_owned(), lang(request.headers()));
    let mut answer = next.run(request).await;
    let status = answer.status();
    let is_refused = status.is_client_error() || status.is_server_error();
    let problem = answer.extensions_mut().remove::<Problem>();
    if let Some(problem) = problem.or_else(|| is_refused.then(|| Problem::new(Kind::of(status), []))) {
        answer = write(answer, &problem.say(&desk.talk(lang), &path));
    }
    let always = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox; frame-ancestors 'none'"),
        (header::VARY, "Accept-Language"),
    ];
    answer.headers_mut().extend(always.map(|(name, value)| (name, HeaderValue::from_static(value))));
    answer
}

/// Writes a problem into the answer that it belongs to: what that says of methods and tokens stays.
fn write(answer: Response, told: &Told) -> Response {
    let (mut parts, _) = answer.into_parts();
    parts.status = StatusCode::from_u16(told.status).unwrap_or(parts.status);
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    let text = serde_json::to_string(told).expect("texts and numbers are JSON");
    Response::from_parts(parts, Body::from(harmless(&text).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_words_of_its_own() {
        for lang in Lang::ALL {
            let talk = Talk::new(lang);
            for kind in KINDS {
                for message in [format!("problem-{}", kind.0), format!("problem-{}-says", kind.0)] {
                    assert_ne!(talk.word(&message), message);
                }
            }
        }
    }

    #[test]
    fn what_is_refused_on_the_way_has_a_kind() {
        assert_eq!(Kind::of(StatusCode::PAYLOAD_TOO_LARGE), TOO_LARGE);
        assert_eq!(Kind::of(StatusCode::NOT_ACCEPTABLE), BAD_BODY);
        assert_eq!(Kind::of(StatusCode::BAD_GATEWAY), FAULT);
    }
}
