//! Placement: which node has room for a task, and which of those is best.
//!
//! Room is a vector, and a task fits where every part of its need does. Of the nodes where it
//! fits it goes to the one that it fills best, so that large tasks still find a node that is
//! nearly empty. Live work is only admitted where something is left over for its peaks.
//!
//! Before that, a node counts only if one of its engines can do the task: nodes may have different builds,
//! and a task that waits for the one that can is better off than one that fails on another.

mod awaited;
mod lack;

use std::collections::BTreeMap;
use std::fmt;

use ffleet_types::node::{Capacity, Demand, Engine};
use ffleet_types::placement::{Wish, Wishes};
use ffleet_types::{Bytes, Cpu, NodeId};

pub use awaited::{Seen, awaited};
pub(crate) use lack::{NAMED, lacking};
pub use lack::{missing, unable, unsuited};

/// A node that takes work, and the room it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The node.
    pub node: NodeId,
    /// What it has altogether.
    pub capacity: Capacity,
    /// What of that is not promised.
    pub free: Capacity,
    /// What of it is free once all is done that has an end, which live work has not.
    pub lasting: Capacity,
}

/// What live work needs beyond its need to be admitted, in hundredths of its need of CPU and
/// memory. It is not kept: batch work may fill it, and is frozen when live work wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headroom(pub u32);

impl Place {
    /// Whether `need` fits here now, with `headroom` beyond it.
    #[must_use]
    pub fn holds(&self, need: &Capacity, headroom: Headroom) -> bool {
        self.free.holds(need) && self.free.holds(&self.with_headroom(need, headroom))
    }

    /// `need` and its headroom; never more than the whole node, or a task as large as a node
    /// could run nowhere.
    fn with_headroom(&self, need: &Capacity, Headroom(percent): Headroom) -> Capacity {
        let factor = 100 + u64::from(percent);
        let cpu = u64::from(need.cpu.0) * factor / 100;
        let memory = u128::from(need.memory.0) * u128::from(factor) / 100;
        Capacity {
            cpu: Cpu(u32::try_from(cpu).unwrap_or(u32::MAX).min(self.capacity.cpu.0)),
            memory: Bytes(u64::try_from(memory).unwrap_or(u64::MAX).min(self.capacity.memory.0)),
            ..*need
        }
    }

    /// How much of the node is left once `need` is here, summed over its parts, in millionths.
    pub(crate) fn left_over(&self, need: &Capacity) -> u64 {
        let left = self.free.less(need);
        share(u64::from(left.cpu.0), u64::from(self.capacity.cpu.0))
            + share(left.memory.0, self.capacity.memory.0)
            + share(left.scratch.0, self.capacity.scratch.0)
            + share(u64::from(left.tasks), u64::from(self.capacity.tasks))
    }
}

/// `part` of `whole`, in millionths; nothing of nothing is nothing.
fn share(part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    let millionths = u128::from(part) * 1_000_000 / u128::from(whole);
    u64::try_from(millionths).unwrap_or(u64::MAX)
}

/// The largest share that `need` takes of any part of `whole`, in millionths, at least one: what
/// a task costs its tenant (dominant resource fairness, Ghodsi et al., NSDI 2011).
#[must_use]
pub fn dominant_share(need: &Capacity, whole: &Capacity) -> u64 {
    share(u64::from(need.cpu.0), u64::from(whole.cpu.0))
        .max(share(need.memory.0, whole.memory.0))
        .max(share(need.scratch.0, whole.scratch.0))
        .max(share(u64::from(need.tasks), u64::from(whole.tasks)))
        .clamp(1, 1_000_000)
}

/// The same in millionths of millionths, and nothing of nothing: what tenants' shares of a large fleet are
/// compared by, where a task is a millionth.
#[must_use]
pub fn part_of(part: &Capacity, whole: &Capacity) -> u64 {
    let of = |part: u64, whole: u64| match whole {
        0 => 0,
        whole => {
            let fine = u128::from(part.min(whole)) * 1_000_000_000_000 / u128::from(whole);
            u64::try_from(fine).unwrap_or(u64::MAX)
        }
    };
    of(u64::from(part.cpu.0), u64::from(whole.cpu.0))
        .max(of(part.memory.0, whole.memory.0))
        .max(of(part.scratch.0, whole.scratch.0))
        .max(of(u64::from(part.tasks), u64::from(whole.tasks)))
}

/// The place of those that are `open`, by its index, that `need` fills best; the one with the
/// lowest id where several are alike.
#[must_use]
pub fn best(
    places: &[Place],
    need: &Capacity,
    headroom: Headroom,
    open: impl Fn(&Place) -> bool,
) -> Option<usize> {
    places
        .iter()
        .enumerate()
        .filter(|(_, place)| place.holds(need, headroom) && open(place))
        .min_by_key(|(_, place)| (place.left_over(need), place.node))
        .map(|(index, _)| index)
}

/// Whether a node with these engines has all of `demands`. One that names no engine may.
#[must_use]
pub fn meets(engines: &[Engine], demands: &[Demand]) -> bool {
    engines.is_empty() || demands.iter().all(|demand| !lacks(engines, demand))
}

fn lacks(engines: &[Engine], demand: &Demand) -> bool {
    !engines.iter().any(|engine| demand.is_met(engine))
}

