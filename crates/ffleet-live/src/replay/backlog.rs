//! The input of a track that has not come out yet.

use std::collections::{BTreeSet, VecDeque};

use ffleet_types::live::feed::WhenFull;

/// See the module. Frames have numbers from 0 on, in the order in which they were taken.
#[derive(Clone, Debug)]
pub struct Backlog {
    /// Those that are held, the oldest first.
    frames: VecDeque<Frame>,
    /// The number of the oldest that is held.
    first: u64,
    /// Every frame before this one has gone out, or was given up.
    out: u64,
    /// Frames from `out` on that have come and wait for others: an encoder with B-frames gives them early.
    ahead: BTreeSet<u64>,
    /// Bytes that are held, and may be.
    bytes: u64,
    limit: u64,
    /// How many frames that have come out a new encoder is fed again, to get into its stride.
    again: u64,
    /// Frames from here on are held, come out or not: an encoder has still to be fed them.
    kept: Option<u64>,
    /// How many frames may come out ahead of one that has not before that one is given up.
    most_ahead: usize,
    /// Whether there are frames that need others to be decoded.
    is_coded: bool,
    dropped: u64,
    lost: u64,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    bytes: u64,
    /// Whether a decoder can begin with it; always so of raw media.
    is_key: bool,
    is_dropped: bool,
}

/// Whether there is room for a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It is to be taken.
    Yes,
    /// It is to wait until something has come out.
    Wait,
    /// It is to be left out.
    LeaveOut,
}

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gave {
    /// It has been there before: it is to be left out.
    Double,
    /// It goes out only with others that have not come yet, so that whoever takes over never has to fill a gap
    /// behind it.
    Hold,
    /// It goes out, and all that was held: every frame before this number has come out now.
    Upto(u64),
}

impl Backlog {
    /// A backlog that holds `limit` bytes at most. A new encoder is fed `again` frames that have come out already;
    /// `most_ahead` frames may come out ahead of one that has not.
    #[must_use]
    pub const fn new(limit: u64, again: u64, most_ahead: usize) -> Self {
        Self {
            frames: VecDeque::new(),
            first: 0,
            out: 0,
            ahead: BTreeSet::new(),
            bytes: 0,
            limit,
            again,
            kept: None,
            most_ahead,
            is_coded: false,
            dropped: 0,
            lost: 0,
        }
    }

    /// Whether a frame of so many bytes has room. `fed` is the first frame that the encoder has not been given any
    /// of: older ones cannot be left out any more. With [`WhenFull::DropOldest`] room is made.
    pub fn room(&mut self, bytes: u64, when_full: WhenFull, fed: u64) -> Room {
        if self.fits(bytes) {
            return Room::Yes;
        }
        match when_full {
            WhenFull::Block => Room::Wait,
            WhenFull::DropNewest => {
                self.dropped += 1;
                Room::LeaveOut
            }
            WhenFull::DropOldest => {
                self.drop_from(fed.max(self.out), bytes);
                if self.fits(bytes) {
                    return Room::Yes;
                }
                self.dropped += 1;
                Room::LeaveOut
            }
        }
    }

    fn fits(&self, bytes: u64) -> bool {
        // A single frame always has room: else a limit that is too small would hold nothing at all.
        self.bytes + bytes <= self.limit || self.end() == self.out && self.kept.is_none()
    }

    /// Whether a frame of so many bytes would have room, were it not for frames that are kept for an encoder alone.
    #[must_use]
    pub fn is_crowded(&self, bytes: u64) -> bool {
        !self.fits(bytes) && self.kept.is_some_and(|kept| kept < self.resume())
    }

    /// Frames from `from` on are held, come out or not, as far as they are held now; nothing: as long as they have not.
    pub const fn keep(&mut self, from: Option<u64>) {
        self.kept = from;
    }

    /// Leaves out frames from `from` on until `bytes` fit: of coded ones all up to where a decoder can begin again.
    fn drop_from(&mut self, from: u64, bytes: u64) {
        let start = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let mut freed_enough = false;
        for frame in self.frames.iter_mut().skip(start) {
            if freed_enough && frame.is_key {
                return;
            }
            if frame.is_dropped {
                continue;
            }
            self.bytes -= frame.bytes;
            self.dropped += 1;
            *frame = Frame { bytes: 0, is_dropped: true, ..*frame };
            freed_enough = self.bytes + bytes <= self.limit;
        }
    }

    /// Takes a frame: its number.
    pub fn push(&mut self, bytes: u64, is_key: bool) -> u64 {
        self.frames.push_back(Frame { bytes, is_key, is_dropped: false });
        self.bytes += bytes;
        self.is_coded |= !is_key;
        self.end() - 1
    }

