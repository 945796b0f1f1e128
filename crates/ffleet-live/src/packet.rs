//! Coded media on its way through: tracks, and packets of them.
//!
//! What encoders and publishers give is taken apart into packets, put on one timeline, and written anew for each
//! destination, so that no destination notices which process a packet came from.

use std::fmt;

use ffleet_types::FrameSize;

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

/// What each packet of sound is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sounding {
    /// Samples of each channel in a packet.
    pub samples: u32,
    /// Samples of each channel in a second; as its configuration says, which knows nothing of spectral band replication.
    pub rate: u32,
    /// Channels: 1 to 8.
    pub channels: u32,
}

impl Track {
    /// What its packets are, if they are AAC.
    #[must_use]
    pub fn sound(&self) -> Option<Sounding> {
        const SAMPLES: u32 = 1_024;
        let Codec::Aac = self.codec else { return None };
        let (rate, channels) = crate::mpegts::aac_shape(&self.config)?;
        Some(Sounding { samples: SAMPLES, rate, channels })
    }

    /// By how many pictures a decoder is behind at most, as far as its parameter sets say: H.265's always do, and then
    /// decoders know it too, which is 0 here.
    #[must_use]
    pub fn reorder(&self) -> usize {
        let Codec::H264 = self.codec else { return 0 };
        let sets = crate::flv::units(&self.config);
        sets.filter_map(crate::raw::annexb::reorder).max().unwrap_or(0)
    }

    /// Whether its pictures have more than 8 bits a sample.
    #[must_use]
    pub fn is_deep(&self) -> bool {
        crate::flv::is_deep(self)
    }

    /// How large its pictures are when they are shown, in samples, if its parameter sets agree on it.
    #[must_use]
    pub fn size(&self) -> Option<FrameSize> {
        let (width, height) = crate::flv::size(self)?;
        Some(FrameSize { width, height })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_says_what_sound_is() {
        let track = |codec, config: &[u8]| Track { codec, config: config.to_vec() };
        let sound = track(Codec::Aac, &[0x12, 0x10]).sound().unwrap();
        assert_eq!(sound, Sounding { samples: 1_024, rate: 44_100, channels: 2 });
        let surround = track(Codec::Aac, &[0x11, 0xb8]).sound().unwrap();
        assert_eq!((surround.rate, surround.channels), (48_000, 8), "configuration 7");
        assert_eq!(track(Codec::Aac, &[0x12]).sound(), None);
        assert_eq!(track(Codec::Mp3, &[]).sound(), None);
    }
}
