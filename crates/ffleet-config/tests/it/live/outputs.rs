//! Outputs of streams.

use ffleet_types::live::Output;
use ffleet_types::live::output::{Container, To, Url};
use ffleet_types::{Bytes, Span};

use crate::{config, problems};

/// A stream with these outputs.
fn with(outputs: &str) -> String {
    format!(
        "feeds:\n  studio: {{inputs: {{audio: {{fifo: /a, format: s16le, rate: 44100}}}}}}\n\
         streams:\n  studio:\n    feed: studio\n    encode: {{preset: live-480p}}\n    outputs: {outputs}\n"
    )
}

fn outputs(text: &str) -> Vec<Output> {
    let live = config(&with(text)).live;
    live.streams["studio"].outputs.clone()
}

#[test]
fn outputs_are_addresses_and_recordings() {
    let read = outputs(
        "[\"rtmp://a.example/live/KEY\", {url: \"rtmps://b.example/live/KEY\", ring-bytes: 64MiB}, \
         \"srt://c.example:9000?latency=200000\", {record: {path: /media/a-%Y%m%d.mkv, split: 1h}, ring-bytes: 8MiB}, \
         {record: {path: /media/b.mp4}}]",
    );
    let url = |text: &str| Url(text.to_owned());
    assert_eq!(
        read[0],
        Output { to: To::Rtmp(url("rtmp://a.example/live/KEY")), ring: Bytes::mib(32) }
    );
    assert_eq!(
        read[1],
        Output { to: To::Rtmp(url("rtmps://b.example/live/KEY")), ring: Bytes::mib(64) }
    );
    assert_eq!(read[2].to, To::Srt(url("srt://c.example:9000?latency=200000")));
    let To::Record(record) = &read[3].to else {
        panic!("{:?}", read[3])
    };
    assert_eq!(
        (record.split, record.path.container()),
        (Some(Span::secs(3_600)), Container::Matroska)
    );
    assert_eq!(read[3].ring, Bytes::mib(8));
    assert!(matches!(&read[4].to, To::Record(record) if record.split.is_none()));
    assert_eq!(outputs("[]"), []);
}

#[test]
fn mistakes_in_outputs_are_told_without_their_secrets() {
    for (text, said) in [
        ("rtmp://a/live/SECRET", "streams.studio.outputs: is no list"),
        ("[\"rtmp://a/SECRET\"]", "outputs[0]: byte"),
        ("[\"http://u:SECRET@a/b\"]", "outputs[0]: http:// is no output"),
        ("[\"SECRET\"]", "outputs[0]: is no output"),
        ("[\"srt://a?passphrase=SECRET\"]", "outputs[0]: is no address of SRT"),
        ("[{url: \"rtmp://SECRET@a/live/b\"}]", "outputs[0].url: byte 7: a user's name"),
        ("[{}]", "outputs[0]: has neither a `url` nor a `record`"),
        (
            "[{url: \"rtmp://a/b/c\", record: {path: /a.ts}}]",
            "outputs[0].record: is another output",
        ),
        ("[{record: {split: 1h}}]", "outputs[0].record: has no `path`"),
        (
            "[{record: {path: a.mkv}}]",
            "outputs[0].record.path: \"a.mkv\" is not the whole path",
        ),
        (
            "[{record: {path: /a.mkv, split: 10ms}}]",
            "outputs[0].record.split: 10ms is out of range",
        ),
        ("[{record: {path: /a.mkv, spilt: 1h}}]", "is `split` meant?"),
        (
            "[{url: \"rtmp://a/b/c\", ring-bytes: 1KiB}]",
            "outputs[0].ring-bytes: 1KiB is out of range",
        ),
        ("[\"rtmp://a/b/c\", \"rtmp://a/b/c\"]", "outputs[1]: is there already"),
        ("[[]]", "outputs[0]: is no output"),
    ] {
        let told = problems(&with(text)).join("\n");
        assert!(told.contains(said), "{text}: {told}");
        assert!(!told.contains("SECRET"), "{told}");
    }
    let many: Vec<_> = (0..17).map(|n| format!("\"rtmp://a/b/c{n}\"")).collect();
    let told = problems(&with(&format!("[{}]", many.join(", ")))).join("\n");
    assert!(told.contains("outputs[16]: is one too many"), "{told}");
    let text = "feeds: {a: {push: http}}\nstreams: {a: {feed: a, mimetype: video/mp2t, outputs: [\"rtmp://a/b/c\"]}}";
    let told = problems(text).join("\n");
    assert!(
        told.contains("streams.a.outputs: only a stream with `encode` has them"),
        "{told}"
    );
}
