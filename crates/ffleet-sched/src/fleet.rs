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
//! | [`Plan::quarantines`] | [`Event::NodeOrdered`] | [`Event::NodeOrdered`], with what it was |
//!
//! A refused item is asked for again after [`Policy::pause`]. A report that carries another fence
//! than the attempt's changes nothing. The node's own ledger is the authority on its room; this
//! one is a forecast, and a node that declines costs nobody an attempt.

mod apply;
mod event;
mod kinds;
mod plan;
mod reserve;
mod rooms;
mod shape;
mod view;
mod why;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ffleet_types::node::{self, Capacity, Engine, Order};
use ffleet_types::{Bytes, Fence, NodeId, TaskId, Timestamp};

pub use self::event::{Effect, Event, Standing, Then};
use self::kinds::Kinds;
pub use self::plan::{Assign, Plan, Quarantine, Reclaim, Reject};
use self::rooms::Rooms;
pub use self::why::{Lack, Obstacle, Went, Why};
use crate::lease::{self, Lease};
use crate::place::{Headroom, PassedOver};
use crate::pressure::{self, Heat};
use crate::quarantine;
use crate::queue::{self, Entry, Queue, ShapeId};

/// How the fleet is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a silent node is trusted.
    pub lease: lease::Policy,
    /// How much longer than that a lease is left alone: what the clocks of the two sides may differ by.
    pub margin: Duration,
    /// How the queue is ordered.
    pub queue: queue::Policy,
    /// What live work needs beyond its need to be admitted.
    pub headroom: Headroom,
    /// How long the first task of the queue is overtaken by others that fit, until a node is
    /// reserved for it, and takes nothing that comes after it.
    pub patience: Duration,
    /// How long a task that was declined, or a decision that could not be written, rests.
    pub pause: Duration,
    /// From where on a node is warm, and hot.
    pub pressure: pressure::Policy,
    /// When a node is put aside.
    pub quarantine: quarantine::Policy,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            lease: lease::Policy::default(),
            margin: Duration::ZERO,
            queue: queue::Policy::default(),
            headroom: Headroom(25),
            patience: Duration::from_secs(60),
            pause: Duration::from_secs(1),
            pressure: pressure::Policy::default(),
            quarantine: quarantine::Policy::default(),
        }
    }
}

impl Policy {
    /// The silence after which something is taken from a node.
    #[must_use]
    pub const fn patient(&self) -> lease::Policy {
        lease::Policy { term: self.lease.term.saturating_add(self.margin) }
    }
}

/// Everything the planner knows.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    policy: Policy,
    rooms: Rooms,
    kinds: Kinds,
    tasks: BTreeMap<TaskId, Task>,
    queue: Queue,
    /// When a task that rests is to be looked at.
    rests: BTreeSet<(Timestamp, TaskId)>,
    /// Held tasks by when their holders were last heard from about them.
    leases: BTreeSet<(Timestamp, TaskId)>,
    /// Shapes of which it is not known that any node could hold them.
    unchecked: BTreeSet<ShapeId>,
    /// For which tasks nodes are kept, and which.
    reservations: BTreeMap<TaskId, u32>,
    /// Nodes that are to be put aside.
    verdicts: Vec<Quarantine>,
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
    /// Its labels.
    pub labels: BTreeMap<String, String>,
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
    /// How hot it is.
    pub heat: Heat,
}

impl Node {
    /// What it is at `now`. It is suspect once nothing was heard of it for half of the lease, too.
    #[must_use]
    pub fn state(&self, policy: lease::Policy, now: Timestamp) -> node::State {
        let silent = now.since(self.heard);
        if silent >= policy.term {
            node::State::Gone
        } else if self.suspect || silent >= policy.quiet() {
            node::State::Suspect
        } else {
            node::State::Active
        }
    }
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
    /// What it takes and wants, while it is in the queue.
    shape: Option<ShapeId>,
    /// Who was passed over when it was last given to a node.
    over: Vec<PassedOver>,
}

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

impl At {
    const fn lease(&self) -> Option<&Lease> {
        match self {
            Self::Held(lease) | Self::Reclaiming(lease) => Some(lease),
            _ => None,
        }
    }
}

impl Task {
    const fn lease(&self) -> Option<&Lease> {
        self.at.lease()
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
        self.rooms.nodes().map(|(_, id, node)| (id, node))
    }

    /// One of them.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.rooms.node(id)
    }

    /// What is promised of a node.
    #[must_use]
    pub fn promised(&self, node: NodeId) -> Capacity {
        let slot = self.rooms.find(node);
        slot.map(|slot| self.rooms.at(slot).promised.all).unwrap_or_default()
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

    /// Moves `task` to `at`, with everything that follows from it: the queue, the rests, the
    /// leases, what is promised. The one place where these change together.
    fn settle(&mut self, id: TaskId, at: At) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let before = std::mem::replace(&mut task.at, at);
        if let At::Held(lease) = before {
            self.leases.remove(&(lease.renewed, id));
        }
        if let At::Held(lease) = at {
            self.leases.insert((lease.renewed, id));
        }
        // A renewal changes nothing else.
        if let (Some(before), Some(now)) = (before.lease(), at.lease())
            && before.holder == now.holder
        {
            return;
        }
        match before {
            At::Queue => self.dequeue(id),
            At::Resting { until } | At::Retrying { until } => {
                self.rests.remove(&(until, id));
            }
            At::Held(lease) | At::Reclaiming(lease) => self.credit(id, lease.holder),
            At::Requeueing | At::Rejecting => {}
        }
        match at {
            At::Queue => self.enqueue(id),
            At::Resting { until } | At::Retrying { until } => {
                self.rests.insert((until, id));
            }
            At::Held(lease) | At::Reclaiming(lease) => self.debit(id, lease.holder),
            At::Requeueing | At::Rejecting => {}
        }
    }

    /// Promises what a task takes of a node.
    fn debit(&mut self, id: TaskId, node: NodeId) {
        let Some(Task { entry, .. }) = self.tasks.get(&id) else {
            return;
        };
        let slot = self.rooms.slot(node);
        self.rooms.promise(slot, |promised| {
            promised.all = promised.all.plus(&entry.need);
            if entry.lane().is_live() {
                promised.live = promised.live.plus(&entry.need);
            }
        });
        self.queue.hold(entry, &self.rooms.whole());
    }

    /// Takes that back.
    fn credit(&mut self, id: TaskId, node: NodeId) {
        let Some(Task { entry, .. }) = self.tasks.get(&id) else {
            return;
        };
        let slot = self.rooms.slot(node);
        self.rooms.promise(slot, |promised| {
            promised.all = promised.all.less(&entry.need);
            if entry.lane().is_live() {
                promised.live = promised.live.less(&entry.need);
            }
        });
        self.queue.release(entry, &self.rooms.whole());
    }

    /// Forgets `task` and gives back what it held.
    fn forget(&mut self, id: TaskId) {
        // Through a state that holds nothing, so that everything is given back in one place.
        self.settle(id, At::Rejecting);
        self.tasks.remove(&id);
        self.release_reservation(id);
    }
}

#[cfg(test)]
mod tests;
