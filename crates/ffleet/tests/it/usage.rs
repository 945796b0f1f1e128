//! The command line without a real server: usage, help, exit codes.

use std::process::Stdio;
use std::sync::Mutex;

use crate::fake::{self, Fake};
use crate::fixture::Room;

#[test]
fn bad_usage_is_exit_code_2_and_says_what_is_wrong() {
    let room = Room::new();
    for (line, said) in [
        ("", "Usage: ffleet"),
        ("frobnicate", "unrecognized subcommand 'frobnicate'"),
        ("submit", "required"),
        ("submit in.mp4", "--output"),
        ("submit in.mp4 -o", "value is required"),
        ("submit in.mp4 -o out/", "is a directory"),
        ("submit in.mp4 -o run", "is a directory"),
        ("submit in.mp4 -o -", "standard output cannot be an output"),
        ("submit - -o x.mp4", "standard input cannot be an input"),
        ("submit a b -o x.mp4", "unexpected argument 'b'"),
        ("submit a -o x.mp4 --cpu=-5", "not an amount of CPU"),
        ("submit a -o x.mp4 --cpu 0", "not an amount of CPU"),
        ("submit a -o x.mp4 --memory=-1GiB", "not an amount of bytes"),
        ("submit a -o x.mp4 --memory 99999999999TiB", "not an amount of bytes"),
        ("submit a -o x.mp4 --size 0x0", "picture size"),
        ("submit a -o x.mp4 --fps=-30", "frame rate"),
        ("submit a -o x.mp4 --crf 64", "64"),
        ("submit a -o x.mp4 --crf 20 --bitrate 5M", "cannot be used with"),
        ("submit a -o x.mp4 --timeout 20y", "length of time"),
        ("submit a -o x.mp4 --retries=-1", "--retries"),
        ("submit a -o x.mp4 --queue fast", "possible values: live, default, batch"),
        ("submit a -o x.mp4 --label team", "KEY=VALUE"),
        ("submit a -o x.mp4 --label a=1 --label a=2", "given twice"),
        ("submit a -o x.mp4 --preset copy --preset gif", "one too many"),
        ("submit a -o x.mp4 --recipe missing.yaml", "missing.yaml"),
        ("submit a -o x.mp4 --dry-run --wait", "cannot be used with"),
        ("submit a -o x.mp4 -- -an --wait", "'--wait' stands after '--'"),
        ("submit a -o x.mp4 --", "no FFmpeg options"),
        ("jobs show x", "not a job"),
        ("jobs list --limit 501", "501"),
        ("jobs list --state gone", "not a state"),
        ("jobs list --server ftp://x", "http://HOST:PORT"),
        ("jobs list --key-file missing", "cannot read missing"),
        ("audit", "nothing is given to audit"),
        ("audit -- ls", "ls is no command of FFmpeg or GStreamer"),
        ("audit --file missing.sh", "cannot read missing.sh"),
        ("audit --file a -- ffmpeg", "cannot be used with"),
        ("audit --ffmpeg new -- ffmpeg", "not a release"),
        ("audit --cpus 0 -- ffmpeg", "0"),
        ("completions tcsh", "possible values: bash, zsh, fish"),
    ] {
        let args: Vec<_> = line.split(' ').filter(|word| !word.is_empty()).collect();
        room.run(&args).failed(2, &[said]);
    }
}

#[test]
fn exit_codes_are_in_the_help() {
    let help = Room::new().run(&["--help"]).ok();
    for line in [
        "    1  the job",
        "    2  bad usage",
        "    3  no server",
        "    4  the server refuses",
    ] {
        assert!(help.contains(line), "no {line:?} in {help}");
    }
}

#[test]
fn version_says_what_it_was_built_for() {
    let version = Room::new().run(&["--version"]).ok();
    assert!(version.starts_with(concat!("ffleet ", env!("CARGO_PKG_VERSION"))), "{version}");
    assert!(version.contains("target:  ") && version.contains("linux"), "{version}");
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = Room::new().run(&["completions", shell]).ok();
        assert!(script.contains("idempotency-key"), "{shell}: {script}");
    }
}

