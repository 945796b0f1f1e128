//! `inputs`: the raw tracks that programs push into a feed.

use ffleet_types::live::Inputs;
use ffleet_types::live::inputs::{Picture, PictureFormat, Sound, Via};

use super::feed::fifo;
use crate::block::{Block, Trouble};

/// What a picture can say.
const VIDEO: [&str; 5] = ["fifo", "format", "pixel-format", "size", "fps"];
/// What a sound can say.
const AUDIO: [&str; 4] = ["fifo", "format", "rate", "channels"];

/// The tracks that `block`, a feed, declares in `inputs`; nothing where they are wrong, which is noted.
pub(super) fn read(block: &mut Block<'_>) -> Option<Inputs> {
    let mut inputs = block.section("inputs")?;
    inputs.only(&["video", "audio"]);
    let video = inputs.section("video").map(|mut picture| {
        let read = video(&mut picture);
        inputs.absorb(picture);
        read
    });
    let audio = inputs.section("audio").map(|mut sound| {
        let read = audio(&mut sound);
        inputs.absorb(sound);
        read
    });
    if video.is_none() && audio.is_none() && !inputs.is_broken() {
        let hint = "say `video`, `audio` or both, each with its `fifo` and `format`";
        inputs.wrong("", Trouble::new("has no track", hint));
    }
    if let (Some(Some(video)), Some(Some(audio))) = (&video, &audio)
        && video.via == audio.via
    {
        let message = format!("{} is where the picture comes too", audio.via);
        inputs.wrong("audio", Trouble::new(message, "give each track a FIFO of its own"));
    }
    block.absorb(inputs);
    let when_full = block.read("when-full").unwrap_or_default();
    match (video, audio) {
        (Some(None), _) | (_, Some(None)) | (None, None) => None,
        (video, audio) => {
            Some(Inputs { video: video.flatten(), audio: audio.flatten(), when_full })
        }
    }
}

fn video(block: &mut Block<'_>) -> Option<Picture> {
    block.only(&VIDEO);
    let via = via(block);
    let format = match needed::<String>(block, "format", "rawvideo")?.as_str() {
        "rawvideo" => {
            let pixels = block
                .read("pixel-format")
                .unwrap_or(ffleet_types::live::inputs::PixelFormat::Yuv420p);
            let size = needed(block, "size", "1280x720")?;
            Some(PictureFormat::Raw { pixels, size })
        }
        other => {
            let message = format!("{other:?} is not how a picture is pushed");
            block.wrong("format", Trouble::new(message, "write `format: rawvideo`"));
            None
        }
    };
    let fps = needed(block, "fps", "25");
    Some(Picture { via: via?, format: format?, fps: fps? })
}

fn audio(block: &mut Block<'_>) -> Option<Sound> {
    block.only(&AUDIO);
    let via = via(block);
    let format = needed(block, "format", "s16le");
    let rate = match block.says("rate") {
        true => block.within("rate", &(8_000..=192_000)),
        false => needed(block, "rate", "48000"),
    };
    let channels = match block.says("channels") {
        true => block.within("channels", &(1..=8)),
        false => Some(2),
    };
    Some(Sound { via: via?, format: format?, rate: rate?, channels: channels? })
}

fn via(block: &mut Block<'_>) -> Option<Via> {
    let text: String = needed(block, "fifo", "/run/ffleet/studio.video")?;
    fifo(&text)
        .map(Via::Fifo)
        .map_err(|trouble| block.wrong("fifo", trouble))
        .ok()
}

/// The value of `word`, which cannot be left out.
fn needed<T: crate::value::Value>(block: &mut Block<'_>, word: &str, such: &str) -> Option<T> {
    if block.says(word) {
        return block.read(word);
    }
    let hint = format!("say it, such as `{word}: {such}`");
    block.wrong("", Trouble::new(format!("has no `{word}`"), hint));
    None
}
