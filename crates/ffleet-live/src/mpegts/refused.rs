//! What cannot be written as a transport stream.

use std::fmt;

use crate::packet::Codec;

/// Why a track or a packet cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There are no tracks, or more than [`super::TRACKS`].
    Tracks(usize),
    /// There is no track of this number.
    NoTrack(usize),
    /// The `AudioSpecificConfig` ends before it says what ADTS must know.
    Config(usize),
    /// ADTS (ISO 14496-3, 1.A.2) has no way to say this about AAC.
    Adts {
        /// The number of the track.
        track: usize,
        /// What it is.
        what: &'static str,
        /// Its value.
        value: u32,
    },
    /// What precedes Opus says that it has so many channels, in a way that has no code here.
    Channels {
        /// The number of the track.
        track: usize,
        /// How many.
        channels: u8,
        /// The mapping family (RFC 7845, 5.1.1).
        family: u8,
    },
    /// A packet of sound is longer than its framing can say.
    Long {
        /// How it is coded.
        codec: Codec,
        /// Its length in bytes.
        long: usize,
        /// The most it can be.
        most: usize,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tracks(count) => {
                write!(f, "MPEG-TS is written with 1 to {} tracks, not {count}", super::TRACKS)
            }
            Self::NoTrack(track) => write!(f, "there is no track {track}"),
            Self::Config(track) => {
                write!(f, "track {track}: the AAC configuration is not whole")
            }
            Self::Adts { track, what, value } => {
                write!(f, "track {track}: AAC with {what} {value} cannot be written as ADTS")
            }
            Self::Channels { track, channels, family } => write!(
                f,
                "track {track}: Opus with {channels} channels of mapping family {family} has no \
                 code in MPEG-TS"
            ),
            Self::Long { codec, long, most } => {
                write!(f, "a packet of {codec} of {long} bytes is longer than {most}")
            }
        }
    }
}

impl std::error::Error for Refused {}
