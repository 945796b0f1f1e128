//! What a task wants of an engine.

use ffleet_types::node::{Demand, Engine};

use super::*;

pub(super) fn engine(encoders: &[&str]) -> Engine {
    Engine {
        name: "ffmpeg".to_owned(),
        path: "/usr/bin/ffmpeg".to_owned(),
        version: "7.1".to_owned(),
        hash: String::new(),
        encoders: encoders.iter().map(|&name| name.to_owned()).collect(),
        decoders: Vec::new(),
        filters: vec!["scale".to_owned()],
        muxers: vec!["mp4".to_owned()],
        listed: vec!["mpeg2video".to_owned()],
        threads: BTreeMap::new(),
        memory: BTreeMap::new(),
        unproven: [("encoder libx265".to_owned(), "it crashed".to_owned())].into(),
    }
}

fn join_with(fleet: &mut Fleet, id: u128, encoders: &[&str]) {
    join_built(fleet, id, 4, vec![engine(encoders)], second(0));
}

fn demand(fleet: &mut Fleet, id: u64, demands: &[Demand]) {
    let entry = Entry { demands: demands.into(), ..entry(id, Class::Medium, 1, second(0)) };
    fleet.apply(Event::Submitted(entry));
}

#[test]
fn task_that_no_nodes_engine_could_do_is_rejected_with_what_is_missing() {
    let mut fleet = Fleet::new(Policy::default());
    let (h265, h264) = (Demand::proven(["libx265"]), Demand::proven(["libx264", "other"]));
    demand(&mut fleet, 1, &[h264.clone(), h265.clone()]);
    demand(&mut fleet, 2, &[h264]);
    demand(&mut fleet, 3, &[Demand::Listed("nonesuch".to_owned())]);
    demand(&mut fleet, 4, &[Demand::Listed("mpeg2video".to_owned())]);
    demand(&mut fleet, 5, &[Demand::Filter("zscale".to_owned())]);
    demand(&mut fleet, 6, &[Demand::Muxer("mp4".to_owned())]);
    demand(&mut fleet, 7, &[Demand::Muxer("mxf".to_owned())]);
    assert!(fleet.plan(second(0)).is_empty(), "no node is known yet");
    join_with(&mut fleet, 1, &["libx264"]);
    let plan = fleet.plan(second(0));
    let rejects: Vec<_> = plan
        .rejects
        .iter()
        .map(|reject| (reject.task, reject.missing.as_str()))
        .collect();
    let advice = "name another, or install an FFmpeg that has it";
    let said = |what: &str| format!("needs {what}: {advice}");
    assert_eq!(
        rejects,
        [
            (
                task(1),
                &*said(
                    "a working encoder libx265, and no node's engine has that (it says: it crashed)"
                )
            ),
            (task(3), &*said("an encoder nonesuch, and no node's engine has that")),
            (task(5), &*said("the filter zscale, and no node's engine has that")),
            (task(7), &*said("the muxer mxf, and no node's engine has that")),
        ]
    );
    assert_eq!(plan.assigns.len(), 3, "{plan:?}");
}

#[test]
fn task_is_looked_at_again_when_a_node_comes_back_with_another_engine() {
    let mut fleet = Fleet::new(Policy::default());
    join_with(&mut fleet, 1, &["libx264"]);
    fleet.apply(Event::NodeOrdered { node: node(1), order: Order::Drain });
    demand(&mut fleet, 1, &[Demand::proven(["libx264"])]);
    assert!(fleet.plan(second(0)).is_empty(), "it waits for its node");
    join_with(&mut fleet, 1, &[]);
    assert_eq!(fleet.plan(second(0)).rejects.len(), 1);
}

#[test]
fn task_goes_only_where_an_engine_can_do_it_and_says_who_was_passed_over() {
    let mut fleet = Fleet::new(Policy::default());
    join_with(&mut fleet, 1, &["libx264"]);
    join_with(&mut fleet, 2, &["libx264", "libsvtav1"]);
    demand(&mut fleet, 1, &[Demand::proven(["libsvtav1"])]);
    let assign = only(&fleet.plan(second(0)));
    assert_eq!(assign.node, node(2), "the first would be taken where engines were alike");
    let over: Vec<_> = assign.passed_over.iter().map(ToString::to_string).collect();
    assert_eq!(over, ["node node-1: no working encoder libsvtav1"]);
    demand(&mut fleet, 2, &[Demand::proven(["libx264"])]);
    assert_eq!(only(&fleet.plan(second(0))).passed_over, [], "both can do this");
}

#[test]
fn task_waits_for_the_node_that_can_do_it_and_holds_up_nobody() {
    let mut fleet = Fleet::new(Policy::default());
    join_with(&mut fleet, 1, &["libx264"]);
    join_with(&mut fleet, 2, &["libsvtav1"]);
    for id in 1..=5 {
        demand(&mut fleet, id, &[Demand::proven(["libsvtav1"])]);
    }
    demand(&mut fleet, 6, &[Demand::proven(["libx264"])]);
    let plan = carry_out(&mut fleet, second(0));
    let went: Vec<_> = plan.assigns.iter().map(|one| (one.task, one.node)).collect();
    let wanted = [(1, 2), (2, 2), (3, 2), (4, 2), (6, 1)];
    assert_eq!(
        went,
        wanted.map(|(id, at)| (task(id), node(at))),
        "the fifth does not fit there"
    );
    // However long it is overtaken, no node is kept for it that is no use to it.
    for now in [30, 61, 90, 121] {
        for id in [1, 2] {
            let attempts = plan.assigns.iter().filter(|one| one.node == node(id));
            let attempts: Vec<_> = attempts.map(Assign::attempt).collect();
            hear(&mut fleet, id, &attempts, second(now));
        }
        demand(&mut fleet, 1_000 + now, &[Demand::proven(["libx264"])]);
        let next = carry_out(&mut fleet, second(now));
        let at: Vec<_> = next.assigns.iter().map(|one| (one.task, one.node)).collect();
        let there = now < 121;
        assert_eq!(at.contains(&(task(1_000 + now), node(1))), there, "{now}: {next:?}");
    }
    let attempt = plan.assigns[0].attempt();
    fleet.apply(Event::Ended { attempt, then: Then::End });
    let next = only(&fleet.plan(second(122)));
    assert_eq!((next.task, next.node), (task(5), node(2)));
    assert_eq!(next.passed_over, [], "the other has no room anyway");
}

#[test]
fn task_goes_to_a_node_that_comes_back_with_the_engine_it_waits_for() {
    let mut fleet = Fleet::new(Policy::default());
    join_with(&mut fleet, 1, &["libx264"]);
    join_with(&mut fleet, 2, &["libsvtav1"]);
    fleet.apply(Event::NodeOrdered { node: node(2), order: Order::Drain });
    demand(&mut fleet, 1, &[Demand::proven(["libsvtav1"])]);
    assert!(fleet.plan(second(0)).is_empty(), "it waits, and is not rejected");
    join_with(&mut fleet, 1, &["libx264", "libsvtav1"]);
    assert_eq!(only(&fleet.plan(second(0))).node, node(1));
}
