//! Codecs and containers, by the names people use.

use std::fmt;
use std::str::FromStr;

use ffleet_types::ParseError;
use serde::{Deserialize, Serialize};

macro_rules! names {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $text:literal $(| $alias:literal)*,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text $(, alias = $alias)*)] $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name it is written by.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
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
                    $($text $(| $alias)* => Ok(Self::$variant),)*
                    _ => Err(ParseError::new(text, $what)),
                }
            }
        }
    };
}

names!(
    /// A video codec that results can be encoded in.
    VideoCodec, "a video codec: h264, h265, av1 or vp9" {
        /// ITU-T H.264, ISO/IEC 14496-10.
        H264 = "h264" | "avc",
        /// ITU-T H.265, ISO/IEC 23008-2.
        H265 = "h265" | "hevc",
        /// AOMedia Video 1.
        Av1 = "av1",
        /// VP9.
        Vp9 = "vp9",
    }
);

names!(
    /// An audio codec that results can be encoded in.
    AudioCodec, "an audio codec: aac, opus, mp3, flac or pcm" {
        /// AAC-LC, ISO/IEC 14496-3.
        Aac = "aac",
        /// Opus, RFC 6716.
        Opus = "opus",
        /// MPEG-1 layer III, ISO/IEC 11172-3.
        Mp3 = "mp3",
        /// FLAC, RFC 9639: lossless.
        Flac = "flac",
        /// 16-bit little-endian samples.
        Pcm = "pcm",
    }
);

names!(
    /// A container format that results can be written in.
    Container, "a container: mp4, mov, mkv, webm, ts, flv, m4a, ogg, opus, mp3, flac, wav, gif, png, jpg or webp" {
        /// MPEG-4 part 14, index in front.
        Mp4 = "mp4" | "m4v",
        /// QuickTime.
        Mov = "mov",
        /// Matroska.
        Mkv = "mkv" | "matroska",
        /// WebM.
        Webm = "webm",
        /// MPEG-2 transport stream, ISO/IEC 13818-1.
        Ts = "ts" | "mpegts" | "m2ts",
        /// Flash video, as RTMP carries it.
        Flv = "flv",
        /// MPEG-4 part 14 with sound alone.
        M4a = "m4a",
        /// Ogg.
        Ogg = "ogg" | "oga",
        /// Ogg with Opus alone.
        Opus = "opus",
        /// MPEG audio frames.
        Mp3 = "mp3",
        /// FLAC frames.
        Flac = "flac",
        /// RIFF WAVE.
        Wav = "wav",
        /// GIF.
        Gif = "gif",
        /// One PNG.
        Png = "png",
        /// One JPEG.
        Jpg = "jpg" | "jpeg",
        /// One WebP.
        Webp = "webp",
    }
);

impl VideoCodec {
    /// The highest value of its constant-quality scale.
    #[must_use]
    pub const fn crf_limit(self) -> u8 {
        match self {
            Self::H264 | Self::H265 => 51,
            Self::Av1 | Self::Vp9 => 63,
        }
    }

    /// Its name in FFmpeg.
    #[must_use]
    pub const fn ffmpeg_name(self) -> &'static str {
        match self {
            Self::H265 => "hevc",
            Self::H264 | Self::Av1 | Self::Vp9 => self.name(),
        }
    }
}

impl AudioCodec {
    /// Its name in FFmpeg.
    #[must_use]
    pub const fn ffmpeg_name(self) -> &'static str {
        match self {
            Self::Pcm => "pcm_s16le",
            Self::Aac | Self::Opus | Self::Mp3 | Self::Flac => self.name(),
        }
    }
}

impl Container {
    /// The container that a file name's extension means.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let (stem, extension) = name.rsplit_once('.')?;
        if stem.is_empty() {
            return None;
        }
        extension.to_ascii_lowercase().parse().ok()
    }

    /// Whether it holds one picture and nothing else.
    #[must_use]
    pub const fn is_picture(self) -> bool {
        matches!(self, Self::Png | Self::Jpg | Self::Webp)
    }

    /// Whether it holds sound alone.
    #[must_use]
    pub const fn is_audio(self) -> bool {
        matches!(self, Self::M4a | Self::Ogg | Self::Opus | Self::Mp3 | Self::Flac | Self::Wav)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extension_means_its_container() {
        assert_eq!(Container::of_path("/a/b.MP4"), Some(Container::Mp4));
        assert_eq!(Container::of_path("/a.d/film.m2ts"), Some(Container::Ts));
        for path in ["", "mp4", ".mp4", "/a.mp4/b", "a.", "a.exe"] {
            assert_eq!(Container::of_path(path), None, "{path}");
        }
    }

    #[test]
    fn aliases_are_read_and_one_name_is_written() {
        assert_eq!("hevc".parse(), Ok(VideoCodec::H265));
        assert_eq!(serde_json::to_string(&VideoCodec::H265).unwrap(), "\"h265\"");
        assert_eq!(serde_json::from_str::<VideoCodec>("\"hevc\"").unwrap(), VideoCodec::H265);
    }
}
