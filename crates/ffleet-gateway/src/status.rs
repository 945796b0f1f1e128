//! How feeds and streams are, for whoever asks.

use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use ffleet_api::Moment;
use ffleet_api::front::Of;
use ffleet_api::live::{Encoding, Feed, FeedTotal, Stream, StreamTotal, Viewer};
use ffleet_live::feed::State;
use ffleet_types::live::{Command, Name, Sort, Source};

use crate::encode::Health;
use crate::feed;
use crate::gateway::{Gateway, Tables};
use crate::output::Outputs;
use crate::{http, stream};

/// Viewers that are listed.
const LISTED: usize = 1_000;
/// What is read of a log at most.
const LOG: usize = 1 << 20;

pub(crate) fn feeds(gateway: &Gateway) -> Vec<Feed> {
    let tables = gateway.tables();
    let now = gateway.shop().clock.monotonic();
    let total = |feed: &feed::Feed| {
        let total = tables.feed_total(feed, now);
        FeedTotal {
            since: Moment(total.since),
            received_bytes: total.received,
            starts: total.runs,
            failures: total.failures,
            live_seconds: total.live_millis / 1_000,
        }
    };
    let one = |feed: &Arc<feed::Feed>| one_feed(feed, &tables, total(feed));
    tables.feeds.values().map(one).collect()
}

fn origin(tables: &Tables, sort: Sort, name: &Name) -> String {
    let is_ours = tables.of_api.contains(&(sort, name.clone()));
    if is_ours { "api" } else { "file" }.to_owned()
}

fn one_feed(feed: &feed::Feed, tables: &Tables, total: FeedTotal) -> Feed {
    let (spec, status) = (&feed.spec, feed.status());
    let (received_bytes, held_bytes) = feed.ring.counts();
    let (source, from) = match &spec.source {
        Source::Command(words) => ("command", Some(written(words))),
        Source::Push => ("push", None),
        Source::Pull(url) => ("pull", Some(url.clone())),
        Source::Fifo(path) => ("fifo", Some(path.display().to_string())),
        Source::Inputs(_) => ("inputs", None),
        // No feed of its own name.
        Source::Encode(encode) => ("encode", Some(encode.preset.clone())),
    };
    let (last_end_at, last_end) = status.last_end.unzip();
    Feed {
        name: spec.name.to_string(),
        origin: origin(tables, Sort::Feed, &spec.name),
        source: source.to_owned(),
        from,
        feed: spec.feed.as_ref().map(ToString::to_string),
        mode: spec.mode.to_string(),
        state: state(feed).to_owned(),
        since: Moment(status.since),
        holders: status.holders,
        starts: status.starts,
        failures: status.failures,
        last_end,
        last_end_at: last_end_at.map(Moment),
        pid: status.pid,
        received_bytes,
        held_bytes,
        ring_bytes: spec.ring.0,
        inputs: feed
            .hub()
            .filter(|_| feed.health().is_none())
            .map(|hub| hub.shown())
            .unwrap_or_default(),
        access: http::is_pushed(spec).then(|| spec.access.to_string()),
        total,
    }
}

/// What a feed is: as its machine says, unless it has none, or waits for somebody to push.
fn state(feed: &feed::Feed) -> &'static str {
    let state = feed.status().state;
    match feed.spec.source {
        _ if feed.refused().is_some() => "failed",
        Source::Push | Source::Inputs(_) if matches!(state, State::Starting { .. }) => "waiting",
        _ => state.name(),
    }
}

pub(crate) fn streams(gateway: &Gateway) -> Vec<Stream> {
    let tables = gateway.tables();
    tables
        .streams
        .values()
        .map(|stream| one_stream(stream, &tables))
        .collect()
}

pub(crate) fn stream(gateway: &Gateway, name: &str) -> Option<Stream> {
    let tables = gateway.tables();
    let stream = tables.streams.get(name)?;
    let watching = stream.accounts.list(LISTED);
    let watching = watching.iter().map(|account| Viewer {
        address: account.peer.to_string(),
        since: Moment(account.since),
        delivered_bytes: account.delivered(),
        lag_bytes: account.lag(),
        skips: account.skips(),
    });
    let looks = stream.trail.looks();
    let mut shown = one_stream(stream, &tables);
    if let (Some(encode), Some(health)) = (&mut shown.encode, health(stream)) {
        encode.events = health.shown();
        encode
            .events
            .extend(outputs(stream).map(Outputs::events).unwrap_or_default());
        encode.events.sort_by_key(|event| event.at.0);
    }
    Some(Stream { watching: watching.collect(), looks, ..shown })
}

