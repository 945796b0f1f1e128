//! Lengths of time as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{ParseError, number_and_unit};

/// A length of time as a person writes it: `90`, `30s`, `1h30m`, `250ms`, `2d`; a bare number
/// is seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

impl Span {
    /// So many seconds.
    #[must_use]
    pub const fn secs(count: u64) -> Self {
        Self(Duration::from_secs(count))
    }
}

/// The longest span that is taken: ten years. Longer is a slip of the pen.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

impl FromStr for Span {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parse = || {
            let mut rest = text.trim();
            let mut micros: u128 = 0;
            let mut last = u128::MAX;
            while !rest.is_empty() {
                let (thousandths, _) = number_and_unit(rest)?;
                let digits = rest
                    .find(|c: char| !c.is_ascii_digit() && c != '.')
                    .unwrap_or(rest.len());
                let unit_end = rest[digits..]
                    .find(|c: char| c.is_ascii_digit())
                    .map_or(rest.len(), |at| digits + at);
                let scale: u128 = match rest[digits..unit_end].trim() {
                    "ms" => 1_000,
                    "s" => 1_000_000,
                    "" if last == u128::MAX => 1_000_000,
                    "m" | "min" => 60_000_000,
                    "h" => 3_600_000_000,
                    "d" => 86_400_000_000,
                    _ => return None,
                };
                if scale >= last {
                    return None;
                }
                last = scale;
                micros += thousandths * scale / 1_000;
                rest = &rest[unit_end..];
            }
            let span = Duration::from_micros(u64::try_from(micros).ok()?);
            (last != u128::MAX && span <= LONGEST).then_some(Self(span))
        };
        parse().ok_or_else(|| {
            ParseError::new(text, "a length of time up to ten years, such as 30s or 1h30m")
        })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut millis = self.0.as_millis();
        if millis == 0 {
            return f.write_str("0s");
        }
        for (unit, scale) in
            [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)]
        {
            if millis >= scale {
                write!(f, "{}{unit}", millis / scale)?;
                millis %= scale;
            }
        }
        Ok(())
    }
}
