//! What is to be done now.

use std::collections::BTreeMap;
use std::time::Duration;

use ffleet_types::{AttemptId, Fence, NodeId, TaskId, Timestamp};

use super::view::View;
use super::{At, Fleet};
use crate::lease::{Decision, Lease, Stage};
use crate::place::{self, PassedOver};
use crate::quarantine::Verdict;
use crate::queue::{Hope, Key, ShapeId};

/// What is to be done now, each item once; see [`super`] for the answers it wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a plan that is dropped leaves its tasks with nobody"]
pub struct Plan {
    /// Tasks to give to nodes.
    pub assigns: Vec<Assign>,
    /// Tasks whose pause after a failed attempt is over.
    pub requeues: Vec<TaskId>,
    /// Attempts to take back from nodes that are gone.
    pub reclaims: Vec<Reclaim>,
    /// Tasks that no known node could ever run.
    pub rejects: Vec<Reject>,
    /// Nodes to put aside.
    pub quarantines: Vec<Quarantine>,
    /// When to plan again if nothing happens until then; nothing if there is nothing to wait for.
    pub wake: Option<Timestamp>,
}

/// Up to so many nodes with more room than before each shape that waits is held against each of them.
const MOST_GROWN: usize = 512;
/// A shape may hope for so many nodes one by one; for more it looks at all.
pub(super) const MOST_HOPE: usize = 64;

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.assigns.is_empty()
            && self.requeues.is_empty()
            && self.reclaims.is_empty()
            && self.rejects.is_empty()
            && self.quarantines.is_empty()
    }
}

/// A node that is to be put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// The node.
    pub node: NodeId,
    /// Why.
    pub why: Verdict,
}

/// A task that is to go to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assign {
    /// The task.
    pub task: TaskId,
    /// The node.
    pub node: NodeId,
    /// The fence of the attempt to come.
    pub fence: Fence,
    /// Nodes that have room for it too, and no engine that can do it or not the labels: the first few.
    pub passed_over: Vec<PassedOver>,
}

impl Assign {
    /// The attempt to come.
    #[must_use]
    pub const fn attempt(&self) -> AttemptId {
        AttemptId { task: self.task, fence: self.fence }
    }
}

/// An attempt that is to be taken back: its holder is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reclaim {
    /// The attempt.
    pub attempt: AttemptId,
    /// Who had it.
    pub node: NodeId,
    /// Whether the node had begun. If so the attempt ends as lost; if not it is given back, and
    /// nothing is charged.
    pub started: bool,
    /// For how long nothing was heard.
    pub silent: Duration,
}

/// A task that no known node could ever run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The task.
    pub task: TaskId,
    /// What is missing, for a person.
    pub missing: String,
}

impl Fleet {
    /// Decides what is to be done at `now`. What is assigned is debited at once.
    ///
    /// The work is bounded by what has changed: shapes of tasks that found no room are held against the nodes
    /// that have more of it than before, and a placement looks at a few nodes with the least to spare.
    pub fn plan(&mut self, now: Timestamp) -> Plan {
        let mut plan = Plan::default();
        self.reclaim(now, &mut plan);
        self.end_rests(now, &mut plan);
        self.rooms.expire(now, self.policy.lease);
        self.reject(&mut plan);
        let went = self.assign(now, &mut plan);
        let patience = self.reserve(now, went);
        plan.quarantines = std::mem::take(&mut self.verdicts);
        plan.wake = self.wake(patience);
        plan
    }

    /// Takes back what nodes that are gone have held, each attempt once.
    fn reclaim(&mut self, now: Timestamp, plan: &mut Plan) {
        let policy = self.policy.patient();
        while let Some(&(_, id)) = self.leases.first() {
            let Some(At::Held(lease)) = self.tasks.get(&id).map(|task| task.at) else {
                unreachable!("invariant: every lease in the index is of a held task");
            };
            let (started, silent) = match policy.decide(&lease, now) {
                Decision::Keep { .. } => break,
                Decision::GiveBack { silent } => (false, silent),
                Decision::Lost { silent } => (true, silent),
            };
            let attempt = AttemptId { task: id, fence: lease.fence };
            plan.reclaims
                .push(Reclaim { attempt, node: lease.holder, started, silent });
            self.settle(id, At::Reclaiming(lease));
        }
    }

    /// Ends the rests that are over.
    fn end_rests(&mut self, now: Timestamp, plan: &mut Plan) {
        while let Some(&(until, id)) = self.rests.first() {
            if until > now {
                break;
            }
            if matches!(self.tasks.get(&id).map(|task| task.at), Some(At::Retrying { .. })) {
                plan.requeues.push(id);
                self.settle(id, At::Requeueing);
            } else {
                self.settle(id, At::Queue);
            }
        }
    }

