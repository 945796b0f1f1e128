//! Feeds and streams, as the file says them.

mod declared;
mod mistakes;
mod outputs;
mod raw;

use std::path::Path;

use ffleet_config::config::Live;
use ffleet_types::live::feed::{AtEnd, Fallback, Mode};
use ffleet_types::live::stream::{Access, Client, Kind, Slow};
use ffleet_types::live::{Name, Source};
use ffleet_types::{Bytes, Span};

use crate::{config, load, problems};

/// Fifty cameras, as a block each for feeds and streams.
const CAMERAS: &str = r#"
feeds:
  "cam{n}":
    for: { n: 1..50 }
    command: ffmpeg -rtsp_transport tcp -i 'rtsp://cam{n}.local/main' -c copy -f mpegts -
    mode: 10s
    silence: 5s
    fallback: [hold 30s, end]
    at-end: end
    ring-bytes: 16MiB
streams:
  "cam{n}":     { for: { n: 1..50 }, feed: "cam{n}", mimetype: video/mp2t }
  "cam{n}-png": { for: { n: 1..50 }, feed: "cam{n}", type: shot, mimetype: image/png, command: "png -", timeout: 3s, cache: 0s }
"#;

fn live(text: &str) -> Live {
    config(text).live
}

fn words(source: &Source) -> Vec<&str> {
    match source {
        Source::Command(command) => command.words().iter().map(String::as_str).collect(),
        other => panic!("{other:?} is no command"),
    }
}

fn names<'a>(names: impl Iterator<Item = &'a Name>) -> Vec<&'a str> {
    names.map(Name::as_str).collect()
}

#[test]
fn one_block_is_fifty_cameras() {
    let live = live(CAMERAS);
    assert_eq!((live.feeds.len(), live.streams.len()), (50, 100));
    let feed = &live.feeds["cam7"];
    assert_eq!(
        words(&feed.source),
        [
            "ffmpeg",
            "-rtsp_transport",
            "tcp",
            "-i",
            "rtsp://cam7.local/main",
            "-c",
            "copy",
            "-f",
            "mpegts",
            "-",
        ]
    );
    assert_eq!((feed.mode, feed.at_end), (Mode::Linger(Span::secs(10)), AtEnd::End));
    assert_eq!(feed.fallback, [Fallback::Hold(Some(Span::secs(30))), Fallback::End]);
    assert_eq!((feed.silence, feed.ring), (Some(Span::secs(5)), Bytes::mib(16)));
    let stream = &live.streams["cam50"];
    assert_eq!(
        (stream.feed.as_ref().unwrap().as_str(), stream.path.as_str()),
        ("cam50", "/stream/cam50")
    );
    let shot = &live.streams["cam1-png"];
    assert_eq!(
        (shot.kind, shot.timeout, shot.cache),
        (Kind::Shot, Span::secs(3), Span::secs(0))
    );
}

#[test]
fn variables_are_each_with_each_and_keep_their_zeros() {
    let live = live(
        "feeds:\n  \"{site}-{n}\":\n    for: {site: [north, south], n: [08..10, x]}\n    \
         command: [play, '{site}/{{n}}', 'a{n} b']\n",
    );
    assert_eq!(
        names(live.feeds.keys()),
        [
            "north-08", "north-09", "north-10", "north-x", "south-08", "south-09", "south-10",
            "south-x",
        ]
    );
    assert_eq!(words(&live.feeds["south-09"].source), ["play", "south/{n}", "a09 b"]);
}

#[test]
fn braces_are_braces_without_variables() {
    let live = live("feeds: {a: {command: 'x {n} {{ }'}}");
    assert_eq!(words(&live.feeds["a"].source), ["x", "{n}", "{{", "}"]);
}

#[test]
fn value_with_a_blank_stays_in_its_argument() {
    let live =
        live("feeds: {'cam{n}': {for: {n: [1], door: ['the front']}, command: 'x {door} b'}}");
    assert_eq!(words(&live.feeds["cam1"].source), ["x", "the front", "b"]);
}

#[test]
fn every_source_is_read() {
    let live = live(
        "feeds:\n  a: {push: http}\n  b: {pull: 'http://u:p@[::1]:80/x?y'}\n  c: {fifo: /run/c.ts}\n  \
         d: {command: [ffmpeg, -i, '-'], feed: a, silence: never}\n",
    );
    assert_eq!(live.feeds["a"].source, Source::Push);
    assert_eq!(live.feeds["b"].source, Source::Pull("http://u:p@[::1]:80/x?y".into()));
    assert_eq!(live.feeds["c"].source, Source::Fifo("/run/c.ts".into()));
    assert_eq!(live.feeds["d"].feed.as_ref().unwrap().as_str(), "a");
    assert_eq!(live.feeds["d"].silence, None);
}

