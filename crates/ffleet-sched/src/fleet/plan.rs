//! What is to be done now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ffleet_types::node::{Capacity, Demand, Order, State};
use ffleet_types::{AttemptId, Bytes, Fence, NodeId, TaskId, Timestamp};

use super::{Able, At, Fleet, Node, Reservation, Task};
use crate::lease::{Decision, Lease, Stage};
use crate::place::{self, Headroom, PassedOver, Place};
use crate::queue::{Entry, Key, Lane};

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
    /// When to plan again if nothing happens until then; nothing if there is nothing to wait for.
    pub wake: Option<Timestamp>,
}

/// Sets of demands of which it is remembered who meets them.
const MOST_ABLE: usize = 4_096;

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.assigns.is_empty()
            && self.requeues.is_empty()
            && self.reclaims.is_empty()
            && self.rejects.is_empty()
    }
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
    /// Nodes that have room for it too, and no engine that can do it: the first few.
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
    /// The work is bounded by what has changed: a task that did not fit is not looked at again
    /// before there is more room somewhere.
    pub fn plan(&mut self, now: Timestamp) -> Plan {
        let mut plan = Plan::default();
        self.reclaim(now, &mut plan);
        self.end_rests(now, &mut plan);
        self.reject(&mut plan);
        let places = self.places(now);
        self.assign(now, places.clone(), &mut plan);
        let patience = self.reserve(now, &places);
        plan.wake = self.wake(patience);
        plan
    }

    /// Takes back what nodes that are gone have held, each attempt once.
    fn reclaim(&mut self, now: Timestamp, plan: &mut Plan) {
        let policy = self.policy.lease;
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
                self.unchecked.insert(id);
                self.settle(id, At::Queue);
            }
        }
    }

    /// Rejects what no node that is known could hold, whatever it is doing now.
    fn reject(&mut self, plan: &mut Plan) {
        // Where no node is known yet nothing is impossible; the tasks are checked later.
        if self.nodes.is_empty() {
            return;
        }
        for id in std::mem::take(&mut self.unchecked) {
            let Some(task) = self.tasks.get_mut(&id).filter(|task| task.at == At::Queue) else {
                continue;
            };
            let nodes = &self.nodes;
            if self.able.len() >= MOST_ABLE {
                self.able.clear();
            }
            let found = self.able.entry(Arc::clone(&task.entry.demands));
            task.able = Arc::clone(found.or_insert_with_key(|demands| able(nodes, demands)));
            let demands = &task.entry.demands;
            let able = nodes.iter().filter(|(id, _)| task.able.contains(id));
            let able = able.map(|(_, node)| (node.name.as_str(), node.capacity));
            let engines = self
                .nodes
                .values()
                .map(|node| (node.name.as_str(), node.engines.as_slice()));
            let missing = match able.clone().next() {
                Some(_) => place::missing(&task.entry.need, able),
                None => Some(place::unable(demands, engines)),
            };
            if let Some(missing) = missing {
                plan.rejects.push(Reject { task: id, missing });
                self.release_reservation(id);
                self.settle(id, At::Rejecting);
            }
        }
    }

    /// The nodes that take work, and the room they have.
    fn places(&mut self, now: Timestamp) -> Vec<Place> {
        let places: Vec<Place> = self
            .nodes
            .iter()
            .filter(|(_, node)| {
                let active = node.state(self.policy.lease, now) == State::Active;
                active && node.order == Order::Accept && !node.closed
            })
            .map(|(&id, node)| {
                let promised = self.promised.get(&id).copied().unwrap_or_default();
                let held = Capacity { memory: node.held, ..Capacity::default() };
                let left = node.capacity.less(&held);
                Place {
                    node: id,
                    capacity: node.capacity,
                    free: left.less(&promised.all),
                    lasting: left.less(&promised.live),
                }
            })
            .collect();
        let open: BTreeSet<NodeId> = places.iter().map(|place| place.node).collect();
        if !open.is_subset(&self.open) {
            self.queue.look_again();
        }
        self.open = open;
        places
    }

    /// Gives tasks to nodes until nothing that waits fits anywhere.
    fn assign(&mut self, now: Timestamp, mut places: Vec<Place>, plan: &mut Plan) {
        let whole = self.whole();
        loop {
            let smallest = self.queue.smallest();
            if self.queue.is_empty() || !places.iter().any(|place| place.free.holds(&smallest)) {
                return;
            }
            let room = Room {
                places: &places,
                reservation: self.reservation,
                headroom: self.policy.headroom,
            };
            let tasks = &self.tasks;
            let fits = |lane, key: &Key, need: &Capacity| {
                let task = || tasks.get(&key.task());
                room.best(lane, (key, need), |place| {
                    task().is_some_and(|task| task.can_go_to(place))
                })
                .is_some()
            };
            let Some(key) = self.queue.next(&whole, fits) else {
                return;
            };
            let id = key.task();
            let task = self.tasks.get_mut(&id).expect("invariant: what is queued is known");
            task.blocked = None;
            let need = task.entry.need;
            let index = room
                .best(task.entry.lane(), (&key, &need), |place| task.can_go_to(place))
                .expect("invariant: the queue answers what fits");
            let node = places[index].node;
            let fence = task.fence.next();
            let passed_over = passed_over(&self.nodes, &places, task);
            places[index].free = places[index].free.less(&need);
            let lease = Lease { holder: node, fence, renewed: now, stage: Stage::Offered };
            self.settle(id, At::Held(lease));
            self.release_reservation(id);
            self.overtaken(&key, now, &places);
            plan.assigns.push(Assign { task: id, node, fence, passed_over });
        }
    }

    /// Notes since when the first task that waits has been overtaken: now, if `key` went before
    /// it.
    fn overtaken(&mut self, key: &Key, now: Timestamp, places: &[Place]) {
        let Some(head) = self.head(places).filter(|head| head < key) else {
            return;
        };
        let task = self
            .tasks
            .get_mut(&head.task())
            .expect("invariant: what is queued is known");
        task.blocked.get_or_insert(now);
    }

    /// The first task that waits for room which there will be when others are done.
    fn head(&self, places: &[Place]) -> Option<Key> {
        self.queue.head(|key, need| {
            let task = || self.tasks.get(&key.task());
            places.iter().any(|place| {
                place.lasting.holds(need) && task().is_some_and(|task| task.can_go_to(place))
            })
        })
    }

    /// Keeps a node for the first task that waits, once it has been overtaken for as long as its
    /// patience lasts; answers when that is to be, if it is not yet.
    fn reserve(&mut self, now: Timestamp, places: &[Place]) -> Option<Timestamp> {
        if let Some(kept) = self.reservation {
            if self.open.contains(&kept.node) {
                return None;
            }
            // The node takes no more work, and with that it is no use to the task.
            self.release_reservation(kept.task);
        }
        let head = self.head(places)?;
        let task = self.tasks.get(&head.task())?;
        let until = task.blocked?.after(self.policy.patience);
        if now < until {
            return Some(until);
        }
        // The node that lacks least of what it needs has it soonest.
        let need = task.entry.need;
        let kept = places
            .iter()
            .filter(|place| place.lasting.holds(&need) && task.can_go_to(place))
            .min_by_key(|place| {
                let free = self.free(place);
                (place::dominant_share(&need.less(&free), &place.capacity), place.node)
            })?;
        self.reservation = Some(Reservation { task: head.task(), key: head, node: kept.node });
        None
    }

    fn free(&self, place: &Place) -> Capacity {
        let held = self.nodes.get(&place.node).map_or(Bytes(0), |node| node.held);
        let left = place.capacity.less(&Capacity { memory: held, ..Capacity::default() });
        left.less(&self.promised(place.node))
    }

    /// When something is to be decided without anything having happened.
    fn wake(&self, patience: Option<Timestamp>) -> Option<Timestamp> {
        let lapse = self
            .leases
            .first()
            .map(|(renewed, _)| renewed.after(self.policy.lease.term));
        let rest = self.rests.first().map(|&(until, _)| until);
        [lapse, rest, patience].into_iter().flatten().min()
    }
}

