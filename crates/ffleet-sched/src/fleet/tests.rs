mod engines;
mod fair;
mod index;
mod labels;
mod properties;
mod starvation;
mod trouble;
mod why;

use std::sync::Arc;

use ffleet_types::job::{Class, Priority};
use ffleet_types::{AttemptId, Bytes, Cpu, JobId, TenantId};

use super::*;
use crate::lease::Stage;

fn node(id: u128) -> NodeId {
    NodeId::from_bits(id)
}

fn task(id: u64) -> TaskId {
    TaskId::whole(JobId::from_bits(u128::from(id)))
}

/// So many seconds after the tests began.
fn second(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + seconds * 1_000)
}

fn room(cpus: u32) -> Capacity {
    Capacity {
        cpu: Cpu::whole(cpus),
        memory: Bytes::gib(64),
        scratch: Bytes::gib(64),
        tasks: 64,
    }
}

fn entry(id: u64, class: Class, cpus: u32, submitted: Timestamp) -> Entry {
    Entry {
        task: task(id),
        class,
        priority: Priority::Medium,
        tenant: TenantId::default(),
        need: Capacity { cpu: Cpu::whole(cpus), tasks: 1, ..Capacity::default() },
        demands: [].into(),
        wishes: Arc::default(),
        submitted,
        sequence: id,
    }
}

fn join(fleet: &mut Fleet, id: u128, cpus: u32, at: Timestamp) {
    join_built(fleet, id, cpus, Vec::new(), at);
}

fn join_built(fleet: &mut Fleet, id: u128, cpus: u32, engines: Vec<Engine>, at: Timestamp) {
    let effect = fleet.apply(Event::NodeJoined {
        node: node(id),
        name: format!("node-{id}"),
        capacity: room(cpus),
        engines,
        labels: BTreeMap::new(),
        order: Order::Accept,
        at,
    });
    assert_eq!(effect, Effect::Applied);
}

/// A fleet of one node with so many CPUs, joined at second 0.
fn fleet_of(cpus: u32) -> Fleet {
    let mut fleet = Fleet::new(Policy::default());
    join(&mut fleet, 1, cpus, second(0));
    fleet
}

fn submit(fleet: &mut Fleet, id: u64, cpus: u32) {
    let entry = entry(id, Class::Medium, cpus, second(0));
    assert_eq!(fleet.apply(Event::Submitted(entry)), Effect::Applied);
}

fn hear(fleet: &mut Fleet, id: u128, attempts: &[AttemptId], at: Timestamp) {
    let attempts = attempts.to_vec();
    let effect = fleet.apply(Event::NodeHeard { node: node(id), attempts, at });
    assert_eq!(effect, Effect::Applied);
}

/// Plans, and says of everything assigned that it is written and has started.
fn carry_out(fleet: &mut Fleet, now: Timestamp) -> Plan {
    let plan = fleet.plan(now);
    for assign in &plan.assigns {
        let attempt = assign.attempt();
        assert_eq!(fleet.apply(Event::Assigned { attempt, at: now }), Effect::Applied);
        assert_eq!(fleet.apply(Event::Started { attempt, at: now }), Effect::Applied);
    }
    plan
}

/// The only assignment of a plan.
fn only(plan: &Plan) -> Assign {
    assert_eq!(plan.assigns.len(), 1, "{plan:?}");
    plan.assigns[0].clone()
}

#[test]
fn submitted_task_goes_to_a_node_with_room() {
    let mut fleet = fleet_of(4);
    submit(&mut fleet, 7, 2);
    let plan = fleet.plan(second(1));
    assert_eq!(
        only(&plan),
        Assign {
            task: task(7),
            node: node(1),
            fence: Fence::FIRST,
            passed_over: Vec::new()
        }
    );
    assert_eq!(plan.wake, Some(second(11)), "when its lease lapses");
    assert_eq!(fleet.promised(node(1)).cpu, Cpu::whole(2), "debited before anybody answers");
    assert!(fleet.plan(second(1)).is_empty(), "each item is asked for once");
}

#[test]
fn room_is_given_away_once_and_again_when_it_is_back() {
    let mut fleet = fleet_of(4);
    for id in 1..=3 {
        submit(&mut fleet, id, 2);
    }
    let plan = carry_out(&mut fleet, second(1));
    assert_eq!(
        plan.assigns.iter().map(|assign| assign.task).collect::<Vec<_>>(),
        [task(1), task(2)]
    );
    let attempt = plan.assigns[1].attempt();
    assert_eq!(fleet.apply(Event::Ended { attempt, then: Then::End }), Effect::Applied);
    assert_eq!(only(&fleet.plan(second(2))).task, task(3));
    assert_eq!(fleet.tasks(), 2);
}

