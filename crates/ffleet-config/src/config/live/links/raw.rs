//! Who reads raw tracks.

use std::collections::BTreeMap;

use ffleet_media::recipe::Video;
use ffleet_types::live::inputs::PictureFormat;
use ffleet_types::live::{Away, Encode, Feed, Inputs, Name, Source, Stream};

use crate::block::{Block, Trouble};
use crate::config::live::{Declared, Section};

/// Notes who reads raw tracks and cannot, and who encodes what is none.
pub(super) fn check(feeds: &mut Section<'_, Feed>, streams: &mut Section<'_, Stream>) {
    let of_feeds = feeds.all.iter().filter_map(|one| one.item.as_ref());
    let is_raw: BTreeMap<Name, bool> = of_feeds
        .map(|feed| (feed.name.clone(), matches!(feed.source, Source::Inputs(_))))
        .collect();
    let reads_raw = |feed: &Option<Name>| feed.as_ref().and_then(|feed| is_raw.get(feed)).copied();
    for Declared { item, block, .. } in &mut feeds.all {
        if item.as_ref().and_then(|feed| reads_raw(&feed.feed)) == Some(true) {
            let hint = "name a feed of bytes: raw tracks are read by streams with `encode`";
            block.wrong("feed", Trouble::new("a command cannot read raw tracks", hint));
        }
    }
    let raw: BTreeMap<Name, Inputs> = tracks(feeds);
    for Declared { item, block, .. } in &mut streams.all {
        let Some(stream) = item else { continue };
        instead(stream, block, &raw);
        match (reads_raw(&stream.feed), &stream.encode) {
            (Some(true), None) => {
                let hint = "say how they are encoded: `encode: {preset: live-720p}`";
                block.wrong("feed", Trouble::new("has raw tracks, which nobody can watch", hint));
            }
            (_, Some(_)) if stream.feed.is_none() => {
                let hint = "name a feed that has `inputs`, or gives MPEG-TS, or write a `command`";
                block.wrong("encode", Trouble::new("there is no feed to encode", hint));
            }
            (Some(_), Some(encode)) => {
                let inputs = stream.feed.as_ref().and_then(|feed| raw.get(feed));
                if let Some(trouble) = misfit(inputs, encode) {
                    block.wrong("encode", trouble);
                }
            }
            _ => {}
        }
    }
}

/// Why a preset that is built in cannot make a stream of what is pushed, or of a feed of bytes, which has no inputs. Those
/// of one's own are looked at when they are used.
fn misfit(inputs: Option<&Inputs>, encode: &Encode) -> Option<Trouble> {
    let preset = &encode.preset;
    let recipe = ffleet_media::preset::builtin(preset)?;
    let copies = recipe.video == Video::Copy;
    let is_other = |step: &Away| matches!(step, Away::Slate(_) | Away::Feed(_));
    if inputs.is_some_and(|inputs| inputs.container.is_none() && inputs.video.is_none()) {
        return None;
    }
    match inputs
        .and_then(|inputs| inputs.video.as_ref())
        .map(|picture| &picture.format)
    {
        Some(PictureFormat::Raw { .. }) if copies => {
            let hint = "choose one that encodes, such as `preset: live-720p`";
            let message = format!("{preset} copies pictures, and raw ones have to be encoded");
            Some(Trouble::new(message, hint))
        }
        Some(PictureFormat::Raw { .. }) => None,
        _ if copies && encode.fallback.iter().any(is_other) => {
            let hint = "leave out all but `hold` and `end`, or choose a preset that encodes";
            let message = "pictures that are copied have no slate and no other feed";
            Some(Trouble::new(message, hint))
        }
        _ => None,
    }
}

/// The raw tracks that there are.
fn tracks(feeds: &Section<'_, Feed>) -> BTreeMap<Name, Inputs> {
    let raw = |feed: &Feed| match &feed.source {
        Source::Inputs(inputs) => Some((feed.name.clone(), inputs.clone())),
        _ => None,
    };
    feeds.all.iter().filter_map(|one| raw(one.item.as_ref()?)).collect()
}

/// Notes feeds that are to be shown instead of another, and cannot.
fn instead(stream: &Stream, block: &mut Block<'_>, raw: &BTreeMap<Name, Inputs>) {
    let own = stream.feed.as_ref().and_then(|feed| raw.get(feed));
    let steps = stream.encode.iter().flat_map(|encode| &encode.fallback);
    for step in steps {
        let Away::Feed(name) = step else { continue };
        let why = match (own, raw.get(name)) {
            _ if Some(name) == stream.feed.as_ref() => "is the feed that it is shown instead of",
            (_, None) => "is no feed with `inputs`",
            (None, Some(_)) => "has raw tracks, and what it is shown instead of is decoded",
            (Some(own), Some(_)) if own.coded_tracks() > 0 => {
                "cannot be shown instead of what is decoded"
            }
            (Some(own), Some(other)) if !is_alike(own, other) => {
                "has other tracks: format, size, frames and samples a second must be the same"
            }
            _ => continue,
        };
        let hint = "name a feed with the same tracks, or a `slate /PATH`";
        block.wrong("fallback", Trouble::new(format!("{name} {why}"), hint));
    }
}

/// Whether what one gives can be taken for what the other does.
fn is_alike(one: &Inputs, other: &Inputs) -> bool {
    let picture = |of: &Inputs| of.video.as_ref().map(|video| (video.format.clone(), video.fps));
    let sound = |of: &Inputs| {
        of.audio
            .as_ref()
            .map(|audio| (audio.format, audio.rate, audio.channels))
    };
    picture(one) == picture(other) && sound(one) == sound(other)
}
