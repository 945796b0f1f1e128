//! The life of a job, verb by verb.

use ffleet_store::{Claim, Decline, Finish, JobRow, Refusal, Reject, Requeue, Seal, Store};
use ffleet_types::job::Actor;
use ffleet_types::task::{self, Change, Next, State};
use ffleet_types::{Fence, JobId, JobRef, NodeId, Outcome, Reason, TaskId};

use crate::kit::{
    NODE, artifact, at, attempt, claim, completed, failed, finish, id, job, moved, only, report,
    run, submit,
};

async fn read(store: &Store, job: JobId) -> JobRow {
    store.job(JobRef::Id(job)).await.unwrap().expect("it was submitted")
}

/// The states that a job went through.
fn path(row: &JobRow) -> Vec<State> {
    row.history.iter().map(|edge| edge.to).collect()
}

fn sealing(fence: u64) -> Seal {
    Seal {
        attempt: attempt(id(1), fence),
        at: at(150),
        actor: Actor::Node("n1".into()),
        started: None,
        artifacts: vec![artifact("/media/out/1.mp4")],
    }
}

pub(super) async fn explains(store: &Store) {
    use State::{Assigned, Failed, Queued, Running};
    submit(store, job(1)).await;
    run(store, id(1), 1).await;
    let end = failed(id(1), 1, Reason::RuntimeError, Next::End);
    moved(only(store.finish(vec![end]).await.unwrap()).unwrap());

    let row = read(store, id(1)).await;
    assert_eq!(path(&row), [Queued, Assigned, Running, Failed]);
    for pair in row.history.windows(2) {
        assert_eq!(pair[1].from, Some(pair[0].to), "the history has no gap");
    }
    let seen: Vec<_> = row.history.iter().map(|e| (e.at, e.actor.to_string())).collect();
    let expected = [
        (at(1), "user:tester"),
        (at(100), "controller"),
        (at(101), "node:n1"),
        (at(200), "node:n1"),
    ];
    assert_eq!(seen, expected.map(|(at, actor)| (at, actor.to_owned())));
    let last = row.history.last().unwrap();
    assert_eq!(last.reason, Some(Reason::RuntimeError));
    assert_eq!(last.message.as_deref(), Some("it broke"));
    assert_eq!(row.summary.reason, Some(Reason::RuntimeError));
    assert_eq!(row.summary.message.as_deref(), Some("it broke"));
    assert_eq!(row.summary.finished, Some(at(200)));
}

pub(super) async fn both_edges(store: &Store) {
    submit(store, job(1)).await;
    moved(only(store.claim(vec![claim(id(1), 1)]).await.unwrap()).unwrap());
    let mut end = completed(id(1), 1);
    end.artifacts = vec![artifact("/media/out/1.mp4")];
    let change = only(store.finish(vec![end.clone()]).await.unwrap()).unwrap();
    assert_eq!(change, Change::Moved { from: State::Assigned, to: State::Completed });

    let row = read(store, id(1)).await;
    let times: Vec<_> = row.history.iter().map(|edge| (edge.to, edge.at)).collect();
    assert_eq!(times[2..], [(State::Running, at(102)), (State::Completed, at(200))]);
    let [ended] = &row.attempts[..] else {
        panic!("{:?}", row.attempts);
    };
    assert_eq!((ended.node, ended.fence), (NODE, Fence::FIRST));
    assert_eq!((ended.assigned, ended.started), (at(100), Some(at(102))));
    assert_eq!((ended.finished, &ended.outcome), (Some(at(200)), &Some(Outcome::Completed)));
    assert_eq!((ended.usage, &ended.commands), (end.usage, &end.commands));
    assert_eq!((&ended.notes, &ended.artifacts), (&end.notes, &end.artifacts));
    assert_eq!(row.artifacts(), end.artifacts);
}

pub(super) async fn repeats(store: &Store) {
    submit(store, job(1)).await;
    let again = |answers: Vec<Result<Change, Refusal>>| {
        assert_eq!(only(answers), Ok(Change::Already));
    };
    let claimed = vec![claim(id(1), 1)];
    moved(only(store.claim(claimed.clone()).await.unwrap()).unwrap());
    again(store.claim(claimed).await.unwrap());
    let started = vec![report(id(1), 1)];
    moved(only(store.start(started.clone()).await.unwrap()).unwrap());
    again(store.start(started).await.unwrap());
    let sealed = vec![sealing(1)];
    moved(only(store.seal(sealed.clone()).await.unwrap()).unwrap());
    again(store.seal(sealed).await.unwrap());
    let end = vec![completed(id(1), 1)];
    moved(only(store.finish(end.clone()).await.unwrap()).unwrap());
    let before = read(store, id(1)).await;
    again(store.finish(end).await.unwrap());
    assert_eq!(read(store, id(1)).await, before);
}

