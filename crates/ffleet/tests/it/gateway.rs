//! What can be watched, as viewers meet it: feeds that come and go, viewers that read or do not.
//!
//! Feeds are numbers, 16 bytes each (`nasty count`): a viewer that gets one after another has lost
//! nothing.

mod access;
mod death;
mod declared;
mod pull;
mod push;
mod reload;
mod rings;
mod totals;
pub(crate) mod viewer;
mod voyandz;

use std::sync::Arc;
use std::time::Duration;

use ffleet_testkit::{binary, until};
use serde_json::Value;

use self::viewer::{Viewer, assert_begins_at_once};
use crate::fixture::{Room, Server};

/// Longer than anything here takes unless it is broken.
const SOON: Duration = Duration::from_secs(20);

/// A server with this configuration of feeds and streams, in which `NASTY` is the program.
fn serve(text: &str) -> Option<Server> {
    let room = Arc::new(Room::new());
    configure(&room, text);
    (ffleet_testkit::need::ffmpeg().is_some() && ffleet_testkit::need::ffprobe().is_some())
        .then(|| Server::open(room, &["--config", "ffleet.yaml"]))
}

fn configure(room: &Room, text: &str) {
    let nasty = binary("nasty");
    let text = text.replace("NASTY", nasty.to_str().unwrap());
    let text = text.replace("ROOM/", &room.text(""));
    std::fs::write(room.path("ffleet.yaml"), text).unwrap();
}

/// A feed, as the API shows it.
fn feed(server: &Server, name: &str) -> Value {
    server.call("GET", &format!("/v1/feeds/{name}"), b"").json()
}

/// A stream, as the API shows it.
fn stream(server: &Server, name: &str) -> Value {
    server.call("GET", &format!("/v1/streams/{name}"), b"").json()
}

/// Why the last run of a feed ended.
fn said(server: &Server, name: &str) -> String {
    feed(server, name)["last-end"].as_str().unwrap_or_default().to_owned()
}

fn await_feed(server: &Server, name: &str, state: &str) {
    until(SOON, &format!("feed {name} is {state}"), || {
        feed(server, name)["state"] == state
    });
}

const NUMBERS: &str = "
feeds:
  numbers: { command: NASTY count 200 60 }
streams:
  numbers: { feed: numbers, mimetype: application/x-numbers }
";

#[test]
fn all_viewers_get_every_number_and_the_feed_ends_with_the_last() {
    let Some(server) = serve(NUMBERS) else { return };
    assert_eq!(feed(&server, "numbers")["state"], "idle");
    let mut viewers: Vec<_> = (0..20).map(|_| Viewer::open(&server, "/stream/numbers")).collect();
    for viewer in &mut viewers {
        assert!(viewer.head.starts_with("HTTP/1.1 200"), "{}", viewer.head);
        assert!(viewer.head.contains("application/x-numbers"), "{}", viewer.head);
        assert_eq!(viewer.numbers(2_000).jumps, 0);
    }
    let shown = stream(&server, "numbers");
    assert_eq!((&shown["viewers"], &shown["skips"]), (&20.into(), &0.into()), "{shown:#}");
    assert_eq!(shown["watching"].as_array().unwrap().len(), 20);
    assert!(shown["delivered-bytes"].as_u64().unwrap() >= 20 * 2_000 * 16, "{shown:#}");
    assert_eq!(feed(&server, "numbers")["starts"], 1, "one process for all");
    let listed = server.cli(&["streams", "list"]).ok();
    assert!(listed.contains("numbers") && listed.contains("live"), "{listed}");
    drop(viewers);
    await_feed(&server, "numbers", "idle");
    let shown = server.cli(&["feeds", "show", "numbers"]).ok();
    assert!(shown.contains("feed numbers  idle"), "{shown}");
    until(SOON, "nobody watches", || stream(&server, "numbers")["viewers"] == 0);
    assert!(stream(&server, "numbers")["delivered-bytes"].as_u64().unwrap() >= 20 * 2_000 * 16);
}

