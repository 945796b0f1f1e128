//! Attempts: what one try at a task used and left.

use serde::{Deserialize, Serialize};

use crate::ids::{Fence, NodeId};
use crate::outcome::Outcome;
use crate::time::Timestamp;
use crate::units::Bytes;

/// What an attempt's processes used, summed over all of them. Peaks are the highest of any one
/// process tree, not sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Wall-clock time from the first child's start to the last one's end, in microseconds.
    pub wall_micros: u64,
    /// CPU time in user mode, in microseconds.
    pub user_micros: u64,
    /// CPU time in the kernel, in microseconds.
    pub system_micros: u64,
    /// The share of `user` and `system` that verification took, in microseconds.
    pub verify_cpu_micros: u64,
    /// Peak memory: of the cgroup where there is one, else the largest resident set. A cgroup is
    /// charged with the pages of files that were read and written, which it gives back when it is
    /// full.
    pub peak_memory: Bytes,
    /// The largest resident set of any one process, by `wait4(2)`; 0 where none was waited for. That
    /// of a child without a shim is never less than that of the process that started it, because
    /// Linux hands it on over `execve(2)`.
    #[serde(default)]
    pub peak_resident: Bytes,
    /// Most memory that was predicted for any of them: a resident set; 0 where nothing was.
    #[serde(default)]
    pub predicted_memory: Bytes,
    /// Most threads seen at once; 0 where nothing was sampled.
    pub peak_threads: u32,
    /// Most threads that were predicted for any of them; 0 where nothing was.
    #[serde(default)]
    pub predicted_threads: u32,
    /// Time spent paused, in microseconds. It counts to no timeout.
    pub paused_micros: u64,
}

/// A file that an attempt made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Which of the job's outputs it is, from 0.
    pub output: u32,
    /// Its hidden sibling until it is published.
    pub staged: String,
    /// Where it is published: an absolute path.
    pub target: String,
    /// Its size.
    pub size: Bytes,
    /// Whether it is under its final name.
    pub published: bool,
}

/// One try at a task, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number; an attempt is never tried again under the same one.
    pub fence: Fence,
    /// Where it runs or ran.
    pub node: NodeId,
    /// When it was promised to that node.
    pub assigned: Timestamp,
    /// When the node began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// How it ended; nothing while it lasts.
    pub outcome: Option<Outcome>,
    /// What it used.
    pub usage: Usage,
    /// Sealed or published artifacts.
    pub artifacts: Vec<Artifact>,
    /// The command lines it ran, as argument lists, in order.
    pub commands: Vec<Vec<String>>,
    /// What was lost or changed on the way from input to output, for a person.
    pub notes: Vec<String>,
}