    /// Rejects what no node that is known could hold, whatever it is doing now.
    fn reject(&mut self, plan: &mut Plan) {
        // Where no node is known yet nothing is impossible; the tasks are checked later.
        if self.rooms.known() == 0 {
            return;
        }
        // Tasks that want the same lack the same.
        let mut said = BTreeMap::new();
        for id in self.impossible() {
            let Some((task, shape)) = self.waiting(id) else {
                continue;
            };
            let (shape, entry) = (self.queue.look(shape), &task.entry);
            let need = entry.need;
            let mark = (shape.kind, need.cpu.0, need.memory.0, need.scratch.0, need.tasks);
            let missing = said.entry(mark).or_insert_with(|| self.missing(id));
            plan.rejects.push(Reject { task: id, missing: missing.clone() });
        }
        for reject in &plan.rejects {
            self.release_reservation(reject.task);
            self.settle(reject.task, At::Rejecting);
        }
    }

    /// Holds the shapes that wait against the nodes that have more room than before.
    fn screen(&mut self) {
        if !self.rooms.has_grown() {
            return;
        }
        let grown = self.rooms.grown();
        if grown.len() > MOST_GROWN {
            let all: Vec<ShapeId> = self.queue.shapes().map(|(id, _)| id).collect();
            for id in all {
                self.queue.look_mut(id).hope = Hope::Anywhere;
                self.queue.unblock(id);
            }
            return;
        }
        let Self { queue, rooms, kinds, policy, .. } = self;
        let view = View { rooms, kinds, headroom: policy.headroom };
        let mut hopes: Vec<(ShapeId, Vec<u32>)> = Vec::new();
        for (id, shape) in queue.shapes() {
            if shape.hope == Hope::Anywhere {
                continue;
            }
            let room = grown.iter().copied().filter(|&slot| view.has_room(slot, shape));
            let room: Vec<u32> = room.collect();
            if !room.is_empty() {
                hopes.push((id, room));
            }
        }
        for (id, room) in hopes {
            self.queue.look_mut(id).hope.widen(room, MOST_HOPE);
            self.queue.unblock(id);
        }
    }

    /// Gives tasks to nodes until nothing that waits fits anywhere; answers the last in the order that went.
    fn assign(&mut self, now: Timestamp, plan: &mut Plan) -> Option<Key> {
        let mut went: Option<Key> = None;
        loop {
            self.screen();
            let whole = self.rooms.whole();
            let Self { queue, rooms, kinds, policy, .. } = self;
            let view = View { rooms, kinds, headroom: policy.headroom };
            let Some(next) = queue.next(|shape, key| view.fits(shape, key)) else {
                return went;
            };
            let shape = queue.look(next.shape);
            let slot = view
                .best(shape, &next.key)
                .expect("invariant: the queue answers what fits");
            let node = rooms.at(slot).id;
            let kind = shape.kind;
            let over = view.passed_over(kinds.get(kind), &shape.need);
            queue.take(&next, &whole);
            kinds.discount(kind);
            went = Some(went.map_or(next.key, |went| went.max(next.key)));
            plan.assigns.push(self.give(next.key.task(), node, over, now));
        }
    }

    /// Gives a task that was taken from the queue to a node.
    fn give(&mut self, id: TaskId, node: NodeId, over: Vec<PassedOver>, now: Timestamp) -> Assign {
        let task = self.tasks.get_mut(&id).expect("invariant: what is queued is known");
        task.shape = None;
        task.blocked = None;
        task.over.clone_from(&over);
        let fence = task.fence.next();
        let lease = Lease { holder: node, fence, renewed: now, stage: Stage::Offered };
        self.settle(id, At::Held(lease));
        self.release_reservation(id);
        Assign { task: id, node, fence, passed_over: over }
    }

    /// What a task lacks that no node could run, for a person.
    fn missing(&self, id: TaskId) -> String {
        let Some((task, shape)) = self.waiting(id) else {
            return String::new();
        };
        let kind = self.kinds.get(self.queue.look(shape).kind);
        let nodes = self.rooms.nodes();
        let able = nodes.clone().filter(|(slot, ..)| kind.suits(*slot).is_some());
        let able = able.map(|(_, _, node)| (node.name.as_str(), node.capacity));
        if able.clone().next().is_some() {
            return place::missing(&task.entry.need, able).unwrap_or_default();
        }
        let all =
            nodes.map(|(_, _, node)| (node.name.as_str(), node.engines.as_slice(), &node.labels));
        place::unsuited(kind.demands(), kind.wishes(), &all)
    }

    /// When something is to be decided without anything having happened.
    fn wake(&self, patience: Option<Timestamp>) -> Option<Timestamp> {
        let lapse = self
            .leases
            .first()
            .map(|(renewed, _)| renewed.after(self.policy.patient().term));
        let rest = self.rests.first().map(|&(until, _)| until);
        [lapse, rest, patience].into_iter().flatten().min()
    }
}
