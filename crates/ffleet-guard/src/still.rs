//! How long a child has stood still.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The time that a child was frozen, on the monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Still {
    /// The sum of what is over.
    over: Duration,
    /// Since when it is frozen now, if it is.
    since: Option<Duration>,
}

impl Still {
    /// It is frozen from `now` on, unless it was before.
    pub(crate) fn begin(&mut self, now: Duration) {
        self.since.get_or_insert(now);
    }

    /// It runs again.
    pub(crate) fn end(&mut self, now: Duration) {
        *self = Self { over: self.until(now), since: None };
    }

    /// All of it up to `now`.
    pub(crate) fn until(&self, now: Duration) -> Duration {
        let current = self.since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        self.over + current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn pauses_are_summed_and_one_that_lasts_counts_too() {
        let mut still = Still::default();
        assert_eq!(still.until(s(100)), s(0));
        still.begin(s(100));
        still.begin(s(105));
        assert_eq!(still.until(s(107)), s(7), "it was frozen already");
        still.end(s(110));
        still.end(s(120));
        assert_eq!(still.until(s(200)), s(10));
        still.begin(s(200));
        assert_eq!(still.until(s(203)), s(13));
    }
}
