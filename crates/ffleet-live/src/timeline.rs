//! When units of a container are, on the time of a feed.
//!
//! A container says when its units are decoded and shown, by a clock of its source, which begins anywhere, is set while
//! it runs, and begins anew with each run of the source. Here all of that becomes one time that only goes on: all tracks
//! are moved by the same, until the clock of the source leaps; then by what has them go on where the feed's clock is, and
//! behind all that was there. A unit of another track that comes late is still moved as those that it belongs to.

use std::time::Duration;

use ffleet_types::FrameRate;

use crate::packet::CLOCK;

/// A clock that goes on by so much from one unit of a track to the next was set, in ticks.
const LEAP: i64 = 10 * CLOCK;
/// One that goes back by so much was as well. By less, a muxer has been careless.
const BACK: i64 = CLOCK / 2;
/// By how much sound may be away from the end of the sound before it and still follow it, in ticks: times of containers
/// are rounded, and a hole that is heard is worse.
const SLACK: i64 = CLOCK / 25;
/// How much before the first unit of all another track may begin, in ticks.
const EARLY: i64 = CLOCK / 2;
/// The longest time that a picture is taken to be shown for, in ticks.
const LONGEST: i64 = CLOCK;

/// What a container says of a unit, in ticks of its source's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// When it is shown.
    pub pts: i64,
    /// When it is decoded.
    pub dts: i64,
    /// Of sound, how many samples of each channel it has, and how many there are in a second; nothing where that is not
    /// known, and of pictures.
    pub samples: Option<(u32, u32)>,
}

/// When it is, in ticks from the first unit of all on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// When it is shown: not before it is decoded.
    pub pts: i64,
    /// When it is decoded: later than the one before it of its track.
    pub dts: i64,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// When the first unit of all came.
    began: Option<Duration>,
    /// By what units are moved since the last leap, and by what before it.
    now: Option<Shift>,
    before: Option<Shift>,
    /// How many leaps there were.
    leaps: u64,
    lines: Vec<Line>,
}

/// By what units are moved.
#[derive(Clone, Copy, Debug)]
struct Shift {
    /// Which one it is.
    number: u64,
    by: i64,
    /// When the last unit that was moved by it is decoded, by its source's clock.
    last: i64,
}

/// One track.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    /// Which shift its last unit was moved by, and when that is decoded by its source's clock.
    last: Option<(u64, i64)>,
    /// When its last unit is decoded, and when all that it had is over.
    dts: Option<i64>,
    end: i64,
    /// Sound without a hole: where it began, and how many samples of how many a second it has had since.
    run: Option<(i64, u64, u32)>,
}

impl Timeline {
    /// For so many tracks.
    #[must_use]
    pub fn new(tracks: usize) -> Self {
        Self {
            began: None,
            now: None,
            before: None,
            leaps: 0,
            lines: vec![Line::default(); tracks],
        }
    }

    /// Where a unit of a track is that came `now`. Nothing for sound that is over already where it comes, which is to be
    /// left out, and where there is no such track.
    #[must_use = "the unit is placed nowhere else"]
    pub fn place(&mut self, track: usize, said: Said, now: Duration) -> Option<Placed> {
        let line = *self.lines.get(track)?;
        self.began.get_or_insert(now);
        let shift = self.shift(&line, said.dts, now);
        let dts = said.dts.saturating_add(shift.by);
        let (placed, line) = match said.samples {
            Some((samples, rate)) => line.sound(shift, dts, (samples, rate.max(1)))?,
            None => line.picture(shift, dts, said),
        };
        *self.lines.get_mut(track)? = Line { last: Some((shift.number, said.dts)), ..line };
        Some(placed)
    }

    /// What comes next is of another run of the source, or its source has been away: it stands where the feed's clock is.
    pub fn part(&mut self) {
        (self.now, self.before) = (None, None);
        for line in &mut self.lines {
            line.last = None;
        }
    }

    /// How many ticks have passed since the first unit of all.
    #[must_use]
    pub fn clock(&self, now: Duration) -> i64 {
        let Some(began) = self.began else {
            return 0;
        };
        let ticks =
            now.saturating_sub(began).as_nanos() * u128::from(CLOCK.unsigned_abs()) / 1_000_000_000;
        i64::try_from(ticks).unwrap_or(i64::MAX)
    }

    /// How often the clock of a source leapt, began anew, or went back.
    #[must_use]
    pub const fn leaps(&self) -> u64 {
        self.leaps.saturating_sub(1)
    }

