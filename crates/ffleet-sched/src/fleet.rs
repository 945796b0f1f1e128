//! The fleet as a value: nodes, what waits, and what is held.
//!
//! Facts come in by [`Fleet::apply`], decisions go out by [`Fleet::plan`]. A plan is tentative:
//! what it assigns is debited at once, so that the next plan does not give the room away again,
//! and everything it asks for is asked for once. So each item of a plan wants an answer:
//!
//! | asked for | when it is written | when it could not be |
//! |---|---|---|
//! | [`Plan::assigns`] | [`Event::Assigned`] | [`Event::Refused`] |
//! | [`Plan::requeues`] | [`Event::Requeued`] | [`Event::Refused`] |
//! | [`Plan::rejects`] | [`Event::Removed`] | [`Event::Refused`] |
//! | [`Plan::reclaims`] | [`Event::Declined`], [`Event::Ended`] | [`Event::Refused`] |
//!
//! A refused item is asked for again after [`Policy::pause`]. A report that carries another fence
//! than the attempt's changes nothing. The node's own ledger is the authority on its room; this
//! one is a forecast, and a node that declines costs nobody an attempt.

mod event;
mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ffleet_types::node::{self, Capacity, Demand, Engine, Order};
use ffleet_types::{Bytes, Fence, NodeId, TaskId, Timestamp};

pub use self::event::{Effect, Event, Standing, Then};
pub use self::plan::{Assign, Plan, Reclaim, Reject};
use crate::lease::{self, Lease};
use crate::place::{Headroom, Place};
use crate::queue::{self, Entry, Queue};

/// How the fleet is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a silent node is trusted.
    pub lease: lease::Policy,
    /// How the queue is ordered.
    pub queue: queue::Policy,
    /// What live work needs beyond its need to be admitted.
    pub headroom: Headroom,
    /// How long the first task of the queue is overtaken by others that fit, until a node is
    /// reserved for it, and takes nothing that comes after it.
    pub patience: Duration,
    /// How long a task that was declined, or a decision that could not be written, rests.
    pub pause: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            lease: lease::Policy::default(),
            queue: queue::Policy::default(),
            headroom: Headroom(25),
            patience: Duration::from_secs(60),
            pause: Duration::from_secs(1),
        }
    }
}

/// Everything the planner knows.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    policy: Policy,
    nodes: BTreeMap<NodeId, Node>,
    /// What is promised of each node; also of one that has not joined yet.
    promised: BTreeMap<NodeId, Promised>,
    tasks: BTreeMap<TaskId, Task>,
    queue: Queue,
    /// When a task that rests is to be looked at.
    rests: BTreeSet<(Timestamp, TaskId)>,
    /// Held tasks by when their holders were last heard from about them.
    leases: BTreeSet<(Timestamp, TaskId)>,
    /// Queued tasks that were not yet held against what the nodes have.
    unchecked: BTreeSet<TaskId>,
    reservation: Option<Reservation>,
    /// Which nodes' engines meet these demands, as far as that was asked since the nodes have changed.
    able: BTreeMap<Arc<[Demand]>, Able>,
    /// The nodes that took work when the last plan was made.
    open: BTreeSet<NodeId>,
}

/// A node, as far as placement goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name for people.
    pub name: String,
    /// What it has.
    pub capacity: Capacity,
    /// Its engines.
    pub engines: Vec<Engine>,
    /// What is wanted of it.
    pub order: Order,
    /// When it was last heard from.
    pub heard: Timestamp,
    /// Whether its connection is broken since.
    pub suspect: bool,
    /// Whether it takes no more work by itself, until it says otherwise.
    pub closed: bool,
    /// What of its memory is promised to what is no task.
    pub held: Bytes,
}

impl Node {
    /// What it is at `now`.
    #[must_use]
    pub fn state(&self, policy: lease::Policy, now: Timestamp) -> node::State {
        if now.since(self.heard) >= policy.term {
            node::State::Gone
        } else if self.suspect {
            node::State::Suspect
        } else {
            node::State::Active
        }
    }
}

/// What is promised of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Promised {
    all: Capacity,
    /// The part of it that live work holds, which has no end of its own.
    live: Capacity,
}

/// A node that is kept for a task that is too large for what is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reservation {
    task: TaskId,
    key: queue::Key,
    node: NodeId,
}

/// A task that is not at its end.
#[derive(Clone, Debug)]
struct Task {
    entry: Entry,
    /// The fence of its latest attempt.
    fence: Fence,
    at: At,
    /// Since when others have gone before it because it found no room.
    blocked: Option<Timestamp>,
    /// The nodes whose engines can do it; none before it was held against them.
    able: Able,
}

