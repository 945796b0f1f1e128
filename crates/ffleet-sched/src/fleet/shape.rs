//! How tasks get into the queue and out of it: what they take and want, as a shape.
//!
//! Scratch space comes from the size of a job's input, so that hardly two tasks take the same. For the forecast
//! that this ledger is, it is rounded up, by a sixteenth at most, wherever a node could still hold it; promised
//! is what is asked for.

use ffleet_types::node::Capacity;
use ffleet_types::{Bytes, TaskId};

use super::kinds::Kind;
use super::plan::MOST_HOPE;
use super::rooms::Rooms;
use super::{Fleet, Task};
use crate::queue::{Key, ShapeId};

impl Fleet {
    pub(super) fn enqueue(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get(&id) else { return };
        let kind = self.kinds.find(&task.entry.demands, &task.entry.wishes, &self.rooms);
        let (need, live) = (task.entry.need, task.entry.lane().is_live());
        let shape = self.shape(&need, kind, live);
        self.kinds.count(kind);
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.shape = Some(shape);
        self.queue.insert(&task.entry, shape);
        let key = self.queue.key(&task.entry);
        self.hope_for_kept(shape, &key);
    }

    pub(super) fn dequeue(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let Some(shape) = task.shape.take() else { return };
        let Some(found) = self.queue.find(shape) else { return };
        self.kinds.discount(found.kind);
        self.queue.remove(&task.entry, shape);
    }

    /// The shape of a task that takes `need`: the rounded one where a node could hold it.
    fn shape(&mut self, need: &Capacity, kind: u32, live: bool) -> ShapeId {
        for need in [rounded(need), *need] {
            let known = self.queue.known_shape(&need, kind, live);
            if let Some(id) = known.filter(|&id| self.queue.look(id).witness.is_some()) {
                return id;
            }
            let found = witness(&self.rooms, self.kinds.get(kind), &need);
            if found.is_some() {
                let id = self.queue.shape(need, kind, live);
                self.queue.look_mut(id).witness = found;
                return id;
            }
        }
        let id = self.queue.shape(*need, kind, live);
        self.unchecked.insert(id);
        id
    }

    /// A node that is kept for a task may be used by one that comes before it.
    fn hope_for_kept(&mut self, id: ShapeId, key: &Key) {
        if self.reservations.is_empty() || !self.queue.look(id).is_blocked() {
            return;
        }
        let kept = self.reservations.values().copied().filter(|&slot| {
            let kept = self.rooms.at(slot).kept;
            kept.is_some_and(|kept| *key < kept.key)
        });
        let kept: Vec<u32> = kept.collect();
        if !kept.is_empty() {
            self.queue.look_mut(id).hope.widen(kept, MOST_HOPE);
            self.queue.unblock(id);
        }
    }

    /// A node has joined, come back otherwise, or is forgotten: what fitted it may fit none now.
    pub(super) fn revise(&mut self, slot: u32) {
        self.kinds.revise(slot, self.rooms.at(slot).node.as_ref());
        if let Some(kept) = self.rooms.at(slot).kept {
            self.release_reservation(kept.task);
        }
        self.rooms.reopen(slot);
        let leaned: Vec<ShapeId> = self
            .queue
            .shapes()
            .filter(|(_, shape)| shape.witness == Some(slot))
            .map(|(id, _)| id)
            .collect();
        for id in leaned {
            let shape = self.queue.look(id);
            let found = witness(&self.rooms, self.kinds.get(shape.kind), &shape.need);
            self.queue.look_mut(id).witness = found;
            if found.is_none() {
                // They may do with less than what they were rounded to.
                for task in self.queue.tasks(id) {
                    self.dequeue(task);
                    self.enqueue(task);
                }
            }
        }
    }

    /// Shapes that no node could hold, with their tasks.
    pub(super) fn impossible(&mut self) -> Vec<TaskId> {
        let mut tasks = Vec::new();
        for id in std::mem::take(&mut self.unchecked) {
            let Some(shape) = self.queue.find(id).filter(|shape| shape.witness.is_none()) else {
                continue;
            };
            let found = witness(&self.rooms, self.kinds.get(shape.kind), &shape.need);
            self.queue.look_mut(id).witness = found;
            if found.is_none() {
                tasks.extend(self.queue.tasks(id));
            }
        }
        tasks.sort_unstable();
        tasks
    }

    /// What is known of a task that waits.
    pub(super) fn waiting(&self, id: TaskId) -> Option<(&Task, ShapeId)> {
        let task = self.tasks.get(&id)?;
        Some((task, task.shape?))
    }
}

/// A node that could hold `need` and do what is wanted, whatever it is doing now.
fn witness(rooms: &Rooms, kind: &Kind, need: &Capacity) -> Option<u32> {
    if !rooms.most().holds(need) {
        return None;
    }
    let could = |slot: u32| {
        let node = rooms.at(slot).node.as_ref();
        node.is_some_and(|node| node.capacity.holds(need))
    };
    kind.able.keys().copied().find(|&slot| could(slot))
}

/// The same with its scratch space rounded up to a sixteenth of the power of two below it.
fn rounded(need: &Capacity) -> Capacity {
    let step = 1 << need.scratch.0.checked_ilog2().unwrap_or(0).saturating_sub(4);
    let scratch = need.scratch.0.checked_next_multiple_of(step).unwrap_or(need.scratch.0);
    Capacity { scratch: Bytes(scratch), ..*need }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scratch_is_rounded_up_by_a_sixteenth_at_most() {
        let of = |scratch| rounded(&Capacity { scratch: Bytes(scratch), ..Capacity::default() });
        for scratch in [0, 1, 15, 16, 17, 100, 1_000, 5_368_709_121, 1 << 40, u64::MAX] {
            let up = of(scratch).scratch.0;
            assert!(up >= scratch && up - scratch <= scratch / 16, "{scratch} became {up}");
        }
        assert_eq!(of(Bytes::gib(5).0).scratch, Bytes::gib(5));
    }
}
