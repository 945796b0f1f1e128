//! Where streams come from: what each feed is at, and why its last run ended.

use ffleet_api::live::{Feed, Stream};
use ffleet_telemetry::redact::redact;
use ffleet_types::{Bytes, Timestamp};
use maud::{Markup, html};

use super::base::at;
use super::page::{Live, Part, frame};
use super::streams::{self, EVERY};
use super::{chip, format, inputs};

/// Lines of a log that are shown; the rest is behind a link.
const TAIL: usize = 40;

/// All feeds.
pub(super) fn list(feeds: &[Feed], now: Timestamp) -> Markup {
    frame(
        "Feeds",
        Part::Streams,
        Some(Live { events: "/v1/events", now }),
        &html! {
            h1 .hidden { "Feeds" }
            (streams::parts("/feeds"))
            section #feeds data-live data-every=(EVERY) aria-label="Feeds" {
                @if feeds.is_empty() { (streams::nothing()) } @else { (table(feeds, now)) }
            }
        },
    )
}

/// A feed's state, in colour.
pub(super) fn state(name: &str) -> Markup {
    let tone = match name {
        "live" => "ok",
        "starting" | "stopping" => "go",
        "waiting" | "failed" => "bad",
        _ => "off",
    };
    chip::word(tone, name)
}

/// That of `feed`: one that nobody pushes to has not failed.
pub(super) fn standing_of(feed: &Feed) -> Markup {
    match (feed.source.as_str(), feed.state.as_str(), feed.failures) {
        ("push" | "inputs", "waiting", 0) => chip::word("off", "waiting"),
        (_, name, _) => state(name),
    }
}

fn table(feeds: &[Feed], now: Timestamp) -> Markup {
    html! {
        table .jobs .streams .feeds {
            thead { tr {
                th scope="col" { "Feed" }
                th scope="col" { "State" }
                th scope="col" { "Source" }
                th scope="col" .right { "Needed by" }
                th scope="col" .right { "Received" }
                th scope="col" .right { "Starts" }
                th scope="col" .right { "Since" }
            } }
            tbody { @for feed in feeds { (row(feed, now)) } }
        }
    }
}

fn row(feed: &Feed, now: Timestamp) -> Markup {
    html! {
        tr {
            th scope="row" .number { a href={ (at("/feeds/")) (feed.name) } { (feed.name) } }
            td .state {
                (standing_of(feed))
                @if feed.failures > 0 { span .faint { (feed.failures) " failed" } }
            }
            td .work {
                (from(feed))
                @if let (true, Some(why)) = (feed.failures > 0, feed.last_end.as_deref().map(redact)) {
                    span .message title=(why) { (why) }
                }
            }
            td .right data-name="needed by" { (feed.holders) }
            td .right data-name="received" {
                (Bytes(feed.received_bytes).human()) (in_all(feed.received_bytes, feed.total.received_bytes, |sum| Bytes(sum).human()))
            }
            td .right data-name="starts" {
                (format::grouped(feed.starts)) (in_all(feed.starts, feed.total.starts, format::grouped))
            }
            td .right .when { (format::ago(feed.since, now)) }
        }
    }
}

/// What it came to over all lives of the server, where that is more than `now`.
pub(super) fn in_all(now: u64, total: u64, shown: impl Fn(u64) -> String) -> Markup {
    html! {
        @if total > now { span .unit .faint { " of " (shown(total)) } }
    }
}

/// Where it comes from, in one line.
fn from(feed: &Feed) -> Markup {
    let text = feed.from.as_deref().map(redact);
    html! {
        span .path title=[text.as_deref()] {
            span { (feed.source) @if let Some(text) = &text { " " code { (text) } } }
        }
    }
}

/// One feed, and the streams that are made of it.
pub(super) fn show(feed: &Feed, log: &str, streams: &[Stream], now: Timestamp) -> Markup {
    frame(
        &format!("Feed {} {}", feed.name, feed.state),
        Part::Streams,
        Some(Live { events: "/v1/events", now }),
        &html! {
            article {
                header .head {
                    div .title {
                        h1 { "Feed " (feed.name) }
                        span #state data-live data-every=(EVERY) { (standing_of(feed)) }
                        div .actions {
                            form method="post" action={ (at("/feeds/")) (feed.name) "/restart" } {
                                button .button { "Restart" }
                            }
                        }
                    }
                    p .faint { a href=(at("/feeds")) { "All feeds" } }
                }
                section #standing data-live aria-live="polite" { (standing(feed, now)) }
                div .columns {
                    div {
                        section #sums .card data-live { (sums(feed, now)) }
                        @if !feed.inputs.is_empty() {
                            section #inputs .card data-live { (inputs::render(&feed.inputs)) }
                        }
                        section #said .card data-live {
                            (said(log, &format!("/v1/feeds/{}/logs", feed.name)))
                        }
                    }
                    div { section #terms .card data-live { (terms(feed, streams)) } }
                }
            }
        },
    )
}

