//! How many tries there may be in a time: what stops a respawn storm.

use std::collections::VecDeque;
use std::time::Duration;

/// At most `limit` tries in any span of `term`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    limit: usize,
    term: Duration,
    /// When each try that still counts was made, oldest first; never more than `limit`.
    tries: VecDeque<Duration>,
}

/// Whether another try may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a try that the budget refused is not to be made"]
pub enum Grant {
    /// Make it: it is charged.
    Try,
    /// Too many in too short a time.
    Wait {
        /// When there is room again.
        until: Duration,
    },
}

impl Budget {
    /// At most `limit` tries in any span of `term`; 0 allows none, ever.
    #[must_use]
    pub const fn new(limit: usize, term: Duration) -> Self {
        Self { limit, term, tries: VecDeque::new() }
    }

    /// Asks for a try at `now`, and charges it if there is room.
    pub fn spend(&mut self, now: Duration) -> Grant {
        while self
            .tries
            .front()
            .is_some_and(|&made| now.saturating_sub(made) >= self.term)
        {
            self.tries.pop_front();
        }
        if self.tries.len() < self.limit {
            self.tries.push_back(now);
            return Grant::Try;
        }
        let until = self.tries.front().map_or(Duration::MAX, |&made| made + self.term);
        Grant::Wait { until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn storm_is_refused_until_its_oldest_try_is_past() {
        let mut budget = Budget::new(2, s(60));
        assert_eq!(budget.spend(s(100)), Grant::Try);
        assert_eq!(budget.spend(s(110)), Grant::Try);
        assert_eq!(budget.spend(s(120)), Grant::Wait { until: s(160) });
        assert_eq!(budget.spend(s(160)), Grant::Try);
        assert_eq!(budget.spend(s(161)), Grant::Wait { until: s(170) });
    }

    #[test]
    fn empty_budget_allows_nothing() {
        assert_eq!(Budget::new(0, s(1)).spend(s(5)), Grant::Wait { until: Duration::MAX });
    }

    proptest! {
        #[test]
        fn no_span_of_the_term_holds_more_than_the_limit(
            limit in 0..5_usize,
            gaps in prop::collection::vec(0..30_u64, 0..100),
        ) {
            let mut budget = Budget::new(limit, s(60));
            let mut now = s(1_000);
            let mut granted = Vec::new();
            for gap in gaps {
                now += s(gap);
                if budget.spend(now) == Grant::Try {
                    granted.push(now);
                }
            }
            for &start in &granted {
                let inside = granted.iter().filter(|&&at| at >= start && at < start + s(60));
                prop_assert!(inside.count() <= limit);
            }
        }
    }
}
