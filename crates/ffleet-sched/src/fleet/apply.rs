//! What changes when something happens.

use ffleet_types::node::Order;
use ffleet_types::{AttemptId, Bytes, Fence, JobId, NodeId, Outcome, TaskId, Timestamp};

use super::{At, Effect, Event, Fleet, Node, Quarantine, Standing, Task, Then};
use crate::lease::{Lease, Stage};
use crate::pressure::Heat;
use crate::queue::Entry;

impl Fleet {
    /// Takes in what happened. O(log n) in the tasks that wait; of a node that joins otherwise than it was, or is
    /// forgotten, O(n) in the shapes of tasks and the nodes.
    pub fn apply(&mut self, event: Event) -> Effect {
        let known = match event {
            Event::NodeJoined { node, name, capacity, engines, labels, order, at } => {
                let joined = Node {
                    name,
                    capacity,
                    engines,
                    labels,
                    order,
                    heard: at,
                    suspect: false,
                    closed: false,
                    held: Bytes(0),
                    heat: Heat::default(),
                };
                self.join(node, joined);
                Some(())
            }
            Event::NodeHeard { node, attempts, at } => self.heard(node, &attempts, at),
            Event::NodeSuspect { node } => self.change(node, |node| node.suspect = true),
            Event::NodeClosed { node, closed } => self.change(node, |node| node.closed = closed),
            Event::NodeHolds { node, memory } => self.rooms.set_held(node, memory),
            Event::NodePressed { node, pressure } => {
                let policy = self.policy.pressure;
                self.change(node, |node| node.heat = policy.decide(node.heat, pressure))
            }
            Event::NodeJudged { node, job, outcome } => self.judged(node, job, &outcome),
            Event::NodeOrdered { node, order } => self.ordered(node, order),
            Event::NodeForgotten { node } => self.forgotten(node),
            Event::TenantShared { tenant, share } => {
                self.queue.share(&tenant, share, &self.rooms.whole());
                Some(())
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

    fn change(&mut self, id: NodeId, change: impl FnOnce(&mut Node)) -> Option<()> {
        let (slot, node) = self.rooms.node_mut(id)?;
        change(node);
        self.rooms.refresh(slot);
        Some(())
    }

    fn join(&mut self, id: NodeId, joined: Node) {
        let slot = self.rooms.slot(id);
        let (capacity, engines) = (joined.capacity, joined.engines.clone());
        let labels = joined.labels.clone();
        let before = self.rooms.join(slot, joined, self.policy.lease);
        let same = before.is_some_and(|before| {
            before.capacity == capacity && before.engines == engines && before.labels == labels
        });
        if !same {
            self.revise(slot);
        }
    }

    fn forgotten(&mut self, id: NodeId) -> Option<()> {
        let slot = self.rooms.find(id)?;
        if !self.rooms.forget(slot) {
            return None;
        }
        self.revise(slot);
        Some(())
    }

    fn ordered(&mut self, id: NodeId, order: Order) -> Option<()> {
        self.change(id, |node| node.order = order)?;
        if order == Order::Accept {
            let slot = self.rooms.find(id)?;
            self.rooms.at_mut(slot).record.clear();
        }
        Some(())
    }

    fn judged(&mut self, id: NodeId, job: JobId, outcome: &Outcome) -> Option<()> {
        let policy = self.policy.quarantine;
        let (slot, node) = self.rooms.node_mut(id)?;
        let is_open = node.order == Order::Accept;
        let verdict = self.rooms.at_mut(slot).record.ended(policy, job, outcome);
        if let Some(verdict) = verdict.filter(|_| is_open) {
            // Nothing more goes there while the order is being written.
            self.change(id, |node| node.order = Order::Quarantine)?;
            self.verdicts.push(Quarantine { node: id, why: verdict });
        }
        Some(())
    }

    fn heard(&mut self, id: NodeId, attempts: &[AttemptId], at: Timestamp) -> Option<()> {
        let slot = self.rooms.find(id)?;
        self.rooms.at(slot).node.as_ref()?;
        self.rooms.heard(slot, at, self.policy.lease);
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
        let (at, over) = (At::Requeueing, Vec::new());
        self.tasks
            .insert(id, Task { entry, fence, at, blocked: None, shape: None, over });
        match standing {
            Standing::Queued => self.settle(id, At::Queue),
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
