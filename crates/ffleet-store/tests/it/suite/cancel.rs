//! Cancelling.

use ffleet_store::{Cancel, Canceled, Decline, JobRow, Refusal, Seal, Store};
use ffleet_types::job::Actor;
use ffleet_types::task::{Change, Next, State};
use ffleet_types::{JobNumber, JobRef, Outcome, Reason};

use crate::kit::{
    artifact, at, attempt, claim, completed, failed, finish, id, job, moved, only, run, submit,
    user,
};

async fn cancel(store: &Store) -> Result<Canceled, Refusal> {
    let cancel = Cancel { job: JobRef::Id(id(1)), at: at(120), actor: user() };
    only(store.cancel(vec![cancel]).await.unwrap())
}

async fn read(store: &Store) -> JobRow {
    store.job(JobRef::Id(id(1))).await.unwrap().unwrap()
}

fn seal() -> Seal {
    Seal {
        attempt: attempt(id(1), 1),
        at: at(150),
        actor: Actor::Node("n1".into()),
        started: None,
        artifacts: vec![artifact("/media/out/1.mp4")],
    }
}

pub(super) async fn queued(store: &Store) {
    let accepted = submit(store, job(1)).await;
    assert_eq!(cancel(store).await, Ok(Canceled::Done { id: id(1) }));
    let by_number = Cancel { job: JobRef::Number(accepted.number), at: at(130), actor: user() };
    let again = only(store.cancel(vec![by_number]).await.unwrap());
    assert_eq!(again, Ok(Canceled::Already { id: id(1), state: State::Canceled }));
    let row = read(store).await;
    let last = row.history.last().unwrap();
    assert_eq!((last.to, last.at, &last.actor), (State::Canceled, at(120), &user()));
    assert_eq!(row.summary.finished, Some(at(120)));
    let claimed = only(store.claim(vec![claim(id(1), 1)]).await.unwrap());
    assert!(matches!(claimed, Err(Refusal::Edge(_))), "{claimed:?}");
}

pub(super) async fn held(store: &Store) {
    submit(store, job(1)).await;
    run(store, id(1), 1).await;
    for _ in 0..2 {
        assert_eq!(cancel(store).await, Ok(Canceled::Asked { attempt: attempt(id(1), 1) }));
    }
    let summary = read(store).await.summary;
    assert_eq!((summary.state, summary.cancel_requested), (State::Running, Some(at(120))));
    assert!(store.active(None, 1).await.unwrap()[0].cancel_requested);
    let end = finish(id(1), 1, Outcome::Canceled, Next::End);
    moved(only(store.finish(vec![end]).await.unwrap()).unwrap());
    assert_eq!(read(store).await.summary.state, State::Canceled);
}

pub(super) async fn no_retry(store: &Store) {
    submit(store, job(1)).await;
    run(store, id(1), 1).await;
    let _asked = cancel(store).await.unwrap();
    let lost = failed(id(1), 1, Reason::NodeLost, Next::RetryFree);
    let change = only(store.finish(vec![lost]).await.unwrap()).unwrap();
    assert_eq!(change, Change::Moved { from: State::Running, to: State::Canceled });
    let row = read(store).await;
    let path: Vec<_> = row.history.iter().map(|edge| edge.to).collect();
    assert_eq!(path[3..], [State::Retrying, State::Canceled]);
    assert_eq!(row.history.last().unwrap().actor, user());
    assert_eq!(store.active(None, 1).await.unwrap(), []);
}

pub(super) async fn declined(store: &Store) {
    submit(store, job(1)).await;
    moved(only(store.claim(vec![claim(id(1), 1)]).await.unwrap()).unwrap());
    let _asked = cancel(store).await.unwrap();
    let decline = Decline {
        attempt: attempt(id(1), 1),
        at: at(130),
        actor: Actor::Controller,
        why: "the lease lapsed".into(),
    };
    moved(only(store.decline(vec![decline]).await.unwrap()).unwrap());
    assert_eq!(read(store).await.summary.state, State::Canceled);
}

pub(super) async fn no_seal(store: &Store) {
    submit(store, job(1)).await;
    run(store, id(1), 1).await;
    let _asked = cancel(store).await.unwrap();
    let sealed = only(store.seal(vec![seal()]).await.unwrap());
    assert_eq!(sealed, Err(Refusal::CancelRequested(JobNumber(1))));
}

pub(super) async fn too_late(store: &Store) {
    submit(store, job(1)).await;
    run(store, id(1), 1).await;
    moved(only(store.seal(vec![seal()]).await.unwrap()).unwrap());
    assert_eq!(cancel(store).await, Err(Refusal::Sealed(JobNumber(1))));
    moved(only(store.finish(vec![completed(id(1), 1)]).await.unwrap()).unwrap());
}

pub(super) async fn ended(store: &Store) {
    submit(store, job(1)).await;
    run(store, id(1), 1).await;
    moved(only(store.finish(vec![completed(id(1), 1)]).await.unwrap()).unwrap());
    let before = read(store).await;
    let already = Canceled::Already { id: id(1), state: State::Completed };
    assert_eq!(cancel(store).await, Ok(already));
    assert_eq!(read(store).await, before);
}
