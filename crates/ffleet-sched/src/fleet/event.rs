//! What happened, and what it changes.

use ffleet_types::node::{Capacity, Engine, Order};
use ffleet_types::{AttemptId, Bytes, Fence, NodeId, TaskId, Timestamp};

use super::{Able, At, Fleet, Node, Task};
use crate::lease::{Lease, Stage};
use crate::queue::Entry;

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
    /// Something else is wanted of a node.
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

impl Fleet {
    /// Takes in what happened. O(log n) in the tasks that wait; of [`Event::NodeJoined`] and
    /// [`Event::NodeForgotten`] O(n).
    pub fn apply(&mut self, event: Event) -> Effect {
        let known = match event {
            Event::NodeJoined { node, name, capacity, engines, order, at } => {
                let joined = Node {
                    name,
                    capacity,
                    engines,
                    order,
                    heard: at,
                    suspect: false,
                    closed: false,
                    held: Bytes(0),
                };
                self.join(node, joined);
                Some(())
            }
            Event::NodeHeard { node, attempts, at } => self.heard(node, &attempts, at),
            Event::NodeSuspect { node } => {
                self.nodes.get_mut(&node).map(|node| node.suspect = true)
            }
            Event::NodeClosed { node, closed } => {
                self.nodes.get_mut(&node).map(|node| node.closed = closed)
            }
            Event::NodeHolds { node, memory } => {
                self.queue.look_again();
                self.nodes.get_mut(&node).map(|node| node.held = memory)
            }
            Event::NodeOrdered { node, order } => {
                self.nodes.get_mut(&node).map(|node| node.order = order)
            }
            Event::NodeForgotten { node } => {
                let known = self.nodes.remove(&node).map(drop);
                self.check_again();
                known
            }
            Event::Submitted(entry) => self.known(entry, Fence::NONE, Standing::Queued),
            Event::Recovered { entry, fence, standing } => self.known(entry, fence, standing),
            Event::Removed { task } => self.tasks.contains_key(&task).then(|| self.forget(task)),
            Event::Requeued { task } => self.requeued(task),
            Event::Refused { task, at } => self.refused(task, at),
            Event::Assigned { attempt, at } => self.assigned(attempt, at),
            Event::Declined { attempt, at } => self.declined(attempt, at),
            Event::Started { attempt, at } => self.started(attempt, at),
            Event::Paused { attempt } => self.stage(attempt, Stage::Running, Stage::Paused),
            Event::Resumed { attempt } => self.stage(attempt, Stage::Paused, Stage::Running),
            Event::Ended { attempt, then } => self.ended(attempt, then),
        };
        known.map_or(Effect::Stale, |()| Effect::Applied)
    }

    fn join(&mut self, id: NodeId, joined: Node) {
        let same = self.nodes.get(&id).is_some_and(|before| {
            before.capacity == joined.capacity && before.engines == joined.engines
        });
        self.nodes.insert(id, joined);
        if !same {
            self.check_again();
        }
    }

    /// The nodes have changed: what fitted one of them may fit none now.
    fn check_again(&mut self) {
        let queued = self.tasks.iter().filter(|(_, task)| task.at == At::Queue);
        self.unchecked = queued.map(|(&id, _)| id).collect();
        self.reservation = None;
        self.able.clear();
        self.queue.look_again();
    }

    fn heard(&mut self, id: NodeId, attempts: &[AttemptId], at: Timestamp) -> Option<()> {
        let node = self.nodes.get_mut(&id)?;
        node.suspect = false;
        node.heard = node.heard.max(at);
        for attempt in attempts {
            if let Some(lease) = self.held(*attempt).filter(|lease| lease.holder == id) {
                let renewed = lease.renewed.max(at);
                self.settle(attempt.task, At::Held(Lease { renewed, ..lease }));
            }
        }
        Some(())
    }

