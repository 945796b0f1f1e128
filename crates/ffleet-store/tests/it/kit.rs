//! Jobs and stores to test with.

use std::path::Path;

use ffleet_media::job::{EngineChoice, Make, Output};
use ffleet_media::{Source, Spec, Target};
use ffleet_store::{Accepted, Claim, Decline, Finish, NewJob, Options, Report, Store};
use ffleet_types::attempt::{Artifact, Usage};
use ffleet_types::job::{Actor, Terms};
use ffleet_types::task::{Change, Next};
use ffleet_types::{AttemptId, Bytes, Fence, JobId, NodeId, Outcome, Reason, TaskId, Timestamp};

pub(crate) const NODE: NodeId = NodeId::from_parts(1, 1);

/// The second after the epoch that everything here happens in or after.
pub(crate) fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + second * 1_000)
}

pub(crate) fn user() -> Actor {
    Actor::User("tester".into())
}

pub(crate) fn spec(output: &str) -> Spec {
    Spec {
        input: Source::File("/media/in/Clip.mov".into()),
        outputs: vec![Output {
            target: Target::File(output.into()),
            make: Make::Raw { args: ["-c:v", "libx264", "-crf", "23"].map(String::from).into() },
        }],
        duration: None,
        engine: EngineChoice::Auto,
        overwrite: false,
        verify: None,
        terms: Terms::default(),
    }
}

pub(crate) fn id(number: u64) -> JobId {
    JobId::from_parts(at(0).as_millis(), u128::from(number))
}

pub(crate) fn job(number: u64) -> NewJob {
    NewJob {
        id: id(number),
        spec: spec(&format!("/media/out/{number}.mp4")),
        accepted: at(number),
        actor: user(),
        idempotency: None,
        retry_of: None,
    }
}

pub(crate) fn attempt(job: JobId, fence: u64) -> AttemptId {
    AttemptId { task: TaskId::whole(job), fence: Fence::from_u64(fence) }
}

pub(crate) fn claim(job: JobId, fence: u64) -> Claim {
    Claim { attempt: attempt(job, fence), node: NODE, at: at(100), why: None }
}

pub(crate) fn report(job: JobId, fence: u64) -> Report {
    Report {
        attempt: attempt(job, fence),
        at: at(101),
        actor: Actor::Node("n1".into()),
    }
}

pub(crate) fn decline(attempt: AttemptId) -> Decline {
    let actor = Actor::Node("n1".into());
    Decline { attempt, at: at(102), actor, why: "no room".into() }
}

pub(crate) fn artifact(target: &str) -> Artifact {
    Artifact {
        output: 0,
        staged: format!("{target}.part"),
        target: target.into(),
        size: Bytes(7),
        published: true,
    }
}

/// The end of an attempt whose start nobody has recorded.
pub(crate) fn finish(job: JobId, fence: u64, outcome: Outcome, next: Next) -> Finish {
    Finish {
        attempt: attempt(job, fence),
        at: at(200),
        actor: Actor::Node("n1".into()),
        started: Some(at(102)),
        outcome,
        next,
        not_before: None,
        usage: Usage { wall_micros: 5, ..Usage::default() },
        artifacts: Vec::new(),
        commands: vec![vec!["ffmpeg".into(), "-i".into(), "in".into()]],
        notes: vec!["the subtitles are left out".into()],
    }
}

pub(crate) fn completed(job: JobId, fence: u64) -> Finish {
    finish(job, fence, Outcome::Completed, Next::End)
}

pub(crate) fn failed(job: JobId, fence: u64, reason: Reason, next: Next) -> Finish {
    finish(job, fence, Outcome::failed(reason, "it broke"), next)
}

pub(crate) fn open(dir: &Path) -> Store {
    Store::open(dir, Options::default()).unwrap()
}

/// The one answer to a call with one item.
pub(crate) fn only<T, E>(answers: Vec<Result<T, E>>) -> Result<T, E> {
    let [answer] = <[_; 1]>::try_from(answers).ok().expect("one item has one answer");
    answer
}

pub(crate) async fn submit(store: &Store, job: NewJob) -> Accepted {
    only(store.submit(vec![job]).await.unwrap()).unwrap()
}

/// Takes a queued job to `running` under its next fence.
pub(crate) async fn run(store: &Store, job: JobId, fence: u64) {
    moved(only(store.claim(vec![claim(job, fence)]).await.unwrap()).unwrap());
    moved(only(store.start(vec![report(job, fence)]).await.unwrap()).unwrap());
}

pub(crate) fn moved(change: Change) {
    assert!(matches!(change, Change::Moved { .. }), "nothing moved");
}
