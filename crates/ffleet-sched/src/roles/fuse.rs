//! What stops a group whose children keep failing.

use std::collections::VecDeque;
use std::time::Duration;

use ffleet_types::Rate;

/// Closed until too many have failed; then open for a while; then one child decides.
#[derive(Clone, Debug)]
pub(super) enum Fuse {
    /// When children failed.
    Closed(VecDeque<Duration>),
    /// Until then no child is started.
    Open(Duration),
    /// Whether the one child that decides is under way.
    Trial(bool),
}

impl Default for Fuse {
    fn default() -> Self {
        Self::Closed(VecDeque::new())
    }
}

impl Fuse {
    /// Whether no child may start at `now`.
    pub(super) fn is_blown(&mut self, now: Duration) -> bool {
        match *self {
            Self::Open(until) if now < until => true,
            Self::Open(_) => {
                *self = Self::Trial(false);
                false
            }
            Self::Closed(_) | Self::Trial(_) => false,
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self, Self::Open(_) | Self::Trial(_))
    }

    /// Whether a child may start that finds it not blown.
    pub(super) const fn lets_through(&self) -> bool {
        !matches!(self, Self::Trial(true))
    }

    /// A child starts.
    pub(super) fn pass(&mut self) {
        if let Self::Trial(under_way) = self {
            *under_way = true;
        }
    }

    /// A child is gone. If it was the one that decides, and nobody has said how it did, the next one is.
    pub(super) fn end(&mut self) {
        if let Self::Trial(under_way) = self {
            *under_way = false;
        }
    }

    pub(super) fn failed(&mut self, most: Rate, cool_down: Duration, now: Duration) {
        let blown = match self {
            Self::Closed(failures) => {
                failures.push_back(now);
                failures.retain(|&at| now.saturating_sub(at) < most.per());
                failures.len() > usize::try_from(most.count()).unwrap_or(usize::MAX)
            }
            Self::Trial(_) => true,
            // Those that were under way go on failing.
            Self::Open(_) => false,
        };
        if blown {
            *self = Self::Open(now + cool_down);
        }
    }

    pub(super) fn worked(&mut self) {
        if let Self::Trial(_) = self {
            *self = Self::default();
        }
    }
}
