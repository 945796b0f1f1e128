//! The queue: what waits for room, and in which order it goes.
//!
//! **Classes and ageing.** Class and, inside live and batch, priority make nine [`Lane`]s. A task
//! of a lower lane goes as if it had been submitted later by that lane's handicap
//! ([`Policy::handicap`]), and the earliest such time is first. So a higher class goes first
//! among tasks that came together, and waiting is bounded: *no task that is submitted later than
//! a task's own handicap after it goes before it*, at most `live_lead` + 8 × `ageing`. Order
//! never changes while time passes, so nothing is ever sorted again.
//!
//! **Tenants.** Inside a lane the tenant goes that holds least for its weight, by dominant shares (Ghodsi et
//! al., 2011); of those that hold alike the one that has had least, by start-time fair queuing (Goyal et al.,
//! 1996), so that one that was idle has saved nothing up. Inside a tenant the oldest goes. A tenant whose
//! quota has no room for what it has next goes on with what fits into it, and waits with the rest.
//!
//! **Shapes.** Tasks that take and want the same of a node are one [`Shape`]. Whether there is room is asked
//! of shapes, not of tasks: one that found none is *blocked*, and not looked at before somebody says that there
//! may be some. A submit costs O(log n), a placement the same in the tasks and tenants there are.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use ffleet_types::TaskId;
use ffleet_types::node::Capacity;

use crate::place;

mod flows;
mod lanes;
mod shapes;
mod tenants;

use flows::{Flow, Flows};
pub use lanes::{Entry, Key, Lane, Policy};
use shapes::Shapes;
pub use shapes::{Hope, Shape, ShapeId};
use tenants::{Spot, Tenants};

/// All tasks that wait for room.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    policy: Policy,
    tenants: Tenants,
    lanes: BTreeMap<Lane, Flows>,
    shapes: Shapes,
    /// The first task of each shape, and of those that are not blocked; of tenants that have no quota.
    order: BTreeSet<(Key, ShapeId)>,
    ready: BTreeSet<(Key, ShapeId)>,
    /// The first task of each tenant and lane with a quota that has room, whether or not it fits anywhere.
    gates: BTreeSet<(Key, Spot)>,
    /// How often a shape was unblocked: what was looked at before may be worth another look.
    looks: u64,
    len: usize,
}

/// What is known of the room for a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// There is room.
    Yes,
    /// There is, but not for this task of it: it is kept for another that comes before.
    Later,
    /// There is none.
    No,
}

