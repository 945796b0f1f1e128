//! Attempts: what one try at a task used and left.

use serde::{Deserialize, Serialize};

use crate::ids::{Fence, NodeId};
use crate::outcome::Outcome;
use crate::time::Timestamp;
use crate::units::Bytes;

/// How it is known how many threads there were at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tally {
    /// By the kernel, which keeps the peak (`pids.peak`): exact.
    Counted,
    /// By a look once a second: there may have been more in between.
    Sampled,
    /// It is not known, as of what was recorded before this was.
    #[default]
    Unknown,
}

impl Tally {
    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Sampled => "sampled",
            Self::Unknown => "unknown",
        }
    }

    /// That of the higher of two peaks, each with how it is known. It is known no better than the
    /// worse of them: the lower may have been the higher between two looks. A peak of 0 is none.
    #[must_use]
    pub fn of_both(one: (u32, Self), other: (u32, Self)) -> Self {
        match (one, other) {
            ((0, _), (_, known)) | ((_, known), (0, _)) => known,
            ((_, one), (_, other)) => one.max(other),
        }
    }
}

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
    /// Most threads at once; 0 where none were seen.
    pub peak_threads: u32,
    /// How that is known.
    #[serde(default)]
    pub peak_threads_by: Tally,
    /// Most threads that were predicted for any of them; 0 where nothing was.
    #[serde(default)]
    pub predicted_threads: u32,
    /// Time spent paused, in microseconds. It counts to no timeout.
    pub paused_micros: u64,
}

impl Usage {
    /// Takes note of the most threads of one more process tree.
    pub fn note_threads(&mut self, peak: u32, by: Tally) {
        self.peak_threads_by =
            Tally::of_both((self.peak_threads, self.peak_threads_by), (peak, by));
        self.peak_threads = self.peak_threads.max(peak);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_peak_is_known_no_better_than_the_worse_of_both() {
        let of = |peaks: &[(u32, Tally)]| {
            let mut usage = Usage::default();
            for &(peak, by) in peaks {
                usage.note_threads(peak, by);
            }
            (usage.peak_threads, usage.peak_threads_by)
        };
        let (counted, sampled, unknown) = (Tally::Counted, Tally::Sampled, Tally::Unknown);
        assert_eq!(of(&[]), (0, unknown));
        assert_eq!(of(&[(9, counted), (5, counted)]), (9, counted));
        assert_eq!(of(&[(9, counted), (5, sampled)]), (9, sampled));
        assert_eq!(of(&[(5, sampled), (9, counted)]), (9, sampled));
        assert_eq!(of(&[(5, unknown), (9, counted)]), (9, unknown));
        assert_eq!(of(&[(9, counted), (0, unknown)]), (9, counted), "nothing was seen of one");
    }

    #[test]
    fn usage_that_was_recorded_before_there_were_tallies_is_read() {
        let now = Usage { peak_threads: 7, peak_threads_by: Tally::Counted, ..Usage::default() };
        let mut record = serde_json::to_value(now).unwrap();
        record.as_object_mut().unwrap().remove("peak_threads_by").unwrap();
        let usage: Usage = serde_json::from_value(record).unwrap();
        assert_eq!((usage.peak_threads, usage.peak_threads_by), (7, Tally::Unknown));
    }
}
