//! The configuration, read again.

use ffleet_testkit::until;
use rustix::process::Signal;

use super::{SOON, Viewer, configure, feed, serve};

const BEFORE: &str = "
feeds:
  kept: { command: NASTY count 200 60 }
  changed: { command: NASTY count 10 60 }
  gone: { command: NASTY count 10 60 }
streams:
  kept: { feed: kept, mimetype: application/x-numbers }
  changed: { feed: changed, mimetype: application/x-numbers }
  gone: { feed: gone, mimetype: application/x-numbers }
";
const AFTER: &str = "
feeds:
  kept: { command: NASTY count 200 60 }
  changed: { command: NASTY count 20 60 }
  new: { command: NASTY count 10 60 }
streams:
  kept: { feed: kept, mimetype: application/x-numbers }
  changed: { feed: changed, mimetype: application/x-numbers }
  new: { feed: new, mimetype: application/x-numbers }
";

#[test]
fn reload_touches_what_changed_and_nothing_else() {
    let Some(server) = serve(BEFORE) else { return };
    let mut kept = Viewer::open(&server, "/stream/kept");
    let mut changed = Viewer::open(&server, "/stream/changed");
    let mut gone = Viewer::open(&server, "/stream/gone");
    for viewer in [&mut kept, &mut changed, &mut gone] {
        viewer.numbers(10);
    }
    configure(&server.room, AFTER);
    server.signal(Signal::HUP);
    gone.read_to_end();
    changed.read_to_end();
    until(SOON, "the new one is there", || {
        server.call("GET", "/v1/feeds/new", b"").status == 200
    });
    assert_eq!(kept.numbers(3_000).jumps, 0);
    assert_eq!(feed(&server, "kept")["starts"], 1);
    server
        .call("GET", "/v1/streams/gone", b"")
        .is_problem(404, "stream-not-found");
    assert_eq!(Viewer::open(&server, "/stream/new").numbers(10).jumps, 0);
    assert_eq!(Viewer::open(&server, "/stream/changed").numbers(10).jumps, 0);
}

#[test]
fn configuration_that_is_wrong_changes_nothing() {
    let Some(server) = serve(BEFORE) else { return };
    let mut kept = Viewer::open(&server, "/stream/kept");
    kept.numbers(10);
    configure(&server.room, "feeds: { kept: { comand: x } }\n");
    server.signal(Signal::HUP);
    until(SOON, "it says what is wrong", || {
        let said = server.said();
        said.contains("comand") && said.contains("stays as it is")
    });
    assert_eq!(kept.numbers(1_000).jumps, 0);
    assert_eq!(server.call("GET", "/v1/feeds/gone", b"").status, 200);
}

#[test]
fn reload_that_is_asked_for_says_what_changed() {
    let Some(server) = serve(BEFORE) else { return };
    let mut kept = Viewer::open(&server, "/stream/kept");
    let mut changed = Viewer::open(&server, "/stream/changed");
    for viewer in [&mut kept, &mut changed] {
        viewer.numbers(10);
    }
    let said = server.cli(&["config", "reload"]).ok();
    assert_eq!(said, "as before: 3 feeds, 3 streams\n");
    let declared = br#"{"feed": "gone", "mimetype": "a/b"}"#;
    assert_eq!(server.call("PUT", "/v1/streams/of-gone", declared).status, 201);
    configure(&server.room, AFTER);
    let done = server.call("POST", "/v1/config/reload", b"");
    assert_eq!(done.status, 200, "{done:?}");
    let done = done.json();
    for (what, removed) in [("feeds", vec!["gone"]), ("streams", vec!["gone", "of-gone"])] {
        let wanted = serde_json::json!({
            "added": ["new"], "changed": ["changed"], "removed": removed, "unchanged": 1,
        });
        assert_eq!(done[what], wanted, "{done:#}");
    }
    assert_eq!(done["left-out"][0]["name"], "of-gone", "{done:#}");
    let why = done["left-out"][0]["why"].as_str().unwrap();
    assert!(why.contains("there is no feed gone"), "{done:#}");
    changed.read_to_end();
    configure(&server.room, BEFORE);
    let said = server.cli(&["config", "reload"]).ok();
    for line in [
        "feed gone is new",
        "stream of-gone is new",
        "feed new is gone",
        "feed changed is changed",
    ] {
        assert!(said.lines().any(|other| other == line), "{said}");
    }
    assert!(said.ends_with("as before: 1 feed, 1 stream\n"), "{said}");
    assert_eq!(kept.numbers(1_000).jumps, 0);
    assert_eq!(feed(&server, "kept")["starts"], 1);
}

#[test]
fn reload_of_a_wrong_file_says_where_it_is_wrong() {
    let Some(server) = serve(BEFORE) else { return };
    let mut kept = Viewer::open(&server, "/stream/kept");
    kept.numbers(10);
    configure(&server.room, "feeds:\n  kept: { comand: x }\n  other: {}\n");
    let told = server.call("POST", "/v1/config/reload", b"");
    let told = told.is_problem(422, "configuration-invalid");
    let detail = told["detail"].as_str().unwrap();
    for place in [
        "ffleet.yaml:2:11: feeds.kept.comand: ",
        "ffleet.yaml:3:3: feeds.other: has no source",
    ] {
        assert!(detail.contains(place), "{detail}");
    }
    let failed = server
        .cli(&["config", "reload"])
        .failed(4, &["ffleet.yaml:2:11", "ffleet.yaml:3:3"]);
    assert!(failed.starts_with("error: the configuration cannot be used:\n"), "{failed}");
    let nobody = crate::http::request(server.port, "POST", "/v1/config/reload", &[], b"");
    nobody.is_problem(401, "unauthorized");
    assert_eq!(kept.numbers(500).jumps, 0);
    assert_eq!(server.call("GET", "/v1/feeds/gone", b"").status, 200);
}