#[test]
fn every_word_of_a_stream_is_read() {
    let live = live(
        "streams:\n  x: {command: 'make a', mimetype: 'multipart/x-mixed-replace;boundary=ffmpeg', \
         client: exclusive, url: /scary/vid, slow: cut, slow-after: 10s, viewers: 500, \
         ring-bytes: 1MiB, access: key}\n",
    );
    let stream = &live.streams["x"];
    assert_eq!(
        (stream.client, stream.slow, stream.access),
        (Client::Exclusive, Slow::Cut, Access::Key)
    );
    assert_eq!((stream.slow_after, stream.viewers), (Some(Span::secs(10)), Some(500)));
    assert_eq!((stream.path.as_str(), stream.ring), ("/scary/vid", Bytes::mib(1)));
    assert_eq!(stream.mimetype, "multipart/x-mixed-replace;boundary=ffmpeg");
}

#[test]
fn silent_feed_and_stream_have_the_defaults_that_are_promised() {
    let live = live("feeds: {a: {push: http}}\nstreams: {a: {feed: a, mimetype: video/mp2t}}\n");
    let feed = &live.feeds["a"];
    assert_eq!((feed.mode, feed.at_end), (Mode::OnDemand, AtEnd::Restart));
    assert_eq!((feed.silence, feed.ring), (Some(Span::secs(10)), Bytes::mib(8)));
    assert_eq!(feed.fallback, [Fallback::Hold(None)]);
    let stream = &live.streams["a"];
    assert_eq!((stream.kind, stream.client), (Kind::Stream, Client::Shared));
    assert_eq!((stream.slow, stream.slow_after, stream.viewers), (Slow::Skip, None, None));
    assert_eq!((stream.timeout, stream.cache), (Span::secs(10), Span::secs(1)));
    assert_eq!((stream.access, stream.ring), (Access::Open, Bytes::mib(8)));
    assert_eq!(
        (live.gateway.flush.to_string().as_str(), live.gateway.viewers),
        ("33ms", 10_000)
    );
    assert_eq!(live.gateway.send_buffer, Bytes::kib(256));
}

#[test]
fn gateway_says_who_may_watch_and_push_where_nobody_else_does() {
    let live = live(
        "gateway: {access: token}\n\
         feeds: {a: {push: http}, b: {push: http, access: open}, c: {command: x}}\n\
         streams: {a: {feed: a, mimetype: a/b}, b: {feed: b, mimetype: a/b, access: key}}\n",
    );
    let feeds = ["a", "b", "c"].map(|name| live.feeds[name].access);
    assert_eq!(feeds, [Access::Token, Access::Open, Access::Open]);
    assert_eq!(["a", "b"].map(|name| live.streams[name].access), [Access::Token, Access::Key]);
}

#[test]
fn gateway_has_bounds() {
    let live = live("gateway: {flush: 1ms, viewers: 1_000_000, send-buffer: 16MiB}");
    assert_eq!(
        (live.gateway.flush.to_string().as_str(), live.gateway.viewers),
        ("1ms", 1_000_000)
    );
    assert_eq!(live.gateway.send_buffer, Bytes::mib(16));
    for text in [
        "flush: 0ms",
        "flush: 2s",
        "viewers: 0",
        "viewers: 1000001",
        "send-buffer: 1KiB",
        "send-buffer: 1GiB",
        "flsh: 3ms",
    ] {
        problems(&format!("gateway: {{{text}}}"));
    }
}

#[test]
fn program_that_is_missing_is_warned_of_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("c.yaml");
    ffleet_base::write_atomic(&directory.path().join("ffmpeg"), b"", 0o755).unwrap();
    ffleet_base::write_atomic(&file, CAMERAS.as_bytes(), 0o600).unwrap();
    let inputs =
        crate::inputs(Some(Path::new(&file)), [("PATH", directory.path().to_str().unwrap())]);
    let warnings = ffleet_config::load(&inputs).unwrap().warnings;
    assert_eq!(
        warnings,
        [format!(
            "{}:13:96: streams.cam{{n}}-png.command: \"png\" is not in PATH",
            file.display()
        )]
    );
    let (_directory, loaded) = load("feeds: {a: {command: /nowhere/x}}");
    assert!(loaded.unwrap().warnings[0].ends_with("feeds.a.command: \"/nowhere/x\" is not there"));
}
