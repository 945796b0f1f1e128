//! Input that is wrong: each is refused or fails with words that help, and leaves nothing.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ffleet_testkit::need;
use serde_json::{Value, json};

use crate::fixture::{Room, Server, clip, ffprobe};
use crate::http;

/// A request that would be accepted, changed by `change`.
fn request(server: &Server, change: impl FnOnce(&mut Value)) -> Value {
    let mut body = json!({
        "input": "test:240p30", "duration": "1s",
        "outputs": [{"target": server.room.text("out.mp4"), "preset": "480p-h264"}],
    });
    change(&mut body);
    body
}

#[test]
fn garbage_and_unknown_fields_are_refused_by_name() {
    let Some(server) = Server::start() else { return };
    for garbage in ["", "{", "nonsense", "[1,2", "\u{0}\u{1}", "{\"input\": \"/a\",}"] {
        server
            .call("POST", "/v1/jobs", garbage.as_bytes())
            .is_problem(400, "malformed-json");
    }
    server
        .call("POST", "/v1/jobs", b"\xff\xfe{}")
        .is_problem(400, "malformed-json");
    let deep = "[".repeat(100_000);
    server
        .call("POST", "/v1/jobs", deep.as_bytes())
        .is_problem(400, "malformed-json");

    let body = request(&server, |body| body["prioritty"] = json!("high"));
    let problem = server.post_job(&body).is_problem(400, "unknown-field");
    assert!(problem["hint"].as_str().unwrap().contains("priority"), "{problem}");
    let body = request(&server, |body| body["outputs"][0]["presett"] = json!("x"));
    let problem = server.post_job(&body).is_problem(400, "unknown-field");
    assert_eq!(problem["field"], "/outputs/0/presett");
    let body = request(&server, |body| body["outputs"][0]["preset"] = json!("480p-h246"));
    let problem = server.post_job(&body).is_problem(422, "unknown-preset");
    assert!(problem.to_string().contains("480p-h264"), "{problem}");
    assert_eq!(server.call("GET", "/v1/jobs", b"").json()["jobs"], json!([]));
}

#[test]
fn absurd_sizes_and_negative_numbers_are_refused() {
    let Some(server) = Server::start() else { return };
    for (pointer, value) in [
        ("/limits", json!({"memory": "-1GiB"})),
        ("/limits", json!({"memory": "99999999999TiB"})),
        ("/limits", json!({"memory": "1"})),
        ("/limits", json!({"cpu": "-200%"})),
        ("/limits", json!({"cpu": "0%"})),
        ("/limits", json!({"timeout": "-1s"})),
        ("/limits", json!({"timeout": "900y"})),
        ("/limits", json!({"stall": "0s"})),
        ("/retries", json!(-1)),
        ("/retries", json!(4_000_000_000_u32)),
        ("/duration", json!("-5s")),
        ("/duration", json!("0s")),
        ("/overrides", json!({"size": "99999x99999"})),
        ("/overrides", json!({"size": "-16x16"})),
        ("/overrides", json!({"fps": "-30"})),
        ("/overrides", json!({"fps": "1000000"})),
        ("/overrides", json!({"crf": -1})),
        ("/overrides", json!({"crf": 255})),
        ("/overrides", json!({"bitrate": "0"})),
        ("/outputs", json!([])),
        ("/input", json!(5)),
    ] {
        let key = &pointer[1..];
        let answer = server.post_job(&request(&server, |body| body[key] = value.clone()));
        assert_eq!(answer.status, 422, "{pointer} {value}: {answer:?}");
        let problem = answer.is_problem(422, "invalid-value");
        assert!(problem["field"].as_str().unwrap().starts_with(pointer), "{value}: {problem}");
    }
    let many: Vec<_> = (0..1_000).map(|i| json!({"target": format!("/tmp/{i}.mp4")})).collect();
    let answer = server.post_job(&request(&server, |body| body["outputs"] = json!(many)));
    answer.is_problem(422, "invalid-value");
    let labels: serde_json::Map<_, _> = (0..1_000).map(|i| (format!("k{i}"), json!("v"))).collect();
    let answer = server.post_job(&request(&server, |body| body["labels"] = json!(labels)));
    answer.is_problem(422, "invalid-value");
    assert_eq!(server.call("GET", "/v1/jobs", b"").json()["jobs"], json!([]));
}

