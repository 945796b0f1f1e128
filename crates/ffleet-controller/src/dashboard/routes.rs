//! The addresses of the dashboard.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use ffleet_api::problem::Code;
use ffleet_api::sample::List;
use ffleet_api::{Job, Problem, query};
use ffleet_types::live::Name;
use ffleet_types::{JobRef, Span};
use maud::Markup;

use super::base::at;
use super::{Action, Backend, CSP, assets, config, feeds, job, jobs, logs, nodes, page, streams};
use crate::http::Secured;

/// The routes of the dashboard, for a server that answers for [`Backend`].
///
/// Sessions, `Host` and `Origin` are to be checked before a request comes here.
pub fn routes<B: Backend>() -> Router<B> {
    files().merge(pages())
}

/// Those of its pages, without what they are shown with.
pub fn pages<B: Backend>() -> Router<B> {
    Router::new()
        .route("/", get(list::<B>))
        .route("/find", get(find::<B>))
        .route("/jobs/{job}", get(show::<B>))
        .route("/jobs/{job}/curves", get(curves::<B>))
        .route("/jobs/{job}/{action}", post(act::<B>))
        .route("/streams", get(all_streams::<B>))
        .route("/streams/{stream}", get(one_stream::<B>))
        .route("/streams/{stream}/token", post(token::<B>).get(stream_again))
        .route("/feeds", get(all_feeds::<B>))
        .route("/feeds/{feed}", get(one_feed::<B>))
        .route("/feeds/{feed}/restart", post(restart::<B>))
        .route("/config", get(config_page::<B>))
        .route("/nodes", get(machines::<B>))
        .route("/logs", get(lines::<B>))
}

/// What pages are shown with: `/assets/…`, which may be served to anybody.
pub fn files<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let mut router = Router::new();
    for asset in assets::ALL {
        let answer = move |request: HeaderMap| async move { asset.answer(&request) };
        router = router.route(asset.path(), get(answer));
    }
    router
}

async fn list<B: Backend>(State(backend): State<B>, RawQuery(text): RawQuery) -> Response {
    let view = async {
        let query = query::Jobs::parse(text.as_deref().unwrap_or_default())?;
        let (page, tally, nodes) =
            futures_util::try_join!(backend.jobs(query.clone()), backend.tally(), backend.nodes())?;
        let streams = backend.streams();
        Ok(jobs::View { now: backend.now(), query, page, tally, nodes, streams })
    };
    respond(view.await.map(|view| jobs::render(&view)))
}

/// Leads to the job that somebody typed.
async fn find<B: Backend>(State(backend): State<B>, RawQuery(text): RawQuery) -> Response {
    let number = async {
        let pairs = query::pairs(text.as_deref().unwrap_or_default())?;
        let job = pairs.into_iter().find(|(key, _)| key == "job").map(|(_, job)| job);
        let job = backend.job(reference(job.unwrap_or_default().trim())?).await?;
        Ok(job.summary.number)
    };
    match number.await {
        Ok(number) => Redirect::to(&at(&format!("/jobs/{number}"))).into_response(),
        Err(problem) => respond(Err(problem)),
    }
}

async fn show<B: Backend>(State(backend): State<B>, Path(text): Path<String>) -> Response {
    let found = sampled(&backend, &text).await;
    respond(found.map(|(job, samples)| job::render(&job, &samples, backend.now())))
}

/// The curves of a job alone, for the script.
async fn curves<B: Backend>(State(backend): State<B>, Path(text): Path<String>) -> Response {
    let found = sampled(&backend, &text).await;
    respond(found.map(|(job, samples)| job::work(&job, &samples)))
}

async fn sampled<B: Backend>(backend: &B, text: &str) -> Result<(Job, List), Problem> {
    let job = reference(text)?;
    futures_util::try_join!(backend.job(job), backend.samples(job))
}

async fn act<B: Backend>(
    State(backend): State<B>,
    Path((text, action)): Path<(String, String)>,
    extensions: Extensions,
) -> Response {
    let number = async {
        let action: Action = action.parse().map_err(|error: ffleet_types::ParseError| {
            Problem::new(Code::NotFound, error.to_string())
        })?;
        backend.act(reference(&text)?, action, B::actor(&extensions)).await
    };
    match number.await {
        Ok(number) => Redirect::to(&at(&format!("/jobs/{number}"))).into_response(),
        Err(problem) => respond(Err(problem)),
    }
}

async fn config_page<B: Backend>(State(backend): State<B>) -> Response {
    respond(Ok(config::render(&backend.config())))
}

