//! One ring of live bytes, for everybody who reads them.
//!
//! A producer pushes; each reader has a [`Place`] of its own and takes what is behind it. Bytes are
//! reference-counted and never copied: what a slow reader is still sending stays after the ring has let go
//! of it, one push at most. Whoever waits is woken once for each push: tasks by a
//! [`Notify`], the threads that write to sockets by their [`Bell`].

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use ffleet_live::join::Join;
use ffleet_live::{Cursor, Step, Window};
use tokio::sync::Notify;

use crate::fan::Bell;

/// What a reader takes at once, at most, beyond the push that it begins with.
const MOUTHFUL: usize = 256 << 10;

/// See the module.
#[derive(Debug)]
pub(crate) struct Ring {
    state: Mutex<State>,
    pushed: Notify,
    /// Up to where the producer waits for those who are sent to; 0 if it does not.
    awaited: AtomicU64,
    served: Notify,
}

#[derive(Debug, Default)]
struct State {
    window: Window,
    chunks: VecDeque<(u64, Bytes)>,
    /// Bytes that are held, and may be.
    held: u64,
    limit: u64,
    /// How often all readers were told to end, and where they do.
    ends: (u64, u64),
    /// It is filled no more.
    closed: bool,
    /// All that ever came.
    received: u64,
    bells: Vec<Hung>,
}

/// A bell that is rung at each push.
#[derive(Debug)]
struct Hung {
    bell: Weak<Bell>,
    name: usize,
    /// Up to where it has said that its viewers have everything.
    served: u64,
}

/// Where a reader is.
#[derive(Debug)]
pub(crate) struct Place {
    cursor: Cursor,
    /// How often readers had been told to end when this one came.
    ends: u64,
}

/// What there is for a reader.
#[derive(Debug)]
pub(crate) enum Take {
    /// These, in this order. `fell` says that some were missed.
    Bytes { bytes: Vec<Bytes>, fell: bool },
    /// Nothing yet.
    Wait,
    /// Nothing any more.
    End,
}

