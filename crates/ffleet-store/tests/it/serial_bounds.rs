//! What is promised about the store's speed, asserted at a third of it.
//!
//! `cargo bench -p ffleet-store --bench life_cycle` measures the same exactly. `make test` runs this in
//! a release build, with the machine to itself (`serial_`).
#![expect(clippy::disallowed_methods, reason = "how long something takes is what this is about")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ffleet_store::{Options, Store};

use crate::kit;

const SUBMITTERS: usize = 64;
const LENGTH: Duration = Duration::from_secs(2);
/// Promised are 20,000 jobs a second, and ten times the rate of one commit per call.
const LIVES: f64 = 20_000.0 / 3.0;
const GAIN: f64 = 10.0 / 3.0;

/// Jobs a second that are submitted, claimed and finished, each step on disk, by 64 at once.
async fn lives(group: usize) -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options { group, ..Options::default() }).unwrap();
    let next = Arc::new(AtomicU64::new(1));
    let began = Instant::now();
    let submitters: Vec<_> = (0..SUBMITTERS)
        .map(|_| {
            let (store, next) = (store.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                while began.elapsed() < LENGTH {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let id = kit::id(number);
                    let _job =
                        store.submit(vec![kit::job(number)]).await.unwrap().remove(0).unwrap();
                    let claimed = store.claim(vec![kit::claim(id, 1)]).await.unwrap();
                    let finished = store.finish(vec![kit::completed(id, 1)]).await.unwrap();
                    assert!(claimed[0].is_ok() && finished[0].is_ok());
                }
            })
        })
        .collect();
    for submitter in submitters {
        submitter.await.unwrap();
    }
    let took = began.elapsed();
    store.close().await.unwrap();
    let done = u32::try_from(next.load(Ordering::Relaxed) - 1).unwrap();
    f64::from(done) / took.as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(debug_assertions, ignore = "a release build's figures: make test")]
async fn life_cycles_reach_a_third_of_the_promised_rate() {
    let (grouped, alone) = (lives(1_024).await, lives(1).await);
    println!("{grouped:.0} jobs a second, {alone:.0} with one commit per call");
    assert!(grouped >= LIVES, "{grouped:.0} jobs a second, less than {LIVES:.0}");
    assert!(
        grouped >= alone * GAIN,
        "{grouped:.0} grouped, {alone:.0} with one commit per call"
    );
}
