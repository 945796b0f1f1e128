//! Media without a container: what a program pushes into a FIFO, a socket or the body of a request.
//!
//! A container says where a packet ends and when it is shown; here nobody does. Pictures and sound that are not coded
//! have a size that is known (`ffleet_types::live::inputs`); coded pictures are cut at their start codes ([`annexb`]).
//! When something is shown follows from its place in the sequence and from a rate that was told ([`ticks`], [`dts`]): a
//! clock would make the reader's delays part of the media. A program that knows better says so in each frame's head
//! ([`frames`]).
//!
//! Input is not trusted: every length is bounded, what cannot be used is left out and counted.

use ffleet_types::FrameRate;

use crate::packet::CLOCK;

pub mod annexb;
mod blocks;
pub mod dts;
pub mod elementary;
pub mod frames;

pub use blocks::{Block, Blocks};

/// When the frame with this index begins at a constant rate, in ticks of [`CLOCK`] after the one with index 0, to the
/// nearest tick.
///
/// It is computed from the index each time, so that nothing adds up over days.
///
/// ```
/// let rate = "30000/1001".parse()?;
/// assert_eq!(ffleet_live::raw::ticks(rate, 30_000), 1_001 * 90_000);
/// # Ok::<(), ffleet_types::ParseError>(())
/// ```
#[must_use]
pub fn ticks(rate: FrameRate, index: i64) -> i64 {
    let (frames, seconds) = rate.parts();
    let frames = i128::from(frames);
    let exact = i128::from(index) * i128::from(CLOCK) * i128::from(seconds);
    let nearest = (2 * exact + frames).div_euclid(2 * frames);
    i64::try_from(nearest).unwrap_or(if index < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_adds_up_over_a_year() {
        let rate = FrameRate::new(24_000, 1_001).unwrap();
        let year = 24_000 * 31_556;
        assert_eq!(ticks(rate, year), 31_556 * 1_001 * CLOCK);
        assert_eq!(
            [-2, -1, 0, 1, 2].map(|index| ticks(rate, index)),
            [-7507, -3754, 0, 3754, 7508]
        );
    }

    proptest! {
        #[test]
        fn later_frames_have_later_times(
            frames in 1..=u32::MAX, seconds in 1..=u32::MAX, index in any::<i64>(),
        ) {
            if let Some(rate) = FrameRate::new(frames, seconds) {
                let next = index.saturating_add(1);
                let (one, two) = (ticks(rate, index), ticks(rate, next));
                prop_assert!(one < two || one == two && (two == i64::MAX || one == i64::MIN || index == next));
            }
        }
    }
}
