//! So many of something in so much time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{ParseError, Span};

/// A number of events in a span of time, such as `20/s` or `30/10m`. Neither is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    count: u32,
    per: Span,
}

impl Rate {
    /// So many in a second.
    ///
    /// # Panics
    ///
    /// If `count` is zero.
    #[must_use]
    pub const fn per_second(count: u32) -> Self {
        assert!(count > 0, "a rate of nothing");
        Self { count, per: Span::secs(1) }
    }

    /// So many in a minute.
    ///
    /// # Panics
    ///
    /// If `count` is zero.
    #[must_use]
    pub const fn per_minute(count: u32) -> Self {
        assert!(count > 0, "a rate of nothing");
        Self { count, per: Span::secs(60) }
    }

    /// How many.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }

    /// In how much time.
    #[must_use]
    pub const fn per(self) -> Duration {
        self.per.0
    }

    /// From one to the next, if they are evenly spread.
    #[must_use]
    pub fn interval(self) -> Duration {
        self.per.0 / self.count
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.per.to_string().as_str() {
            "1s" => format!("{}/s", self.count),
            "1m" => format!("{}/m", self.count),
            "1h" => format!("{}/h", self.count),
            per => format!("{}/{per}", self.count),
        };
        f.pad(&text)
    }
}

impl FromStr for Rate {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parse = || {
            let (count, per) = text.trim().split_once('/')?;
            let per = match per.trim() {
                unit @ ("s" | "m" | "min" | "h" | "d") => format!("1{unit}"),
                span => span.to_owned(),
            };
            let (count, per) = (count.trim().parse().ok()?, per.parse::<Span>().ok()?);
            (count > 0 && per.0 >= Duration::from_millis(1)).then_some(Self { count, per })
        };
        parse().ok_or_else(|| ParseError::new(text, "a rate, such as 20/s or 30/10m"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_read_and_written_as_people_do() {
        for (text, count, seconds, shown) in [
            ("20/s", 20, 1, "20/s"),
            ("30/1m", 30, 60, "30/m"),
            ("5 / 10m", 5, 600, "5/10m"),
            ("1/h", 1, 3_600, "1/h"),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!((rate.count(), rate.per().as_secs()), (count, seconds), "{text}");
            assert_eq!(rate.to_string(), shown);
            assert_eq!(shown.parse::<Rate>().unwrap(), rate);
        }
        for text in ["", "20", "/s", "0/s", "-1/s", "20/0s", "20/x", "4294967296/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text:?}");
        }
    }
}