    /// By what a unit is moved that is decoded at `dts`, and which was the last one.
    fn shift(&mut self, line: &Line, dts: i64, now: Duration) -> Shift {
        let goes_on = |last: i64| (-BACK..=LEAP).contains(&dts.saturating_sub(last));
        let is_near = |last: i64| dts.saturating_sub(last).saturating_abs() <= LEAP;
        let both = [&mut self.before, &mut self.now];
        for shift in both.into_iter().flatten() {
            if line
                .last
                .is_some_and(|(number, last)| number == shift.number && goes_on(last))
            {
                shift.last = dts;
                return *shift;
            }
        }
        if let Some(shift) = &mut self.now
            && line.last.is_none_or(|(number, _)| number != shift.number)
            && is_near(shift.last)
        {
            shift.last = dts;
            return *shift;
        }
        let ends = self.lines.iter().filter(|line| line.dts.is_some()).map(|line| line.end);
        let at = ends.fold(self.clock(now), i64::max);
        self.leaps += 1;
        let shift = Shift { number: self.leaps, by: at.saturating_sub(dts), last: dts };
        self.before = self.now.replace(shift);
        shift
    }
}

impl Line {
    fn picture(self, shift: Shift, dts: i64, said: Said) -> (Placed, Self) {
        let soonest = self.dts.map_or(-EARLY, |last| last.saturating_add(1));
        let dts = dts.max(soonest);
        let pts = said.pts.saturating_add(shift.by).max(dts);
        let long = self.dts.map_or(0, |last| dts.saturating_sub(last).min(LONGEST));
        let end = pts.saturating_add(long);
        let end = self.dts.map_or(end, |_| self.end.max(end));
        (Placed { pts, dts }, Self { dts: Some(dts), end, ..self })
    }

    fn sound(self, shift: Shift, at: i64, samples: (u32, u32)) -> Option<(Placed, Self)> {
        let (count, rate) = samples;
        let is_next = |next: i64| at.saturating_sub(next).saturating_abs() <= SLACK;
        let run = self.run.filter(|&(.., of)| of == rate && is_next(self.end));
        let run = match run {
            Some(run) if self.last.is_none_or(|(number, _)| number == shift.number) => run,
            // Of another run of its source: it may have begun before the sound that was there has ended.
            _ if self.dts.is_some() && at < self.end => {
                (at.saturating_add(SLACK) >= self.end).then_some((self.end, 0, rate))?
            }
            _ if at < -EARLY => return None,
            _ => (at, 0, rate),
        };
        let (base, passed, rate) = run;
        let dts = later(base, passed, rate);
        let passed = passed.saturating_add(count.into());
        let line = Self {
            dts: Some(dts),
            end: later(base, passed, rate),
            run: Some((base, passed, rate)),
            ..self
        };
        // Time that does not go on any more is none.
        let grows = self.dts.is_none_or(|last| last < dts);
        grows.then_some((Placed { pts: dts, dts }, line))
    }
}

/// So many samples of so many a second behind `base`, to the nearest tick.
fn later(base: i64, samples: u64, rate: u32) -> i64 {
    let rate = i128::from(rate);
    let ticks = (i128::from(samples) * i128::from(CLOCK) + rate / 2) / rate;
    base.saturating_add(i64::try_from(ticks).unwrap_or(i64::MAX))
}

/// Rates that pictures usually have; what is measured is one of them if it is nearly so.
const USUAL: [(u32, u32); 12] = [
    (10, 1),
    (12, 1),
    (15, 1),
    (20, 1),
    (24_000, 1_001),
    (24, 1),
    (25, 1),
    (30_000, 1_001),
    (30, 1),
    (50, 1),
    (60_000, 1_001),
    (60, 1),
];

/// How many pictures a second there are, by times at which some of them are decoded, in ticks and in order: the middle one
/// of what is between them. Nothing where that is no rate.
#[must_use]
pub fn rate(times: &[i64]) -> Option<FrameRate> {
    let pairs = times.windows(2).filter_map(|pair| match *pair {
        [one, next] => Some(next.saturating_sub(one)),
        _ => None,
    });
    let mut apart: Vec<i64> = pairs.filter(|&apart| apart > 0).collect();
    apart.sort_unstable();
    let middle = *apart.get(apart.len() / 2)?;
    // A tick to either side is rounding; muxers that count milliseconds round to 90.
    let is_near = |&(frames, seconds): &(u32, u32)| {
        let exact = CLOCK * i64::from(seconds) / i64::from(frames);
        (exact - middle).abs() <= (exact / 400).max(1)
    };
    let distance = |&(frames, seconds): &(u32, u32)| {
        (CLOCK * i64::from(seconds) / i64::from(frames) - middle).abs()
    };
    let usual = USUAL.into_iter().filter(is_near).min_by_key(distance);
    let exact = || Some((u32::try_from(CLOCK).ok()?, u32::try_from(middle).ok()?));
    let (frames, seconds) = usual.or_else(exact)?;
    FrameRate::new(frames, seconds)
}

#[cfg(test)]
mod tests;
