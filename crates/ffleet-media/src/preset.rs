//! Presets: recipes with names that mean what they say.
//!
//! A name is read by a small grammar instead of being looked up in a table, so that
//! `1440p50-vp9` exists without anybody having written it down, and what the name promises is
//! what the recipe holds: `1080p60-h264` has 1080 lines, 60 frames a second and H.264, also where
//! the input is smaller or slower (which the job then says).

use std::fmt;

use ffleet_types::{Bitrate, FrameRate};

use crate::codec::{AudioCodec, Container, VideoCodec};
use crate::nearest::nearest;
use crate::recipe::{
    Audio, AudioEncode, Effort, Gif, Recipe, Size, Subtitles, Thumbnail, Video, VideoEncode,
};

/// Lines of a picture by the name people give them.
const LINES: [(&str, u32); 5] =
    [("480p", 480), ("720p", 720), ("1080p", 1_080), ("1440p", 1_440), ("4k", 2_160)];
/// Frame rates that names may promise.
const RATES: [u32; 5] = [24, 25, 30, 50, 60];
/// Sound alone: name, codec, bits per second of a stereo track.
const SOUND: [(&str, AudioCodec, Option<Bitrate>, &str); 7] = [
    (
        "aac-128k",
        AudioCodec::Aac,
        Some(Bitrate::kbit(128)),
        "AAC, good for most things",
    ),
    (
        "aac-192k",
        AudioCodec::Aac,
        Some(Bitrate::kbit(192)),
        "AAC, hard to tell from the source",
    ),
    (
        "opus-64k",
        AudioCodec::Opus,
        Some(Bitrate::kbit(64)),
        "Opus, for speech and small files",
    ),
    (
        "opus-96k",
        AudioCodec::Opus,
        Some(Bitrate::kbit(96)),
        "Opus, good for most things",
    ),
    (
        "opus-128k",
        AudioCodec::Opus,
        Some(Bitrate::kbit(128)),
        "Opus, hard to tell from the source",
    ),
    ("mp3-192k", AudioCodec::Mp3, Some(Bitrate::kbit(192)), "MP3, for old players"),
    ("flac", AudioCodec::Flac, None, "FLAC, lossless"),
];
/// Longer side of `thumbnail` and `gif`, in pixels.
const THUMBNAIL: u32 = 640;
const GIF: u32 = 480;

/// The preset with this name, if there is one.
#[must_use]
pub fn builtin(name: &str) -> Option<Recipe> {
    match name {
        "copy" => Some(copy()),
        "thumbnail" => Some(thumbnail()),
        "gif" => Some(gif()),
        _ => sound(name).or_else(|| live(name)).or_else(|| encode(name)),
    }
}

/// The names of all presets, the commonest kinds first.
#[must_use]
pub fn names() -> Vec<String> {
    let mut names = Vec::new();
    for (lines, _) in LINES {
        for rate in std::iter::once(None).chain(RATES.map(Some)) {
            for codec in VideoCodec::ALL {
                let rate = rate.map_or_else(String::new, |rate| rate.to_string());
                names.push(format!("{lines}{rate}-{codec}"));
            }
        }
    }
    names.extend(VideoCodec::ALL.iter().map(|codec| format!("source-{codec}")));
    names.extend(LINES[..3].iter().map(|(lines, _)| format!("live-{lines}")));
    names.extend(SOUND.map(|(name, ..)| name.to_owned()));
    names.extend(["copy", "thumbnail", "gif"].map(str::to_owned));
    names
}

/// A preset that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    name: String,
    nearest: Option<String>,
}

impl Unknown {
    /// Says that `name` is neither a builtin preset nor one of `others` (a user's own), and
    /// finds the one that was most likely meant.
    #[must_use]
    pub fn new<'a>(name: &str, others: impl IntoIterator<Item = &'a str>) -> Self {
        let name: String = name.chars().take(80).collect();
        let words: Vec<String> = others.into_iter().map(str::to_owned).chain(names()).collect();
        let nearest = nearest(&name, words.iter().map(String::as_str)).map(str::to_owned);
        Self { name, nearest }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no preset {:?}", self.name)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean {nearest:?}?"),
            None => f.write_str("; `ffleet presets` lists them, such as 720p-h264 or aac-128k"),
        }
    }
}

impl std::error::Error for Unknown {}

/// The container where a target's name says none.
const fn container_of(codec: VideoCodec) -> Container {
    match codec {
        VideoCodec::H264 | VideoCodec::H265 | VideoCodec::Av1 => Container::Mp4,
        VideoCodec::Vp9 => Container::Webm,
    }
}

