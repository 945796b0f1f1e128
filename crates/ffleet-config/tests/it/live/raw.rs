//! Raw tracks, and streams that encode them.

use ffleet_types::live::inputs::{CodedFormat, PictureFormat, PixelFormat, SampleFormat, Via};
use ffleet_types::live::stream::Recovery;
use ffleet_types::live::{Inputs, Source};
use ffleet_types::{Bytes, FrameRate, FrameSize, Span};

use super::live;
use crate::problems;

const STUDIO: &str = "
feeds:
  \"studio{n}\":
    for: { n: 1..2 }
    inputs:
      video: { fifo: \"/run/{n}.video\", format: rawvideo, size: 1280x720, fps: 30000/1001 }
      audio: { fifo: \"/run/{n}.audio\", format: f32le, rate: 44100, channels: 1 }
    when-full: drop-oldest
streams:
  \"studio{n}\": { for: { n: 1..2 }, feed: \"studio{n}\", encode: { preset: live-720p, recovery: cold, silence: 1s } }
";

#[test]
fn tracks_are_what_they_say_and_the_rest_has_defaults() {
    let live = live(STUDIO);
    let Source::Inputs(Inputs { video, audio, .. }) = &live.feeds["studio2"].source else {
        panic!("it has inputs");
    };
    let video = video.as_ref().unwrap();
    assert_eq!(video.via.to_string(), "/run/2.video");
    assert_eq!(video.fps, FrameRate::new(30_000, 1_001).unwrap());
    let size = FrameSize { width: 1_280, height: 720 };
    assert_eq!(video.format, PictureFormat::Raw { pixels: PixelFormat::Yuv420p, size });
    let audio = audio.as_ref().unwrap();
    assert_eq!((audio.format, audio.rate, audio.channels), (SampleFormat::F32le, 44_100, 1));
    let stream = &live.streams["studio2"];
    let encode = stream.encode.as_ref().unwrap();
    assert_eq!((encode.recovery, encode.silence), (Recovery::Cold, Span::secs(1)));
    assert_eq!((encode.backlog, stream.mimetype.as_str()), (Bytes::mib(64), "video/mp2t"));
}

/// What is wrong with these inputs of a feed.
fn inputs(words: &str) -> Vec<String> {
    problems(&format!("feeds:\n  a: {{inputs: {{{words}}}}}\n"))
}

/// What is wrong with a stream that encodes so.
fn stream(words: &str) -> Vec<String> {
    let video = "video: {fifo: /v, format: rawvideo, size: 16x16, fps: 1}";
    problems(&format!(
        "feeds:\n  a: {{inputs: {{{video}}}}}\n  b: {{push: http}}\n  \
         c: {{inputs: {{audio: {{fifo: /c, format: u8, rate: 8000}}}}}}\nstreams:\n  x: {{{words}}}\n"
    ))
}

#[test]
fn tracks_come_by_a_socket_or_in_bodies_that_are_said_once() {
    let text = "feeds:\n  a:\n    inputs: {socket: /run/a.sock, video: {format: hevc, fps: 25}, \
                audio: {fifo: /run/a, format: s16be, rate: 48000}}\n  b:\n    access: token\n    \
                inputs: {push: http, audio: {format: u8, rate: 8000}}\n";
    let live = live(text);
    let (Source::Inputs(a), Source::Inputs(b)) = (&live.feeds["a"].source, &live.feeds["b"].source)
    else {
        panic!("both have inputs");
    };
    let (video, audio) = (a.video.as_ref().unwrap(), a.audio.as_ref().unwrap());
    assert_eq!(video.via, Via::Socket("/run/a.sock".into()));
    assert_eq!(video.format, PictureFormat::Coded(CodedFormat::H265));
    assert_eq!(audio.via, Via::Fifo("/run/a".into()));
    assert_eq!((b.audio.as_ref().unwrap().via.clone(), b.are_pushed()), (Via::Push, true));
    assert_eq!(live.feeds["b"].access.to_string(), "token");
}

#[test]
fn mistakes_in_how_tracks_come_are_said_where_they_are() {
    let audio = "audio: {format: u8, rate: 8000}";
    let long = "x".repeat(107);
    for (words, said) in [
        (
            format!("socket: /s, push: http, {audio}"),
            "inputs.push: says `socket`, and `push`",
        ),
        (format!("socket: s, {audio}"), "\"s\" is not the path of a socket"),
        (
            format!("socket: /{long}, {audio}"),
            "has 108 bytes, and the path of a socket 107 at most",
        ),
        (format!("push: rtmp, {audio}"), "inputs.push: \"rtmp\" is not a way to push"),
        (
            "socket: /s, audio: {fifo: /a, format: u8, rate: 8000}".to_owned(),
            "inputs.socket: each track has a FIFO of its own",
        ),
        (
            "video: {fifo: /v, format: h264, size: 16x16, fps: 1}".to_owned(),
            "video.size: h264 does not need it: leave it out",
        ),
        (
            "video: {fifo: /v, format: rawvideo, pixel-format: rgba, size: 16384x16384, fps: 1}"
                .to_owned(),
            "has 1073741824 bytes a frame, of 268435456 at most",
        ),
    ] {
        let found = inputs(&words);
        assert_eq!(found.len(), 1, "{words}: {found:#?}");
        assert!(found[0].contains(said), "{words}: {found:#?}");
    }
}

#[test]
fn coded_pictures_are_decoded_unless_the_preset_copies_them() {
    let coded = |source: &str, encode: &str| {
        format!(
            "feeds:\n  a: {{{source}}}\nstreams:\n  x: {{feed: a, encode: {{preset: {encode}}}\n"
        )
    };
    for source in [
        "inputs: {video: {fifo: /v, format: h264, fps: 25}}",
        "inputs: {container: {fifo: /v, format: mpegts}}",
        "command: camera",
        "push: http",
    ] {
        for encode in ["copy}, fallback: [hold 2s, end]", "live-720p}, fallback: [slate /x.png]"] {
            let text = coded(source, encode);
            assert!(live(&text).streams["x"].encode.is_some(), "{text}");
        }
        let found = problems(&coded(source, "copy}, fallback: ['slate /x.png']"));
        assert_eq!(found.len(), 1, "{source}: {found:#?}");
        assert!(found[0].contains("have no slate and no other feed"), "{found:#?}");
    }
}

#[test]
fn container_has_all_tracks_and_says_what_they_are() {
    let text = "feeds:\n  a: {inputs: {container: {fifo: /run/a.ts, format: mpegts}}, when-full: drop-newest}\n  \
                b: {inputs: {socket: /run/b, container: {format: mpegts}}}\n  \
                c: {inputs: {push: http, container: {format: mpegts}}, access: key}\n";
    let live = live(text);
    let via = |name: &str| match &live.feeds[name].source {
        Source::Inputs(inputs) => inputs.container.as_ref().unwrap().via.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(via("a"), Via::Fifo("/run/a.ts".into()));
    assert_eq!((via("b"), via("c")), (Via::Socket("/run/b".into()), Via::Push));
    for (words, said) in [
        (
            "container: {fifo: /a}",
            "container: has no `format`: say it, such as `format: mpegts`",
        ),
        ("container: {fifo: /a, format: mkv}", "a container: mpegts"),
        ("container: {format: mpegts}", "container: has no `fifo`"),
        (
            "container: {fifo: /a, format: mpegts}, audio: {fifo: /b, format: u8, rate: 8000}",
            "inputs.audio: says `audio`, and `container`",
        ),
        (
            "container: {fifo: /a, format: mpegts, fps: 25}",
            "container.fps: there is no such key",
        ),
        (
            "push: http, container: {fifo: /a, format: mpegts}",
            "each track has a FIFO of its own",
        ),
    ] {
        let found = inputs(words);
        assert!(found.iter().any(|problem| problem.contains(said)), "{words}: {found:#?}");
    }
}

#[test]
fn mistakes_in_tracks_are_said_where_they_are() {
    for (words, said) in [
        ("", "feeds.a.inputs: has no track: say `video`, `audio` or both"),
        ("vidio: {}", "feeds.a.inputs.vidio: there is no such key: is `video` meant?"),
        (
            "video: {format: rawvideo, size: 16x16, fps: 25}",
            "feeds.a.inputs.video: has no `fifo`",
        ),
        ("video: {fifo: /v, size: 16x16, fps: 25}", "has no `format`: say it, such as"),
        ("video: {fifo: /v, format: rawvideo, fps: 25}", "has no `size`: say it"),
        ("video: {fifo: /v, format: rawvideo, size: 16x16}", "has no `fps`: say it"),
        (
            "video: {fifo: /v, format: mjpeg, size: 16x16, fps: 1}",
            "\"mjpeg\" is not how a picture is pushed",
        ),
        (
            "video: {fifo: v, format: rawvideo, size: 16x16, fps: 1}",
            "is not the path of a FIFO",
        ),
        (
            "video: {fifo: /v, format: rawvideo, pixel-format: yuv420, size: 16x16, fps: 1}",
            "a pixel format: yuv420p",
        ),
        (
            "video: {fifo: /v, format: rawvideo, size: 0x16, fps: 1}",
            "a picture size from 16x16",
        ),
        ("audio: {fifo: /a, format: s16, rate: 48000}", "a sample format: u8"),
        (
            "audio: {fifo: /a, format: s16le, rate: 1}",
            "1 is out of range: choose from 8000 to 192000",
        ),
        (
            "audio: {fifo: /a, format: s16le, rate: 48000, channels: 9}",
            "9 is out of range",
        ),
        (
            "video: {fifo: /v, format: rawvideo, size: 16x16, fps: 1}, audio: {fifo: /v, format: u8, rate: 8000}",
            "/v is where the picture comes too",
        ),
    ] {
        let found = inputs(words);
        assert!(found.iter().any(|problem| problem.contains(said)), "{words}: {found:#?}");
    }
}

#[test]
fn mistakes_in_streams_are_said_where_they_are() {
    for (words, said) in [
        ("feed: a", "has raw tracks, which nobody can watch: say how they are encoded"),
        ("feed: a, encode: {}", "streams.x.encode: has no `preset`"),
        ("feed: a, encode: {preset: x, recovery: warm}", "cold, spare or hot"),
        ("feed: a, encode: {preset: x, backlog: 1KiB}", "out of range"),
        (
            "feed: a, encode: {preset: x}, mimetype: video/mp4",
            "get an MPEG transport stream",
        ),
        ("feed: a, encode: {preset: x}, command: y", "says `encode`, and `command`"),
        (
            "feed: a, encode: {preset: x}, fallback: [slate x.png]",
            "a fallback: `hold`, `hold 2s`, `slate /PATH`",
        ),
        (
            "feed: a, encode: {preset: x}, fallback: [hold, slate /x]",
            "is never come to: `hold` lasts",
        ),
        (
            "feed: a, encode: {preset: x}, fallback: [slate /x, hold 2s]",
            "is said first, or not at all",
        ),
        (
            "feed: a, encode: {preset: x}, fallback: [slate /x, end]",
            "would end what is there instead",
        ),
        (
            "feed: a, encode: {preset: x}, fallback: [slate /x, slate /y]",
            "is a second slate",
        ),
        (
            "feed: a, encode: {preset: x}, fallback: [feed a]",
            "is the feed that it is shown instead of",
        ),
        ("feed: a, encode: {preset: x}, fallback: [feed b]", "b is no feed with `inputs`"),
        (
            "feed: a, encode: {preset: x}, fallback: [feed c]",
            "c has other tracks: format, size",
        ),
        (
            "feed: b, mimetype: video/mp2t, fallback: [hold]",
            "only a stream with `encode` has one",
        ),
        ("encode: {preset: x}, command: y", "there is no feed to encode"),
        (
            "feed: b, encode: {preset: x}, fallback: [feed a]",
            "has raw tracks, and what it is shown",
        ),
    ] {
        let found = stream(words);
        assert!(found.iter().any(|problem| problem.contains(said)), "{words}: {found:#?}");
    }
    let found = problems(
        "feeds:\n  a: {inputs: {audio: {fifo: /a, format: u8, rate: 8000}}, ring-bytes: 1MiB}\n  \
         b: {command: x, feed: a, when-full: block}\n",
    );
    for said in [
        "raw tracks have no ring",
        "a command cannot read raw tracks",
        "only `inputs` have it",
    ] {
        assert!(found.iter().any(|problem| problem.contains(said)), "{said}: {found:#?}");
    }
}