/// What is to be taken next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// The task.
    pub key: Key,
    /// What it takes and wants.
    pub shape: ShapeId,
    spot: Spot,
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

    /// The shape of tasks that take `need` and want what the class of wants `kind` names; made up where there
    /// is none yet, and kept as long as a task has it.
    pub fn shape(&mut self, need: Capacity, kind: u32, live: bool) -> ShapeId {
        self.shapes.find(need, kind, live)
    }

    /// The shape of such tasks, if there is one.
    #[must_use]
    pub fn known_shape(&self, need: &Capacity, kind: u32, live: bool) -> Option<ShapeId> {
        self.shapes.known(need, kind, live)
    }

    /// What is known of a shape, if any task still has it.
    #[must_use]
    pub fn find(&self, id: ShapeId) -> Option<&Shape> {
        self.shapes.get(id)
    }

    /// What is known of a shape that a task has.
    #[must_use]
    pub fn look(&self, id: ShapeId) -> &Shape {
        &self.shapes[id]
    }

    /// The same, to note something about it.
    pub fn look_mut(&mut self, id: ShapeId) -> &mut Shape {
        &mut self.shapes[id]
    }

    /// Every shape that a task has.
    pub fn shapes(&self) -> impl Iterator<Item = (ShapeId, &Shape)> {
        self.shapes.iter()
    }

    /// The tasks of a shape, in no order that means anything.
    #[must_use]
    pub fn tasks(&self, id: ShapeId) -> Vec<TaskId> {
        let spots = self.shapes[id].spots.iter();
        let groups = spots.filter_map(|spot| self.group(*spot, id));
        groups.flat_map(|keys| keys.iter().map(Key::task)).collect()
    }

    /// Puts `entry` in its place, as a task of `shape`. Whether there is room for it is not known yet.
    pub fn insert(&mut self, entry: &Entry, shape: ShapeId) {
        let key = self.key(entry);
        let spot = Spot { lane: entry.lane(), tenant: self.tenants.number(&entry.tenant) };
        self.tenants.note(spot.tenant, &self.shapes[shape].need);
        self.regate(spot.tenant);
        let flows = self.lanes.entry(spot.lane).or_default();
        let clock = flows.clock;
        let flow = flows.flows.entry(spot.tenant).or_default();
        flow.turn.tenant = spot.tenant;
        if flow.groups.is_empty() {
            flow.turn.served = flow.turn.served.max(clock);
        }
        let keys = flow.groups.entry(shape).or_default();
        let before = keys.first().copied();
        if keys.insert(key) {
            self.len += 1;
            self.shapes[shape].count(spot);
        }
        flow.spent = None;
        self.follow(spot, shape, before);
    }

    /// Takes `entry` out, if it is there.
    pub fn remove(&mut self, entry: &Entry, shape: ShapeId) -> bool {
        let key = self.key(entry);
        let spot = Spot { lane: entry.lane(), tenant: self.tenants.number(&entry.tenant) };
        self.pull(spot, shape, key)
    }

    fn pull(&mut self, spot: Spot, shape: ShapeId, key: Key) -> bool {
        let Some(flow) = self.flow_mut(spot) else { return false };
        let Some(keys) = flow.groups.get_mut(&shape) else {
            return false;
        };
        let before = keys.first().copied();
        if !keys.remove(&key) {
            return false;
        }
        let is_empty = keys.is_empty();
        self.len -= 1;
        self.follow(spot, shape, before);
        if is_empty {
            if let Some(flow) = self.flow_mut(spot) {
                flow.groups.remove(&shape);
            }
            self.shapes[shape].spots.remove(&spot);
        }
        self.shapes.discount(shape);
        true
    }

    /// Says that there may be room for `shape`.
    pub fn unblock(&mut self, id: ShapeId) {
        let shape = &mut self.shapes[id];
        if !std::mem::replace(&mut shape.blocked, false) {
            return;
        }
        self.looks += 1;
        if let Some(first) = shape.first() {
            self.ready.insert((first, id));
        }
    }

    /// Says that there may be room for everything.
    pub fn look_again(&mut self) {
        let blocked: Vec<ShapeId> = self
            .shapes
            .iter()
            .filter(|(_, shape)| shape.blocked)
            .map(|(id, _)| id)
            .collect();
        for id in blocked {
            self.shapes[id].hope = Hope::Anywhere;
            self.unblock(id);
        }
    }

    /// Says that something has changed for whoever was told [`Fit::Later`].
    pub const fn stir(&mut self) {
        self.looks += 1;
    }

    fn block(&mut self, id: ShapeId) {
        let shape = &mut self.shapes[id];
        shape.blocked = true;
        shape.hope = Hope::Few(Vec::new());
        if let Some(first) = shape.first() {
            self.ready.remove(&(first, id));
        }
    }

    /// The next task that `fits`; it stays where it is until it is taken. What [`Fit::No`] was said of is not
    /// asked for again before [`Self::unblock`].
    ///
    /// # Panics
    ///
    /// If its indexes do not agree, which is a bug.
    pub fn next(&mut self, mut fits: impl FnMut(&mut Shape, &Key) -> Fit) -> Option<Next> {
        let open = self.first_ready(&mut fits);
        let first = self.first_gated(open, &mut fits).or(open)?;
        Some(self.turn(first.spot.lane, &mut fits).unwrap_or(first))
    }

    /// The first that fits of tenants that have no quota.
    fn first_ready(&mut self, fits: &mut impl FnMut(&mut Shape, &Key) -> Fit) -> Option<Next> {
        loop {
            let &(key, shape) = self.ready.first()?;
            let here = &mut self.shapes[shape];
            // What is kept from the first task of a shape is kept from all of them.
            if fits(here, &key) != Fit::Yes {
                self.block(shape);
                continue;
            }
            let spot = *here.heads.get(&key).expect("invariant: what is ready is a head");
            return Some(Next { key, shape, spot });
        }
    }

    /// The first that fits of tenants that have one, if it comes before `other`.
    fn first_gated(
        &mut self,
        other: Option<Next>,
        fits: &mut impl FnMut(&mut Shape, &Key) -> Fit,
    ) -> Option<Next> {
        let mut best: Option<Next> = None;
        let mut from = Bound::Unbounded;
        loop {
            let gate = self.gates.range((from, Bound::Unbounded)).next();
            let Some(&(least, spot)) = gate else { return best };
            from = Bound::Excluded((least, spot));
            let bound = best.or(other).map(|next| next.key);
            if bound.is_some_and(|bound| least >= bound) {
                return best;
            }
            if let Some((key, shape)) = self.look_at(spot, fits)
                && bound.is_none_or(|bound| key < bound)
            {
                best = Some(Next { key, shape, spot });
            }
        }
    }

    /// The oldest task of a tenant in a lane that fits, unless it is known that there is none.
    fn look_at(
        &mut self,
        spot: Spot,
        fits: &mut impl FnMut(&mut Shape, &Key) -> Fit,
    ) -> Option<(Key, ShapeId)> {
        if self.flow(spot)?.spent == Some(self.looks) {
            return None;
        }
        let found = self.candidate(spot, fits);
        let looks = self.looks;
        if found.is_none() {
            self.flow_mut(spot)?.spent = Some(looks);
        }
        found
    }

    /// Takes what [`Self::next`] answered, and charges its tenant; `whole` is the fleet's capacity, which its
    /// share is reckoned of.
    pub fn take(&mut self, next: &Next, whole: &Capacity) {
        self.charge(next.spot, whole, next.shape);
        self.pull(next.spot, next.shape, next.key);
    }

    /// Whose turn it is in `lane` of those that have something that fits, and what that is.
    fn turn(&mut self, lane: Lane, fits: &mut impl FnMut(&mut Shape, &Key) -> Fit) -> Option<Next> {
        let mut from = Bound::Unbounded;
        loop {
            let flows = self.lanes.get(&lane)?;
            let turn = *flows.turns.range((from, Bound::Unbounded)).next()?;
            from = Bound::Excluded(turn);
            let spot = Spot { lane, tenant: turn.tenant };
            if let Some((key, shape)) = self.look_at(spot, fits) {
                return Some(Next { key, shape, spot });
            }
        }
    }

    /// The oldest task of a tenant in a lane that fits.
    fn candidate(
        &mut self,
        spot: Spot,
        fits: &mut impl FnMut(&mut Shape, &Key) -> Fit,
    ) -> Option<(Key, ShapeId)> {
        let mut from = Bound::Unbounded;
        loop {
            let mut heads = self.flow(spot)?.heads.range((from, Bound::Unbounded));
            let (key, id) = *heads.find(|(_, id)| {
                let shape = &self.shapes[*id];
                !shape.blocked && self.tenants.admits(spot.tenant, &shape.need)
            })?;
            match fits(&mut self.shapes[id], &key) {
                Fit::Yes => return Some((key, id)),
                Fit::No => self.block(id),
                Fit::Later => {}
            }
            from = Bound::Excluded((key, id));
        }
    }

    /// Reckons up what is taken: the tenant's next task starts as much later.
    fn charge(&mut self, spot: Spot, whole: &Capacity, shape: ShapeId) {
        let need = self.shapes[shape].need;
        let weight = self.tenants.share(spot.tenant).weight();
        let cost = place::part_of(&need, whole) / weight;
        let Some(flows) = self.lanes.get_mut(&spot.lane) else {
            return;
        };
        let Some(flow) = flows.flows.get_mut(&spot.tenant) else {
            return;
        };
        flows.clock = flows.clock.max(flow.turn.served);
        let served = flow.turn.served.saturating_add(cost.max(1));
        flows.turn_to(spot.tenant, |flow| flow.turn.served = served);
    }

    /// The first tasks in the order that are `eligible`, one of a shape, and of a tenant's in a lane where it has a
    /// quota: `most` of them, of the first `looked`.
    pub fn heads(
        &self,
        (most, looked): (usize, usize),
        mut eligible: impl FnMut(&Shape) -> bool,
    ) -> Vec<(Key, ShapeId)> {
        let order = self.order.iter().take(looked).copied();
        let gated = self.gates.iter().take(looked).filter_map(|&(key, spot)| {
            let (_, id) = *self.flow(spot)?.heads.first()?;
            let admits = self.tenants.admits(spot.tenant, &self.shapes[id].need);
            admits.then_some((key, id))
        });
        let mut heads: Vec<(Key, ShapeId)> = order.chain(gated).collect();
        heads.sort_unstable();
        let heads = heads.into_iter().take(looked);
        heads.filter(|(_, id)| eligible(&self.shapes[*id])).take(most).collect()
    }

    fn group(&self, spot: Spot, shape: ShapeId) -> Option<&BTreeSet<Key>> {
        self.flow(spot)?.groups.get(&shape)
    }

    fn flow(&self, spot: Spot) -> Option<&Flow> {
        self.lanes.get(&spot.lane)?.flows.get(&spot.tenant)
    }

    fn flow_mut(&mut self, spot: Spot) -> Option<&mut Flow> {
        self.lanes.get_mut(&spot.lane)?.flows.get_mut(&spot.tenant)
    }
}

#[cfg(test)]
mod tests;
