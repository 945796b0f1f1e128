//! Quantities with their units: what a person writes (`2GiB`, `5M`, `200%`, `1h30m`) and what
//! the program counts in. Every parser refuses negative, fractional-below-unit, overflowing and
//! empty values, and says what it would have taken.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod amount;
mod frame;
mod rate;
mod span;

pub(crate) use amount::any_cpu;
pub use amount::{Bitrate, Bytes, Cpu};
pub use frame::{FrameRate, FrameSize};
pub use rate::Rate;
pub use span::Span;

/// A text that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    text: String,
    expected: &'static str,
}

impl ParseError {
    /// Says that `text` is not `expected` ("a size, such as …").
    #[must_use]
    pub fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.chars().take(80).collect(), expected }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not {}", self.text, self.expected)
    }
}

impl std::error::Error for ParseError {}

/// `text` as a decimal number and the unit behind it; the number in thousandths, so that
/// `1.5GiB` needs no floating point.
fn number_and_unit(text: &str) -> Option<(u128, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |s: &str| s.bytes().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !digits(fraction) || fraction.len() > 3 || whole.len() > 20 {
        return None;
    }
    let whole: u128 = whole.parse().ok()?;
    let thousandths: u128 = format!("{fraction:0<3}").parse().ok()?;
    Some((whole * 1_000 + thousandths, unit.trim()))
}

/// Reads `text` as a number of units of `scale(unit)`.
fn scaled(text: &str, scale: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let (thousandths, unit) = number_and_unit(text.trim())?;
    u64::try_from(thousandths * u128::from(scale(unit)?) / 1_000).ok()
}

/// The largest unit that divides `value`, and how many of it there are.
fn unscaled(value: u64, units: &[(&'static str, u64)]) -> (u64, &'static str) {
    units
        .iter()
        .find(|(_, scale)| value != 0 && value.is_multiple_of(*scale))
        .map_or((value, ""), |&(unit, scale)| (value / scale, unit))
}

/// Texts on the wire, by `Display` and `FromStr`.
macro_rules! text_serde {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

pub(crate) use text_serde;

text_serde!(Bytes, Bitrate, Cpu, Span, FrameRate, FrameSize, Rate);

#[cfg(test)]
mod tests;
