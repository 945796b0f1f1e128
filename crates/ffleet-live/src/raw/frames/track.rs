//! What is in the frames of a connection, a line for each track.

use std::fmt;
use std::str::FromStr;

use ffleet_types::live::inputs::{PixelFormat, SampleFormat};
use ffleet_types::{FrameRate, FrameSize, ParseError};

use super::super::annexb;
use crate::packet::Codec;

/// The most pixels across and down.
pub const SIDE: u32 = 16_384;
/// The most bytes of a picture.
pub const PICTURE: usize = 256 << 20;
/// The most bytes of a run of samples.
pub const SOUND: usize = 16 << 20;
/// The most samples of a channel in a second.
pub const FASTEST: u32 = 768_000;
/// The most channels.
pub const CHANNELS: u32 = 64;

/// What frames of a track are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// Pictures that are not coded: `picture rgb24 640x480 25`.
    Picture {
        /// How their pixels lie.
        format: PixelFormat,
        /// How many there are across and down.
        size: FrameSize,
        /// How many pictures there are in a second.
        rate: FrameRate,
    },
    /// Samples of all channels in turn: `sound s16le 48000 2`.
    Sound {
        /// What a sample of a channel is.
        format: SampleFormat,
        /// Samples of each channel in a second.
        rate: u32,
        /// How many channels there are.
        channels: u32,
    },
    /// Access units of H.264 or H.265 in the byte stream format, in the order of decoding: `coded h264 30000/1001`.
    Coded {
        /// Of which of them.
        codec: Codec,
        /// How many pictures there are in a second.
        rate: FrameRate,
    },
}

impl Track {
    /// How many bytes a frame has that says it has so many.
    ///
    /// # Errors
    ///
    /// In words, how many it can have: of pictures as many as a picture has, of sound whole samples of all channels, of
    /// coded pictures 32 MiB at most; never none.
    pub fn holds(self, bytes: u32) -> Result<usize, String> {
        let long = usize::try_from(bytes).unwrap_or(usize::MAX);
        match self {
            Self::Picture { format, size, .. } => {
                let whole = format.frame_bytes(size);
                let is_whole = u64::from(bytes) == whole;
                is_whole.then_some(long).ok_or_else(|| format!("{whole} bytes"))
            }
            Self::Sound { format, channels, .. } => {
                let step = format.bytes() * u64::from(channels);
                let is_whole = u64::from(bytes).is_multiple_of(step.max(1));
                (is_whole && (1..=SOUND).contains(&long))
                    .then_some(long)
                    .ok_or_else(|| format!("a multiple of {step} and at most {SOUND} bytes"))
            }
            Self::Coded { .. } if (1..=annexb::UNIT).contains(&long) => Ok(long),
            Self::Coded { .. } => Err(format!("1 to {} bytes", annexb::UNIT)),
        }
    }
}

/// What times the frames of a track had.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Times {
    /// There was no frame yet.
    #[default]
    Unknown,
    /// None.
    None,
    /// The last of them.
    Last(i64),
}

impl Times {
    /// Takes the time of the next frame of `track`.
    ///
    /// # Errors
    ///
    /// In words, what was expected, if only some frames have times, or one is not later than the one before; of coded
    /// pictures it may be, since they come in the order of decoding.
    pub(super) fn take(&mut self, track: Track, time: Option<i64>) -> Result<(), String> {
        let is_coded = matches!(track, Track::Coded { .. });
        match (*self, time) {
            (Self::None, Some(_)) => return Err("no time, as of the frames before,".to_owned()),
            (Self::Last(_), None) => return Err("a time, as of the frames before,".to_owned()),
            (Self::Last(last), Some(time)) if !is_coded && time <= last => {
                return Err(format!("a time behind {last}"));
            }
            _ => {}
        }
        *self = time.map_or(Self::None, Self::Last);
        Ok(())
    }
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Picture { format, size, rate } => {
                write!(f, "picture {format} {size} {rate}")
            }
            Self::Sound { format, rate, channels } => {
                write!(f, "sound {format} {rate} {channels}")
            }
            Self::Coded { codec, rate } => write!(f, "coded {codec} {rate}"),
        }
    }
}

impl FromStr for Track {
    /// What was expected, and what came.
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<_> = line.split(' ').take(5).collect();
        match words[..] {
            ["picture", format, size, rate] => picture(format, size, rate),
            ["sound", format, rate, channels] => sound(format, rate, channels),
            ["coded", codec, rate] => coded(codec, rate),
            _ => Err(format!(
                "expected a line such as \"picture rgb24 640x480 25\", \"sound s16le 48000 2\" or \
                 \"coded h264 25\", got {:?}",
                line.chars().take(80).collect::<String>()
            )),
        }
    }
}

fn picture(format: &str, size: &str, rate: &str) -> Result<Track, String> {
    let format: PixelFormat = format.parse().map_err(|error: ParseError| error.to_string())?;
    let (width, height) = size
        .split_once('x')
        .and_then(|(width, height)| Some((number(width)?, number(height)?)))
        .ok_or_else(|| format!("expected a size such as 640x480, got {size:?}"))?;
    let sides = 1..=SIDE;
    let size = FrameSize { width, height };
    let has_room = || usize::try_from(format.frame_bytes(size)).is_ok_and(|bytes| bytes <= PICTURE);
    if !sides.contains(&width) || !sides.contains(&height) || !has_room() {
        let most = PICTURE >> 20;
        return Err(format!(
            "expected a size of 1x1 to {SIDE}x{SIDE} and at most {most} MiB a picture, got {size}"
        ));
    }
    let rate = rate.parse().map_err(|error: ParseError| error.to_string())?;
    Ok(Track::Picture { format, size, rate })
}

fn sound(format: &str, rate: &str, channels: &str) -> Result<Track, String> {
    let format = format.parse().map_err(|error: ParseError| error.to_string())?;
    let count = |what, text, most| {
        number(text)
            .filter(|number| (1..=most).contains(number))
            .ok_or_else(|| format!("expected 1 to {most} {what}, got {text:?}"))
    };
    let rate = count("samples a second", rate, FASTEST)?;
    let channels = count("channels", channels, CHANNELS)?;
    Ok(Track::Sound { format, rate, channels })
}

fn coded(codec: &str, rate: &str) -> Result<Track, String> {
    let codec = [Codec::H264, Codec::H265]
        .into_iter()
        .find(|known| known.name() == codec)
        .ok_or_else(|| format!("expected a codec of h264 h265, got {codec:?}"))?;
    let rate = rate.parse().map_err(|error: ParseError| error.to_string())?;
    Ok(Track::Coded { codec, rate })
}

/// A number that consists of digits alone.
fn number(text: &str) -> Option<u32> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}
