//! Feeds and streams.

use axum::extract::{Path, State};
use ffleet_api::front::{Front, Of};
use ffleet_api::live::{Feed, Feeds, Stream, Streams};
use ffleet_api::{Code, Problem};
use ffleet_telemetry::redact;
use hyper::StatusCode;

use super::reply::{self, Answer, Failure};
use crate::controller::Controller;

const TEXT: &str = "text/plain; charset=utf-8";

/// Lists feeds.
#[utoipa::path(get, path = "/v1/feeds", tag = "live", responses(
    (status = 200, description = "All feeds, by name", body = Feeds),
))]
pub(crate) async fn list(State(controller): State<Controller>) -> Answer {
    reply::json(StatusCode::OK, &Feeds { feeds: controller.feeds() })
}

/// Shows a feed.
#[utoipa::path(get, path = "/v1/feeds/{feed}", tag = "live", params(
    ("feed" = String, Path, description = "Its name"),
), responses(
    (status = 200, description = "The feed", body = Feed),
    (status = 404, description = "There is none", body = Problem),
))]
pub(crate) async fn show(State(controller): State<Controller>, Path(feed): Path<String>) -> Answer {
    let found = controller.feeds().into_iter().find(|known| known.name == feed);
    match found {
        Some(found) => reply::json(StatusCode::OK, &found),
        None => Err(no_feed(&feed)),
    }
}

/// Starts a feed anew: its run ends, and another one begins at once if somebody needs it. Viewers stay.
#[utoipa::path(post, path = "/v1/feeds/{feed}/restart", tag = "live", params(
    ("feed" = String, Path, description = "Its name"),
), responses(
    (status = 200, description = "The feed", body = Feed),
    (status = 404, description = "There is none", body = Problem),
))]
pub(crate) async fn restart(
    State(controller): State<Controller>,
    Path(feed): Path<String>,
) -> Answer {
    if controller.front.get().is_none_or(|front| !front.restart(&feed)) {
        return Err(no_feed(&feed));
    }
    show(State(controller), Path(feed)).await
}

/// Reads what the commands of a feed's last runs have said.
#[utoipa::path(get, path = "/v1/feeds/{feed}/logs", tag = "live", params(
    ("feed" = String, Path, description = "Its name"),
), responses(
    (status = 200, description = "What its last runs said", body = String, content_type = "text/plain"),
    (status = 404, description = "There is none", body = Problem),
))]
pub(crate) async fn logs(State(controller): State<Controller>, Path(feed): Path<String>) -> Answer {
    let text = log(&controller, feed.clone(), |front, name| front.log(Of::Feed(name))).await?;
    text.map(|text| reply::text(TEXT, text)).ok_or_else(|| no_feed(&feed))
}

/// Lists streams.
#[utoipa::path(get, path = "/v1/streams", tag = "live", responses(
    (status = 200, description = "All streams, by name", body = Streams),
))]
pub(crate) async fn list_streams(State(controller): State<Controller>) -> Answer {
    reply::json(StatusCode::OK, &Streams { streams: controller.streams() })
}

/// Shows a stream, with those who watch it.
#[utoipa::path(get, path = "/v1/streams/{stream}", tag = "live", params(
    ("stream" = String, Path, description = "Its name"),
), responses(
    (status = 200, description = "The stream", body = Stream),
    (status = 404, description = "There is none", body = Problem),
))]
pub(crate) async fn show_stream(
    State(controller): State<Controller>,
    Path(stream): Path<String>,
) -> Answer {
    let found = controller.front.get().and_then(|front| front.stream(&stream));
    match found {
        Some(found) => reply::json(StatusCode::OK, &cleaned(found)),
        None => Err(no_stream(&stream)),
    }
}

/// Reads what the commands of a stream have said.
#[utoipa::path(get, path = "/v1/streams/{stream}/logs", tag = "live", params(
    ("stream" = String, Path, description = "Its name"),
), responses(
    (status = 200, description = "What its last runs said", body = String, content_type = "text/plain"),
    (status = 404, description = "There is none", body = Problem),
))]
pub(crate) async fn stream_logs(
    State(controller): State<Controller>,
    Path(stream): Path<String>,
) -> Answer {
    let text = log(&controller, stream.clone(), |front, name| front.log(Of::Stream(name))).await?;
    text.map(|text| reply::text(TEXT, text))
        .ok_or_else(|| no_stream(&stream))
}

impl Controller {
    /// All feeds, by name, without secrets.
    pub(crate) fn feeds(&self) -> Vec<Feed> {
        let feeds = self.front.get().map(|front| front.feeds()).unwrap_or_default();
        let cleaned = |feed: Feed| Feed {
            from: feed.from.map(|text| redact(&text).into_owned()),
            last_end: feed.last_end.map(|text| redact(&text).into_owned()),
            ..feed
        };
        feeds.into_iter().map(cleaned).collect()
    }

    /// All streams with those who watch them, by name, without secrets.
    pub(crate) fn watched_streams(&self) -> Vec<Stream> {
        let streams = self.streams().into_iter();
        streams
            .map(|stream| {
                let front = self.front.get();
                let whole = front.and_then(|front| front.stream(&stream.name));
                whole.map_or(stream, cleaned)
            })
            .collect()
    }

    /// All streams, by name, without secrets.
    pub(crate) fn streams(&self) -> Vec<Stream> {
        let streams = self.front.get().map(|front| front.streams()).unwrap_or_default();
        streams.into_iter().map(cleaned).collect()
    }
}

fn cleaned(stream: Stream) -> Stream {
    Stream { command: stream.command.map(|text| redact(&text).into_owned()), ..stream }
}

/// Reads a log, off the threads that answer.
async fn log(
    controller: &Controller,
    name: String,
    read: impl FnOnce(&dyn Front, &str) -> Option<Vec<u8>> + Send + 'static,
) -> Result<Option<String>, Failure> {
    let Some(front) = controller.front.get().cloned() else {
        return Ok(None);
    };
    let read = tokio::task::spawn_blocking(move || read(front.as_ref(), &name)).await;
    let bytes = read.map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    Ok(bytes.map(|bytes| redact(&String::from_utf8_lossy(&bytes)).into_owned()))
}

fn no_feed(name: &str) -> Failure {
    let shown: String = name.chars().take(80).collect();
    Problem::new(Code::FeedNotFound, format!("there is no feed {shown:?}"))
        .hint("`ffleet feeds list` shows those there are")
        .into()
}

fn no_stream(name: &str) -> Failure {
    let shown: String = name.chars().take(80).collect();
    Problem::new(Code::StreamNotFound, format!("there is no stream {shown:?}"))
        .hint("`ffleet streams list` shows those there are")
        .into()
}
