//! A server that is stopped leaves what it does not wait for to its shims: the next one goes on with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ffleet_testkit::{assert_none_left, need, until};
use rustix::process::Signal;
use serde_json::json;

use crate::crash::adopt::{Working, have_ffmpeg};
use crate::crash::engines::{self, is_alive};
use crate::crash::judge;
use crate::crash::senders::Sending;
use crate::crash::verify::{MORE as VERIFYING, Verifying};
use crate::fixture::{Room, Server};

const SOON: Duration = Duration::from_secs(60);
/// The drain time is none, and leaving is quick: three times what it may take.
const BOUND: Duration = Duration::from_secs(6);
/// Nothing is waited for.
const CONFIG: &str = "lease-term: 60s\nworker: {drain-timeout: 0s}\n";
const MORE: [&str; 2] = ["--config", "stop.yaml"];

/// A room whose servers are stopped in the middle of work, and leave it.
fn room() -> Room {
    let room = Room::leaving();
    std::fs::write(room.path("stop.yaml"), CONFIG).unwrap();
    room
}

/// Stops a server, which must be quick.
fn leave(server: Server) -> Arc<Room> {
    let begun = Instant::now();
    let room = server.leave();
    assert!(begun.elapsed() < BOUND, "it took {:?}", begun.elapsed());
    room
}

fn printed(room: &Room) -> String {
    std::fs::read_to_string(room.path("serve.out")).unwrap()
}

#[test]
fn encode_that_a_stop_does_not_wait_for_is_gone_on_with_by_the_next_server() {
    if !have_ffmpeg() {
        return;
    }
    let Working { server, job, ffmpeg } = Working::begin_with(room(), &MORE, 20, "slow");
    let room = leave(server);
    assert!(is_alive(ffmpeg), "it goes on alone");
    let told = printed(&room);
    assert!(told.contains("left running: 1 job (1); a server that starts before "), "{told}");
    let server = Server::open(room, &MORE);
    let working = Working { server, job, ffmpeg };
    assert_eq!(working.shown()["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(engines::of(&working.server), [ffmpeg], "it is the same process");
    working.completed(600);
    assert_eq!(judge::completed_once(&working.shown()), 0, "it was given out once");
    assert!(!printed(&working.server.stop()).contains("left running"), "there was nothing");
}

#[test]
fn paused_encode_is_left_as_it_is() {
    if !have_ffmpeg() {
        return;
    }
    let Working { server, job, ffmpeg } = Working::begin_with(room(), &MORE, 20, "slow");
    let path = format!("/v1/jobs/{job}");
    assert_eq!(server.call("POST", &format!("{path}/pause"), b"{}").status, 200);
    server.await_state(job, "paused");
    let server = Server::open(leave(server), &MORE);
    server.await_state(job, "paused");
    assert_eq!(server.call("POST", &format!("{path}/resume"), b"{}").status, 200);
    Working { server, job, ffmpeg }.completed(600);
}

#[test]
fn sender_that_a_stop_does_not_wait_for_is_gone_on_with_by_the_next_server() {
    let room = room();
    // Progress, which tells that it sends, is shown within a third of the term.
    std::fs::write(room.path("stop.yaml"), CONFIG.replace("60s", "15s")).unwrap();
    let Some((sending, _receiver, sender)) = Sending::begin_in(room, &MORE, "10m") else {
        return;
    };
    let before = sending.frames();
    let sending = sending.ended(leave, || assert!(is_alive(sender), "it goes on alone"));
    sending.await_frames(before);
    assert_eq!(engines::of(&sending.server), [sender], "it is the same process");
    sending.order("cancel");
    let notes = sending.ends("canceled");
    assert!(!is_alive(sender) && !notes.contains("died"), "{notes}");
}

#[test]
fn verification_that_a_stop_does_not_wait_for_counts() {
    let Some(Verifying { server, job, ffmpeg }) =
        Verifying::begin_in(Room::leaving(), "full", "60s", "worker: {drain-timeout: 0s}\n")
    else {
        return;
    };
    let room = leave(server);
    assert!(is_alive(ffmpeg), "it is left");
    let server = Server::open(room, &VERIFYING);
    until(SOON, "the worker has it again", || {
        server.said().contains("a child of an earlier life is taken over")
    });
    engines::signal(ffmpeg, Signal::CONT);
    Verifying { server, job, ffmpeg }.completed();
}

#[test]
fn second_signal_leaves_at_once_and_costs_nothing_either() {
    if !have_ffmpeg() {
        return;
    }
    let room = Room::leaving();
    std::fs::write(room.path("patient.yaml"), "worker: {drain-timeout: 10m}\n").unwrap();
    let more = ["--config", "patient.yaml"];
    let Working { mut server, job, ffmpeg } = Working::begin_with(room, &more, 20, "slow");
    server.signal(Signal::INT);
    until(SOON, "it has heard the first", || server.said().contains("SIGINT"));
    let begun = Instant::now();
    server.signal(Signal::INT);
    assert_eq!(server.await_end(), Some(130), "{}", server.said());
    assert!(begun.elapsed() < BOUND, "it took {:?}", begun.elapsed());
    assert!(is_alive(ffmpeg) && server.printed().contains("left running: 1 job (1)"));
    let server = Server::open(server.kill(), &more);
    Working { server, job, ffmpeg }.completed(600);
}

#[test]
fn second_signal_kills_what_is_not_to_be_left_and_it_is_done_again_at_no_cost() {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return;
    }
    let mut server = Server::open(Arc::new(Room::new()), &[]);
    // A retry that would be charged to the job would be its last.
    let body = json!({
        "input": "test:1080p60", "duration": "30m", "retries": 0,
        "outputs": [{"target": server.room.path("long.mp4")}],
    });
    let job = server.post_job(&body).json()["number"].as_u64().unwrap();
    until(SOON, "it encodes", || !engines::at(&server, "-encode").is_empty());
    server.signal(Signal::INT);
    until(SOON, "it has heard the first", || server.said().contains("SIGINT"));
    server.signal(Signal::INT);
    assert_eq!(server.await_end(), Some(130), "{}", server.said());
    let instance = std::fs::read_to_string(server.room.path("data/instance")).unwrap();
    assert_none_left(&format!("FFLEET_INSTANCE={}", instance.trim()), Duration::from_secs(3));
    let server = Server::open(server.kill(), &[]);
    let path = format!("/v1/jobs/{job}");
    until(SOON, "it is tried again", || {
        let shown = server.call("GET", &path, b"").json();
        shown["state"] == "running" && shown["attempts"].as_array().unwrap().len() == 2
    });
    let first = server.call("GET", &path, b"").json()["attempts"][0].clone();
    assert_eq!(first["reason"], "interrupted", "{first:#}");
    server.cli(&["jobs", "cancel", &job.to_string()]).ok();
}