#[test]
fn inputs_that_cannot_be_are_refused_at_once() {
    let Some(server) = Server::start() else { return };
    fs::create_dir(server.room.path("dir.mp4")).unwrap();
    fs::write(server.room.path("empty.mp4"), "").unwrap();
    for (input, said) in [
        ("dir.mp4", "is a directory"),
        ("empty.mp4", "is empty"),
        ("missing.mp4", "there is no"),
        ("/dev/zero", "not a file"),
        ("ftp://h/x.mp4", "input"),
        ("concat:/a|/b", "there is no"),
        ("file:///etc/../missing", "there is no"),
        ("test:99p30", "test picture"),
    ] {
        server.cli(&["submit", input, "-o", "out.mp4"]).failed(4, &[said]);
    }
    let body = request(&server, |body| body["input"] = json!(server.room.text("dir.mp4")));
    server.post_job(&body).is_problem(422, "input-unusable");
    let body = request(&server, |body| body["input"] = json!("relative.mp4"));
    let problem = server.post_job(&body).is_problem(422, "invalid-value");
    assert_eq!(problem["field"], "/input");
}

#[test]
fn inputs_that_are_no_media_fail_with_the_engines_words() {
    let Some(server) = Server::start() else { return };
    clip(&server.room.path("whole.mp4"), 3);
    let whole = fs::read(server.room.path("whole.mp4")).unwrap();
    fs::write(server.room.path("truncated.mp4"), &whole[..whole.len() / 2]).unwrap();
    fs::write(server.room.path("text.mp4"), "Dear diary,\n".repeat(100)).unwrap();
    for name in ["truncated.mp4", "text.mp4"] {
        let printed =
            server.cli(&["submit", name, "-o", "out.mp4", "--preset", "480p-h264", "--wait"]);
        assert_eq!(printed.code, 1, "{name}: {printed:?}");
        assert!(printed.out.contains("input_error"), "{name}: {printed:?}");
        let job = server.cli(&["--json", "jobs", "list"]).json()["jobs"][0].clone();
        let message = job["message"].as_str().unwrap();
        assert!(
            message.contains("Invalid data") || message.contains("moov"),
            "{name}: {message}"
        );
        let full = server.call("GET", &format!("/v1/jobs/{}", job["number"]), b"").json();
        assert_eq!(full["attempts"].as_array().unwrap().len(), 1, "a damaged file stays damaged");
        assert!(!server.room.path("out.mp4").exists());
        server.cli(&["probe", name]).failed(4, &["Invalid data"]);
    }
}

#[test]
fn odd_names_work_as_they_are() {
    let Some(server) = Server::start() else { return };
    for name in [
        "with space.mp4",
        "it's \"quoted\".mp4",
        "new\nline.mp4",
        "-dash.mp4",
        "a:b.mp4",
        "100%d.mp4",
        "$HOME.mp4",
        "ünï.mp4",
        "a|b;c&d.mp4",
        "#?&.mp4",
        "[1-2]*.mp4",
    ] {
        let made = server.room.path(name);
        clip(&made, 1);
        let (input, out) = (format!("./{name}"), format!("./out-{name}"));
        server
            .cli(&["submit", &input, "-o", &out, "--preset", "copy", "--wait"])
            .ok();
        ffprobe(&server.room.path(&format!("out-{name}")));
        let page = server.cli(&["jobs", "list", "--limit", "1"]).ok();
        assert_eq!(page.lines().filter(|line| line.contains("out-")).count(), 1, "{page}");
        let body = request(&server, |body| {
            body["input"] = json!(server.room.text(name));
            body["outputs"] =
                json!([{"target": server.room.text(&format!("api-{name}")), "preset": "copy"}]);
        });
        let answer = server.post_job(&body);
        assert_eq!(answer.status, 201, "{answer:?}");
        server.await_state(answer.json()["number"].as_u64().unwrap(), "completed");
    }
    // A name that begins with a dash is an option wherever it is not a value.
    server.cli(&["submit", "-dash.mp4", "-o", "x.mp4"]).failed(2, &["-d"]);
}