#[test]
fn memory_that_rings_have_is_given_to_no_task() {
    let mut fleet = fleet_of(4);
    let all = fleet.node(node(1)).unwrap().capacity.memory;
    let holds = |memory| Event::NodeHolds { node: node(1), memory };
    assert_eq!(fleet.apply(holds(all)), Effect::Applied);
    let mut wanted = entry(1, Class::Medium, 2, second(0));
    wanted.need.memory = Bytes::gib(1);
    fleet.apply(Event::Submitted(wanted));
    assert!(fleet.plan(second(1)).is_empty(), "it waits, and is not rejected: rings may go");
    fleet.apply(holds(Bytes(0)));
    assert_eq!(only(&fleet.plan(second(2))).task, task(1));
}

#[test]
fn refused_assignment_is_planned_again_under_the_same_fence() {
    let mut fleet = fleet_of(4);
    submit(&mut fleet, 1, 4);
    only(&fleet.plan(second(1)));
    assert_eq!(fleet.apply(Event::Refused { task: task(1), at: second(1) }), Effect::Applied);
    assert_eq!(fleet.promised(node(1)), Capacity::default());
    let plan = fleet.plan(second(1));
    assert!(plan.is_empty() && plan.wake == Some(second(2)), "it rests: {plan:?}");
    assert_eq!(only(&fleet.plan(second(2))).fence, Fence::FIRST, "the store never had it");
}

#[test]
fn declined_task_goes_again_under_the_next_fence_and_blocks_nobody() {
    let mut fleet = fleet_of(4);
    submit(&mut fleet, 1, 4);
    let attempt = only(&fleet.plan(second(1))).attempt();
    fleet.apply(Event::Assigned { attempt, at: second(1) });
    assert_eq!(fleet.apply(Event::Declined { attempt, at: second(1) }), Effect::Applied);
    submit(&mut fleet, 2, 4);
    let other = only(&fleet.plan(second(1)));
    assert_eq!(other.task, task(2));
    fleet.apply(Event::Removed { task: task(2) });
    assert_eq!(only(&fleet.plan(second(2))).fence, Fence::FIRST.next());
}

#[test]
fn node_that_closes_itself_gets_nothing_until_it_opens_and_keeps_what_it_has() {
    let mut fleet = fleet_of(4);
    submit(&mut fleet, 1, 1);
    let held = only(&carry_out(&mut fleet, second(1))).attempt();
    let close =
        |fleet: &mut Fleet, closed| fleet.apply(Event::NodeClosed { node: node(1), closed });
    assert_eq!(close(&mut fleet, true), Effect::Applied);
    submit(&mut fleet, 2, 1);
    hear(&mut fleet, 1, &[held], second(5));
    let plan = fleet.plan(second(9));
    assert!(plan.is_empty(), "{plan:?}");
    assert_eq!(close(&mut fleet, false), Effect::Applied);
    assert_eq!(only(&fleet.plan(second(9))).task, task(2));
    let stranger = Event::NodeClosed { node: node(9), closed: true };
    assert_eq!(fleet.apply(stranger), Effect::Stale);
}

#[test]
fn stale_report_changes_nothing() {
    let mut fleet = fleet_of(4);
    submit(&mut fleet, 1, 1);
    let attempt = only(&carry_out(&mut fleet, second(1))).attempt();
    let stale = AttemptId { fence: Fence::FIRST.next(), ..attempt };
    let before = format!("{fleet:?}");
    for event in [
        Event::Ended { attempt: stale, then: Then::End },
        Event::Declined { attempt: stale, at: second(2) },
        Event::Started { attempt, at: second(2) },
        Event::Declined { attempt, at: second(2) },
        Event::Assigned { attempt, at: second(2) },
        Event::Resumed { attempt },
        Event::Requeued { task: task(1) },
        Event::Refused { task: task(1), at: second(2) },
        Event::Removed { task: task(9) },
        Event::NodeSuspect { node: node(9) },
        Event::NodeHeard { node: node(9), attempts: vec![attempt], at: second(2) },
        Event::Submitted(entry(1, Class::Live, 1, second(2))),
    ] {
        let said = format!("{event:?}");
        assert_eq!(fleet.apply(event), Effect::Stale, "{said}");
        assert_eq!(format!("{fleet:?}"), before, "{said}");
    }
}

