//! Nobody waits for ever: small tasks, lower classes and large tasks all get their turn.

use std::time::Duration;

use super::*;

/// A node of four CPUs that is kept full with tasks of `class` and one CPU, of ten seconds each
/// and never all done at once, while `waiting` waits. The second in which `waiting` goes, if it
/// does within `bound`.
fn second_of(mut fleet: Fleet, waiting: &Entry, class: Class, bound: u64) -> Option<u64> {
    let mut running: Vec<(u64, AttemptId)> = Vec::new();
    for id in 2..6 {
        fleet.apply(Event::Submitted(entry(id, Class::High, 1, second(0))));
        let attempt = only(&carry_out(&mut fleet, second(0))).attempt();
        running.push((2 * id, attempt));
    }
    fleet.apply(Event::Submitted(waiting.clone()));
    for now in 1..=bound {
        // More than there is room for, always.
        for n in 0..2 {
            fleet.apply(Event::Submitted(entry(now * 10 + n, class, 1, second(now))));
        }
        let attempts: Vec<AttemptId> = running.iter().map(|&(_, attempt)| attempt).collect();
        hear(&mut fleet, 1, &attempts, second(now));
        for (_, attempt) in running.extract_if(.., |(until, _)| *until <= now) {
            fleet.apply(Event::Ended { attempt, then: Then::End });
        }
        for assign in carry_out(&mut fleet, second(now)).assigns {
            if assign.task == waiting.task {
                return Some(now);
            }
            running.push((now + 10, assign.attempt()));
        }
    }
    None
}

fn policy() -> Policy {
    let queue =
        queue::Policy { ageing: Duration::from_secs(20), live_lead: Duration::from_secs(100) };
    Policy { queue, patience: Duration::from_secs(30), ..Policy::default() }
}

/// A fleet of one node with four CPUs.
fn one_node(policy: Policy) -> Fleet {
    let mut fleet = Fleet::new(Policy { headroom: Headroom(0), ..policy });
    join(&mut fleet, 1, 4, second(0));
    fleet
}

#[test]
fn every_class_gets_its_turn_within_its_handicap() {
    for &class in Class::ALL {
        let waiting = entry(1, class, 1, second(0));
        let handicap = policy().queue.handicap(waiting.lane());
        // What came before it with a handicap of its own goes first: ten seconds a round.
        let bound = handicap.as_secs() + 2 * 10 + 1;
        for &others in Class::ALL {
            // 4 CPUs do 0.4 tasks a second, and 2 come.
            let went = second_of(one_node(policy()), &waiting, others, 20 * bound);
            let ahead = 2 * handicap.as_secs() * 10 / 4;
            let went = went.unwrap_or_else(|| panic!("{class} starved beside {others}"));
            assert!(went <= bound + ahead, "{class} beside {others}: {went} s");
        }
    }
}

#[test]
fn large_task_gets_a_node_that_small_ones_would_keep_full() {
    let waiting = entry(1, Class::Medium, 4, second(0));
    let went = second_of(one_node(policy()), &waiting, Class::Medium, 500);
    // The first that goes past it, its patience, and the length of the others.
    assert!(went.is_some_and(|went| went <= 4 + 30 + 10), "{went:?}");
    let patient = Policy { patience: Duration::from_secs(10_000), ..policy() };
    let never = second_of(one_node(patient), &waiting, Class::Medium, 500);
    assert_eq!(never, None, "without a reservation it starves");
}

#[test]
fn small_tasks_go_past_a_large_one_until_its_patience_ends() {
    let mut fleet = one_node(policy());
    fleet.apply(Event::Submitted(entry(1, Class::Medium, 2, second(0))));
    let long = only(&carry_out(&mut fleet, second(0))).attempt();
    fleet.apply(Event::Submitted(entry(2, Class::Medium, 4, second(0))));
    let mut went = Vec::new();
    for now in 1..=60 {
        hear(&mut fleet, 1, &[long], second(now));
        fleet.apply(Event::Submitted(entry(100 + now, Class::Medium, 1, second(now))));
        for assign in carry_out(&mut fleet, second(now)).assigns {
            went.push(now);
            fleet.apply(Event::Ended { attempt: assign.attempt(), then: Then::End });
        }
    }
    assert_eq!(went, (1..=31).collect::<Vec<_>>(), "30 s from the first that went past");
    assert_eq!(
        fleet.plan(second(60)).wake,
        Some(second(70)),
        "nothing but the lease to wait for"
    );
    fleet.apply(Event::Ended { attempt: long, then: Then::End });
    hear(&mut fleet, 1, &[], second(61));
    assert_eq!(fleet.plan(second(61)).assigns[0].task, task(2));
}

/// A node with 2 of 4 CPUs taken for long, kept from second 31 on for task 2 that wants all.
fn kept() -> Fleet {
    let mut fleet = one_node(policy());
    fleet.apply(Event::Submitted(entry(1, Class::Medium, 2, second(0))));
    let long = only(&carry_out(&mut fleet, second(0))).attempt();
    fleet.apply(Event::Submitted(entry(2, Class::Medium, 4, second(0))));
    fleet.apply(Event::Submitted(entry(3, Class::Medium, 1, second(0))));
    let small = only(&carry_out(&mut fleet, second(1))).attempt();
    fleet.apply(Event::Ended { attempt: small, then: Then::End });
    hear(&mut fleet, 1, &[long], second(31));
    assert!(fleet.plan(second(31)).is_empty());
    fleet.apply(Event::Submitted(entry(4, Class::Medium, 1, second(31))));
    assert!(fleet.plan(second(32)).is_empty(), "kept for task 2");
    fleet
}

#[test]
fn higher_class_may_use_the_node_that_is_kept() {
    let mut fleet = kept();
    fleet.apply(Event::Submitted(entry(6, Class::High, 1, second(0))));
    assert_eq!(only(&fleet.plan(second(32))).task, task(6));
}

#[test]
fn canceled_task_leaves_the_node_that_was_kept_for_it_to_others() {
    let mut fleet = kept();
    fleet.apply(Event::Removed { task: task(2) });
    assert_eq!(only(&fleet.plan(second(32))).task, task(4));
}

#[test]
fn task_finds_another_node_when_the_kept_one_is_drained() {
    let mut fleet = kept();
    join(&mut fleet, 2, 4, second(32));
    fleet.apply(Event::NodeOrdered { node: node(1), order: Order::Drain });
    assert_eq!(only(&fleet.plan(second(32))).node, node(2));
}

#[test]
fn node_is_not_kept_for_what_live_work_will_never_leave() {
    let mut fleet = one_node(policy());
    fleet.apply(Event::Submitted(entry(1, Class::Live, 2, second(0))));
    let live = only(&carry_out(&mut fleet, second(0))).attempt();
    fleet.apply(Event::Submitted(entry(2, Class::Medium, 4, second(0))));
    for now in 1..=100 {
        hear(&mut fleet, 1, &[live], second(now));
        fleet.apply(Event::Submitted(entry(100 + now, Class::Medium, 1, second(now))));
        let small = only(&carry_out(&mut fleet, second(now))).attempt();
        fleet.apply(Event::Ended { attempt: small, then: Then::End });
    }
}
