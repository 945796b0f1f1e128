//! What the node's children are at: a sample a second of each while it lives, the last minutes of
//! every attempt, and sums by role group.
//!
//! It is kept in memory alone, and all of it is bounded: a ring of [`KEPT`] samples for each attempt
//! that has a child, and for the last [`OVER`] that have none.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ffleet_base::Clock;
use ffleet_guard::{Child, Sampler};
use ffleet_types::attempt::Usage;
use ffleet_types::sample::{Load, Phase, Point, Sample, Sums};
use ffleet_types::{AttemptId, RoleGroup};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// Samples that are kept of an attempt: five minutes.
const KEPT: usize = 300;
/// Attempts without a child that are still shown.
const OVER: usize = 8;
/// Between two samples of a child.
const EVERY: Duration = Duration::from_secs(1);

/// The gauges of a node.
pub(crate) struct Gauges {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// How many children there were.
    count: u64,
    alive: BTreeMap<u64, Alive>,
    rings: BTreeMap<AttemptId, VecDeque<Point>>,
    /// Whose ring was begun when, the oldest first.
    order: VecDeque<AttemptId>,
    /// By role group: children that were started, and what all of them used.
    totals: BTreeMap<RoleGroup, (u64, Sums)>,
}

/// A child that lives.
#[derive(Debug)]
struct Alive {
    subject: Subject,
    last: Sample,
}

/// Whom samples are of.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// Of which attempt; of none outside of jobs.
    pub(crate) of: Option<Part>,
    /// The role group that it is in.
    pub(crate) group: RoleGroup,
}

/// A child of an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Whose child it is.
    pub(crate) attempt: AttemptId,
    /// Which one of its children.
    pub(crate) child: u32,
    /// What it does there.
    pub(crate) phase: Phase,
}