#[test]
fn paths_outside_the_roots_are_refused() {
    let Some(server) = ({
        let room = Room::new();
        fs::create_dir(room.path("media")).unwrap();
        let roots = format!("roots: [{:?}]\n", room.text("media"));
        fs::write(room.path("c.yaml"), roots).unwrap();
        let there = need::ffmpeg().is_some() && need::ffprobe().is_some();
        there.then(|| Server::open(Arc::new(room), &["--config", "c.yaml"]))
    }) else {
        return;
    };
    clip(&server.room.path("media/in.mp4"), 1);
    clip(&server.room.path("out-of-bounds.mp4"), 1);
    std::os::unix::fs::symlink(server.room.path(""), server.room.path("media/link")).unwrap();
    for (input, output) in [
        ("out-of-bounds.mp4", "media/x.mp4"),
        ("media/../out-of-bounds.mp4", "media/x.mp4"),
        ("media/link/out-of-bounds.mp4", "media/x.mp4"),
        ("media/in.mp4", "x.mp4"),
        ("media/in.mp4", "media/link/x.mp4"),
        ("media/in.mp4", "/etc/x.mp4"),
        ("/etc/passwd", "media/x.mp4"),
    ] {
        server
            .cli(&["submit", input, "-o", output])
            .failed(4, &["outside", "roots"]);
    }
    let body = request(&server, |body| {
        body["outputs"][0]["target"] = json!(server.room.text("media/../../../etc/x.mp4"));
    });
    server.post_job(&body).is_problem(422, "outside-roots");
    server.cli(&["probe", "/etc/passwd"]).failed(4, &["outside"]);
    server
        .cli(&["submit", "media/in.mp4", "-o", "media/ok.mp4", "--preset", "copy", "--wait"])
        .ok();
}

#[test]
fn servers_own_directory_is_nobodys_input_or_output() {
    let Some(server) = Server::start() else { return };
    clip(&server.room.path("in.mp4"), 1);
    server
        .cli(&["submit", "in.mp4", "-o", "data/x.mp4"])
        .failed(4, &["server's own directory"]);
    server
        .cli(&["submit", "data/key", "-o", "x.mp4"])
        .failed(4, &["server's own directory"]);
    server
        .cli(&["probe", "data/key"])
        .failed(4, &["server's own directory"]);
}

#[test]
fn output_that_is_the_input_or_another_output_is_refused() {
    let Some(server) = Server::start() else { return };
    clip(&server.room.path("in.mp4"), 1);
    fs::hard_link(server.room.path("in.mp4"), server.room.path("hard.mp4")).unwrap();
    std::os::unix::fs::symlink("in.mp4", server.room.path("soft.mp4")).unwrap();
    let before = fs::read(server.room.path("in.mp4")).unwrap();
    for target in ["in.mp4", "./in.mp4", "run/../in.mp4", "hard.mp4", "soft.mp4"] {
        let printed = server.cli(&["submit", "in.mp4", "-o", target, "--overwrite"]);
        printed.failed(4, &["outputs.0.target"]);
    }
    server
        .cli(&["submit", "in.mp4", "-o", "a.mp4", "-o", "./run/../a.mp4"])
        .failed(4, &["outputs.1.target"]);
    server
        .cli(&["submit", "in.mp4", "-o", "hard.mp4"])
        .failed(4, &["outputs.0.target"]);
    assert_eq!(fs::read(server.room.path("in.mp4")).unwrap(), before, "the source is touched");
}

