//! A destination of a stream that may go and come back: what is held for it.
//!
//! What is made of a stream comes to a [`Queue`] in the order in which it is written, and goes out of it to one
//! connection after another. What a destination has got is forgotten; what it has not is held up to a bound, so that
//! the next connection begins at the oldest group of pictures (GOP) that did not wholly arrive. At the bound the oldest
//! whole GOP goes first: what comes after it can be decoded without it.
//!
//! Items are numbered from 0 in the order in which they came, and those numbers are all that is said of them to the
//! outside. Each destination has a queue of its own, so none can cost another one anything.

use std::collections::VecDeque;

#[cfg(test)]
mod tests;

/// What an item takes beside its bytes.
const OVERHEAD: u64 = 64;

/// A packet on its way, or whatever else is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<T> {
    /// When it is decoded, in ticks of [`CLOCK`](crate::packet::CLOCK).
    pub time: i64,
    /// Its bytes.
    pub size: u64,
    /// Whether a connection can begin with it.
    pub is_start: bool,
    /// What it is.
    pub what: T,
}

/// What is held for one destination.
///
/// ```
/// use ffleet_live::output::{Item, Queue};
///
/// let mut queue = Queue::new(1 << 20);
/// for number in 0..4 {
///     queue.push(Item { time: number * 3_600, size: 100, is_start: number % 2 == 0, what: number });
/// }
/// assert_eq!(queue.take().map(|(number, item)| (number, item.what)), Some((0, 0)));
/// assert_eq!(queue.take().map(|(number, _)| number), Some(1));
/// assert_eq!(queue.take().map(|(number, _)| number), Some(2));
/// queue.delivered(2);
/// // The connection is lost: 2 is sent again, as it was on the way.
/// queue.rewind();
/// assert_eq!(queue.take().map(|(number, _)| number), Some(2));
/// ```
#[derive(Clone, Debug)]
pub struct Queue<T> {
    bound: u64,
    items: VecDeque<Item<T>>,
    /// The number of the first item that is held.
    first: u64,
    /// The number of the item that is taken next.
    next: u64,
    /// Whatever has a lower number has arrived, or will never be sent.
    done: u64,
    bytes: u64,
    /// The numbers of items that are held and can be begun with.
    starts: VecDeque<u64>,
    /// Whether what comes goes on with what is held; else it is left out up to the next start.
    is_open: bool,
    /// Whether something was before the first item, so that nobody misses what comes before the first start.
    is_late: bool,
    dropped: u64,
    doubled: u64,
}

impl<T> Queue<T> {
    /// One that holds so many bytes at most.
    #[must_use]
    pub const fn new(bound: u64) -> Self {
        Self {
            bound,
            items: VecDeque::new(),
            first: 0,
            next: 0,
            done: 0,
            bytes: 0,
            starts: VecDeque::new(),
            is_open: false,
            is_late: false,
            dropped: 0,
            doubled: 0,
        }
    }

    /// One that comes to a source that is under way: what is before the first start is not for it.
    #[must_use]
    pub fn late(bound: u64) -> Self {
        Self { is_late: true, ..Self::new(bound) }
    }

    /// Takes what comes. Where that is too much the oldest GOPs are let go of; where one alone is too much, so is
    /// what of it has arrived, and then the rest of it up to the next start.
    ///
    /// The very first item can be begun with, whatever it says: nothing is before it, unless this is [`Self::late`].
    pub fn push(&mut self, item: Item<T>) {
        if self.is_late && !item.is_start {
            return;
        }
        self.is_late = false;
        let is_first = self.end() == 0;
        if !(item.is_start || self.is_open || is_first) {
            // Nobody can be given it, so it has no place: the next number is the next item's that is held.
            self.dropped += 1;
            return;
        }
        if item.is_start || is_first {
            self.starts.push_back(self.end());
        }
        self.is_open = true;
        self.bytes += cost(&item);
        self.items.push_back(item);
        self.release();
        while self.bytes > self.bound {
            self.make_room();
        }
    }