/// A node that has room for a task which goes elsewhere, or waits: its engines cannot do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The node.
    pub node: NodeId,
    /// Its name for people.
    pub name: String,
    /// What its engines lack.
    pub lacks: Vec<Demand>,
    /// Which of the labels that are required it does not have.
    pub unlike: Vec<Wish>,
}

impl PassedOver {
    /// Why the node with these engines is passed over by a task with these demands; nothing if it is not.
    #[must_use]
    pub fn of(
        (node, name, engines): (NodeId, &str, &[Engine]),
        demands: &[Demand],
    ) -> Option<Self> {
        if meets(engines, demands) {
            return None;
        }
        let lacking = demands.iter().filter(|demand| lacks(engines, demand));
        let lacks = lacking.cloned().collect();
        Some(Self { node, name: name.to_owned(), lacks, unlike: Vec::new() })
    }

    /// The same of a node with these labels, for a task that asks something of them as well.
    #[must_use]
    pub fn by_labels(
        node: (NodeId, &str, &[Engine]),
        labels: &BTreeMap<String, String>,
        (demands, wishes): (&[Demand], &Wishes),
    ) -> Option<Self> {
        let (id, name, _) = node;
        let unlike = wishes.require.iter().filter(|wish| !wish.is_met(labels));
        let unlike: Vec<Wish> = unlike.cloned().collect();
        let over = Self::of(node, demands);
        match (over, unlike.is_empty()) {
            (over, true) => over,
            (Some(over), false) => Some(Self { unlike, ..over }),
            (None, false) => {
                Some(Self { node: id, name: name.to_owned(), lacks: Vec::new(), unlike })
            }
        }
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lacks = self.lacks.iter().map(Demand::lack);
        let unlike = self.unlike.iter().map(|wish| format!("no label {wish}"));
        let lacks: Vec<_> = lacks.chain(unlike).collect();
        write!(f, "node {}: {}", self.name, lacks.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capacity(cpus: u32, gib: u64) -> Capacity {
        Capacity {
            cpu: Cpu::whole(cpus),
            memory: Bytes::gib(gib),
            scratch: Bytes::gib(100),
            tasks: 8,
        }
    }

    fn need(cpus: u32, gib: u64) -> Capacity {
        Capacity { scratch: Bytes::gib(1), tasks: 1, ..capacity(cpus, gib) }
    }

    fn place(id: u128, capacity: Capacity, taken: &Capacity) -> Place {
        let node = NodeId::from_bits(id);
        Place { node, capacity, free: capacity.less(taken), lasting: capacity }
    }

    const NONE: Headroom = Headroom(0);

    #[test]
    fn task_goes_where_it_leaves_least() {
        let empty = place(1, capacity(8, 32), &Capacity::default());
        let busy = place(2, capacity(8, 32), &need(4, 16));
        assert_eq!(best(&[empty, busy], &need(2, 4), NONE, |_| true), Some(1));
        assert_eq!(
            best(&[empty, busy], &need(6, 4), NONE, |_| true),
            Some(0),
            "only there it fits"
        );
        assert_eq!(best(&[empty, busy], &need(9, 4), NONE, |_| true), None);
    }

    #[test]
    fn of_nodes_alike_the_lowest_id_is_taken() {
        let nodes = [3, 1, 2].map(|id| place(id, capacity(2, 4), &Capacity::default()));
        assert_eq!(best(&nodes, &need(1, 1), NONE, |_| true), Some(1));
    }

    #[test]
    fn live_work_wants_room_for_its_peaks_but_never_more_than_a_node() {
        let node = place(1, capacity(4, 16), &need(2, 1));
        assert!(node.holds(&need(2, 1), NONE));
        assert!(!node.holds(&need(2, 1), Headroom(25)), "2.5 of 2 CPUs");
        let empty = place(1, capacity(4, 16), &Capacity::default());
        assert!(empty.holds(&need(4, 1), Headroom(25)), "a whole node is enough");
    }

    #[test]
    fn what_is_missing_is_said_with_both_amounts() {
        let nodes = [("small", capacity(2, 8)), ("large", capacity(8, 24))];
        let said = missing(&need(1, 64), nodes.iter().copied()).unwrap();
        assert_eq!(said, "needs 64.0 GiB of memory (the largest node has 24.0 GiB)");
        assert_eq!(missing(&need(8, 24), nodes.iter().copied()), None);
    }

    #[test]
    fn parts_that_no_one_node_has_together_are_named() {
        let nodes = [("quick", capacity(16, 8)), ("roomy", capacity(4, 64))];
        let said = missing(&need(8, 32), nodes.iter().copied()).unwrap();
        assert!(said.contains("quick lacks 32.0 GiB of memory (it has 8.00 GiB)"), "{said}");
        assert!(said.contains("roomy lacks 800% of CPU"), "{said}");
    }

    #[test]
    fn where_no_node_is_known_nothing_is_missing() {
        assert_eq!(missing(&need(64, 64), std::iter::empty()), None);
    }

    #[test]
    fn largest_share_is_what_a_task_costs() {
        let whole = capacity(10, 100);
        assert_eq!(dominant_share(&need(1, 50), &whole), 500_000);
        assert_eq!(dominant_share(&need(5, 1), &whole), 500_000);
        assert_eq!(dominant_share(&Capacity::default(), &whole), 1, "nothing is free");
        assert_eq!(dominant_share(&need(1, 1), &Capacity::default()), 1);
    }
}
