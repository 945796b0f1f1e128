//! The queue: what waits for room, and in which order it goes.
//!
//! **Classes and ageing.** Class and, inside live and batch, priority make nine [`Lane`]s. A task
//! of a lower lane goes as if it had been submitted later by that lane's handicap
//! ([`Policy::handicap`]), and the earliest such time is first. So a higher class goes first
//! among tasks that came together, and waiting is bounded: *no task that is submitted later than
//! a task's own handicap after it goes before it*, at most `live_lead` + 8 × `ageing`. Order
//! never changes while time passes, so nothing is ever sorted again.
//!
//! **Tenants.** Inside a lane the tenant goes that has had least for its weight, by start-time
//! fair queuing (Goyal et al., 1996) over dominant shares. One that was idle has saved nothing
//! up. Inside a tenant the oldest goes.
//!
//! **Work per call.** [`Queue::next`] goes on where it stopped: what did not fit is not looked at
//! again before there is more room ([`Queue::look_again`]). So a submit costs O(log n), and a
//! plan where nothing fits costs one look at each new task and one at each tenant.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use ffleet_types::job::{Class, Priority};
use ffleet_types::node::{Capacity, Demand};
use ffleet_types::{TaskId, TenantId, Timestamp};

use crate::place;

/// How the queue is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a task waits until it goes before one that is submitted only then, one lane
    /// above it.
    pub ageing: Duration,
    /// How much longer it waits for live work, in addition.
    pub live_lead: Duration,
    /// What tenants get beside each other. Who is not named has weight 1; 0 counts as 1.
    pub weights: BTreeMap<TenantId, u32>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            ageing: Duration::from_mins(10),
            live_lead: Duration::from_hours(24),
            weights: BTreeMap::new(),
        }
    }
}

impl Policy {
    /// How much later than it was a task of `lane` counts as submitted.
    #[must_use]
    pub fn handicap(&self, lane: Lane) -> Duration {
        let lead = if lane.0 < Lane::FIRST_BELOW_LIVE {
            Duration::ZERO
        } else {
            self.live_lead
        };
        self.ageing.saturating_mul(u32::from(lane.0)).saturating_add(lead)
    }

    fn weight(&self, tenant: &TenantId) -> u64 {
        u64::from(self.weights.get(tenant).copied().unwrap_or(1).max(1))
    }
}

/// A row of the order: class, and in live and batch also priority. The lowest goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane(u8);

impl Lane {
    const FIRST_BELOW_LIVE: u8 = 3;
    /// The last of the nine.
    pub const LAST: Self = Self(8);

    /// The lane of a task of this class and priority.
    #[must_use]
    pub const fn of(class: Class, priority: Priority) -> Self {
        let inside = match priority {
            Priority::High => 0,
            Priority::Medium => 1,
            Priority::Low => 2,
        };
        Self(match class {
            Class::Live => inside,
            Class::High => 3,
            Class::Medium => 4,
            Class::Low => 5,
            Class::Batch => 6 + inside,
        })
    }

    /// Whether it is one of live's.
    #[must_use]
    pub const fn is_live(self) -> bool {
        self.0 < Self::FIRST_BELOW_LIVE
    }
}

/// A task's place in the order; the lowest goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// When it was submitted, and its lane's handicap.
    due: Timestamp,
    /// Its number, for tasks of one instant.
    sequence: u64,
    task: TaskId,
}

impl Key {
    /// The task.
    #[must_use]
    pub const fn task(&self) -> TaskId {
        self.task
    }
}

/// A task that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The task.
    pub task: TaskId,
    /// Its scheduling class.
    pub class: Class,
    /// Its priority, which orders live and batch inside.
    pub priority: Priority,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it takes of a node.
    pub need: Capacity,
    /// What it wants of the node's engine.
    pub demands: Arc<[Demand]>,
    /// When it was submitted first; a retry keeps its place.
    pub submitted: Timestamp,
    /// Its number, which grows with every submit.
    pub sequence: u64,
}

impl Entry {
    /// Its lane.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        Lane::of(self.class, self.priority)
    }
}

/// All tasks that wait for room.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    policy: Policy,
    lanes: BTreeMap<Lane, Tenants>,
    smallest: Smallest,
    len: usize,
}

/// The tasks of one lane.
#[derive(Clone, Debug, Default)]
struct Tenants {
    fifos: BTreeMap<TenantId, Fifo>,
    /// The start tag of the last task that was taken.
    clock: u64,
}

/// The tasks of one tenant in one lane.
#[derive(Clone, Debug, Default)]
struct Fifo {
    entries: BTreeMap<Key, Capacity>,
    /// Everything up to here was looked at, and did not fit into the room there is.
    past: Option<Key>,
    /// The start tag of its next task.
    served: u64,
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// How many tasks wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether none does.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The place of `entry` in the order.
    #[must_use]
    pub fn key(&self, entry: &Entry) -> Key {
        Key {
            due: entry.submitted.after(self.policy.handicap(entry.lane())),
            sequence: entry.sequence,
            task: entry.task,
        }
    }

    /// Puts `entry` in its place.
    pub fn insert(&mut self, entry: &Entry) {
        let key = self.key(entry);
        let tenants = self.lanes.entry(entry.lane()).or_default();
        let clock = tenants.clock;
        let fifo = tenants.fifos.entry(entry.tenant.clone()).or_default();
        if fifo.entries.is_empty() {
            fifo.served = fifo.served.max(clock);
        }
        if fifo.entries.insert(key, entry.need).is_none() {
            self.len += 1;
            self.smallest.add(&entry.need);
        }
        if fifo.past.is_some_and(|past| past >= key) {
            fifo.past = fifo.entries.range(..key).next_back().map(|(&before, _)| before);
        }
    }