    /// What is to be sent next, with its number; nothing where all has been taken.
    pub fn take(&mut self) -> Option<(u64, &Item<T>)> {
        let number = self.next;
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let item = self.items.get(at)?;
        self.next += 1;
        Some((number, item))
    }

    /// What [`Self::take`] would give, without taking it.
    #[must_use]
    pub fn peek(&self) -> Option<&Item<T>> {
        let at = usize::try_from(self.next.checked_sub(self.first)?).ok()?;
        self.items.get(at)
    }

    /// All items with a number below `number` have arrived. What has not been taken cannot have.
    pub fn delivered(&mut self, number: u64) {
        self.done = self.done.max(number.min(self.next));
        self.release();
    }

    /// The connection is gone: the next one begins at the oldest GOP that has not wholly arrived, or at the next one
    /// where the beginning of that is not held any more.
    pub fn rewind(&mut self) {
        let before = self
            .starts
            .iter()
            .copied()
            .take_while(|&start| start <= self.done)
            .last();
        let start = before.or_else(|| self.starts.front().copied());
        match start {
            Some(start) => {
                // Behind a beginning that is gone there is what nobody can use.
                self.dropped += start.saturating_sub(self.done);
                self.doubled += self.done.saturating_sub(start);
                self.next = start;
                self.done = self.done.max(start);
            }
            None => {
                self.dropped += self.end() - self.done;
                self.forget(self.items.len());
                self.next = self.end();
                self.done = self.end();
                self.is_open = false;
            }
        }
        self.release();
    }

    /// How many bytes are held, with what it costs to hold them; never more than the bound.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many items were never sent because there was no room, or never arrived before there was none.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many items that had arrived were sent again, because a connection cannot begin but with a GOP.
    #[must_use]
    pub const fn doubled(&self) -> u64 {
        self.doubled
    }

    /// From the oldest item that has not arrived to the newest of all, in ticks; 0 where all have arrived.
    #[must_use]
    pub fn behind(&self) -> i64 {
        let at = self
            .done
            .checked_sub(self.first)
            .and_then(|at| usize::try_from(at).ok());
        let oldest = at.and_then(|at| self.items.get(at));
        let newest = self.items.back();
        oldest
            .zip(newest)
            .map_or(0, |(oldest, newest)| newest.time.saturating_sub(oldest.time).max(0))
    }

    /// Whether all that came, and is held, has arrived.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done == self.end()
    }

    /// The number of the item that comes next.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    /// Lets go of GOPs that have wholly arrived, unless they are where the next connection would begin.
    fn release(&mut self) {
        while let Some(&second) = self.starts.get(1)
            && second <= self.done
        {
            self.forget(usize::try_from(second - self.first).unwrap_or(usize::MAX));
        }
    }

    /// Lets go of what can be spared first.
    fn make_room(&mut self) {
        let upto = match (self.starts.front(), self.starts.get(1)) {
            // What is left of a GOP whose beginning is gone.
            (Some(&start), _) if start > self.first => start,
            (Some(_), Some(&second)) => second,
            // The only one: what of it has arrived, and is behind the present connection, helps only one to come.
            _ if self.done.min(self.next) > self.first => self.done.min(self.next),
            _ => {
                self.is_open = false;
                self.end()
            }
        };
        self.dropped += upto.saturating_sub(self.done.max(self.first));
        self.forget(usize::try_from(upto - self.first).unwrap_or(usize::MAX));
        self.next = self.next.max(self.first);
        self.done = self.done.max(self.first);
    }

    fn forget(&mut self, count: usize) {
        for item in self.items.drain(..count.min(self.items.len())) {
            self.first += 1;
            self.bytes -= cost(&item);
        }
        while self.starts.front().is_some_and(|&start| start < self.first) {
            self.starts.pop_front();
        }
    }
}

fn cost<T>(item: &Item<T>) -> u64 {
    item.size.saturating_add(OVERHEAD)
}
