//! The pages of voyandz: the list of streams, their numbers, the configuration.
//!
//! They are open to whoever reaches the server, as there, and so say nothing about how things are made:
//! commands are in the configuration alone, which is off unless somebody turns it on, and without
//! passwords even there. A player on the list loads nothing before somebody unfolds it: to show all
//! pictures at once would start all feeds.

use std::net::SocketAddr;
use std::path::PathBuf;

use ffleet_api::live::{Feed, Stream};
use ffleet_api::{Moment, Problem};
use ffleet_types::Bytes;
use ffleet_types::live::feed::Mode;
use maud::{DOCTYPE, Markup, html};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{assets, format};

/// What the browser may do with these pages: show what the server has.
pub const CSP: &str = "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; \
                       base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What browsers play by themselves, beside pictures.
const SOUND: [&str; 8] = ["mpeg", "mp3", "mp4", "aac", "ogg", "webm", "wav", "flac"];
const FILM: [&str; 3] = ["mp4", "webm", "ogg"];

/// What of voyandz's configuration is not about feeds and streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voyandz {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where logs are kept.
    pub logdir: Option<PathBuf>,
    /// Which pages there are.
    pub pages: Pages,
}

/// Which pages there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each page is there or is not")]
pub struct Pages {
    /// The list of streams.
    pub home: bool,
    /// Their numbers.
    pub stat: bool,
    /// The configuration.
    pub config: bool,
}

/// The list of streams.
#[derive(Debug, Serialize)]
pub struct Home {
    streams: Vec<Entry>,
    pages: Pages,
}

/// A stream on the list.
#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    path: String,
    /// Another address of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    mimetype: String,
}

impl Home {
    /// The list of `streams`.
    #[must_use]
    pub fn new(streams: Vec<Stream>, pages: Pages) -> Self {
        let entry = |stream: Stream| {
            let path = usual(&stream);
            let url = Some(stream.path).filter(|own| *own != path);
            Entry {
                name: stream.name,
                path,
                url,
                kind: stream.kind,
                mimetype: stream.mimetype,
            }
        };
        let mut streams: Vec<_> = streams.into_iter().map(entry).collect();
        streams.sort_by_key(|stream| stream.name.to_lowercase());
        Self { streams, pages }
    }

    /// The page.
    #[must_use]
    pub fn render(&self) -> Markup {
        let Pages { stat, config, .. } = self.pages;
        frame(
            "voyandz",
            &html! {
                section .card {
                    h2 { "Streams" }
                    @if self.streams.is_empty() { p { "There is none." } }
                    ul { @for stream in &self.streams { li { (item(stream)) } } }
                }
                @if stat || config {
                    section .card {
                        h2 { "Pages" }
                        ul {
                            @if config { li { a href="/config" { "/config" } } }
                            @if stat { li { a href="/stat" { "/stat" } } }
                        }
                    }
                }
            },
        )
    }
}

fn item(stream: &Entry) -> Markup {
    html! {
        a href=(stream.path) { (stream.name) }
        @if let Some(url) = &stream.url { ", " a href=(url) { (url) } }
        " " span .faint { (stream.mimetype) }
        @if let Some(player) = player(stream) { details { summary { "show" } (player) } }
    }
}

/// What a browser plays it by, if it can.
fn player(stream: &Entry) -> Option<Markup> {
    let kind = stream.mimetype.split(';').next().unwrap_or_default();
    let (class, rest) = kind.trim().split_once('/')?;
    match class {
        "image" => {}
        "multipart" if rest == "x-mixed-replace" => {}
        "audio" if SOUND.contains(&rest.trim_start_matches("x-")) => {
            return Some(html! { audio controls preload="none" src=(stream.path) {} });
        }
        "video" if FILM.contains(&rest) => {
            return Some(html! { video controls muted preload="none" src=(stream.path) {} });
        }
        _ => return None,
    }
    Some(html! { img loading="lazy" src=(stream.path) alt=(stream.name); })
}

/// How feeds and streams are.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stat {
    version: &'static str,
    started_at: Moment,
    now: Moment,
    uptime_seconds: u64,
    totals: Totals,
    streams: Vec<Stream>,
    feeds: Vec<Feed>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Totals {
    /// Bytes sent to viewers.
    delivered_bytes: u64,
    /// Bytes that feeds gave.
    received_bytes: u64,
    viewers: u64,
}

impl Stat {
    /// The numbers of `feeds` and `streams`, as they are at the second of `times`; the first is the start
    /// of the server.
    #[must_use]
    pub fn new(
        mut feeds: Vec<Feed>,
        mut streams: Vec<Stream>,
        (started_at, now): (Moment, Moment),
    ) -> Self {
        // Commands, and what they say, are not for everybody.
        for feed in &mut feeds {
            (feed.from, feed.last_end, feed.pid) = (None, None, None);
        }
        for stream in &mut streams {
            stream.command = None;
        }
        feeds.sort_by_key(|feed| feed.name.to_lowercase());
        streams.sort_by_key(|stream| stream.name.to_lowercase());
        let totals = Totals {
            delivered_bytes: streams.iter().map(|stream| stream.delivered_bytes).sum(),
            received_bytes: feeds.iter().map(|feed| feed.received_bytes).sum(),
            viewers: streams.iter().map(|stream| stream.viewers).sum(),
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            started_at,
            now,
            uptime_seconds: now.0.since(started_at.0).as_secs(),
            totals,
            streams,
            feeds,
        }
    }

