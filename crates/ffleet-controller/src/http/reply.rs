//! Values and problems as responses.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use ffleet_api::problem::MEDIA_TYPE;
use ffleet_api::{Code, Problem};
use hyper::StatusCode;
use hyper::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use serde::Serialize;

use crate::dashboard;

/// What a route answers.
pub(crate) type Answer = Result<Response, Failure>;

/// A problem on its way to the client.
#[derive(Debug)]
pub(crate) struct Failure(Problem);

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        problem(&self.0)
    }
}

/// A value as JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            let kind = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            Ok(response)
        }
        Err(error) => {
            Err(Problem::new(Code::Internal, format!("cannot write JSON: {error}")).into())
        }
    }
}

/// Text of a kind.
pub(crate) fn text(kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// A problem, as RFC 9457 has it.
pub(crate) fn problem(problem: &Problem) -> Response {
    let body = serde_json::to_vec(problem).expect("a problem is strings and a number");
    let mut response = text(MEDIA_TYPE, body);
    *response.status_mut() =
        StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    match problem.code {
        Code::TooManyRequests
        | Code::StoreUnavailable
        | Code::PlaceUnavailable
        | Code::Unavailable => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Code::Unauthorized | Code::TokenInvalid => {
            let scheme = HeaderValue::from_static("Bearer realm=\"ffleet\"");
            headers.insert(hyper::header::WWW_AUTHENTICATE, scheme);
        }
        _ => {}
    }
    // For [`page`], should it turn out that a person is looking.
    response.extensions_mut().insert(problem.clone());
    response
}

/// What a browser shows instead of a problem: how to get in, or what was wrong.
pub(crate) fn page(mut response: Response) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let page = match problem.code {
        Code::Unauthorized => dashboard::locked(),
        _ => dashboard::trouble(&problem),
    };
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response.headers_mut().remove(CONTENT_LENGTH);
    *response.body_mut() = Body::from(page.into_string());
    response
}

/// Says to browsers what they may do with a response: nothing but show it.
pub(crate) fn secure(headers: &mut HeaderMap) {
    const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(dashboard::CSP));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // Under `no-referrer` a browser sends `Origin: null` with our own forms, which the gate has to
    // take for another site's (Fetch, "append a request Origin header").
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}
