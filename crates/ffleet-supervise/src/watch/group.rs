//! One group: a process that is governed, and all that came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::known::Roll;
use super::{Bounds, Counts, Id, Reading, Rule, Violation};

/// A process that is governed, and all that came of it.
#[derive(Clone, Debug)]
pub struct Group {
    /// The rule that it is governed by.
    pub rule: Arc<Rule>,
    /// What there is against it.
    pub counts: Counts,
    /// The last look, and when that was.
    last: Option<(Duration, Reading)>,
    /// Who was in it at the last look, of those who are known.
    members: BTreeMap<u32, Id>,
    /// Who was in it and is not any more, and when that was seen: each has ended, or left.
    missing: BTreeMap<Id, Duration>,
    /// Whether it is to be held against the policy.
    pub(super) is_unsettled: bool,
}

impl Group {
    pub(super) fn new(rule: Arc<Rule>) -> Self {
        Self {
            rule,
            counts: Counts::default(),
            last: None,
            members: BTreeMap::new(),
            missing: BTreeMap::new(),
            is_unsettled: false,
        }
    }

    /// Processes in it at the last look.
    #[must_use]
    pub fn processes(&self) -> usize {
        self.last.as_ref().map_or(1, |(_, reading)| reading.processes.len())
    }

    /// Processes and threads in it at the last look, where its kernel counts them.
    #[must_use]
    pub fn tasks(&self) -> Option<u64> {
        self.last.as_ref().and_then(|(_, reading)| reading.tasks)
    }

    /// Takes a look; what there is against it since the last one. The first says nothing against anybody: who
    /// took it over does not know what has been said already.
    pub(super) fn look(
        &mut self,
        now: Duration,
        reading: Reading,
        roll: &Roll,
        bounds: Bounds,
    ) -> Vec<(Violation, u64)> {
        let found = self.last.as_ref().map_or_else(Vec::new, |(at, before)| {
            bounds.between(before, &reading, now.saturating_sub(*at))
        });
        for &(violation, count) in &found {
            self.counts.add(violation, count);
        }
        let here = reading
            .processes
            .iter()
            .filter_map(|&pid| Some((pid, roll.by_pid(pid)?)));
        let here: BTreeMap<_, _> = here.collect();
        let left = self.members.iter().filter(|(pid, _)| !reading.processes.contains(pid));
        self.missing.extend(left.map(|(_, id)| (*id, now)));
        self.members = here;
        self.last = Some((now, reading));
        found
    }

    /// Who of those that were missing before `begun` are still there after it: they left.
    pub(super) fn strays(&mut self, begun: Duration, there: &BTreeSet<Id>) -> Vec<Id> {
        let missing = std::mem::take(&mut self.missing);
        let (before, later) = missing.into_iter().partition(|(_, at)| *at <= begun);
        self.missing = later;
        let before: BTreeMap<Id, Duration> = before;
        before.into_keys().filter(|id| there.contains(id)).collect()
    }
}
