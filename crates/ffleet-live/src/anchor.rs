//! When frames are that come without a time.
//!
//! Programs that write raw frames into a FIFO say how many a second, and nothing else. Their time follows from their
//! number, counted from where the track began: from the beginning of all tracks, which is one for those that begin
//! together. A track that was gone and comes back stands where the clock stands: what did not come in between is
//! missing, and is not made up for.
//!
//! Programs that say when frames are count from anywhere, but all tracks of one program from the same moment. Where its
//! first frame is placed all others follow ([`Anchor::place`], [`Anchor::place_run`]), until its clock is set anew.

use std::time::Duration;

use crate::packet::CLOCK;

/// Tracks that come within so long of each other begin at one instant.
const TOGETHER: Duration = Duration::from_secs(2);
/// A writer's clock that goes on by so much more than ours, in ticks, was set: what follows is placed anew.
const LEAP: i64 = 10 * CLOCK;
/// By how much a run of samples may be away from the end of the one before and still follow it, in ticks: clocks are
/// read late by as much, and a hole that is heard is worse.
const SLACK: i64 = CLOCK / 25;
/// A track that has not been there yet may begin so much before another one that has, in ticks.
const EARLY: i64 = CLOCK / 2;

/// The time of all tracks of a feed. Times are in ticks of [`CLOCK`] from the first frame of all on.
#[derive(Clone, Debug)]
pub struct Anchor {
    /// When the first frame of all came.
    began: Option<Duration>,
    /// What a writer's own clock is behind ours, in ticks, while there is one that has its own.
    offset: Option<i64>,
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
    /// What was placed last: where, by its writer's clock, and when it came.
    placed: Option<(i64, i64, Duration)>,
}

impl Line {
    fn at(&self, count: i64) -> i64 {
        let base = self.came.map_or(0, |(base, _)| base);
        let passed = i128::from(count) * i128::from(CLOCK) * i128::from(self.seconds);
        let passed = passed / i128::from(self.units.max(1));
        base.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    }

    /// Where nothing may be before: the end of what has been.
    fn end(&self) -> i64 {
        let never = if self.came.is_none() { -EARLY } else { i64::MIN };
        let counted = if self.came.is_some() {
            self.at(self.count)
        } else {
            never
        };
        self.placed
            .map_or(counted, |(at, ..)| counted.max(at.saturating_add(1)))
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
            placed: None,
        };
        Self { began: None, offset: None, lines: rates.iter().map(line).collect() }
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
        line.placed = None;
        at
    }

    /// Takes a frame of a track whose writer says that it is at `time`, in ticks of a clock of its own, and which came
    /// `now`: where it is, behind all that the track had. There is no such track: 0.
    pub fn place(&mut self, track: usize, time: i64, now: Duration) -> i64 {
        let wanted = self.wanted(track, time, now);
        let Some(line) = self.lines.get_mut(track) else {
            return 0;
        };
        // Its own rate is what is meant, not what is: a frame may come sooner than that says.
        let soonest = line
            .placed
            .map_or_else(|| line.end(), |(last, ..)| last.saturating_add(1));
        let at = wanted.max(soonest);
        *line = Line {
            came: Some((at, now)),
            is_there: true,
            count: 1,
            placed: Some((at, time, now)),
            ..*line
        };
        at
    }

    /// The same of a run of so many samples, which begins at `time`: it follows the one before where that is nearly so.
    pub fn place_run(&mut self, track: usize, samples: u32, time: i64, now: Duration) -> i64 {
        let wanted = self.wanted(track, time, now);
        let Some(line) = self.lines.get_mut(track) else {
            return 0;
        };
        let next = line.end();
        let follows =
            line.is_there && line.placed.is_some() && wanted.saturating_sub(next) <= SLACK;
        let at = if follows { line.at(line.count) } else { wanted.max(next) };
        if !follows {
            *line = Line { came: Some((at, now)), is_there: true, count: 0, ..*line };
        }
        line.count += i64::from(samples);
        line.placed = Some((at, time, now));
        at
    }

    /// Where `time` of a writer's clock is.
    fn wanted(&mut self, track: usize, time: i64, now: Duration) -> i64 {
        let last = self
            .lines
            .get(track)
            .filter(|line| line.is_there)
            .and_then(|line| line.placed);
        let leaps = last.is_some_and(|(_, before, came)| {
            let passed = ticks(now.saturating_sub(came));
            time.saturating_sub(before).saturating_sub(passed) > LEAP
        });
        let offset = self.offset.filter(|_| !leaps);
        let offset = offset.unwrap_or_else(|| self.base(track, now).saturating_sub(time));
        self.offset = Some(offset);
        time.saturating_add(offset)
    }

    /// Nobody writes the track any more.
    pub fn leave(&mut self, track: usize) {
        if let Some(line) = self.lines.get_mut(track) {
            line.is_there = false;
        }
        // The next writer has another clock.
        let has_clock = |line: &Line| line.is_there && line.placed.is_some();
        if !self.lines.iter().any(has_clock) {
            self.offset = None;
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
        let own = self.lines.get(track).map_or(0, Line::end);
        base.max(own)
    }
}

