//! What to keep of what is done, and what to let go.
//!
//! A finished job goes when it is older than the policy says, or when there are more finished
//! jobs than it says, the oldest first. A plan is bounded, so that pruning a large backlog never
//! holds the store up: what is left over goes with the next.

use std::time::Duration;

use ffleet_types::{JobId, Timestamp};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a finished job is kept.
    pub keep: Duration,
    /// How many finished jobs are kept at most.
    pub most: usize,
    /// How many are pruned at once.
    pub batch: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self { keep: Duration::from_hours(30 * 24), most: 1_000_000, batch: 1_000 }
    }
}

/// What is to be pruned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "jobs that are not pruned are kept for ever"]
pub struct Plan {
    /// The jobs, the oldest first.
    pub prune: Vec<JobId>,
    /// Whether there is more to prune than one batch.
    pub more: bool,
}

impl Policy {
    /// What finished before this is pruned; nothing while less than `keep` has passed since the
    /// epoch.
    #[must_use]
    pub fn cutoff(&self, now: Timestamp) -> Timestamp {
        let age = u64::try_from(self.keep.as_micros()).unwrap_or(u64::MAX);
        Timestamp::from_micros(now.as_micros().saturating_sub(age))
    }
}

impl Plan {
    /// Decides what of the `finished` jobs to prune, of which there are `total`. At least the
    /// oldest `policy.batch` + 1 must be given, the oldest first; the time is when each finished.
    pub fn new(
        finished: impl IntoIterator<Item = (Timestamp, JobId)>,
        total: usize,
        policy: &Policy,
        now: Timestamp,
    ) -> Self {
        let cutoff = policy.cutoff(now);
        let surplus = total.saturating_sub(policy.most);
        let mut too_old_or_many = finished
            .into_iter()
            .enumerate()
            .take_while(|&(index, (at, _))| index < surplus || at < cutoff)
            .map(|(_, (_, id))| id);
        let prune = too_old_or_many.by_ref().take(policy.batch).collect();
        let more = too_old_or_many.next().is_some();
        Self { prune, more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { keep: Duration::from_secs(100), most: 5, batch: 3 };
    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    /// Jobs that finished so many seconds ago, and which of them are pruned.
    fn prunes(ages: &[u64]) -> (Vec<u64>, bool) {
        let id = |age: u64| JobId::from_bits(u128::from(age));
        let finished = ages
            .iter()
            .map(|&age| (Timestamp::from_millis(1_000_000 - age * 1_000), id(age)));
        let plan = Plan::new(finished, ages.len(), &POLICY, NOW);
        let pruned = ages
            .iter()
            .copied()
            .filter(|&age| plan.prune.contains(&id(age)))
            .collect();
        (pruned, plan.more)
    }

    #[test]
    fn old_jobs_go_and_young_ones_stay() {
        assert_eq!(prunes(&[300, 101, 100, 1]), (vec![300, 101], false));
        assert_eq!(prunes(&[]), (vec![], false));
    }

    #[test]
    fn of_too_many_jobs_the_oldest_go() {
        assert_eq!(prunes(&[7, 6, 5, 4, 3, 2, 1]), (vec![7, 6], false));
    }

    #[test]
    fn pruning_is_done_in_batches() {
        assert_eq!(prunes(&[500, 400, 300, 200, 1]), (vec![500, 400, 300], true));
        assert_eq!(prunes(&[500, 400, 300, 1]), (vec![500, 400, 300], false));
    }

    #[test]
    fn nothing_is_pruned_before_there_was_time_to_grow_old() {
        assert_eq!(POLICY.cutoff(Timestamp::from_millis(5)), Timestamp::EPOCH);
    }
}
