//! What is promised about speed and memory, asserted at three times the promise.
//!
//! `make bench` measures the same exactly; docs/performance.md has its results. These tests catch
//! what has become several times as slow. They have the machine to themselves (`serial_` in their
//! names), and `make test` runs them in a release build: the figures of another mean nothing.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ffleet_testkit::load::{self, Connection, request};
use ffleet_testkit::measure::{children_cpu, cpu_time, quantile, resident};
use ffleet_testkit::{need, turns};
use serde_json::{Value, json};

use crate::backlog::Backlog;
use crate::fixture::{Room, Server, clip};

/// One task at a time, and a stop that waits for none.
const ALONE: [(&str, &str); 2] =
    [("FFLEET_WORKER_MAX_TASKS", "1"), ("FFLEET_WORKER_DRAIN_TIMEOUT", "0s")];
/// Promised are 15,000 submissions a second.
const SUBMITS: f64 = 5_000.0;
/// Promised is a p99 of 10 ms for 16 clients.
const SUBMIT_P99: Duration = Duration::from_millis(30);
/// Promised is that a minute of video takes 2 % more than its command by hand.
const ENCODE: f64 = 1.06;
/// Promised is that full verification takes 1.1 times the CPU of decoding the result.
const VERIFY: f64 = 3.3;

