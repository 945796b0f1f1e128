//! A stopwatch for what counts against a child: neither its pauses nor ours.
//!
//! Between two looks at most one pulse is counted. A machine that was asleep, a virtual machine
//! that was suspended, or an ffleet that was itself stopped comes back to children that had no
//! chance to make progress; without this bound it would stop them all as stalled.

use std::time::Duration;

/// Counts time while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopwatch {
    counted: Duration,
    looked: Duration,
    runs: bool,
    pulse: Duration,
}

impl Stopwatch {
    /// One that runs from `now`, and is looked at every `pulse` or more often.
    pub(crate) const fn start(now: Duration, pulse: Duration) -> Self {
        Self { counted: Duration::ZERO, looked: now, runs: true, pulse }
    }

    /// Takes note that it is `now`.
    pub(crate) fn look(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.looked);
        if self.runs {
            self.counted += passed.min(self.pulse);
        }
        self.looked = self.looked.max(now);
    }

    /// Stops or goes on, from the last look.
    pub(crate) const fn set_running(&mut self, runs: bool) {
        self.runs = runs;
    }

    /// What was counted up to the last look.
    pub(crate) const fn counted(&self) -> Duration {
        self.counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn pauses_do_not_count() {
        let mut watch = Stopwatch::start(s(100), s(5));
        watch.look(s(103));
        watch.set_running(false);
        watch.look(s(200));
        watch.set_running(true);
        watch.look(s(201));
        assert_eq!(watch.counted(), s(4));
    }

    #[test]
    fn time_asleep_counts_one_pulse_at_most() {
        let mut watch = Stopwatch::start(s(100), s(5));
        watch.look(s(100_000));
        assert_eq!(watch.counted(), s(5));
    }

    #[test]
    fn clock_that_goes_back_counts_nothing() {
        let mut watch = Stopwatch::start(s(100), s(5));
        watch.look(s(50));
        watch.look(s(101));
        assert_eq!(watch.counted(), s(1));
    }
}
