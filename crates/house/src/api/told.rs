//! How the API answers: JSON in which nothing steers a terminal, and where the next page is

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::asked::Asked;
use super::problem::{BAD_BODY, BAD_MEDIA_TYPE, Problem};
use crate::check::json::harmless;
use crate::fault::Fault;

/// Answers with an object.
pub(super) fn told(answer: &impl Serialize) -> Response {
    written(&serde_json::to_string(answer).expect("names are text and values are JSON"))
}

/// Answers with JSON that is written already.
pub(super) fn written(json: &str) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], harmless(json).into_owned()).into_response()
}

/// Answers with a page of a list, and links to the next one (RFC 8288).
pub(super) fn page(answer: &impl Serialize, room: &str, asked: &Asked, next: Option<&str>) -> Response {
    let mut answer = told(answer);
    let link = next.and_then(|cursor| {
        let path = format!("{room}?");
        let mut query = form_urlencoded::Serializer::for_suffix(path.clone(), path.len());
        let next = query.extend_pairs(asked.filters()).append_pair("cursor", cursor).finish();
        HeaderValue::from_str(&format!("<{next}>; rel=\"next\"")).ok()
    });
    answer.headers_mut().extend(link.map(|link| (header::LINK, link)));
    answer
}

/// Returns a moment as RFC 3339 has it, in UTC.
pub(super) fn moment(at: i64) -> String {
    Timestamp::from_microsecond(at).unwrap_or_default().to_string()
}

/// Reads a body of JSON.
pub(super) fn body<T: DeserializeOwned>(headers: &HeaderMap, octets: &[u8]) -> Result<T, Problem> {
    of_kind(headers, "application/json")?;
    let mut reader = serde_json::Deserializer::from_slice(octets);
    let bad = |why: &serde_json::Error| Problem::new(BAD_BODY, []).because(Fault::quote(why.to_string()));
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|why| {
        // Where it is about no field but the whole of it, the path is a dot.
        let path = why.path().to_string();
        if path == "." { bad(why.inner()) } else { bad(why.inner()).about(&path) }
    })?;
    reader.end().map_err(|why| bad(&why))?;
    Ok(read)
}

/// Refuses a body of another media type.
pub(super) fn of_kind(headers: &HeaderMap, kind: &'static str) -> Result<(), Problem> {
    let said = headers.get(header::CONTENT_TYPE).and_then(|said| said.to_str().ok()).unwrap_or_default();
    let essence = said.split(';').next().unwrap_or_default().trim();
    let refuse = || Problem::new(BAD_MEDIA_TYPE, [("kind", kind.to_owned().into())]);
    if essence.eq_ignore_ascii_case(kind) { Ok(()) } else { Err(refuse()) }
}
