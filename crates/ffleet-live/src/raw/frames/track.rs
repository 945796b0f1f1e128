//! What is in the frames of a connection, a line for each track.

use std::fmt;
use std::str::FromStr;

use super::super::picture::PixelFormat;
use super::super::sound::{BLOCK, Layout};
use super::super::{Rate, Unfit, annexb};
use crate::packet::Codec;

/// What frames of a track are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// Pictures that are not coded: `picture rgb24 640x480 25`.
    Picture {
        /// How their pixels lie.
        format: PixelFormat,
        /// How many there are across and down.
        size: (u32, u32),
        /// How many pictures there are in a second.
        rate: Rate,
    },
    /// Samples: `sound s16le 48000 2`.
    Sound(Layout),
    /// Access units of H.264 or H.265 in the byte stream format, in the order of decoding: `coded h264 30000/1001`.
    Coded {
        /// Of which of them.
        codec: Codec,
        /// How many pictures there are in a second.
        rate: Rate,
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
            Self::Picture { format, size, .. } => match format.bytes(size.0, size.1) {
                Ok(whole) if long == whole => Ok(long),
                Ok(whole) => Err(format!("{whole} bytes")),
                Err(unfit) => Err(unfit.to_string()),
            },
            Self::Sound(layout) => {
                let is_whole = bytes.is_multiple_of(layout.step());
                let step = layout.step();
                if is_whole && (1..=BLOCK).contains(&long) {
                    Ok(long)
                } else {
                    Err(format!("a multiple of {step} and at most {BLOCK} bytes"))
                }
            }
            Self::Coded { .. } if (1..=annexb::UNIT).contains(&long) => Ok(long),
            Self::Coded { .. } => Err(format!("1 to {} bytes", annexb::UNIT)),
        }
    }
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Picture { format, size: (width, height), rate } => {
                write!(f, "picture {format} {width}x{height} {rate}")
            }
            Self::Sound(layout) => {
                write!(f, "sound {} {} {}", layout.format(), layout.rate(), layout.channels())
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
    let said = |unfit: Unfit| unfit.to_string();
    let format: PixelFormat = format.parse().map_err(said)?;
    let (width, height) = size
        .split_once('x')
        .and_then(|(width, height)| Some((number(width)?, number(height)?)))
        .ok_or_else(|| format!("expected a size such as 640x480, got {size:?}"))?;
    format.bytes(width, height).map_err(said)?;
    let rate = rate.parse().map_err(said)?;
    Ok(Track::Picture { format, size: (width, height), rate })
}

fn sound(format: &str, rate: &str, channels: &str) -> Result<Track, String> {
    let format = format.parse().map_err(|unfit: Unfit| unfit.to_string())?;
    let number = |what, text| {
        number(text).ok_or_else(|| format!("expected a number of {what}, got {text:?}"))
    };
    let (rate, channels) = (number("samples a second", rate)?, number("channels", channels)?);
    let layout = Layout::new(format, rate, channels);
    layout.map(Track::Sound).map_err(|unfit| unfit.to_string())
}

fn coded(codec: &str, rate: &str) -> Result<Track, String> {
    let codec = [Codec::H264, Codec::H265]
        .into_iter()
        .find(|known| known.name() == codec)
        .ok_or_else(|| format!("expected a codec of h264 h265, got {codec:?}"))?;
    let rate = rate.parse().map_err(|unfit: Unfit| unfit.to_string())?;
    Ok(Track::Coded { codec, rate })
}

/// A number that consists of digits alone.
fn number(text: &str) -> Option<u32> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}
