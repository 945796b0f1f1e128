//! Feeds and streams in words.

mod raw;

use std::time::Duration;

use ffleet_api::Moment;
use ffleet_api::live::{Feed, Output, Stream};
use ffleet_types::Timestamp;

use super::job::Page;
use super::table::{Side, Table};
use super::text::{ago, count, length, push, size};
use crate::context::Context;

/// Viewers that are shown of a stream.
const SHOWN: usize = 20;

/// All feeds, as a table.
pub(crate) fn feeds(feeds: &[Feed], context: &Context) -> String {
    if feeds.is_empty() {
        return none("feeds");
    }
    let mut table = Table::new(&[
        ("FEED", Side::Left),
        ("STATE", Side::Left),
        ("FOR", Side::Right),
        ("MODE", Side::Left),
        ("NEEDED", Side::Right),
        ("STARTS", Side::Right),
        ("CAME", Side::Right),
        ("FROM", Side::Left),
    ]);
    for feed in feeds {
        table.row(&[
            feed.name.clone(),
            feed.state.clone(),
            ago(feed.since.0, context.now()),
            feed.mode.clone(),
            feed.holders.to_string(),
            feed.starts.to_string(),
            size(feed.received_bytes),
            feed.from.clone().unwrap_or_else(|| feed.source.clone()),
        ]);
    }
    table.render(context.width())
}

/// Everything about a feed.
pub(crate) fn feed(feed: &Feed, now: Timestamp) -> String {
    let mut page = Page::default();
    page.heading(&format!("feed {}  {}", feed.name, feed.state));
    page.line("for", &ago(feed.since.0, now));
    page.line("declared", declared(&feed.origin));
    match feed.inputs.is_empty() {
        true => page.line(&feed.source, feed.from.as_deref().unwrap_or("by whoever sends")),
        false => raw::inputs(&mut page, feed),
    }
    if let Some(parent) = &feed.feed {
        page.line("reads", &format!("feed {parent}"));
    }
    page.line("mode", &feed.mode);
    page.line("needed by", &feed.holders.to_string());
    page.line("starts", &format!("{}, {} failed in a row", feed.starts, feed.failures));
    if let (Some(why), Some(at)) = (&feed.last_end, &feed.last_end_at) {
        page.block("last end", &format!("{} ago: {why}", ago(at.0, now)));
    }
    if let Some(access) = &feed.access {
        page.line("access", access);
    }
    if let Some(pid) = feed.pid {
        page.line("process", &pid.to_string());
    }
    page.line("came", &size(feed.received_bytes));
    let total = &feed.total;
    let sums = format!(
        "{} in {}, of which {} failed, live for {}, since {}",
        size(total.received_bytes),
        count(total.starts, "run"),
        total.failures,
        length(Duration::from_secs(total.live_seconds).as_secs_f64()),
        day(total.since),
    );
    page.line("in all", &sums);
    if feed.ring_bytes > 0 {
        page.line("ring", &format!("{} of {}", size(feed.held_bytes), size(feed.ring_bytes)));
    }
    page.finish()
}

/// All streams, as a table.
pub(crate) fn streams(streams: &[Stream], context: &Context) -> String {
    if streams.is_empty() {
        return none("streams");
    }
    let mut table = Table::new(&[
        ("STREAM", Side::Left),
        ("STATE", Side::Left),
        ("TYPE", Side::Left),
        ("VIEWERS", Side::Right),
        ("SENT", Side::Right),
        ("SKIPS", Side::Right),
        ("PATH", Side::Left),
    ]);
    for stream in streams {
        table.row(&[
            stream.name.clone(),
            stream.state.clone().unwrap_or_else(|| "-".to_owned()),
            kind(stream),
            stream.viewers.to_string(),
            size(stream.delivered_bytes),
            stream.skips.to_string(),
            stream.path.clone(),
        ]);
    }
    table.render(context.width())
}

/// Everything about a stream.
pub(crate) fn stream(stream: &Stream, now: Timestamp) -> String {
    let mut page = Page::default();
    let state = stream.state.as_deref().unwrap_or_default();
    page.heading(&format!("stream {}  {state}", stream.name));
    page.line("declared", declared(&stream.origin));
    page.line("type", &kind(stream));
    page.line("mimetype", &stream.mimetype);
    page.line("path", &stream.path);
    page.line("access", &stream.access);
    if let Some(feed) = &stream.feed {
        page.line("feed", feed);
    }
    if let Some(command) = &stream.command {
        page.block("command", command);
    }
    if let Some(encode) = &stream.encode {
        raw::encoding(&mut page, encode, now);
    }
    page.line("viewers", &format!("{}, {} in all", stream.viewers, stream.viewers_total));
    page.line("sent", &size(stream.delivered_bytes));
    page.line("skips", &stream.skips.to_string());
    page.line("cut off", &stream.cut.to_string());
    if stream.kind == "shot" {
        page.line("shots", &stream.shots.to_string());
    }
    let total = &stream.total;
    let sums = match stream.kind.as_str() {
        "shot" => format!(
            "{} for {}, {} sent",
            count(total.shots, "shot"),
            count(total.viewers, "request"),
            size(total.delivered_bytes)
        ),
        _ => format!(
            "{} to {}, {} skips, {} cut off",
            size(total.delivered_bytes),
            count(total.viewers, "viewer"),
            total.skips,
            total.cut
        ),
    };
    page.line("in all", &format!("{sums}, since {}", day(total.since)));
    for (number, output) in (1..).zip(&stream.outputs) {
        page.block(&format!("output {number}"), &self::output(output, now));
    }
    for viewer in stream.watching.iter().take(SHOWN) {
        let lag = match viewer.lag_bytes {
            0 => String::new(),
            lag => format!(", {} behind", size(lag)),
        };
        let (since, got) = (ago(viewer.since.0, now), size(viewer.delivered_bytes));
        page.line("", &format!("{}  for {since}, got {got}{lag}", viewer.address));
    }
    page.finish()
}

/// How an output is, in two or three lines.
fn output(output: &Output, now: Timestamp) -> String {
    let mut text = output.to.clone();
    if let Some(file) = &output.file {
        push!(text, "\nnow {file}");
    }
    let Output { state, dropped_packets, reconnects, .. } = output;
    let behind = length(Duration::from_millis(output.behind_ms).as_secs_f64());
    push!(
        text,
        "\n{state} for {}, {} sent, {behind} behind",
        ago(output.since.0, now),
        size(output.sent_bytes)
    );
    let (held, most) = (size(output.held_bytes), size(output.ring_bytes));
    push!(
        text,
        ", {held} of {most} held, {dropped_packets} packets dropped, {}",
        count(*reconnects, "reconnect")
    );
    if let (Some(why), Some(at)) = (&output.last_error, output.last_error_at) {
        push!(text, "\n{} ago: {why}", ago(at.0, now));
    }
    text
}

fn kind(stream: &Stream) -> String {
    match (stream.kind.as_str(), stream.client.as_str()) {
        ("stream", client) => client.to_owned(),
        (kind, _) => kind.to_owned(),
    }
}

/// The day of a moment.
fn day(moment: Moment) -> String {
    moment.to_string().chars().take(10).collect()
}

/// Where it was declared.
fn declared(origin: &str) -> &str {
    match origin {
        "api" => "over the API",
        "file" => "in the server's configuration",
        other => other,
    }
}

fn none(what: &str) -> String {
    format!(
        "there are no {what}; they are declared in the server's configuration, under `{what}:`, or by `ffleet {what} set`\n"
    )
}
