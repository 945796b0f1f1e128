//! How long to wait before the next try.

use std::time::Duration;

/// Waits that double from `base` up to `cap`, each shortened by up to a half at random, so that
/// those who failed together do not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest first wait.
    pub base: Duration,
    /// The longest wait.
    pub cap: Duration,
}

impl Backoff {
    /// The wait after `failures` failures in a row: none after none. `chance` is a random number
    /// from 0 to 1 (`chance::unit`); what lies outside is taken as the nearer end.
    #[must_use]
    pub fn wait(&self, failures: u32, chance: f64) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else {
            return Duration::ZERO;
        };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let longest = self.base.saturating_mul(factor).min(self.cap);
        let chance = if chance.is_nan() { 0.0 } else { chance.clamp(0.0, 1.0) };
        longest.mul_f64(chance.mul_add(-0.5, 1.0)).min(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BACKOFF: Backoff = Backoff { base: Duration::from_secs(2), cap: Duration::from_secs(60) };

    #[test]
    fn waits_double_up_to_the_cap() {
        let seconds = [0, 1, 2, 3, 5, 6, 7, 33, u32::MAX].map(|n| BACKOFF.wait(n, 0.0).as_secs());
        assert_eq!(seconds, [0, 2, 4, 8, 32, 60, 60, 60, 60]);
        assert_eq!(BACKOFF.wait(1, 1.0), Duration::from_secs(1));
    }

    proptest! {
        #[test]
        fn wait_stays_between_half_and_whole(
            failures in 1..u32::MAX,
            chance in proptest::num::f64::ANY,
            base in 1..100_000_u64,
            cap in 1..1_000_000_u64,
        ) {
            let base = Duration::from_millis(base);
            let backoff = Backoff { base, cap: Duration::from_millis(cap) };
            let longest = backoff.wait(failures, 0.0);
            let wait = backoff.wait(failures, chance);
            prop_assert!(longest <= backoff.cap && longest >= backoff.base.min(backoff.cap));
            prop_assert!(wait <= longest && wait >= longest.mul_f64(0.499));
            prop_assert!(backoff.wait(failures + 1, 0.0) >= longest, "it never shrinks");
        }
    }
}
