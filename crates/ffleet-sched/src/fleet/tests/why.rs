//! What is said of a task that waits, and of one that went.

use ffleet_types::node::Demand;

use super::*;
use crate::share::{Quota, Share};

fn why(fleet: &Fleet, id: u64) -> String {
    fleet.why(task(id)).unwrap().to_string()
}

#[test]
fn task_that_waits_says_of_each_node_what_keeps_it_away() {
    let mut fleet = fleet_of(4);
    join(&mut fleet, 2, 2, second(0));
    join(&mut fleet, 3, 8, second(0));
    join_built(&mut fleet, 4, 8, vec![engines::engine(&["libx264"])], second(0));
    fleet.apply(Event::NodeOrdered { node: node(3), order: Order::Drain });
    submit(&mut fleet, 1, 3);
    let mut wanting = entry(2, Class::Medium, 3, second(0));
    wanting.demands = [Demand::proven(["libx265"])].into();
    fleet.apply(Event::Submitted(wanting));
    let plan = carry_out(&mut fleet, second(1));
    let first = &plan.assigns[0];
    assert_eq!((first.task, first.node), (task(1), node(1)));
    assert_eq!(why(&fleet, 1), "it went to node node-1");
    assert_eq!(
        why(&fleet, 2),
        "0 of its tenant and class are before it; 0 of 4 nodes have room\n\
         node node-1: no room for 300% of CPU (100% free)\n\
         node node-2: no room for 300% of CPU (200% altogether)\n\
         node node-3: it is drained, and takes no more work\n\
         node node-4: no working encoder libx265"
    );
    assert_eq!(fleet.why(task(99)), None);
}

#[test]
fn of_a_large_fleet_a_few_are_named_and_the_rest_counted() {
    let mut fleet = Fleet::new(Policy::default());
    for id in 1..=100 {
        join(&mut fleet, id, if id % 2 == 0 { 2 } else { 4 }, second(0));
    }
    for id in 1..=100 {
        submit(&mut fleet, id, 4);
    }
    let plan = carry_out(&mut fleet, second(0));
    assert_eq!(plan.assigns.len(), 50);
    let Some(Why::Waits { ahead, nodes, known, open, more, .. }) = fleet.why(task(100)) else {
        panic!("it waits");
    };
    assert_eq!((ahead, known, open, nodes.len()), (49, 100, 0, 8));
    assert_eq!(more, [(Lack::Small, 46), (Lack::Busy, 46)]);
}

#[test]
fn what_rests_is_kept_or_waits_for_a_quota_says_so() {
    let mut fleet = fleet_of(4);
    let quota = Quota { running: Some(1), ..Quota::default() };
    let tenant = TenantId::default();
    fleet.apply(Event::TenantShared { tenant, share: Share { quota, ..Share::default() } });
    submit(&mut fleet, 1, 1);
    submit(&mut fleet, 2, 1);
    let attempt = only(&carry_out(&mut fleet, second(0))).attempt();
    assert!(why(&fleet, 2).contains("quota is used up"), "{}", why(&fleet, 2));
    let then = Then::Retry { not_before: second(9) };
    fleet.apply(Event::Ended { attempt, then });
    assert!(why(&fleet, 1).starts_with("an attempt has failed"), "{}", why(&fleet, 1));
}
