//! Sixty-four jobs at once, each of which wants every thread it can get.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ffleet_testkit::load::Connection;
use ffleet_testkit::measure::{Bound, Row, millis, quantile};
use ffleet_testkit::processes_with;
use serde_json::json;

use crate::Extent;
use crate::room::Room;
use crate::server::Server;

/// Between two looks at what there is.
const LOOK: Duration = Duration::from_millis(100);
/// Between two questions whether the server is well.
const BEAT: Duration = Duration::from_millis(20);
/// Between two probes.
const PROBE: Duration = Duration::from_millis(500);

pub(crate) fn rows(room: &Room, extent: Extent) -> Vec<Row> {
    let clip = room.clip("clip.mp4", "320x240", 2);
    // As many at once as the server takes of itself.
    let mut server = Server::start(room, &[("FFLEET_WORKER_MAX_TASKS", "auto".to_owned())]);
    let over = Arc::new(AtomicBool::new(false));
    let peak = Arc::new(AtomicU64::new(0));
    let counting = count(room, &over, &peak);
    let healthz = server.request("GET", "/healthz", "");
    let probe = server.request("POST", "/v1/probe", &json!({"input": clip}).to_string());
    let beats = beat(&server, healthz, BEAT, &over);
    let probes = beat(&server, probe, PROBE, &over);
    let mut numbers = Vec::new();
    for turn in 0..extent.pick(8, 64) {
        let body = json!({
            "input": "test:480p30", "duration": "2s",
            "outputs": [{
                "target": room.text(&format!("out-{turn}.mp4")),
                "raw": ["-c:v", "libx264", "-preset", "veryfast", "-threads", "0"],
            }],
        });
        let job = server.call("POST", "/v1/jobs", &body.to_string());
        numbers.push(job["number"].as_u64().unwrap());
    }
    for &number in &numbers {
        server.await_state(number, "completed");
    }
    over.store(true, Ordering::SeqCst);
    counting.join().unwrap();
    let (mut beats, mut probes) = (beats.join().unwrap(), probes.join().unwrap());
    beats.sort_unstable();
    probes.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "a number of threads")]
    let peak = peak.load(Ordering::SeqCst) as f64;
    let what = |which| format!("{} jobs with `-threads 0` at once: {which}", numbers.len());
    vec![
        Row::new(what("most processes and threads"), "", Bound::AtMost(80.0), &[peak]),
        Row::new(
            what("`GET /healthz` meanwhile, p99"),
            "ms",
            Bound::AtMost(50.0),
            &[millis(quantile(&beats, 0.99))],
        ),
        Row::new(
            what("a probe meanwhile, median"),
            "ms",
            Bound::AtMost(200.0),
            &[millis(quantile(&probes, 0.5))],
        ),
    ]
}

/// Keeps the most threads of all children and shims.
fn count(room: &Room, over: &Arc<AtomicBool>, peak: &Arc<AtomicU64>) -> JoinHandle<()> {
    let instance = std::fs::read_to_string(room.file("data").join("instance")).unwrap();
    let mark = format!("FFLEET_INSTANCE={}", instance.trim());
    let (over, peak) = (Arc::clone(over), Arc::clone(peak));
    std::thread::spawn(move || {
        while !over.load(Ordering::SeqCst) {
            let threads = |pid: &u32| {
                let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
                tasks.map_or(0, |tasks| tasks.count() as u64)
            };
            let living: u64 = processes_with(&mark).iter().map(threads).sum();
            peak.fetch_max(living, Ordering::SeqCst);
            std::thread::sleep(LOOK);
        }
    })
}

/// Sends a request again and again, and says how long each took.
fn beat(
    server: &Server,
    request: Vec<u8>,
    rest: Duration,
    over: &Arc<AtomicBool>,
) -> JoinHandle<Vec<Duration>> {
    let (address, over) = (server.address, Arc::clone(over));
    std::thread::spawn(move || {
        let mut times = Vec::new();
        let mut connection = Connection::open(address).unwrap();
        while !over.load(Ordering::SeqCst) {
            std::thread::sleep(rest);
            let begun = Instant::now();
            let status = connection.call(&request).unwrap().status;
            assert_eq!(status, 200);
            times.push(begun.elapsed());
        }
        times
    })
}