/// Why its last run ended, where that matters.
fn standing(feed: &Feed, now: Timestamp) -> Markup {
    let why = feed.last_end.as_deref().map(redact);
    html! {
        @if let Some(why) = why {
            div class={ "alert " @if feed.failures > 0 { "bad" } } {
                strong {
                    "last run ended"
                    @if let Some(at) = feed.last_end_at { " " (format::ago(at, now)) }
                    @if feed.failures > 1 { ", " (feed.failures) " in a row were not well" }
                }
                p { (why) }
            }
        }
    }
}

fn sums(feed: &Feed, now: Timestamp) -> Markup {
    html! {
        h2 {
            "Now "
            span .plain .faint { (feed.state) ", since " (format::ago(feed.since, now)) }
        }
        dl .figures {
            div { dt { "Needed by" } dd { (feed.holders) } }
            // Raw tracks are counted as such, and have no ring.
            @if feed.inputs.is_empty() {
                div { dt { "Received" } dd { (Bytes(feed.received_bytes).human()) } }
            }
            div { dt { "Starts" } dd { (format::grouped(feed.starts)) } }
            div { dt { "Short runs in a row" } dd { (feed.failures) } }
            @if feed.inputs.is_empty() {
                div { dt { "Ring" } dd {
                    (Bytes(feed.held_bytes).human())
                    span .plain .faint { " of " (Bytes(feed.ring_bytes).human()) }
                } }
            }
        }
        (since(feed, now))
    }
}

/// For how long it gave bytes.
fn live_for(seconds: u64) -> String {
    format::span(std::time::Duration::from_secs(seconds).as_secs_f64())
}

/// What feeds of its name have come to.
fn since(feed: &Feed, now: Timestamp) -> Markup {
    let total = &feed.total;
    html! {
        h2 { "In all " span .plain .faint { "since " (format::ago(total.since, now)) } }
        dl .figures {
            @if feed.inputs.is_empty() {
                div { dt { "Received" } dd { (Bytes(total.received_bytes).human()) } }
            }
            div { dt { "Starts" } dd { (format::grouped(total.starts)) } }
            div { dt { "Failures" } dd { (format::grouped(total.failures)) } }
            div { dt { "Live for" } dd { (live_for(total.live_seconds)) } }
        }
    }
}

fn terms(feed: &Feed, streams: &[Stream]) -> Markup {
    let made: Vec<_> = streams
        .iter()
        .filter(|stream| stream.feed.as_deref() == Some(&feed.name))
        .collect();
    html! {
        h2 { "Declared as" }
        dl .terms {
            div { dt { "Declared" } dd { (declared(&feed.origin)) } }
            div { dt { "Source" } dd { (feed.source) } }
            @if let Some(from) = feed.from.as_deref().map(redact) {
                div { dt { "From" } dd { code { (from) } } }
            }
            @if feed.source == "push" {
                div { dt { "Send it to" } dd { code { "PUT /ingest/" (feed.name) } } }
            }
            @if let Some(access) = &feed.access { div { dt { "Open to" } dd { (streams::who(access)) } } }
            @if let Some(parent) = &feed.feed {
                div { dt { "Reads feed" } dd { a href={ (at("/feeds/")) (parent) } { (parent) } } }
            }
            div { dt { "Runs" } dd { (feed.mode) } }
            @if let Some(pid) = feed.pid { div { dt { "Process" } dd { (pid) } } }
            @if !made.is_empty() {
                div { dt { "Streams" } dd {
                    @for stream in made { a href={ (at("/streams/")) (stream.name) } { (stream.name) } " " }
                } }
            }
        }
    }
}

/// Where it was declared.
pub(super) fn declared(origin: &str) -> &str {
    match origin {
        "api" => "over the API",
        "file" => "in the configuration",
        other => other,
    }
}

/// The end of a log.
pub(super) fn said(log: &str, address: &str) -> Markup {
    let log = redact(log);
    let from = log.lines().count().saturating_sub(TAIL);
    html! {
        h2 { "Log" }
        @if log.is_empty() {
            p .faint { "No command of it has run yet." }
        } @else {
            pre .block .said tabindex="0" aria-label="The end of the log" {
                @for line in log.lines().skip(from) { (line) "\n" }
            }
            p { a href=(address) { @if from > 0 { "All of it" } @else { "As text" } } }
        }
    }
}