pub(super) async fn stale(store: &Store) {
    submit(store, job(1)).await;
    run(store, id(1), 1).await;
    let lost = failed(id(1), 1, Reason::NodeLost, Next::RetryFree);
    moved(only(store.finish(vec![lost]).await.unwrap()).unwrap());
    let requeue = Requeue { task: TaskId::whole(id(1)), at: at(201) };
    moved(only(store.requeue(vec![requeue]).await.unwrap()).unwrap());
    run(store, id(1), 2).await;
    let before = read(store, id(1)).await;

    let answers = [
        store.start(vec![report(id(1), 1)]).await.unwrap(),
        store.pause(vec![report(id(1), 1)]).await.unwrap(),
        store.resume(vec![report(id(1), 1)]).await.unwrap(),
        store.seal(vec![sealing(1)]).await.unwrap(),
        store.finish(vec![completed(id(1), 1)]).await.unwrap(),
        store.finish(vec![completed(id(1), 3)]).await.unwrap(),
        store.claim(vec![claim(id(1), 1)]).await.unwrap(),
    ];
    for answer in answers {
        let refusal = only(answer).unwrap_err();
        assert!(refusal.is_stale(), "{refusal:?}");
    }
    assert_eq!(read(store, id(1)).await, before);
}

pub(super) async fn foreign_claim(store: &Store) {
    submit(store, job(1)).await;
    let ours = Claim { why: Some("passed over a node".to_owned()), ..claim(id(1), 1) };
    let theirs = Claim { node: NodeId::from_parts(2, 2), ..ours.clone() };
    let answers = store.claim(vec![ours, theirs]).await.unwrap();
    moved(*answers[0].as_ref().unwrap());
    assert!(answers[1].as_ref().unwrap_err().is_stale(), "{answers:?}");
    let row = read(store, id(1)).await;
    assert_eq!(row.summary.node, Some(NODE));
    assert_eq!(row.history.last().unwrap().message.as_deref(), Some("passed over a node"));
}

pub(super) async fn retry(store: &Store) {
    submit(store, job(1)).await;
    for fence in 1..=3 {
        run(store, id(1), fence).await;
        let end = Finish {
            not_before: Some(at(300)),
            ..failed(id(1), fence, Reason::NetworkError, Next::RetryCharged)
        };
        moved(only(store.finish(vec![end]).await.unwrap()).unwrap());
        let row = read(store, id(1)).await.summary;
        assert_eq!((row.state, row.not_before), (State::Retrying, Some(at(300))));
        let requeue = Requeue { task: TaskId::whole(id(1)), at: at(301) };
        moved(only(store.requeue(vec![requeue]).await.unwrap()).unwrap());
        assert_eq!(read(store, id(1)).await.summary.not_before, None);
    }
    let row = read(store, id(1)).await;
    assert_eq!((row.summary.fence.as_u64(), row.summary.charged), (3, 3));
    let fences: Vec<_> = row.attempts.iter().map(|attempt| attempt.fence.as_u64()).collect();
    assert_eq!(fences, [1, 2, 3]);
    let active = store.active(None, 10).await.unwrap();
    assert_eq!(active[0].failures, [Reason::NetworkError; 3]);
}

pub(super) async fn declined(store: &Store) {
    submit(store, job(1)).await;
    moved(only(store.claim(vec![claim(id(1), 1)]).await.unwrap()).unwrap());
    let decline = Decline {
        attempt: attempt(id(1), 1),
        at: at(101),
        actor: Actor::Node("n1".into()),
        why: "no room".into(),
    };
    moved(only(store.decline(vec![decline.clone()]).await.unwrap()).unwrap());
    assert_eq!(only(store.decline(vec![decline]).await.unwrap()), Ok(Change::Already));
    let row = read(store, id(1)).await;
    assert_eq!((row.summary.state, row.summary.charged), (State::Queued, 0));
    assert_eq!(row.history.last().unwrap().message.as_deref(), Some("no room"));
    assert_eq!(row.attempts, [], "it never began");
    run(store, id(1), 2).await;
}

pub(super) async fn rejected(store: &Store) {
    submit(store, job(1)).await;
    let message = "needs 64 GiB of memory; the largest node has 24 GiB";
    let reject = Reject { task: TaskId::whole(id(1)), at: at(5), message: message.into() };
    moved(only(store.reject(vec![reject]).await.unwrap()).unwrap());
    let row = read(store, id(1)).await;
    assert_eq!(path(&row), [State::Queued, State::Rejected]);
    assert_eq!(row.summary.message.as_deref(), Some(message));
    assert_eq!(row.summary.reason, Some(Reason::CapabilityMismatch));
    assert_eq!(row.summary.finished, Some(at(5)));
}

