//! What programs push into a feed: pictures and sound, each by a way of its own or all by one, without a container or in
//! one.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Name;
use super::feed::WhenFull;
use crate::units::{FrameRate, FrameSize, ParseError};

/// The tracks of a feed. At least one is there, or a container alone. Those that come by a socket or in bodies come by the
/// same one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Inputs {
    /// The picture.
    pub video: Option<Picture>,
    /// The sound.
    pub audio: Option<Sound>,
    /// What has all tracks in it, and says what they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// What becomes of what comes while there is no room for it.
    pub when_full: WhenFull,
}

impl Inputs {
    /// How many tracks there are, 1 or 2; of a container how many there may be.
    #[must_use]
    pub const fn tracks(&self) -> u64 {
        match self.container {
            Some(_) => super::TRACKS,
            None => self.video.is_some() as u64 + self.audio.is_some() as u64,
        }
    }

    /// How many of them may have to be decoded.
    #[must_use]
    pub const fn coded_tracks(&self) -> u64 {
        match (&self.container, &self.video) {
            (Some(_), _) => super::TRACKS,
            (None, Some(Picture { format: PictureFormat::Coded(_), .. })) => 1,
            (None, _) => 0,
        }
    }
}

/// How the frames of a track come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// Somebody writes them into this FIFO (`fifo(7)`), which is made if it is missing.
    Fifo(PathBuf),
    /// Somebody connects to this socket (`unix(7)`), and frames all tracks that have it as docs/design/frames.md says.
    Socket(PathBuf),
    /// They are in bodies of requests over HTTP.
    Push,
    /// They are in the bytes of the feed of this name.
    Feed(Name),
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fifo(path) | Self::Socket(path) => path.display().fmt(f),
            Self::Push => f.pad("http"),
            Self::Feed(name) => write!(f, "feed {name}"),
        }
    }
}

/// A container that is pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Container {
    /// How it comes: as it is, without anything around it.
    pub via: Via,
    /// Which one it is.
    pub format: ContainerFormat,
}

/// A picture that is pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Picture {
    /// How it comes.
    pub via: Via,
    /// What each frame is.
    pub format: PictureFormat,
    /// Frames a second.
    pub fps: FrameRate,
}

/// What each frame of a picture is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PictureFormat {
    /// Samples, row by row, plane by plane, without padding.
    Raw {
        /// How they lie.
        pixels: PixelFormat,
        /// How many there are.
        size: FrameSize,
    },
    /// Access units in the byte stream format (Annex B).
    Coded(CodedFormat),
}

impl fmt::Display for PictureFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw { pixels, size } => write!(f, "rawvideo {pixels} {size}"),
            Self::Coded(codec) => codec.fmt(f),
        }
    }
}

/// Sound that is pushed: samples of all channels in turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sound {
    /// How it comes.
    pub via: Via,
    /// What a sample is.
    pub format: SampleFormat,
    /// Samples a second of each channel, 8,000 to 192,000.
    pub rate: u32,
    /// Channels, 1 to 8.
    pub channels: u32,
}

macro_rules! formats {
    ($(#[$doc:meta])* $name:ident: $what:literal, $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// FFmpeg's name of it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(ParseError::new(text, $what)),
                }
            }
        }
    };
}

formats!(
    /// How the samples of a picture lie, by FFmpeg's names.
    PixelFormat: "a pixel format: yuv420p, nv12, yuv422p, yuv444p, yuyv422, uyvy422, rgb24, bgr24, rgba, bgra, \
     gray, gray10le or yuv420p10le",
    /// 8 bits, 4:2:0, three planes.
    Yuv420p = "yuv420p",
    /// 8 bits, 4:2:0, chroma interleaved in a second plane.
    Nv12 = "nv12",
    /// 8 bits, 4:2:2, three planes.
    Yuv422p = "yuv422p",
    /// 8 bits, 4:4:4, three planes.
    Yuv444p = "yuv444p",
    /// 8 bits, 4:2:2, interleaved, luma first.
    Yuyv422 = "yuyv422",
    /// 8 bits, 4:2:2, interleaved, chroma first.
    Uyvy422 = "uyvy422",
    /// 3 bytes a pixel.
    Rgb24 = "rgb24",
    /// 3 bytes a pixel, as OpenCV has them.
    Bgr24 = "bgr24",
    /// 4 bytes a pixel.
    Rgba = "rgba",
    /// 4 bytes a pixel.
    Bgra = "bgra",
    /// 1 byte a pixel.
    Gray = "gray",
    /// 10 bits in 2 bytes, the lower first, luma alone.
    Gray10le = "gray10le",
    /// 10 bits in 2 bytes, the lower first, 4:2:0, three planes.
    Yuv420p10le = "yuv420p10le",
);

