//! Frame rates and picture sizes.

use std::fmt;
use std::str::FromStr;

use super::{ParseError, number_and_unit};

/// Frames per second, as a fraction: `30`, `29.97`, `30000/1001`. 1/100 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameRate {
    numerator: u32,
    denominator: u32,
}

impl FrameRate {
    /// `numerator` frames in `denominator` seconds, if that is between 1/100 and 1000 a second.
    #[must_use]
    pub const fn new(numerator: u32, denominator: u32) -> Option<Self> {
        let (n, d) = (numerator as u64, denominator as u64);
        if d == 0 || n * 100 < d || n > d * 1_000 {
            return None;
        }
        Some(Self { numerator, denominator })
    }

    /// Frames per second, rounded to what a double holds.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }

    /// Frames, and the seconds they take.
    #[must_use]
    pub const fn parts(self) -> (u32, u32) {
        (self.numerator, self.denominator)
    }
}

impl FromStr for FrameRate {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let error =
            || ParseError::new(text, "a frame rate from 0.01 to 1000, such as 30 or 30000/1001");
        if let Some((n, d)) = text.trim().split_once('/') {
            let part = |s: &str| s.trim().parse().ok();
            return part(n)
                .zip(part(d))
                .and_then(|(n, d)| Self::new(n, d))
                .ok_or_else(error);
        }
        // The rates of NTSC are fractions that people write as decimals.
        let (numerator, denominator) = match text.trim() {
            "23.976" | "23.98" => (24_000, 1_001),
            "29.97" => (30_000, 1_001),
            "59.94" => (60_000, 1_001),
            "119.88" => (120_000, 1_001),
            text => match number_and_unit(text) {
                Some((thousandths, "")) => {
                    let thousandths = u32::try_from(thousandths).map_err(|_over| error())?;
                    if thousandths % 1_000 == 0 {
                        (thousandths / 1_000, 1)
                    } else {
                        (thousandths, 1_000)
                    }
                }
                _ => return Err(error()),
            },
        };
        Self::new(numerator, denominator).ok_or_else(error)
    }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.denominator {
            1 => write!(f, "{}", self.numerator),
            denominator => write!(f, "{}/{denominator}", self.numerator),
        }
    }
}

/// The size of a picture in pixels: `1280x720`. Each side 16 to 16384.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameSize {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl FromStr for FrameSize {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let side = |s: &str| s.parse().ok().filter(|side| (16..=16_384).contains(side));
        text.trim()
            .split_once(['x', 'X', '×'])
            .and_then(|(width, height)| Some(Self { width: side(width)?, height: side(height)? }))
            .ok_or_else(|| {
                ParseError::new(text, "a picture size from 16x16 to 16384x16384, such as 1280x720")
            })
    }
}

impl fmt::Display for FrameSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}
