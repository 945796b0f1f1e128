//! When frames are that come without a time.
//!
//! Programs that write raw frames into a FIFO say how many a second, and nothing else. Their time follows from their
//! number, counted from where the track began: from the beginning of all tracks, which is one for those that begin
//! together. What did not come while tracks were gone is missing, and is not made up for: those that come back together
//! stand where the clock stands, or behind all that has been, and one that comes back alone stands where the other
//! does, so that both are in step whatever each was before.
//!
//! Programs that say when frames are count from anywhere, but all tracks of one program from the same moment. Where its
//! first frame is placed all others follow ([`Anchor::place`], [`Anchor::place_run`]), until its clock is set anew.

use std::time::Duration;

use crate::packet::CLOCK;

/// Tracks that come within so long of each other begin at one instant.
const TOGETHER: Duration = Duration::from_secs(2);
/// A track of which nothing came for so long, although it was waited for, has paused.
const PAUSE: Duration = Duration::from_millis(500);
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
    /// Whether the source of the tracks is away: who pauses meanwhile comes anew.
    is_away: bool,
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
    /// Where what came last begins, and when it came.
    last: Option<(i64, Duration)>,
    /// Since when more is waited for; nothing while what came is handed on, however long that takes.
    waits: Option<Duration>,
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

    /// Where the track stands, by when the last of it came.
    fn stands(&self, now: Duration) -> Option<i64> {
        let (at, came) = self.last?;
        Some(at.saturating_add(ticks(now.saturating_sub(came))))
    }

    /// For how long it has given nothing although it could have.
    fn silence(&self, now: Duration) -> Duration {
        self.waits.map_or(Duration::ZERO, |since| now.saturating_sub(since))
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
            last: None,
            waits: None,
        };
        Self {
            began: None,
            offset: None,
            is_away: false,
            lines: rates.iter().map(line).collect(),
        }
    }

    /// Takes `units` of a track, which came `now`: when they are. The first of a track, and the first after
    /// [`Self::leave`], is where the track begins anew. There is no such track: 0.
    pub fn take(&mut self, track: usize, units: u32, now: Duration) -> i64 {
        self.settle(now);
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
        (line.placed, line.last, line.waits) = (None, Some((at, now)), None);
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
            last: Some((at, now)),
            waits: None,
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
        (line.placed, line.last, line.waits) = (Some((at, time, now)), Some((at, now)), None);
        at
    }

    /// Where `time` of a writer's clock is.
    fn wanted(&mut self, track: usize, time: i64, now: Duration) -> i64 {
        self.settle(now);
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

    /// What came last of a track has been handed on, and more of it is waited for. Who never says so never pauses.
    pub fn wait(&mut self, track: usize, now: Duration) {
        if let Some(line) = self.lines.get_mut(track) {
            line.waits = Some(now);
        }
    }

    /// The source of all tracks is away, as `track` shows, which comes anew; and so do those that have paused with it,
    /// or do so until [`Self::back`]. One that goes on is where it was.
    pub fn away(&mut self, track: usize, now: Duration) {
        self.is_away = true;
        let waits = self.lines.get(track).and_then(|line| line.waits);
        let half = waits.map_or(PAUSE, |since| now.saturating_sub(since) / 2);
        self.leave(track);
        self.part(now, half.min(PAUSE));
    }

    /// The source is back.
    pub fn back(&mut self, now: Duration) {
        self.settle(now);
        self.is_away = false;
    }

    fn settle(&mut self, now: Duration) {
        if self.is_away {
            self.part(now, PAUSE);
        }
    }

    /// Has the tracks come anew of which nothing came for so long.
    fn part(&mut self, now: Duration, pause: Duration) {
        for track in 0..self.lines.len() {
            let line = self.lines.get(track);
            if line.is_some_and(|line| line.is_there && line.silence(now) >= pause) {
                self.leave(track);
            }
        }
    }

    /// How many ticks have passed since the first frame of all.
    #[must_use]
    pub fn clock(&self, now: Duration) -> i64 {
        let Some(began) = self.began else {
            return 0;
        };
        ticks(now.saturating_sub(began))
    }

    /// Where a track stands that comes `now`.
    fn base(&mut self, track: usize, now: Duration) -> i64 {
        self.began.get_or_insert(now);
        let base = self.together(track, now).unwrap_or_else(|| {
            // One that has paused will not go on where it was either.
            self.part(now, PAUSE);
            let stands = self.others(track).filter_map(|line| line.stands(now)).max();
            stands.unwrap_or_else(|| self.anew(now))
        });
        // What has been is not gone back to.
        let own = self.lines.get(track).map_or(0, Line::end);
        base.max(own)
    }

    /// The other tracks that are there.
    fn others(&self, track: usize) -> impl Iterator<Item = &Line> {
        let others = self.lines.iter().enumerate().filter(move |&(other, _)| other != track);
        others.map(|(_, line)| line).filter(|line| line.is_there)
    }

    /// Where another began that came just now.
    fn together(&self, track: usize, now: Duration) -> Option<i64> {
        let mut came = self.others(track).filter_map(|line| line.came);
        came.find(|&(_, came)| now.saturating_sub(came) <= TOGETHER)
            .map(|(base, _)| base)
    }

    /// Where all can begin: where the clock is, or behind what has been of any.
    fn anew(&self, now: Duration) -> i64 {
        let have_been = self.lines.iter().filter(|line| line.came.is_some());
        have_been.map(Line::end).fold(self.clock(now), i64::max)
    }
}

fn ticks(span: Duration) -> i64 {
    let ticks = span.as_nanos() * u128::from(CLOCK.unsigned_abs()) / 1_000_000_000;
    i64::try_from(ticks).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
