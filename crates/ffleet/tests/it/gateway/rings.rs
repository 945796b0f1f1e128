//! Rings in the node's memory.

use super::{SOON, Viewer, await_feed, feed, said, serve};
use crate::http;
use ffleet_testkit::crowd::Crowd;
use ffleet_testkit::until;
use serde_json::Value;
use std::time::Duration;

const RINGS: &str = "
worker: { memory: 1GiB }
feeds:
  a: { command: NASTY count 200 60, ring-bytes: 600MiB }
  b: { command: NASTY count 200 60, ring-bytes: 600MiB }
  b-child: { command: cat, feed: b, ring-bytes: 1MiB }
  c: { push: http, ring-bytes: 700MiB }
streams:
  a: { feed: a, mimetype: application/x-numbers }
  b: { feed: b-child, mimetype: application/x-numbers }
";

fn node(server: &crate::fixture::Server) -> Value {
    server.call("GET", "/v1/nodes", b"").json()["nodes"][0].clone()
}

#[test]
fn ring_that_does_not_fit_is_refused_and_jobs_get_what_the_others_leave() {
    let Some(server) = serve(RINGS) else { return };
    assert_eq!(Viewer::open(&server, "/stream/a").numbers(100).jumps, 0);
    await_feed(&server, "b", "failed");
    let why = said(&server, "b");
    assert!(why.contains("ring of 600 MiB") && why.contains("of 1.00 GiB"), "{why}");
    assert_eq!(feed(&server, "b-child")["state"], "failed", "it reads what never comes");
    let restarted = server.call("POST", "/v1/feeds/b/restart", b"");
    let told = restarted.is_problem(503, "unavailable");
    assert!(told["detail"].as_str().unwrap().contains("ring of 600 MiB"), "{told}");
    let refused = http::request(server.port, "GET", "/stream/b", &[], b"");
    let told = refused.is_problem(503, "unavailable");
    assert!(told["detail"].as_str().unwrap().contains("lower `ring-bytes`"), "{told}");
    let pushed = http::request(server.port, "PUT", "/ingest/c", &[], b"x");
    pushed.is_problem(503, "unavailable");

    until(SOON, "the controller knows", || node(&server)["ring-bytes"] == 600 << 20);
    assert_eq!(node(&server)["promised"]["memory"], "600MiB");
    let shown = server
        .cli(&["nodes", "show", node(&server)["name"].as_str().unwrap()])
        .ok();
    assert!(shown.contains("600 MiB of it to rings"), "{shown}");

    // A ring that goes leaves its memory to those that come.
    let text = std::fs::read_to_string(server.room.path("ffleet.yaml")).unwrap();
    let text = text
        .replace("a: { command", "d: { command")
        .replace("{ feed: a,", "{ feed: b,");
    std::fs::write(
        server.room.path("ffleet.yaml"),
        text.replace("ring-bytes: 700MiB", "ring-bytes: 1MiB"),
    )
    .unwrap();
    server.signal(rustix::process::Signal::HUP);
    until(SOON, "another one is refused", || feed(&server, "d")["state"] == "failed");
    assert_eq!(Viewer::open(&server, "/stream/a").numbers(100).jumps, 0);
    assert_eq!(http::request(server.port, "PUT", "/ingest/c", &[], b"x").status, 204);
    until(SOON, "the controller knows", || node(&server)["ring-bytes"] == 602 << 20);
}

