//! Nodes under pressure, nodes that are silent, and nodes that fail one job after another.

use ffleet_types::{Outcome, Reason};

use super::*;
use crate::pressure::Pressure;

fn press(fleet: &mut Fleet, id: u128, memory: u8) {
    let pressure = Pressure { memory, ..Pressure::default() };
    assert_eq!(fleet.apply(Event::NodePressed { node: node(id), pressure }), Effect::Applied);
}

#[test]
fn hot_node_gets_nothing_and_a_warm_one_what_fits_nowhere_else() {
    let mut fleet = fleet_of(4);
    join(&mut fleet, 2, 4, second(0));
    press(&mut fleet, 1, 10);
    submit(&mut fleet, 1, 3);
    submit(&mut fleet, 2, 3);
    submit(&mut fleet, 3, 3);
    let plan = fleet.plan(second(1));
    let went: Vec<_> = plan.assigns.iter().map(|assign| assign.node).collect();
    assert_eq!(went, [node(2), node(1)], "the calm one first");
    fleet.apply(Event::Removed { task: task(1) });
    fleet.apply(Event::Removed { task: task(2) });
    press(&mut fleet, 1, 50);
    press(&mut fleet, 2, 50);
    assert!(fleet.plan(second(2)).is_empty(), "both are hot");
    press(&mut fleet, 2, 0);
    assert_eq!(only(&fleet.plan(second(2))).node, node(2));
}

#[test]
fn node_that_was_silent_for_half_of_its_lease_gets_nothing_until_it_speaks() {
    let mut fleet = fleet_of(4);
    submit(&mut fleet, 1, 1);
    assert!(fleet.plan(second(5)).is_empty());
    hear(&mut fleet, 1, &[], second(6));
    only(&fleet.plan(second(10)));
}

#[test]
fn node_that_fails_different_jobs_in_a_row_is_put_aside_and_comes_back_when_it_is_told_to() {
    let mut fleet = fleet_of(4);
    let fail = |fleet: &mut Fleet, id: u64| {
        let outcome = Outcome::failed(Reason::RuntimeError, "it crashed");
        let job = task(id).job;
        fleet.apply(Event::NodeJudged { node: node(1), job, outcome });
        fleet.plan(second(1)).quarantines
    };
    for id in 1..=4 {
        assert_eq!(fail(&mut fleet, id), []);
    }
    let put = fail(&mut fleet, 5);
    assert_eq!(put.len(), 1, "{put:?}");
    assert!(put[0].why.to_string().contains("5 different jobs"), "{}", put[0].why);
    submit(&mut fleet, 9, 1);
    assert!(fleet.plan(second(1)).is_empty(), "it takes nothing, and is put aside once");
    fleet.apply(Event::NodeOrdered { node: node(1), order: Order::Accept });
    only(&fleet.plan(second(1)));
    assert_eq!(fail(&mut fleet, 6), [], "it begins anew");
}

#[test]
fn five_hundred_tasks_of_one_second_stay_within_every_node() {
    let mut fleet = Fleet::new(Policy::default());
    for id in 1..=20 {
        join(&mut fleet, id, 8, second(0));
    }
    for id in 1..=500 {
        let mut entry = entry(id, Class::Medium, 1 + u32::try_from(id % 3).unwrap(), second(0));
        entry.need.memory = Bytes::gib(1 + id % 9);
        fleet.apply(Event::Submitted(entry));
    }
    let plan = fleet.plan(second(0));
    let mut sums: BTreeMap<NodeId, Capacity> = BTreeMap::new();
    for assign in &plan.assigns {
        let sum = sums.entry(assign.node).or_default();
        *sum = sum.plus(&fleet.tasks[&assign.task].entry.need);
    }
    assert!(plan.assigns.len() >= 60, "{}", plan.assigns.len());
    for (id, sum) in sums {
        assert!(room(8).holds(&sum), "{id}: {sum:?}");
        assert_eq!(fleet.promised(id), sum);
    }
    assert!(fleet.plan(second(0)).assigns.is_empty(), "nothing is given twice");
}