    /// The page.
    #[must_use]
    pub fn render(&self) -> Markup {
        let totals = &self.totals;
        frame(
            "voyandz - stats",
            &html! {
                section .card {
                    h2 { "Server" }
                    p { "ffleet " (self.version) ", started " (format::clock(self.started_at)) ", now "
                        (format::clock(self.now)) ", up "
                        (format::between(self.started_at, self.now)) }
                    p { (bytes(totals.delivered_bytes)) " to viewers, " (bytes(totals.received_bytes))
                        " from feeds, " (totals.viewers) " watching" }
                }
                section .card { h2 { "Streams" } (self.streams()) }
                section .card { h2 { "Feeds" } (self.feeds()) }
            },
        )
    }

    fn streams(&self) -> Markup {
        html! {
            table {
                thead { tr {
                    th { "Name" } th { "State" } th { "Delivered" } th { "Viewers" } th { "Watching" }
                } }
                tbody { @for stream in &self.streams { tr {
                    td { a href=(usual(stream)) { (stream.name) } }
                    td { (stream.state.as_deref().unwrap_or(format::NOTHING)) }
                    td { (bytes(stream.delivered_bytes)) }
                    td { (stream.viewers) " of " (stream.viewers_total) " that came" }
                    td { @for viewer in &stream.watching { div {
                        (viewer.address) " since " (format::clock(viewer.since)) ", "
                        (bytes(viewer.delivered_bytes))
                    } } }
                } } }
            }
        }
    }

    fn feeds(&self) -> Markup {
        html! {
            table {
                thead { tr {
                    th { "Name" } th { "State" } th { "Since" } th { "Starts" } th { "Received" }
                    th { "Readers" }
                } }
                tbody { @for feed in &self.feeds { tr {
                    td { (feed.name) }
                    td { (feed.state) }
                    td { (format::clock(feed.since)) " (" (format::between(feed.since, self.now)) ")" }
                    td { (feed.starts) }
                    td { (bytes(feed.received_bytes)) }
                    td { (feed.holders) }
                } } }
            }
        }
    }
}

/// The configuration, in voyandz's words. `feeds` and `streams` are without secrets.
#[must_use]
pub fn config(voyandz: &Voyandz, feeds: &[Feed], streams: &[Stream]) -> Value {
    let feeds: Map<_, _> = feeds
        .iter()
        .map(|feed| {
            let mode = match feed.mode.parse() {
                Ok(Mode::Linger(span)) => json!(span.0.as_secs_f64()),
                _ => json!(feed.mode),
            };
            let said = [("command", json!(feed.from)), ("mode", mode), ("feed", json!(feed.feed))];
            (feed.name.clone(), section(said))
        })
        .collect();
    let streams: Map<_, _> = streams
        .iter()
        .map(|stream| {
            let url = Some(&stream.path).filter(|path| **path != usual(stream));
            let said = [
                ("command", json!(stream.command)),
                ("type", json!(stream.kind)),
                ("mimetype", json!(stream.mimetype)),
                ("client", json!(stream.client)),
                ("url", json!(url)),
                ("feed", json!(stream.feed)),
            ];
            (stream.name.clone(), section(said))
        })
        .collect();
    section([
        ("listenaddr", json!(voyandz.listen.ip())),
        ("listenport", json!(voyandz.listen.port())),
        ("logdir", json!(voyandz.logdir)),
        ("pages", json!(voyandz.pages)),
        ("feeds", Value::Object(feeds)),
        ("streams", Value::Object(streams)),
    ])
}

/// What is said of these.
fn section<const N: usize>(said: [(&str, Value); N]) -> Value {
    let said = said.into_iter().filter(|(_, value)| !value.is_null());
    said.map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The page for what went wrong.
#[must_use]
pub fn trouble(problem: &Problem) -> Markup {
    frame(
        &problem.title,
        &html! {
            section .card {
                p { (problem.detail) }
                @if let Some(hint) = &problem.hint { p { (hint) } }
                p .faint { (problem.status) " · " (problem.code) }
            }
        },
    )
}

fn frame(title: &str, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (title) }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href=(assets::ICON.address());
                link rel="stylesheet" href=(assets::STYLE.address());
            }
            body { main #main { h1 { (title) } (main) } }
        }
    }
}

/// Where voyandz has it whatever its `url` is.
fn usual(stream: &Stream) -> String {
    format!("/stream/{}", stream.name)
}

fn bytes(count: u64) -> String {
    Bytes(count).human()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(mimetype: &str) -> String {
        let entry = Entry {
            name: "cam".to_owned(),
            path: "/stream/cam".to_owned(),
            url: None,
            kind: "stream".to_owned(),
            mimetype: mimetype.to_owned(),
        };
        player(&entry).map(Markup::into_string).unwrap_or_default()
    }

    #[test]
    fn player_is_there_for_what_browsers_play_by_themselves() {
        for (mimetype, element) in [
            ("image/png", "<img loading=\"lazy\""),
            ("multipart/x-mixed-replace;boundary=ffmpeg", "<img loading=\"lazy\""),
            ("audio/mpeg", "<audio controls preload=\"none\""),
            ("audio/x-wav", "<audio controls preload=\"none\""),
            ("video/webm; codecs=vp9", "<video controls muted preload=\"none\""),
        ] {
            let player = shown(mimetype);
            assert!(player.starts_with(element), "{mimetype}: {player}");
            assert!(player.contains("src=\"/stream/cam\""), "{mimetype}: {player}");
        }
        for mimetype in ["video/mp2t", "video/x-flv", "multipart/mixed", "text/plain", "odd"] {
            assert_eq!(shown(mimetype), "", "{mimetype}");
        }
    }
}
