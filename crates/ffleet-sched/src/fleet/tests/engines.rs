//! What a task wants of an engine.

use ffleet_types::node::{Demand, Engine};

use super::*;

fn engine(encoders: &[&str]) -> Engine {
    Engine {
        name: "ffmpeg".to_owned(),
        path: "/usr/bin/ffmpeg".to_owned(),
        version: "7.1".to_owned(),
        hash: String::new(),
        encoders: encoders.iter().map(|&name| name.to_owned()).collect(),
        decoders: Vec::new(),
        filters: vec!["scale".to_owned()],
        listed: vec!["mpeg2video".to_owned()],
        threads: BTreeMap::new(),
        memory: BTreeMap::new(),
        unproven: [("encoder libx265".to_owned(), "it crashed".to_owned())].into(),
    }
}

fn join_with(fleet: &mut Fleet, id: u128, encoders: &[&str]) {
    fleet.apply(Event::NodeJoined {
        node: node(id),
        name: format!("node-{id}"),
        capacity: room(4),
        engines: vec![engine(encoders)],
        order: Order::Accept,
        at: second(0),
    });
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
        ]
    );
    assert_eq!(plan.assigns.len(), 2, "{plan:?}");
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