#[test]
fn failed_task_waits_for_its_time_and_keeps_its_place() {
    let mut fleet = fleet_of(4);
    submit(&mut fleet, 1, 4);
    let attempt = only(&carry_out(&mut fleet, second(1))).attempt();
    submit(&mut fleet, 2, 4);
    submit(&mut fleet, 3, 4);
    fleet.apply(Event::Ended { attempt, then: Then::Retry { not_before: second(5) } });
    let second_job = only(&carry_out(&mut fleet, second(2)));
    assert_eq!(second_job.task, task(2));
    let plan = fleet.plan(second(5));
    assert_eq!(plan.requeues, [task(1)]);
    assert!(fleet.plan(second(5)).requeues.is_empty(), "asked for once");
    assert_eq!(fleet.apply(Event::Requeued { task: task(1) }), Effect::Applied);
    fleet.apply(Event::Ended { attempt: second_job.attempt(), then: Then::End });
    hear(&mut fleet, 1, &[], second(6));
    let again = only(&fleet.plan(second(6)));
    assert_eq!((again.task, again.fence), (task(1), Fence::FIRST.next()), "before task 3");
}

#[test]
fn lapsed_lease_is_reclaimed_once() {
    let mut fleet = fleet_of(4);
    submit(&mut fleet, 1, 1);
    let running = only(&carry_out(&mut fleet, second(1))).attempt();
    submit(&mut fleet, 2, 1);
    let assigned = only(&fleet.plan(second(2))).attempt();
    fleet.apply(Event::Assigned { attempt: assigned, at: second(2) });

    assert_eq!(fleet.plan(second(10)).wake, Some(second(11)));
    let plan = fleet.plan(second(12));
    let reclaimed: Vec<_> = plan
        .reclaims
        .iter()
        .map(|reclaim| (reclaim.attempt, reclaim.started))
        .collect();
    assert_eq!(reclaimed, [(running, true), (assigned, false)]);
    assert!(fleet.plan(second(13)).reclaims.is_empty());

    // Not written: asked for again after another term.
    fleet.apply(Event::Refused { task: task(1), at: second(13) });
    assert!(fleet.plan(second(14)).reclaims.is_empty());
    assert_eq!(fleet.plan(second(23)).reclaims.len(), 1);
    let then = Then::Retry { not_before: second(23) };
    assert_eq!(fleet.apply(Event::Ended { attempt: running, then }), Effect::Applied);
    let declined = Event::Declined { attempt: assigned, at: second(23) };
    assert_eq!(fleet.apply(declined), Effect::Applied);
    assert_eq!(fleet.promised(node(1)), Capacity::default());
}

#[test]
fn node_that_is_heard_from_keeps_what_it_names() {
    let mut fleet = fleet_of(4);
    submit(&mut fleet, 1, 1);
    submit(&mut fleet, 2, 1);
    let plan = carry_out(&mut fleet, second(1));
    hear(&mut fleet, 1, &[plan.assigns[0].attempt()], second(9));
    let reclaims = fleet.plan(second(12)).reclaims;
    assert_eq!(reclaims.len(), 1, "{reclaims:?}");
    assert_eq!(reclaims[0].attempt, plan.assigns[1].attempt(), "the one it did not name");
}

#[test]
fn paused_attempt_is_lost_with_its_node_and_keeps_its_room_until_then() {
    let mut fleet = fleet_of(4);
    submit(&mut fleet, 1, 3);
    let attempt = only(&carry_out(&mut fleet, second(1))).attempt();
    assert_eq!(fleet.apply(Event::Paused { attempt }), Effect::Applied);
    submit(&mut fleet, 2, 2);
    assert!(fleet.plan(second(2)).assigns.is_empty(), "its memory is still there");
    let reclaims = fleet.plan(second(11)).reclaims;
    assert!(reclaims[0].started, "{reclaims:?}");
}

