//! How long it takes from the wish for a child to its program.
#![expect(clippy::disallowed_methods, reason = "compared with children started plainly")]

use std::process::Command;
use std::time::{Duration, Instant};

use ffleet_base::{Clock as _, SystemClock};
use ffleet_guard::ChildSpec;

use crate::fixture::Fixture;

/// What a start through the guard may take at the median, on an idle machine.
const PROMISED: Duration = Duration::from_millis(4);
const ROUNDS: usize = 100;
const HOW: [&str; 4] = [
    "with cgroups",
    "without cgroups",
    "with cgroups, by a shim",
    "without cgroups, by a shim",
];

fn median(mut spans: Vec<Duration>) -> Duration {
    spans.sort();
    spans[spans.len() / 2]
}

#[tokio::test]
async fn child_is_started_quickly() {
    let plain: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            Command::new("/bin/true").status().unwrap();
            start.elapsed()
        })
        .collect();
    println!("plain, start to end: median {:?}", median(plain));
    for (fixture, how) in Fixture::each().into_iter().zip(HOW) {
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let asked = SystemClock.monotonic();
            let child = fixture.spawn(ChildSpec::new("child", "/bin/true")).await;
            starts.push(child.exec_at().monotonic.saturating_sub(asked));
            child.wait().await;
            ends.push(SystemClock.monotonic().saturating_sub(asked));
        }
        let (start, end) = (median(starts), median(ends));
        println!("{how}: start to exec: median {start:?}; to the end of all: {end:?}");
        assert!(start < PROMISED * 3, "{how}: {start:?}");
    }
}
