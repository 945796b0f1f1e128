//! `ffleet simulate`: a fleet without a machine or a server.

use serde_json::Value;

use crate::fixture::Room;

#[test]
fn simulation_says_how_long_jobs_waited_and_comes_out_the_same_twice() {
    let room = Room::new();
    let run = || room.run(&["simulate", "--nodes", "10", "--jobs", "500", "--seed", "5", "--json"]);
    let first = run().ok();
    assert_eq!(first, run().ok());
    let report: Value = serde_json::from_str(&first).unwrap();
    assert_eq!((&report["violated"], &report["scenario"]["seed"]), (&0.into(), &5.into()));
    let ended = report["ends"].as_object().unwrap().values();
    assert_eq!(ended.map(|count| count.as_u64().unwrap()).sum::<u64>(), 500);
    let said = room
        .run(&["simulate", "--nodes", "10", "--jobs", "500", "--faults", "none"])
        .ok();
    for text in ["500 completed", "waited", "broadcaster", "violated: 0"] {
        assert!(said.contains(text), "no {text} in {said}");
    }
}