impl Ring {
    /// A ring that holds `limit` bytes at most, and always the last push.
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        let state = State { limit, ..State::default() };
        Arc::new(Self {
            state: Mutex::new(state),
            pushed: Notify::new(),
            awaited: AtomicU64::new(0),
            served: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new run of the producer begins.
    pub(crate) fn begin_run(&self) {
        self.state().window.begin_run();
    }

    /// Adds `bytes`, which end where a unit of the container does, with the join points that were found.
    /// Whoever gives an `ahead` means to wait, in [`Ring::drained`], until viewers have all but so many bytes, or
    /// but a quarter of what may be held.
    pub(crate) fn push(
        &self,
        bytes: Bytes,
        joins: impl IntoIterator<Item = Join>,
        ahead: Option<u64>,
    ) {
        if bytes.is_empty() {
            return;
        }
        let mut state = self.state();
        let (at, length) = (state.window.end(), bytes.len() as u64);
        state.window.push(length, joins);
        state.chunks.push_back((at, bytes));
        state.held += length;
        state.received += length;
        while state.held > state.limit && state.chunks.len() > 1 {
            if let Some((_, old)) = state.chunks.pop_front() {
                state.held -= old.len() as u64;
            }
        }
        if let Some(&(start, _)) = state.chunks.front() {
            state.window.trim(start);
        }
        if let Some(ahead) = ahead.filter(|_| !state.bells.is_empty()) {
            // Before the bells ring: they look for it once they have sent what there is.
            let until = state.window.end().saturating_sub(ahead.min(state.limit / 4));
            self.awaited.store(until, Ordering::Release);
        }
        self.wake(state);
    }

    /// Waits until viewers have what the last push wanted them to, at most so long. Those who have taken
    /// nothing for a while are not waited for.
    pub(crate) async fn drained(&self, most: Duration) {
        let wait = async {
            loop {
                let served = self.served.notified();
                let mut served = std::pin::pin!(served);
                served.as_mut().enable();
                if self.awaited().is_none() {
                    return;
                }
                served.await;
            }
        };
        if self.awaited().is_some() && tokio::time::timeout(most, wait).await.is_err() {
            self.awaited.store(0, Ordering::Release);
        }
    }

    /// Up to where the producer waits for viewers, if it does.
    pub(crate) fn awaited(&self) -> Option<u64> {
        Some(self.awaited.load(Ordering::Acquire)).filter(|&until| until > 0)
    }

    /// The viewers of `bell` have everything up to `until`.
    pub(crate) fn note_served(&self, bell: &Arc<Bell>, until: u64) {
        let ours = Arc::downgrade(bell);
        let mut state = self.state();
        for hung in state.bells.iter_mut().filter(|hung| hung.bell.ptr_eq(&ours)) {
            hung.served = until;
        }
        let awaited = self.awaited().unwrap_or(0);
        if awaited > 0 && state.bells.iter().all(|hung| hung.served >= awaited) {
            self.awaited.store(0, Ordering::Release);
            drop(state);
            self.served.notify_waiters();
        }
    }

    /// Ends all readers there are, once they have what there is.
    pub(crate) fn end_readers(&self) {
        let mut state = self.state();
        state.ends = (state.ends.0 + 1, state.window.end());
        self.wake(state);
    }

    /// Ends all readers there are and will be.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        self.wake(state);
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        state.bells.retain(|hung| match hung.bell.upgrade() {
            Some(bell) => {
                bell.ring(hung.name);
                true
            }
            None => false,
        });
        drop(state);
        self.pushed.notify_waiters();
    }

    /// Has `bell` rung under `name` at each push. The same bell twice is once.
    pub(crate) fn hang(&self, bell: &Arc<Bell>, name: usize) {
        self.state()
            .bells
            .push(Hung { bell: Arc::downgrade(bell), name, served: 0 });
    }

    /// Rings `bell` no more.
    pub(crate) fn take_down(&self, bell: &Arc<Bell>) {
        let ours = Arc::downgrade(bell);
        self.state().bells.retain(|hung| !hung.bell.ptr_eq(&ours));
    }

    /// A new reader.
    pub(crate) fn enter(&self) -> Place {
        Place { cursor: Cursor::default(), ends: self.state().ends.0 }
    }

    /// What there is for the reader at `place`, who has it then.
    pub(crate) fn take(&self, place: &mut Place) -> Take {
        let state = self.state();
        let (mut bytes, mut size, mut fell) = (Vec::new(), 0, false);
        while size < MOUTHFUL {
            if place.ends < state.ends.0 && !place.is_before(&state, state.ends.1) {
                break;
            }
            match state.window.step(&mut place.cursor) {
                Step::Wait => break,
                Step::Jump { prefix, fell: out } => {
                    fell |= out;
                    if !prefix.is_empty() {
                        size += prefix.len();
                        bytes.push(Bytes::from_owner(prefix));
                    }
                }
                Step::Send { from, to } => {
                    let first = state
                        .chunks
                        .partition_point(|(at, chunk)| at + chunk.len() as u64 <= from);
                    let mut reached = from;
                    for (at, chunk) in state.chunks.range(first..) {
                        if *at >= to || size >= MOUTHFUL {
                            break;
                        }
                        size += chunk.len();
                        reached = at + chunk.len() as u64;
                        let before =
                            usize::try_from(from.saturating_sub(*at)).unwrap_or(usize::MAX);
                        bytes.push(chunk.slice(before.min(chunk.len())..));
                    }
                    place.cursor.advance(reached);
                }
            }
        }
        if !bytes.is_empty() {
            return Take::Bytes { bytes, fell };
        }
        let told = place.ends < state.ends.0 && !place.is_before(&state, state.ends.1);
        if told || state.closed { Take::End } else { Take::Wait }
    }

    /// Waits until there is something for the reader at `place`, and takes it.
    pub(crate) async fn next(&self, place: &mut Place) -> Take {
        loop {
            let pushed = self.pushed.notified();
            let mut pushed = std::pin::pin!(pushed);
            pushed.as_mut().enable();
            match self.take(place) {
                Take::Wait => pushed.await,
                take => return take,
            }
        }
    }

    /// How many bytes the reader at `place` is behind.
    pub(crate) fn lag(&self, place: &Place) -> u64 {
        place.cursor.lag(&self.state().window)
    }

    /// How many bytes may be held.
    pub(crate) fn limit(&self) -> u64 {
        self.state().limit
    }

    /// How many bytes ever came, and how many are held.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let state = self.state();
        (state.received, state.held)
    }
}

impl Place {
    /// Whether it has taken everything up to `until`; one that waits for its beginning has.
    pub(crate) fn has_reached(&self, until: u64) -> bool {
        self.cursor.at().is_none_or(|at| at >= until)
    }

    /// How often it fell out of the ring.
    pub(crate) const fn skips(&self) -> u64 {
        self.cursor.skips
    }

    fn is_before(&self, state: &State, end: u64) -> bool {
        match self.cursor.has_begun() {
            true => self.cursor.lag(&state.window) > state.window.end() - end,
            // It waited for a run that was over before it was woken.
            false => state.window.begins_before(end),
        }
    }
}

#[cfg(test)]
mod tests;
