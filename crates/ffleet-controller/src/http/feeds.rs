//! Feeds and streams.

use axum::extract::{Path, State};
use ffleet_api::front::{Front, Of};
use ffleet_api::live::{Feed, Feeds, Stream, Streams};
use ffleet_api::{Code, Problem};
use ffleet_telemetry::redact;
use hyper::StatusCode;

use super::reply::{self, Answer};
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
    reply::json(StatusCode::OK, &controller.feed(&feed)?)
}

/// Starts a feed anew: its run ends, and another one begins at once if somebody needs it. Viewers stay.
#[utoipa::path(post, path = "/v1/feeds/{feed}/restart", tag = "live", params(
    ("feed" = String, Path, description = "Its name"),
), responses(
    (status = 200, description = "The feed", body = Feed),
    (status = 404, description = "There is none", body = Problem),
    (status = 503, description = "There is no memory for its ring", body = Problem),
))]
pub(crate) async fn restart(
    State(controller): State<Controller>,
    Path(feed): Path<String>,
) -> Answer {
    controller.restart(&feed)?;
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
    Ok(reply::text(TEXT, controller.feed_log(feed).await?))
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
    reply::json(StatusCode::OK, &controller.stream(&stream)?)
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
    Ok(reply::text(TEXT, controller.stream_log(stream).await?))
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

    /// A feed, without secrets.
    pub(crate) fn feed(&self, name: &str) -> Result<Feed, Problem> {
        let found = self.feeds().into_iter().find(|known| known.name == name);
        found.ok_or_else(|| no_feed(name))
    }

    /// Starts a feed anew.
    pub(crate) fn restart(&self, feed: &str) -> Result<(), Problem> {
        match self.front.get().map(|front| front.restart(feed)) {
            Some(Ok(true)) => Ok(()),
            Some(Err(why)) => {
                let detail = format!("the feed {feed} cannot run: {why}");
                Err(Problem::new(Code::Unavailable, detail)
                    .hint("lower a `ring-bytes` or end jobs, then `ffleet config reload`"))
            }
            None | Some(Ok(false)) => Err(no_feed(feed)),
        }
    }

    /// What the commands of a feed's last runs said.
    pub(crate) async fn feed_log(&self, name: String) -> Result<String, Problem> {
        let text = log(self, name.clone(), |front, name| front.log(Of::Feed(name))).await?;
        text.ok_or_else(|| no_feed(&name))
    }

    /// All streams, by name, without secrets.
    pub(crate) fn streams(&self) -> Vec<Stream> {
        let streams = self.front.get().map(|front| front.streams()).unwrap_or_default();
        streams.into_iter().map(cleaned).collect()
    }

    /// A stream with those who watch it, without secrets.
    pub(crate) fn stream(&self, name: &str) -> Result<Stream, Problem> {
        let found = self.front.get().and_then(|front| front.stream(name));
        found.map(cleaned).ok_or_else(|| no_stream(name))
    }

    /// What the commands of a stream said.
    pub(crate) async fn stream_log(&self, name: String) -> Result<String, Problem> {
        let text = log(self, name.clone(), |front, name| front.log(Of::Stream(name))).await?;
        text.ok_or_else(|| no_stream(&name))
    }
}

fn cleaned(mut stream: Stream) -> Stream {
    let clean = |text: &mut String| *text = redact(text).into_owned();
    stream.command.iter_mut().for_each(clean);
    for output in &mut stream.outputs {
        clean(&mut output.to);
        output.last_error.iter_mut().for_each(clean);
    }
    if let Some(encode) = &mut stream.encode {
        encode.events.iter_mut().for_each(|event| clean(&mut event.what));
    }
    stream
}

/// Reads a log, off the threads that answer.
async fn log(
    controller: &Controller,
    name: String,
    read: impl FnOnce(&dyn Front, &str) -> Option<Vec<u8>> + Send + 'static,
) -> Result<Option<String>, Problem> {
    let Some(front) = controller.front.get().cloned() else {
        return Ok(None);
    };
    let read = tokio::task::spawn_blocking(move || read(front.as_ref(), &name)).await;
    let bytes = read.map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    Ok(bytes.map(|bytes| redact(&String::from_utf8_lossy(&bytes)).into_owned()))
}

pub(super) fn no_feed(name: &str) -> Problem {
    let shown: String = name.chars().take(80).collect();
    Problem::new(Code::FeedNotFound, format!("there is no feed {shown:?}"))
        .hint("`ffleet feeds list` shows those there are")
}

pub(super) fn no_stream(name: &str) -> Problem {
    let shown: String = name.chars().take(80).collect();
    Problem::new(Code::StreamNotFound, format!("there is no stream {shown:?}"))
        .hint("`ffleet streams list` shows those there are")
}