#[test]
fn target_in_the_way_is_kept_unless_asked_otherwise() {
    let Some(server) = Server::start() else { return };
    clip(&server.room.path("in.mp4"), 1);
    fs::write(server.room.path("out.mp4"), "mine").unwrap();
    let line = ["submit", "in.mp4", "-o", "out.mp4", "--preset", "copy", "--wait"];
    server.cli(&line).failed(4, &["out.mp4", "--overwrite"]);
    assert_eq!(fs::read_to_string(server.room.path("out.mp4")).unwrap(), "mine");
    server.cli(&[&line[..], &["--overwrite"]].concat()).ok();
    ffprobe(&server.room.path("out.mp4"));
}

#[test]
fn places_that_cannot_be_written_are_refused() {
    let Some(server) = Server::start() else { return };
    clip(&server.room.path("in.mp4"), 1);
    fs::write(server.room.path("file"), "").unwrap();
    for target in ["missing/x.mp4", "file/x.mp4", "/proc/x.mp4", "/dev/null", "/sys/x.mp4"] {
        let printed = server.cli(&["submit", "in.mp4", "-o", target, "--preset", "copy", "--wait"]);
        assert!([1, 4].contains(&printed.code), "{target}: {printed:?}");
        let place = target.rsplit_once('/').unwrap().0;
        assert!(
            format!("{}{}", printed.out, printed.err).contains(place),
            "{target}: {printed:?}"
        );
    }
}

#[test]
fn target_on_a_read_only_file_system_is_refused() {
    let Some(server) = Server::start() else { return };
    let root = need::root();
    let (Some(mount), true) = (need::program("mount"), root) else {
        return;
    };
    clip(&server.room.path("in.mp4"), 1);
    let at = server.room.path("ro");
    fs::create_dir(&at).unwrap();
    let mounted = Command::new(mount)
        .args(["-t", "tmpfs", "-o", "ro,size=64k", "none"])
        .arg(&at)
        .status();
    if !need::that("the right to mount a tmpfs", mounted.is_ok_and(|status| status.success())) {
        return;
    }
    let printed = server.cli(&["submit", "in.mp4", "-o", "ro/x.mp4", "--preset", "copy", "--wait"]);
    assert!(Command::new("umount").arg(&at).status().unwrap().success());
    assert!([1, 4].contains(&printed.code), "{printed:?}");
    assert!(
        format!("{}{}", printed.out, printed.err)
            .to_lowercase()
            .contains("read-only"),
        "{printed:?}"
    );
}

#[test]
fn body_of_256_mb_is_refused_unread() {
    let Some(server) = Server::start() else { return };
    let memory = || -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.split_whitespace().next().unwrap().parse().unwrap()
    };
    let before = memory();
    let length = 256_u64 << 20;
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!(
        "POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n",
        server.port, server.key
    );
    stream.write_all(head.as_bytes()).unwrap();
    let piece = vec![b' '; 1 << 20];
    for _ in 0..256 {
        // It hangs up when it has had enough.
        if stream.write_all(&piece).is_err() {
            break;
        }
    }
    let answer = http::read(&mut stream);
    assert!(answer.head.contains("413"), "{answer:?}");
    assert!(memory() < before + 32 * 1_024, "{before} to {} KiB", memory());
    server.cli(&["jobs", "list"]).ok();
}

#[test]
fn requests_of_other_sites_and_under_other_names_are_refused() {
    let Some(server) = Server::start() else { return };
    let key = format!("Bearer {}", server.key);
    let call = |method, headers: &[(&str, &str)]| {
        let all: Vec<_> = [("Authorization", key.as_str())]
            .iter()
            .chain(headers)
            .copied()
            .collect();
        http::request(server.port, method, "/v1/jobs", &all, b"{}")
    };
    call("GET", &[("Host", "evil.example")]).is_problem(421, "wrong-host");
    call("GET", &[("Origin", "http://evil.example")]).is_problem(403, "cross-origin");
    call(
        "POST",
        &[("Origin", "http://evil.example"), ("Content-Type", "application/json")],
    )
    .is_problem(403, "cross-origin");
    call("POST", &[("Content-Type", "text/plain")]).is_problem(415, "unsupported-media-type");
    assert_eq!(call("DELETE", &[]).status, 405);
    assert!(Path::new(&server.room.path("data")).is_dir());
}
