//! Who reads raw tracks.

use std::collections::BTreeMap;

use ffleet_types::live::{Away, Feed, Inputs, Name, Source, Stream};

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
            (Some(false) | None, Some(_))
                if stream.feed.is_none() || reads_raw(&stream.feed).is_some() =>
            {
                let hint = "name a feed that has `inputs`, or write a `command`";
                block.wrong("encode", Trouble::new("there are no raw tracks to encode", hint));
            }
            _ => {}
        }
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
