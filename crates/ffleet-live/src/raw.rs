//! Raw media, which has no container: what a program pushes into a FIFO, a socket or the body of a request.
//!
//! A container says where a packet ends and when it is shown; here nobody does. Pictures and sound that are not
//! coded are cut by their size ([`picture`], [`sound`]), coded pictures at their start codes ([`annexb`]). When
//! something is shown follows from its place in the sequence and from a rate that was told ([`Rate`], [`dts`]): a
//! clock would make the reader's delays part of the media. A program that knows better says so in each frame's head
//! ([`frames`]).
//!
//! Input is not trusted: every length is bounded, what cannot be used is left out and counted.

use std::fmt;

pub mod annexb;
pub mod dts;
pub mod frames;
pub mod picture;
mod pieces;
mod rate;
pub mod sound;

pub use rate::Rate;

/// Why media cannot be what it was said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// No format has this name; those that there are.
    Format {
        /// What was given.
        given: String,
        /// The names that would do, with spaces between.
        known: String,
    },
    /// Pictures of so many pixels across and down are too small or too large.
    Size {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// So many frames in so many seconds are too few or too many.
    Rate {
        /// Frames.
        frames: u32,
        /// Seconds.
        seconds: u32,
    },
    /// This is not how a rate is written.
    RateText(String),
    /// So many samples a second are none or too many.
    SampleRate(u32),
    /// So many channels are none or too many.
    Channels(u32),
    /// A block of so many samples is empty or too large.
    Samples(u32),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format { given, known } => {
                write!(f, "expected a format of {known}, got {given:?}")
            }
            Self::Size { width, height } => write!(
                f,
                "expected a size of 1x1 to {0}x{0} and at most {1} MiB a frame, got {width}x{height}",
                picture::SIDE,
                picture::FRAME >> 20
            ),
            Self::Rate { frames, seconds } => write!(
                f,
                "expected a rate of 1/{} to {} frames a second, got {frames}/{seconds}",
                rate::SLOWEST,
                rate::FASTEST
            ),
            Self::RateText(given) => {
                write!(f, "expected a rate such as 25 or 30000/1001, got {given:?}")
            }
            Self::SampleRate(given) => {
                write!(f, "expected 1 to {} samples a second, got {given}", sound::FASTEST)
            }
            Self::Channels(given) => {
                write!(f, "expected 1 to {} channels, got {given}", sound::CHANNELS)
            }
            Self::Samples(given) => write!(
                f,
                "expected a block of 1 sample to {} MiB, got {given} samples",
                sound::BLOCK >> 20
            ),
        }
    }
}

impl std::error::Error for Unfit {}

/// The names of all of them, with spaces between.
fn names<'a>(all: impl Iterator<Item = &'a str>) -> String {
    all.collect::<Vec<_>>().join(" ")
}
