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
