//! The tasks of a lane, by tenant and shape, and which of them are first.

use std::collections::{BTreeMap, BTreeSet};

use super::tenants::{Gate, Spot};
use super::{Key, Lane, Queue, ShapeId};
use crate::share::Held;

/// The tasks of one lane.
#[derive(Clone, Debug, Default)]
pub(super) struct Flows {
    pub(super) flows: BTreeMap<u32, Flow>,
    /// The tenants that have something to take and a quota with room for it, who has least first.
    pub(super) turns: BTreeSet<Turn>,
    /// The start tag of the last task that was taken.
    pub(super) clock: u64,
}

/// A tenant's place among the others of a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    /// What it holds in this lane, for its weight.
    pub(super) load: u64,
    /// The start tag of its next task.
    pub(super) served: u64,
    pub(super) tenant: u32,
}

/// The tasks of one tenant in one lane.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    /// By shape.
    pub(super) groups: BTreeMap<ShapeId, BTreeSet<Key>>,
    /// The first task of each group.
    pub(super) heads: BTreeSet<(Key, ShapeId)>,
    pub(super) turn: Turn,
    pub(super) held: Held,
    /// [`Queue::looks`] when nothing of it had room.
    pub(super) spent: Option<u64>,
}

impl Queue {
    /// Carries it through that the first task of a group is another than `before`.
    pub(super) fn follow(&mut self, spot: Spot, id: ShapeId, before: Option<Key>) {
        let gate = self.tenants.gate(spot.tenant);
        let Some(flows) = self.lanes.get_mut(&spot.lane) else {
            return;
        };
        let Some(flow) = flows.flows.get_mut(&spot.tenant) else {
            return;
        };
        let after = flow.groups.get(&id).and_then(|keys| keys.first().copied());
        if before == after {
            return;
        }
        let first = flow.first();
        if let Some(before) = before {
            flow.heads.remove(&(before, id));
        }
        if let Some(after) = after {
            flow.heads.insert((after, id));
        }
        let now_first = flow.first();
        match (first, now_first) {
            _ if gate == Gate::Closed => {}
            (None, Some(_)) => {
                flows.turns.insert(flow.turn);
            }
            (Some(_), None) => {
                flows.turns.remove(&flow.turn);
            }
            _ => {}
        }
        match gate {
            Gate::None => self.expose(spot, id, before, after),
            Gate::Open if first != now_first => {
                if let Some(first) = first {
                    self.gates.remove(&(first, spot));
                }
                if let Some(first) = now_first {
                    self.gates.insert((first, spot));
                }
            }
            Gate::Open | Gate::Closed => {}
        }
    }

    /// Shows the first task of a group to those who look at shapes, and hides the one before.
    fn expose(&mut self, spot: Spot, id: ShapeId, before: Option<Key>, after: Option<Key>) {
        let shape = &mut self.shapes[id];
        let first = shape.first();
        if let Some(before) = before {
            shape.heads.remove(&before);
        }
        if let Some(after) = after {
            shape.heads.insert(after, spot);
        }
        let now_first = shape.first();
        if first == now_first {
            return;
        }
        let blocked = shape.blocked;
        if let Some(first) = first {
            self.order.remove(&(first, id));
            self.ready.remove(&(first, id));
        }
        if let Some(first) = now_first {
            self.order.insert((first, id));
            if !blocked {
                self.ready.insert((first, id));
            }
        }
    }

    /// Gives a tenant another gate, with everything that follows from it.
    pub(super) fn set_gate(&mut self, tenant: u32, gate: Gate) {
        let before = self.tenants.gate(tenant);
        if before == gate {
            return;
        }
        self.tenants.set_gate(tenant, gate);
        let lanes: Vec<Lane> = self.lanes.keys().copied().collect();
        for lane in lanes {
            let spot = Spot { lane, tenant };
            let Some(flow) = self.flow_mut(spot) else { continue };
            flow.spent = None;
            let (Some(first), turn) = (flow.first(), flow.turn) else {
                continue;
            };
            if (before == Gate::None) != (gate == Gate::None) {
                let heads: Vec<(Key, ShapeId)> = flow.heads.iter().copied().collect();
                for (key, id) in heads {
                    match gate {
                        Gate::None => self.expose(spot, id, None, Some(key)),
                        Gate::Open | Gate::Closed => self.expose(spot, id, Some(key), None),
                    }
                }
            }
            if gate == Gate::Open {
                self.gates.insert((first, spot));
            } else {
                self.gates.remove(&(first, spot));
            }
            let Some(flows) = self.lanes.get_mut(&lane) else {
                continue;
            };
            if gate == Gate::Closed {
                flows.turns.remove(&turn);
            } else {
                flows.turns.insert(turn);
            }
        }
    }
}

impl Flow {
    /// The oldest of its tasks.
    pub(super) fn first(&self) -> Option<Key> {
        self.heads.first().map(|&(key, _)| key)
    }
}

impl Flows {
    /// Changes a tenant's turn.
    pub(super) fn turn_to(&mut self, tenant: u32, change: impl FnOnce(&mut Flow)) {
        let Some(flow) = self.flows.get_mut(&tenant) else {
            return;
        };
        let before = flow.turn;
        change(flow);
        if self.turns.remove(&before) {
            self.turns.insert(flow.turn);
        }
    }
}
