//! What a job asks of the labels of nodes.

use ffleet_types::placement::{Wish, Wishes};

use super::*;

fn wishes(texts: &[&str]) -> Vec<Wish> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn join_labelled(fleet: &mut Fleet, id: u128, labels: &[(&str, &str)]) {
    let pair = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    fleet.apply(Event::NodeJoined {
        node: node(id),
        name: format!("node-{id}"),
        capacity: room(4),
        engines: Vec::new(),
        labels: labels.iter().map(pair).collect(),
        order: Order::Accept,
        at: second(0),
    });
}

fn ask(fleet: &mut Fleet, id: u64, cpus: u32, asked: Wishes) {
    let entry = Entry { wishes: Arc::new(asked), ..entry(id, Class::Medium, cpus, second(0)) };
    fleet.apply(Event::Submitted(entry));
}

#[test]
fn task_goes_only_where_what_it_requires_is_and_says_who_was_passed_over() {
    let mut fleet = Fleet::new(Policy::default());
    join_labelled(&mut fleet, 1, &[("zone", "us")]);
    join_labelled(&mut fleet, 2, &[("zone", "eu")]);
    ask(&mut fleet, 1, 1, Wishes { require: wishes(&["zone=eu"]), ..Wishes::default() });
    let assign = only(&fleet.plan(second(0)));
    assert_eq!(assign.node, node(2));
    let over: Vec<_> = assign.passed_over.iter().map(ToString::to_string).collect();
    assert_eq!(over, ["node node-1: no label zone=eu"]);
}

#[test]
fn task_whose_label_no_node_has_is_rejected_with_it() {
    let mut fleet = Fleet::new(Policy::default());
    join_labelled(&mut fleet, 1, &[("zone", "us")]);
    join_labelled(&mut fleet, 2, &[("gpu", "l4")]);
    ask(&mut fleet, 1, 1, Wishes { require: wishes(&["zone=eu"]), ..Wishes::default() });
    ask(
        &mut fleet,
        2,
        1,
        Wishes { require: wishes(&["zone", "gpu"]), ..Wishes::default() },
    );
    let plan = fleet.plan(second(0));
    let said: Vec<_> = plan.rejects.iter().map(|reject| reject.missing.as_str()).collect();
    assert_eq!(
        said,
        [
            "requires the label zone=eu, and no node has it",
            "requires the labels zone and gpu, and no one node has them all"
        ]
    );
}

#[test]
fn task_goes_first_where_it_prefers_and_last_where_it_avoids() {
    let mut fleet = Fleet::new(Policy::default());
    join_labelled(&mut fleet, 1, &[("spot", "yes")]);
    join_labelled(&mut fleet, 2, &[]);
    join_labelled(&mut fleet, 3, &[("gpu", "l4")]);
    let asked = Wishes { prefer: wishes(&["gpu"]), avoid: wishes(&["spot"]), ..Wishes::default() };
    for id in 1..=4 {
        ask(&mut fleet, id, 4, asked.clone());
    }
    let plan = fleet.plan(second(0));
    let went: Vec<_> = plan.assigns.iter().map(|assign| assign.node).collect();
    assert_eq!(went, [node(3), node(2), node(1)], "and the fourth waits");
}

#[test]
fn task_waits_for_a_label_and_goes_when_a_node_comes_back_with_it() {
    let mut fleet = Fleet::new(Policy::default());
    join_labelled(&mut fleet, 1, &[]);
    join_labelled(&mut fleet, 2, &[("gpu", "l4")]);
    fleet.apply(Event::NodeOrdered { node: node(2), order: Order::Drain });
    ask(&mut fleet, 1, 1, Wishes { require: wishes(&["gpu"]), ..Wishes::default() });
    assert!(fleet.plan(second(0)).is_empty(), "its node is drained, not gone");
    join_labelled(&mut fleet, 1, &[("gpu", "t4")]);
    assert_eq!(only(&fleet.plan(second(0))).node, node(1));
}
