//! What of a need no node has, in words.

use std::collections::BTreeMap;

use ffleet_types::node::{Capacity, Demand, Engine};
use ffleet_types::placement::{Wish, Wishes};

use super::{lacks, meets};

/// Nodes that a message names at most.
pub(crate) const NAMED: usize = 8;

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

/// What no one of these nodes has of what is wanted, for a person: engines first, then labels, then both at once.
/// To be asked where none suits.
#[must_use]
pub fn unsuited<'a>(
    demands: &[Demand],
    wishes: &Wishes,
    nodes: &(impl Iterator<Item = (&'a str, &'a [Engine], &'a BTreeMap<String, String>)> + Clone),
) -> String {
    let engines = nodes.clone().map(|(name, engines, _)| (name, engines));
    if !engines.clone().any(|(_, engines)| meets(engines, demands)) {
        return unable(demands, engines);
    }
    let wanted: Vec<String> = wishes.require.iter().map(Wish::to_string).collect();
    let wanted = wanted.join(" and ");
    let labelled = |labels| wishes.judge(labels).is_some();
    if !nodes.clone().any(|(_, _, labels)| labelled(labels)) {
        let nowhere = wishes
            .require
            .iter()
            .find(|wish| !nodes.clone().any(|(_, _, labels)| wish.is_met(labels)));
        return match nowhere {
            Some(wish) => format!("requires the label {wish}, and no node has it"),
            None => format!("requires the labels {wanted}, and no one node has them all"),
        };
    }
    format!("no node that has the label {wanted} has an engine that can do it")
}

/// A part of a need that is not met.
pub(crate) struct Lack {
    pub(crate) wanted: String,
    pub(crate) there: String,
}

/// Each part of `need` that `capacity` is too small for.
pub(crate) fn lacking(need: &Capacity, capacity: &Capacity) -> Vec<Lack> {
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
