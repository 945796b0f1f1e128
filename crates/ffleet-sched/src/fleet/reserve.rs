//! Nodes that are kept for tasks which are too large for what is free (after EASY backfill, Lifka 1995).
//!
//! A task that finds no room is overtaken by those that do. Once that has gone on for as long as its patience
//! lasts, a node is kept for it: nothing that comes after it goes there any more, so that its room grows as
//! what is there ends. One node for each 32 that take work, so that a row of large tasks is not served one by one,
//! and a row of them does not stop the fleet.

use ffleet_types::{TaskId, Timestamp};

use super::Fleet;
use super::rooms::Kept;
use super::view::View;
use crate::place;
use crate::queue::{Key, Shape, ShapeId};

/// Nodes that are kept at once, at most.
const MOST: usize = 32;
/// Shapes that are looked at for what waits first.
const LOOKED: usize = 64;

impl Fleet {
    /// Notes who was overtaken when `went` went, and keeps nodes for those who have been for long enough;
    /// answers when that is to be, if it is not yet.
    pub(super) fn reserve(&mut self, now: Timestamp, went: Option<Key>) -> Option<Timestamp> {
        self.end_reservations();
        let most = (1 + self.rooms.open() / 32).min(MOST);
        let heads = self.heads(most);
        if let Some(went) = went {
            for (key, _) in heads.iter().filter(|(key, _)| *key < went) {
                if let Some(task) = self.tasks.get_mut(&key.task()) {
                    task.blocked.get_or_insert(now);
                }
            }
        }
        let mut wake: Option<Timestamp> = None;
        for (key, shape) in heads {
            if self.reservations.len() >= most {
                return None;
            }
            let id = key.task();
            if self.reservations.contains_key(&id) {
                continue;
            }
            let Some(since) = self.tasks.get(&id).and_then(|task| task.blocked) else {
                continue;
            };
            let until = since.after(self.policy.patience);
            if now < until {
                wake = Some(wake.map_or(until, |wake| wake.min(until)));
                continue;
            }
            self.keep(key, shape);
        }
        wake
    }

    /// The first tasks that wait for room which there will be when others are done.
    fn heads(&mut self, most: usize) -> Vec<(Key, ShapeId)> {
        let Self { queue, rooms, kinds, policy, .. } = self;
        let view = View { rooms, kinds, headroom: policy.headroom };
        queue.heads((most, LOOKED), |shape| view.will_have_room(shape))
    }

    /// Keeps the node for a task that lacks least of what it needs: that has it soonest.
    fn keep(&mut self, key: Key, id: ShapeId) {
        let shape = self.queue.look(id);
        let need = shape.need;
        let able = self.kinds.get(shape.kind).able.keys();
        let kept = able
            .filter_map(|&slot| {
                let here = self.rooms.at(slot);
                let place = here.place().filter(|_| here.is_open() && here.kept.is_none())?;
                place.lasting.holds(&need).then(|| {
                    let lacks = need.less(&place.free);
                    ((place::dominant_share(&lacks, &place.capacity), here.id), slot)
                })
            })
            .min();
        if let Some((_, slot)) = kept {
            self.rooms.at_mut(slot).kept = Some(Kept { task: key.task(), key });
            self.reservations.insert(key.task(), slot);
        }
    }

    /// Ends those of nodes that take no more work, and with that are no use to their tasks.
    fn end_reservations(&mut self) {
        let useless: Vec<TaskId> = self
            .reservations
            .iter()
            .filter(|&(_, &slot)| !self.rooms.at(slot).is_open())
            .map(|(&task, _)| task)
            .collect();
        for task in useless {
            self.release_reservation(task);
        }
    }

    /// Ends the reservation for `task`, if there is one: its node is open to others.
    pub(super) fn release_reservation(&mut self, id: TaskId) {
        if let Some(slot) = self.reservations.remove(&id) {
            self.rooms.at_mut(slot).kept = None;
            self.rooms.reopen(slot);
            self.queue.stir();
        }
    }
}

impl View<'_> {
    /// Whether some node has room for it once all is done that has an end.
    fn will_have_room(&self, shape: &Shape) -> bool {
        let will = |slot: u32| {
            let here = self.rooms.at(slot);
            here.is_open() && here.place().is_some_and(|place| place.lasting.holds(&shape.need))
        };
        let able = &self.kinds.get(shape.kind).able;
        let witness = shape.witness.filter(|slot| able.contains_key(slot));
        witness.is_some_and(will) || able.keys().any(|&slot| will(slot))
    }
}
