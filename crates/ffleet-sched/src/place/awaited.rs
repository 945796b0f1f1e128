//! What a task waits for that no node takes now.

use ffleet_types::node::{Capacity, Demand, Engine};
use ffleet_types::{Bytes, NodeId};

use super::{NAMED, PassedOver, lacking};

/// A node that takes work, as a task sees it that waits for it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// What it is called.
    pub name: &'a str,
    /// What it has to encode with.
    pub engines: &'a [Engine],
    /// What it has altogether.
    pub capacity: Capacity,
    /// What of that is promised to tasks.
    pub promised: Capacity,
    /// What of its memory rings of live streams have.
    pub rings: Bytes,
}

/// What a task waits for, for a person: what each of these nodes has too little of, or cannot do. Nothing where one of them
/// could take it, or there is none.
#[must_use]
pub fn awaited(need: &Capacity, demands: &[Demand], nodes: &[Seen<'_>]) -> Option<String> {
    let whys = nodes.iter().map(|node| node.lacks(need, demands));
    let whys = whys.collect::<Option<Vec<_>>>().filter(|whys| !whys.is_empty())?;
    let more = match whys.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and so with {more} more"),
    };
    Some(whys.into_iter().take(NAMED).collect::<Vec<_>>().join("; ") + &more)
}

impl Seen<'_> {
    /// Why a task does not go here; nothing if it could.
    fn lacks(&self, need: &Capacity, demands: &[Demand]) -> Option<String> {
        let node = (NodeId::from_bits(0), self.name, self.engines);
        if let Some(over) = PassedOver::of(node, demands) {
            return Some(over.to_string());
        }
        let rings = Capacity { memory: self.rings, ..Capacity::default() };
        let free = self.capacity.less(&self.promised).less(&rings);
        let is_for_memory = need.memory > free.memory && self.rings.0 > 0;
        let parts = lacking(need, &free);
        let parts = parts
            .iter()
            .map(|part| format!("{} ({} is free)", part.wanted, part.there));
        let parts = parts.collect::<Vec<_>>().join(" and ");
        if parts.is_empty() {
            return None;
        }
        let held = match is_for_memory {
            true => format!("; rings of live streams hold {} of its memory", self.rings.human()),
            false => String::new(),
        };
        Some(format!("node {}: no room for {parts}{held}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ffleet_types::Cpu;

    use super::*;

    fn need(cpus: u32, gib: u64) -> Capacity {
        Capacity {
            cpu: Cpu::whole(cpus),
            memory: Bytes::gib(gib),
            scratch: Bytes::gib(1),
            tasks: 1,
        }
    }

    #[test]
    fn what_is_waited_for_is_said_of_each_node_and_who_has_the_memory() {
        let engines = [Engine {
            name: "ffmpeg".to_owned(),
            path: "/usr/bin/ffmpeg".to_owned(),
            version: "5.1".to_owned(),
            hash: String::new(),
            encoders: vec!["libx264".to_owned()],
            decoders: Vec::new(),
            filters: Vec::new(),
            muxers: Vec::new(),
            listed: Vec::new(),
            unproven: BTreeMap::new(),
            threads: BTreeMap::new(),
            memory: BTreeMap::new(),
        }];
        let seen = |name, promised, rings| Seen {
            name,
            engines: &engines,
            capacity: Capacity { scratch: Bytes::gib(100), tasks: 8, ..need(4, 8) },
            promised,
            rings: Bytes::gib(rings),
        };
        let busy = seen("busy", need(4, 1), 0);
        let live = seen("live", need(1, 2), 5);
        let said = awaited(&need(1, 4), &[], &[busy, live]).unwrap();
        assert_eq!(
            said,
            "node busy: no room for 100% of CPU (0% is free); node live: no room for 4.00 GiB of memory (1.00 GiB \
             is free); rings of live streams hold 5.00 GiB of its memory"
        );
        let wanted = [Demand::proven(["libsvtav1"])];
        let said = awaited(&need(1, 1), &wanted, &[seen("old", need(0, 0), 0)]).unwrap();
        assert!(said.contains("node old: ") && said.contains("libsvtav1"), "{said}");
        assert_eq!(awaited(&need(1, 1), &[], &[busy, live]), None, "the second could take it");
        assert_eq!(awaited(&need(1, 1), &[], &[]), None);
        let many = [busy; 11];
        assert!(
            awaited(&need(1, 4), &[], &many)
                .unwrap()
                .ends_with("and so with 3 more")
        );
    }
}
