//! The nodes, and the room they have, found by how much of it there is.
//!
//! Each node has a *slot*, a small number. Those that take work are in two orders, by the CPU and by the memory
//! that they have free, those that are calm before those that are warm. A search goes through both in turns and
//! ends with the shorter of them, so that a fleet which has run out of either is known to be full at once.

use std::collections::{BTreeMap, BTreeSet};

use ffleet_types::node::{Capacity, Order};
use ffleet_types::{Bytes, NodeId, TaskId, Timestamp};

use super::Node;
use crate::lease;
use crate::place::Place;
use crate::pressure::Heat;
use crate::quarantine::Record;
use crate::queue::Key;

/// What is known of a node, or of one that holds tasks and has not joined yet.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) id: NodeId,
    pub(super) node: Option<Node>,
    pub(super) promised: Promised,
    /// The task it is kept for.
    pub(super) kept: Option<Kept>,
    pub(super) record: Record,
    /// Nothing was heard of it for so long that it gets nothing.
    silent: bool,
    /// Under what it is in the orders.
    listed: Option<Listed>,
}

/// What is promised of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Promised {
    pub(super) all: Capacity,
    /// The part of it that live work holds, which has no end of its own.
    pub(super) live: Capacity,
}

/// For what a node is kept: a task that is too large for what is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) task: TaskId,
    pub(super) key: Key,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Listed {
    heat: Heat,
    free: Capacity,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Rooms {
    slots: Vec<Slot>,
    ids: BTreeMap<NodeId, u32>,
    by_cpu: BTreeSet<(Heat, u32, u32)>,
    by_memory: BTreeSet<(Heat, u64, u32)>,
    /// When a node that takes work is to be looked at for its silence.
    silence: BTreeSet<(Timestamp, u32)>,
    /// Those that have more room than when it was last asked.
    grown: BTreeSet<u32>,
    /// What all nodes have together, and the most of each part that one has.
    whole: Capacity,
    most: Capacity,
    known: usize,
    /// Slots of nodes that are forgotten.
    free: Vec<u32>,
}

impl Slot {
    /// The room on it.
    pub(super) fn place(&self) -> Option<Place> {
        let node = self.node.as_ref()?;
        let held = Capacity { memory: node.held, ..Capacity::default() };
        let left = node.capacity.less(&held);
        Some(Place {
            node: self.id,
            capacity: node.capacity,
            free: left.less(&self.promised.all),
            lasting: left.less(&self.promised.live),
        })
    }

    /// Whether it takes work.
    pub(super) const fn is_open(&self) -> bool {
        self.listed.is_some()
    }

    fn would_open(&self) -> Option<Heat> {
        let node = self.node.as_ref()?;
        let open = !self.silent
            && !node.suspect
            && !node.closed
            && node.order == Order::Accept
            && node.heat < Heat::Hot;
        open.then_some(node.heat)
    }
}

impl Rooms {
    /// The slot of a node, made up where there is none.
    pub(super) fn slot(&mut self, id: NodeId) -> u32 {
        if let Some(&slot) = self.ids.get(&id) {
            return slot;
        }
        let fresh = Slot {
            id,
            node: None,
            promised: Promised::default(),
            kept: None,
            record: Record::default(),
            silent: false,
            listed: None,
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = fresh;
                slot
            }
            None => {
                self.slots.push(fresh);
                u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.ids.insert(id, slot);
        slot
    }

    /// Gives the slot of a node back of which nothing is known and that holds nothing.
    fn sweep(&mut self, slot: u32) {
        let here = self.at(slot);
        let (id, idle) = (here.id, here.node.is_none() && here.promised == Promised::default());
        if idle && self.ids.get(&id) == Some(&slot) {
            self.ids.remove(&id);
            self.free.push(slot);
        }
    }

    pub(super) fn find(&self, id: NodeId) -> Option<u32> {
        self.ids.get(&id).copied()
    }

    pub(super) fn at(&self, slot: u32) -> &Slot {
        &self.slots[slot as usize]
    }

    pub(super) fn at_mut(&mut self, slot: u32) -> &mut Slot {
        &mut self.slots[slot as usize]
    }

    /// The node with this id, if it has joined.
    pub(super) fn node(&self, id: NodeId) -> Option<&Node> {
        self.at(self.find(id)?).node.as_ref()
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> Option<(u32, &mut Node)> {
        let slot = self.find(id)?;
        Some((slot, self.at_mut(slot).node.as_mut()?))
    }

    /// The nodes that have joined, in the order of their ids.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (u32, NodeId, &Node)> + Clone {
        self.ids
            .iter()
            .filter_map(|(&id, &slot)| Some((slot, id, self.at(slot).node.as_ref()?)))
    }

    /// How many have joined.
    pub(super) const fn known(&self) -> usize {
        self.known
    }

    /// How many take work.
    pub(super) fn open(&self) -> usize {
        self.by_cpu.len()
    }

    pub(super) const fn whole(&self) -> Capacity {
        self.whole
    }

    /// The most of each part that one node has.
    pub(super) const fn most(&self) -> Capacity {
        self.most
    }

    fn measure(&mut self, gone: Option<Capacity>, come: Option<Capacity>) {
        let widest = |one: Capacity, other: Capacity| Capacity {
            cpu: one.cpu.max(other.cpu),
            memory: one.memory.max(other.memory),
            scratch: one.scratch.max(other.scratch),
            tasks: one.tasks.max(other.tasks),
        };
        if let Some(gone) = gone {
            self.whole = self.whole.less(&gone);
            if come.is_none_or(|come| !come.holds(&gone)) {
                let all = self.nodes().map(|(_, _, node)| node.capacity);
                self.most = all.fold(Capacity::default(), widest);
            }
        }
        if let Some(come) = come {
            self.whole = self.whole.plus(&come);
            self.most = widest(self.most, come);
        }
    }

    /// A node has joined, or has come back otherwise; what it was before.
    pub(super) fn join(&mut self, slot: u32, node: Node, policy: lease::Policy) -> Option<Node> {
        let come = node.capacity;
        let look = node.heard.after(policy.quiet());
        let here = self.at_mut(slot);
        here.silent = false;
        let before = here.node.replace(node);
        if before.is_none() {
            self.known += 1;
        }
        self.measure(before.as_ref().map(|before| before.capacity), Some(come));
        self.silence.insert((look, slot));
        self.refresh(slot);
        before
    }

    /// A node is forgotten; whether it was known.
    pub(super) fn forget(&mut self, slot: u32) -> bool {
        let Some(before) = self.at_mut(slot).node.take() else {
            return false;
        };
        self.measure(Some(before.capacity), None);
        self.known -= 1;
        self.at_mut(slot).record.clear();
        self.refresh(slot);
        self.sweep(slot);
        true
    }

    /// A node was heard from.
    pub(super) fn heard(&mut self, slot: u32, at: Timestamp, policy: lease::Policy) {
        let here = self.at_mut(slot);
        let Some(node) = here.node.as_mut() else { return };
        let was_away = here.silent || node.suspect;
        node.heard = node.heard.max(at);
        node.suspect = false;
        if !was_away {
            return;
        }
        let look = node.heard.after(policy.quiet());
        if std::mem::take(&mut here.silent) {
            self.silence.insert((look, slot));
        }
        self.refresh(slot);
    }

    /// Takes those out of the orders that were silent for too long by `now`.
    pub(super) fn expire(&mut self, now: Timestamp, policy: lease::Policy) {
        while let Some(&(look, slot)) = self.silence.first() {
            if look > now {
                return;
            }
            self.silence.pop_first();
            let here = self.at_mut(slot);
            let Some(node) = &here.node else { continue };
            let due = node.heard.after(policy.quiet());
            if due > now {
                self.silence.insert((due, slot));
                continue;
            }
            here.silent = true;
            self.refresh(slot);
        }
    }

    /// Changes what is promised of a node.
    pub(super) fn promise(&mut self, slot: u32, change: impl FnOnce(&mut Promised)) {
        change(&mut self.at_mut(slot).promised);
        self.refresh(slot);
        self.sweep(slot);
    }

    /// Puts a node where it belongs after something about it has changed.
    pub(super) fn refresh(&mut self, slot: u32) {
        let here = self.at(slot);
        let free = here.place().map(|place| place.free);
        let next = here.would_open().zip(free).map(|(heat, free)| Listed { heat, free });
        let before = here.listed;
        if next == before {
            return;
        }
        self.at_mut(slot).listed = next;
        if let Some(Listed { heat, free }) = before {
            self.by_cpu.remove(&(heat, free.cpu.0, slot));
            self.by_memory.remove(&(heat, free.memory.0, slot));
        }
        let Some(Listed { heat, free }) = next else { return };
        self.by_cpu.insert((heat, free.cpu.0, slot));
        self.by_memory.insert((heat, free.memory.0, slot));
        if before.is_none_or(|before| !before.free.holds(&free)) {
            self.grown.insert(slot);
        }
    }

    /// Says of a node that it may have room for more than it seems to have had.
    pub(super) fn reopen(&mut self, slot: u32) {
        if self.at(slot).is_open() {
            self.grown.insert(slot);
        }
    }

    /// Those that have more room than when this was last asked.
    pub(super) fn grown(&mut self) -> Vec<u32> {
        let grown = std::mem::take(&mut self.grown);
        grown.into_iter().filter(|&slot| self.at(slot).is_open()).collect()
    }

    pub(super) fn has_grown(&self) -> bool {
        !self.grown.is_empty()
    }

    /// Those that take work and have as much CPU and memory free as `need`, or nearly all of them: each
    /// that has is among them, some more than once. Those with the least come first.
    pub(super) fn walk(&self, heat: Heat, need: &Capacity) -> impl Iterator<Item = u32> {
        let cpu = (heat, need.cpu.0, 0)..=(heat, u32::MAX, u32::MAX);
        let memory = (heat, need.memory.0, 0)..=(heat, u64::MAX, u32::MAX);
        let by_cpu = self.by_cpu.range(cpu).map(|&(_, _, slot)| slot);
        let by_memory = self.by_memory.range(memory).map(|&(_, _, slot)| slot);
        // Where one of them ends, every node that has enough of its part has been seen.
        by_cpu.zip(by_memory).flat_map(|(one, other)| [one, other])
    }

    /// What of a node's memory is promised to what is no task.
    pub(super) fn set_held(&mut self, id: NodeId, memory: Bytes) -> Option<()> {
        let (slot, node) = self.node_mut(id)?;
        node.held = memory;
        self.refresh(slot);
        Some(())
    }
}
