//! Placement: which node has room for a task, and which of those is best.
//!
//! Room is a vector, and a task fits where every part of its need does. Of the nodes where it
//! fits it goes to the one that it fills best, so that large tasks still find a node that is
//! nearly empty. Live work is only admitted where something is left over for its peaks.
//!
//! Before that, a node counts only if one of its engines can do the task: nodes may have different builds,
//! and a task that waits for the one that can is better off than one that fails on another.

mod awaited;

use std::fmt;

use ffleet_types::node::{Capacity, Demand, Engine};
use ffleet_types::{Bytes, Cpu, NodeId};

pub use awaited::{Seen, awaited};

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
    fn left_over(&self, need: &Capacity) -> u64 {
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

/// What is missing for `need` on each of these nodes, for a person; nothing if one of them could
/// hold it when empty.
#[must_use]
pub fn missing<'a>(
    need: &Capacity,
    nodes: impl Iterator<Item = (&'a str, Capacity)> + Clone,
) -> Option<String> {
    let mut known = nodes.clone().peekable();
    known.peek()?;
    if known.any(|(_, capacity)| capacity.holds(need)) {
        return None;
    }
    let most = nodes.clone().fold(Capacity::default(), |most, (_, one)| Capacity {
        cpu: most.cpu.max(one.cpu),
        memory: most.memory.max(one.memory),
        scratch: most.scratch.max(one.scratch),
        tasks: most.tasks.max(one.tasks),
    });
    let lacks = lacking(need, &most);
    if lacks.is_empty() {
        // Each part is there somewhere, and nowhere all of them.
        let each = nodes.take(NAMED).map(|(name, capacity)| {
            let lacks = lacking(need, &capacity);
            let parts = lacks
                .iter()
                .map(|part| format!("{} (it has {})", part.wanted, part.there));
            format!("{name} lacks {}", parts.collect::<Vec<_>>().join(" and "))
        });
        let each = each.collect::<Vec<_>>().join("; ");
        return Some(format!("no node has all that it needs at once: {each}"));
    }
    let parts = lacks
        .iter()
        .map(|part| format!("{} (the largest node has {})", part.wanted, part.there));
    Some(format!("needs {}", parts.collect::<Vec<_>>().join(" and ")))
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
        Some(Self { node, name: name.to_owned(), lacks: lacking.cloned().collect() })
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lacks: Vec<_> = self.lacks.iter().map(Demand::lack).collect();
        write!(f, "node {}: {}", self.name, lacks.join(" and "))
    }
}

/// What of `demands` each of these nodes' engines lack, for a person. To be asked where none of
/// them meets all.
#[must_use]
pub fn unable<'a>(
    demands: &[Demand],
    nodes: impl Iterator<Item = (&'a str, &'a [Engine])> + Clone,
) -> String {
    let nowhere = demands
        .iter()
        .find(|demand| nodes.clone().all(|(_, engines)| lacks(engines, demand)));
    if let Some(demand) = nowhere {
        let words = nodes
            .flat_map(|(_, engines)| engines)
            .find_map(|engine| demand.words(engine))
            .map_or_else(String::new, |words| format!(" (it says: {words})"));
        return format!(
            "needs {demand}, and no node's engine has that{words}: name another, or install an \
             FFmpeg that has it"
        );
    }
    // Each is there somewhere, and nowhere all of them.
    let each = nodes.take(NAMED).map(|(name, engines)| {
        let lacking = demands.iter().filter(|demand| lacks(engines, demand));
        let lacking: Vec<_> = lacking.map(Demand::to_string).collect();
        format!("{name} lacks {}", lacking.join(" and "))
    });
    format!(
        "no node's engine has all that it needs: {}",
        each.collect::<Vec<_>>().join("; ")
    )
}

/// Nodes that a message names at most.
pub(crate) const NAMED: usize = 8;

/// A part of a need that is not met.
struct Lack {
    wanted: String,
    there: String,
}

/// Each part of `need` that `capacity` is too small for.
fn lacking(need: &Capacity, capacity: &Capacity) -> Vec<Lack> {
    let part = |short: bool, what: &str, wanted: String, there: String| {
        short.then(|| Lack { wanted: format!("{wanted} {what}"), there })
    };
    let (memory, scratch) = (need.memory.human(), need.scratch.human());
    [
        part(
            need.cpu > capacity.cpu,
            "of CPU",
            need.cpu.to_string(),
            capacity.cpu.to_string(),
        ),
        part(need.memory > capacity.memory, "of memory", memory, capacity.memory.human()),
        part(need.scratch > capacity.scratch, "of scratch", scratch, capacity.scratch.human()),
        part(
            need.tasks > capacity.tasks,
            "tasks at once",
            need.tasks.to_string(),
            capacity.tasks.to_string(),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
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