/// The room there is, as a task sees it.
struct Room<'a> {
    places: &'a [Place],
    reservation: Option<Reservation>,
    headroom: Headroom,
}

impl Room<'_> {
    /// Where a task goes of the places that are `able` to do it, by the index of the place.
    fn best(
        &self,
        lane: Lane,
        (key, need): (&Key, &Capacity),
        able: impl Fn(&Place) -> bool,
    ) -> Option<usize> {
        let headroom = if lane.is_live() { self.headroom } else { Headroom(0) };
        // What goes before the task that the node is kept for may have it.
        let kept = self.reservation.filter(|kept| *key > kept.key);
        let open = |place: &Place| kept.is_none_or(|kept| place.node != kept.node) && able(place);
        place::best(self.places, need, headroom, open)
    }
}

/// The nodes whose engines meet `demands`.
fn able(nodes: &BTreeMap<NodeId, Node>, demands: &[Demand]) -> Able {
    let able = nodes.iter().filter(|(_, node)| place::meets(&node.engines, demands));
    Arc::new(able.map(|(&id, _)| id).collect())
}

/// The first few places that have room for `task` and no engine that can do it.
fn passed_over(nodes: &BTreeMap<NodeId, Node>, places: &[Place], task: &Task) -> Vec<PassedOver> {
    let Entry { need, demands, .. } = &task.entry;
    places
        .iter()
        .filter(|place| place.free.holds(need) && !task.can_go_to(place))
        .filter_map(|place| {
            let node = nodes.get(&place.node)?;
            PassedOver::of((place.node, &node.name, &node.engines), demands)
        })
        .take(place::NAMED)
        .collect()
}
