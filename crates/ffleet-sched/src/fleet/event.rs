//! What may happen.

use std::collections::BTreeMap;

use ffleet_types::node::{Capacity, Engine, Order};
use ffleet_types::{AttemptId, Bytes, Fence, JobId, NodeId, Outcome, TaskId, TenantId, Timestamp};

use crate::lease::Stage;
use crate::pressure::Pressure;
use crate::queue::Entry;
use crate::share::Share;

/// Something that happened, after it is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A node registered, for the first time or again. It counts as heard from.
    NodeJoined {
        /// The node.
        node: NodeId,
        /// Its name for people.
        name: String,
        /// What it has.
        capacity: Capacity,
        /// Its engines.
        engines: Vec<Engine>,
        /// Its labels.
        labels: BTreeMap<String, String>,
        /// What is wanted of it.
        order: Order,
        /// When.
        at: Timestamp,
    },
    /// A node was heard from.
    NodeHeard {
        /// The node.
        node: NodeId,
        /// The attempts it says it has: their leases are renewed.
        attempts: Vec<AttemptId>,
        /// When.
        at: Timestamp,
    },
    /// A node's connection broke.
    NodeSuspect {
        /// The node.
        node: NodeId,
    },
    /// A node says whether it takes no more work by itself. What it holds goes on.
    NodeClosed {
        /// The node.
        node: NodeId,
        /// Whether it takes none.
        closed: bool,
    },
    /// A node says what of its memory is promised to what is no task: the rings of its streams.
    NodeHolds {
        /// The node.
        node: NodeId,
        /// How much.
        memory: Bytes,
    },
    /// A node says how its tasks fare.
    NodePressed {
        /// The node.
        node: NodeId,
        /// What it says.
        pressure: Pressure,
    },
    /// A node has brought an attempt to an end: nodes that fail one job after another are put aside.
    NodeJudged {
        /// The node.
        node: NodeId,
        /// Whose attempt it was.
        job: JobId,
        /// How it ended.
        outcome: Outcome,
    },
    /// Something else is wanted of a node; [`Order::Accept`] lifts its quarantine.
    NodeOrdered {
        /// The node.
        node: NodeId,
        /// What is wanted now.
        order: Order,
    },
    /// A node was removed for good: no task waits for it any more.
    NodeForgotten {
        /// The node.
        node: NodeId,
    },
    /// A tenant gets another share of the fleet, or is bounded otherwise.
    TenantShared {
        /// The tenant.
        tenant: TenantId,
        /// What it gets, and what bounds it.
        share: Share,
    },
    /// A task was accepted.
    Submitted(Entry),
    /// A task was read back from the store when the planner started.
    Recovered {
        /// The task.
        entry: Entry,
        /// The fence of its latest attempt; [`Fence::NONE`] before the first.
        fence: Fence,
        /// Where it is.
        standing: Standing,
    },
    /// [`super::Plan::assigns`] is written.
    Assigned {
        /// The attempt.
        attempt: AttemptId,
        /// When.
        at: Timestamp,
    },
    /// The node will not take an attempt, or it was given back before it started.
    Declined {
        /// The attempt.
        attempt: AttemptId,
        /// When.
        at: Timestamp,
    },
    /// What a plan asked for could not be written.
    Refused {
        /// The task.
        task: TaskId,
        /// When.
        at: Timestamp,
    },
    /// The node has begun.
    Started {
        /// The attempt.
        attempt: AttemptId,
        /// When.
        at: Timestamp,
    },
    /// An attempt's processes are frozen.
    Paused {
        /// The attempt.
        attempt: AttemptId,
    },
    /// They run again.
    Resumed {
        /// The attempt.
        attempt: AttemptId,
    },
    /// An attempt ended.
    Ended {
        /// The attempt.
        attempt: AttemptId,
        /// What follows.
        then: Then,
    },
    /// [`super::Plan::requeues`] is written: the pause is over, and the task is queued.
    Requeued {
        /// The task.
        task: TaskId,
    },
    /// A task is at its end, however it came there: rejected, canceled, pruned.
    Removed {
        /// The task.
        task: TaskId,
    },
}

/// Where a task was when it was read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It waits for room.
    Queued,
    /// The pause after a failed attempt lasts until then.
    Retrying {
        /// The time.
        until: Timestamp,
    },
    /// A node holds it.
    Held {
        /// The node.
        node: NodeId,
        /// How far it has got.
        stage: Stage,
        /// The planner's own start, not what the store has: holders get one full term to be
        /// heard from before anything is reclaimed from them.
        renewed: Timestamp,
    },
}

/// What follows an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing: the task is at its end.
    End,
    /// Another attempt, not before then.
    Retry {
        /// The time.
        not_before: Timestamp,
    },
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is taken in.
    Applied,
    /// It speaks of a task, node or attempt that is not known, or known otherwise: nothing has
    /// changed. Reports that come late or twice end here.
    Stale,
}