    /// Takes `entry` out, if it is there.
    pub fn remove(&mut self, entry: &Entry) -> bool {
        let key = self.key(entry);
        let fifo = self
            .lanes
            .get_mut(&entry.lane())
            .and_then(|tenants| tenants.fifos.get_mut(&entry.tenant));
        let Some(need) = fifo.and_then(|fifo| fifo.entries.remove(&key)) else {
            return false;
        };
        self.len -= 1;
        self.smallest.subtract(&need);
        true
    }

    /// Says that there is more room than before: everything is worth another look.
    pub fn look_again(&mut self) {
        for fifo in self.lanes.values_mut().flat_map(|tenants| tenants.fifos.values_mut()) {
            fifo.past = None;
        }
    }

    /// The least that any waiting task needs, part by part: where this does not fit, none does.
    #[must_use]
    pub fn smallest(&self) -> Capacity {
        self.smallest.need()
    }

    /// Takes the next task that `fits`; `whole` is the fleet's capacity, which a task's share is
    /// reckoned of.
    ///
    /// Between two calls of [`Self::look_again`] what does not fit must go on not fitting.
    pub fn next(
        &mut self,
        whole: &Capacity,
        fits: impl Fn(Lane, &Key, &Capacity) -> bool,
    ) -> Option<Key> {
        let mut first: Option<(Key, Lane)> = None;
        for (&lane, tenants) in &mut self.lanes {
            for fifo in tenants.fifos.values_mut() {
                if let Some(key) = fifo.candidate(|key, need| fits(lane, key, need))
                    && first.is_none_or(|(lowest, _)| key < lowest)
                {
                    first = Some((key, lane));
                }
            }
        }
        let (_, lane) = first?;
        let tenants = self.lanes.get_mut(&lane)?;
        // Among the tenants of that lane who have something that fits: the one with least.
        let (tenant, fifo, key) = tenants
            .fifos
            .iter_mut()
            .filter_map(|(tenant, fifo)| {
                let key = fifo.candidate(|key, need| fits(lane, key, need))?;
                Some((tenant, fifo, key))
            })
            .min_by_key(|(tenant, fifo, _)| (fifo.served, *tenant))?;
        let need = fifo.entries.remove(&key)?;
        let cost = place::dominant_share(&need, whole) * SCALE / self.policy.weight(tenant);
        tenants.clock = tenants.clock.max(fifo.served);
        fifo.served = fifo.served.saturating_add(cost.max(1));
        self.len -= 1;
        self.smallest.subtract(&need);
        Some(key)
    }

    /// The first task in the order that is `eligible`, of the oldest few of each tenant.
    #[must_use]
    pub fn head(&self, eligible: impl Fn(&Key, &Capacity) -> bool) -> Option<Key> {
        /// How many of a tenant's oldest are looked at.
        const OLDEST: usize = 32;
        let fifos = self.lanes.values().flat_map(|tenants| tenants.fifos.values());
        let heads = fifos.filter_map(|fifo| {
            let mut oldest = fifo.entries.iter().take(OLDEST);
            oldest.find(|(key, need)| eligible(key, need)).map(|(&key, _)| key)
        });
        heads.min()
    }
}

/// So that a share of one millionth is still something with a large weight.
const SCALE: u64 = 1_000;

impl Fifo {
    /// Its oldest task that fits.
    fn candidate(&mut self, fits: impl Fn(&Key, &Capacity) -> bool) -> Option<Key> {
        let from = self.past.map_or(Bound::Unbounded, Bound::Excluded);
        for (&key, need) in self.entries.range((from, Bound::Unbounded)) {
            if fits(&key, need) {
                return Some(key);
            }
            self.past = Some(key);
        }
        None
    }
}

/// How often each amount of each part occurs among the needs.
#[derive(Clone, Debug, Default)]
struct Smallest {
    cpu: BTreeMap<u32, usize>,
    memory: BTreeMap<u64, usize>,
    scratch: BTreeMap<u64, usize>,
    tasks: BTreeMap<u32, usize>,
}

impl Smallest {
    fn add(&mut self, need: &Capacity) {
        *self.cpu.entry(need.cpu.0).or_default() += 1;
        *self.memory.entry(need.memory.0).or_default() += 1;
        *self.scratch.entry(need.scratch.0).or_default() += 1;
        *self.tasks.entry(need.tasks).or_default() += 1;
    }

    fn subtract(&mut self, need: &Capacity) {
        less_one(&mut self.cpu, &need.cpu.0);
        less_one(&mut self.memory, &need.memory.0);
        less_one(&mut self.scratch, &need.scratch.0);
        less_one(&mut self.tasks, &need.tasks);
    }

    fn need(&self) -> Capacity {
        let mut need = Capacity::default();
        need.cpu.0 = self.cpu.keys().next().copied().unwrap_or_default();
        need.memory.0 = self.memory.keys().next().copied().unwrap_or_default();
        need.scratch.0 = self.scratch.keys().next().copied().unwrap_or_default();
        need.tasks = self.tasks.keys().next().copied().unwrap_or_default();
        need
    }
}

fn less_one<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
