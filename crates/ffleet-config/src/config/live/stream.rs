//! `streams`: what can be watched.

use ffleet_types::Span;
use ffleet_types::live::stream::{Access, Client, Kind, Slow};
use ffleet_types::live::{Name, Stream};

use super::feed::{or_never, ring, span_ms};
use super::{encode, outputs, path};
use crate::block::{Block, Trouble};

/// What a stream can say.
pub(super) const WORDS: [&str; 17] = [
    "for",
    "feed",
    "command",
    "encode",
    "fallback",
    "outputs",
    "type",
    "client",
    "mimetype",
    "url",
    "slow",
    "slow-after",
    "viewers",
    "ring-bytes",
    "timeout",
    "cache",
    "access",
];
/// How long a shot may take.
const TIMEOUT: Span = Span::secs(10);
/// How old a shot may be.
const CACHE: Span = Span::secs(1);
/// What ffleet writes.
const TS: &str = "video/mp2t";
/// The longest media type.
const LONGEST: usize = 255;

/// The stream that `block` declares. `usual` says who may watch one that does not say.
pub(super) fn read(name: &Name, block: &mut Block<'_>, usual: Access) -> Option<Stream> {
    let kind = block.read("type").unwrap_or(Kind::Stream);
    let client = block.read("client").unwrap_or(Client::Shared);
    let feed = block.read::<Name>("feed");
    let command = block.command("command");
    let encode = encode::read(block);
    let outputs = outputs::read(block);
    check(block, kind, client);
    Some(Stream {
        name: name.clone(),
        feed,
        command,
        encode,
        outputs,
        kind,
        client,
        mimetype: mimetype(block).unwrap_or_default(),
        path: path(block, name),
        slow: block.read("slow").unwrap_or(Slow::Skip),
        slow_after: or_never(block, "slow-after", span_ms(100)..=Span::secs(86_400), None),
        viewers: block.within("viewers", &(1..=1_000_000)),
        ring: ring(block),
        timeout: block
            .within("timeout", &(span_ms(100)..=Span::secs(600)))
            .unwrap_or(TIMEOUT),
        cache: block
            .within("cache", &(Span::secs(0)..=Span::secs(86_400)))
            .unwrap_or(CACHE),
        access: block.read("access").unwrap_or(usual),
    })
}

/// Whether what it says goes together.
fn check(block: &mut Block<'_>, kind: Kind, client: Client) {
    let command = block.says("command");
    if !command && !block.says("feed") {
        let hint = "say which `feed` it passes on, or a `command` that makes it, or both";
        block.wrong("", Trouble::new("has neither a feed nor a command", hint));
    }
    for word in ["command", "client"] {
        if block.says("encode") && block.says(word) {
            let message = format!("says `encode`, and `{word}`");
            block.wrong(
                word,
                Trouble::new(message, "leave it out: ffleet runs the encoders, for all viewers"),
            );
        }
    }
    if block.says("fallback") && !block.says("encode") {
        let hint = "say it of the feed: `hold`, `hold 30s`, `end`";
        block.wrong("fallback", Trouble::new("only a stream with `encode` has one", hint));
    }
    if block.says("outputs") && !block.says("encode") {
        let hint = "say how it is encoded, as in `encode: {preset: live-720p}`, or leave it out";
        block.wrong("outputs", Trouble::new("only a stream with `encode` has them", hint));
    }
    if kind == Kind::Shot && !command {
        let hint = "say one that ends, such as `ffmpeg -i - -f image2pipe -c:v png -frames:v 1 -`";
        block
            .wrong("type", Trouble::new("a shot is what a command makes, and there is none", hint));
    }
    if client == Client::Exclusive && !command {
        let hint = "leave `client` out: each viewer of a feed has a place of its own in it";
        block.wrong("client", Trouble::new("there is no command to have to oneself", hint));
    }
    for word in ["timeout", "cache"] {
        if kind == Kind::Stream && block.says(word) {
            let message = "only a shot has one";
            block.wrong(word, Trouble::new(message, "write `type: shot`, or leave it out"));
        }
    }
}

/// What the stream says it is. There is no default: a player that is told the wrong type shows
/// nothing, and says nothing about why.
fn mimetype(block: &mut Block<'_>) -> Option<String> {
    if block.says("encode") {
        return encoded(block);
    }
    if !block.says("mimetype") {
        let hint = "say what viewers get: video/mp2t, image/jpeg, \
                    multipart/x-mixed-replace;boundary=ffmpeg, …";
        block.wrong("", Trouble::new("has no `mimetype`", hint));
        return None;
    }
    let text = block.text("mimetype")?;
    media_type(&text)
        .map_err(|trouble| block.wrong("mimetype", trouble))
        .ok()?;
    Some(text)
}

/// What viewers of a stream that ffleet encodes get.
fn encoded(block: &mut Block<'_>) -> Option<String> {
    let said = block.text("mimetype");
    if said.as_deref().is_some_and(|said| said != TS) {
        let message = "viewers of a stream with `encode` get an MPEG transport stream";
        block.wrong("mimetype", Trouble::new(message, format!("write {TS}, or leave it out")));
    }
    Some(TS.to_owned())
}

/// Whether `text` can be the value of a `Content-Type` (RFC 9110, 8.3.1).
pub(crate) fn media_type(text: &str) -> Result<(), Trouble> {
    let token = |text: &str| {
        let legal = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
        !text.is_empty() && text.bytes().all(legal)
    };
    let essence = text.split(';').next().unwrap_or_default().trim_end_matches(' ');
    let halves = essence
        .split_once('/')
        .is_some_and(|(kind, sub)| token(kind) && token(sub));
    let printable = text.bytes().all(|c| matches!(c, b' '..=b'~'));
    if halves && printable && text.len() <= LONGEST {
        return Ok(());
    }
    let hint = "write TYPE/SUBTYPE and its parameters, such as video/mp2t or image/png";
    Err(Trouble::new(format!("{text:?} is not a media type"), hint))
}

/// Where it answers.
fn path(block: &mut Block<'_>, name: &Name) -> String {
    let usual = format!("/stream/{name}");
    let Some(text) = block.text("url") else {
        return usual;
    };
    match path::legal(&text) {
        Ok(()) => text,
        Err(trouble) => {
            block.wrong("url", trouble);
            usual
        }
    }
}
