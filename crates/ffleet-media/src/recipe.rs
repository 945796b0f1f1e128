//! Recipes: what to do with media, said by what the result is to be, not by an engine's
//! options.

use std::fmt;

use ffleet_types::{Bitrate, FrameRate, FrameSize, Span};
use serde::{Deserialize, Serialize};

use crate::codec::{AudioCodec, Container, VideoCodec};

/// What to do with one input for one output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Recipe {
    /// For people, one line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The container where the target's extension means none; an extension that means one wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// The picture.
    pub video: Video,
    /// The sound.
    pub audio: Audio,
    /// The subtitles.
    pub subtitles: Subtitles,
    /// No more than this much of the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<Span>,
    /// For an audience that waits: no look-ahead, no B-frames, a keyframe every two seconds.
    pub live: bool,
}

/// What becomes of the picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Video {
    /// Taken over as it is.
    #[default]
    Copy,
    /// Left out.
    Drop,
    /// Encoded.
    Encode(VideoEncode),
    /// One picture of it.
    Thumbnail(Thumbnail),
    /// An animated GIF with a palette of its own.
    Gif(Gif),
}

/// How the picture is encoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VideoEncode {
    /// The codec.
    pub codec: VideoCodec,
    /// The size; by default the input's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// The frame rate; by default the input's own timing, variable if it varies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fps: Option<FrameRate>,
    /// How good, or how many bits; by default what the codec's tables say for the size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// How much effort goes into it.
    #[serde(default)]
    pub effort: Effort,
}

/// How large a picture is to be. Aspect ratio is always kept, sides are even.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    /// The shorter side has this many pixels, the other what the aspect ratio makes it. What
    /// `1080p` means, for upright pictures too.
    Lines(u32),
    /// Exactly this frame: scaled to fit and padded with black where the shapes differ.
    Frame(FrameSize),
}

/// How good, or how many bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rate {
    /// Constant quality on the codec's own scale: 0–51 for H.264 and H.265, 0–63 for AV1, VP9.
    Crf(u8),
    /// A bit rate on average, 1.5 times that at most over two seconds.
    Bitrate(Bitrate),
}

/// How much work an encoder puts into each frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effort {
    /// Faster than real time on little hardware.
    Fast,
    /// What the encoder's makers take for a fair bargain.
    #[default]
    Balanced,
    /// Half the speed, a few per cent fewer bits.
    Thorough,
}

/// What becomes of the sound. Every track of the input is kept, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audio {
    /// Taken over as it is.
    #[default]
    Copy,
    /// Left out.
    Drop,
    /// Encoded.
    Encode(AudioEncode),
}

/// How the sound is encoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AudioEncode {
    /// The codec.
    pub codec: AudioCodec,
    /// Bits per second of a stereo track; other layouts in proportion. By default the codec's
    /// customary one; of no effect on FLAC and PCM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<Bitrate>,
}

/// What becomes of subtitles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subtitles {
    /// Kept where the container can hold them, as text in its own form; what cannot be kept is
    /// said in the job.
    #[default]
    Keep,
    /// Left out.
    Drop,
}

/// One picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Thumbnail {
    /// Where to take it; by default at a tenth of the length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Span>,
    /// Its longer side in pixels.
    pub width: u32,
}

/// A GIF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Gif {
    /// Its longer side in pixels.
    pub width: u32,
    /// Its frame rate.
    pub fps: FrameRate,
}

/// What a submission changes in its recipe: `--bitrate`, `--crf`, `--size`, `--fps`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Overrides {
    /// Instead of the recipe's rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<Bitrate>,
    /// Instead of the recipe's rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crf: Option<u8>,
    /// Instead of the recipe's size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<FrameSize>,
    /// Instead of the recipe's frame rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: Option<FrameRate>,
}

/// A recipe that cannot be meant, or changes to it that make no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(String);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

impl Video {
    /// Whether a picture comes out.
    #[must_use]
    pub const fn is_kept(&self) -> bool {
        !matches!(self, Self::Drop)
    }
}

impl Recipe {
    /// Whether nothing is encoded.
    #[must_use]
    pub const fn copies_everything(&self) -> bool {
        matches!(self.video, Video::Copy | Video::Drop)
            && matches!(self.audio, Audio::Copy | Audio::Drop)
    }

    /// Checks what the types leave open: ranges, and parts that contradict each other.
    ///
    /// # Errors
    ///
    /// Says which key is wrong, and what it may be.
    pub fn check(&self) -> Result<(), Invalid> {
        if matches!((&self.video, &self.audio), (Video::Drop, Audio::Drop)) {
            return Err(Invalid("video and audio are both left out: nothing remains".to_owned()));
        }
        match &self.video {
            Video::Copy | Video::Drop => {}
            Video::Encode(encode) => encode.check()?,
            Video::Thumbnail(thumbnail) => side("video.thumbnail.width", thumbnail.width)?,
            Video::Gif(gif) => side("video.gif.width", gif.width)?,
        }
        if let Audio::Encode(AudioEncode { bitrate: Some(rate), .. }) = self.audio
            && !(6_000..=512_000).contains(&rate.0)
        {
            return Err(Invalid(format!("audio bit rate {rate} is not between 6k and 512k")));
        }
        if self.duration.is_some_and(|span| span.0.is_zero()) {
            return Err(Invalid("duration is zero: leave it out for the whole input".to_owned()));
        }
        Ok(())
    }

