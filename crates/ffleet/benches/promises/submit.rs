//! Submissions over HTTP, each on disk when it is acknowledged, by clients on the same CPUs.

use std::time::Duration;

use ffleet_testkit::load;
use ffleet_testkit::measure::{Bound, Row, millis, quantile};
use serde_json::json;

use crate::Extent;
use crate::room::Room;
use crate::server::Server;

const CLIENTS: usize = 16;

pub(crate) fn rows(room: &Room, extent: Extent) -> Vec<Row> {
    let clip = room.clip("clip.mp4", "320x240", 1);
    let mut server = Server::start(room, &[]);
    // What is accepted waits: this measures the front door, not FFmpeg.
    let blocker = server.block(room);
    let length = Duration::from_secs(extent.pick(1, 3));
    let mut turn = 0_u64;
    let (mut rates, mut p50s, mut p99s) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        let next = || {
            turn += 1;
            let target = room.text(&format!("out-{turn}.mp4"));
            let body =
                json!({"input": clip, "outputs": [{"target": target, "preset": "720p-h264"}]});
            server.request("POST", "/v1/jobs", &body.to_string())
        };
        let load = load::run(server.address, CLIENTS, length, 201, next).unwrap();
        rates.push(load.rate());
        p50s.push(millis(quantile(&load.times, 0.5)));
        p99s.push(millis(quantile(&load.times, 0.99)));
    }
    // Every one that was acknowledged is there.
    let newest = &server.call("GET", "/v1/jobs?limit=1", "")["jobs"][0];
    assert_eq!(newest["number"], turn + blocker);
    let what = |which| format!("submit over HTTP, {CLIENTS} clients on the same CPUs, {which}");
    vec![
        Row::new(what("on disk when acknowledged"), "/s", Bound::AtLeast(15_000.0), &rates),
        Row::new(what("median"), "ms", Bound::Open, &p50s),
        Row::new(what("p99"), "ms", Bound::AtMost(10.0), &p99s),
    ]
}
