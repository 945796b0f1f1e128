//! Bodies of requests: JSON, of a bounded size, in a bounded time.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use ffleet_api::{Code, Problem, strict};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use serde::de::DeserializeOwned;

use crate::controller::Controller;

/// For how long the rest of a body that is too large is thrown away. A client that is still
/// sending would otherwise meet a reset connection instead of the answer.
const DRAIN: Duration = Duration::from_secs(10);

/// The value in a request's body.
pub(crate) async fn read<T: DeserializeOwned>(
    controller: &Controller,
    request: Request,
) -> Result<T, Problem> {
    let body = bytes(controller, request).await?;
    strict::from_slice(&body)
}

async fn bytes(controller: &Controller, request: Request) -> Result<Bytes, Problem> {
    check_kind(request.headers())?;
    let policy = &controller.policy.http;
    let body = request.into_body();
    if body.size_hint().lower() > policy.body as u64 {
        drain(body);
        return Err(too_large(policy.body));
    }
    match tokio::time::timeout(policy.arrival, collect(body, policy.body)).await {
        Ok(collected) => collected,
        Err(_elapsed) => {
            let detail = format!("the body did not arrive within {:?}", policy.arrival);
            Err(Problem::new(Code::RequestTimeout, detail))
        }
    }
}

async fn collect(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut whole = Bytes::new();
    let mut pieces = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Problem::new(Code::MalformedJson, format!("the body broke off: {error}"))
        })?;
        // Trailers say nothing here.
        let Ok(piece) = frame.into_data() else { continue };
        if whole.len() + pieces.len() + piece.len() > limit {
            drain(body);
            return Err(too_large(limit));
        }
        // Nearly every body is one piece, which is then not copied.
        if whole.is_empty() && pieces.is_empty() {
            whole = piece;
            continue;
        }
        if pieces.is_empty() {
            pieces.extend_from_slice(&std::mem::take(&mut whole));
        }
        pieces.extend_from_slice(&piece);
    }
    Ok(if pieces.is_empty() { whole } else { Bytes::from(pieces) })
}

fn check_kind(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let shown: String = kind.chars().take(80).collect();
    Err(
        Problem::new(Code::UnsupportedMediaType, format!("a body of kind {shown:?} is not read"))
            .at("content-type")
            .hint("send JSON with `Content-Type: application/json`"),
    )
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Code::BodyTooLarge, format!("the body is larger than {limit} bytes"))
        .hint("the operator's key for it is `limits.body`")
}

/// Throws the rest of a body away, beside the answer. It ends with the body, with the connection,
/// or when its time is over; then the connection is closed.
fn drain(mut body: Body) {
    tokio::spawn(async move {
        let rest = async { while let Some(Ok(_thrown_away)) = body.frame().await {} };
        if tokio::time::timeout(DRAIN, rest).await.is_err() {
            tracing::debug!("a body that is too large went on for too long");
        }
    });
}
