//! The style sheet, the script and the icon: part of the binary, so that they always fit it.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

/// A file of the dashboard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asset {
    /// Where it is.
    path: &'static str,
    kind: &'static str,
    text: &'static str,
    /// Changes with its text.
    tag: u64,
}

impl Asset {
    const fn new(path: &'static str, kind: &'static str, text: &'static str) -> Self {
        Self { path, kind, text, tag: fnv(text.as_bytes()) }
    }

    /// Its address, which changes with its text: what is cached under it never goes stale.
    pub(super) fn address(&self) -> String {
        format!("{}?v={:016x}", self.path, self.tag)
    }

    /// Where it is, without its version.
    pub(super) const fn path(&self) -> &'static str {
        self.path
    }

    /// The answer to a request for it.
    pub(super) fn answer(&self, request: &HeaderMap) -> Response {
        let tag = format!("\"{:016x}\"", self.tag);
        let headers = [
            (CONTENT_TYPE, self.kind),
            (ETAG, tag.as_str()),
            (CACHE_CONTROL, "public, max-age=31536000, immutable"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        let known = request.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok());
        let known = known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag));
        if known {
            (StatusCode::NOT_MODIFIED, headers).into_response()
        } else {
            (headers, self.text).into_response()
        }
    }
}

/// The style sheet.
pub(super) const STYLE: Asset = Asset::new(
    "/assets/dashboard.css",
    "text/css; charset=utf-8",
    include_str!("assets/dashboard.css"),
);

/// The script.
pub(super) const SCRIPT: Asset = Asset::new(
    "/assets/dashboard.js",
    "text/javascript; charset=utf-8",
    include_str!("assets/dashboard.js"),
);

/// The icon.
pub(super) const ICON: Asset =
    Asset::new("/assets/icon.svg", "image/svg+xml", include_str!("assets/icon.svg"));

/// All of them.
pub(super) const ALL: [Asset; 3] = [STYLE, SCRIPT, ICON];

/// FNV-1a, 64 bits: tells versions of our own files apart, and keeps nobody out.
const fn fnv(bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}
