//! A long history and a long queue, put into a database without a server.
//!
//! The last job is one that encodes a test picture for hours, before all others: once it is
//! paused it holds the only place of the node, and the queue stays as it is. Shared by the bench
//! and the test of the same bounds.

use std::path::Path;

use ffleet_base::{Clock as _, SystemClock, chance};
use ffleet_media::job::{EngineChoice, Make, Output, Verify};
use ffleet_media::{Source, Spec, Target};
use ffleet_store::{Claim, Finish, NewJob, Options, Store};
use ffleet_types::attempt::{Artifact, Usage};
use ffleet_types::job::{Actor, Priority, Terms};
use ffleet_types::task::Next;
use ffleet_types::{AttemptId, Bytes, Fence, JobId, NodeId, Outcome, TaskId};

/// Jobs of one commit.
const GROUP: usize = 500;
/// The node that did the finished ones, which is gone by now.
const GONE: NodeId = NodeId::from_parts(1, 1);

/// How many jobs there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backlog {
    pub(crate) finished: usize,
    pub(crate) queued: usize,
}

impl Backlog {
    /// Puts them into the server's data directory `home`, which nobody may use meanwhile. The
    /// finished ones come first. `out`, which is there, is where results are to be. Answers with
    /// the number of the last one, which is to be paused when it runs.
    pub(crate) async fn fill(self, home: &Path, out: &Path) -> u64 {
        let store = Store::open(&home.join("store"), Options::default()).unwrap();
        let mut left = self.finished;
        while left > 0 {
            let count = left.min(GROUP);
            let jobs = std::iter::repeat_with(|| new_job(out)).take(count).collect();
            finish(&store, submit(&store, jobs).await).await;
            left -= count;
        }
        let mut left = self.queued;
        while left > 0 {
            let count = left.min(GROUP);
            let jobs = std::iter::repeat_with(|| new_job(out)).take(count).collect();
            submit(&store, jobs).await;
            left -= count;
        }
        submit(&store, vec![blocker(out)]).await;
        store.close().await.unwrap();
        u64::try_from(self.finished + self.queued + 1).unwrap()
    }
}

/// A job as people submit them: with a recipe, a label and names of ordinary length.
fn new_job(out: &Path) -> NewJob {
    let accepted = SystemClock.now();
    let id = chance::job_id(accepted);
    let recipe = ffleet_media::preset::builtin("720p-h264").unwrap();
    let spec = Spec {
        input: Source::File("/srv/media/incoming/2026/episode-0042.mov".to_owned()),
        outputs: vec![Output {
            target: Target::File(out.join(format!("{id}.mp4")).to_str().unwrap().to_owned()),
            make: Make::Recipe { preset: Some("720p-h264".to_owned()), recipe },
        }],
        duration: None,
        engine: EngineChoice::Auto,
        overwrite: false,
        verify: None,
        terms: Terms {
            labels: [("show".to_owned(), "morning".to_owned())].into(),
            ..Terms::default()
        },
    };
    let actor = Actor::User("local".to_owned());
    NewJob { id, spec, accepted, actor, idempotency: None, retry_of: None }
}

/// The one that goes before all others and lasts.
fn blocker(out: &Path) -> NewJob {
    let mut job = new_job(out);
    job.spec.input = "test:240p30".parse().unwrap();
    job.spec.duration = Some("10h".parse().unwrap());
    job.spec.verify = Some(Verify::None);
    job.spec.terms.priority = Priority::High;
    job
}

async fn submit(store: &Store, jobs: Vec<NewJob>) -> Vec<JobId> {
    let ids = jobs.iter().map(|job| job.id).collect();
    for answer in store.submit(jobs).await.unwrap() {
        answer.map(drop).unwrap();
    }
    ids
}

async fn finish(store: &Store, jobs: Vec<JobId>) {
    let attempt = |job| AttemptId { task: TaskId::whole(job), fence: Fence::FIRST };
    let claim =
        |&job| Claim { attempt: attempt(job), node: GONE, at: SystemClock.now(), why: None };
    for answer in store.claim(jobs.iter().map(claim).collect()).await.unwrap() {
        answer.map(drop).unwrap();
    }
    let command = "ffmpeg -nostdin -y -i /srv/media/incoming/2026/episode-0042.mov -c:v libx264";
    let end = |job| Finish {
        attempt: attempt(job),
        at: SystemClock.now(),
        actor: Actor::Node("gone".to_owned()),
        started: Some(SystemClock.now()),
        outcome: Outcome::Completed,
        next: Next::End,
        not_before: None,
        usage: Usage { wall_micros: 1_234_567, user_micros: 2_345_678, ..Usage::default() },
        artifacts: vec![Artifact {
            output: 0,
            staged: "/srv/media/ready/2026/.episode-0042.part".to_owned(),
            target: "/srv/media/ready/2026/episode-0042.mp4".to_owned(),
            size: Bytes(12_345_678),
            published: true,
        }],
        commands: vec![command.split(' ').map(String::from).collect()],
        notes: Vec::new(),
    };
    for answer in store.finish(jobs.into_iter().map(end).collect()).await.unwrap() {
        answer.map(drop).unwrap();
    }
}
