//! Feeds and streams as they were declared, without the secrets in their commands and addresses.

use ffleet_api::declare::{LeftOut, Reload};
use ffleet_config::config::{Gateway, Live};
use ffleet_telemetry::redact;
use ffleet_telemetry::redact::command_line;
use ffleet_types::live::stream::Client;
use ffleet_types::live::{Feed, Source, Stream};
use serde::Serialize;
use serde_json::{Value, json};

use super::table::{Side, Table};
use super::text::{count, push};

/// How many there are, such as `50 feeds, 100 streams`.
pub(crate) fn tally(live: &Live) -> String {
    let feeds = count(live.feeds.len() as u64, "feed");
    format!("{feeds}, {}", count(live.streams.len() as u64, "stream"))
}

/// What came of reading the configuration again.
pub(crate) fn reload(reload: &Reload) -> String {
    let mut text = String::new();
    for (what, changes) in [("feed", &reload.feeds), ("stream", &reload.streams)] {
        for (word, names) in [
            ("new", &changes.added),
            ("changed", &changes.changed),
            ("gone", &changes.removed),
        ] {
            for name in names {
                push!(text, "{what} {name} is {word}\n");
            }
        }
    }
    for LeftOut { sort, name, why } in &reload.left_out {
        push!(text, "{sort} {name}, declared over the API, is left out: {why}\n");
    }
    for warning in &reload.warnings {
        push!(text, "warning: {warning}\n");
    }
    let (feeds, streams) = (reload.feeds.unchanged, reload.streams.unchanged);
    let same = format!("{}, {}", count(feeds, "feed"), count(streams, "stream"));
    push!(text, "as before: {same}\n");
    text
}

/// All of them as two tables; nothing where there are none.
pub(crate) fn page(live: &Live, width: Option<usize>) -> String {
    let left = |name| (name, Side::Left);
    let mut feeds = Table::new(&[left("FEED"), left("MODE"), left("READS"), left("SOURCE")]);
    for feed in live.feeds.values() {
        let reads = feed.feed.as_ref().map_or_else(String::new, ToString::to_string);
        feeds.row(&[feed.name.to_string(), feed.mode.to_string(), reads, source(feed)]);
    }
    let mut streams = Table::new(&[
        left("STREAM"),
        left("ADDRESS"),
        left("TYPE"),
        left("FEED"),
        left("MIMETYPE"),
        left("COMMAND"),
    ]);
    for stream in live.streams.values() {
        let feed = stream.feed.as_ref().map_or_else(String::new, ToString::to_string);
        streams.row(&[
            stream.name.to_string(),
            stream.path.clone(),
            kind(stream),
            feed,
            stream.mimetype.clone(),
            stream
                .command
                .as_ref()
                .map_or_else(String::new, |command| command_line(command.words())),
        ]);
    }
    let shown = |table: &Table| match table.is_empty() {
        true => String::new(),
        false => format!("\n{}", table.render(width)),
    };
    format!("{}{}", shown(&feeds), shown(&streams))
}

/// All of them for programs.
pub(crate) fn json(live: &Live) -> Value {
    let feeds: Vec<Value> = live.feeds.values().map(masked).collect();
    let streams: Vec<Value> = live.streams.values().map(masked).collect();
    let Gateway { flush, viewers, send_buffer } = live.gateway;
    json!({
        "feeds": feeds,
        "streams": streams,
        "gateway": { "flush": flush, "viewers": viewers, "send-buffer": send_buffer },
    })
}

fn source(feed: &Feed) -> String {
    match &feed.source {
        Source::Command(command) => command_line(command.words()),
        Source::Push => format!("whoever sends to /ingest/{}", feed.name),
        Source::Pull(address) => redact(address).into_owned(),
        Source::Fifo(path) => path.display().to_string(),
    }
}

fn kind(stream: &Stream) -> String {
    match stream.client {
        Client::Shared => stream.kind.to_string(),
        Client::Exclusive => format!("{}, {}", stream.kind, stream.client),
    }
}

/// `what` with all of its texts redacted.
fn masked(what: &impl Serialize) -> Value {
    fn hide(value: &mut Value) {
        match value {
            Value::String(text) => *text = redact(text).into_owned(),
            Value::Array(items) => items.iter_mut().for_each(hide),
            Value::Object(entries) => entries.values_mut().for_each(hide),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut value = serde_json::to_value(what)
        .unwrap_or_else(|error| Value::String(format!("cannot be shown: {error}")));
    hide(&mut value);
    value
}
