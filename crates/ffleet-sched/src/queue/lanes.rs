//! The order: when a task is due, by its class and age.

use std::sync::Arc;
use std::time::Duration;

use ffleet_types::job::{Class, Priority};
use ffleet_types::node::{Capacity, Demand};
use ffleet_types::placement::Wishes;
use ffleet_types::{TaskId, TenantId, Timestamp};

/// How the queue is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a task waits until it goes before one that is submitted only then, one lane
    /// above it.
    pub ageing: Duration,
    /// How much longer it waits for live work, in addition.
    pub live_lead: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self { ageing: Duration::from_mins(10), live_lead: Duration::from_hours(24) }
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
    pub(super) due: Timestamp,
    /// Its number, for tasks of one instant.
    pub(super) sequence: u64,
    pub(super) task: TaskId,
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
    /// What it asks of the node's labels.
    pub wishes: Arc<Wishes>,
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