/// Nodes whose engines can do a task; shared by all tasks with the same demands.
type Able = Arc<BTreeSet<NodeId>>;

/// Where a task is, as far as planning goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// In the queue.
    Queue,
    /// Queued, and left alone until then: it was just declined.
    Resting { until: Timestamp },
    /// The pause after a failed attempt lasts until then.
    Retrying { until: Timestamp },
    /// The caller was asked to requeue it.
    Requeueing,
    /// The caller was asked to reject it.
    Rejecting,
    /// A node holds it.
    Held(Lease),
    /// The caller was asked to reclaim it; its room is still debited.
    Reclaiming(Lease),
}

impl Task {
    /// Whether an engine of this node can do it.
    fn can_go_to(&self, place: &Place) -> bool {
        self.able.contains(&place.node)
    }

    const fn lease(&self) -> Option<&Lease> {
        match &self.at {
            At::Held(lease) | At::Reclaiming(lease) => Some(lease),
            _ => None,
        }
    }
}

impl Fleet {
    /// A fleet of which nothing is known yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { queue: Queue::new(policy.queue.clone()), policy, ..Self::default() }
    }

    /// How it is run.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The nodes that are known.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().map(|(&id, node)| (id, node))
    }

    /// What is promised of a node.
    #[must_use]
    pub fn promised(&self, node: NodeId) -> Capacity {
        self.promised.get(&node).copied().unwrap_or_default().all
    }

    /// How many tasks wait for room.
    #[must_use]
    pub const fn queued(&self) -> usize {
        self.queue.len()
    }

    /// How many tasks are known: waiting, resting and held.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// The leases there are, in the order of their tasks.
    pub fn leases(&self) -> impl Iterator<Item = (TaskId, &Lease)> {
        self.tasks.iter().filter_map(|(&id, task)| Some((id, task.lease()?)))
    }

    /// What all nodes have together: what a tenant's share is reckoned of.
    fn whole(&self) -> Capacity {
        self.nodes
            .values()
            .fold(Capacity::default(), |whole, node| whole.plus(&node.capacity))
    }

    /// Moves `task` to `at`, with everything that follows from it: the queue, the rests, the
    /// leases, what is promised. The one place where these change together.
    fn settle(&mut self, id: TaskId, at: At) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let before = std::mem::replace(&mut task.at, at);
        let (entry, live) = (&task.entry, task.entry.lane().is_live());
        match before {
            At::Queue => {
                self.queue.remove(entry);
            }
            At::Resting { until } | At::Retrying { until } => {
                self.rests.remove(&(until, id));
            }
            At::Held(lease) | At::Reclaiming(lease) => {
                self.leases.remove(&(lease.renewed, id));
                let promised = self.promised.entry(lease.holder).or_default();
                promised.all = promised.all.less(&entry.need);
                if live {
                    promised.live = promised.live.less(&entry.need);
                }
            }
            At::Requeueing | At::Rejecting => {}
        }
        match at {
            At::Queue => self.queue.insert(entry),
            At::Resting { until } | At::Retrying { until } => {
                self.rests.insert((until, id));
            }
            At::Held(lease) | At::Reclaiming(lease) => {
                if matches!(at, At::Held(_)) {
                    self.leases.insert((lease.renewed, id));
                }
                let promised = self.promised.entry(lease.holder).or_default();
                promised.all = promised.all.plus(&entry.need);
                if live {
                    promised.live = promised.live.plus(&entry.need);
                }
            }
            At::Requeueing | At::Rejecting => {}
        }
        let lost_room = matches!(before, At::Held(_) | At::Reclaiming(_))
            && !matches!(at, At::Held(_) | At::Reclaiming(_));
        if lost_room {
            self.queue.look_again();
        }
    }

    /// Forgets `task` and gives back what it held.
    fn forget(&mut self, id: TaskId) {
        // Through a state that holds nothing, so that everything is given back in one place.
        self.settle(id, At::Rejecting);
        self.tasks.remove(&id);
        self.unchecked.remove(&id);
        self.release_reservation(id);
    }

    /// Ends the reservation for `task`, if there is one: its node is open to others.
    fn release_reservation(&mut self, id: TaskId) {
        if self.reservation.is_some_and(|reservation| reservation.task == id) {
            self.reservation = None;
            self.queue.look_again();
        }
    }
}

#[cfg(test)]
mod tests;