/// A child that is being sampled, until this is dropped.
#[derive(Debug)]
pub(crate) struct Gauge {
    gauges: Arc<Gauges>,
    id: u64,
    task: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Gauges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gauges")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl Gauges {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, inner: Mutex::default() })
    }

    /// Samples `child` once a second. What it has used before, if it is of an earlier life, counts to
    /// no sum of this one.
    pub(crate) fn watch(
        self: &Arc<Self>,
        child: &Child,
        subject: Subject,
        is_adopted: bool,
    ) -> Gauge {
        let id = self.lock().begin(subject);
        // Dropping the gauge ends it; it ends by itself with the child.
        let task = child.sampler().map(|sampler| {
            let gauges = Arc::clone(self);
            tokio::spawn(async move { gauges.sample(id, sampler, is_adopted).await })
        });
        Gauge { gauges: Arc::clone(self), id, task }
    }

    async fn sample(&self, id: u64, mut sampler: Sampler, mut is_adopted: bool) {
        let mut every = tokio::time::interval(EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            let now = self.clock.now();
            // A file of the kernel may make one wait; a thread of the runtime must not.
            let look = tokio::task::spawn_blocking(move || (sampler.look(now), sampler));
            let Ok((Some(sample), again)) = look.await else { return };
            sampler = again;
            self.lock().add(id, sample, std::mem::take(&mut is_adopted));
        }
    }

    /// The last minutes of an attempt, the oldest first.
    pub(crate) fn of(&self, attempt: AttemptId) -> Vec<Point> {
        let inner = self.lock();
        inner
            .rings
            .get(&attempt)
            .map(|ring| ring.iter().copied().collect())
            .unwrap_or_default()
    }

    /// How each of these role groups is.
    pub(crate) fn loads(&self, groups: impl Iterator<Item = RoleGroup>) -> Vec<Load> {
        let inner = self.lock();
        groups.map(|group| inner.load(&group)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn begin(&mut self, subject: Subject) -> u64 {
        self.count += 1;
        self.totals.entry(subject.group.clone()).or_default().0 += 1;
        self.alive
            .insert(self.count, Alive { subject, last: Sample::default() });
        self.count
    }

    /// Takes a sample of a child; of the first one of an `is_adopted` child, not its sums.
    fn add(&mut self, id: u64, sample: Sample, is_adopted: bool) {
        let Some(alive) = self.alive.get_mut(&id) else { return };
        let more = match is_adopted {
            true => sample.sums.since(&sample.sums),
            false => sample.sums.since(&alive.last.sums),
        };
        alive.last = sample;
        let (_, sums) = self.totals.entry(alive.subject.group.clone()).or_default();
        *sums = sums.plus(&more);
        if let Some(Part { attempt, child, phase }) = alive.subject.of {
            let ring = self.rings.entry(attempt).or_insert_with(|| {
                self.order.push_back(attempt);
                VecDeque::new()
            });
            if ring.len() == KEPT {
                ring.pop_front();
            }
            ring.push_back(Point { child, phase, sample });
        }
    }

    /// A child has ended. What the kernel says of its whole life is more than the last sample knew.
    fn end(&mut self, id: u64, usage: Option<&Usage>) {
        let Some(Alive { subject, last }) = self.alive.remove(&id) else {
            return;
        };
        if let Some(usage) = usage {
            let whole = Sums {
                seen: last.sums.seen.max(1),
                cpu: Some(usage.user_micros + usage.system_micros),
                ..last.sums
            };
            let (_, sums) = self.totals.entry(subject.group).or_default();
            *sums = sums.plus(&whole.since(&last.sums));
        }
        self.forget();
    }

    /// Lets go of attempts without a child, but for the last few.
    fn forget(&mut self) {
        let is_alive = |attempt: &AttemptId| {
            let of = self.alive.values().filter_map(|alive| alive.subject.of);
            of.into_iter().any(|part| part.attempt == *attempt)
        };
        let over: Vec<_> = self
            .order
            .iter()
            .filter(|attempt| !is_alive(attempt))
            .copied()
            .collect();
        for attempt in over.iter().rev().skip(OVER) {
            self.rings.remove(attempt);
        }
        self.order.retain(|attempt| self.rings.contains_key(attempt));
    }

    fn load(&self, group: &RoleGroup) -> Load {
        let (started, sums) = self.totals.get(group).copied().unwrap_or_default();
        let alive = self.alive.values().filter(|alive| alive.subject.group == *group);
        let load = Load { started, sums, ..Load::new(group.clone()) };
        alive.fold(load, |load, Alive { last, .. }| Load {
            children: load.children + 1,
            processes: load.processes + last.processes,
            threads: load.threads + last.threads,
            resident: ffleet_types::Bytes(load.resident.0 + last.resident.0),
            memory: match (load.memory, last.memory) {
                (Some(sum), Some(more)) => Some(ffleet_types::Bytes(sum.0 + more.0)),
                (sum, more) => sum.or(more),
            },
            ..load
        })
    }
}

impl Gauge {
    /// The child has ended, and used this much in its life.
    pub(crate) fn end(self, usage: &Usage) {
        self.gauges.lock().end(self.id, Some(usage));
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
        self.gauges.lock().end(self.id, None);
    }
}

#[cfg(test)]
mod tests {
    use ffleet_types::{Bytes, Fence, JobId, TaskId, Timestamp};

    use super::*;

    fn attempt(number: u128) -> AttemptId {
        AttemptId { task: TaskId::whole(JobId::from_bits(number)), fence: Fence::FIRST }
    }

    fn subject(number: u128, phase: Phase) -> Subject {
        let of = Some(Part { attempt: attempt(number), child: 1, phase });
        Subject { of, group: group(phase.name()) }
    }

    fn group(name: &str) -> RoleGroup {
        RoleGroup::named(name)
    }

    fn sample(cpu: u64) -> Sample {
        Sample {
            at: Timestamp::from_micros(cpu),
            processes: 1,
            threads: 4,
            resident: Bytes(100),
            memory: Some(Bytes(200)),
            sums: Sums { seen: 1, cpu: Some(cpu), ..Sums::default() },
        }
    }

    #[test]
    fn ring_keeps_the_last_minutes_and_no_more() {
        let mut inner = Inner::default();
        let id = inner.begin(subject(1, Phase::Encode));
        for second in 0..10 * KEPT as u64 {
            inner.add(id, sample(second), false);
        }
        let ring = &inner.rings[&attempt(1)];
        assert_eq!((ring.len(), ring[0].sample.at.as_micros()), (KEPT, 9 * KEPT as u64));
    }

    #[test]
    fn only_the_last_attempts_that_are_over_are_kept() {
        let mut inner = Inner::default();
        let first = inner.begin(subject(0, Phase::Live));
        inner.add(first, sample(1), false);
        for number in 1..100 {
            let id = inner.begin(subject(number, Phase::Encode));
            inner.add(id, sample(1), false);
            inner.end(id, None);
        }
        assert!(inner.rings.contains_key(&attempt(0)), "its child lives");
        assert_eq!((inner.rings.len(), inner.order.len()), (OVER + 1, OVER + 1));
        assert!(inner.rings.contains_key(&attempt(99)));
        inner.end(first, None);
        assert_eq!((inner.rings.len(), inner.alive.len()), (OVER, 0));
    }

    #[test]
    fn sums_of_a_role_group_hold_children_that_were_never_sampled() {
        let mut inner = Inner::default();
        let usage = Usage { user_micros: 30, system_micros: 12, ..Usage::default() };
        let id = inner.begin(subject(1, Phase::Probe));
        inner.end(id, Some(&usage));
        let load = inner.load(&group("probe"));
        assert_eq!((load.started, load.children, load.sums.seen), (1, 0, 1));
        assert_eq!((load.sums.cpu, load.sums.read, load.memory), (Some(42), None, None));
    }

    #[test]
    fn children_of_one_phase_count_to_the_groups_that_their_jobs_name() {
        let mut inner = Inner::default();
        for (number, name) in [(1, "encode"), (2, "drafts"), (3, "drafts")] {
            let of = subject(number, Phase::Encode).of;
            let id = inner.begin(Subject { of, group: group(name) });
            inner.add(id, sample(10), false);
        }
        let children = |name| inner.load(&group(name)).children;
        assert_eq!((children("encode"), children("drafts"), children("probe")), (1, 2, 0));
    }

    #[test]
    fn what_a_child_used_counts_once() {
        let mut inner = Inner::default();
        let id = inner.begin(subject(1, Phase::Encode));
        for cpu in [10, 20, 30] {
            inner.add(id, sample(cpu), false);
        }
        let load = inner.load(&group("encode"));
        assert_eq!((load.children, load.threads, load.resident), (1, 4, Bytes(100)));
        assert_eq!((load.memory, load.sums.cpu), (Some(Bytes(200)), Some(30)));
        inner.end(id, Some(&Usage { user_micros: 33, ..Usage::default() }));
        assert_eq!(inner.load(&group("encode")).sums.cpu, Some(33));
        assert_eq!(inner.load(&group("encode")).memory, None);
    }

    #[test]
    fn what_an_earlier_life_used_does_not_count() {
        let mut inner = Inner::default();
        let id = inner.begin(subject(1, Phase::Encode));
        inner.add(id, sample(1_000), true);
        inner.add(id, sample(1_010), false);
        inner.end(id, Some(&Usage { user_micros: 1_015, ..Usage::default() }));
        assert_eq!(inner.load(&group("encode")).sums.cpu, Some(15));
    }
}
