//! A run that an earlier life of ours has started, and that goes on.

use std::time::Duration;

use super::{Feed, State};

/// For how long a run that was taken over goes on with nobody who needs it: those who did have to come back first.
const RETURN: Duration = Duration::from_secs(10);

impl Feed {
    /// A run that an earlier life has started goes on, the `number`th of those that there were: before the first
    /// event. It counts as none of ours. Nobody has to need it for ten seconds.
    pub fn take_over(&mut self, number: u64, now: Duration) {
        (self.starts, self.before) = (number, number);
        self.state = State::Starting { since: now };
        self.used = true;
        self.kept = Some(now + RETURN);
    }

    /// How many of those starts were an earlier life's.
    #[must_use]
    pub const fn starts_before(&self) -> u64 {
        self.before
    }

    /// Whether it is to run with nobody who needs it, and until when.
    pub(super) fn wanted_until(
        &self,
        lingers: Option<Duration>,
        now: Duration,
    ) -> (bool, Option<Duration>) {
        let until = lingers.max(self.kept).filter(|&until| now < until);
        (until.is_some(), until)
    }
}