#[test]
fn late_viewer_is_served_at_once() {
    let Some(server) = serve(NUMBERS) else { return };
    let mut first = Viewer::open(&server, "/stream/numbers");
    let reached = first.numbers(3_000).last;
    let mut late = Viewer::open(&server, "/stream/numbers");
    let got = late.numbers(10);
    assert!(got.first > reached / 2 && got.jumps == 0, "it begins near the end: {got:?}");
    // Another request on a connection that was used before is answered by another way.
    let mut other = Viewer::second_request(&server, "/stream/numbers");
    assert_eq!(other.numbers(1_000).jumps, 0);
}

#[test]
fn viewer_that_does_not_read_costs_the_others_nothing() {
    let Some(server) = serve(
        "
feeds:
  fast: { command: NASTY count 2000 60, ring-bytes: 4MiB }
streams:
  fast: { feed: fast, mimetype: application/x-numbers }
  cut: { feed: fast, mimetype: application/x-numbers, slow: cut }
",
    ) else {
        return;
    };
    let mut stalled = Viewer::small(&server, "/stream/fast");
    let mut doomed = Viewer::small(&server, "/stream/cut");
    let mut good = Viewer::open(&server, "/stream/fast");
    assert_eq!(good.numbers(700_000).jumps, 0, "11 MB, of which the ring holds 4");
    let shown = feed(&server, "fast");
    assert_eq!(shown["ring-bytes"], 4 << 20);
    assert!(shown["held-bytes"].as_u64().unwrap() <= 4 << 20, "{shown:#}");
    // What its socket holds comes first, in order; then it is where the others are.
    let got = stalled.numbers(650_000);
    assert!(got.jumps >= 1, "it missed something: {got:?}");
    until(SOON, "a skip is counted", || {
        stream(&server, "fast")["skips"].as_u64() >= Some(1)
    });
    doomed.read_to_end();
    until(SOON, "it is counted", || stream(&server, "cut")["cut"] == 1);
    assert_eq!(good.numbers(10_000).jumps, 0);
}

#[test]
fn killed_feed_comes_back_and_viewers_stay() {
    let Some(server) = serve(NUMBERS) else { return };
    let mut viewers: Vec<_> = (0..5).map(|_| Viewer::open(&server, "/stream/numbers")).collect();
    for round in 1..=3 {
        for viewer in &mut viewers {
            viewer.numbers(1_000);
        }
        let pid = feed(&server, "numbers")["pid"].as_i64().unwrap();
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        until(SOON, "it runs again", || {
            let feed = feed(&server, "numbers");
            feed["starts"] == round + 1 && feed["state"] == "live"
        });
        for viewer in &mut viewers {
            let got = viewer.until_the_next_run();
            assert!(got.jumps == 0, "{got:?}");
        }
    }
    let shown = feed(&server, "numbers");
    assert!(shown["last-end"].as_str().unwrap().contains("SIGKILL"), "{shown:#}");
    let again = server.cli(&["feeds", "restart", "numbers"]).ok();
    assert!(again.contains("started anew"), "{again}");
    for viewer in &mut viewers {
        viewer.until_the_next_run();
    }
}

