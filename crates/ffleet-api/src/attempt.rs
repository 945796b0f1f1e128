//! Attempts, their progress and what they cost.

use ffleet_types::attempt::{self as types, Tally};
use ffleet_types::{NodeId, Outcome, Reason};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::control;
use crate::moment::Moment;
use crate::schema;

/// One try at a job on one node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Attempt {
    /// Its number, from 1; it only grows. Also called its fence.
    pub number: u64,
    /// The node's id.
    #[schema(value_type = String)]
    pub node: NodeId,
    /// The node's name, where it is known.
    pub node_name: Option<String>,
    /// When it was promised to that node.
    pub assigned_at: Moment,
    /// When the node began.
    pub started_at: Option<Moment>,
    /// When it ended.
    pub finished_at: Option<Moment>,
    /// How it ended; nothing while it lasts.
    pub outcome: Option<Ending>,
    /// Why it failed, as a class.
    #[schema(schema_with = schema::reason)]
    pub reason: Option<Reason>,
    /// Why it failed, for a person.
    pub message: Option<String>,
    /// What it used.
    pub usage: Usage,
    /// The command lines it ran, as argument lists, in order.
    pub commands: Vec<Vec<String>>,
    /// What was lost or changed on the way from input to output.
    pub notes: Vec<String>,
    /// The files it made.
    pub artifacts: Vec<Artifact>,
}

impl Attempt {
    /// The attempt, as the store keeps it.
    #[must_use]
    pub fn new(attempt: &types::Attempt, node_name: Option<String>) -> Self {
        let (outcome, reason, message) = match &attempt.outcome {
            None => (None, None, None),
            Some(Outcome::Completed) => (Some(Ending::Completed), None, None),
            Some(Outcome::Canceled) => (Some(Ending::Canceled), None, None),
            Some(Outcome::Failed { reason, message }) => {
                (Some(Ending::Failed), Some(*reason), Some(message.clone()))
            }
        };
        Self {
            number: attempt.fence.as_u64(),
            node: attempt.node,
            node_name,
            assigned_at: attempt.assigned.into(),
            started_at: attempt.started.map(Moment),
            finished_at: attempt.finished.map(Moment),
            outcome,
            reason,
            message,
            usage: Usage::from(&attempt.usage),
            commands: attempt.commands.clone(),
            notes: attempt.notes.clone(),
            artifacts: attempt.artifacts.iter().map(Artifact::from).collect(),
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AttemptOutcome)]
pub enum Ending {
    /// Its artifacts are verified and published.
    Completed,
    /// It failed.
    Failed,
    /// Somebody asked for it to stop.
    Canceled,
}

/// What an attempt's processes used, summed over all of them; peaks are the highest of any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Usage {
    /// From the first child's start to the last one's end.
    pub wall_seconds: f64,
    /// CPU time in user mode and in the kernel.
    pub cpu_seconds: f64,
    /// The share of it that verification took.
    pub verify_cpu_seconds: f64,
    /// Peak memory of a cgroup, pages of files that it read and wrote included; without cgroups the
    /// largest resident set.
    pub peak_memory_bytes: u64,
    /// The largest resident set of one process; 0 where it is not known.
    #[serde(default)]
    pub peak_resident_bytes: u64,
    /// The resident set that was predicted; 0 where nothing was.
    #[serde(default)]
    pub predicted_memory_bytes: u64,
    /// Most threads at once; 0 where none were seen.
    pub peak_threads: u32,
    /// How that is known; of several, as the least certain.
    #[serde(default)]
    #[schema(schema_with = schema::tally)]
    pub peak_threads_by: Tally,
    /// Most threads that were predicted; 0 where nothing was.
    #[serde(default)]
    pub predicted_threads: u32,
    /// Time spent paused.
    pub paused_seconds: f64,
}

impl Usage {
    /// Both together; of peaks the higher.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let threads = |one: &Self| (one.peak_threads, one.peak_threads_by);
        Self {
            wall_seconds: self.wall_seconds + other.wall_seconds,
            cpu_seconds: self.cpu_seconds + other.cpu_seconds,
            verify_cpu_seconds: self.verify_cpu_seconds + other.verify_cpu_seconds,
            peak_memory_bytes: self.peak_memory_bytes.max(other.peak_memory_bytes),
            peak_resident_bytes: self.peak_resident_bytes.max(other.peak_resident_bytes),
            predicted_memory_bytes: self.predicted_memory_bytes.max(other.predicted_memory_bytes),
            peak_threads: self.peak_threads.max(other.peak_threads),
            peak_threads_by: Tally::of_both(threads(self), threads(other)),
            predicted_threads: self.predicted_threads.max(other.predicted_threads),
            paused_seconds: self.paused_seconds + other.paused_seconds,
        }
    }
}

impl From<&types::Usage> for Usage {
    fn from(usage: &types::Usage) -> Self {
        Self {
            wall_seconds: seconds(usage.wall_micros),
            cpu_seconds: seconds(usage.user_micros.saturating_add(usage.system_micros)),
            verify_cpu_seconds: seconds(usage.verify_cpu_micros),
            peak_memory_bytes: usage.peak_memory.0,
            peak_resident_bytes: usage.peak_resident.0,
            predicted_memory_bytes: usage.predicted_memory.0,
            peak_threads: usage.peak_threads,
            peak_threads_by: usage.peak_threads_by,
            predicted_threads: usage.predicted_threads,
            paused_seconds: seconds(usage.paused_micros),
        }
    }
}

/// A file that an attempt made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Artifact {
    /// Which of the job's outputs it is, from 0.
    pub output: u32,
    /// Where it is published.
    pub target: String,
    /// Its size.
    pub size_bytes: u64,
    /// Whether it is under its final name.
    pub published: bool,
}

impl From<&types::Artifact> for Artifact {
    fn from(artifact: &types::Artifact) -> Self {
        Self {
            output: artifact.output,
            target: artifact.target.clone(),
            size_bytes: artifact.size.0,
            published: artifact.published,
        }
    }
}

/// How the attempt that runs gets on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Progress {
    /// What it is at: `probe`, `encode`, `verify` or `publish`.
    #[schema(value_type = String)]
    pub phase: control::Phase,
    /// Share of the work that is done, 0 to 100; nothing for work without an end.
    pub percent: Option<f64>,
    /// Frames encoded.
    pub frames: u64,
    /// Frames a second, lately.
    pub fps: f64,
    /// Media time per time: 2.0 is twice as fast as it plays.
    pub speed: f64,
    /// Media time encoded.
    pub position_seconds: f64,
    /// Bytes written.
    pub size_bytes: u64,
    /// Time to go, where it can be said.
    pub eta_seconds: Option<u64>,
    /// How the last sender of a live task died, if one did: the task goes on, with the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl From<&control::Progress> for Progress {
    fn from(progress: &control::Progress) -> Self {
        Self {
            phase: progress.phase,
            percent: progress.percent,
            frames: progress.frames,
            fps: progress.fps,
            speed: progress.speed,
            position_seconds: seconds(progress.position_micros),
            size_bytes: progress.bytes,
            eta_seconds: progress.eta_seconds,
            trouble: progress.trouble.clone(),
        }
    }
}

/// Microseconds as seconds. Exact to the microsecond for 285 years.
#[expect(clippy::cast_precision_loss, reason = "a double holds 53 bits")]
pub(crate) fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
