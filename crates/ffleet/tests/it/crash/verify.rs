//! A verification outlives the server that started it, and its result counts.

use std::sync::Arc;
use std::time::Duration;

use ffleet_base::write_atomic;
use ffleet_testkit::{need, until};
use rustix::process::Signal;
use serde_json::json;

use crate::crash::engines::{self, is_alive};
use crate::crash::judge;
use crate::fixture::{Room, Server, clip, ffprobe};

const SOON: Duration = Duration::from_secs(60);

/// An FFmpeg that stops itself before it verifies, so that this is not over before a test gets to it.
const STOPS: &str = "#!/bin/sh\ncase \"$*\" in *' -xerror -progress '*) kill -STOP $$ ;; esac\nexec ffmpeg \"$@\"\n";

/// A server with a job whose result is about to be verified by a process that was stopped.
pub(super) struct Verifying {
    pub(super) server: Server,
    pub(super) job: u64,
    /// The process that verifies.
    pub(super) ffmpeg: u32,
}

pub(super) const MORE: [&str; 2] = ["--config", "stops.yaml"];

impl Verifying {
    fn begin(way: &str, lease: &str) -> Option<Self> {
        Self::begin_in(Room::new(), way, lease, "")
    }

    pub(super) fn begin_in(room: Room, way: &str, lease: &str, more: &str) -> Option<Self> {
        if need::ffmpeg().is_none() || need::ffprobe().is_none() {
            return None;
        }
        let engine = room.path("ffmpeg");
        write_atomic(&engine, STOPS.as_bytes(), 0o755).unwrap();
        let config =
            format!("lease-term: {lease}\nengine: {{ffmpeg: {}}}\n{more}", engine.display());
        std::fs::write(room.path("stops.yaml"), config).unwrap();
        clip(&room.path("film.mp4"), 20);
        let server = Server::open(Arc::new(room), &MORE);
        // A retry that would be charged to the job would be its last.
        let body = json!({
            "input": server.room.path("film.mp4"), "retries": 0, "verify": way,
            "outputs": [{"target": server.room.path("out.mp4"), "raw": ["-c", "copy"]}],
        });
        let job = server.post_job(&body).json()["number"].as_u64().unwrap();
        let mut found = None;
        until(SOON, "its result is about to be verified", || {
            found = engines::at(&server, "-verify").pop().filter(|&pid| is_stopped(pid));
            found.is_some()
        });
        Some(Self { server, job, ffmpeg: found.unwrap() })
    }

    /// Waits for the end, which must be that of the first and only try, with two verifications in all: one
    /// look at the tracks, one at everything.
    pub(super) fn completed(self) {
        let job = self.server.await_state(self.job, "completed");
        assert_eq!(judge::completed_once(&job), 0, "it was given out once: {job:#}");
        let probed = ffprobe(&self.server.room.path("out.mp4"));
        assert_eq!(probed["streams"][0]["nb_frames"], "500");
        let id = job["id"].as_str().unwrap();
        let logs = self.server.room.path("data").join("logs").join(id);
        let logs = std::fs::read_dir(logs).unwrap().map(|entry| entry.unwrap().file_name());
        let verified = logs.filter(|name| name.to_str().unwrap().ends_with("-verify.log"));
        assert_eq!(verified.count(), 2, "nothing was verified twice");
    }

    fn used(&self) -> f64 {
        let usage = &self.server.call("GET", &format!("/v1/jobs/{}", self.job), b"").json()["attempts"]
            [0]["usage"];
        usage["verify-cpu-seconds"].as_f64().unwrap_or_default()
    }
}

fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, fields)| fields.starts_with('T'))
}

#[test]
fn verification_outlives_the_server_and_the_next_one_goes_on_with_it() {
    for way in ["full", "packets"] {
        let Some(Verifying { server, job, ffmpeg }) = Verifying::begin(way, "60s") else {
            return;
        };
        let room = server.kill();
        assert!(is_alive(ffmpeg), "it lives on");
        let server = Server::open(room, &MORE);
        until(SOON, "the worker has it again", || {
            server.said().contains("a child of an earlier life is taken over")
        });
        assert_eq!(engines::of(&server), [ffmpeg], "it is the same process");
        engines::signal(ffmpeg, Signal::CONT);
        Verifying { server, job, ffmpeg }.completed();
    }
}

#[test]
fn verification_that_ends_while_no_server_is_there_counts() {
    let Some(Verifying { server, job, ffmpeg }) = Verifying::begin("full", "60s") else {
        return;
    };
    let room = server.kill();
    engines::signal(ffmpeg, Signal::CONT);
    until(SOON, "it is over", || !is_alive(ffmpeg));
    let working = Verifying { server: Server::open(room, &MORE), job, ffmpeg };
    working.server.await_state(job, "completed");
    assert!(working.used() > 0.02, "what it used counts: {} s", working.used());
    working.completed();
}

#[test]
fn verification_that_nobody_came_back_to_in_time_is_done_again_and_nothing_else() {
    let Some(Verifying { server, job, ffmpeg }) = Verifying::begin("full", "3s") else {
        return;
    };
    let room = server.kill();
    until(SOON, "its shim has ended it", || !is_alive(ffmpeg));
    let server = Server::open(room, &MORE);
    let mut next = None;
    until(SOON, "it is verified again", || {
        next = engines::at(&server, "-verify").pop().filter(|&pid| is_stopped(pid));
        next.is_some()
    });
    engines::signal(next.unwrap(), Signal::CONT);
    let shown = server.await_state(job, "completed");
    assert_eq!(judge::completed_once(&shown), 0, "the encode was not done again: {shown:#}");
}