#[test]
fn feed_that_cannot_run_says_why_and_ends_its_viewers_if_told_to() {
    let Some(server) = serve(
        "
feeds:
  absent: { command: /nowhere/to/be/found, fallback: [end] }
  wrong: { command: NASTY complain 'no such camera' exit 3, fallback: [hold 1s, end] }
  mute: { command: NASTY say hello hang 60, silence: 1s, fallback: [hold] }
  never: { command: NASTY hang 60, silence: 1s, fallback: [hold] }
streams:
  absent: { feed: absent, mimetype: application/x-numbers }
  wrong: { feed: wrong, mimetype: application/x-numbers }
  mute: { feed: mute, mimetype: application/x-numbers }
  never: { feed: never, mimetype: application/x-numbers }
",
    ) else {
        return;
    };
    for (name, why) in [("absent", "/nowhere/to/be/found"), ("wrong", "no such camera")] {
        Viewer::open(&server, &format!("/stream/{name}")).read_to_end();
        let said = feed(&server, name)["last-end"].as_str().unwrap().to_owned();
        assert!(said.contains(why), "{said}");
    }
    let log = server.cli(&["feeds", "logs", "wrong"]).ok();
    assert!(log.contains("no such camera"), "{log}");
    let _viewers = ["mute", "never"].map(|name| Viewer::open(&server, &format!("/stream/{name}")));
    for name in ["mute", "never"] {
        until(SOON, "silence is death", || {
            said(&server, name).contains("gave nothing for 1 s")
        });
    }
}

#[test]
fn feeds_are_chained_and_a_parent_lives_while_one_that_reads_it_does() {
    let Some(server) = serve(
        "
feeds:
  source: { command: NASTY count 100 60 }
  copy: { command: cat, feed: source }
streams:
  copy: { feed: copy, mimetype: application/x-numbers }
  again: { feed: copy, command: cat, mimetype: application/x-numbers }
",
    ) else {
        return;
    };
    let mut viewer = Viewer::open(&server, "/stream/again");
    assert_eq!(viewer.numbers(1_000).jumps, 0);
    assert_eq!(feed(&server, "source")["state"], "live");
    assert_eq!(feed(&server, "copy")["holders"], 1);
    let mut direct = Viewer::open(&server, "/stream/copy");
    assert_eq!(direct.numbers(1_000).jumps, 0);
    drop(viewer);
    until(SOON, "one is left", || feed(&server, "copy")["holders"] == 1);
    assert_eq!(direct.numbers(500).jumps, 0);
    drop(direct);
    await_feed(&server, "source", "idle");
    await_feed(&server, "copy", "idle");
}

#[test]
fn shot_costs_one_command_however_many_ask() {
    let Some(server) = serve(
        "
streams:
  shot: { type: shot, mimetype: image/x-none, cache: 100ms, command: [sh, -c, 'echo x >> runs; sleep 1; echo picture'] }
  never: { type: shot, mimetype: image/png, command: NASTY hang 60, timeout: 1s }
  broken: { type: shot, mimetype: image/png, command: NASTY complain 'no picture here' exit 1 }
",
    ) else {
        return;
    };
    let answers = viewer::at_once(&server, "/shot/shot", 50);
    for answer in &answers {
        assert_eq!((answer.status, answer.body.as_str()), (200, "picture\n"), "{answer:?}");
        assert!(answer.head.contains("image/x-none"), "{answer:?}");
    }
    let runs = std::fs::read_to_string(server.room.path("runs")).unwrap();
    assert!(runs.lines().count() <= 2, "{runs}");
    for (path, why) in [
        ("/shot/never", "longer than 1 s"),
        ("/shot/broken", "no picture here"),
        ("/stream/broken", "no picture here"),
    ] {
        let told = server.call("GET", path, b"").is_problem(502, "stream-failed");
        assert!(told["detail"].as_str().unwrap().contains(why), "{told:#}");
    }
}

#[test]
fn exclusive_viewers_have_a_command_each_from_its_beginning() {
    let Some(server) = serve(
        "
streams:
  own: { client: exclusive, mimetype: application/x-numbers, command: NASTY count 100 60, viewers: 2 }
",
    ) else {
        return;
    };
    let mut first = Viewer::open(&server, "/stream/own");
    assert_eq!(first.numbers(500).first, 0);
    let mut second = Viewer::open(&server, "/stream/own");
    assert_eq!(second.numbers(500).first, 0);
    server
        .call("GET", "/stream/own", b"")
        .is_problem(503, "too-many-viewers");
    drop(first);
    until(SOON, "there is room", || stream(&server, "own")["viewers"] == 1);
    assert_eq!(Viewer::open(&server, "/stream/own").numbers(100).first, 0);
}