fn health(stream: &stream::Stream) -> Option<&Health> {
    stream.shared.as_ref()?.health().map(Arc::as_ref)
}

fn outputs(stream: &stream::Stream) -> Option<&Outputs> {
    stream.shared.as_ref()?.outputs().map(Arc::as_ref)
}

/// How a stream encodes, if it does.
fn encoding(stream: &stream::Stream) -> Option<Encoding> {
    let (encode, shared) = stream.spec.encode.as_ref().zip(stream.shared.as_ref())?;
    let (health, hub) = shared.health().zip(shared.hub())?;
    Some(Encoding {
        preset: encode.preset.clone(),
        recovery: encode.recovery.to_string(),
        tracks: hub
            .kinds()
            .map(|kind| health.track(kind).shown(kind, encode.backlog))
            .collect(),
        events: Vec::new(),
    })
}

fn one_stream(stream: &stream::Stream, tables: &Tables) -> Stream {
    let (spec, totals) = (&stream.spec, stream.totals());
    let total = tables.stream_total(stream);
    let read = stream.shared.as_ref().or(stream.feed.as_ref());
    Stream {
        name: spec.name.to_string(),
        origin: origin(tables, Sort::Stream, &spec.name),
        path: spec.path.clone(),
        kind: spec.kind.to_string(),
        client: spec.client.to_string(),
        mimetype: spec.mimetype.clone(),
        feed: spec.feed.as_ref().map(ToString::to_string),
        command: spec.command.as_ref().map(written),
        encode: encoding(stream),
        outputs: outputs(stream).map(Outputs::shown).unwrap_or_default(),
        access: spec.access.to_string(),
        state: read.map(|feed| state(feed).to_owned()),
        viewers: totals.viewers,
        viewers_total: totals.came,
        delivered_bytes: totals.delivered,
        skips: totals.skips,
        cut: totals.cut,
        shots: stream.shots.count(),
        total: StreamTotal {
            since: Moment(total.since),
            viewers: total.viewers,
            delivered_bytes: total.delivered,
            skips: total.skips,
            cut: total.cut,
            shots: total.shots,
        },
        watching: Vec::new(),
        looks: Vec::new(),
    }
}

/// A command as a person would write it.
fn written(command: &Command) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,%+@".contains(c);
    let words = command.words().iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

pub(crate) fn log(gateway: &Gateway, of: Of<'_>) -> Option<Vec<u8>> {
    let (tables, shop) = (gateway.tables(), gateway.shop());
    let dir = match of {
        Of::Feed(name) => tables.feeds.get(name)?.logs(shop),
        Of::Stream(name) => shop.options.logs.join(tables.streams.get(name)?.label()),
    };
    let mut text = Vec::new();
    for (number, path) in runs(&dir) {
        text.extend_from_slice(format!("# run {number}\n").as_bytes());
        if let Err(error) = append(&path, &mut text) {
            text.extend_from_slice(format!("# it cannot be read: {error}\n").as_bytes());
        }
    }
    Some(text)
}

/// The first segments of the logs in `dir`, by run.
fn runs(dir: &Path) -> Vec<(u64, std::path::PathBuf)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut runs: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let number = name.to_str()?.strip_suffix(".log")?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    runs.sort();
    runs
}

fn append(path: &Path, text: &mut Vec<u8>) -> io::Result<()> {
    let mut offset = 0;
    while text.len() < LOG {
        let chunk = ffleet_guard::log::read(path, offset, LOG - text.len())?;
        if chunk.bytes.is_empty() {
            return Ok(());
        }
        if chunk.offset > offset {
            text.extend_from_slice(b"\n# ...\n");
        }
        text.extend_from_slice(&chunk.bytes);
        offset = chunk.next();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_is_shown_as_it_would_be_written() {
        let words = ["ffmpeg", "-i", "a b", "", "it's"].map(str::to_owned).to_vec();
        let command = Command::try_from(words).unwrap();
        assert_eq!(written(&command), r"ffmpeg -i 'a b' '' 'it'\''s'");
    }
}
