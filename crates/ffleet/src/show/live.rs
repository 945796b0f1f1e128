//! Feeds and streams as they were declared, without the secrets in their commands and addresses.

use std::collections::BTreeMap;

use ffleet_api::declare::{LeftOut, Reload};
use ffleet_config::config::{Gateway, Live};
use ffleet_media::Recipe;
use ffleet_telemetry::redact;
use ffleet_telemetry::redact::command_line;
use ffleet_types::Bytes;
use ffleet_types::live::inputs::{Picture, PictureFormat};
use ffleet_types::live::stream::{Client, Kind};
use ffleet_types::live::{Command, Feed, Source, Stream};
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
    let mut feeds =
        Table::new(&[left("FEED"), left("MODE"), left("RING"), left("READS"), left("SOURCE")]);
    for feed in live.feeds.values() {
        let reads = feed.feed.as_ref().map_or_else(String::new, ToString::to_string);
        let command = match &feed.source {
            Source::Command(command) => Some(command),
            _ => None,
        };
        let ring = ring(feed.ring, command);
        feeds.row(&[feed.name.to_string(), feed.mode.to_string(), ring, reads, source(feed)]);
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

/// What the rings of all feeds and streams may hold, biggest first.
fn rings(live: &Live) -> Vec<Bytes> {
    // A stream that passes a feed on has none, and neither has one whose viewers have a command each.
    let own = |stream: &&Stream| {
        let is_shared = stream.kind == Kind::Stream && stream.client == Client::Shared;
        (stream.command.is_some() || stream.encode.is_some()) && is_shared
    };
    let own = live.streams.values().filter(own).map(|stream| stream.ring);
    let feeds = live.feeds.values().map(|feed| feed.ring).filter(|ring| ring.0 > 0);
    let backlogs = live.streams.values().filter_map(|stream| {
        let encode = stream.encode.as_ref()?;
        match &live.feeds.get(stream.feed.as_ref()?)?.source {
            Source::Inputs(inputs) => {
                Some(encode.backlogs(inputs.tracks() + inputs.coded_tracks()))
            }
            _ => Some(encode.backlogs(2 * ffleet_types::live::TRACKS)),
        }
    });
    let outputs = live.streams.values().flat_map(|stream| &stream.outputs);
    let outputs = outputs.map(|output| output.ring);
    let mut all: Vec<_> = feeds.chain(own).chain(backlogs).chain(outputs).collect();
    all.sort_by(|one, other| other.cmp(one));
    all
}

/// Streams that cannot be encoded as they say, for want of their preset.
pub(crate) fn unknown_presets(live: &Live, own: &BTreeMap<String, Recipe>) -> Vec<String> {
    let unknown = |stream: &Stream| {
        let name = &stream.encode.as_ref()?.preset;
        let is_known = own.contains_key(name) || ffleet_media::preset::builtin(name).is_some();
        let names = own.keys().map(String::as_str);
        let why = || ffleet_media::preset::Unknown::new(name, names);
        (!is_known).then(|| format!("streams.{}.encode.preset: {}", stream.name, why()))
    };
    live.streams.values().filter_map(unknown).collect()
}

/// What the rings add up to beside the memory of the node, in a line; and a warning if that is too much.
pub(crate) fn memory(live: &Live, memory: Bytes) -> (String, Option<String>) {
    let all = rings(live);
    let sum = Bytes(all.iter().fold(0_u64, |sum, ring| sum.saturating_add(ring.0)));
    let Some(&most) = all.first() else {
        return (String::new(), None);
    };
    let number = count(all.len() as u64, "ring");
    let (most, each) = (most.human(), most.0 * 8 / 5_000_000);
    let line = format!(
        "{number}, {} of memory together, of {}; the largest, {most}, holds {each} s at 5 Mbit/s\n",
        sum.human(),
        memory.human()
    );
    let warning = (sum > memory).then(|| {
        let (sum, memory) = (sum.human(), memory.human());
        format!(
            "rings: {sum} together do not fit into {memory} of memory: the last ones are refused"
        )
    });
    (line, warning)
}

/// How many processes encode raw tracks, in a line; nothing where there is none.
pub(crate) fn encoders(live: &Live) -> String {
    let tracks = live.streams.values().filter_map(|stream| {
        let encode = stream.encode.as_ref()?;
        let Source::Inputs(inputs) = &live.feeds.get(stream.feed.as_ref()?)?.source else {
            return None;
        };
        let is_raw = |picture: &Picture| matches!(picture.format, PictureFormat::Raw { .. });
        let pictures = u64::from(inputs.video.as_ref().is_some_and(is_raw));
        Some((encode.recovery, pictures + u64::from(inputs.audio.is_some())))
    });
    let (mut all, mut working) = (0, 0);
    for (recovery, tracks) in tracks {
        let (processes, of_them) = recovery.processes();
        all += processes * tracks;
        working += of_them * tracks;
    }
    match all {
        0 => String::new(),
        1 => "1 process that encodes\n".to_owned(),
        _ => format!("{all} processes of encoders, of which {working} work at once\n"),
    }
}

/// For how many seconds the ring of what `command` makes lasts, if it says a bit rate.
fn lasts(ring: Bytes, command: Option<&Command>) -> Option<u64> {
    let words = command?.words();
    let said = words
        .windows(2)
        .filter(|pair| ["-b", "-b:v", "-b:a"].contains(&pair[0].as_str()));
    let rate = said.map(|pair| bits(&pair[1])).sum::<Option<u64>>()?;
    (ring.0 * 8).checked_div(rate)
}

/// A bit rate as FFmpeg has it: `4000000`, `4000k`, `4M`.
fn bits(text: &str) -> Option<u64> {
    let (digits, scale) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => text.strip_suffix('M').map_or((text, 1), |digits| (digits, 1_000_000)),
    };
    digits.parse::<u64>().ok()?.checked_mul(scale)
}

/// A ring, and how long it lasts if that is known.
fn ring(size: Bytes, command: Option<&Command>) -> String {
    match lasts(size, command) {
        Some(seconds) => format!("{} ({seconds} s)", size.human()),
        None => size.human(),
    }
}

/// All of them for programs.
pub(crate) fn json(live: &Live) -> Value {
    let feeds: Vec<Value> = live.feeds.values().map(masked).collect();
    let streams: Vec<Value> = live.streams.values().map(masked).collect();
    let Gateway { flush, viewers, send_buffer, access } = live.gateway;
    json!({
        "feeds": feeds,
        "streams": streams,
        "gateway": { "flush": flush, "viewers": viewers, "send-buffer": send_buffer, "access": access },
        "ring-bytes": rings(live).iter().map(|ring| ring.0).sum::<u64>(),
    })
}

fn source(feed: &Feed) -> String {
    match &feed.source {
        Source::Command(command) => command_line(command.words()),
        Source::Push => format!("whoever sends to /ingest/{}", feed.name),
        Source::Pull(address) => redact(address).into_owned(),
        Source::Fifo(path) => path.display().to_string(),
        Source::Inputs(inputs) => {
            inputs.vias().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
        Source::Encode(encode) => encode.preset.clone(),
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
