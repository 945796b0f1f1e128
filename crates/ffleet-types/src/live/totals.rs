//! What feeds and streams have come to, over all lives of the server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Name;
use crate::Timestamp;

/// What all of them have come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Feeds, by name.
    pub feeds: BTreeMap<Name, Feed>,
    /// Streams, by name.
    pub streams: BTreeMap<Name, Stream>,
}

/// What a feed has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Feed {
    /// Since when it is counted.
    pub since: Timestamp,
    /// Bytes that came.
    pub received: u64,
    /// How often it was started.
    pub runs: u64,
    /// Runs that failed, those that were stopped not among them.
    pub failures: u64,
    /// For how long it gave bytes, in milliseconds.
    pub live_millis: u64,
}

impl Feed {
    /// Nothing yet.
    #[must_use]
    pub const fn new(since: Timestamp) -> Self {
        Self { since, received: 0, runs: 0, failures: 0, live_millis: 0 }
    }

    /// Both together, since the first of the two.
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        Self {
            since: self.since.min(other.since),
            received: self.received.saturating_add(other.received),
            runs: self.runs.saturating_add(other.runs),
            failures: self.failures.saturating_add(other.failures),
            live_millis: self.live_millis.saturating_add(other.live_millis),
        }
    }
}

/// What a stream has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stream {
    /// Since when it is counted.
    pub since: Timestamp,
    /// Bytes that were sent to viewers.
    pub delivered: u64,
    /// Viewers that came.
    pub viewers: u64,
    /// How often viewers fell behind and went on at a later place.
    pub skips: u64,
    /// Viewers that were cut off for their slowness.
    pub cut: u64,
    /// Shots that were made.
    pub shots: u64,
}

impl Stream {
    /// Nothing yet.
    #[must_use]
    pub const fn new(since: Timestamp) -> Self {
        Self { since, delivered: 0, viewers: 0, skips: 0, cut: 0, shots: 0 }
    }

    /// Both together, since the first of the two.
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        Self {
            since: self.since.min(other.since),
            delivered: self.delivered.saturating_add(other.delivered),
            viewers: self.viewers.saturating_add(other.viewers),
            skips: self.skips.saturating_add(other.skips),
            cut: self.cut.saturating_add(other.cut),
            shots: self.shots.saturating_add(other.shots),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sum_is_since_the_first_of_both() {
        let at = |second: u64| Timestamp::from_millis(second * 1_000);
        let (old, new) = (Feed::new(at(1)), Feed { received: 7, ..Feed::new(at(2)) });
        assert_eq!(new.plus(&old), Feed { received: 7, ..old });
        let (old, most) = (Stream::new(at(1)), Stream { skips: u64::MAX, ..Stream::new(at(2)) });
        assert_eq!(most.plus(&most).plus(&old), Stream { skips: u64::MAX, ..old });
    }
}
