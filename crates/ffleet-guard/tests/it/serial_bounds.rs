//! How long it takes from the wish for a child to its program, asserted at three times the promise.
//!
//! `make test` runs this in a release build, with the machine to itself (`serial_`).
#![expect(clippy::disallowed_methods, reason = "compared with children started plainly")]

use std::process::Command;
use std::time::{Duration, Instant};

use ffleet_base::{Clock as _, SystemClock};
use ffleet_guard::ChildSpec;
use ffleet_testkit::measure::quantile;

use crate::fixture::Fixture;

/// What a start through guard and shim may take more than a plain one: at the median, and for 99 of
/// a hundred.
const PROMISED: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(20));
const ROUNDS: usize = 200;
/// Longer than any wait in the kernel that could still be on.
const QUIET: Duration = Duration::from_millis(60);
const HOW: [&str; 4] = [
    "with cgroups",
    "without cgroups",
    "with cgroups, by a shim",
    "without cgroups, by a shim",
];

/// Median and 99th percentile.
fn of(mut spans: Vec<Duration>) -> (Duration, Duration) {
    spans.sort_unstable();
    (quantile(&spans, 0.5), quantile(&spans, 0.99))
}

#[tokio::test]
#[cfg_attr(debug_assertions, ignore = "a release build's figures: make test")]
async fn child_is_started_quickly() {
    let plain = of((0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let child = Command::new("/bin/true").spawn();
            let took = start.elapsed();
            child.unwrap().wait().unwrap();
            took
        })
        .collect());
    println!("plain fork and exec: {plain:?}");
    for (fixture, how) in Fixture::each().into_iter().zip(HOW) {
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let asked = SystemClock.monotonic();
            let child = fixture.spawn(ChildSpec::new("child", "/bin/true")).await;
            starts.push(child.exec_at().monotonic.saturating_sub(asked));
            child.wait().await;
            ends.push(SystemClock.monotonic().saturating_sub(asked));
        }
        let (start, end) = (of(starts), of(ends));
        println!("{how}: start to exec {start:?}; to the end of all {end:?}");
        assert!(start.0 < plain.0 + PROMISED.0 * 3, "{how}: {start:?}, plain {plain:?}");
        assert!(start.1 < plain.1 + PROMISED.1 * 3, "{how}: {start:?}, plain {plain:?}");
    }
}

/// A kernel that has to wait before it moves a process into a group does not, for a while, after it
/// did; so each start comes after a pause.
#[tokio::test]
#[cfg_attr(debug_assertions, ignore = "a release build's figures: make test")]
async fn child_is_started_quickly_after_a_quiet_while() {
    for (fixture, how) in Fixture::each().into_iter().zip(HOW) {
        let mut starts = Vec::new();
        for _ in 0..ROUNDS / 8 {
            tokio::time::sleep(QUIET).await;
            let asked = SystemClock.monotonic();
            let child = fixture.spawn(ChildSpec::new("child", "/bin/true")).await;
            starts.push(child.exec_at().monotonic.saturating_sub(asked));
            child.wait().await;
        }
        let start = of(starts);
        println!("{how}: start to exec {start:?}");
        assert!(start.0 < PROMISED.0 * 3, "{how}: {start:?}");
    }
}
