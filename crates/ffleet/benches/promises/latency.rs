//! From a submission to the first step of its children, on an idle system.

use std::time::Duration;

use ffleet_testkit::measure::{Bound, Row, millis, quantile};
use serde_json::json;

use crate::Extent;
use crate::mark::{Marks, now};
use crate::room::Room;
use crate::server::Server;

/// For the system to be idle again after a job.
const REST: Duration = Duration::from_millis(50);

pub(crate) fn rows(room: &Room, extent: Extent) -> Vec<Row> {
    let clip = room.clip("clip.mp4", "320x240", 2);
    let marks = Marks::new(room);
    let mut server = Server::start(room, &marks.env());
    let (mut medians, mut p99s, mut encodes) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..3 {
        let (mut first, mut encode) = (Vec::new(), Vec::new());
        for turn in 0..extent.pick(8, 40) {
            std::thread::sleep(REST);
            let target = room.text(&format!("out-{round}-{turn}.mp4"));
            let body = json!({
                "input": clip, "outputs": [{"target": target, "preset": "copy"}], "verify": "none",
            });
            let submitted = now();
            let job = server.call("POST", "/v1/jobs", &body.to_string());
            server.await_state(job["number"].as_u64().unwrap(), "completed");
            first.push(marks.last("ffprobe").checked_sub(submitted).unwrap());
            encode.push(marks.last("ffmpeg").checked_sub(submitted).unwrap());
        }
        first.sort_unstable();
        encode.sort_unstable();
        medians.push(millis(quantile(&first, 0.5)));
        p99s.push(millis(quantile(&first, 0.99)));
        encodes.push(millis(quantile(&encode, 0.5)));
    }
    let jobs = extent.pick(24, 120);
    let what = |which| format!("submission sent → {which}, idle system, {jobs} jobs one at a time");
    vec![
        Row::new(what("the first child runs, median"), "ms", Bound::AtMost(10.0), &medians),
        Row::new(what("the first child runs, p99"), "ms", Bound::AtMost(30.0), &p99s),
        Row::new(what("the encode runs, median"), "ms", Bound::AtMost(120.0), &encodes),
    ]
}