async fn all_streams<B: Backend>(State(backend): State<B>) -> Response {
    respond(Ok(streams::list(&backend.streams(), &backend.feeds(), backend.now())))
}

async fn one_stream<B: Backend>(
    State(backend): State<B>,
    Path(name): Path<String>,
    RawQuery(text): RawQuery,
    extensions: Extensions,
    headers: HeaderMap,
) -> Response {
    let watch = text.as_deref() == Some("watch");
    let found = backend.stream(name).await;
    let origin = origin(&extensions, &headers);
    respond(found.map(|(stream, log)| {
        let view = streams::View {
            now: backend.now(),
            stream: &stream,
            feeds: &backend.feeds(),
            log: &log,
            origin: &origin,
            watch,
            token: None,
        };
        streams::show(&view)
    }))
}

/// How whoever asks reaches the server.
fn origin(extensions: &Extensions, headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let is_secured = extensions.get::<Secured>().is_some();
    let scheme = if is_secured { "https" } else { "http" };
    format!("{scheme}://{}", host.unwrap_or("localhost"))
}

/// The page of a stream with a token for it. The token is in what is answered alone, and in no address that a browser
/// keeps.
async fn token<B: Backend>(
    State(backend): State<B>,
    Path(name): Path<String>,
    extensions: Extensions,
    headers: HeaderMap,
    form: String,
) -> Response {
    let made = async {
        let expires = expires(&form)?;
        let (stream, log) = backend.stream(name.clone()).await?;
        let token = backend.token(name, expires).await?;
        let view = streams::View {
            now: backend.now(),
            stream: &stream,
            feeds: &backend.feeds(),
            log: &log,
            origin: &origin(&extensions, &headers),
            watch: false,
            token: Some(&token),
        };
        Ok(streams::show(&view))
    };
    respond(made.await)
}

/// For how long a token is to be good.
fn expires(form: &str) -> Result<Span, Problem> {
    let mut expires = None;
    for (key, value) in query::pairs(form)? {
        if key != "expires" {
            return Err(query::unknown(&key, &["expires"]));
        }
        let read = value.parse().map_err(|error: ffleet_types::ParseError| {
            Problem::new(Code::InvalidValue, error.to_string()).at("expires")
        });
        expires = Some(read?);
    }
    expires.ok_or_else(|| {
        Problem::new(Code::InvalidValue, "the form does not say for how long").at("expires")
    })
}

/// Where the script looks for news of a page that has a token.
async fn stream_again(Path(name): Path<String>) -> Redirect {
    // What is no name is no stream's.
    let name = name.parse::<Name>().ok();
    let page = name.map_or_else(|| "/streams".to_owned(), |name| format!("/streams/{name}"));
    Redirect::to(&at(&page))
}

async fn all_feeds<B: Backend>(State(backend): State<B>) -> Response {
    respond(Ok(feeds::list(&backend.feeds(), backend.now())))
}

async fn one_feed<B: Backend>(State(backend): State<B>, Path(name): Path<String>) -> Response {
    let found = backend.feed(name).await;
    let streams = backend.streams();
    respond(found.map(|(feed, log)| feeds::show(&feed, &log, &streams, backend.now())))
}

async fn restart<B: Backend>(State(backend): State<B>, Path(name): Path<String>) -> Response {
    match backend.restart(&name) {
        Ok(()) => Redirect::to(&at(&format!("/feeds/{name}"))).into_response(),
        Err(problem) => respond(Err(problem)),
    }
}

async fn machines<B: Backend>(State(backend): State<B>) -> Response {
    let nodes = backend.nodes().await;
    respond(nodes.map(|nodes| nodes::render(&nodes, backend.now())))
}

async fn lines<B: Backend>(State(backend): State<B>, RawQuery(text): RawQuery) -> Response {
    let page = async {
        let query = query::Logs::parse(text.as_deref().unwrap_or_default())?;
        let page = backend.logs(query.clone()).await?;
        Ok(logs::render(&query, &page))
    };
    respond(page.await)
}

fn reference(text: &str) -> Result<JobRef, Problem> {
    text.parse().map_err(|error: ffleet_types::ParseError| {
        Problem::new(Code::JobNotFound, error.to_string())
    })
}

/// A page, or the page that says why there is none.
fn respond(page: Result<Markup, Problem>) -> Response {
    let (status, page) = match page {
        Ok(page) => (StatusCode::OK, page),
        Err(problem) => {
            let status = StatusCode::from_u16(problem.status);
            (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), page::trouble(&problem))
        }
    };
    let headers = [
        (CONTENT_SECURITY_POLICY, CSP),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, page).into_response()
}
