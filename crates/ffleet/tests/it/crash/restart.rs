//! Stopped, started and started twice in the middle of a job.

use std::sync::Arc;
use std::time::Duration;

use ffleet_testkit::{measure, need, until};
use serde_json::json;

use crate::crash::{engines, judge};
use crate::fixture::{Room, Server, ffprobe};

/// No time for running work to end: a stop interrupts it.
const AT_ONCE: &str = "worker: {drain-timeout: 1ms}\n";

#[test]
fn job_that_a_stop_interrupts_is_completed_by_the_next_life_at_no_cost() {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return;
    }
    let room = Arc::new(Room::new());
    std::fs::write(room.path("at-once.yaml"), AT_ONCE).unwrap();
    let server = Server::open(room, &["--config", "at-once.yaml"]);
    let target = server.room.path("out.mp4");
    // One that would be charged to the job would be its last.
    let body = json!({
        "input": "test:240p30", "duration": "24s", "retries": 0,
        "outputs": [{"target": target, "raw": ["-c:v", "libx264", "-preset", "slower", "-an"]}],
    });
    assert_eq!(server.post_job(&body).status, 201);
    // Not by what is shown: how often that is told depends on the lease term.
    until(Duration::from_secs(60), "the encode is under way", || {
        let at_work =
            |&pid: &u32| measure::cpu_time(pid).is_ok_and(|used| used > Duration::from_millis(200));
        engines::at(&server, "-encode").iter().any(at_work)
    });
    // It leaves with exit code 0, and no process, work directory or sibling is left.
    let room = server.stop();
    assert!(!target.exists(), "something half was published");
    let server = Server::open(room, &["--config", "at-once.yaml"]);
    let job = server.await_state(1, "completed");
    assert_eq!(judge::completed_once(&job), 1, "{job:#}");
    let length: f64 = ffprobe(&target)["format"]["duration"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((23.5..24.5).contains(&length), "{length} s");
}

#[test]
fn of_two_servers_that_start_at_once_one_has_the_directory() {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return;
    }
    let room = Arc::new(Room::new());
    let args = ["serve", "--data", "data", "--listen", "127.0.0.1:0"];
    for _ in 0..5 {
        let servers = [0, 1].map(|_| {
            let mut command = room.command(&args);
            let output = command.stdout(std::process::Stdio::null());
            output.stderr(std::process::Stdio::piped()).spawn().unwrap()
        });
        let [first, second] = servers.map(Contender);
        let mut both = [first, second];
        let mut refused = None;
        until(Duration::from_secs(60), "one of them is refused", || {
            refused = both
                .iter_mut()
                .position(|server| server.0.try_wait().unwrap().is_some());
            refused.is_some()
        });
        let refused = refused.unwrap();
        let (holder, loser) = (both[1 - refused].0.id(), &mut both[refused].0);
        assert_eq!(loser.wait().unwrap().code(), Some(7));
        let mut told = String::new();
        let mut pipe = loser.stderr.take().unwrap();
        std::io::Read::read_to_string(&mut pipe, &mut told).unwrap();
        assert!(told.contains(&format!("in use by process {holder}")), "{told}");
        // The other is killed here; nobody else has the directory then.
    }
    Server::open(room, &[]).stop();
}

/// A server that is killed when it is dropped.
struct Contender(std::process::Child);

impl Drop for Contender {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}
