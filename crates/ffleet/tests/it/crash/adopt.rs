//! An encode outlives the server that started it: the next life goes on with it.

use std::sync::Arc;
use std::time::Duration;

use ffleet_testkit::{measure, need, until};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::crash::engines::{self, is_alive};
use crate::crash::judge;
use crate::fixture::{Room, Server, ffprobe};

const SOON: Duration = Duration::from_secs(60);
/// CPU time after which an encode has surely begun.
const A_WHILE: Duration = Duration::from_millis(300);
/// A lease term within which no encode here ends, and one in which they all do.
const SHORT: &str = "lease-term: 3s\n";
const LONG: &str = "lease-term: 60s\n";

pub(super) fn have_ffmpeg() -> bool {
    need::ffmpeg().is_some() && need::ffprobe().is_some()
}

/// A server with a job whose encode is under way.
pub(super) struct Working {
    pub(super) server: Server,
    pub(super) job: u64,
    /// The process that encodes.
    pub(super) ffmpeg: u32,
}

impl Working {
    fn begin(seconds: u32, preset: &str) -> Self {
        Self::begin_with(Room::new(), &[], seconds, preset)
    }

    pub(super) fn begin_with(room: Room, more: &[&str], seconds: u32, preset: &str) -> Self {
        let server = Server::open(Arc::new(room), more);
        let target = server.room.path("out.mp4");
        // A retry that would be charged to the job would be its last.
        let body = json!({
            "input": "test:480p30", "duration": format!("{seconds}s"), "retries": 0,
            "outputs": [{"target": target, "raw": ["-c:v", "libx264", "-preset", preset, "-an"]}],
        });
        let job = server.post_job(&body).json()["number"].as_u64().unwrap();
        let mut found = None;
        let at_work = |pid: &u32| measure::cpu_time(*pid).is_ok_and(|used| used > A_WHILE);
        // Not by what is shown: how often that is told depends on the lease term.
        until(SOON, "the encode is under way", || {
            found = engines::at(&server, "-encode").into_iter().find(at_work);
            found.is_some()
        });
        Self { job, ffmpeg: found.unwrap(), server }
    }

    pub(super) fn shown(&self) -> Value {
        self.server.call("GET", &format!("/v1/jobs/{}", self.job), b"").json()
    }

    /// Kills the server, and starts it again.
    fn killed(self) -> Self {
        let Self { server, job, ffmpeg } = self;
        let room = server.kill();
        assert!(is_alive(ffmpeg), "the encoder lives on");
        Self { server: Server::open(room, &[]), job, ffmpeg }
    }

    /// Waits for the end, which must be that of the first and only try.
    pub(super) fn completed(&self, frames: u64) {
        let job = self.server.await_state(self.job, "completed");
        assert_eq!(job["attempts"].as_array().unwrap().len(), 1, "{job:#}");
        let usage = &job["attempts"][0]["usage"];
        assert!(usage["cpu-seconds"].as_f64().unwrap() > 0.5, "its whole life counts: {usage}");
        let path = self.server.room.path("out.mp4");
        let probed = ffprobe(&path);
        let counted = probed["streams"][0]["nb_frames"].as_str().unwrap();
        assert_eq!(counted.parse::<u64>().unwrap(), frames, "every frame is there");
        assert!(!is_alive(self.ffmpeg));
    }
}

#[test]
fn encode_outlives_the_server_and_the_next_one_goes_on_with_it() {
    if !have_ffmpeg() {
        return;
    }
    let working = Working::begin(20, "slow");
    let before = working.shown()["progress"]["frames"].as_u64().unwrap_or(0);
    let working = working.killed();
    until(SOON, "its progress is shown again", || {
        working.shown()["progress"]["frames"].as_u64() > Some(before)
    });
    assert_eq!(engines::of(&working.server), [working.ffmpeg], "it is the same process");
    // Twice is no more than once.
    let working = working.killed();
    working.completed(600);
    assert_eq!(judge::completed_once(&working.shown()), 0, "it was given out once");
}

#[test]
fn encode_that_ends_while_no_server_is_there_is_published_by_the_next_one() {
    if !have_ffmpeg() {
        return;
    }
    let room = Room::new();
    std::fs::write(room.path("long.yaml"), LONG).unwrap();
    let more = ["--config", "long.yaml"];
    let Working { server, job, ffmpeg } = Working::begin_with(room, &more, 8, "fast");
    let room = server.kill();
    until(SOON, "the encode is over", || !is_alive(ffmpeg));
    let working = Working { server: Server::open(room, &more), job, ffmpeg };
    working.completed(240);
}

#[test]
fn encode_that_was_paused_stays_paused_until_somebody_resumes_it() {
    if !have_ffmpeg() {
        return;
    }
    let working = Working::begin(20, "slow");
    let path = format!("/v1/jobs/{}", working.job);
    assert_eq!(working.server.call("POST", &format!("{path}/pause"), b"{}").status, 200);
    working.server.await_state(working.job, "paused");
    let working = working.killed();
    working.server.await_state(working.job, "paused");
    until(SOON, "the worker has it again", || {
        working
            .server
            .said()
            .contains("a child of an earlier life is taken over")
    });
    let cpu = || measure::cpu_time(working.ffmpeg).unwrap();
    let (before, since) = (cpu(), std::time::Instant::now());
    until(SOON, "a second has passed", || since.elapsed() > Duration::from_secs(1));
    assert_eq!(cpu(), before, "it stands still");
    assert_eq!(working.server.call("POST", &format!("{path}/resume"), b"{}").status, 200);
    working.completed(600);
}

#[test]
fn encode_of_an_earlier_life_is_gone_when_its_job_is_canceled() {
    if !have_ffmpeg() {
        return;
    }
    let working = Working::begin(60, "slow").killed();
    let path = format!("/v1/jobs/{}/cancel", working.job);
    assert_eq!(working.server.call("POST", &path, b"{}").status, 200);
    working.server.await_state(working.job, "canceled");
    assert!(!is_alive(working.ffmpeg), "its tree is gone before it counts as canceled");
    assert!(!working.server.room.path("out.mp4").exists());
}

#[test]
fn encode_that_nobody_came_back_to_in_time_is_done_again_at_no_cost() {
    if !have_ffmpeg() {
        return;
    }
    let room = Room::new();
    std::fs::write(room.path("short.yaml"), SHORT).unwrap();
    let working = Working::begin_with(room, &["--config", "short.yaml"], 8, "fast");
    let Working { server, job, ffmpeg } = working;
    // However quick it is, it does not end by itself meanwhile.
    engines::signal(ffmpeg, Signal::STOP);
    let room = server.kill();
    until(SOON, "its shim has ended it", || !is_alive(ffmpeg));
    let server = Server::open(room, &["--config", "short.yaml"]);
    let shown = server.await_state(job, "completed");
    assert_eq!(judge::completed_once(&shown), 1, "{shown:#}");
}