#[test]
fn reader_that_has_gone_is_no_trouble() {
    let room = Room::new();
    let mut child = room
        .command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn nobody_there_is_exit_code_3() {
    let room = Room::new();
    room.run(&["jobs", "list"])
        .failed(3, &["no ffleet server of yours runs here", "`ffleet serve`"]);
    room.run(&["--server", "http://127.0.0.1:1", "jobs", "list"])
        .failed(3, &["no server answers at http://127.0.0.1:1: Connection refused"]);
}

#[test]
fn refusal_is_exit_code_4_and_failure_5() {
    let room = Room::new();
    for (status, code, exit) in [
        (404, "job-not-found", 4),
        (409, "wrong-state", 4),
        (422, "invalid-value", 4),
        (429, "too-many-requests", 4),
        (500, "internal", 5),
        (503, "store-unavailable", 5),
    ] {
        let fake = Fake::start(move |_| fake::problem(status, code));
        let printed = room.run(&["--server", &fake.address, "jobs", "show", "7"]);
        printed.failed(exit, &["error: what was wrong", "what to do"]);
    }
    let fake = Fake::start(|_| fake::problem(401, "unauthorized"));
    room.run(&["--server", &fake.address, "jobs", "list"])
        .failed(4, &["--key-file", "FFLEET_KEY"]);
    let fake = Fake::start(|_| fake::answer(200, "text/html", "<h1>It works!</h1>"));
    room.run(&["--server", &fake.address, "jobs", "list"])
        .failed(5, &["cannot be read"]);
}

#[test]
fn json_is_what_the_server_said_later_versions_included() {
    let room = Room::new();
    let fake = Fake::start(|_| fake::answer(200, "application/json", &fake::job("queued")));
    let printed = room
        .run(&["--server", &fake.address, "--json", "jobs", "show", "7"])
        .ok();
    assert_eq!(printed, fake::job("queued") + "\n");
}

#[test]
fn waiting_goes_on_when_the_server_was_away() {
    let room = Room::new();
    let calls = Mutex::new(Vec::new());
    let fake = Fake::start(move |request| {
        let mut calls = calls.lock().unwrap();
        calls.push(request.to_owned());
        match (request.contains("/events"), calls.len()) {
            // The stream breaks off; then the server is away; then it is back, and done.
            (true, 1..=2) => fake::events("event: lagged\ndata: {\"missed\":1}\n\n"),
            (true, 3..=5) => None,
            (true, _) => fake::events(""),
            (false, 1..=5) => fake::answer(200, "application/json", &fake::job("running")),
            (false, _) => fake::answer(200, "application/json", &fake::job("completed")),
        }
    });
    let printed = room.run(&["--server", &fake.address, "jobs", "wait", "7"]);
    assert!(
        printed.err.contains("waiting for it") && printed.err.contains("is back"),
        "{printed:?}"
    );
    let out = printed.ok();
    assert!(out.contains("job 7 running\n") && out.contains("job 7 completed\n"), "{out}");
}

#[test]
fn what_came_of_a_job_is_the_exit_code() {
    for (state, exit) in [("completed", 0), ("failed", 1), ("timed_out", 1), ("canceled", 6)] {
        let fake = Fake::start(move |request| match request.contains("/events") {
            true => fake::events(""),
            false => fake::answer(200, "application/json", &fake::job(state)),
        });
        let printed = Room::new().run(&["--server", &fake.address, "jobs", "wait", "7"]);
        assert_eq!(printed.code, exit, "{printed:?}");
        assert!(printed.out.contains(&format!("job 7 {state}")), "{printed:?}");
    }
}

#[test]
fn configuration_is_checked_with_line_and_nearest_key() {
    let room = Room::new();
    let file = room.path("ffleet.yaml");
    std::fs::write(&file, "listen: 127.0.0.1:9000\nworker:\n  max-taks: 3\n  nice: 99\n").unwrap();
    let printed = room.run(&["config", "check", "ffleet.yaml"]);
    assert_eq!(printed.code, 2, "{printed:?}");
    for text in ["ffleet.yaml:3:3", "max-tasks", "ffleet.yaml:4:", "2 problems"] {
        let all = format!("{}{}", printed.out, printed.err);
        assert!(all.contains(text), "no {text:?} in {all}");
    }
    let printed = room.run(&["--json", "config", "check", "ffleet.yaml"]);
    assert_eq!(printed.code, 2, "{printed:?}");
    let report: serde_json::Value = serde_json::from_str(&printed.out).unwrap();
    assert_eq!(report["problems"].as_array().unwrap().len(), 2, "{report}");
    std::fs::write(&file, "listen: 127.0.0.1:9000\n").unwrap();
    assert!(room.run(&["config", "check", "ffleet.yaml"]).ok().contains("ok: "));
}

#[test]
fn configuration_that_is_right_shows_what_can_be_watched_without_its_secrets() {
    let room = Room::new();
    let file = room.path("ffleet.yaml");
    let text = "feeds:\n  'cam{n}':\n    for: {n: 1..2}\n    command: sh -i rtsp://me:hush@cam{n}/a -\n  \
                hall: {pull: 'http://me:hush@hall/'}\nstreams:\n  \
                'cam{n}': {for: {n: 1..2}, feed: 'cam{n}', mimetype: video/mp2t}\n  \
                still: {feed: cam1, type: shot, mimetype: image/png, command: no-such-program -}\n";
    std::fs::write(&file, text).unwrap();
    let shown = room.run(&["config", "check", "ffleet.yaml"]).ok();
    for text in [
        "3 feeds, 3 streams\n",
        "3 rings, 24.0 MiB of memory together, of ",
        "ffleet.yaml:8:65: streams.still.command: \"no-such-program\" is not in PATH\n",
        "cam2  on-demand  8.00 MiB         sh -i rtsp://***@cam2/a -\n",
        "hall  on-demand  8.00 MiB         http://***@hall/\n",
        "still   /stream/still  shot    cam1  image/png   no-such-program -\n",
    ] {
        assert!(shown.contains(text), "no {text:?} in {shown}");
    }
    let json = room.run(&["--json", "config", "check", "ffleet.yaml"]).json();
    assert_eq!(json["live"]["feeds"][0]["source"]["command"][2], "rtsp://***@cam1/a");
    assert_eq!(
        (&json["format"], &json["live"]["streams"][2]["kind"]),
        (&"ffleet".into(), &"shot".into())
    );
    assert!(!format!("{shown}{json}").contains("hush"));
}

#[test]
fn configuration_of_voyandz_is_checked_as_one() {
    let room = Room::new();
    let stream = "streams: {a: {command: cat, type: stream, mimetype: a/b, url: x/y}}\n";
    std::fs::write(room.path("v"), format!("listenport: 8090\n{stream}")).unwrap();
    let shown = room.run(&["config", "check", "v"]).ok();
    assert!(shown.contains("a configuration of voyandz; 0 feeds, 1 stream\n"), "{shown}");
    assert!(shown.contains("a       /x/y     stream        a/b       cat\n"), "{shown}");
    std::fs::write(room.path("v"), format!("listenport: 0\n{stream}")).unwrap();
    let printed = room.run(&["config", "check", "v"]);
    assert_eq!(printed.code, 2, "{printed:?}");
    assert!(printed.out.contains("v:1:13: listenport: 0 is out of range"), "{printed:?}");
}
