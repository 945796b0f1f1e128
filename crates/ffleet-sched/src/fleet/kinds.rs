//! What tasks want of nodes, and which nodes have it.
//!
//! Tasks that want the same are of one *kind*. Which nodes it suits is found out once, and again for a node that
//! comes back otherwise; nodes whose engines can do the same are asked for once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ffleet_types::node::{Demand, Engine};
use ffleet_types::placement::{Suits, Wishes};

use super::Node;
use super::rooms::Rooms;
use crate::place;

/// Kinds that are kept although no task is of them.
const MOST_IDLE: usize = 4_096;

/// By what kinds are told apart.
type Wants = (Arc<[Demand]>, Arc<Wishes>);

/// What of an engine demands may ask for: its name, and what it has.
type Skill = (String, [Vec<String>; 5]);

/// Tasks that want the same.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    wants: Wants,
    /// The nodes that suit, by their slots.
    pub(super) able: BTreeMap<u32, Suits>,
    /// How each slot suits, for a quick look.
    quick: Vec<Option<Suits>>,
    /// Whether some suit better than others.
    pub(super) is_choosy: bool,
    /// Tasks of it that wait.
    tasks: usize,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds {
    slots: Vec<Option<Kind>>,
    numbers: BTreeMap<Wants, u32>,
    free: Vec<u32>,
    /// What engines of nodes can do, each once.
    skills: BTreeMap<Vec<Skill>, u32>,
    /// Which of those each node has.
    skill_of: Vec<Option<u32>>,
}

impl Kind {
    /// How a node suits.
    pub(super) fn suits(&self, slot: u32) -> Option<Suits> {
        self.quick.get(slot as usize).copied().flatten()
    }

    pub(super) fn demands(&self) -> &[Demand] {
        &self.wants.0
    }

    pub(super) fn wishes(&self) -> &Wishes {
        &self.wants.1
    }

    fn set(&mut self, slot: u32, suits: Option<Suits>) {
        let index = slot as usize;
        if self.quick.len() <= index {
            self.quick.resize(index + 1, None);
        }
        self.quick[index] = suits;
        match suits {
            Some(suits) => self.able.insert(slot, suits),
            None => self.able.remove(&slot),
        };
    }

    fn judge(&self, node: &Node, meets: bool) -> Option<Suits> {
        self.wishes().judge(&node.labels).filter(|_| meets)
    }
}

impl Kinds {
    /// The kind of tasks that want this.
    pub(super) fn find(
        &mut self,
        demands: &Arc<[Demand]>,
        wishes: &Arc<Wishes>,
        rooms: &Rooms,
    ) -> u32 {
        let wants = (Arc::clone(demands), Arc::clone(wishes));
        if let Some(&found) = self.numbers.get(&wants) {
            return found;
        }
        self.clear_idle();
        let mut kind = Kind {
            is_choosy: !wishes.prefer.is_empty() || !wishes.avoid.is_empty(),
            wants: wants.clone(),
            able: BTreeMap::new(),
            quick: Vec::new(),
            tasks: 0,
        };
        // Nodes of one skill are asked once.
        let mut asked: BTreeMap<Option<u32>, bool> = BTreeMap::new();
        for (slot, _, node) in rooms.nodes() {
            let skill = self.skill_of.get(slot as usize).copied().flatten();
            let meets = *asked
                .entry(skill)
                .or_insert_with(|| place::meets(&node.engines, demands));
            kind.set(slot, kind.judge(node, meets));
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        self.slots[number as usize] = Some(kind);
        self.numbers.insert(wants, number);
        number
    }

    pub(super) fn get(&self, number: u32) -> &Kind {
        self.slots[number as usize]
            .as_ref()
            .expect("invariant: a kind lives as long as its tasks")
    }

    /// A task of this kind waits from now on.
    pub(super) fn count(&mut self, number: u32) {
        if let Some(kind) = self.slots[number as usize].as_mut() {
            kind.tasks += 1;
        }
    }

    /// It does no more.
    pub(super) fn discount(&mut self, number: u32) {
        if let Some(kind) = self.slots[number as usize].as_mut() {
            kind.tasks = kind.tasks.saturating_sub(1);
        }
    }

    /// A node has joined, come back otherwise, or is forgotten.
    pub(super) fn revise(&mut self, slot: u32, node: Option<&Node>) {
        let skill = node.map(|node| self.skill(&node.engines));
        let index = slot as usize;
        if self.skill_of.len() <= index {
            self.skill_of.resize(index + 1, None);
        }
        self.skill_of[index] = skill;
        for kind in self.slots.iter_mut().flatten() {
            let suits =
                node.and_then(|node| kind.judge(node, place::meets(&node.engines, kind.demands())));
            kind.set(slot, suits);
        }
        self.clear_skills();
    }

    fn skill(&mut self, engines: &[Engine]) -> u32 {
        let skill = |engine: &Engine| {
            // Each field is named, so that what a demand may ask for next is not forgotten here.
            let Engine {
                name,
                encoders,
                decoders,
                filters,
                muxers,
                listed,
                path: _,
                version: _,
                hash: _,
                unproven: _,
                threads: _,
                memory: _,
            } = engine;
            (name.clone(), [encoders, decoders, filters, muxers, listed].map(Clone::clone))
        };
        let next = u32::try_from(self.skills.len()).unwrap_or(u32::MAX);
        *self.skills.entry(engines.iter().map(skill).collect()).or_insert(next)
    }

    /// Forgets skills that no node has, once there are more of them than nodes.
    fn clear_skills(&mut self) {
        if self.skills.len() <= self.skill_of.len().max(64) {
            return;
        }
        let used: BTreeSet<u32> = self.skill_of.iter().copied().flatten().collect();
        let mut next = 0;
        let mut renamed = BTreeMap::new();
        self.skills.retain(|_, number| {
            let keep = used.contains(number);
            if keep {
                renamed.insert(*number, next);
                *number = next;
                next += 1;
            }
            keep
        });
        for skill in &mut self.skill_of {
            *skill = skill.and_then(|number| renamed.get(&number).copied());
        }
    }

    fn clear_idle(&mut self) {
        if self.numbers.len() < MOST_IDLE {
            return;
        }
        let slots = &mut self.slots;
        let free = &mut self.free;
        self.numbers.retain(|_, number| {
            let slot = &mut slots[*number as usize];
            let keep = slot.as_ref().is_some_and(|kind| kind.tasks > 0);
            if !keep {
                *slot = None;
                free.push(*number);
            }
            keep
        });
    }
}
