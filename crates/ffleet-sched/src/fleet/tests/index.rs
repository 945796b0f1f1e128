//! The orders that nodes are found by answer what a look at every node does.

use proptest::prelude::*;

use super::*;
use crate::place::{self, Place};

/// A node: CPUs, memory in GiB, and how much of both is taken, in percent.
fn nodes() -> impl Strategy<Value = Vec<(u32, u64, u8)>> {
    prop::collection::vec((1..16_u32, 1..64_u64, 0..=100_u8), 1..600)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whether there is room is the same; of fewer than are compared, so is the node.
    #[test]
    fn search_finds_room_where_there_is_some(
        nodes in nodes(),
        cpus in 1..8_u32,
        gib in 0..40_u64,
    ) {
        let mut fleet = Fleet::new(Policy::default());
        let mut places = Vec::new();
        for (id, &(cpus, gib, taken)) in (1_u128..).zip(&nodes) {
            let capacity = Capacity { memory: Bytes::gib(gib), ..room(cpus) };
            fleet.apply(Event::NodeJoined {
                node: node(id),
                name: String::new(),
                capacity,
                engines: Vec::new(),
                labels: BTreeMap::new(),
                order: Order::Accept,
                at: second(0),
            });
            let part = |whole: u64| whole * u64::from(taken) / 100;
            let taken = Capacity {
                cpu: Cpu(u32::try_from(part(u64::from(capacity.cpu.0))).unwrap()),
                memory: Bytes(part(capacity.memory.0)),
                ..Capacity::default()
            };
            let held = Entry { need: taken, ..entry(u64::try_from(id).unwrap() + 1_000, Class::Low, 1, second(0)) };
            let renewed = second(0);
            let standing = Standing::Held { node: node(id), stage: Stage::Running, renewed };
            fleet.apply(Event::Recovered { entry: held, fence: Fence::FIRST, standing });
            let free = capacity.less(&taken);
            places.push(Place { node: node(id), capacity, free, lasting: capacity });
        }
        let mut wanted = entry(1, Class::Medium, cpus, second(0));
        wanted.need.memory = Bytes::gib(gib);
        let need = wanted.need;
        fleet.apply(Event::Submitted(wanted));
        let plan = fleet.plan(second(0));
        let went = plan.assigns.first().map(|assign| assign.node);
        let best = place::best(&places, &need, Headroom(0), |_| true);
        prop_assert_eq!(went.is_some(), best.is_some(), "{:?} of {:?}", need, places);
        if let Some(went) = went {
            let place = places.iter().find(|place| place.node == went).unwrap();
            prop_assert!(place.holds(&need, Headroom(0)));
        }
        if nodes.len() <= 256 {
            prop_assert_eq!(went, best.map(|index| places[index].node));
        }
    }
}
