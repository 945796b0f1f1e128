//! What can be watched, and who watches it.

use ffleet_api::live::{Feed, Stream, Viewer};
use ffleet_api::token::Token;
use ffleet_telemetry::redact::redact;
use ffleet_types::{Bytes, Timestamp};
use maud::{Markup, html};

use super::base::at;
use super::page::{Live, Part, frame};
use super::player::{Show, link, player};
use super::{chip, encode, feeds, format, outputs, trail};

/// Between two fetches of a page whose numbers no event tells, in milliseconds.
pub(super) const EVERY: u32 = 2_000;
/// The same where they are beside others.
const SELDOM: u32 = 10_000;

/// What the page of a stream is made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) now: Timestamp,
    pub(super) stream: &'a Stream,
    /// The feeds there are.
    pub(super) feeds: &'a [Feed],
    /// What its commands said.
    pub(super) log: &'a str,
    /// How whoever asks reaches the server: a scheme, a name and a port.
    pub(super) origin: &'a str,
    /// Whether the stream itself is to be shown at once.
    pub(super) watch: bool,
    /// A token that was just made for it.
    pub(super) token: Option<&'a Token>,
}

/// All streams.
pub(super) fn list(streams: &[Stream], feeds: &[Feed], now: Timestamp) -> Markup {
    frame(
        "Streams",
        Part::Streams,
        Some(Live { events: "/v1/events", now }),
        &html! {
            h1 .hidden { "Streams" }
            (parts("/streams"))
            section #streams data-live data-every=(EVERY) aria-label="Streams" {
                @if streams.is_empty() { (nothing()) } @else { (table(streams, feeds)) }
            }
        },
    )
}

/// The two lists of this part.
pub(super) fn parts(here: &str) -> Markup {
    html! {
        div .bar {
            nav .groups aria-label="Lists" {
                @for (address, name) in [("/streams", "Streams"), ("/feeds", "Feeds")] {
                    a href=(at(address)) aria-current=[(address == here).then_some("true")] { (name) }
                }
            }
        }
    }
}

/// What is said where nothing is declared.
pub(super) fn nothing() -> Markup {
    html! {
        div .empty {
            h2 { "No streams yet" }
            p { "A feed brings media in, a stream hands it to any number of viewers. Declare both in "
                code { "ffleet.yaml" } "; the server reads it anew on SIGHUP:" }
            pre .block {
                "feeds:\n  test: { command: ffmpeg -v error -re -f lavfi -i testsrc2 -f mpjpeg - }\n"
                "streams:\n  test: { feed: test, mimetype: multipart/x-mixed-replace;boundary=ffmpeg }"
            }
            p { "It is then here, and at " code { "/stream/test" } "." }
        }
    }
}

/// Figures for the top of the list of jobs.
pub(super) fn brief(streams: &[Stream]) -> Markup {
    let viewers = streams.iter().map(|stream| stream.viewers).sum();
    html! {
        @if !streams.is_empty() {
            div data-every=(SELDOM) {
                dt { a href=(at("/streams")) { "Streams" } }
                dd { (format::grouped(streams.len() as u64)) }
            }
            div { dt { "Viewers" } dd { (format::grouped(viewers)) } }
        }
    }
}

fn table(streams: &[Stream], feeds: &[Feed]) -> Markup {
    html! {
        table .jobs .streams {
            thead { tr {
                th scope="col" { "Stream" }
                th scope="col" { "State" }
                th scope="col" { "What it is" }
                th scope="col" .right { "Viewers" }
                th scope="col" .right { "Delivered" }
                th scope="col" .right { "Skips" }
                th scope="col" .right { span .hidden { "Watch" } }
            } }
            tbody { @for stream in streams { (row(stream, feeds, thumbnail(stream, streams))) } }
        }
    }
}

/// The path of a picture of what `stream` shows now: its own shot, or that of another stream that is made of the
/// same feed. Only while the feed lives: a page that is looked at starts none.
fn thumbnail<'a>(stream: &'a Stream, streams: &'a [Stream]) -> Option<&'a str> {
    let is_picture = |shot: &&Stream| {
        let same = shot.name == stream.name || shot.feed.is_some() && shot.feed == stream.feed;
        let kind = shot.mimetype.to_ascii_lowercase();
        shot.kind == "shot" && kind.starts_with("image/") && same
    };
    let lives = |shot: &&Stream| shot.state.as_deref() == Some("live");
    let own = Some(stream).filter(is_picture);
    let shot = own.or_else(|| streams.iter().find(is_picture));
    shot.filter(lives).map(|shot| shot.path.as_str())
}

