//! A feed that dies again and again: its viewers stay, and nothing grows.

use std::time::Duration;

use ffleet_testkit::{descendants_of, measure, until};
use rustix::process::{Pid, Signal, kill_process};

use super::viewer::Viewer;
use super::{SOON, await_feed, feed, serve, stream};
use crate::fixture::Server;

/// Its ring is soon full.
const FEED: &str = "
feeds:
  numbers: { command: NASTY count 200 60, ring-bytes: 1MiB }
streams:
  numbers: { feed: numbers, mimetype: application/x-numbers }
";
/// How many watch.
const CROWD: usize = 20;
/// What an allocator may keep beyond that.
const SLACK: u64 = 4 << 20;

#[test]
fn feed_that_is_killed_again_and_again_leaves_nothing_behind() {
    kill(60);
}

#[test]
#[ignore = "soak: a thousand kills, some minutes"]
fn soak_feed_is_killed_a_thousand_times() {
    kill(1_000);
}

/// What a server holds: memory in bytes, descriptors, processes.
#[derive(Debug)]
struct Holdings {
    memory: u64,
    descriptors: usize,
    processes: usize,
}

impl Holdings {
    fn of(server: &Server) -> Self {
        let pid = server.pid();
        Self {
            memory: measure::resident(pid).unwrap(),
            descriptors: std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count(),
            processes: descendants_of(pid).len(),
        }
    }
}

fn kill(times: u64) {
    let Some(server) = serve(FEED) else { return };
    let mut viewers: Vec<_> =
        (0..CROWD).map(|_| Viewer::open(&server, "/stream/numbers")).collect();
    let mut settled = None;
    for round in 1..=times {
        await_feed(&server, "numbers", "live");
        for viewer in &mut viewers {
            let got = if round == 1 {
                viewer.numbers(10)
            } else {
                viewer.until_the_next_run()
            };
            assert_eq!(got.jumps, 0, "round {round}: {got:?}");
        }
        // By then everything has been allocated that is needed for one.
        if round == times / 2 {
            settled = Some(Holdings::of(&server));
        }
        let shown = feed(&server, "numbers");
        assert_eq!(shown["starts"], round, "{shown:#}");
        let pid = i32::try_from(shown["pid"].as_i64().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
        until(SOON, "it is dead", || {
            let shown = feed(&server, "numbers");
            shown["state"] == "waiting" || shown["starts"] != round
        });
        // Nobody waits for half a minute here, which is what becomes of the pauses between its tries.
        if feed(&server, "numbers")["starts"] == round {
            assert_eq!(server.call("POST", "/v1/feeds/numbers/restart", b"{}").status, 200);
        }
    }
    await_feed(&server, "numbers", "live");
    let (before, after) = (settled.unwrap(), Holdings::of(&server));
    assert!(after.memory < before.memory + SLACK, "{before:?} → {after:?}");
    // The API's own connections come and go.
    assert!(after.descriptors <= before.descriptors + 3, "{before:?} → {after:?}");
    assert!(after.processes <= before.processes, "{before:?} → {after:?}");
    let shown = stream(&server, "numbers");
    assert_eq!((&shown["viewers"], &shown["viewers-total"]), (&CROWD.into(), &CROWD.into()));
    drop(viewers);
    until(Duration::from_secs(10), "nobody watches", || {
        stream(&server, "numbers")["viewers"] == 0
    });
}
