//! What feeds and streams have come to, over restarts.

use std::time::Duration;

use ffleet_testkit::until;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{SOON, Viewer, await_feed, configure, feed, serve, stream};
use crate::fixture::Server;
use crate::http;

const FILE: &str = "
feeds:
  pushed: { push: http, at-end: end }
  counted: { command: NASTY count 200 60 }
streams:
  pushed: { feed: pushed, mimetype: application/x-numbers }
  counted: { feed: counted, mimetype: application/x-numbers }
";
/// A shot of sixteen bytes, each time anew.
const SHOT: &str = "streams:
  shot: { type: shot, mimetype: image/x-none, command: head -c 16 /dev/zero, cache: 0s }
";
/// What is kept is at most so old.
const INTERVAL: Duration = Duration::from_secs(10);

/// Pushes so many numbers, of 16 bytes each, to one who reads them.
fn push(server: &Server, count: u64) {
    let mut viewer = Viewer::open(server, "/stream/pushed");
    let text: String = (0..count).map(|number| format!("{number:015}\n")).collect();
    let answer = http::request(server.port, "PUT", "/ingest/pushed", &[], text.as_bytes());
    assert_eq!(answer.status, 204, "{answer:?}");
    viewer.read_to_end();
    until(SOON, "nobody watches", || stream(server, "pushed")["viewers"] == 0);
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn again(room: std::sync::Arc<crate::fixture::Room>) -> Server {
    Server::open(room, &["--config", "ffleet.yaml"])
}

#[test]
fn totals_outlive_the_server_and_changes_of_what_they_are_of() {
    let Some(server) = serve(FILE) else { return };
    push(&server, 1_000);
    let mut viewer = Viewer::open(&server, "/stream/counted");
    viewer.numbers(10);
    let pid = i32::try_from(feed(&server, "counted")["pid"].as_i64().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    viewer.until_the_next_run();
    drop(viewer);
    await_feed(&server, "counted", "idle");
    let (pushed, sent) = (feed(&server, "pushed"), stream(&server, "pushed"));
    assert_eq!(pushed["total"]["received-bytes"], 16_000, "{pushed:#}");
    assert_eq!(pushed["total"]["received-bytes"], pushed["received-bytes"]);
    assert_eq!(sent["total"]["viewers"], 1, "{sent:#}");
    assert_eq!(sent["total"]["delivered-bytes"], sent["delivered-bytes"]);
    let counted = feed(&server, "counted")["total"].clone();
    assert_eq!(
        (&counted["starts"], &counted["failures"]),
        (&2.into(), &1.into()),
        "{counted:#}"
    );

    let server = again(server.stop());
    let (then, now) = (&pushed["total"], feed(&server, "pushed"));
    assert_eq!(now["received-bytes"], 0, "{now:#}");
    for key in ["since", "received-bytes", "failures"] {
        assert_eq!(now["total"][key], then[key], "{key}: {now:#}");
    }
    let mut again_sent = stream(&server, "pushed");
    assert_eq!(again_sent["viewers-total"], 0);
    assert_eq!(again_sent["total"], sent["total"]);
    assert_eq!(feed(&server, "counted")["total"]["failures"], 1);
    push(&server, 500);
    // Another ring makes it another feed, of the same name.
    configure(&server.room, &FILE.replace("at-end: end", "at-end: end, ring-bytes: 4MiB"));
    server.cli(&["config", "reload"]).ok();
    push(&server, 100);
    let now = feed(&server, "pushed");
    assert_eq!(
        (number(&now["received-bytes"]), number(&now["total"]["received-bytes"])),
        (1_600, 25_600)
    );
    again_sent = stream(&server, "pushed");
    assert_eq!(again_sent["total"]["viewers"], 3, "{again_sent:#}");
    assert!(number(&again_sent["total"]["delivered-bytes"]) >= 25_600, "{again_sent:#}");
    let day: String = now["total"]["since"].as_str().unwrap().chars().take(10).collect();
    for (what, sums) in [("feeds", "25.0 KiB in "), ("streams", "to 3 viewers")] {
        let shown = server.cli(&[what, "show", "pushed"]).ok();
        assert!(shown.contains(&format!("since {day}")) && shown.contains(sums), "{shown}");
    }
}

#[test]
fn killed_server_loses_no_more_than_the_last_interval_of_totals() {
    let Some(server) = serve(FILE) else { return };
    push(&server, 2_000);
    let sent = stream(&server, "pushed")["total"].clone();
    std::thread::sleep(INTERVAL + Duration::from_secs(1));
    push(&server, 10);
    let server = again(server.kill());
    let received = number(&feed(&server, "pushed")["total"]["received-bytes"]);
    assert!((32_000..=32_160).contains(&received), "{received}");
    let now = stream(&server, "pushed")["total"].clone();
    assert_eq!(now["since"], sent["since"]);
    assert!(number(&now["delivered-bytes"]) >= number(&sent["delivered-bytes"]), "{now:#}");
}

#[test]
fn totals_of_a_shot_have_who_asked_and_what_was_sent() {
    let Some(server) = serve(SHOT) else { return };
    let shoot = |server: &Server| http::request(server.port, "GET", "/shot/shot", &[], b"").status;
    for _ in 0..3 {
        assert_eq!(shoot(&server), 200);
    }
    let server = again(server.stop());
    assert_eq!(shoot(&server), 200);
    let shown = stream(&server, "shot");
    assert_eq!((&shown["viewers-total"], &shown["delivered-bytes"]), (&1.into(), &16.into()));
    let total = &shown["total"];
    for (key, sum) in [("shots", 4), ("viewers", 4), ("delivered-bytes", 64)] {
        assert_eq!(total[key], sum, "{key}: {shown:#}");
    }
    let said = server.cli(&["streams", "show", "shot"]).ok();
    assert!(said.contains("4 shots for 4 requests, 64 B sent"), "{said}");
}
