//! Pruning.

use ffleet_store::{Idempotency, NewJob, Prune, Store};
use ffleet_types::task::State;
use ffleet_types::{JobNumber, JobRef};

use crate::kit::{at, claim, completed, id, job, only, submit};

/// Submits jobs and ends each at its second.
async fn ended(store: &Store, seconds: &[u64]) {
    for &second in seconds {
        submit(store, job(second)).await;
        store.claim(vec![claim(id(second), 1)]).await.unwrap();
        let mut end = completed(id(second), 1);
        end.at = at(second);
        only(store.finish(vec![end]).await.unwrap()).map(drop).unwrap();
    }
}

async fn prune(store: &Store, before: Option<u64>, keep: Option<u64>, limit: usize) -> Vec<u64> {
    let policy = Prune { before: before.map(at), keep, limit };
    let pruned = store.prune(policy).await.unwrap();
    pruned.into_iter().map(|job| job.number.0).collect()
}

pub(super) async fn age(store: &Store) {
    ended(store, &[10, 20, 30]).await;
    submit(store, job(1)).await;
    assert_eq!(prune(store, Some(30), None, 1).await, [1], "a slice at a time");
    assert_eq!(prune(store, Some(30), None, 10).await, [2]);
    assert_eq!(prune(store, Some(30), None, 10).await, [0; 0]);
    assert_eq!(store.job(JobRef::Number(JobNumber(1))).await.unwrap(), None);
    assert!(store.job(JobRef::Id(id(30))).await.unwrap().is_some());
    assert!(store.job(JobRef::Id(id(1))).await.unwrap().is_some(), "it is queued");
    assert_eq!(store.counts().of(State::Completed), 1);
}

pub(super) async fn count(store: &Store) {
    ended(store, &[30, 10, 20, 40]).await;
    submit(store, job(1)).await;
    assert_eq!(prune(store, None, Some(4), 10).await, [0; 0]);
    assert_eq!(prune(store, None, Some(2), 10).await, [2, 3], "those that ended first");
    assert_eq!(prune(store, None, None, 10).await, [0; 0], "no policy, nothing to do");
}

pub(super) async fn key(store: &Store) {
    let idempotency = Some(Idempotency { key: "k".into(), fingerprint: [1; 32] });
    submit(store, NewJob { idempotency: idempotency.clone(), ..job(10) }).await;
    store.claim(vec![claim(id(10), 1)]).await.unwrap();
    store.finish(vec![completed(id(10), 1)]).await.unwrap();
    let same = NewJob { idempotency, ..job(11) };
    assert!(submit(store, same.clone()).await.existing);
    assert_eq!(prune(store, Some(1_000), None, 10).await, [1]);
    assert!(!submit(store, same).await.existing);
}

pub(super) async fn numbers(store: &Store) {
    ended(store, &[10, 20]).await;
    assert_eq!(prune(store, None, Some(0), 10).await, [1, 2]);
    assert_eq!(submit(store, job(30)).await.number, JobNumber(3));
}
