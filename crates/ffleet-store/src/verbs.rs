//! What is asked of the store, and what it answers.
//!
//! Every verb takes a list and answers item by item, in the same order: an item that is refused
//! changes nothing and holds up nobody. A verb that is repeated changes nothing the second time
//! and says so, because a caller that lost the answer must be able to ask again.

use ffleet_media::Spec;
use ffleet_types::attempt::{Artifact, Usage};
use ffleet_types::job::Actor;
use ffleet_types::task::{self, Next, State};
use ffleet_types::{
    AttemptId, Fence, JobId, JobNumber, JobRef, NodeId, Outcome, TaskId, Timestamp,
};

/// A job to be accepted.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Made by the caller. Ids that grow with time keep the index on them dense.
    pub id: JobId,
    /// What is asked for, resolved.
    pub spec: Spec,
    /// When it was asked for.
    pub accepted: Timestamp,
    /// Who asked.
    pub actor: Actor,
    /// What makes a repeated call the same job.
    pub idempotency: Option<Idempotency>,
    /// The job that this one is another try of.
    pub retry_of: Option<JobNumber>,
}

/// What makes two submissions one job. Kept as long as the job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's word for the job, unique within its tenant.
    pub key: String,
    /// A hash of what was asked for: the same key must mean the same work.
    pub fingerprint: [u8; 32],
}

/// A job that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its number.
    pub number: JobNumber,
    /// Its id: that of the first submission, if this one repeated it.
    pub id: JobId,
    /// Whether an earlier call had submitted it.
    pub existing: bool,
}

/// Why a job was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitRefusal {
    /// The idempotency key stands for other work.
    #[error(
        "the idempotency key '{key}' belongs to job {number}, which asks for something else: \
         use a new key, or submit the same job again"
    )]
    KeyReused {
        /// The key.
        key: String,
        /// The job that has it.
        number: JobNumber,
    },
    /// A job with this id is there already.
    #[error("there is a job with the id {id} already: every job needs an id of its own")]
    IdTaken {
        /// The id.
        id: JobId,
    },
    /// As many of its tenant's jobs wait as may.
    #[error("the tenant {tenant} has {limit} jobs that wait, and its quota of them is {limit}")]
    QueueFull {
        /// The tenant.
        tenant: String,
        /// Its quota, which is used up.
        limit: u64,
    },
}

/// A queued task is promised to a node.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The task, and the fence after its last one.
    pub attempt: AttemptId,
    /// The node.
    pub node: NodeId,
    /// When.
    pub at: Timestamp,
    /// Why it is that node where others had room, for a person.
    pub why: Option<String>,
}

/// A node says that an attempt has begun, is frozen, or runs again.
#[derive(Clone, Debug)]
pub struct Report {
    /// The attempt.
    pub attempt: AttemptId,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
}

/// An assigned task is given back; nothing is charged.
#[derive(Clone, Debug)]
pub struct Decline {
    /// The attempt that will not be.
    pub attempt: AttemptId,
    /// When.
    pub at: Timestamp,
    /// Who gives it back.
    pub actor: Actor,
    /// Why, for a person.
    pub why: String,
}

/// From here on only this attempt may publish, and it must: it cannot be canceled any more.
#[derive(Clone, Debug)]
pub struct Seal {
    /// The attempt.
    pub attempt: AttemptId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// When the attempt began, in case nobody has said so yet.
    pub started: Option<Timestamp>,
    /// What is staged, to be finished by whoever comes next if this one cannot.
    pub artifacts: Vec<Artifact>,
}

/// An attempt has ended.
#[derive(Clone, Debug)]
pub struct Finish {
    /// The attempt.
    pub attempt: AttemptId,
    /// When it ended.
    pub at: Timestamp,
    /// Who says so.
    pub actor: Actor,
    /// When the attempt began, in case nobody has said so yet: both edges are then recorded.
    pub started: Option<Timestamp>,
    /// How it ended.
    pub outcome: Outcome,
    /// What the retry policy makes of it.
    pub next: Next,
    /// If it is tried again, not before this time.
    pub not_before: Option<Timestamp>,
    /// What it used.
    pub usage: Usage,
    /// What it published. If this is empty, what was sealed is kept.
    pub artifacts: Vec<Artifact>,
    /// The command lines it ran.
    pub commands: Vec<Vec<String>>,
    /// What was lost or changed on the way, for a person.
    pub notes: Vec<String>,
}

/// The pause after a failed attempt is over.
#[derive(Clone, Copy, Debug)]
pub struct Requeue {
    /// The task.
    pub task: TaskId,
    /// When.
    pub at: Timestamp,
}

/// No node could ever run it.
#[derive(Clone, Debug)]
pub struct Reject {
    /// The task.
    pub task: TaskId,
    /// When.
    pub at: Timestamp,
    /// What is missing.
    pub message: String,
}

/// Somebody asks for a job to stop.
#[derive(Clone, Debug)]
pub struct Cancel {
    /// The job.
    pub job: JobRef,
    /// When.
    pub at: Timestamp,
    /// Who asks.
    pub actor: Actor,
}

/// What came of asking for a job to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an attempt that was asked to stop must be told"]
pub enum Canceled {
    /// Nothing of it was running: it is canceled.
    Done {
        /// Its id.
        id: JobId,
    },
    /// An attempt holds it, and is to end as [`Outcome::Canceled`]. The wish is on disk: however
    /// the attempt ends, there will be no other.
    Asked {
        /// The attempt to stop.
        attempt: AttemptId,
    },
    /// It had come to its end before.
    Already {
        /// Its id.
        id: JobId,
        /// Where it is.
        state: State,
    },
}

/// Why an item changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such job, or no longer.
    #[error("there is no job {0}: it never was, or it has been pruned")]
    Unknown(JobRef),
    /// The edge is not legal, or the fence is stale.
    #[error(transparent)]
    Edge(#[from] task::Refusal),
    /// It may not publish: somebody has asked for the job to stop.
    #[error("job {0} was asked to stop: its results are not published")]
    CancelRequested(JobNumber),
    /// It can neither be canceled nor taken from its node: its results are being published.
    #[error("job {0} cannot be stopped any more: its results are being published")]
    Sealed(JobNumber),
    /// Its history has no room for another entry.
    #[error("the history of job {0} is full ({max} entries): submit it again", max = crate::MOST_EDGES)]
    Exhausted(JobNumber),
}

impl Refusal {
    /// Whether the report came from an attempt that has been superseded.
    #[must_use]
    pub const fn is_stale(&self) -> bool {
        matches!(self, Self::Edge(task::Refusal::StaleFence { .. }))
    }
}

/// Which finished jobs are to go.
#[derive(Clone, Copy, Debug)]
pub struct Prune {
    /// Those that ended before this time.
    pub before: Option<Timestamp>,
    /// The oldest of those beyond so many.
    pub keep: Option<u64>,
    /// At most so many in this call: a slice, so that nobody waits behind it.
    pub limit: usize,
}

/// A job that is gone from the store. What lies elsewhere (its logs) is the caller's to remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// Its number, which no other job will have.
    pub number: JobNumber,
    /// Its id.
    pub id: JobId,
    /// The fence of its last attempt.
    pub fence: Fence,
}