#[test]
fn only_active_nodes_that_accept_take_work() {
    let mut fleet = fleet_of(4);
    submit(&mut fleet, 1, 1);
    for order in [Order::Drain, Order::Quarantine] {
        fleet.apply(Event::NodeOrdered { node: node(1), order });
        assert!(fleet.plan(second(1)).is_empty(), "{order:?}");
    }
    fleet.apply(Event::NodeOrdered { node: node(1), order: Order::Accept });
    fleet.apply(Event::NodeSuspect { node: node(1) });
    assert!(fleet.plan(second(1)).is_empty(), "its connection is broken");
    hear(&mut fleet, 1, &[], second(2));
    assert!(fleet.plan(second(12)).is_empty(), "it is gone");
    hear(&mut fleet, 1, &[], second(11));
    only(&fleet.plan(second(12)));
}

#[test]
fn task_that_no_node_could_hold_is_rejected_with_what_is_missing() {
    let mut fleet = Fleet::new(Policy::default());
    submit(&mut fleet, 1, 8);
    assert!(fleet.plan(second(0)).is_empty(), "no node is known yet");
    join(&mut fleet, 1, 4, second(0));
    fleet.apply(Event::NodeOrdered { node: node(1), order: Order::Drain });
    let rejects = fleet.plan(second(0)).rejects;
    assert_eq!(rejects.len(), 1, "{rejects:?}");
    assert_eq!(rejects[0].missing, "needs 800% of CPU (the largest node has 400%)");
    assert!(fleet.plan(second(0)).rejects.is_empty(), "asked for once");
    fleet.apply(Event::Removed { task: task(1) });
    assert_eq!((fleet.tasks(), fleet.queued()), (0, 0));
}

#[test]
fn task_waits_for_a_node_that_is_busy_drained_or_gone() {
    let mut fleet = fleet_of(8);
    fleet.apply(Event::NodeOrdered { node: node(1), order: Order::Drain });
    join(&mut fleet, 2, 4, second(0));
    submit(&mut fleet, 1, 8);
    assert!(fleet.plan(second(1_000)).is_empty(), "its node may come back");
    fleet.apply(Event::NodeForgotten { node: node(1) });
    assert_eq!(fleet.plan(second(1_000)).rejects.len(), 1, "it will not");
}

#[test]
fn live_work_wants_headroom() {
    let mut fleet = fleet_of(8);
    submit(&mut fleet, 1, 4);
    only(&carry_out(&mut fleet, second(1)));
    fleet.apply(Event::Submitted(entry(2, Class::Live, 4, second(1))));
    assert!(fleet.plan(second(2)).assigns.is_empty(), "4 of 4 CPUs leave it none");
    fleet.apply(Event::Submitted(entry(3, Class::Live, 3, second(1))));
    assert_eq!(only(&fleet.plan(second(2))).task, task(3));
}

#[test]
fn recovered_tasks_are_where_they_were() {
    let mut fleet = fleet_of(4);
    let fence = Fence::from_u64(5);
    let entry = |id| entry(id, Class::Medium, 1, second(0));
    let recovered = |id, standing| Event::Recovered { entry: entry(id), fence, standing };
    let held = Standing::Held { node: node(1), stage: Stage::Running, renewed: second(0) };
    fleet.apply(recovered(1, held));
    fleet.apply(recovered(2, Standing::Queued));
    fleet.apply(recovered(3, Standing::Retrying { until: second(3) }));
    assert_eq!(fleet.promised(node(1)).cpu, Cpu::whole(1));
    let assign = only(&fleet.plan(second(0)));
    assert_eq!((assign.task, assign.fence), (task(2), fence.next()));
    let plan = fleet.plan(second(3));
    assert_eq!(plan.requeues, [task(3)]);
    let attempt = AttemptId { task: task(1), fence };
    assert_eq!(fleet.apply(Event::Ended { attempt, then: Then::End }), Effect::Applied);
}

#[test]
fn task_that_is_canceled_anywhere_leaves_nothing_behind() {
    let mut fleet = fleet_of(1);
    for id in 1..=4 {
        submit(&mut fleet, id, 1);
    }
    let held = only(&fleet.plan(second(1)));
    fleet.apply(Event::Refused { task: held.task, at: second(1) });
    only(&carry_out(&mut fleet, second(1)));
    for id in 1..=4 {
        assert_eq!(fleet.apply(Event::Removed { task: task(id) }), Effect::Applied);
    }
    assert_eq!((fleet.tasks(), fleet.queued(), fleet.leases().count()), (0, 0, 0));
    assert_eq!(fleet.promised(node(1)), Capacity::default());
    assert_eq!(fleet.plan(second(100)), Plan::default());
}
