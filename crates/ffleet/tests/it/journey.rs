//! What a user does from the first command to the last.

use std::fs;
use std::time::Duration;

use ffleet_testkit::until;
use serde_json::json;

use crate::fixture::{Server, clip, ffprobe};

#[test]
fn file_becomes_two_results_and_everything_about_it_is_known() {
    let Some(server) = Server::start() else { return };
    clip(&server.room.path("in put.mp4"), 4);

    let told = server
        .cli(&[
            "submit",
            "in put.mp4",
            "-o",
            "small.mp4",
            "--preset",
            "480p-h264",
            "-o",
            "sound.m4a",
            "--wait",
        ])
        .ok();
    for text in [
        "job 1 accepted\n",
        "sound.m4a: by preset aac-128k, because of its extension\n",
        "job 1 running\n",
        "job 1 completed\n",
        "small.mp4  (480p-h264; ",
        "cost: ",
        " wall, ",
        " peak memory",
    ] {
        assert!(told.contains(text), "no {text:?} in {told}");
    }

    let small = ffprobe(&server.room.path("small.mp4"));
    assert_eq!(small["streams"][0]["codec_name"], "h264");
    assert_eq!(small["streams"][0]["height"], 480);
    assert_eq!(small["streams"][1]["codec_name"], "aac");
    let sound = ffprobe(&server.room.path("sound.m4a"));
    assert_eq!(sound["streams"].as_array().unwrap().len(), 1, "{sound}");

    let job = server.cli(&["--json", "jobs", "show", "1"]).json();
    assert_eq!(job["state"], "completed");
    assert_eq!(job["outputs"][0]["state"], "published");
    let bytes = fs::metadata(server.room.path("small.mp4")).unwrap().len();
    assert_eq!(job["outputs"][0]["size-bytes"], bytes);
    let usage = &job["attempts"][0]["usage"];
    for key in ["wall-seconds", "cpu-seconds", "verify-cpu-seconds", "peak-memory-bytes"] {
        assert!(usage[key].as_f64().unwrap() > 0.0, "{key} in {usage}");
    }
    let states: Vec<_> = job["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| &change["to"])
        .collect();
    assert_eq!(states, ["queued", "assigned", "running", "completed"]);

    let page = server.cli(&["jobs", "show", job["id"].as_str().unwrap()]).ok();
    for text in ["job 1  completed", "attempt 1 on ", "  ran       ", "ffmpeg ", "history\n"] {
        assert!(page.contains(text), "no {text:?} in {page}");
    }
    let list = server.cli(&["jobs", "list"]).ok();
    assert!(
        list.lines()
            .any(|line| line.contains("1  completed") && line.contains("100%")),
        "{list}"
    );
    assert!(server.cli(&["jobs", "history", "1"]).ok().contains("queued → assigned"));
}

#[test]
fn json_of_every_command_is_the_body_of_its_resource() {
    let Some(server) = Server::start() else { return };
    clip(&server.room.path("in.mp4"), 1);
    server
        .cli(&["submit", "in.mp4", "-o", "out.mkv", "--preset", "copy", "--wait"])
        .ok();
    let node = || server.call("GET", "/v1/nodes", b"").json()["nodes"][0].clone();
    // What the job had is given back a moment after its end.
    until(Duration::from_secs(10), "nothing is promised", || {
        node()["promised"]["tasks"] == 0
    });
    let node = node();
    let name = node["name"].as_str().unwrap();
    for (line, path) in [
        ("jobs list", "/v1/jobs"),
        (
            "jobs list --state completed,failed --limit 5",
            "/v1/jobs?state=completed,failed&limit=5",
        ),
        ("jobs show 1", "/v1/jobs/1"),
        ("jobs history 1", "/v1/jobs/1/history"),
        ("presets", "/v1/presets"),
        ("presets show 480p-h264", "/v1/presets/480p-h264"),
    ] {
        let args: Vec<_> = ["--json"].into_iter().chain(line.split(' ')).collect();
        let printed = server.cli(&args).ok();
        assert_eq!(printed.trim_end(), server.call("GET", path, b"").body, "{line}");
    }
    // These change from moment to moment: when a node was last heard from.
    let without_time = |mut node: serde_json::Value| {
        node.as_object_mut().unwrap().remove("heard-at");
        node
    };
    let listed = server.cli(&["nodes", "list", "--json"]).json()["nodes"][0].clone();
    assert_eq!(without_time(listed), without_time(node.clone()));
    let shown = server.cli(&["nodes", "show", name, "--json"]).json();
    assert_eq!(without_time(shown), without_time(node));

    let input = json!({"input": server.room.text("in.mp4")}).to_string();
    let probed = server.cli(&["--json", "probe", "in.mp4"]).ok();
    assert_eq!(probed.trim_end(), server.call("POST", "/v1/probe", input.as_bytes()).body);
    let log = server.cli(&["jobs", "logs", "1"]).ok();
    assert_eq!(log, server.call("GET", "/v1/jobs/1/logs", b"").body);
    assert!(log.contains("Input #0") || log.contains("ffmpeg"), "{log}");
}

#[test]
fn people_are_told_about_nodes_presets_and_files() {
    let Some(server) = Server::start() else { return };
    clip(&server.room.path("in.mp4"), 1);
    assert!(server.cli(&["jobs", "list"]).ok().contains("no jobs yet"));
    let probed = server.cli(&["probe", "in.mp4"]).ok();
    for text in ["length    0:00:01.", "#0 h264, 320x240", "25.00 fps", "#1 aac, 1 channel"] {
        assert!(probed.contains(text), "no {text:?} in {probed}");
    }
    let nodes = server.cli(&["nodes", "list"]).ok();
    assert!(nodes.contains("active"), "{nodes}");
    let presets = server.cli(&["presets"]).ok();
    for name in ["480p-h264", "1080p60-av1", "live-720p", "aac-128k", "copy", "thumbnail", "gif"] {
        assert!(presets.lines().any(|line| line.starts_with(&format!("{name} "))), "{presets}");
    }
    server.cli(&["presets", "show", "480p-h246"]).failed(4, &["480p-h264"]);
    server.cli(&["jobs", "show", "99"]).failed(4, &["99"]);
}

#[test]
fn shown_preset_is_a_recipe_that_can_be_submitted() {
    let Some(server) = Server::start() else { return };
    clip(&server.room.path("in.mp4"), 1);
    let recipe = server.cli(&["presets", "show", "480p-h264"]).ok();
    fs::write(server.room.path("mine.yaml"), recipe).unwrap();
    server
        .cli(&["submit", "in.mp4", "-o", "out.mp4", "--recipe", "mine.yaml", "--wait"])
        .ok();
    assert_eq!(ffprobe(&server.room.path("out.mp4"))["streams"][0]["height"], 480);
    fs::write(server.room.path("mine.yaml"), "vidoe: copy\n").unwrap();
    server
        .cli(&["submit", "in.mp4", "-o", "x.mp4", "--recipe", "mine.yaml"])
        .failed(2, &["mine.yaml:1", "vidoe", "video"]);
}

#[test]
fn raw_options_make_one_of_several_outputs() {
    let Some(server) = Server::start() else { return };
    clip(&server.room.path("in.mp4"), 1);
    server
        .cli(&[
            "submit",
            "in.mp4",
            "--wait",
            "-o",
            "raw.mkv",
            "--",
            "-c:v",
            "libx264",
            "-crf",
            "30",
            "-vf",
            "scale=160:-2",
            "-an",
            "-o",
            "copied.mp4",
            "--preset",
            "copy",
        ])
        .ok();
    let raw = ffprobe(&server.room.path("raw.mkv"));
    assert_eq!(raw["streams"][0]["width"], 160);
    assert_eq!(raw["streams"].as_array().unwrap().len(), 1, "{raw}");
    assert_eq!(ffprobe(&server.room.path("copied.mp4"))["streams"][0]["width"], 320);
    for (attack, said) in [
        (["-i", "/etc/passwd"], "-i"),
        (["-f", "tee"], "tee"),
        (["-vf", "movie=/etc/passwd"], "movie"),
    ] {
        let args = ["submit", "in.mp4", "-o", "x.mkv", "--", attack[0], attack[1]];
        server.cli(&args).failed(4, &["outputs.0.raw", said]);
    }
}

#[test]
fn overrides_and_duration_are_obeyed() {
    let Some(server) = Server::start() else { return };
    server
        .cli(&[
            "submit",
            "test:240p30",
            "-o",
            "out.mp4",
            "--preset",
            "480p-h264",
            "--size",
            "320x180",
            "--fps",
            "15",
            "--crf",
            "35",
            "--duration",
            "2",
            "--wait",
        ])
        .ok();
    let out = ffprobe(&server.room.path("out.mp4"));
    let video = &out["streams"][0];
    assert_eq!((&video["width"], &video["height"]), (&json!(320), &json!(180)));
    assert_eq!(video["avg_frame_rate"], "15/1");
    let seconds: f64 = out["format"]["duration"].as_str().unwrap().parse().unwrap();
    assert!((1.9..2.2).contains(&seconds), "{seconds}");
}

#[test]
fn dry_run_shows_every_limit_and_starts_nothing() {
    let Some(server) = Server::start() else { return };
    clip(&server.room.path("in.mp4"), 1);
    let line = [
        "submit",
        "in.mp4",
        "-o",
        "out.mp4",
        "--preset",
        "480p-h264",
        "--memory",
        "1GiB",
        "--dry-run",
    ];
    let told = server.cli(&line).ok();
    for text in ["memory    1.00 GiB *", "scratch ", "timeout   1h", "stall     1m", "ffmpeg "] {
        assert!(told.contains(text), "no {text:?} in {told}");
    }
    let rehearsal = server.cli(&[&line[..], &["--json"]].concat()).json();
    assert_eq!(rehearsal["given"], json!(["memory"]));
    assert!(server.cli(&["jobs", "list"]).ok().contains("no jobs yet"));
    assert!(!server.room.path("out.mp4").exists());
}

#[test]
fn same_key_makes_one_job() {
    let Some(server) = Server::start() else { return };
    let line = [
        "submit",
        "test:240p30",
        "--duration",
        "1",
        "-o",
        "out.mp4",
        "--idempotency-key",
        "k",
    ];
    assert!(server.cli(&line).ok().contains("job 1 accepted"));
    assert!(server.cli(&line).ok().contains("job 1 was there already"));
    let other: Vec<_> = line.iter().map(|word| if *word == "1" { "2" } else { word }).collect();
    server.cli(&other).failed(4, &["key"]);
    server.await_state(1, "completed");
}

#[test]
fn job_is_paused_resumed_canceled_and_retried() {
    let Some(server) = Server::start() else { return };
    let job =
        server.submit(&["test:1080p60", "--duration", "10m", "-o", "long.mp4", "--label", "a=b"]);
    server.await_state(job, "running");
    let number = job.to_string();
    server.cli(&["jobs", "pause", &number]).ok();
    server.await_state(job, "paused");
    server.cli(&["jobs", "pause", "99"]).failed(4, &["99"]);
    server.cli(&["jobs", "resume", &number]).ok();
    server.await_state(job, "running");
    server.cli(&["jobs", "retry", &number]).failed(4, &["running"]);
    server.cli(&["jobs", "cancel", &number]).ok();
    until(Duration::from_secs(10), "it is canceled", || {
        server.call("GET", &format!("/v1/jobs/{job}"), b"").json()["state"] == "canceled"
    });
    let waited = server.cli(&["jobs", "wait", &number]);
    assert_eq!(waited.code, 6, "{waited:?}");
    assert!(!server.room.path("long.mp4").exists());
    let list = server.cli(&["--json", "jobs", "list", "--label", "a=b"]).json();
    assert_eq!(list["jobs"].as_array().unwrap().len(), 1);

    let told = server.cli(&["jobs", "retry", &number]).ok();
    assert!(told.contains("job 2 accepted, a retry of 1"), "{told}");
    server.cli(&["jobs", "cancel", "2"]).ok();
    until(Duration::from_secs(10), "the retry is canceled", || {
        server.call("GET", "/v1/jobs/2", b"").json()["state"] == "canceled"
    });
}

#[test]
fn log_is_followed_to_the_end_of_the_job() {
    let Some(server) = Server::start() else { return };
    server.submit(&["test:480p30", "--duration", "5", "-o", "out.mp4"]);
    let log = server.cli(&["jobs", "logs", "-f", "1"]).ok();
    assert_eq!(server.call("GET", "/v1/jobs/1", b"").json()["state"], "completed");
    assert!(log.len() > 100, "{log}");
}

#[test]
fn live_task_ends_by_its_duration() {
    let Some(server) = Server::start() else { return };
    // A free port: nobody else takes it between this look and the listener's start in practice.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("rtmp://127.0.0.1:{port}/live/key");
    let received = server.room.path("received.flv");
    let mut listener = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-listen", "1", "-f", "flv", "-i", &url, "-c", "copy"])
        .arg(&received)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let told = server
        .cli(&["submit", "test:240p30", "--duration", "4", "-o", &url, "--wait"])
        .ok();
    assert!(told.contains("by preset live-720p, what live targets get"), "{told}");
    assert!(!told.contains("not there yet"), "{told}");
    until(Duration::from_secs(20), "the listener has ended", || {
        listener.try_wait().unwrap().is_some()
    });
    let got = ffprobe(&received);
    let video = got["streams"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["codec_type"] == "video");
    assert_eq!(video.unwrap()["codec_name"], "h264");
    let seconds: f64 = got["format"]["duration"].as_str().unwrap().parse().unwrap();
    assert!((2.0..6.0).contains(&seconds), "{seconds}");
}

#[test]
fn passwords_in_addresses_are_not_shown_again() {
    let Some(server) = Server::start() else { return };
    let address = "http://someone:hunter22@127.0.0.1:1/a.mp4?token=t0psecret";
    let job = server.submit(&[address, "-o", "a.mp4", "--retries", "0"]);
    let shown = server.await_state(job, "failed");
    assert_eq!(shown["reason"], "network_error", "{shown}");
    let number = job.to_string();
    for text in [
        shown.to_string(),
        server.cli(&["jobs", "show", &number]).ok(),
        server.cli(&["--json", "jobs", "list"]).ok(),
        server.cli(&["jobs", "logs", &number]).ok(),
        server.said(),
    ] {
        assert!(!text.contains("hunter22") && !text.contains("t0psecret"), "{text}");
    }
    assert!(shown["input"].as_str().unwrap().contains("127.0.0.1:1/a.mp4"), "{shown}");
}

#[test]
fn retry_of_a_job_whose_result_is_there_is_refused() {
    let Some(server) = Server::start() else { return };
    let job = server.submit(&["test:240p10", "--duration", "1", "-o", "a.mp4"]);
    server.await_state(job, "completed");
    let number = job.to_string();
    server
        .cli(&["jobs", "retry", &number])
        .failed(4, &["a.mp4 exists already"]);
    fs::remove_file(server.room.path("a.mp4")).unwrap();
    server.cli(&["jobs", "retry", &number]).ok();
    server.await_state(job + 1, "completed");
}
