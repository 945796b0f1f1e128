//! `inputs`: the tracks that programs push into a feed, without a container or in one.

use std::path::PathBuf;

use ffleet_types::FrameSize;
use ffleet_types::live::Inputs;
use ffleet_types::live::inputs::{
    CodedFormat, Container, Picture, PictureFormat, PixelFormat, Sound, Via,
};

use super::feed::path;
use crate::block::{Block, Trouble};

/// What a picture can say.
const VIDEO: [&str; 5] = ["fifo", "format", "pixel-format", "size", "fps"];
/// What a sound can say.
const AUDIO: [&str; 4] = ["fifo", "format", "rate", "channels"];
/// What a container can say.
const CONTAINER: [&str; 2] = ["fifo", "format"];

/// The most bytes of a frame: what a connection carries.
const FRAME: u64 = 256 << 20;
/// The longest path of a socket (`unix(7)`).
const SOCKET: usize = 107;

/// The tracks that `block`, a feed, declares in `inputs`; nothing where they are wrong, which is noted.
pub(super) fn read(block: &mut Block<'_>) -> Option<Inputs> {
    let mut inputs = block.section("inputs")?;
    inputs.only(&["socket", "push", "video", "audio", "container"]);
    let common = common(&mut inputs);
    let video = inputs.section("video").map(|mut picture| {
        let read = video(&mut picture, &common);
        inputs.absorb(picture);
        read
    });
    let audio = inputs.section("audio").map(|mut sound| {
        let read = audio(&mut sound, &common);
        inputs.absorb(sound);
        read
    });
    let container = inputs.section("container").map(|mut container| {
        let read = whole(&mut container, &common);
        inputs.absorb(container);
        read
    });
    if let (Some(_), Some(word)) = (&container, other_than_container(&inputs)) {
        let hint = "leave one of the two out: a container says itself what its tracks are";
        let message = format!("says `{word}`, and `container`");
        inputs.wrong(word, Trouble::new(message, hint));
    } else if video.is_none() && audio.is_none() && container.is_none() && !inputs.is_broken() {
        let hint = "say `video`, `audio` or both, each with its `format`, or a `container`";
        inputs.wrong("", Trouble::new("has no track", hint));
    }
    let when_full = block.read("when-full").unwrap_or_default();
    let read = match (video, audio, container) {
        (Some(None), ..) | (_, Some(None), _) | (.., Some(None)) | (None, None, None) => None,
        (video, audio, container) => Some(Inputs {
            video: video.flatten(),
            audio: audio.flatten(),
            container: container.flatten(),
            when_full,
        }),
    };
    if let (Some(Via::Fifo(video)), Some(Via::Fifo(audio))) = ways(read.as_ref())
        && video == audio
    {
        let message = format!("{} is where the picture comes too", audio.display());
        inputs.wrong("audio", Trouble::new(message, "give each track a FIFO of its own"));
    }
    if let (Common::Via(via), Some(read)) = (&common, &read)
        && !read.vias().any(|of| of == via)
    {
        let word = if inputs.says("socket") { "socket" } else { "push" };
        let hint = "leave it out, or a `fifo`";
        inputs.wrong(word, Trouble::new("each track has a FIFO of its own", hint));
    }
    block.absorb(inputs);
    read
}

/// What is said of tracks that do not come in a container.
fn other_than_container(inputs: &Block<'_>) -> Option<&'static str> {
    ["video", "audio"].into_iter().find(|word| inputs.says(word))
}

/// A container with all tracks.
fn whole(block: &mut Block<'_>, common: &Common) -> Option<Container> {
    block.only(&CONTAINER);
    let via = via(block, common);
    let format = needed(block, "format", "mpegts");
    Some(Container { via: via?, format: format? })
}

/// How picture and sound come.
fn ways(inputs: Option<&Inputs>) -> (Option<&Via>, Option<&Via>) {
    let video = inputs.and_then(|inputs| inputs.video.as_ref());
    let audio = inputs.and_then(|inputs| inputs.audio.as_ref());
    (video.map(|picture| &picture.via), audio.map(|sound| &sound.via))
}

/// How tracks come that do not say it.
enum Common {
    Via(Via),
    /// What was said is wrong, which is noted.
    Wrong,
    None,
}

fn common(inputs: &mut Block<'_>) -> Common {
    if inputs.says("socket") && inputs.says("push") {
        let trouble = Trouble::new("says `socket`, and `push`", "leave one of the two out");
        inputs.wrong("push", trouble);
        return Common::Wrong;
    }
    let via = if inputs.says("socket") {
        inputs.text("socket").and_then(|text| match socket(&text) {
            Ok(path) => Some(Via::Socket(path)),
            Err(trouble) => {
                inputs.wrong("socket", trouble);
                None
            }
        })
    } else if inputs.says("push") {
        let is_http = super::feed::is_http(inputs);
        is_http.then_some(Via::Push)
    } else {
        return Common::None;
    };
    via.map_or(Common::Wrong, Common::Via)
}

/// The path of a socket.
fn socket(text: &str) -> Result<PathBuf, Trouble> {
    if text.len() > SOCKET {
        let message =
            format!("has {} bytes, and the path of a socket {SOCKET} at most", text.len());
        return Err(Trouble::new(message, "choose a shorter one"));
    }
    path(text, "a socket")
}

fn video(block: &mut Block<'_>, common: &Common) -> Option<Picture> {
    block.only(&VIDEO);
    let via = via(block, common);
    let format = match needed::<String>(block, "format", "rawvideo")?.as_str() {
        "rawvideo" => raw(block),
        "h264" => coded(block, CodedFormat::H264),
        "h265" | "hevc" => coded(block, CodedFormat::H265),
        other => {
            let message = format!("{other:?} is not how a picture is pushed");
            block.wrong("format", Trouble::new(message, "write rawvideo, h264 or h265"));
            None
        }
    };
    let fps = needed(block, "fps", "25");
    Some(Picture { via: via?, format: format?, fps: fps? })
}

fn raw(block: &mut Block<'_>) -> Option<PictureFormat> {
    let pixels: PixelFormat = block.read("pixel-format").unwrap_or(PixelFormat::Yuv420p);
    let size: FrameSize = needed(block, "size", "1280x720")?;
    let bytes = pixels.frame_bytes(size);
    if bytes > FRAME {
        let message = format!("{size} of {pixels} has {bytes} bytes a frame, of {FRAME} at most");
        block.wrong("size", Trouble::new(message, "choose a smaller one"));
        return None;
    }
    Some(PictureFormat::Raw { pixels, size })
}

fn coded(block: &mut Block<'_>, format: CodedFormat) -> Option<PictureFormat> {
    for word in ["pixel-format", "size"] {
        if block.says(word) {
            let hint = "leave it out: it is in the stream";
            block.wrong(word, Trouble::new(format!("{format} does not need it"), hint));
        }
    }
    Some(PictureFormat::Coded(format))
}

fn audio(block: &mut Block<'_>, common: &Common) -> Option<Sound> {
    block.only(&AUDIO);
    let via = via(block, common);
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

fn via(block: &mut Block<'_>, common: &Common) -> Option<Via> {
    if !block.says("fifo") {
        match common {
            Common::Via(via) => return Some(via.clone()),
            Common::Wrong => return None,
            Common::None => {}
        }
        let hint = "say it, or how all tracks come: `socket: PATH` or `push: http` in `inputs`";
        block.wrong("", Trouble::new("has no `fifo`", hint));
        return None;
    }
    let text = block.text("fifo")?;
    path(&text, "a FIFO")
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
