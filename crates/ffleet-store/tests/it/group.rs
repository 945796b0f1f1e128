//! Groups: many callers, one commit.

use std::collections::BTreeSet;

use ffleet_store::{Options, Store};
use ffleet_types::task::State;

use crate::kit::{claim, completed, id, job, moved, only, open, submit};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_share_commits_and_each_gets_its_own_answer() {
    const CALLERS: u64 = 64;
    const EACH: u64 = 10;
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut numbers = Vec::new();
                for turn in 0..EACH {
                    let name = caller * 1_000 + turn;
                    let accepted = submit(&store, job(name)).await;
                    assert_eq!(accepted.id, id(name));
                    numbers.push(accepted.number);
                    moved(only(store.claim(vec![claim(id(name), 1)]).await.unwrap()).unwrap());
                    moved(only(store.finish(vec![completed(id(name), 1)]).await.unwrap()).unwrap());
                }
                numbers
            })
        })
        .collect();
    let mut numbers = BTreeSet::new();
    for caller in callers {
        numbers.extend(caller.await.unwrap());
    }
    assert_eq!(numbers.len() as u64, CALLERS * EACH, "every job has a number of its own");
    assert_eq!(store.counts().of(State::Completed), CALLERS * EACH);
    let vitals = store.vitals();
    assert_eq!(vitals.calls, CALLERS * EACH * 3);
    assert!(vitals.commits * 3 < vitals.calls, "{vitals:?}: calls were hardly grouped");
    assert!(vitals.commit_p99 >= vitals.commit_p50 && vitals.database.0 > 0, "{vitals:?}");
    store.close().await.unwrap();
}

#[tokio::test]
async fn group_of_one_is_one_commit_per_call() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options { group: 1, ..Options::default() }).unwrap();
    let callers: Vec<_> = (1..=20)
        .map(|name| {
            let store = store.clone();
            tokio::spawn(async move { submit(&store, job(name)).await })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!((store.vitals().commits, store.vitals().group_p99), (20, 1));
    store.close().await.unwrap();
}

#[tokio::test]
async fn caller_that_goes_away_takes_nothing_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for name in 1..=50 {
        // Polled once: the call is on its way to the writer, and nobody waits for the answer.
        let submitted = store.submit(vec![job(name)]);
        tokio::select! {
            biased;
            _ = submitted => {}
            () = std::future::ready(()) => {}
        }
    }
    store.writable().await.unwrap();
    assert_eq!(store.counts().of(State::Queued), 50);
    store.close().await.unwrap();
}

#[tokio::test]
async fn full_log_is_folded_in_while_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for batch in 0..120 {
        let jobs = (0..100).map(|turn| job(batch * 100 + turn)).collect();
        store.submit(jobs).await.unwrap();
    }
    let vitals = store.vitals();
    assert!(vitals.database.0 > 1 << 20, "{vitals:?}: nothing was folded in");
    assert!(vitals.wal.0 < 16 << 20, "{vitals:?}: the log grows");
    store.close().await.unwrap();
}
