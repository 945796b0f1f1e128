//! `--wait`: lines in a pipe, Ctrl-C, a server that goes and comes back.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use ffleet_testkit::{need, until};
use rustix::process::{Pid, Signal, kill_process};

use crate::fixture::Server;

#[test]
fn pipe_gets_plain_lines_with_progress() {
    let Some(server) = Server::start() else { return };
    let out = server
        .cli(&["submit", "test:720p30", "--duration", "10", "-o", "out.mp4", "--wait"])
        .ok();
    assert!(!out.contains('\u{1b}') && !out.contains('\r'), "{out:?}");
    let progress = out.lines().filter(|line| line.contains('%') && line.contains("job 1"));
    assert!(progress.clone().count() >= 2, "{out}");
    assert!(progress.clone().any(|line| line.contains("fps") && line.contains('x')), "{out}");
}

#[test]
fn json_alone_is_on_standard_output() {
    let Some(server) = Server::start() else { return };
    let job = server
        .cli(&["submit", "test:240p30", "--duration", "1", "-o", "out.mp4", "--wait", "--json"])
        .json();
    assert_eq!(job["state"], "completed");
}

#[test]
fn failed_job_is_exit_code_1_with_the_engines_last_words() {
    let Some(server) = Server::start() else { return };
    std::fs::write(server.room.path("text.mp4"), "this is no media at all\n").unwrap();
    let printed = server.cli(&["submit", "text.mp4", "-o", "out.mp4", "--wait"]);
    assert_eq!(printed.code, 1, "{printed:?}");
    for text in ["job 1 failed (input_error)", "Invalid data", "ffleet jobs logs 1"] {
        assert!(printed.out.contains(text), "no {text:?} in {printed:?}");
    }
    assert!(!server.room.path("out.mp4").exists());
}

#[test]
fn interrupted_wait_leaves_the_job_running() {
    let Some(server) = Server::start() else { return };
    let mut waiting = server
        .room
        .command(&["submit", "test:720p30", "--duration", "10m", "-o", "out.mp4", "--wait"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(waiting.stdout.take().unwrap()).lines();
    out.find(|line| line.as_ref().unwrap() == "job 1 running")
        .unwrap()
        .unwrap();
    let pid = Pid::from_raw(i32::try_from(waiting.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("job 1 goes on") && err.contains("ffleet jobs cancel 1"), "{err}");
    assert_eq!(server.call("GET", "/v1/jobs/1", b"").json()["state"], "running");
    server.cli(&["jobs", "cancel", "1"]).ok();
}

#[test]
fn wait_outlives_a_server_that_is_killed() {
    let Some(server) = Server::start() else { return };
    let waiting = server
        .room
        .command(&["submit", "test:480p30", "--duration", "20", "-o", "out.mp4", "--wait"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until(Duration::from_secs(60), "the job's child is at work", || {
        server.call("GET", "/v1/jobs/1", b"").json()["progress"]["frames"].as_u64() > Some(0)
    });
    let server = Server::open(server.kill(), &[]);
    let output = waiting.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{out} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(out.contains("job 1 completed"), "{out}");
    let job = server.call("GET", "/v1/jobs/1", b"").json();
    assert_eq!(
        job["attempts"].as_array().unwrap().len(),
        1,
        "its child was taken over: {job:#}"
    );
}

#[test]
fn terminal_gets_a_bar_that_is_gone_at_the_end() {
    let Some(script) = need::program("script") else {
        return;
    };
    let Some(server) = Server::start() else { return };
    let submit = "submit test:480p30 --duration 40 -o out.mp4 --preset 480p30-h264 --wait";
    let program = server.room.command::<&str>(&[]);
    // `script` runs it on a terminal of its own and passes on what is drawn there.
    let on_it = format!("stty cols 120 rows 30; exec '{}' {submit}", env!("CARGO_BIN_EXE_ffleet"));
    let output = std::process::Command::new(script)
        .args(["--quiet", "--return", "--command", &on_it, "/dev/null"])
        .env_clear()
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("TERM", "xterm-256color")
        .env("SHELL", "/bin/sh")
        .current_dir(program.get_current_dir().unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let drawn = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{drawn}");
    // What is drawn is drawn over again: each piece between two moves is one look of a person.
    let looks: Vec<_> = drawn.split(['\r', '\n']).collect();
    let bar = |look: &&str| {
        let parts = ["job 1 running", "━", "%", "encode", "fps", "x", "ETA"];
        parts.iter().all(|part| look.contains(part))
    };
    assert!(looks.iter().any(bar), "{drawn:?}");
    // At the end the line is wiped, and what came of it stands there alone.
    let (_, end) = drawn.rsplit_once("\u{1b}[2K").expect("the bar is wiped");
    assert!(!end.contains('━') && !end.contains('%'), "{end:?}");
    assert!(end.contains("job 1 completed") && end.ends_with('\n'), "{end:?}");
}
