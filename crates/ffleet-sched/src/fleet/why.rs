//! Why a task waits, or where it went: for `ffleet jobs why` and its kind.
//!
//! The answer is bounded: of many nodes the first few are named, and the rest are counted by what keeps the task
//! from them.

use std::collections::BTreeMap;
use std::fmt;

use ffleet_types::node::Order;
use ffleet_types::{NodeId, TaskId, Timestamp};

use super::rooms::Slot;
use super::view::{View, over};
use super::{At, Fleet, Node, Task};
use crate::lease::Lease;
use crate::place::{NAMED, PassedOver, lacking};
use crate::pressure::Heat;
use crate::queue::{Shape, ShapeId};

/// Why a task is where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It waits for room.
    Waits {
        /// How many tasks of its tenant and class are before it.
        ahead: usize,
        /// Whether its tenant's quota is used up.
        quota: bool,
        /// What keeps it from nodes: the first few of them, by id.
        nodes: Vec<Obstacle>,
        /// How many nodes there are, and how many of them have room for it.
        known: usize,
        /// Those that have, and are to be had at its turn.
        open: usize,
        /// How many more are kept from it by each.
        more: Vec<(Lack, usize)>,
        /// The node that is kept for it.
        kept: Option<String>,
    },
    /// It is left alone until then.
    Rests {
        /// The time.
        until: Timestamp,
        /// Whether an attempt of it has failed; else a node has declined it, or a plan could not be written.
        failed: bool,
    },
    /// It is being given back, or rejected.
    Settles,
    /// A node holds it.
    Went(Went),
}

/// Where a task went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Went {
    /// The node.
    pub node: NodeId,
    /// Its name for people, or its id where it has not joined.
    pub name: String,
    /// Nodes that had room for it too, and could not do it.
    pub passed_over: Vec<PassedOver>,
}

/// What keeps a task from a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The node.
    pub node: NodeId,
    /// What it is called.
    pub name: String,
    /// As a kind.
    pub lack: Lack,
    /// For a person.
    pub words: String,
}

/// Kinds of what keeps a task from a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// It was not heard from lately.
    Silent,
    /// It takes no work: it is drained, closed or put aside.
    Shut,
    /// It is under pressure.
    Hot,
    /// Its engines or labels are not what is wanted.
    Unsuited,
    /// It is too small, even if it were empty.
    Small,
    /// Others have its room.
    Busy,
    /// It is kept for another task.
    Kept,
}

impl Lack {
    const fn words(self) -> &'static str {
        match self {
            Self::Silent => "were not heard from lately",
            Self::Shut => "take no work",
            Self::Hot => "are under pressure",
            Self::Unsuited => "cannot do it",
            Self::Small => "are too small",
            Self::Busy => "have no room",
            Self::Kept => "are kept for others",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}: {}", self.name, self.words)
    }
}

impl Fleet {
    /// Why `task` is where it is; nothing for one that is not known. O(n) in the nodes and the tasks before it.
    #[must_use]
    pub fn why(&self, id: TaskId) -> Option<Why> {
        let task = self.tasks.get(&id)?;
        Some(match task.at {
            At::Queue => self.waits(task, task.shape?),
            At::Resting { until } => Why::Rests { until, failed: false },
            At::Retrying { until } => Why::Rests { until, failed: true },
            At::Requeueing | At::Rejecting => Why::Settles,
            At::Held(lease) | At::Reclaiming(lease) => self.went(task, lease),
        })
    }

    fn went(&self, task: &Task, Lease { holder: node, .. }: Lease) -> Why {
        let name = self.rooms.node(node).map(|node| node.name.clone());
        let name = name.unwrap_or_else(|| node.to_string());
        Why::Went(Went { node, name, passed_over: task.over.clone() })
    }

