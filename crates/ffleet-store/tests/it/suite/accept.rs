//! Accepting jobs.

use ffleet_store::{Idempotency, NewJob, Store, SubmitRefusal};
use ffleet_types::task::State;
use ffleet_types::{Fence, JobNumber, JobRef};

use crate::kit::{at, id, job, only, submit, user};

fn keyed(number: u64, key: &str, fingerprint: u8) -> NewJob {
    let idempotency = Some(Idempotency { key: key.into(), fingerprint: [fingerprint; 32] });
    NewJob { idempotency, ..job(number) }
}

pub(super) async fn numbers(store: &Store) {
    let answers = store.submit((1..=5).map(job).collect()).await.unwrap();
    let numbers: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().number.0).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(submit(store, job(6)).await.number, JobNumber(6));
}

pub(super) async fn same_key(store: &Store) {
    let first = submit(store, keyed(1, "k", 7)).await;
    assert!(!first.existing);
    let again = submit(store, keyed(2, "k", 7)).await;
    assert_eq!((again.number, again.id, again.existing), (first.number, id(1), true));
    assert_eq!(store.job(JobRef::Id(id(2))).await.unwrap(), None);
    assert_eq!(store.counts().of(State::Queued), 1);

    // Both in one call, too.
    let pair = store
        .submit(vec![keyed(3, "pair", 1), keyed(4, "pair", 1)])
        .await
        .unwrap();
    let ids: Vec<_> = pair.into_iter().map(|answer| answer.unwrap().id).collect();
    assert_eq!(ids, [id(3), id(3)]);
}

pub(super) async fn other_work(store: &Store) {
    let first = submit(store, keyed(1, "k", 7)).await;
    let batch = vec![job(2), keyed(3, "k", 8), job(4)];
    let answers = store.submit(batch).await.unwrap();
    let refusal = SubmitRefusal::KeyReused { key: "k".into(), number: first.number };
    assert_eq!(answers[1], Err(refusal.clone()));
    assert!(refusal.to_string().contains("belongs to job 1"), "{refusal}");
    assert_eq!(answers[0].as_ref().unwrap().number, JobNumber(2));
    assert_eq!(answers[2].as_ref().unwrap().number, JobNumber(3), "a refusal uses up no number");
}

pub(super) async fn tenants(store: &Store) {
    submit(store, keyed(1, "k", 7)).await;
    let mut other = keyed(2, "k", 8);
    other.spec.terms.tenant = "acme".parse().unwrap();
    assert!(!submit(store, other).await.existing);
}

pub(super) async fn whole(store: &Store) {
    let mut new = job(1);
    new.spec
        .terms
        .labels
        .insert("show".into(), "it's \"quoted\"\n; DROP TABLE jobs".into());
    new.retry_of = Some(JobNumber(99));
    let accepted = submit(store, new.clone()).await;
    for name in [JobRef::Id(new.id), JobRef::Number(accepted.number)] {
        let row = store.job(name).await.unwrap().unwrap();
        assert_eq!(row.summary.spec, new.spec);
        assert_eq!((row.summary.id, row.summary.number), (new.id, accepted.number));
        assert_eq!((row.summary.accepted, row.summary.retry_of), (at(1), new.retry_of));
        assert_eq!((row.summary.state, row.summary.fence), (State::Queued, Fence::NONE));
        assert_eq!(row.attempts, []);
        let [accepted] = &row.history[..] else {
            panic!("{:?}", row.history);
        };
        assert_eq!((accepted.from, accepted.to), (None, State::Queued));
        assert_eq!((accepted.at, &accepted.actor), (at(1), &user()));
    }
    assert_eq!(store.job(JobRef::Number(JobNumber(2))).await.unwrap(), None);
}

pub(super) async fn taken_id(store: &Store) {
    submit(store, job(1)).await;
    let answer = only(store.submit(vec![job(1)]).await.unwrap());
    assert_eq!(answer, Err(SubmitRefusal::IdTaken { id: id(1) }));
    assert_eq!(submit(store, job(2)).await.number, JobNumber(2));
}