#[test]
fn addresses_answer_whom_they_are_open_to() {
    let Some(server) = serve(
        "
feeds: { f: { command: NASTY count 10 60 } }
streams:
  open: { feed: f, mimetype: video/mp2t, url: /cams/front }
  locked: { feed: f, access: key, mimetype: application/x-numbers }
",
    ) else {
        return;
    };
    let nobody = |method, path| crate::http::request(server.port, method, path, &[], b"");
    let head = nobody("HEAD", "/stream/open");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    for line in ["video/mp2t", "cache-control: no-store", "access-control-allow-origin: *"] {
        assert!(head.head.contains(line), "{head:?}");
    }
    assert_eq!(feed(&server, "f")["starts"], 0, "a look starts nothing");
    let options = nobody("OPTIONS", "/stream/open");
    assert_eq!(options.status, 204);
    assert!(options.head.contains("GET, HEAD, OPTIONS"), "{options:?}");
    nobody("DELETE", "/stream/open").is_problem(405, "method-not-allowed");
    nobody("GET", "/stream/nope").is_problem(404, "stream-not-found");
    nobody("GET", "/stream/../v1/jobs").is_problem(404, "stream-not-found");
    nobody("GET", "/stream/locked").is_problem(401, "unauthorized");
    nobody("GET", "/v1/streams").is_problem(401, "unauthorized");
    let elsewhere = [("Host", "evil.example")];
    let told = crate::http::request(server.port, "GET", "/stream/open", &elsewhere, b"");
    told.is_problem(421, "wrong-host");
    let other_site = [("Origin", "https://player.example")];
    let answer = crate::http::request(server.port, "HEAD", "/stream/open", &other_site, b"");
    assert_eq!(answer.status, 200, "players of other sites may watch: {answer:?}");
    let mut keyed = Viewer::with_key(&server, "/stream/locked");
    assert_eq!(keyed.numbers(10).jumps, 0);
}

#[test]
fn late_viewer_of_real_media_sees_a_picture_at_once() {
    const CODED: &str = "ffmpeg -v error -re -f lavfi -i testsrc2=size=320x240:rate=25 -f lavfi -i sine \
                         -c:v libx264 -preset ultrafast -g 25 -c:a aac";
    let text = format!(
        "
feeds:
  ts: {{ command: {CODED} -f mpegts - }}
  mp4: {{ command: {CODED} -movflags frag_keyframe+empty_moov+default_base_moof -f mp4 - }}
  flv: {{ command: {CODED} -f flv - }}
  mkv: {{ command: {CODED} -f matroska - }}
  pictures: {{ command: ffmpeg -v error -re -f lavfi -i testsrc2=size=160x120:rate=10 -f mpjpeg - }}
streams:
  ts: {{ feed: ts, mimetype: video/mp2t }}
  mp4: {{ feed: mp4, mimetype: video/mp4 }}
  flv: {{ feed: flv, mimetype: video/x-flv }}
  mkv: {{ feed: mkv, mimetype: video/x-matroska }}
  pictures: {{ feed: pictures, mimetype: multipart/x-mixed-replace;boundary=ffmpeg }}
"
    );
    let Some(server) = serve(&text) else { return };
    let names = ["ts", "mp4", "flv", "mkv", "pictures"];
    let mut first = names.map(|name| Viewer::open(&server, &format!("/stream/{name}")));
    for (name, early) in names.iter().zip(&mut first) {
        early.bytes(200_000);
        let mut late = Viewer::open(&server, &format!("/stream/{name}"));
        let file = server.room.path(&format!("late.{name}"));
        std::fs::write(&file, late.bytes(100_000)).unwrap();
        assert_begins_at_once(&file);
    }
}