impl PixelFormat {
    /// The bytes of one frame: sides of chroma planes are rounded up.
    #[must_use]
    pub const fn frame_bytes(self, size: FrameSize) -> u64 {
        let (width, height) = (size.width as u64, size.height as u64);
        let (half, low) = (width.div_ceil(2), height.div_ceil(2));
        match self {
            Self::Yuv420p | Self::Nv12 => width * height + 2 * half * low,
            Self::Yuv422p => width * height + 2 * half * height,
            Self::Yuyv422 | Self::Uyvy422 => 4 * half * height,
            Self::Yuv444p | Self::Rgb24 | Self::Bgr24 => 3 * width * height,
            Self::Rgba | Self::Bgra => 4 * width * height,
            Self::Gray => width * height,
            Self::Gray10le => 2 * width * height,
            Self::Yuv420p10le => 2 * (width * height + 2 * half * low),
        }
    }
}

formats!(
    /// How a picture that is pushed is coded.
    CodedFormat: "a codec: h264 or h265",
    /// ITU-T H.264.
    H264 = "h264",
    /// ITU-T H.265.
    H265 = "h265",
);

formats!(
    /// What tracks are in that are pushed together.
    ContainerFormat: "a container: mpegts",
    /// An MPEG transport stream (ISO 13818-1).
    MpegTs = "mpegts",
);

formats!(
    /// What a sample of sound is, by FFmpeg's names.
    SampleFormat: "a sample format: u8, s16le, s16be, s24le, s32le or f32le",
    /// 8 bits, 128 is silence.
    U8 = "u8",
    /// 16 bits with a sign, little-endian.
    S16le = "s16le",
    /// 16 bits with a sign, big-endian.
    S16be = "s16be",
    /// 24 bits with a sign, little-endian, in 3 bytes.
    S24le = "s24le",
    /// 32 bits with a sign, little-endian.
    S32le = "s32le",
    /// 32-bit floats from -1 to 1, little-endian.
    F32le = "f32le",
);

impl SampleFormat {
    /// Bytes of one sample of one channel.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::U8 => 1,
            Self::S16le | Self::S16be => 2,
            Self::S24le => 3,
            Self::S32le | Self::F32le => 4,
        }
    }
}

impl Inputs {
    /// How its tracks come.
    pub fn vias(&self) -> impl Iterator<Item = &Via> {
        let (video, audio) = (self.video.as_ref(), self.audio.as_ref());
        video
            .map(|picture| &picture.via)
            .into_iter()
            .chain(audio.map(|sound| &sound.via))
            .chain(self.container.as_ref().map(|container| &container.via))
    }

    /// Whether some of them are in bodies of requests.
    #[must_use]
    pub fn are_pushed(&self) -> bool {
        self.vias().any(|via| *via == Via::Push)
    }
}

impl Sound {
    /// Bytes of so many samples of all channels.
    #[must_use]
    pub fn bytes(&self, samples: u64) -> u64 {
        samples * self.format.bytes() * u64::from(self.channels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read_as_they_are_written() {
        for format in PixelFormat::ALL {
            assert_eq!(format.to_string().parse(), Ok(*format));
        }
        for format in SampleFormat::ALL {
            assert_eq!(format.to_string().parse(), Ok(*format));
        }
        "yuv420".parse::<PixelFormat>().unwrap_err();
        "s16".parse::<SampleFormat>().unwrap_err();
    }

    #[test]
    fn odd_frames_have_whole_chroma() {
        let size = FrameSize { width: 17, height: 17 };
        assert_eq!(PixelFormat::Yuv420p.frame_bytes(size), 289 + 2 * 81);
        assert_eq!(PixelFormat::Yuyv422.frame_bytes(size), 36 * 17);
        assert_eq!(
            PixelFormat::Bgr24.frame_bytes(FrameSize { width: 1280, height: 720 }),
            2_764_800
        );
    }
}
