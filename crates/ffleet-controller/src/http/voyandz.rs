//! The pages of voyandz, where a server stands in for one.

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::get;
use ffleet_api::{Code, Moment, Problem, query};
use hyper::header::{
    ACCEPT, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue,
};
use hyper::{Method, StatusCode};
use maud::Markup;
use serde::Serialize;

use super::reply::{self, Answer};
use crate::controller::Controller;
use crate::dashboard;
use crate::dashboard::voyandz::{self as pages, CSP};

/// Their addresses.
const HOME: &str = "/";
const STAT: &str = "/stat";
const CONFIG: &str = "/config";

/// Whether such a request is for one of them, that is answered without a key.
pub(super) fn is_page(method: &Method, path: &str) -> bool {
    matches!(*method, Method::GET | Method::HEAD) && [HOME, STAT, CONFIG].contains(&path)
}

/// Whether it is for a page of our own dashboard, which is below another address there.
pub(super) fn is_ours(path: &str) -> bool {
    path.strip_prefix(dashboard::BELOW)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// Their routes, and those of our own dashboard.
pub(super) fn routes() -> Router<Controller> {
    // A nested root has the slash that the other addresses bring along.
    let below = format!("{}/", dashboard::BELOW);
    dashboard::files()
        .nest(&below, dashboard::pages().layer(from_fn(dashboard::all_below)))
        .route(HOME, get(home))
        .route(STAT, get(stat))
        .route(CONFIG, get(config))
}

async fn home(
    State(controller): State<Controller>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let shown = controller.voyandz().filter(|shown| shown.pages.home);
    let shown = shown.ok_or_else(|| off("home", HOME))?;
    let home = pages::Home::new(controller.streams(), shown.pages);
    match wants_json(&headers, query.as_deref())? {
        true => reply::json(StatusCode::OK, &home),
        false => Ok(html(&home.render())),
    }
}

async fn stat(
    State(controller): State<Controller>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let shown = controller.voyandz().filter(|shown| shown.pages.stat);
    shown.ok_or_else(|| off("stat", STAT))?;
    let times = (Moment(controller.started()), Moment(controller.clock.now()));
    let stat = pages::Stat::new(controller.feeds(), controller.watched_streams(), times);
    match wants_json(&headers, query.as_deref())? {
        true => reply::json(StatusCode::OK, &stat),
        false => Ok(html(&stat.render())),
    }
}

async fn config(State(controller): State<Controller>) -> Answer {
    let shown = controller.voyandz().filter(|shown| shown.pages.config);
    let shown = shown.ok_or_else(|| off("config", CONFIG))?;
    let config = pages::config(&shown, &controller.feeds(), &controller.streams());
    Ok(reply::text("application/json", pretty(&config)?))
}

fn pretty(value: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string_pretty(value)
        .map_err(|error| Problem::new(Code::Internal, format!("cannot write JSON: {error}")))
}

fn off(name: &str, path: &str) -> Problem {
    Problem::new(Code::PageOff, format!("the page {path} is off"))
        .hint(format!("`pages: {{{name}: true}}` in the configuration turns it on"))
}

/// Whether a program asks: by `?format=json`, or because it takes JSON and no page.
fn wants_json(headers: &HeaderMap, text: Option<&str>) -> Result<bool, Problem> {
    let format = query::pairs(text.unwrap_or_default())?
        .into_iter()
        .find(|(key, _)| key == "format")
        .map(|(_, format)| format);
    if let Some(format) = format {
        return Ok(format == "json");
    }
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let accept = accept.unwrap_or_default();
    Ok(accept.contains("application/json") && !accept.contains("text/html"))
}

fn html(page: &Markup) -> Response {
    let mut response = reply::text("text/html; charset=utf-8", page.0.clone());
    let policy = HeaderValue::from_static(CSP);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// What a browser shows instead of a problem.
pub(super) fn page(mut response: Response) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response.headers_mut().remove(CONTENT_LENGTH);
    *response.body_mut() = Body::from(pages::trouble(&problem).into_string());
    response
}