pub(super) async fn paused(store: &Store) {
    use State::{Assigned, Paused, Queued, Running};
    submit(store, job(1)).await;
    run(store, id(1), 1).await;
    moved(only(store.pause(vec![report(id(1), 1)]).await.unwrap()).unwrap());
    assert_eq!(only(store.start(vec![report(id(1), 1)]).await.unwrap()), Ok(Change::Already));
    moved(only(store.resume(vec![report(id(1), 1)]).await.unwrap()).unwrap());
    let row = read(store, id(1)).await;
    assert_eq!(path(&row), [Queued, Assigned, Running, Paused, Running]);
}

pub(super) async fn unknown(store: &Store) {
    submit(store, job(1)).await;
    let mut piece = claim(id(1), 1);
    piece.attempt.task.index = 1;
    let claims = vec![claim(id(7), 1), claim(id(1), 1), piece];
    let answers = store.claim(claims).await.unwrap();
    assert_eq!(answers[0], Err(Refusal::Unknown(JobRef::Id(id(7)))));
    moved(*answers[1].as_ref().unwrap());
    assert_eq!(answers[2], Err(Refusal::Unknown(JobRef::Id(id(1)))));
    let end = only(store.finish(vec![completed(id(7), 1)]).await.unwrap());
    assert_eq!(end, Err(Refusal::Unknown(JobRef::Id(id(7)))));
}

pub(super) async fn seal_refused(store: &Store) {
    submit(store, job(1)).await;
    let early = only(store.seal(vec![sealing(1)]).await.unwrap()).unwrap_err();
    assert!(early.is_stale(), "{early:?}");
    moved(only(store.claim(vec![claim(id(1), 1)]).await.unwrap()).unwrap());
    let late = only(store.seal(vec![sealing(2)]).await.unwrap()).unwrap_err();
    assert!(late.is_stale(), "{late:?}");
    moved(only(store.start(vec![report(id(1), 1)]).await.unwrap()).unwrap());
    moved(only(store.pause(vec![report(id(1), 1)]).await.unwrap()).unwrap());
    let frozen = only(store.seal(vec![sealing(1)]).await.unwrap()).unwrap_err();
    assert!(matches!(frozen, Refusal::Edge(task::Refusal::NoEdge { .. })), "{frozen:?}");
}

pub(super) async fn seal(store: &Store) {
    submit(store, job(1)).await;
    moved(only(store.claim(vec![claim(id(1), 1)]).await.unwrap()).unwrap());
    let change = only(store.seal(vec![sealing(1)]).await.unwrap()).unwrap();
    assert_eq!(change, Change::Moved { from: State::Assigned, to: State::Running });
    let artifacts = vec![artifact("/media/out/1.mp4")];
    let active = store.active(None, 10).await.unwrap();
    assert_eq!(active[0].sealed, Some(artifacts.clone()));
    assert_eq!(read(store, id(1)).await.artifacts(), artifacts);

    // It ends without saying what it published: what it had sealed is what there is.
    let lost = finish(id(1), 1, Outcome::failed(Reason::NodeLost, "gone"), Next::RetryFree);
    moved(only(store.finish(vec![lost]).await.unwrap()).unwrap());
    let row = read(store, id(1)).await;
    assert_eq!(row.attempts[0].artifacts, artifacts);
    assert_eq!(store.active(None, 10).await.unwrap()[0].sealed, None, "the next may not");
}

pub(super) async fn seal_kept(store: &Store) {
    submit(store, job(1)).await;
    moved(only(store.claim(vec![claim(id(1), 1)]).await.unwrap()).unwrap());
    moved(only(store.seal(vec![sealing(1)]).await.unwrap()).unwrap());
    let before = read(store, id(1)).await;
    let gone = Outcome::failed(Reason::NodeLost, "gone");
    let given_up = Finish { actor: Actor::Controller, ..finish(id(1), 1, gone, Next::RetryFree) };
    let refusal = only(store.finish(vec![given_up]).await.unwrap()).unwrap_err();
    assert_eq!(refusal, Refusal::Sealed(before.summary.number));
    assert_eq!(read(store, id(1)).await, before);

    // Its node comes back and says how it ended.
    moved(only(store.finish(vec![completed(id(1), 1)]).await.unwrap()).unwrap());
    assert_eq!(read(store, id(1)).await.summary.state, State::Completed);
}

pub(super) async fn nobodys(store: &Store) {
    submit(store, job(1)).await;
    moved(only(store.claim(vec![claim(id(1), 1)]).await.unwrap()).unwrap());
    let decline = Decline {
        attempt: attempt(id(1), 1),
        at: at(101),
        actor: Actor::Controller,
        why: "no room".into(),
    };
    moved(only(store.decline(vec![decline]).await.unwrap()).unwrap());
    let before = read(store, id(1)).await;
    let late = finish(id(1), 1, Outcome::Canceled, Next::End);
    let refusal = only(store.finish(vec![late]).await.unwrap()).unwrap_err();
    assert!(matches!(refusal, Refusal::Edge(task::Refusal::NoEdge { .. })), "{refusal:?}");
    assert_eq!(read(store, id(1)).await, before);
}