fn row(stream: &Stream, feeds: &[Feed], thumbnail: Option<&str>) -> Markup {
    let page = at(&format!("/streams/{}", stream.name));
    html! {
        tr {
            th scope="row" .number {
                @if let Some(path) = thumbnail {
                    a .thumb href=(page) { img src=(path) alt="" loading="lazy" width="96" height="54"; }
                }
                a href=(page) { (stream.name) }
            }
            td .state { (state(stream, feeds)) }
            td .work {
                span .path title=(stream.mimetype) { span { (stream.mimetype) } }
                span .path .faint { (stream.path) }
            }
            @if stream.kind == "shot" {
                td .right data-name="shots" colspan="3" {
                    (format::grouped(stream.shots)) span .unit .faint { " shots" }
                }
            } @else {
                td .right data-name="viewers" { (format::grouped(stream.viewers)) }
                td .right data-name="delivered" {
                    (Bytes(stream.delivered_bytes).human())
                    (feeds::in_all(stream.delivered_bytes, stream.total.delivered_bytes, |sum| Bytes(sum).human()))
                }
                td .right data-name="skips" { (format::grouped(stream.skips)) }
            }
            td .right .go { (open(stream, &page)) }
        }
    }
}

/// The way to the stream itself.
fn open(stream: &Stream, page: &str) -> Markup {
    html! {
        @match Show::of(stream) {
            Show::Picture => a .button href={ (page) "?watch#player" } {
                @if stream.kind == "shot" { "Look" } @else { "Watch" }
            },
            Show::Audio => a .button href={ (page) "#player" } { "Listen" },
            Show::Video => a .button href={ (page) "#player" } { "Watch" },
            Show::Nothing => a .button href={ (page) "#player" } { "Address" },
        }
    }
}

fn state(stream: &Stream, feeds: &[Feed]) -> Markup {
    let feed = feeds.iter().find(|feed| Some(&feed.name) == stream.feed.as_ref());
    match (&stream.state, feed) {
        (Some(state), Some(feed)) if *state == feed.state => feeds::standing_of(feed),
        (Some(state), _) => feeds::state(state),
        (None, _) => chip::word("off", "on request"),
    }
}

/// One stream.
pub(super) fn show(view: &View<'_>) -> Markup {
    let View { now, stream, .. } = *view;
    frame(
        &format!("Stream {}", stream.name),
        Part::Streams,
        Some(Live { events: "/v1/events", now }),
        &html! {
            article {
                header #head .head data-live data-every=(EVERY) { (head(stream, view.feeds)) }
                div .columns {
                    div {
                        section #player .card {
                            (player(stream, view.origin, view.watch))
                            @if stream.access == "token" { (link(stream, view.token)) }
                        }
                        section #trail .card data-live { (trail::render(stream)) }
                        @if let Some(encode) = &stream.encode {
                            section #encode .card data-live { (encode::render(encode, now)) }
                        }
                        @if !stream.outputs.is_empty() {
                            section #outputs .card data-live { (outputs::render(stream, now)) }
                        }
                        @if stream.kind != "shot" {
                            section #watching .card data-live { (watching(stream, now)) }
                        }
                        // What encoders say is among what happened to them.
                        @if stream.encode.is_none() {
                            section #said .card data-live { (said(stream, view.log)) }
                        }
                    }
                    div {
                        section #sums .card data-live { (sums(stream)) (since(stream, now)) }
                        section #terms .card data-live { (terms(stream)) }
                    }
                }
            }
        },
    )
}

fn head(stream: &Stream, feeds: &[Feed]) -> Markup {
    html! {
        div .title { h1 { "Stream " (stream.name) } (state(stream, feeds)) }
        p .faint { a href=(at("/streams")) { "All streams" } }
    }
}

fn watching(stream: &Stream, now: Timestamp) -> Markup {
    let more = stream.viewers.saturating_sub(stream.watching.len() as u64);
    html! {
        h2 { "Viewers" }
        @if stream.watching.is_empty() {
            p .faint { "Nobody watches it now." }
        } @else {
            table .outputs .viewers {
                thead { tr {
                    th scope="col" { "Address" }
                    th scope="col" { "Since" }
                    th scope="col" .right { "Delivered" }
                    th scope="col" .right { "Behind" }
                    th scope="col" .right { "Skips" }
                } }
                tbody { @for viewer in &stream.watching { (one(viewer, now)) } }
            }
            @if more > 0 { p .faint { "And " (format::grouped(more)) " more." } }
        }
    }
}

