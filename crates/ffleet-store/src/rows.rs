//! What is read from the store.

use std::collections::BTreeMap;
use std::time::Duration;

use ffleet_media::Spec;
use ffleet_types::attempt::{Artifact, Attempt};
use ffleet_types::job::{Actor, Queue};
use ffleet_types::node::{Description, Order};
use ffleet_types::task::State;
use ffleet_types::{Bytes, Fence, JobId, JobNumber, NodeId, Reason, TaskId, TenantId, Timestamp};

/// A job as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSummary {
    /// Its number.
    pub number: JobNumber,
    /// Its id.
    pub id: JobId,
    /// What was asked for.
    pub spec: Spec,
    /// Where it is.
    pub state: State,
    /// Why the last attempt that ended has failed, or the job was rejected.
    pub reason: Option<Reason>,
    /// The same, for a person.
    pub message: Option<String>,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// When its latest attempt began.
    pub started: Option<Timestamp>,
    /// When it came to its end.
    pub finished: Option<Timestamp>,
    /// While it is retrying: not before this time.
    pub not_before: Option<Timestamp>,
    /// When somebody asked for it to stop.
    pub cancel_requested: Option<Timestamp>,
    /// The fence of its latest attempt.
    pub fence: Fence,
    /// Attempts that were charged to its retries.
    pub charged: u32,
    /// The node of its latest attempt.
    pub node: Option<NodeId>,
    /// The job that this one is another try of.
    pub retry_of: Option<JobNumber>,
}

/// A job with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// What lists show.
    pub summary: JobSummary,
    /// Who submitted it.
    pub actor: Actor,
    /// Its attempts, oldest first; the last may still live. Attempts that were declined are in the
    /// history alone.
    pub attempts: Vec<Attempt>,
    /// Every change of its state, oldest first.
    pub history: Vec<Edge>,
}

impl JobRow {
    /// What its latest attempt has sealed or published.
    #[must_use]
    pub fn artifacts(&self) -> &[Artifact] {
        self.attempts.last().map_or(&[], |attempt| &attempt.artifacts)
    }
}

/// A change of a job's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// When.
    pub at: Timestamp,
    /// From here; nothing when it was accepted.
    pub from: Option<State>,
    /// To there.
    pub to: State,
    /// The fence of the attempt that it had then.
    pub fence: Fence,
    /// Who moved it.
    pub actor: Actor,
    /// Why, as a class.
    pub reason: Option<Reason>,
    /// Why, for a person.
    pub message: Option<String>,
}

/// Which jobs a list shows. An empty filter shows all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these states; any, if there is none.
    pub states: Vec<State>,
    /// In this queue.
    pub queue: Option<Queue>,
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// With all of these labels.
    pub labels: BTreeMap<String, String>,
    /// With this text, in upper or lower case, in the name of the input or of a target, or in a
    /// label.
    pub text: Option<String>,
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Jobs older than this one: what [`Listed::next`] said.
    pub before: Option<JobNumber>,
    /// At most so many, up to 1,000.
    pub limit: usize,
}

/// Part of a list, newest first.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The jobs. There may be fewer than asked for, or none, with more to come: a call looks at
    /// a bounded number of jobs, so that a filter that fits few of them does not take long.
    pub jobs: Vec<JobSummary>,
    /// Where the next page begins; nothing at the end.
    pub next: Option<JobNumber>,
}

/// A task that is not at its end, with what the scheduler needs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveTask {
    /// The task.
    pub task: TaskId,
    /// Its job's number: also the order of acceptance.
    pub number: JobNumber,
    /// What its job asks for.
    pub spec: Spec,
    /// When its job was accepted.
    pub accepted: Timestamp,
    /// Where it is.
    pub state: State,
    /// The fence of its latest attempt.
    pub fence: Fence,
    /// Attempts that were charged to its retries.
    pub charged: u32,
    /// The node of its latest attempt.
    pub node: Option<NodeId>,
    /// When that was assigned.
    pub assigned: Option<Timestamp>,
    /// When that began.
    pub started: Option<Timestamp>,
    /// While it is retrying: not before this time.
    pub not_before: Option<Timestamp>,
    /// Whether somebody has asked for it to stop.
    pub cancel_requested: bool,
    /// What its latest attempt has sealed; nothing if it has not.
    pub sealed: Option<Vec<Artifact>>,
    /// Why its last 16 ended attempts failed, oldest first.
    pub failures: Vec<Reason>,
}

/// A node, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRow {
    /// Its id.
    pub id: NodeId,
    /// What it says of itself.
    pub description: Description,
    /// What is wanted of it.
    pub order: Order,
    /// When it first registered.
    pub registered: Timestamp,
    /// When it last did.
    pub seen: Timestamp,
}

/// How many jobs are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub(crate) [u64; State::ALL.len()]);

impl Counts {
    /// Jobs in this state.
    #[must_use]
    pub fn of(&self, state: State) -> u64 {
        self.0[state as usize]
    }

    /// Every state with its jobs, in the order of a task's life.
    pub fn iter(&self) -> impl Iterator<Item = (State, u64)> {
        State::ALL.into_iter().zip(self.0)
    }

    /// Jobs that are at their end.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.iter()
            .filter_map(|(state, count)| state.is_terminal().then_some(count))
            .sum()
    }
}

/// How the store is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// Size of the database file.
    pub database: Bytes,
    /// Size of its write-ahead log.
    pub wal: Bytes,
    /// Groups committed since it was opened.
    pub commits: u64,
    /// Groups that could not be committed; everybody in them was told.
    pub failures: u64,
    /// Calls that those groups held.
    pub calls: u64,
    /// From the first statement of a group to its being on disk: median of the last 1,024.
    pub commit_p50: Duration,
    /// The same, 99th percentile.
    pub commit_p99: Duration,
    /// Calls in a group: median of the last 1,024.
    pub group_p50: u64,
    /// The same, 99th percentile.
    pub group_p99: u64,
}
