//! What follows a failed attempt: another one, after which pause, or the end.
//!
//! [`Reason::retry`] says whether another attempt may help and who pays for it. What is charged
//! to the job is tried again as often as the job allows, with pauses that double; jitter keeps a
//! fleet's worth of jobs that failed together from coming back together. What was not the job's
//! doing is tried again at once, and with short pauses if it happens again. A task whose workers
//! keep dying under it is put aside, before it takes down the rest. What failed after its seal is not tried
//! again, whatever the reason: it may have published.

use std::time::Duration;

use ffleet_types::task::Next;
use ffleet_types::{Outcome, Reason, Retry, Timestamp};

/// How failed attempts are tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The longest pause after the first failure; it doubles with each.
    pub first: Duration,
    /// The longest pause of all.
    pub longest: Duration,
    /// The longest pause after what was not the job's doing.
    pub longest_free: Duration,
    /// After so many attempts in a row that took their node with them a task is put aside; 0
    /// counts as 1.
    pub quarantine: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            longest_free: Duration::from_secs(5),
            quarantine: 3,
        }
    }
}

/// What a task has been through before the attempt that just ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past<'a> {
    /// Attempts that failed and were charged to the job.
    pub charged: u32,
    /// How many such the job allows.
    pub retries: u32,
    /// How its earlier attempts failed, the oldest first.
    pub reasons: &'a [Reason],
    /// Whether the attempt had the seal: something of it may be published.
    pub sealed: bool,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a failed attempt is either tried again or final"]
pub struct Decision {
    /// What follows.
    pub next: Next,
    /// When, if that is another attempt; else now.
    pub not_before: Timestamp,
}

impl Policy {
    /// Decides what follows an attempt that ended with `outcome` at `now`. `jitter` is chance:
    /// from 0 to 1, what is outside counts as the nearer of them.
    pub fn decide(
        &self,
        outcome: &Outcome,
        past: &Past<'_>,
        jitter: f64,
        now: Timestamp,
    ) -> Decision {
        let end = |next| Decision { next, not_before: now };
        let Some(reason) = outcome.reason() else {
            return end(Next::End);
        };
        // Another attempt could publish what this one has published already.
        if past.sealed {
            return end(Next::End);
        }
        // Attempts in a row, this one counted, that fail the same test.
        let in_a_row = |test: fn(Reason) -> bool| {
            let before = past.reasons.iter().rev().take_while(|&&reason| test(reason));
            u32::try_from(before.count()).unwrap_or(u32::MAX).saturating_add(1)
        };
        match reason.retry() {
            Retry::Never => end(Next::End),
            Retry::Charged if past.charged >= past.retries => end(Next::End),
            Retry::Charged => {
                let pause = doubled(self.first, past.charged).min(self.longest);
                let not_before = now.after(spread(pause, jitter));
                Decision { next: Next::RetryCharged, not_before }
            }
            Retry::Free => {
                let lost = |reason| reason == Reason::NodeLost;
                if lost(reason) && in_a_row(lost) >= self.quarantine {
                    return end(Next::Quarantine);
                }
                let pause = match in_a_row(|reason| reason.retry() == Retry::Free) {
                    1 => Duration::ZERO,
                    times => doubled(self.first, times - 2).min(self.longest_free),
                };
                let not_before = now.after(spread(pause, jitter));
                Decision { next: Next::RetryFree, not_before }
            }
        }
    }
}

/// `pause` × 2^`times`.
fn doubled(pause: Duration, times: u32) -> Duration {
    pause.saturating_mul(2_u32.saturating_pow(times))
}

/// Between a quarter of `pause` and the whole of it.
fn spread(pause: Duration, jitter: f64) -> Duration {
    // A NaN is what nobody rolls; it counts as 0.
    let jitter = if jitter.is_nan() { 0.0 } else { jitter.clamp(0.0, 1.0) };
    pause.mul_f64(0.25 + 0.75 * jitter)
}

#[cfg(test)]
mod tests;
