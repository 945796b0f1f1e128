//! What a server costs that has nothing to do.

use std::time::{Duration, Instant};

use ffleet_testkit::measure::{Bound, Row, cpu_time, resident};
use serde_json::json;

use crate::Extent;
use crate::room::Room;
use crate::server::Server;

pub(crate) fn rows(room: &Room, extent: Extent) -> Vec<Row> {
    let mut server = Server::start(room, &[]);
    // One that has worked before, as every server that is idle has.
    let output = json!({"target": room.text("out.mp4"), "preset": "480p-h264"});
    let body = json!({"input": "test:480p30", "duration": "2s", "outputs": [output]});
    let job = server.call("POST", "/v1/jobs", &body.to_string());
    server.await_state(job["number"].as_u64().unwrap(), "completed");
    let window = Duration::from_secs(extent.pick(2, 10));
    let (memory, cpu) = watch(&server, window);
    let seconds = window.as_secs();
    vec![
        Row::new("idle `serve`: memory", "MB", Bound::AtMost(50.0), &memory),
        Row::new(
            format!("idle `serve`: CPU over {seconds} s, of one core"),
            "%",
            Bound::AtMost(0.2),
            &cpu,
        ),
    ]
}

/// Memory in MB and CPU in percent of one core, in three windows.
pub(crate) fn watch(server: &Server, window: Duration) -> (Vec<f64>, Vec<f64>) {
    // What a job leaves behind is swept first.
    std::thread::sleep(Duration::from_secs(2));
    let (mut memory, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (begun, before) = (Instant::now(), cpu_time(server.pid()).unwrap());
        std::thread::sleep(window);
        let spent = cpu_time(server.pid()).unwrap().saturating_sub(before);
        cpu.push(100.0 * spent.as_secs_f64() / begun.elapsed().as_secs_f64());
        memory.push(megabytes(resident(server.pid()).unwrap()));
    }
    (memory, cpu)
}

fn megabytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1_000).unwrap()) / 1_000.0
}
