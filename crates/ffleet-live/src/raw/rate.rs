//! How many frames there are in a second, as a fraction.

use std::fmt;
use std::str::FromStr;

use super::Unfit;
use crate::packet::CLOCK;

/// The most frames in a second.
pub(super) const FASTEST: u32 = 1_000;
/// The most seconds that one frame lasts.
pub(super) const SLOWEST: u32 = 3_600;

/// A constant rate of frames: so many in so many seconds (30000/1001).
///
/// ```
/// use ffleet_live::raw::Rate;
///
/// let rate: Rate = "30000/1001".parse()?;
/// assert_eq!(rate.ticks(30_000), 1_001 * 90_000);
/// # Ok::<(), ffleet_live::raw::Unfit>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    frames: u32,
    seconds: u32,
}

impl Rate {
    /// So many frames in so many seconds.
    ///
    /// # Errors
    ///
    /// [`Unfit::Rate`] if that is less than one frame an hour or more than 1000 in a second.
    pub fn new(frames: u32, seconds: u32) -> Result<Self, Unfit> {
        let (most, least) = (u64::from(seconds) * u64::from(FASTEST), u64::from(frames));
        let fits = seconds > 0
            && (1..=most).contains(&least)
            && u64::from(seconds) <= least * u64::from(SLOWEST);
        fits.then_some(Self { frames, seconds })
            .ok_or(Unfit::Rate { frames, seconds })
    }

    /// When the frame with this index begins, in ticks of [`CLOCK`] after the one with index 0, to the nearest tick.
    ///
    /// It is computed from the index each time, so that nothing adds up over days.
    #[must_use]
    pub fn ticks(self, index: i64) -> i64 {
        let frames = i128::from(self.frames);
        let exact = i128::from(index) * i128::from(CLOCK) * i128::from(self.seconds);
        let nearest = (2 * exact + frames).div_euclid(2 * frames);
        i64::try_from(nearest).unwrap_or(if index < 0 { i64::MIN } else { i64::MAX })
    }
}

impl FromStr for Rate {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        let (frames, seconds) = text.split_once('/').unwrap_or((text, "1"));
        let number = |part: &str| {
            let digits = part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse().ok()).flatten()
        };
        match (number(frames), number(seconds)) {
            (Some(frames), Some(seconds)) => Self::new(frames, seconds),
            _ => Err(Unfit::RateText(text.chars().take(40).collect())),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seconds {
            1 => write!(f, "{}", self.frames),
            seconds => write!(f, "{}/{seconds}", self.frames),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_adds_up_over_a_year() {
        let rate = Rate::new(24_000, 1_001).unwrap();
        let year = 24_000 * 31_556;
        assert_eq!(rate.ticks(year), 31_556 * 1_001 * CLOCK);
        assert_eq!([-2, -1, 0, 1, 2].map(|index| rate.ticks(index)), [-7507, -3754, 0, 3754, 7508]);
    }

    #[test]
    fn rate_is_read_as_it_is_written() {
        for text in ["25", "30000/1001", "1/2", "1000", "1/3600"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in ["", "/", "25/", "+25", "2 5", "1/-1", "25.0", "99999999999"] {
            assert_eq!(text.parse::<Rate>(), Err(Unfit::RateText(text.to_owned())), "{text:?}");
        }
        for text in ["0", "1/0", "0/0", "1001", "1/3601", "4294967295", "1/4294967295"] {
            assert!(matches!(text.parse::<Rate>(), Err(Unfit::Rate { .. })), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn later_frames_have_later_times(
            frames in 1..=u32::MAX, seconds in 1..=u32::MAX, index in any::<i64>(),
        ) {
            if let Ok(rate) = Rate::new(frames, seconds) {
                let next = index.saturating_add(1);
                let (one, two) = (rate.ticks(index), rate.ticks(next));
                prop_assert!(one < two || one == two && (two == i64::MAX || one == i64::MIN || index == next));
            }
        }
    }
}
