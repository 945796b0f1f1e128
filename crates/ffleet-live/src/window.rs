//! What a ring holds at a moment, as offsets, and where each of its viewers is in it.
//!
//! A ring holds the last bytes of a feed, over all runs of what produced them. Offsets count from the
//! first byte of the first run. A viewer has a [`Cursor`] of its own; it begins at the newest join point,
//! goes on byte by byte, jumps to the newest join point where the ring has moved on without it, and over
//! the seam between two runs to the first join point behind that. What is pushed ends where a unit of
//! its container does, and a viewer is moved from one end of a push to another, so that a jump never
//! cuts a unit.
//!
//! Who holds the bytes is the gateway's affair: here are only the numbers, and the few bytes that a
//! viewer needs in front of a join point.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::join::Join;

/// Join points that are kept: the newest. More would be of no use, since viewers jump forward.
const MOST_JOINS: usize = 256;
/// Seams that are kept. A viewer before the oldest of them has fallen out of the ring anyhow, or
/// goes on at the newest run.
const MOST_SEAMS: usize = 64;

/// A place where a viewer can begin, in a ring.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The offset.
    at: u64,
    /// The run of the producer that it is in.
    run: u64,
    join: Join,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Window {
    start: u64,
    end: u64,
    run: u64,
    /// Where the run began.
    base: u64,
    entries: VecDeque<Entry>,
    /// Where runs began that are not the first in the window, and which.
    seams: VecDeque<(u64, u64)>,
}

/// Where a viewer is in a window.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    at: Option<(u64, u64)>,
    /// How often it fell out.
    pub skips: u64,
    /// Bytes that it missed so.
    pub missed: u64,
}

/// What a viewer gets next.
#[derive(Clone, Debug)]
#[must_use = "the cursor has moved"]
pub enum Step {
    /// There is nothing for it yet.
    Wait,
    /// It jumps: these bytes come first, and then it is at another place. Ask again.
    Jump {
        /// What its decoder needs in front of what comes.
        prefix: Arc<[u8]>,
        /// Whether it fell out of the ring, and missed something for its slowness.
        fell: bool,
    },
    /// The bytes from `from` to `to`, which is the end of the window or of the run.
    Send {
        /// The first of them.
        from: u64,
        /// The first one behind them.
        to: u64,
    },
}

impl Window {
    /// The offset of the first byte that is there.
    #[must_use]
    pub const fn start(&self) -> u64 {
        self.start
    }

    /// The offset behind the last byte.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// How many runs there were before this one.
    #[must_use]
    pub const fn run(&self) -> u64 {
        self.run
    }

    /// Another run of the producer begins; its first byte comes next.
    pub fn begin_run(&mut self) {
        self.run += 1;
        if self.end > self.base {
            self.seams.push_back((self.end, self.run));
            if self.seams.len() > MOST_SEAMS {
                self.seams.pop_front();
            }
        }
        self.base = self.end;
    }

    /// So many bytes were added, which end where a unit does, with these join points, in the run's own
    /// offsets.
    pub fn push(&mut self, length: u64, joins: impl IntoIterator<Item = Join>) {
        self.end += length;
        for join in joins {
            let at = self.base + join.at;
            self.entries.push_back(Entry { at, run: self.run, join });
            if self.entries.len() > MOST_JOINS {
                self.entries.pop_front();
            }
        }
    }

    /// What is before `start` is not there any more.
    pub fn trim(&mut self, start: u64) {
        self.start = start.clamp(self.start, self.end);
        while self.entries.front().is_some_and(|entry| entry.at < self.start) {
            self.entries.pop_front();
        }
        while self.seams.front().is_some_and(|&(seam, _)| seam < self.start) {
            self.seams.pop_front();
        }
    }

    /// The newest place where somebody can begin in the run that there is now.
    fn newest(&self) -> Option<&Entry> {
        let of_run = |entry: &&Entry| entry.run == self.run && entry.at < self.end;
        let mut entries = self.entries.iter().rev().filter(of_run).peekable();
        // A join point that is a picture of its own comes before one that is merely a boundary.
        let newest = entries.peek().copied();
        entries.find(|entry| entry.join.is_key).or(newest)
    }

    /// Whether whoever begins now begins before `end`.
    #[must_use]
    pub fn begins_before(&self, end: u64) -> bool {
        self.newest().is_some_and(|entry| entry.at < end)
    }

    /// The first place where somebody can go on who comes from the end of `run`.
    fn after(&self, run: u64) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.run > run && entry.at < self.end)
    }

    /// What the viewer at `cursor` gets next; it is there then.
    pub fn step(&self, cursor: &mut Cursor) -> Step {
        let Some((at, run)) = cursor.at else {
            return match self.newest() {
                Some(entry) => {
                    cursor.at = Some((entry.at, entry.run));
                    Step::Jump { prefix: Arc::clone(&entry.join.head), fell: false }
                }
                None => Step::Wait,
            };
        };
        if at < self.start {
            return match self.newest() {
                Some(entry) => {
                    cursor.skips += 1;
                    cursor.missed += entry.at - at;
                    Self::jump(cursor, entry, run, true)
                }
                None => Step::Wait,
            };
        }
        let seam = self.seams.iter().find(|&&(_, begins)| begins > run);
        let to = match seam {
            // The run goes on.
            _ if run == self.run => self.end,
            Some(&(seam, _)) if at < seam => seam,
            // Its run is over.
            _ => {
                return match self.after(run) {
                    Some(entry) => Self::jump(cursor, entry, run, false),
                    None => Step::Wait,
                };
            }
        };
        if at == to {
            return Step::Wait;
        }
        Step::Send { from: at, to }
    }

    fn jump(cursor: &mut Cursor, entry: &Entry, run: u64, fell: bool) -> Step {
        cursor.at = Some((entry.at, entry.run));
        let join = &entry.join;
        let prefix = if entry.run == run { &join.bridge } else { &join.reopen };
        Step::Jump { prefix: Arc::clone(prefix), fell }
    }
}

impl Cursor {
    /// It has got what there is before `to`.
    pub const fn advance(&mut self, to: u64) {
        if let Some((at, _)) = &mut self.at {
            *at = to;
        }
    }

    /// How many bytes of the window are still before it.
    #[must_use]
    pub fn lag(&self, window: &Window) -> u64 {
        self.at.map_or(0, |(at, _)| window.end.saturating_sub(at))
    }

    /// The offset that it is at, once it has begun.
    #[must_use]
    pub fn at(&self) -> Option<u64> {
        self.at.map(|(at, _)| at)
    }

    /// Which run of the producer it is in; 0 before it has begun.
    #[must_use]
    pub fn run(&self) -> u64 {
        self.at.map_or(0, |(_, run)| run)
    }

    /// Whether it has begun.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        self.at.is_some()
    }
}

#[cfg(test)]
mod tests;