#[test]
fn job_that_waits_for_memory_says_that_rings_have_it() {
    let Some(server) = serve(RINGS) else { return };
    until(SOON, "the controller knows", || node(&server)["ring-bytes"] == 600 << 20);
    let job =
        server.submit(&["test:240p25", "--duration", "1", "-o", "out.mp4", "--memory", "700MiB"]);
    let waits = || server.call("GET", &format!("/v1/jobs/{job}"), b"").json()["waits"].clone();
    until(SOON, "why it waits is said", || waits().is_string());
    let why = waits().as_str().unwrap().to_owned();
    for part in [
        "no room for 700 MiB of memory (424 MiB is free)",
        "rings of live streams hold 600 MiB",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    let shown = server.cli(&["jobs", "show", &job.to_string()]).ok();
    assert!(shown.contains("rings of live streams hold 600 MiB"), "{shown}");
    std::fs::write(server.room.path("ffleet.yaml"), "worker: { memory: 1GiB }\n").unwrap();
    server.signal(rustix::process::Signal::HUP);
    server.await_state(job, "completed");
}

const GROUP: &str = "
role-groups: { live: { memory: 100MiB } }
feeds:
  a: { command: NASTY count 200 60, ring-bytes: 60MiB }
  b: { command: NASTY count 200 60, ring-bytes: 50MiB }
streams:
  a: { feed: a, mimetype: application/x-numbers }
";

#[test]
fn rings_count_in_the_memory_of_the_role_group_live() {
    let Some(server) = serve(GROUP) else { return };
    assert_eq!(Viewer::open(&server, "/stream/a").numbers(100).jumps, 0);
    await_feed(&server, "b", "failed");
    let why = said(&server, "b");
    for part in [
        "ring of 50.0 MiB does not fit into the memory of the role group live",
        "of 100 MiB, 0 B are promised to its processes and 60.0 MiB to other rings",
        "raise `role-groups.live.memory`",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    until(SOON, "the controller knows", || node(&server)["ring-bytes"] == 60 << 20);
    let groups = node(&server)["role-groups"].to_string();
    let checked = server.room.run(&["config", "check", "ffleet.yaml"]).ok();
    assert!(checked.contains("do not fit into 100 MiB of memory"), "{checked} {groups}");
    let text = GROUP.replace("50MiB", "40MiB");
    super::configure(&server.room, &text);
    server.signal(rustix::process::Signal::HUP);
    until(SOON, "it is there", || feed(&server, "b")["state"] == "idle");
}

#[test]
fn check_says_what_rings_add_up_to() {
    let room = crate::fixture::Room::new();
    let text = "worker: {memory: 1GiB}\nfeeds:\n  a: {command: ffmpeg -i x -b:v 4M -b:a 128k -f mpegts -, ring-bytes: 600MiB}\n  \
                b: {push: http, ring-bytes: 600MiB}\nstreams:\n  a: {feed: a, mimetype: a/b}\n";
    std::fs::write(room.path("ffleet.yaml"), text).unwrap();
    let said = room.run(&["config", "check", "ffleet.yaml"]).ok();
    for part in [
        "2 rings, 1.17 GiB of memory together, of 1.00 GiB",
        "holds 1006 s at 5 Mbit/s",
        "do not fit into 1.00 GiB of memory: the last ones are refused",
        "600 MiB (1219 s)",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn feed_without_a_pace_is_read_as_fast_as_viewers_can_be_sent_to() {
    const VIEWERS: usize = 50;
    let room = crate::fixture::Room::new();
    std::fs::write(room.path("media"), vec![b'x'; 4 << 20]).unwrap();
    let file = room.path("media").display().to_string();
    let config = format!(
        "
feeds:
  fast: {{ command: [NASTY, repeat, '{file}'] }}
streams:
  fast: {{ feed: fast, mimetype: application/octet-stream }}
"
    );
    let Some(server) = serve(&config) else { return };
    let address = (std::net::Ipv4Addr::LOCALHOST, server.port).into();
    let mut crowd = Crowd::gather(address, "/stream/fast", VIEWERS, 0).unwrap();
    crowd.watch(Duration::from_secs(1)).unwrap();
    let before = feed(&server, "fast")["received-bytes"].as_u64().unwrap();
    let seen = crowd.watch(Duration::from_secs(2)).unwrap();
    let read = feed(&server, "fast")["received-bytes"].as_u64().unwrap() - before;
    let fewest = seen.iter().map(|seen| seen.bytes).min().unwrap();
    assert!(fewest > 1 << 20, "{fewest} bytes in 2 s");
    // What was asked between the two looks at the feed is read as well.
    assert!(read < fewest * 3, "{read} bytes were read, of which a viewer got {fewest}");
}
