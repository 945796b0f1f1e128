//! Coded units that a decoder may have to be fed again.
//!
//! A decoder begins at a key and gives what is shown in its order. When it dies, the next one is fed from the last key on
//! that has been shown, and what that gives is new where it is shown later than all that was there: so nothing has to be
//! known of which unit became which frame, and nothing is lost or comes twice.

use std::collections::VecDeque;

/// See the module. Units have numbers from 0 on, in the order of decoding; times of display are in ticks.
#[derive(Clone, Debug)]
pub struct Reel {
    /// Those that are held, the oldest first.
    units: VecDeque<Unit>,
    /// The number of the oldest that is held.
    first: u64,
    /// When the last frame that came out is shown.
    shown: Option<i64>,
    /// Bytes that are held, and may be.
    bytes: u64,
    limit: u64,
    /// How many units that have come out a new decoder is fed again before the last one, to get into its stride.
    again: u64,
    lost: u64,
}

#[derive(Clone, Copy, Debug)]
struct Unit {
    shown: i64,
    bytes: u64,
    is_key: bool,
}

impl Reel {
    /// Of `limit` bytes at most, of which a new decoder is fed so many units more than it has to be.
    #[must_use]
    pub const fn new(limit: u64, again: u64) -> Self {
        Self {
            units: VecDeque::new(),
            first: 0,
            shown: None,
            bytes: 0,
            limit,
            again,
            lost: 0,
        }
    }

    /// Whether a unit of so many bytes has room. Room is made of units that have come out, even if a new decoder would
    /// need them: then it begins at the next key. A single unit always has room.
    pub fn has_room(&mut self, bytes: u64) -> bool {
        while self.bytes.saturating_add(bytes) > self.limit {
            match self.units.front() {
                Some(unit) if self.is_over(unit.shown) => {
                    self.drop_first();
                }
                Some(_) => return false,
                None => return true,
            }
        }
        true
    }

    /// Takes a unit; false if it is left out, since nothing is there that it could be decoded from.
    pub fn push(&mut self, shown: i64, is_key: bool, bytes: u64) -> bool {
        if self.units.is_empty() && !is_key {
            self.lost += 1;
            return false;
        }
        self.units.push_back(Unit { shown, bytes, is_key });
        self.bytes += bytes;
        true
    }

    /// The number of the oldest unit that is held.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// The number of the next unit.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first + self.units.len() as u64
    }

    /// Bytes that are held.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many units have not come out.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.units.iter().filter(|unit| !self.is_over(unit.shown)).count() as u64
    }

    /// Whether one before this unit has not come out.
    #[must_use]
    pub fn waiting_before(&self, unit: u64) -> bool {
        let mut before = self.units.iter().zip(self.first..unit);
        before.any(|(unit, _)| !self.is_over(unit.shown))
    }

    /// Units that no decoder made anything of, or that were given up.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether a unit has come out, or never will.
    fn is_over(&self, shown: i64) -> bool {
        self.shown.is_some_and(|last| shown <= last)
    }

    /// The unit that a new decoder is fed from: a key, or behind all that is held.
    #[must_use]
    pub fn resume(&self) -> u64 {
        let is_key = |at: &usize| self.units.get(*at).is_some_and(|unit| unit.is_key);
        let from = (self.needed()..self.units.len()).find(is_key);
        self.first + from.unwrap_or(self.units.len()) as u64
    }

    /// The place of the first unit that a new decoder may need.
    fn needed(&self) -> usize {
        let last = self
            .units
            .iter()
            .rposition(|unit| unit.is_key && self.is_over(unit.shown));
        let again = usize::try_from(self.again).unwrap_or(usize::MAX);
        last.map_or(0, |last| last.saturating_sub(again))
    }

    /// A frame has come out that is shown at this time: whether it is new.
    pub fn gave(&mut self, shown: i64) -> bool {
        if self.is_over(shown) {
            return false;
        }
        let is_between = |unit: &&Unit| !self.is_over(unit.shown) && unit.shown < shown;
        self.lost += self.units.iter().filter(is_between).count() as u64;
        self.shown = Some(shown);
        true
    }

    /// Lets go of what no decoder needs any more: of how many units.
    pub fn release(&mut self) -> usize {
        let released = self.needed();
        (0..released).for_each(|_| self.drop_first());
        released
    }

    /// Gives up what comes next, which kills each decoder that gets it: all up to the next key.
    pub fn give_up(&mut self) {
        let mut waits = self.units.iter().skip_while(|unit| self.is_over(unit.shown)).copied();
        let Some(bad) = waits.next() else { return };
        let rest: Vec<Unit> = waits.take_while(|unit| !unit.is_key).collect();
        let until = rest.iter().map(|unit| unit.shown).fold(bad.shown, i64::max);
        self.lost += 1 + rest.len() as u64;
        self.shown = Some(self.shown.map_or(until, |shown| shown.max(until)));
        // A key that is given up is none that anybody begins with.
        let last = self.first + self.units.len() as u64;
        let next = self
            .units
            .iter()
            .zip(self.first..)
            .find(|(unit, _)| unit.is_key && !self.is_over(unit.shown))
            .map_or(last, |(_, number)| number);
        while self.first < next {
            self.drop_first();
        }
    }

    /// What is held before this unit has come out, or never will: nothing of it is decoded again.
    pub fn clear(&mut self, before: u64) {
        while self.first < before && !self.units.is_empty() {
            let unit = self.units.front().copied();
            if let Some(Unit { shown, .. }) = unit.filter(|unit| !self.is_over(unit.shown)) {
                self.lost += 1;
                self.shown = self.shown.max(Some(shown));
            }
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some(unit) = self.units.pop_front() {
            self.bytes -= unit.bytes;
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests;