fn have_ffmpeg() -> bool {
    need::ffmpeg().is_some() && need::ffprobe().is_some()
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

fn address(server: &Server) -> SocketAddr {
    ([127, 0, 0, 1], server.port).into()
}

/// A tool that notes when it begins, and goes on as the real one.
fn noting(room: &Room, tool: &str) -> String {
    let real = need::program(tool).unwrap();
    let (path, marks) = (room.path(&format!("noting-{tool}")), room.text(&format!("{tool}.marks")));
    let text = format!("#!/bin/sh\ndate +%s%N >> {marks}\nexec {} \"$@\"\n", real.display());
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.into_os_string().into_string().unwrap()
}

/// When it began last.
fn noted(room: &Room, tool: &str) -> Duration {
    let marks = fs::read_to_string(room.path(&format!("{tool}.marks"))).unwrap();
    Duration::from_nanos(marks.lines().last().unwrap().parse().unwrap())
}

#[test]
#[cfg_attr(debug_assertions, ignore = "a release build's figures: make test")]
fn first_child_runs_30_ms_after_its_submission_and_the_encode_360() {
    if !have_ffmpeg() {
        return;
    }
    let room = Arc::new(Room::new());
    let (ffmpeg, ffprobe) = (noting(&room, "ffmpeg"), noting(&room, "ffprobe"));
    let marks = room.text("");
    let vars = [
        ("FFLEET_ENGINE_FFMPEG", &*ffmpeg),
        ("FFLEET_ENGINE_FFPROBE", &*ffprobe),
        ("FFLEET_WORKER_SANDBOX_WRITE", &*marks),
    ];
    let server = Server::open_with(Arc::clone(&room), &[], &vars);
    let input = room.path("in.mp4");
    clip(&input, 1);
    let (mut first, mut encode) = (Vec::new(), Vec::new());
    for turn in 0..30 {
        let target = room.text(&format!("out-{turn}.mp4"));
        let body = json!({
            "input": input, "outputs": [{"target": target, "preset": "copy"}], "verify": "none",
        });
        let submitted = now();
        let job = server.post_job(&body).json()["number"].as_u64().unwrap();
        server.await_state(job, "completed");
        // Both include the start of a shell and of `date`.
        first.push(noted(&room, "ffprobe").checked_sub(submitted).unwrap());
        encode.push(noted(&room, "ffmpeg").checked_sub(submitted).unwrap());
    }
    first.sort_unstable();
    encode.sort_unstable();
    println!("to the first child {first:?}\nto the encode {encode:?}");
    assert!(quantile(&first, 0.5) <= Duration::from_millis(30), "{first:?}");
    assert!(quantile(&first, 0.99) <= Duration::from_millis(90), "{first:?}");
    assert!(quantile(&encode, 0.5) <= Duration::from_millis(360), "{encode:?}");
}

#[test]
#[cfg_attr(debug_assertions, ignore = "a release build's figures: make test")]
fn submissions_of_16_clients_are_on_disk_at_a_third_of_the_promised_rate() {
    if !have_ffmpeg() {
        return;
    }
    let room = Arc::new(Room::new());
    let server = Server::open_with(Arc::clone(&room), &[], &ALONE);
    let input = room.path("in.mp4");
    clip(&input, 1);
    // What is accepted waits behind one that is paused.
    let target = room.text("blocked.mp4");
    let blocker = server.submit(&["test:240p30", "--duration", "1h", "-o", &target]);
    pause(&server, blocker);
    let mut turn = 0_u64;
    let next = || {
        turn += 1;
        let target = room.text(&format!("out-{turn}.mp4"));
        let body = json!({"input": input, "outputs": [{"target": target, "preset": "720p-h264"}]});
        request("POST", "/v1/jobs", address(&server), &server.key, &body.to_string())
    };
    let load = load::run(address(&server), 16, Duration::from_secs(2), 201, next).unwrap();
    let (rate, p99) = (load.rate(), quantile(&load.times, 0.99));
    println!("{rate:.0} submissions a second, p99 {p99:?}");
    let newest = &server.call("GET", "/v1/jobs?limit=1", b"").json()["jobs"][0];
    assert_eq!(newest["number"], turn + blocker, "what was acknowledged is there");
    assert!(rate >= SUBMITS, "{rate:.0} submissions a second, less than {SUBMITS}");
    assert!(p99 <= SUBMIT_P99, "{p99:?}, more than {SUBMIT_P99:?}");
}

#[test]
#[cfg_attr(debug_assertions, ignore = "a release build's figures: make test")]
fn long_history_and_queue_cost_little_memory_and_list_fast() {
    if !have_ffmpeg() {
        return;
    }
    let room = Arc::new(Room::new());
    let room = Server::open(room, &[]).stop();
    let backlog = Backlog { finished: 10_000, queued: 1_000 };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (home, out) = (room.path("data"), room.path("."));
    let blocker = runtime.block_on(backlog.fill(&home, &out));
    drop(runtime);
    let server = Server::open_with(Arc::clone(&room), &[], &ALONE);
    pause(&server, blocker);
    let mut connection = Connection::open(address(&server)).unwrap();
    for (path, count) in
        [("/v1/jobs", 50), ("/v1/jobs?state=completed", 50), ("/v1/jobs?after=5000", 50)]
    {
        let request = request("GET", path, address(&server), &server.key, "");
        let mut times = Vec::new();
        for _ in 0..100 {
            let begun = Instant::now();
            let answer = connection.call(&request).unwrap();
            times.push(begun.elapsed());
            let page: Value = serde_json::from_slice(answer.body).unwrap();
            assert_eq!(page["jobs"].as_array().map(Vec::len), Some(count), "{path}");
        }
        times.sort_unstable();
        let p99 = quantile(&times, 0.99);
        println!("{path}: p99 {p99:?}");
        assert!(p99 <= Duration::from_millis(30), "{path}: {times:?}");
    }
    // Promised are 150 MB with ten times as many; this much less they must not take either.
    let memory = resident(server.pid()).unwrap();
    println!("{memory} bytes of memory");
    assert!(memory <= 150_000_000, "{memory} bytes of memory");
    quiet(&server);
}

/// A server that has nothing to do but to wait takes 0.6 % of a core at most.
fn quiet(server: &Server) {
    let window = Duration::from_secs(5);
    let (begun, before) = (Instant::now(), cpu_time(server.pid()).unwrap());
    ffleet_testkit::until(window * 2, "the window has passed", || begun.elapsed() >= window);
    let spent = cpu_time(server.pid()).unwrap().saturating_sub(before);
    let share = spent.as_secs_f64() / begun.elapsed().as_secs_f64();
    assert!(share <= 0.006, "{spent:?} of CPU in {window:?} of doing nothing");
}

fn pause(server: &Server, job: u64) {
    server.await_state(job, "running");
    assert_eq!(server.call("POST", &format!("/v1/jobs/{job}/pause"), b"{}").status, 200);
    server.await_state(job, "paused");
}

#[test]
#[cfg_attr(debug_assertions, ignore = "a release build's figures: make test")]
fn encode_takes_little_more_than_the_same_command_by_hand() {
    if !have_ffmpeg() {
        return;
    }
    // With the niceness of the command by hand: what else runs counts against neither.
    let server = Server::open_with(Arc::new(Room::new()), &[], &[("FFLEET_WORKER_NICE", "0")]);
    let input = server.room.text("in.mp4");
    let picture = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30:duration=15"];
    let made = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"];
    by_hand("ffmpeg", &[&picture[..], &made, &[input.as_str()]].concat());
    let mut ratios = Vec::new();
    // What else runs only adds: one good look shows what ffleet itself adds.
    for turn in 0..3 {
        let target = server.room.text(&format!("out-{turn}.mp4"));
        let (wall, cpu) = encode_ratio(&server, &input, &target);
        ratios.push((wall, cpu));
        if wall <= ENCODE && cpu <= ENCODE {
            return;
        }
    }
    panic!("wall and CPU, ffleet / by hand: {ratios:?}");
}

/// What an encode takes through the server, in wall and CPU, to what its command takes by hand.
fn encode_ratio(server: &Server, input: &str, target: &str) -> (f64, f64) {
    let output = json!({"target": target, "preset": "720p-h264"});
    let body = json!({"input": input, "outputs": [output], "verify": "none"});
    let rehearsal = server.call("POST", "/v1/jobs?dry-run=true", body.to_string().as_bytes());
    let command = rehearsal.json()["commands"].as_array().unwrap().last().unwrap().clone();
    let command: Vec<String> = serde_json::from_value(command).unwrap();
    let (program, args) = command.split_first().unwrap();
    let mut hand = Command::new(program);
    hand.args(&args[..args.len() - 1])
        .arg(format!("file:{}", server.room.text("by-hand.mp4")));
    let before = cpu_time(server.pid()).unwrap();
    let (job, turns) = std::thread::scope(|scope| {
        let job = scope.spawn(|| {
            // A client that is told, and does not ask: to answer would cost the server.
            let flags = ["--preset", "720p-h264", "--verify", "none", "--wait", "--json"];
            server
                .cli(&[&["submit", input, "-o", target], &flags[..]].concat())
                .json()
        });
        let turns = turns::take(&job, &server.room.path("data"), &mut hand, true);
        (job.join().unwrap(), turns)
    });
    let own = cpu_time(server.pid()).unwrap().saturating_sub(before).as_secs_f64();
    let time = |key: &str| -> jiff::Timestamp { job[key].as_str().unwrap().parse().unwrap() };
    let wall = time("finished-at").duration_since(time("accepted-at")).unsigned_abs() - turns.stood;
    let cpu = job["attempts"][0]["usage"]["cpu-seconds"].as_f64().unwrap() + own;
    (
        wall.as_secs_f64() / turns.hand.wall.as_secs_f64(),
        cpu / turns.hand.cpu.as_secs_f64(),
    )
}

#[test]
#[cfg_attr(debug_assertions, ignore = "a release build's figures: make test")]
fn full_verification_costs_at_most_three_times_what_is_promised() {
    if !have_ffmpeg() {
        return;
    }
    let server = Server::open(Arc::new(Room::new()), &[]);
    let input = server.room.path("in.mp4");
    clip(&input, 20);
    let target = server.room.text("copy.mp4");
    let output = json!({"target": target, "preset": "copy"});
    let body = json!({"input": input, "outputs": [output], "verify": "full"});
    let job = server.post_job(&body).json()["number"].as_u64().unwrap();
    let job = server.await_state(job, "completed");
    let verified = job["attempts"][0]["usage"]["verify-cpu-seconds"].as_f64().unwrap();
    let before = children_cpu().unwrap();
    by_hand("ffmpeg", &["-i", &target, "-f", "null", "-"]);
    let decoded = (children_cpu().unwrap() - before).as_secs_f64();
    assert!(verified <= decoded * VERIFY, "{verified} s to verify, {decoded} s to decode");
}

/// Runs a command to its good end.
fn by_hand(program: &str, args: &[&str]) {
    let ended = Command::new(program)
        .args(["-y", "-nostdin", "-v", "error"])
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(ended.success(), "{program} {args:?}");
}
