//! `encode`: how a stream encodes the raw tracks of its feed.

use ffleet_types::live::{Away, Encode};
use ffleet_types::{Bytes, Span};

use super::feed::span_ms;
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
        fallback: Vec::new(),
    };
    block.absorb(encode);
    Some(Encode { fallback: fallback(block), ..read })
}

/// What viewers get while the source is away.
fn fallback(block: &mut Block<'_>) -> Vec<Away> {
    let mut all: Vec<Away> = Vec::new();
    for (at, text) in block.texts("fallback").unwrap_or_default() {
        let step = match text.parse::<Away>() {
            Ok(step) => step,
            Err(error) => {
                block.wrong_at(at, "fallback", error.to_string());
                continue;
            }
        };
        let wrong = match (&step, all.last()) {
            (Away::Hold(_), Some(_)) => Some("is said first, or not at all"),
            (_, Some(Away::Hold(None))) => Some("is never come to: `hold` lasts"),
            (_, Some(Away::End)) => Some("is never come to: nobody watches any more"),
            (Away::End, Some(Away::Slate(_) | Away::Feed(_))) => {
                Some("would end what is there instead: leave one of the two out")
            }
            (Away::Slate(_), _) if all.iter().any(|step| matches!(step, Away::Slate(_))) => {
                Some("is a second slate: keep one")
            }
            _ => None,
        };
        match wrong {
            Some(wrong) => block.wrong_at(at, "fallback", format!("{text:?} {wrong}")),
            None => all.push(step),
        }
    }
    match all.is_empty() {
        true => vec![Away::Hold(None)],
        false => all,
    }
}