    /// The number of the next frame.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first + self.frames.len() as u64
    }

    /// The number of the oldest frame that is held.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// The first frame that has not come out.
    #[must_use]
    pub const fn out(&self) -> u64 {
        self.out
    }

    /// The frame whose packet is to come next, and whether nothing behind it has come.
    #[must_use]
    pub fn awaited(&self) -> (u64, bool) {
        let mut next = self.out;
        while self.is_dropped(next) {
            next += 1;
        }
        (next, self.ahead.is_empty())
    }

    /// The first frame of those of which none has come out.
    #[must_use]
    pub fn untouched(&self) -> u64 {
        self.ahead.last().map_or(self.out, |last| last + 1)
    }

    /// How many frames have not come out.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.end() - self.out
    }

    /// Bytes that are held.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Frames that were left out for want of room, and those that an encoder swallowed or that were given up.
    #[must_use]
    pub const fn missed(&self) -> (u64, u64) {
        (self.dropped, self.lost)
    }

    /// Whether the frame with this number was left out.
    #[must_use]
    pub fn is_dropped(&self, number: u64) -> bool {
        self.frame(number).is_some_and(|frame| frame.is_dropped)
    }

    fn frame(&self, number: u64) -> Option<&Frame> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.frames.get(at)
    }

    /// The frame that a new encoder is fed from.
    #[must_use]
    pub fn resume(&self) -> u64 {
        let wanted = self.out.saturating_sub(self.again).max(self.first);
        if !self.is_coded {
            return wanted;
        }
        // What comes next may need what has come out.
        let is_key = |number: &u64| self.frame(*number).is_some_and(|frame| frame.is_key);
        (self.first..=wanted).rev().find(is_key).unwrap_or(wanted)
    }

    /// The encoder has given what became of this frame.
    pub fn gave(&mut self, number: u64) -> Gave {
        if number < self.out || number >= self.end() || !self.ahead.insert(number) {
            return Gave::Double;
        }
        if self.ahead.len() > self.most_ahead {
            self.give_up_missing();
        }
        match self.whole() {
            Some(until) => {
                self.ahead.clear();
                self.out = until;
                Gave::Upto(until)
            }
            None => Gave::Hold,
        }
    }

    /// The frame behind all that has come, if none before it is missing. Until then nothing of them goes out, so that a new
    /// encoder has to be fed all of them again.
    fn whole(&self) -> Option<u64> {
        let mut next = self.out;
        for &number in &self.ahead {
            // Those that were left out behind the last that has come wait for another: else nothing would say when.
            while next < number && self.is_dropped(next) {
                next += 1;
            }
            if next != number {
                return None;
            }
            next += 1;
        }
        Some(next)
    }

    /// Gives up the frames that others have waited for longest: they count as left out from now on.
    fn give_up_missing(&mut self) {
        let is_there = |number: &u64| self.ahead.contains(number) || self.is_dropped(*number);
        let last = self.ahead.last().copied().unwrap_or(self.out);
        let Some(missing) = (self.out..last).find(|number| !is_there(number)) else {
            return;
        };
        let next = self.ahead.range(missing..).next().copied().unwrap_or(last);
        let at = |number: u64| usize::try_from(number - self.first).unwrap_or(usize::MAX);
        let (from, until) = (at(missing), at(next));
        for frame in self.frames.iter_mut().take(until).skip(from) {
            self.lost += u64::from(!frame.is_dropped);
            frame.is_dropped = true;
        }
    }

    /// An encoder has died: what it gave ahead of others is forgotten, and is given again.
    pub fn forget_ahead(&mut self) {
        self.ahead.clear();
    }

    /// Gives up so many frames that have not come out, such as one that kills each encoder that gets it.
    pub fn give_up(&mut self, frames: u64) {
        let until = self.end().min(self.out.saturating_add(frames));
        while self.out < until {
            if !self.ahead.remove(&self.out) && !self.is_dropped(self.out) {
                self.lost += 1;
            }
            self.out += 1;
        }
    }

    /// How many frames at the front are needed no more, and are held no more.
    pub fn release(&mut self) -> usize {
        let resume = self.resume();
        let keep = self.kept.map_or(resume, |kept| kept.min(resume));
        let mut released = 0;
        while self.first < keep {
            let Some(frame) = self.frames.pop_front() else {
                break;
            };
            self.bytes -= frame.bytes;
            self.first += 1;
            released += 1;
        }
        released
    }
}

#[cfg(test)]
mod tests;
