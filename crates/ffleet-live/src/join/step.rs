//! What a walk through a format says, and what it finds.

use std::collections::VecDeque;
use std::collections::vec_deque::Drain;
use std::sync::Arc;

use super::{APART, BARREN, Join, WAITING};

/// How to go on from the bytes that were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Past so many of them, which may be more than have come; at least one.
    Take(u64),
    /// The same, and a unit ends there.
    Unit(u64),
    /// Nothing can be said before there are so many: more than there are.
    Need(usize),
    /// What follows makes no sense.
    Lost,
}

/// What goes before the bytes of a join point (see [`Join`]).
#[derive(Clone, Debug, Default)]
pub(super) struct Heads {
    pub(super) head: Arc<[u8]>,
    pub(super) bridge: Arc<[u8]>,
    pub(super) reopen: Arc<[u8]>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    whole: u64,
    joins: VecDeque<Join>,
    /// Where the last of them was.
    last: Option<u64>,
    plain: Heads,
    rewrites: Vec<Rewrite>,
}

/// Bytes in place of what the producer sent, as many as those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// Offset of the first of them.
    pub at: u64,
    /// What is to be there.
    pub bytes: Vec<u8>,
}

impl Found {
    pub(super) const fn whole(&self) -> u64 {
        self.whole
    }

    /// A unit has passed that ends at `at`.
    pub(super) const fn pass(&mut self, at: u64) {
        if at > self.whole {
            self.whole = at;
        }
    }

    /// A viewer can begin at `at`.
    pub(super) fn join(&mut self, at: u64, heads: &Heads, is_key: bool) {
        if self.joins.len() == WAITING {
            self.joins.pop_front();
        }
        let Heads { head, bridge, reopen } = heads.clone();
        self.joins.push_back(Join { at, head, bridge, reopen, is_key });
        self.last = Some(at);
    }

    /// The same where nothing goes before.
    pub(super) fn join_plain(&mut self, at: u64, is_key: bool) {
        let plain = self.plain.clone();
        self.join(at, &plain, is_key);
    }

    /// Nothing is known of what follows the last whole unit: it is a join point like any other.
    pub(super) fn join_rest(&mut self) {
        if self.last.is_none_or(|last| last < self.whole) {
            self.join_plain(self.whole, false);
        }
    }

    /// Whether the last join point is far enough away for another that is one of many.
    pub(super) fn is_due(&self, at: u64) -> bool {
        self.last.is_none_or(|last| at >= last + APART)
    }

    /// Whether there was nowhere to begin for so long that anywhere will have to do.
    pub(super) fn is_barren(&self, at: u64) -> bool {
        at >= self.last.unwrap_or(0) + BARREN
    }

    /// What is at `at`, and has not passed yet, is to be these.
    pub(super) fn rewrite(&mut self, at: u64, bytes: Vec<u8>) {
        self.rewrites.push(Rewrite { at, bytes });
    }

    pub(super) const fn rewrites(&mut self) -> &mut Vec<Rewrite> {
        &mut self.rewrites
    }

    pub(super) fn drain(&mut self) -> Drain<'_, Join> {
        self.joins.drain(..)
    }
}

/// The number that up to eight bytes say, the most significant first.
pub(super) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, &byte| (sum << 8) | u64::from(byte))
}
