//! Whole jobs whose child ends at once: what server, worker, guard and shim take of a machine.

use std::time::{Duration, Instant};

use ffleet_testkit::measure::{Bound, Row};
use serde_json::json;

use crate::Extent;
use crate::mark::Marks;
use crate::room::Room;
use crate::server::Server;

/// Jobs at a time.
const AT_ONCE: u32 = 16;
const LOOK: Duration = Duration::from_millis(5);

pub(crate) fn rows(room: &Room, extent: Extent) -> Vec<Row> {
    let tools = Marks::instant(room);
    let mut env = tools.env();
    env.push(("FFLEET_WORKER_MAX_TASKS", AT_ONCE.to_string()));
    let mut server = Server::start(room, &env);
    let mut rates = Vec::new();
    for round in 0..3 {
        let mut numbers = Vec::new();
        let begun = Instant::now();
        for turn in 0..extent.pick(60, 1_000) {
            let target = room.text(&format!("out-{round}-{turn}.mkv"));
            let body = json!({
                "input": "test:240p30", "duration": "1s", "verify": "none",
                "outputs": [{"target": target, "raw": ["-c:v", "rawvideo"]}],
                "limits": {"cpu": "10%", "memory": "32MiB", "scratch": "16MiB"},
            });
            let job = server.call("POST", "/v1/jobs", &body.to_string());
            numbers.push(job["number"].as_u64().unwrap());
        }
        for number in numbers.iter().rev() {
            while server.call("GET", &format!("/v1/jobs/{number}"), "")["state"] != "completed" {
                assert!(begun.elapsed() < Duration::from_secs(180), "job {number} does not end");
                std::thread::sleep(LOOK);
            }
        }
        rates.push(numbers.len() as f64 / begun.elapsed().as_secs_f64());
    }
    let what = format!(
        "whole jobs whose child ends at once, {AT_ONCE} at a time: submitted, run by shim in cgroups and \
         sandbox, published"
    );
    vec![Row::new(what, "/s", Bound::AtLeast(250.0), &rates)]
}
