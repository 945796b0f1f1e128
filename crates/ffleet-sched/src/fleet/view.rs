//! Where a task goes: the search for the best of the nodes that have room.
//!
//! A node is better if it suits better, is cooler, and is filled better, in this order. Of many that suit alike
//! the first few with the least to spare are compared, not all.

use ffleet_types::NodeId;
use ffleet_types::node::Capacity;
use ffleet_types::placement::Suits;

use super::Node;
use super::kinds::{Kind, Kinds};
use super::rooms::Rooms;
use crate::place::{Headroom, NAMED, PassedOver};
use crate::pressure::Heat;
use crate::queue::{Fit, Hope, Key, Shape};

/// Nodes with room that are compared.
const COMPARED: usize = 32;
/// Up to so many nodes that suit are looked at one by one.
const FEW: usize = 256;
/// Nodes with room that are looked at for why they are passed over.
const LOOKED: usize = 64;

/// The nodes, as the queue asks for them.
pub(super) struct View<'a> {
    pub(super) rooms: &'a Rooms,
    pub(super) kinds: &'a Kinds,
    pub(super) headroom: Headroom,
}

/// What a search has found so far.
#[derive(Default)]
struct Best {
    best: Option<((Suits, Heat, u64, NodeId), u32)>,
    found: usize,
    /// There is room that is kept for others.
    later: bool,
}

impl View<'_> {
    /// Whether there is room for the task with this key and shape.
    pub(super) fn fits(&self, shape: &mut Shape, key: &Key) -> Fit {
        if let Some(last) = shape.last
            && self.takes(last, shape, key) == Fit::Yes
        {
            return Fit::Yes;
        }
        let best = self.search(shape, key);
        shape.last = best.best.map(|(_, slot)| slot);
        match (shape.last, best.later) {
            (Some(_), _) => Fit::Yes,
            (None, true) => Fit::Later,
            (None, false) => Fit::No,
        }
    }

    /// The best node for it.
    pub(super) fn best(&self, shape: &Shape, key: &Key) -> Option<u32> {
        self.search(shape, key).best.map(|(_, slot)| slot)
    }

    /// Whether a node has room for one task of a shape, whoever it may be kept for.
    pub(super) fn has_room(&self, slot: u32, shape: &Shape) -> bool {
        let here = self.rooms.at(slot);
        here.is_open()
            && self.kinds.get(shape.kind).suits(slot).is_some()
            && here
                .place()
                .is_some_and(|place| place.holds(&shape.need, self.headroom(shape)))
    }

    fn takes(&self, slot: u32, shape: &Shape, key: &Key) -> Fit {
        if !self.has_room(slot, shape) {
            return Fit::No;
        }
        match self.rooms.at(slot).kept {
            // What goes before the task that the node is kept for may have it.
            Some(kept) if *key > kept.key => Fit::Later,
            _ => Fit::Yes,
        }
    }

    const fn headroom(&self, shape: &Shape) -> Headroom {
        if shape.live { self.headroom } else { Headroom(0) }
    }

    fn search(&self, shape: &Shape, key: &Key) -> Best {
        let kind = self.kinds.get(shape.kind);
        let mut best = Best::default();
        if let Hope::Few(slots) = &shape.hope {
            slots
                .iter()
                .for_each(|&slot| self.consider(slot, shape, key, &mut best));
        } else if kind.able.len() <= FEW {
            let able = kind.able.keys();
            able.for_each(|&slot| self.consider(slot, shape, key, &mut best));
        } else {
            for suits in [Suits::Well, Suits::Fairly, Suits::Badly] {
                self.walk(suits, shape, key, &mut best);
                if best.best.is_some() || !kind.is_choosy {
                    break;
                }
            }
        }
        best
    }

    fn walk(&self, suits: Suits, shape: &Shape, key: &Key, best: &mut Best) {
        let kind = self.kinds.get(shape.kind);
        for heat in [Heat::Calm, Heat::Warm] {
            for slot in self.rooms.walk(heat, &shape.need) {
                if kind.suits(slot) == Some(suits) {
                    self.consider(slot, shape, key, best);
                }
                if best.found >= COMPARED {
                    return;
                }
            }
            if best.best.is_some() {
                return;
            }
        }
    }

    fn consider(&self, slot: u32, shape: &Shape, key: &Key, best: &mut Best) {
        match self.takes(slot, shape, key) {
            Fit::No => return,
            Fit::Later => {
                best.later = true;
                return;
            }
            Fit::Yes => {}
        }
        let here = self.rooms.at(slot);
        let (Some(place), Some(node)) = (here.place(), here.node.as_ref()) else {
            return;
        };
        let Some(suits) = self.kinds.get(shape.kind).suits(slot) else {
            return;
        };
        let score = (suits, node.heat, place.left_over(&shape.need), here.id);
        best.found += 1;
        if best.best.is_none_or(|(lowest, _)| score < lowest) {
            best.best = Some((score, slot));
        }
    }

    /// The first few nodes that have room for `need` and cannot do what is wanted.
    pub(super) fn passed_over(&self, kind: &Kind, need: &Capacity) -> Vec<PassedOver> {
        if kind.able.len() >= self.rooms.known() {
            return Vec::new();
        }
        let nearest = self.rooms.walk(Heat::Calm, need).take(LOOKED);
        let mut unable: Vec<(NodeId, &Node)> = nearest
            .filter(|&slot| kind.suits(slot).is_none())
            .map(|slot| self.rooms.at(slot))
            .filter(|here| here.place().is_some_and(|place| place.free.holds(need)))
            .filter_map(|here| Some((here.id, here.node.as_ref()?)))
            .collect();
        unable.sort_unstable_by_key(|&(id, _)| id);
        unable.dedup_by_key(|&mut (id, _)| id);
        let over = unable.into_iter().filter_map(|(id, node)| over(kind, id, node));
        over.take(NAMED).collect()
    }
}

/// Why a task of this kind does not go to a node.
pub(super) fn over(kind: &Kind, id: NodeId, node: &Node) -> Option<PassedOver> {
    let named = (id, node.name.as_str(), node.engines.as_slice());
    PassedOver::by_labels(named, &node.labels, (kind.demands(), kind.wishes()))
}
