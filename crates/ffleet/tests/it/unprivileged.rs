//! The whole program as a user without any privileges: what it cannot bound it says, and what it
//! can still holds.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::Duration;

use ffleet_testkit::{need, processes_with, until};
use rustix::process::Pid;
use serde_json::{Value, json};

use crate::fixture::{Room, Server};

/// `nobody`, as most systems have it.
const USER: u32 = 65_534;
const SOON: Duration = Duration::from_secs(60);

/// A server of that user. Nothing where we may not become another user, or the other user may not
/// run what was built.
fn start() -> Option<Server> {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() || !need::root() {
        return None;
    }
    let room = Room::of(USER);
    let starts = room
        .command(&["--version"])
        .output()
        .is_ok_and(|said| said.status.success());
    need::that("a target directory that every user may read", starts)
        .then(|| Server::open(Arc::new(room), &[]))
}

/// A job that makes `name` of a test picture with these options and limits.
fn job(server: &Server, name: &str, seconds: u32, args: &[&str], limits: &Value) -> u64 {
    let body = json!({
        "input": "test:480p30", "duration": format!("{seconds}s"), "retries": 0, "limits": limits,
        "outputs": [{"target": server.room.path(name), "raw": args}],
    });
    let answer = server.post_job(&body);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["number"].as_u64().unwrap()
}

fn shown(server: &Server, job: u64) -> Value {
    server.call("GET", &format!("/v1/jobs/{job}"), b"").json()
}

/// Waits until the encode of a job is under way, and says which process it is.
fn encoder(server: &Server, job: u64) -> u32 {
    until(SOON, "the encode is under way", || {
        shown(server, job)["progress"]["frames"].as_u64() > Some(0)
    });
    let instance = fs::read_to_string(server.room.path("data/instance")).unwrap();
    let mut all = processes_with(&format!("FFLEET_INSTANCE={}", instance.trim()));
    all.retain(|pid| is_encoder(*pid));
    assert_eq!(all.len(), 1, "{all:?}");
    all[0]
}

fn is_encoder(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "ffmpeg")
}

/// The value of a line of a file of a process.
fn line(pid: u32, file: &str, key: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.unwrap_or_else(|| panic!("no {key} in {text}")).trim().to_owned()
}

const SLOW: [&str; 5] = ["-c:v", "libx264", "-preset", "veryslow", "-an"];

#[test]
fn guard_says_what_is_missing_and_the_limits_that_it_has_hold() {
    let Some(server) = start() else { return };
    assert_eq!(line(server.pid(), "status", "Uid:"), format!("{USER}\t{USER}\t{USER}\t{USER}"));
    let node = server.call("GET", "/v1/nodes", b"").json()["nodes"][0].clone();
    let level = node["guard"]["level"].as_str().unwrap().to_owned();
    assert!(["partial", "monitor"].contains(&level.as_str()), "{}", node["guard"]);
    let page = server.cli(&["nodes", "show", node["name"].as_str().unwrap()]).ok();
    assert!(page.contains(&level), "{page}");
    if level == "partial" {
        let missing = node["guard"]["missing"].as_array().unwrap();
        assert!(!missing.is_empty(), "{}", node["guard"]);
        for what in missing {
            let begins: String = what.as_str().unwrap().chars().take(30).collect();
            assert!(page.contains(&begins), "no {begins:?} in {page}");
        }
    }

    let done = job(&server, "done.mp4", 1, &["-c:v", "libx264", "-an"], &json!({}));
    server.await_state(done, "completed");
    let made = fs::metadata(server.room.path("done.mp4")).unwrap();
    assert!(made.uid() == USER && made.len() > 0, "{made:?}");

    let limits = json!({"cpu": "100%", "scratch": "64MiB"});
    let held = job(&server, "held.mp4", 600, &SLOW, &limits);
    let ffmpeg = encoder(&server, held);
    assert_eq!(line(ffmpeg, "status", "Uid:"), format!("{USER}\t{USER}\t{USER}\t{USER}"));
    assert_eq!(line(ffmpeg, "status", "NoNewPrivs:"), "1");
    let sizes = line(ffmpeg, "limits", "Max file size");
    assert_eq!(sizes.split_ascii_whitespace().next(), Some("67108864"), "{sizes}");
    let cpus = line(ffmpeg, "status", "Cpus_allowed_list:");
    assert!(cpus.parse::<u32>().is_ok(), "one CPU, not {cpus}");
    let pid = Pid::from_raw(i32::try_from(ffmpeg).unwrap());
    let ours = rustix::process::getpriority_process(None).unwrap();
    assert_eq!(rustix::process::getpriority_process(pid).unwrap(), ours.max(10));
    server.cli(&["jobs", "cancel", &held.to_string()]).ok();
    server.await_state(held, "canceled");
    assert!(!is_encoder(ffmpeg), "it lives on");

    let late = job(&server, "late.mp4", 600, &SLOW, &json!({"timeout": "2s"}));
    let ended = server.await_state(late, "timed_out");
    assert_eq!(ended["reason"], "timeout");
    let raw = ["-c:v", "rawvideo", "-an", "-f", "nut"];
    let large = job(&server, "large.nut", 60, &raw, &json!({"scratch": "8MiB"}));
    let ended = server.await_state(large, "failed");
    assert!(ended["message"].as_str().unwrap().contains("scratch"), "{ended:#}");
    for name in ["held.mp4", "late.mp4", "large.nut"] {
        assert!(!server.room.path(name).exists(), "{name} is there");
    }
    server.stop();
}

#[test]
fn encode_outlives_the_server_of_a_plain_user_and_the_next_one_goes_on_with_it() {
    // What was started nicely cannot be made less nice by a plain user, encodes neither.
    let ours = rustix::process::getpriority_process(None).unwrap();
    rustix::process::setpriority_process(None, ours.max(12)).unwrap();
    let Some(server) = start() else { return };
    let args = ["-c:v", "libx264", "-preset", "slow", "-an"];
    let number = job(&server, "out.mp4", 20, &args, &json!({}));
    let ffmpeg = encoder(&server, number);
    let room = server.kill();
    assert!(is_encoder(ffmpeg), "the encoder lives on");
    let server = Server::open(room, &[]);
    assert_eq!(encoder(&server, number), ffmpeg, "it is the same process");
    // Nice as it is, it takes its time on a busy machine.
    until(SOON * 2, "the encode has ended", || {
        shown(&server, number)["finished-at"].is_string()
    });
    let ended = server.await_state(number, "completed");
    assert_eq!(ended["attempts"].as_array().unwrap().len(), 1, "{ended:#}");
    assert!(!is_encoder(ffmpeg));
    server.stop();
}
