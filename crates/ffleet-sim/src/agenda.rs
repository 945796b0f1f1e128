//! What is going to happen, in the order of its time; at one time in the order in which it was arranged.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;

use ffleet_types::Timestamp;

/// All that is going to happen.
#[derive(Debug)]
pub(crate) struct Agenda<T> {
    heap: BinaryHeap<Item<T>>,
    count: u64,
    now: Timestamp,
}

#[derive(Debug)]
struct Item<T> {
    at: Timestamp,
    count: u64,
    what: T,
}

impl<T> Agenda<T> {
    pub(crate) const fn new(now: Timestamp) -> Self {
        Self { heap: BinaryHeap::new(), count: 0, now }
    }

    pub(crate) const fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn after(&mut self, span: Duration, what: T) {
        self.count += 1;
        self.heap
            .push(Item { at: self.now.after(span), count: self.count, what });
    }

    pub(crate) fn next(&mut self) -> Option<T> {
        let item = self.heap.pop()?;
        self.now = item.at;
        Some(item.what)
    }
}

impl<T> Ord for Item<T> {
    /// The heap gives its greatest: the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.count).cmp(&(self.at, self.count))
    }
}

impl<T> PartialOrd for Item<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Item<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Item<T> {}