    fn known(&mut self, entry: Entry, fence: Fence, standing: Standing) -> Option<()> {
        let id = entry.task;
        if self.tasks.contains_key(&id) {
            return None;
        }
        self.tasks.insert(
            id,
            Task { entry, fence, at: At::Requeueing, blocked: None, able: Able::default() },
        );
        match standing {
            Standing::Queued => {
                self.unchecked.insert(id);
                self.settle(id, At::Queue);
            }
            Standing::Retrying { until } => self.settle(id, At::Retrying { until }),
            Standing::Held { node, stage, renewed } => {
                self.settle(id, At::Held(Lease { holder: node, fence, renewed, stage }));
            }
        }
        Some(())
    }

    fn requeued(&mut self, id: TaskId) -> Option<()> {
        let task = self.tasks.get(&id)?;
        if !matches!(task.at, At::Requeueing | At::Retrying { .. }) {
            return None;
        }
        self.unchecked.insert(id);
        self.settle(id, At::Queue);
        Some(())
    }

    fn refused(&mut self, id: TaskId, at: Timestamp) -> Option<()> {
        let until = at.after(self.policy.pause);
        match self.tasks.get(&id)?.at {
            At::Requeueing => self.settle(id, At::Retrying { until }),
            At::Rejecting => self.settle(id, At::Resting { until }),
            At::Held(Lease { stage: Stage::Offered, .. }) => {
                self.settle(id, At::Resting { until });
            }
            // The holder gets another term; then it is asked for again.
            At::Reclaiming(lease) => {
                self.settle(id, At::Held(Lease { renewed: at, ..lease }));
            }
            _ => return None,
        }
        Some(())
    }

    /// The lease of `attempt`, if it is the one that is held.
    fn held(&self, attempt: AttemptId) -> Option<Lease> {
        match self.tasks.get(&attempt.task)?.at {
            At::Held(lease) if lease.fence == attempt.fence => Some(lease),
            _ => None,
        }
    }

    fn assigned(&mut self, attempt: AttemptId, at: Timestamp) -> Option<()> {
        let lease = self.held(attempt).filter(|lease| lease.stage == Stage::Offered)?;
        self.tasks.get_mut(&attempt.task)?.fence = attempt.fence;
        let lease = Lease { stage: Stage::Assigned, renewed: at, ..lease };
        self.settle(attempt.task, At::Held(lease));
        Some(())
    }

    fn started(&mut self, attempt: AttemptId, at: Timestamp) -> Option<()> {
        let lease = self.held(attempt).filter(|lease| lease.stage < Stage::Running)?;
        self.tasks.get_mut(&attempt.task)?.fence = attempt.fence;
        let renewed = lease.renewed.max(at);
        self.settle(attempt.task, At::Held(Lease { stage: Stage::Running, renewed, ..lease }));
        Some(())
    }

    fn stage(&mut self, attempt: AttemptId, from: Stage, to: Stage) -> Option<()> {
        let lease = self.held(attempt).filter(|lease| lease.stage == from)?;
        self.settle(attempt.task, At::Held(Lease { stage: to, ..lease }));
        Some(())
    }

    /// The attempt, whether it is held or being reclaimed.
    fn at_end(&mut self, attempt: AttemptId) -> Option<&mut Task> {
        let task = self.tasks.get_mut(&attempt.task)?;
        if task.lease()?.fence != attempt.fence {
            return None;
        }
        task.fence = attempt.fence;
        Some(task)
    }

    fn declined(&mut self, attempt: AttemptId, at: Timestamp) -> Option<()> {
        let stage = self.at_end(attempt)?.lease()?.stage;
        if stage >= Stage::Running {
            return None;
        }
        let until = at.after(self.policy.pause);
        self.settle(attempt.task, At::Resting { until });
        Some(())
    }

    fn ended(&mut self, attempt: AttemptId, then: Then) -> Option<()> {
        self.at_end(attempt)?;
        match then {
            Then::End => self.forget(attempt.task),
            Then::Retry { not_before: until } => {
                self.settle(attempt.task, At::Retrying { until });
            }
        }
        Some(())
    }
}
