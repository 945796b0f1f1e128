//! A clock that is set by hand.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ffleet_base::Clock;
use ffleet_types::Timestamp;

/// A clock that stands until it is moved. Clones show the same time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<(Timestamp, Duration)>>);

impl ManualClock {
    /// A clock that stands at `now`; its monotonic time is one hour.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new((now, Duration::from_secs(3_600)))))
    }

    /// Lets `span` pass.
    pub fn advance(&self, span: Duration) {
        let mut time = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *time = (time.0.after(span), time.1 + span);
    }

    /// Sets the wall clock, forward or back, as an operator might. Monotonic time stands.
    pub fn set_wall(&self, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 = now;
    }
}

impl Default for ManualClock {
    /// A clock that stands in the year 2026.
    fn default() -> Self {
        Self::new(Timestamp::from_millis(1_769_860_800_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn monotonic(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_stands_until_it_is_moved() {
        let clock = ManualClock::default();
        let shown = clock.clone();
        let (wall, monotonic) = (shown.now(), shown.monotonic());
        clock.advance(Duration::from_secs(5));
        assert_eq!(shown.now().since(wall), Duration::from_secs(5));
        clock.set_wall(Timestamp::EPOCH);
        assert_eq!(shown.now(), Timestamp::EPOCH);
        assert_eq!(shown.monotonic().checked_sub(monotonic), Some(Duration::from_secs(5)));
    }
}