    fn waits(&self, task: &Task, id: ShapeId) -> Why {
        let shape = self.queue.look(id);
        let mut nodes: Vec<Obstacle> = Vec::new();
        let mut more: BTreeMap<Lack, usize> = BTreeMap::new();
        let mut open = 0;
        for (slot, _, node) in self.rooms.nodes() {
            let here = self.rooms.at(slot);
            match self.obstacle((slot, here, node), task, shape) {
                None => open += 1,
                Some(obstacle) if nodes.len() < NAMED => nodes.push(obstacle),
                Some(obstacle) => *more.entry(obstacle.lack).or_default() += 1,
            }
        }
        let kept = self
            .reservations
            .get(&task.entry.task)
            .and_then(|&slot| self.rooms.at(slot).node.as_ref().map(|node| node.name.clone()));
        Why::Waits {
            ahead: self.queue.ahead(&task.entry),
            quota: self.queue.is_parked(&task.entry, id),
            nodes,
            known: self.rooms.known(),
            open,
            more: more.into_iter().collect(),
            kept,
        }
    }

    fn obstacle(
        &self,
        (slot, here, node): (u32, &Slot, &Node),
        task: &Task,
        shape: &Shape,
    ) -> Option<Obstacle> {
        let of = |lack, words: String| {
            Some(Obstacle { node: here.id, name: node.name.clone(), lack, words })
        };
        let kind = self.kinds.get(shape.kind);
        if let Some(over) = over(kind, here.id, node) {
            let words = over.to_string();
            let prefix = format!("node {}: ", node.name);
            return of(Lack::Unsuited, words.strip_prefix(&prefix).unwrap_or(&words).to_owned());
        }
        let need = &task.entry.need;
        if !node.capacity.holds(need) {
            return of(Lack::Small, amounts(need, &node.capacity, "altogether"));
        }
        if node.order != Order::Accept {
            let words = match node.order {
                Order::Quarantine => "it is put aside, and takes no work",
                Order::Drain | Order::Accept => "it is drained, and takes no more work",
            };
            return of(Lack::Shut, words.to_owned());
        }
        if node.closed {
            return of(Lack::Shut, "it takes no more work by itself".to_owned());
        }
        if node.heat == Heat::Hot {
            return of(Lack::Hot, "it is under pressure".to_owned());
        }
        if !here.is_open() {
            return of(Lack::Silent, "it was not heard from lately".to_owned());
        }
        let view = View { rooms: &self.rooms, kinds: &self.kinds, headroom: self.policy.headroom };
        let free = here.place()?.free;
        if !view.has_room(slot, shape) {
            let words = match free.holds(need) {
                true => "no room for it with what live work needs beside it".to_owned(),
                false => amounts(need, &free, "free"),
            };
            return of(Lack::Busy, words);
        }
        let kept = here.kept.filter(|kept| self.queue.key(&task.entry) > kept.key)?;
        of(Lack::Kept, format!("it is kept for {}, which has waited for longer", kept.task))
    }
}

/// Each part of `need` that `there` is too small for, with both amounts.
fn amounts(
    need: &ffleet_types::node::Capacity,
    there: &ffleet_types::node::Capacity,
    how: &str,
) -> String {
    let parts = lacking(need, there);
    let parts = parts
        .iter()
        .map(|part| format!("{} ({} {how})", part.wanted, part.there));
    format!("no room for {}", parts.collect::<Vec<_>>().join(" and "))
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rests { failed: true, .. } => {
                f.write_str("an attempt has failed; it waits for the next one's time")
            }
            Self::Rests { failed: false, .. } => {
                f.write_str("a node has declined it, or a plan could not be written; it is planned again at once")
            }
            Self::Settles => f.write_str("what was decided about it is being written"),
            Self::Went(went) => {
                write!(f, "it went to node {}", went.name)?;
                went.passed_over.iter().try_for_each(|over| write!(f, "\npassed over {over}"))
            }
            Self::Waits { ahead, quota, nodes, known, open, more, kept } => {
                write!(f, "{ahead} of its tenant and class are before it; {open} of {known} nodes have room")?;
                if *quota {
                    f.write_str("\nits tenant's quota is used up: it goes on when others of the tenant end")?;
                }
                if let Some(kept) = kept {
                    write!(f, "\nnode {kept} is kept for it until it has room")?;
                }
                nodes.iter().try_for_each(|node| write!(f, "\n{node}"))?;
                more.iter()
                    .try_for_each(|(lack, count)| write!(f, "\nof the others {count} {}", lack.words()))
            }
        }
    }
}