/// The sound that goes with a picture: Opus in WebM, AAC elsewhere.
const fn sound_of(codec: VideoCodec) -> Audio {
    let codec = match codec {
        VideoCodec::H264 | VideoCodec::H265 | VideoCodec::Av1 => AudioCodec::Aac,
        VideoCodec::Vp9 => AudioCodec::Opus,
    };
    Audio::Encode(AudioEncode { codec, bitrate: None })
}

/// `{480p,720p,1080p,1440p,4k}{24,25,30,50,60}?-{h264,h265,av1,vp9}` and `source-…`.
fn encode(name: &str) -> Option<Recipe> {
    let (picture, codec) = name.split_once('-')?;
    // By its own name: an alias such as `hevc` would make two presets of one.
    let codec = *VideoCodec::ALL.iter().find(|known| known.name() == codec)?;
    let (size, fps) = if picture == "source" {
        (None, None)
    } else {
        let (rest, lines) = LINES
            .iter()
            .find_map(|(text, lines)| picture.strip_prefix(text).map(|rest| (rest, *lines)))?;
        let fps = if rest.is_empty() {
            None
        } else {
            let rate = RATES.into_iter().find(|rate| rest == rate.to_string())?;
            Some(FrameRate::new(rate, 1)?)
        };
        (Some(Size::Lines(lines)), fps)
    };
    let size_words = match size {
        Some(Size::Lines(lines)) => format!("{lines} lines"),
        _ => "the input's size".to_owned(),
    };
    let rate_words = fps.map_or_else(
        || "the input's frame rate".to_owned(),
        |fps| format!("{fps} frames a second"),
    );
    Some(Recipe {
        description: format!("{} at {size_words}, {rate_words}", codec.name().to_uppercase()),
        container: Some(container_of(codec)),
        video: Video::Encode(VideoEncode {
            codec,
            size,
            fps,
            rate: None,
            effort: Effort::Balanced,
        }),
        audio: sound_of(codec),
        subtitles: Subtitles::Keep,
        duration: None,
        live: false,
    })
}

fn live(name: &str) -> Option<Recipe> {
    let wanted = name.strip_prefix("live-")?;
    let (_, lines) = *LINES[..3].iter().find(|(text, _)| *text == wanted)?;
    Some(Recipe {
        description: format!("H264 at {lines} lines for an audience that waits: no look-ahead"),
        container: Some(Container::Ts),
        video: Video::Encode(VideoEncode {
            codec: VideoCodec::H264,
            size: Some(Size::Lines(lines)),
            fps: None,
            rate: None,
            effort: Effort::Fast,
        }),
        audio: sound_of(VideoCodec::H264),
        subtitles: Subtitles::Drop,
        duration: None,
        live: true,
    })
}

fn sound(name: &str) -> Option<Recipe> {
    let (_, codec, bitrate, words) = SOUND.into_iter().find(|(known, ..)| *known == name)?;
    let container = match codec {
        AudioCodec::Aac => Container::M4a,
        AudioCodec::Opus => Container::Opus,
        AudioCodec::Mp3 => Container::Mp3,
        AudioCodec::Flac => Container::Flac,
        AudioCodec::Pcm => Container::Wav,
    };
    Some(Recipe {
        description: format!("Sound alone: {words}"),
        container: Some(container),
        video: Video::Drop,
        audio: Audio::Encode(AudioEncode { codec, bitrate }),
        subtitles: Subtitles::Drop,
        ..Recipe::default()
    })
}

fn copy() -> Recipe {
    Recipe {
        description: "The tracks as they are, in another container".to_owned(),
        container: Some(Container::Mkv),
        ..Recipe::default()
    }
}

fn thumbnail() -> Recipe {
    Recipe {
        description: format!("One picture at a tenth of the length, {THUMBNAIL} pixels long"),
        container: Some(Container::Jpg),
        video: Video::Thumbnail(Thumbnail { at: None, width: THUMBNAIL }),
        audio: Audio::Drop,
        subtitles: Subtitles::Drop,
        ..Recipe::default()
    }
}

fn gif() -> Recipe {
    Recipe {
        description: format!("An animated GIF, {GIF} pixels long, 12 frames a second"),
        container: Some(Container::Gif),
        video: Video::Gif(Gif {
            width: GIF,
            fps: FrameRate::new(12, 1).expect("12 is between 1/100 and 1000"),
        }),
        audio: Audio::Drop,
        subtitles: Subtitles::Drop,
        ..Recipe::default()
    }
}

#[cfg(test)]
mod tests;
