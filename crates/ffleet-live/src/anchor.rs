//! When frames are that come without a time.
//!
//! Programs that write raw frames into a FIFO say how many a second, and nothing else. Their time follows from their
//! number, counted from where the track began: from the beginning of all tracks, which is one for those that begin
//! together. A track that was gone and comes back stands where the clock stands: what did not come in between is
//! missing, and is not made up for.

use std::time::Duration;

use crate::packet::CLOCK;

/// Tracks that come within so long of each other begin at one instant.
const TOGETHER: Duration = Duration::from_secs(2);

/// The time of all tracks of a feed. Times are in ticks of [`CLOCK`] from the first frame of all on.
#[derive(Clone, Debug)]
pub struct Anchor {
    /// When the first frame of all came.
    began: Option<Duration>,
    lines: Vec<Line>,
}

/// The time of one track.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// So many units...
    units: i64,
    /// ...are so many seconds.
    seconds: i64,
    /// Where it stood when it came last, and when that was.
    came: Option<(i64, Duration)>,
    is_there: bool,
    /// Units since then.
    count: i64,
}

impl Line {
    fn at(&self, count: i64) -> i64 {
        let base = self.came.map_or(0, |(base, _)| base);
        let passed = i128::from(count) * i128::from(CLOCK) * i128::from(self.seconds);
        let passed = passed / i128::from(self.units.max(1));
        base.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    }
}

impl Anchor {
    /// Tracks of which so many units (frames, samples of a channel) are so many seconds.
    #[must_use]
    pub fn new(rates: &[(u32, u32)]) -> Self {
        let line = |&(units, seconds): &(u32, u32)| Line {
            units: units.into(),
            seconds: seconds.into(),
            came: None,
            is_there: false,
            count: 0,
        };
        Self { began: None, lines: rates.iter().map(line).collect() }
    }

    /// Takes `units` of a track, which came `now`: when they are. The first of a track, and the first after
    /// [`Self::leave`], is where the track begins anew. There is no such track: 0.
    pub fn take(&mut self, track: usize, units: u32, now: Duration) -> i64 {
        if self.lines.get(track).is_some_and(|line| !line.is_there) {
            let base = self.base(track, now);
            if let Some(line) = self.lines.get_mut(track) {
                *line = Line { came: Some((base, now)), is_there: true, count: 0, ..*line };
            }
        }
        let Some(line) = self.lines.get_mut(track) else {
            return 0;
        };
        let at = line.at(line.count);
        line.count += i64::from(units);
        at
    }

    /// Nobody writes the track any more.
    pub fn leave(&mut self, track: usize) {
        if let Some(line) = self.lines.get_mut(track) {
            line.is_there = false;
        }
    }

    /// How many ticks have passed since the first frame of all.
    #[must_use]
    pub fn clock(&self, now: Duration) -> i64 {
        let Some(began) = self.began else {
            return 0;
        };
        let ticks =
            now.saturating_sub(began).as_nanos() * u128::from(CLOCK.unsigned_abs()) / 1_000_000_000;
        i64::try_from(ticks).unwrap_or(i64::MAX)
    }

    /// Where a track stands that comes `now`.
    fn base(&mut self, track: usize, now: Duration) -> i64 {
        self.began.get_or_insert(now);
        let clock = self.clock(now);
        let others = self.lines.iter().enumerate().filter(|&(other, _)| other != track);
        let together = others
            .filter_map(|(_, line)| line.came.filter(|_| line.is_there))
            .find(|&(_, came)| now.saturating_sub(came) <= TOGETHER);
        let base = together.map_or(clock, |(base, _)| base);
        // What has been is not gone back to.
        let own = self.lines.get(track).map_or(0, |line| line.at(line.count));
        base.max(own)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// A picture of 25 frames a second, and sound of 48,000 samples.
    fn anchor() -> Anchor {
        Anchor::new(&[(25, 1), (48_000, 1)])
    }

    #[test]
    fn tracks_that_begin_together_have_one_beginning() {
        let mut anchor = anchor();
        assert_eq!(anchor.take(0, 1, ms(5_000)), 0);
        assert_eq!(anchor.take(1, 1_024, ms(5_300)), 0, "its program was slower to open it");
        assert_eq!(anchor.take(0, 1, ms(5_310)), 3_600);
        assert_eq!(anchor.take(1, 1_024, ms(5_311)), 1_920);
    }

    #[test]
    fn time_follows_from_the_number_and_not_from_the_moment() {
        let mut anchor = Anchor::new(&[(30_000, 1_001)]);
        let times: Vec<i64> = (0..4).map(|_| anchor.take(0, 1, ms(0))).collect();
        assert_eq!(times, [0, 3_003, 6_006, 9_009]);
    }

    #[test]
    fn source_that_was_away_comes_back_where_the_clock_is_and_in_step() {
        let mut anchor = anchor();
        anchor.take(0, 250, ms(1_000));
        anchor.take(1, 480_000, ms(1_000));
        anchor.leave(0);
        anchor.leave(1);
        assert_eq!(anchor.take(1, 1_024, ms(21_000)), 20 * CLOCK);
        assert_eq!(anchor.take(0, 1, ms(21_200)), 20 * CLOCK, "both at one instant");
    }

    #[test]
    fn picture_that_comes_back_alone_is_where_the_sound_is() {
        let mut anchor = anchor();
        anchor.take(0, 25, ms(0));
        anchor.take(1, 48_000, ms(0));
        anchor.leave(0);
        assert_eq!(anchor.take(0, 1, ms(9_000)), 9 * CLOCK);
    }

    proptest! {
        #[test]
        fn time_never_goes_back(
            steps in proptest::collection::vec((0..2_usize, 0..3_u8, 1..2_000_u32, 0..3_000_u64), 1..200),
        ) {
            let mut anchor = anchor();
            let (mut now, mut last) = (ms(0), [-1_i64; 2]);
            for (track, what, units, later) in steps {
                now += ms(later);
                if what == 0 {
                    anchor.leave(track);
                } else {
                    let at = anchor.take(track, units, now);
                    prop_assert!(at > last[track], "{} after {}", at, last[track]);
                    last[track] = at;
                }
            }
        }
    }
}
