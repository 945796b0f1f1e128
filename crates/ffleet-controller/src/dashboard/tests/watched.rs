//! Feeds and streams to look at.

use std::time::Duration;

use ffleet_api::live::{
    DecodedTrack, EncodedTrack, EncoderEvent, Encoding, Feed, FeedTotal, Input, Output, Stream,
    StreamTotal, Viewer,
};
use ffleet_api::problem::Code;
use ffleet_api::token::Token;
use ffleet_api::{Moment, Problem};
use ffleet_types::Timestamp;
use serde_json::{Value, json};

use super::sample::before;

/// One that is pushed to, and one that fails.
pub(super) fn feeds() -> Vec<Feed> {
    let broken = Feed {
        from: Some("ffmpeg -i 'rtsp://u:hush@cam.example/a' -metadata 'title=<b>x' -f mpjpeg -".into()),
        state: "waiting".into(),
        failures: 3,
        last_end: Some("it ended with 1: <script>alert(3)</script> rtsp://u:hush@cam.example/a: no such camera".into()),
        last_end_at: Some(before(12)),
        pid: Some(4_711),
        ..feed("studio")
    };
    let pushed = Feed { source: "push".into(), from: None, ..feed("pushed") };
    let raw = Feed {
        source: "inputs".into(),
        from: None,
        inputs: vec![
            input("video", "rawvideo yuv420p 1920x1080 at 30000/1001 fps", true),
            input("audio", "s16le 48000 Hz 2 channels", false),
        ],
        ..feed("raw")
    };
    vec![pushed, broken, raw]
}

/// A raw track.
fn input(track: &str, format: &str, written: bool) -> Input {
    Input {
        track: track.into(),
        from: format!("/run/ffleet/a-directory-with-a-long-name/{track}.fifo"),
        format: format.into(),
        written,
        writers: 12,
        received: 123_456_789,
        unfinished: 3,
    }
}

/// Moving pictures that one watches, and what is odd in every way.
pub(super) fn streams() -> Vec<Stream> {
    let cam = Stream {
        feed: Some("studio".into()),
        watching: vec![Viewer {
            address: "192.0.2.7:40112".into(),
            since: before(90),
            delivered_bytes: 8_000_000,
            lag_bytes: 1 << 20,
            skips: 2,
        }],
        ..stream("cam", "multipart/x-mixed-replace;boundary=ffmpeg")
    };
    let tv = Stream {
        command: Some(
            "ffmpeg -i 'https://h.example/?token=hush' -metadata '\"><img src=x>' -".into(),
        ),
        ..stream("tv", "\"><img src=x onerror=alert(4)>")
    };
    vec![cam, tv, encoded()]
}

/// What decodes a track before it is encoded.
fn decoder(pid: u32) -> DecodedTrack {
    DecodedTrack {
        units_in: 2_234_567,
        frames_out: 2_234_560,
        units_lost: 5,
        units_replayed: 60,
        units_waiting: 2,
        held_bytes: 3 << 20,
        most_bytes: 64 << 20,
        recoveries: 4,
        pid: Some(pid),
        spare_pid: Some(pid + 1),
    }
}

/// One that is encoded from what comes coded, and goes elsewhere too.
fn encoded() -> Stream {
    let track = |track: &str, pid| EncodedTrack {
        track: track.into(),
        frames_in: 1_234_567,
        frames_out: 1_234_560,
        frames_dropped: 12_345,
        frames_lost: 3,
        frames_replayed: 40,
        frames_waiting: 7,
        packets_doubled: 1,
        held_bytes: 20 << 20,
        backlog_bytes: 64 << 20,
        recoveries: 12,
        longest_gap_micros: 1_234_000,
        last_gap_micros: 40_000,
        pid,
        spare_pid: None,
        twin_pid: None,
        twin: (track == "video").then(|| "in step".to_owned()),
        packets_equal: 1_234_500,
        packets_different: 2,
        decoder: (track == "video").then(|| decoder(4_713)),
    };
    let event = |seconds, track: &str, what: &str| EncoderEvent {
        at: before(seconds),
        track: track.into(),
        what: what.into(),
    };
    Stream {
        feed: Some("raw".into()),
        encode: Some(Encoding {
            preset: "live-1080p".into(),
            recovery: "spare".into(),
            tracks: vec![track("video", Some(4_712)), track("audio", None)],
            events: vec![
                event(
                    90,
                    "video",
                    "the encoder 4711 was killed by SIGKILL; 4712 goes on after 40 ms",
                ),
                event(30, "output 2", "rtmps://b.example/live/hush: <b>refused</b>"),
            ],
        }),
        outputs: vec![
            output("rtmp://a.example/live/***", "sending", None),
            output(
                "srt://a-receiver-with-a-long-name.example:9000?***",
                "waiting",
                Some(
                    "its process has ended with 1: rtmps://b.example/live/hush: <script>alert(5)</script>",
                ),
            ),
            Output {
                file: Some("/srv/media/recordings/studio-20260131-120000.mkv".into()),
                ..output("/srv/media/recordings/studio-%Y%m%d-%H%M%S.mkv", "recording", None)
            },
        ],
        access: "token".into(),
        ..stream("studio", "video/mp2t")
    }
}

