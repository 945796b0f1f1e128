//! `ffleet audit`: what it says and how it ends, and the API that answers the same.

use serde_json::{Value, json};

use crate::fixture::{Room, Server, clip};

const BOUNDED: &str = "ffmpeg -nostdin -y -i a.mkv -c copy b.mp4";

#[test]
fn exit_code_says_whether_a_command_is_bounded() {
    let room = Room::new();
    let words = |line: &'static str| line.split(' ');
    let run = |line: &'static str| {
        let args: Vec<&str> = words("audit --cpus 2 --cpus 64 --budget 2 --")
            .chain(words(line))
            .collect();
        room.run(&args)
    };
    let said = run(BOUNDED).ok();
    assert!(
        said.contains("1 command: bounded") && said.contains("writes file   b.mp4"),
        "{said}"
    );
    let unbounded = run("ffmpeg -i a.mkv -c:v libx265 b.mp4");
    assert_eq!(unbounded.code, 1, "{unbounded:?}");
    for text in [
        "64 CPUs",
        "UNBOUNDED",
        "-x265-params pools=2:frame-threads=1",
        "the CPUs it sees",
    ] {
        assert!(unbounded.out.contains(text), "no {text} in {}", unbounded.out);
    }
    let unread = run("docker run image ffmpeg -i a b");
    assert_eq!(unread.code, 2, "{unread:?}");
    assert!(unread.out.contains("line 1: not read"), "{}", unread.out);
}

#[test]
fn scripts_are_read_line_by_line() {
    let room = Room::new();
    let script = format!("#!/bin/sh\nmkdir -p out\n{BOUNDED}\nffmpeg \\\n  -i \"$1\" c.mp4\n");
    std::fs::write(room.path("all.sh"), script).unwrap();
    let said = room.run(&["audit", "--file", "all.sh", "--json", "--cpus", "2"]);
    assert_eq!(said.code, 1, "{said:?}");
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let lines: Vec<u64> = report["commands"]
        .as_array()
        .unwrap()
        .iter()
        .map(|command| command["line"].as_u64().unwrap())
        .collect();
    assert_eq!((lines, &report["others"][0]), (vec![3, 4], &"mkdir".into()));
    assert_eq!(
        (&report["bounded"], &report["commands"][0]["rewrite"]),
        (&false.into(), &Value::Null)
    );
    // What it writes instead is bounded.
    let rewrite = report["commands"][1]["rewrite"].as_str().unwrap();
    std::fs::write(room.path("bounded.sh"), rewrite).unwrap();
    let said = room.run(&["audit", "--file", "bounded.sh"]).ok();
    assert!(said.contains("bounded"), "{said}");
}

#[test]
fn api_answers_what_the_command_line_prints_and_a_server_looks_at_inputs() {
    let Some(server) = Server::start() else { return };
    clip(&server.room.path("in.mp4"), 1);
    let line = ["ffmpeg", "-i", "in.mp4", "-c:v", "libx265", "out.mp4"];
    let settings = ["--json", "audit", "--cpus", "4", "--cpus", "64", "--budget", "2"];
    let args: Vec<&str> = settings.into_iter().chain(["--"]).chain(line).collect();
    let printed = server.cli(&args);
    let body = json!({"command": line, "cpus": [64, 4], "budget": 2});
    let answer = server.call("POST", "/v1/audit", body.to_string().as_bytes());
    assert_eq!((answer.status, printed.code), (200, 1), "{answer:?}");
    assert_eq!(printed.out.trim_end(), answer.body);

    let args: Vec<&str> = settings.into_iter().chain(["--probe", "--"]).chain(line).collect();
    let report: Value = serde_json::from_str(&server.cli(&args).out).unwrap();
    let command = &report["commands"][0];
    assert_eq!(command["assumes"], json!([]), "{command}");
    assert_eq!(command["machines"][0]["assumed-threads"], 0);

    let refused = server.call("POST", "/v1/audit", br#"{"cpus": [2]}"#);
    assert_eq!(refused.status, 422, "{refused:?}");
    let large = json!({"script": "x".repeat(70_000)}).to_string();
    assert_eq!(server.call("POST", "/v1/audit", large.as_bytes()).status, 422);
}
