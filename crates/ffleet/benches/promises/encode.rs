//! The encode through ffleet against the same command by hand.
//!
//! Both with the same niceness: a server nices its children down by 10 unless told otherwise, which
//! costs nothing where nothing else runs, and would make any noise count against ffleet alone.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ffleet_testkit::measure::{Bound, Cost, Row, cpu_time};
use ffleet_testkit::turns;
use serde_json::{Value, json};

use crate::Extent;
use crate::room::{Room, run};
use crate::server::Server;

const PRESET: &str = "720p30-h264";

pub(crate) fn rows(room: &Room, extent: Extent) -> Vec<Row> {
    let seconds = extent.pick(5, 60);
    let clip = room.clip("clip.mp4", "1280x720", seconds);
    let mut server = Server::start(room, &[("FFLEET_WORKER_NICE", "0".to_owned())]);
    let command = rehearsed(&mut server, &clip, room);
    let (mut walls, mut cpus, mut by_hand) = (Vec::new(), Vec::new(), Vec::new());
    let mut made = String::new();
    for round in 0..extent.pick(1, 5) {
        made = room.text(&format!("out-{round}.mp4"));
        let plan = json!({"target": made, "preset": PRESET});
        let mut hand = hand(room, &command);
        let work = room.file("data");
        let (mut ours, ran, turns) = std::thread::scope(|scope| {
            let job = scope.spawn(|| through(&mut server, &clip, &plan));
            // Whoever goes first goes second next time.
            let turns = turns::take(&job, &work, &mut hand, round % 2 == 0);
            let (ours, ran) = job.join().unwrap();
            (ours, ran, turns)
        });
        assert_eq!(ran[..ran.len() - 1], command[..command.len() - 1], "the same command");
        ours.wall -= turns.stood;
        walls.push(ours.wall.as_secs_f64() / turns.hand.wall.as_secs_f64());
        cpus.push(ours.cpu.as_secs_f64() / turns.hand.cpu.as_secs_f64());
        by_hand.push(turns.hand.wall.as_secs_f64());
    }
    let ratio = |what| format!("encode of {seconds} s of 720p, ffleet / the same command: {what}");
    let mut rows = vec![
        Row::new(ratio("wall, submitted to published"), "", Bound::AtMost(1.02), &walls),
        Row::new(ratio("CPU, the server's own included"), "", Bound::AtMost(1.02), &cpus),
        Row::new("the same command by hand: wall", "s", Bound::Open, &by_hand),
    ];
    rows.push(verify(&mut server, room, &made));
    rows
}

/// One job, from its acceptance to its end, and the command that it ran last.
fn through(server: &mut Server, input: &str, output: &Value) -> (Cost, Vec<String>) {
    let body = json!({"input": input, "outputs": [output], "verify": "none", "overwrite": true});
    let own = cpu_time(server.pid()).unwrap();
    let job = server.call("POST", "/v1/jobs", &body.to_string());
    let job = server.await_state(job["number"].as_u64().unwrap(), "completed");
    let own = cpu_time(server.pid()).unwrap().saturating_sub(own);
    let time = |key: &str| -> jiff::Timestamp { job[key].as_str().unwrap().parse().unwrap() };
    let wall = time("finished-at").duration_since(time("accepted-at")).unsigned_abs();
    let attempt = &job["attempts"][0];
    let cpu = attempt["usage"]["cpu-seconds"].as_f64().unwrap();
    let command = attempt["commands"].as_array().unwrap().last().unwrap();
    let command = serde_json::from_value(command.clone()).unwrap();
    (Cost { wall, cpu: own + Duration::from_secs_f64(cpu) }, command)
}

/// The command that a job would run, without running it.
fn rehearsed(server: &mut Server, input: &str, room: &Room) -> Vec<String> {
    let output = json!({"target": room.text("rehearsed.mp4"), "preset": PRESET});
    let body = json!({"input": input, "outputs": [output], "verify": "none"});
    let rehearsal = server.call("POST", "/v1/jobs?dry-run=true", &body.to_string());
    let command = rehearsal["commands"].as_array().unwrap().last().unwrap();
    serde_json::from_value(command.clone()).unwrap()
}

/// The same command, typed by somebody: its output lies elsewhere, nothing else differs.
fn hand(room: &Room, command: &[String]) -> Command {
    let (program, args) = command.split_first().unwrap();
    let (output, args) = args.split_last().unwrap();
    assert!(output.starts_with("file:"), "{command:?}");
    let mut command = Command::new(program);
    command.args(args).arg(format!("file:{}", room.text("by-hand.mp4")));
    command
}

/// Verification, which is no part of the above: decoding the result by hand is what it is held
/// against. The job copies, so that nothing but the verification is long.
fn verify(server: &mut Server, room: &Room, made: &str) -> Row {
    let mut rounds = Vec::new();
    for round in 0..3 {
        let output = json!({"target": room.text(&format!("copy-{round}.mp4")), "preset": "copy"});
        let body = json!({"input": made, "outputs": [output], "verify": "full"});
        let job = server.call("POST", "/v1/jobs", &body.to_string());
        let job = server.await_state(job["number"].as_u64().unwrap(), "completed");
        let usage = &job["attempts"][0]["usage"];
        let verified = usage["verify-cpu-seconds"].as_f64().unwrap();
        rounds.push(verified / decode(Path::new(made)).cpu.as_secs_f64());
    }
    let what = "full verification / `ffmpeg -i F -f null -`: CPU";
    Row::new(what, "", Bound::AtMost(1.1), &rounds)
}

fn decode(path: &Path) -> Cost {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(path)
        .args(["-f", "null", "-"]);
    run(&mut command)
}
