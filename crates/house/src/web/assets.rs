//! Files of the desk that are part of the program: each has its content's hash in its address, and is kept for ever

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sekisho_ledger::Digest;

/// A file.
pub(super) struct Asset {
    /// Its name.
    name: &'static str,
    /// What it is.
    kind: &'static str,
    /// What is in it.
    text: &'static str,
}

/// All of them.
const ASSETS: [Asset; 3] = [
    Asset { name: "desk.css", kind: "text/css; charset=utf-8", text: include_str!("../../assets/desk.css") },
    Asset { name: "desk.js", kind: "text/javascript; charset=utf-8", text: include_str!("../../assets/desk.js") },
    Asset { name: "sekisho.svg", kind: "image/svg+xml", text: include_str!("../../assets/sekisho.svg") },
];

/// Where each of them is.
static PLACES: LazyLock<[String; 3]> = LazyLock::new(|| {
    ASSETS.map(|asset| {
        let hash = Digest::of(asset.text.as_bytes()).to_string();
        format!("/assets/{}?{}", asset.name, hash.get(..12).unwrap_or_default())
    })
});

/// Returns where a file is; every template that names one is rendered by a test.
pub(super) fn place(name: &str) -> &'static str {
    let at = ASSETS.iter().position(|asset| asset.name == name);
    at.and_then(|at| PLACES.get(at)).map_or("", String::as_str)
}

/// Gives the icon to those who ask for one without having read a page.
pub(super) async fn icon() -> Response {
    give(Path("sekisho.svg".to_owned())).await
}

/// Gives a file.
pub(super) async fn give(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => {
            let kept = "public, max-age=31536000, immutable";
            let headers = [
                (header::CONTENT_TYPE, asset.kind),
                (header::CACHE_CONTROL, kept),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                // An SVG that is opened by itself is a document.
                (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
            ];
            (headers, asset.text).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