fn ticks(span: Duration) -> i64 {
    let ticks = span.as_nanos() * u128::from(CLOCK.unsigned_abs()) / 1_000_000_000;
    i64::try_from(ticks).unwrap_or(i64::MAX)
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

    #[test]
    fn clock_of_a_writer_begins_anywhere_and_all_its_tracks_have_it() {
        let mut anchor = anchor();
        let since_1970 = 1_700_000_000 * CLOCK;
        assert_eq!(anchor.place(0, since_1970, ms(7_000)), 0);
        assert_eq!(anchor.place_run(1, 960, since_1970 - 900, ms(7_001)), -900, "10 ms earlier");
        assert_eq!(
            anchor.place(0, since_1970 + 3_700, ms(7_040)),
            3_700,
            "not where the rate says"
        );
        assert_eq!(
            anchor.place(0, since_1970 + 5_000, ms(7_041)),
            5_000,
            "sooner than the rate says"
        );
    }

    #[test]
    fn sound_follows_sound_unless_there_is_a_hole() {
        let mut anchor = anchor();
        assert_eq!(anchor.place_run(1, 4_800, -5, ms(0)), 0);
        assert_eq!(
            anchor.place_run(1, 4_800, 9_000 + 800, ms(100)),
            9_000,
            "a clock that was read late"
        );
        assert_eq!(anchor.place_run(1, 4_800, 18_000 - 900, ms(200)), 18_000, "or early");
        assert_eq!(anchor.place_run(1, 4_800, 45_000, ms(500)), 45_005, "four runs are missing");
        assert_eq!(anchor.place_run(1, 4_800, 54_000, ms(600)), 54_005);
    }

    #[test]
    fn next_writer_is_placed_by_our_clock_whatever_its_own_says() {
        let mut anchor = anchor();
        anchor.place(0, 90_000, ms(0));
        anchor.place_run(1, 960, 90_000, ms(0));
        anchor.leave(0);
        anchor.leave(1);
        assert_eq!(anchor.place(0, -77, ms(3_000)), 3 * CLOCK);
        assert_eq!(anchor.place_run(1, 960, -77, ms(3_001)), 3 * CLOCK);
    }

    #[test]
    fn clock_that_was_set_is_followed_from_where_it_was() {
        let mut anchor = anchor();
        anchor.place(0, 0, ms(0));
        assert_eq!(anchor.place(0, 1_000_000 * CLOCK, ms(40)), 3_600);
        assert_eq!(anchor.place(0, 1_000_000 * CLOCK + 3_600, ms(80)), 7_200);
        // Who waited as long did not set it.
        assert_eq!(anchor.place(0, 1_000_020 * CLOCK, ms(20_040)), 20 * CLOCK + 3_600);
    }

    proptest! {
        #[test]
        fn placed_time_never_goes_back(
            steps in proptest::collection::vec((0..2_usize, 0..5_u8, any::<i64>(), 0..3_000_u64), 1..200),
        ) {
            let mut anchor = anchor();
            let (mut now, mut last) = (ms(0), [i64::MIN; 2]);
            for (track, what, time, later) in steps {
                now += ms(later);
                // Times that do not fit are no times.
                let time = time >> 4;
                let at = match (what, track) {
                    (0, _) => { anchor.leave(track); continue }
                    (1, _) => anchor.take(track, 1, now),
                    (_, 0) => anchor.place(0, time, now),
                    (_, _) => anchor.place_run(1, 960, time, now),
                };
                prop_assert!(at > last[track], "{} after {}", at, last[track]);
                last[track] = at;
                // What follows a time that is far away cannot be counted.
                if at.abs() > i64::MAX / 4 { break }
            }
        }

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
