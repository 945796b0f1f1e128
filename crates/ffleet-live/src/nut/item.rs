//! What comes of a stream.

use crate::packet;

/// What comes of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A track, before its first packet. Once more where it is described anew, otherwise than
    /// before.
    Track(Track),
    /// A packet of a track that was given.
    Packet(Packet),
}

/// A track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Its number, from 0: below 8.
    pub index: usize,
    /// How it is coded.
    pub coding: Coding,
    /// What its timestamps count.
    pub time_base: TimeBase,
    /// By how many packets a decoder is behind at most, since pictures come in another order than
    /// they are shown in: as the encoder said before its first. FFmpeg 5.1 says 0 for libx265, whatever
    /// it does.
    pub reorder: u32,
    /// What it is of.
    pub kind: Kind,
}

/// How a track is coded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coding {
    /// In a way that is known.
    Known(packet::Track),
    /// In such a way, but with lengths in place of start codes (ISO 14496-15): what FFmpeg copies
    /// from MP4 or FLV without the filter `h264_mp4toannexb` or `hevc_mp4toannexb`.
    Packed(packet::Codec),
    /// In a way that is not known, by its four bytes.
    Unknown([u8; 4]),
}

/// What a track is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Pictures, of so many columns and lines.
    Picture {
        /// Columns.
        width: u32,
        /// Lines.
        height: u32,
    },
    /// Sound.
    Sound {
        /// Samples of each channel in a second.
        rate: u32,
        /// How many channels there are.
        channels: u32,
    },
    /// Subtitles, or something else.
    Other,
}

/// How long a tick of a track is, in seconds: `num / den`, each below 2^31 and not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeBase {
    /// The numerator.
    pub num: u32,
    /// The denominator.
    pub den: u32,
}

impl TimeBase {
    /// So many ticks in ticks of [`packet::CLOCK`], to the nearest; none beyond what 64 bits hold.
    /// Of each moment by itself, so that nothing drifts.
    #[must_use]
    pub fn to_clock(self, ticks: i64) -> Option<i64> {
        let scaled = i128::from(ticks) * i128::from(self.num) * i128::from(packet::CLOCK);
        let den = i128::from(self.den);
        i64::try_from((scaled + den / 2).checked_div_euclid(den)?).ok()
    }
}

/// A packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The number of its track.
    pub track: usize,
    /// When it is shown, in ticks of its track's time base; between -2^62 and 2^62.
    pub pts: i64,
    /// Whether decoding can begin with it.
    pub is_key: bool,
    /// Its bytes: at least one.
    pub bytes: Vec<u8>,
}