fn one(viewer: &Viewer, now: Timestamp) -> Markup {
    html! {
        tr {
            td .work { (viewer.address) }
            td { (format::ago(viewer.since, now)) }
            td .right data-name="delivered" { (Bytes(viewer.delivered_bytes).human()) }
            td .right data-name="behind" {
                @if viewer.lag_bytes == 0 { (format::NOTHING) }
                @else { (Bytes(viewer.lag_bytes).human()) }
            }
            td .right data-name="skips" { (format::grouped(viewer.skips)) }
        }
    }
}

/// What its own commands said. One that passes a feed on has none.
fn said(stream: &Stream, log: &str) -> Markup {
    html! {
        @match (&stream.command, &stream.feed) {
            (None, Some(feed)) => {
                h2 { "Log" }
                p .faint {
                    "It passes on what feed " a href={ (at("/feeds/")) (feed) } { (feed) }
                    " gives, whose page has the log."
                }
            }
            _ => (feeds::said(log, &format!("/v1/streams/{}/logs", stream.name))),
        }
    }
}

/// Nobody stays for a shot: who asks is counted, and what they got.
fn sums(stream: &Stream) -> Markup {
    html! {
        h2 { "Since it was declared" }
        dl .figures {
            @if stream.kind == "shot" {
                div { dt { "Asked for" } dd { (format::grouped(stream.viewers_total)) } }
                div { dt { "Shots made" } dd { (format::grouped(stream.shots)) } }
                div { dt { "Delivered" } dd { (Bytes(stream.delivered_bytes).human()) } }
            } @else {
                div { dt { "Viewers now" } dd { (format::grouped(stream.viewers)) } }
                div { dt { "Viewers that came" } dd { (format::grouped(stream.viewers_total)) } }
                div { dt { "Delivered" } dd { (Bytes(stream.delivered_bytes).human()) } }
                div { dt { "Skips" } dd { (format::grouped(stream.skips)) } }
                div { dt { "Cut off" } dd { (format::grouped(stream.cut)) } }
            }
        }
    }
}

/// What streams of its name have come to.
fn since(stream: &Stream, now: Timestamp) -> Markup {
    let total = &stream.total;
    let is_shot = stream.kind == "shot";
    html! {
        h2 { "In all " span .plain .faint { "since " (format::ago(total.since, now)) } }
        dl .figures {
            @if is_shot {
                div { dt { "Shots made" } dd { (format::grouped(total.shots)) } }
                div { dt { "Requests" } dd { (format::grouped(total.viewers)) } }
            } @else {
                div { dt { "Viewers that came" } dd { (format::grouped(total.viewers)) } }
            }
            div { dt { "Delivered" } dd { (Bytes(total.delivered_bytes).human()) } }
            @if !is_shot {
                div { dt { "Skips" } dd { (format::grouped(total.skips)) } }
                div { dt { "Cut off" } dd { (format::grouped(total.cut)) } }
            }
        }
    }
}

/// Whom a word of `access` lets in.
pub(super) fn who(access: &str) -> &str {
    match access {
        "open" => "whoever reaches this server",
        "key" => "who has a key or a session",
        "token" => "who has a token, a key or a session",
        other => other,
    }
}

fn terms(stream: &Stream) -> Markup {
    html! {
        h2 { "Declared as" }
        dl .terms {
            div { dt { "Declared" } dd { (feeds::declared(&stream.origin)) } }
            div { dt { "Address" } dd { code { (stream.path) } } }
            div { dt { "Is" } dd { code { (stream.mimetype) } } }
            div { dt { "Gives" } dd { @if stream.kind == "shot" { "one shot a request" } @else { "a stream" } } }
            @if stream.command.is_some() { div { dt { "Command is" } dd { (stream.client) } } }
            div { dt { "Open to" } dd { (who(&stream.access)) } }
            @if let Some(feed) = &stream.feed {
                div { dt { "Feed" } dd { a href={ (at("/feeds/")) (feed) } { (feed) } } }
            }
            @if let Some(command) = &stream.command {
                div { dt { "Command" } dd { code { (redact(command)) } } }
            }
        }
    }
}