    /// This recipe with `changes` made to it.
    ///
    /// # Errors
    ///
    /// Says which change does not fit: a size for sound alone, quality and bit rate at once.
    pub fn with(mut self, changes: &Overrides) -> Result<Self, Invalid> {
        if changes.bitrate.is_some() && changes.crf.is_some() {
            return Err(Invalid("a bit rate and a crf contradict each other: give one".to_owned()));
        }
        match (&mut self.video, &mut self.audio) {
            (Video::Encode(video), _) => {
                video.rate = changes
                    .bitrate
                    .map(Rate::Bitrate)
                    .or_else(|| changes.crf.map(Rate::Crf))
                    .or(video.rate);
                video.size = changes.size.map(Size::Frame).or(video.size);
                video.fps = changes.fps.or(video.fps);
            }
            (Video::Drop, Audio::Encode(audio)) => {
                if changes.crf.is_some() || changes.size.is_some() || changes.fps.is_some() {
                    let why =
                        "a crf, size or frame rate was asked for, but the recipe makes sound alone";
                    return Err(Invalid(why.to_owned()));
                }
                audio.bitrate = changes.bitrate.or(audio.bitrate);
            }
            (Video::Gif(gif), _) => {
                if changes.bitrate.is_some() || changes.crf.is_some() || changes.size.is_some() {
                    let why = "a GIF has no bit rate or crf, and its size is the recipe's `width`";
                    return Err(Invalid(why.to_owned()));
                }
                gif.fps = changes.fps.unwrap_or(gif.fps);
            }
            (Video::Copy | Video::Drop | Video::Thumbnail(_), _) => {
                if *changes != Overrides::default() {
                    let why = "a bit rate, crf, size or frame rate was asked for, but the recipe \
                               encodes no video: choose one that does, such as 720p-h264";
                    return Err(Invalid(why.to_owned()));
                }
            }
        }
        self.check()?;
        Ok(self)
    }
}

impl VideoEncode {
    fn check(&self) -> Result<(), Invalid> {
        match self.size {
            Some(Size::Lines(lines)) => side("video.encode.size.lines", lines)?,
            Some(Size::Frame(frame)) => {
                side("width", frame.width)?;
                side("height", frame.height)?;
            }
            None => {}
        }
        match self.rate {
            Some(Rate::Crf(crf)) if crf > self.codec.crf_limit() => Err(Invalid(format!(
                "crf {crf} is not between 0 and {}, the scale of {}",
                self.codec.crf_limit(),
                self.codec
            ))),
            Some(Rate::Bitrate(rate)) if !(10_000..=1_000_000_000).contains(&rate.0) => {
                Err(Invalid(format!("video bit rate {rate} is not between 10k and 1G")))
            }
            _ => Ok(()),
        }
    }
}

/// Checks that a side of a picture is one that encoders take.
fn side(key: &str, pixels: u32) -> Result<(), Invalid> {
    if (16..=16_384).contains(&pixels) {
        Ok(())
    } else {
        Err(Invalid(format!("{key} {pixels} is not between 16 and 16384 pixels")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::builtin;

    fn changed(preset: &str, changes: Overrides) -> Result<Recipe, Invalid> {
        builtin(preset).unwrap().with(&changes)
    }

    #[test]
    fn changes_replace_what_the_recipe_says() {
        let size = FrameSize { width: 640, height: 360 };
        let changes = Overrides {
            crf: Some(30),
            size: Some(size),
            fps: FrameRate::new(25, 1),
            ..Overrides::default()
        };
        let Video::Encode(video) = changed("1080p60-h264", changes).unwrap().video else {
            panic!("it encodes");
        };
        assert_eq!(video.rate, Some(Rate::Crf(30)));
        assert_eq!(video.size, Some(Size::Frame(size)));
        assert_eq!(video.fps, FrameRate::new(25, 1));
    }

    #[test]
    fn bit_rate_of_sound_alone_is_the_sounds() {
        let rate = Some(Bitrate::kbit(96));
        let changes = Overrides { bitrate: rate, ..Overrides::default() };
        let recipe = changed("aac-128k", changes).unwrap();
        assert_eq!(
            recipe.audio,
            Audio::Encode(AudioEncode { codec: AudioCodec::Aac, bitrate: rate })
        );
    }

    #[test]
    fn change_that_cannot_be_made_is_refused() {
        let size = Some(FrameSize { width: 640, height: 360 });
        let rate = Some(Bitrate::kbit(96));
        for (preset, changes) in [
            ("copy", Overrides { size, ..Overrides::default() }),
            ("aac-128k", Overrides { size, ..Overrides::default() }),
            ("thumbnail", Overrides { crf: Some(3), ..Overrides::default() }),
            ("gif", Overrides { bitrate: rate, ..Overrides::default() }),
            ("720p-h264", Overrides { bitrate: rate, crf: Some(20), ..Overrides::default() }),
            ("720p-h264", Overrides { crf: Some(52), ..Overrides::default() }),
            ("720p-h264", Overrides { bitrate: Some(Bitrate(1)), ..Overrides::default() }),
            (
                "mp3-192k",
                Overrides { bitrate: Some(Bitrate(5_000_000)), ..Overrides::default() },
            ),
        ] {
            assert!(changed(preset, changes).is_err(), "{preset} took {changes:?}");
        }
        assert_eq!(changed("copy", Overrides::default()), Ok(builtin("copy").unwrap()));
    }

    #[test]
    fn recipe_of_nothing_is_refused() {
        let nothing = Recipe { video: Video::Drop, audio: Audio::Drop, ..Recipe::default() };
        nothing.check().unwrap_err();
        assert_eq!(Recipe::default().check(), Ok(()));
    }
}