fn output(to: &str, state: &str, last_error: Option<&str>) -> Output {
    Output {
        to: to.into(),
        kind: "rtmp".into(),
        state: state.into(),
        since: before(600),
        sent_bytes: 123_456_789,
        dropped_packets: 1_234,
        doubled_packets: 40,
        reconnects: 12,
        behind_ms: 1_234,
        held_bytes: 12 << 20,
        ring_bytes: 32 << 20,
        last_error: last_error.map(str::to_owned),
        last_error_at: last_error.map(|_| before(61)),
        file: None,
        pid: None,
    }
}

/// A feed by its name, with a log.
pub(super) fn feed_of(feeds: &[Feed], name: &str) -> Result<(Feed, String), Problem> {
    let found = feeds.iter().find(|feed| feed.name == name).cloned();
    let log: String = (0..100).map(|line| format!("line {line}\n")).collect();
    let log = log + "<b>bold</b> rtsp://u:hush@cam.example/a\n";
    let missing = || Problem::new(Code::FeedNotFound, format!("there is no feed {name:?}"));
    found.map(|feed| (feed, log)).ok_or_else(missing)
}

/// A stream by its name, with a log.
pub(super) fn stream_of(streams: &[Stream], name: &str) -> Result<(Stream, String), Problem> {
    let found = streams.iter().find(|stream| stream.name == name).cloned();
    let missing = || Problem::new(Code::StreamNotFound, format!("there is no stream {name:?}"));
    found.map(|one| (one, "<b>said</b>\n".to_owned())).ok_or_else(missing)
}

/// A token for a stream, until then; a year is the most.
pub(super) fn token_of(streams: &[Stream], name: &str, until: Timestamp) -> Result<Token, Problem> {
    let (stream, _) = stream_of(streams, name)?;
    if until.since(before(0).0) > Duration::from_secs(366 * 86_400) {
        return Err(Problem::new(Code::InvalidValue, "that is out of range"));
    }
    Ok(Token {
        token: "SIGNED".into(),
        purpose: "watch".into(),
        names: Vec::new(),
        address: None,
        expires_at: Moment(until),
        urls: vec![format!("https://media.example:8443{}?token=SIGNED", stream.path)],
    })
}

/// A feed that is live.
fn feed(name: &str) -> Feed {
    Feed {
        name: name.into(),
        origin: "file".to_owned(),
        source: "command".into(),
        from: Some("ffmpeg -f lavfi -i testsrc2 -f mpjpeg -".into()),
        feed: None,
        mode: "on-demand".into(),
        state: "live".into(),
        since: before(300),
        holders: 1,
        starts: 4,
        failures: 0,
        last_end: None,
        last_end_at: None,
        inputs: Vec::new(),
        pid: None,
        received_bytes: 4 << 20,
        held_bytes: 1 << 20,
        ring_bytes: 16 << 20,
        total: FeedTotal {
            since: before(86_400 * 9),
            received_bytes: 7 << 30,
            starts: 41,
            failures: 3,
            live_seconds: 7_200,
        },
        access: None,
    }
}

/// A stream that one watches.
pub(super) fn stream(name: &str, mimetype: &str) -> Stream {
    Stream {
        name: name.into(),
        origin: "file".to_owned(),
        path: format!("/stream/{name}"),
        kind: "stream".into(),
        client: "shared".into(),
        mimetype: mimetype.into(),
        feed: None,
        command: None,
        encode: None,
        outputs: Vec::new(),
        access: "open".into(),
        state: Some("live".into()),
        viewers: 1,
        viewers_total: 9,
        delivered_bytes: 8_000_000_000,
        skips: 1_234,
        cut: 1,
        shots: 0,
        total: StreamTotal {
            since: before(86_400 * 9),
            viewers: 77,
            delivered_bytes: 9_000_000_000_000,
            skips: 2_345,
            cut: 2,
            shots: 12,
        },
        watching: Vec::new(),
        looks: Vec::new(),
    }
}

/// A configuration with what is odd in every way.
pub(super) fn config() -> Value {
    json!({
        "listen": "127.0.0.1:8420", "names": [], "verify": null,
        "gateway": { "viewers": 10_000, "access": "token" },
        "feeds": [{ "name": "cam<b>", "source": { "pull": "http://u:***@cam.example/a" } }],
    })
}
