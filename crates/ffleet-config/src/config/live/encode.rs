//! `encode`: how a stream encodes the raw tracks of its feed.

use ffleet_types::live::Encode;
use ffleet_types::{Bytes, Span};

use super::feed::span_ms;
use super::outputs;
use crate::block::{Block, Trouble};

/// What it can say.
const WORDS: [&str; 4] = ["preset", "recovery", "backlog", "silence"];
/// Input that is held of each track. 46 frames of 720p, 20 of 1080p.
const BACKLOG: Bytes = Bytes::mib(64);
/// How long an encoder may give nothing.
const SILENCE: Span = span_ms(400);

/// What `block`, a stream, says of `encode`; nothing where it says nothing, or is wrong, which is noted.
pub(super) fn read(block: &mut Block<'_>) -> Option<Encode> {
    let mut encode = block.section("encode")?;
    encode.only(&WORDS);
    let preset = encode.read::<String>("preset");
    if preset.is_none() && !encode.says("preset") && !encode.is_broken() {
        let hint = "say one of `ffleet presets`, such as `preset: live-720p`";
        encode.wrong("", Trouble::new("has no `preset`", hint));
    }
    let read = Encode {
        preset: preset.unwrap_or_default(),
        recovery: encode.read("recovery").unwrap_or_default(),
        backlog: encode
            .within("backlog", &(Bytes::mib(1)..=Bytes::gib(8)))
            .unwrap_or(BACKLOG),
        silence: encode
            .within("silence", &(span_ms(100)..=Span::secs(60)))
            .unwrap_or(SILENCE),
        outputs: outputs::read(block),
    };
    block.absorb(encode);
    Some(read)
}
