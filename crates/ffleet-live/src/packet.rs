//! Coded media on its way through: tracks, and packets of them.
//!
//! What encoders and publishers give is taken apart into packets, put on one timeline, and written anew for each
//! destination, so that no destination notices which process a packet came from.

use std::fmt;

/// Ticks of a second: timestamps of packets are in 1/90000 s (ISO 13818-1).
pub const CLOCK: i64 = 90_000;

/// How a track is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Codec {
    /// ITU-T H.264; packets are access units in the byte stream format (Annex B).
    H264,
    /// ITU-T H.265; packets are access units in the byte stream format (Annex B).
    H265,
    /// AAC (ISO 14496-3); packets are raw access units, without ADTS.
    Aac,
    /// Opus (RFC 6716).
    Opus,
    /// MPEG-1 or 2 layer III; packets are frames with their headers.
    Mp3,
}

impl Codec {
    /// Whether it is a picture's.
    #[must_use]
    pub const fn is_video(self) -> bool {
        matches!(self, Self::H264 | Self::H265)
    }

    /// Its name, as people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::Aac => "aac",
            Self::Opus => "opus",
            Self::Mp3 => "mp3",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A track, and what a decoder must know before its first packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// How it is coded.
    pub codec: Codec,
    /// Of H.264 and H.265 the parameter sets in the byte stream format; of AAC the `AudioSpecificConfig`; of Opus
    /// the identification header (RFC 7845, 5.1); of MP3 nothing.
    pub config: Vec<u8>,
}

/// One access unit, or one frame of sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When it is shown, in ticks of [`CLOCK`].
    pub pts: i64,
    /// When it is decoded, in ticks of [`CLOCK`].
    pub dts: i64,
    /// Whether decoding can begin with it.
    pub is_key: bool,
    /// The bytes, as [`Codec`] says.
    pub bytes: Vec<u8>,
}
