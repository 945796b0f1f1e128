//! Tasks that take and want the same of a node.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Index, IndexMut};

use ffleet_types::node::Capacity;

use super::Key;
use super::tenants::Spot;

/// The number of a shape. It is used again when no task has the shape any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShapeId(u32);

/// Where room is to be looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hope {
    /// Anywhere: nobody has looked yet.
    #[default]
    Anywhere,
    /// On these nodes, by their slots; all others have none.
    Few(Vec<u32>),
}

impl Hope {
    /// Looks at `more` nodes as well; at all of them where that makes more than `most`.
    pub fn widen(&mut self, more: Vec<u32>, most: usize) {
        let Self::Few(slots) = self else { return };
        slots.extend(more);
        slots.sort_unstable();
        slots.dedup();
        if slots.len() > most {
            *self = Self::Anywhere;
        }
    }
}

/// What tasks of one shape have in common.
#[derive(Clone, Debug)]
pub struct Shape {
    /// What each of them takes.
    pub need: Capacity,
    /// The class of what they want of a node.
    pub kind: u32,
    /// Whether they are live work.
    pub live: bool,
    /// Where there may be room.
    pub hope: Hope,
    /// A node that had room at last, by its slot.
    pub last: Option<u32>,
    /// A node that could hold one of them if it were empty.
    pub witness: Option<u32>,
    pub(super) blocked: bool,
    /// Where its tasks are.
    pub(super) spots: BTreeSet<Spot>,
    /// The first task of each of those places that may be taken.
    pub(super) heads: BTreeMap<Key, Spot>,
    tasks: usize,
}

impl Shape {
    /// Whether no room was found for it since somebody said that there may be some.
    #[must_use]
    pub const fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// How many tasks have it.
    #[must_use]
    pub const fn tasks(&self) -> usize {
        self.tasks
    }

    /// The first of its tasks that may be taken.
    pub(super) fn first(&self) -> Option<Key> {
        self.heads.first_key_value().map(|(&key, _)| key)
    }

    pub(super) fn count(&mut self, spot: Spot) {
        self.tasks += 1;
        self.spots.insert(spot);
    }
}

/// By what shapes are told apart.
type Mark = (u32, u64, u64, u32, u32, bool);

/// All shapes that there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Shapes {
    slots: Vec<Option<Shape>>,
    marks: BTreeMap<Mark, ShapeId>,
    free: Vec<ShapeId>,
}

impl Shapes {
    pub(super) fn find(&mut self, need: Capacity, kind: u32, live: bool) -> ShapeId {
        let mark = mark(&need, kind, live);
        if let Some(&found) = self.marks.get(&mark) {
            return found;
        }
        let shape = Shape {
            need,
            kind,
            live,
            hope: Hope::default(),
            last: None,
            witness: None,
            blocked: false,
            spots: BTreeSet::new(),
            heads: BTreeMap::new(),
            tasks: 0,
        };
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            ShapeId(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
        });
        self.slots[index(id)] = Some(shape);
        self.marks.insert(mark, id);
        id
    }

    pub(super) fn known(&self, need: &Capacity, kind: u32, live: bool) -> Option<ShapeId> {
        self.marks.get(&mark(need, kind, live)).copied()
    }

    pub(super) fn get(&self, id: ShapeId) -> Option<&Shape> {
        self.slots.get(index(id))?.as_ref()
    }

    /// A task of the shape is gone; with the last of them the shape is.
    pub(super) fn discount(&mut self, id: ShapeId) {
        let shape = &mut self[id];
        shape.tasks -= 1;
        if shape.tasks > 0 {
            return;
        }
        let mark = mark(&shape.need, shape.kind, shape.live);
        self.marks.remove(&mark);
        self.slots[index(id)] = None;
        self.free.push(id);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ShapeId, &Shape)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(slot, shape)| Some((ShapeId(u32::try_from(slot).ok()?), shape.as_ref()?)))
    }
}

impl Index<ShapeId> for Shapes {
    type Output = Shape;

    fn index(&self, id: ShapeId) -> &Shape {
        self.slots[index(id)]
            .as_ref()
            .expect("invariant: a shape lives as long as its tasks")
    }
}

impl IndexMut<ShapeId> for Shapes {
    fn index_mut(&mut self, id: ShapeId) -> &mut Shape {
        self.slots[index(id)]
            .as_mut()
            .expect("invariant: a shape lives as long as its tasks")
    }
}

const fn index(id: ShapeId) -> usize {
    id.0 as usize
}

const fn mark(need: &Capacity, kind: u32, live: bool) -> Mark {
    (need.cpu.0, need.memory.0, need.scratch.0, need.tasks, kind, live)
}
