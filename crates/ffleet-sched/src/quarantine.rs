//! Which node is put aside: one that fails one job after another, whatever they are.
//!
//! One job that fails everywhere says nothing about a node, and neither does an input that nobody can read.
//! So only failures that may be the node's count, each job once, and a single success ends the row. A task
//! that takes down its nodes is the other half; that is [`crate::retry`].

use ffleet_types::{JobId, Outcome, Reason};

/// When a node is put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// So many different jobs in a row; 0 never.
    pub jobs: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self { jobs: 5 }
    }
}

/// Jobs that are remembered at most.
const MOST: usize = 64;

/// What is remembered of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The jobs that failed in a row, each once, the oldest first.
    failed: Vec<JobId>,
    /// Why the last of them did.
    last: Option<Reason>,
}

/// That a node is to be put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How many different jobs have failed on it in a row.
    pub jobs: u32,
    /// Why the last of them did.
    pub last: Reason,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} different jobs have failed on it in a row, the last with {}: look at what they say, and let it \
             take work again",
            self.jobs, self.last
        )
    }
}

/// Whether a failure may be the node's.
#[must_use]
pub const fn counts(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::RuntimeError
            | Reason::ResourceError
            | Reason::PlatformError
            | Reason::OutOfMemory
            | Reason::Stalled
            | Reason::CapabilityMismatch
    )
}

impl Record {
    /// Takes in how an attempt of `job` ended on the node; what is to follow, once.
    pub fn ended(&mut self, policy: Policy, job: JobId, outcome: &Outcome) -> Option<Verdict> {
        match outcome {
            Outcome::Completed => {
                self.clear();
                return None;
            }
            Outcome::Canceled => return None,
            Outcome::Failed { reason, .. } if !counts(*reason) => return None,
            Outcome::Failed { reason, .. } => self.last = Some(*reason),
        }
        if self.failed.contains(&job) || self.failed.len() >= MOST {
            return None;
        }
        self.failed.push(job);
        let jobs = u32::try_from(self.failed.len()).unwrap_or(u32::MAX);
        let most = policy.jobs.min(u32::try_from(MOST).unwrap_or(u32::MAX));
        (policy.jobs > 0 && jobs == most).then_some(Verdict { jobs, last: self.last? })
    }

    /// Forgets everything: somebody has said that the node may take work again.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: u128) -> JobId {
        JobId::from_bits(id)
    }

    fn failed(reason: Reason) -> Outcome {
        Outcome::failed(reason, "it failed")
    }

    #[test]
    fn node_that_fails_different_jobs_in_a_row_is_put_aside_once_and_says_why() {
        let policy = Policy { jobs: 3 };
        let mut record = Record::default();
        let outcome = failed(Reason::RuntimeError);
        assert_eq!(record.ended(policy, job(1), &outcome), None);
        assert_eq!(record.ended(policy, job(1), &outcome), None, "the same job");
        assert_eq!(record.ended(policy, job(2), &outcome), None);
        let verdict = record.ended(policy, job(3), &failed(Reason::ResourceError)).unwrap();
        assert_eq!(verdict, Verdict { jobs: 3, last: Reason::ResourceError });
        assert!(verdict.to_string().starts_with("3 different jobs"), "{verdict}");
        assert_eq!(record.ended(policy, job(4), &outcome), None, "asked for once");
        record.clear();
        assert_eq!(record.ended(policy, job(5), &outcome), None, "it may begin anew");
    }

    #[test]
    fn success_ends_the_row_and_what_is_the_jobs_own_does_not_count() {
        let policy = Policy { jobs: 2 };
        let mut record = Record::default();
        record.ended(policy, job(1), &failed(Reason::Stalled));
        assert_eq!(record.ended(policy, job(2), &failed(Reason::InputError)), None);
        assert_eq!(record.ended(policy, job(3), &Outcome::Canceled), None);
        assert_eq!(record.ended(policy, job(4), &Outcome::Completed), None);
        assert_eq!(record.ended(policy, job(5), &failed(Reason::Stalled)), None, "the first again");
        assert!(record.ended(policy, job(6), &failed(Reason::Stalled)).is_some());
        let never = Policy { jobs: 0 };
        let mut record = Record::default();
        for id in 0..200 {
            assert_eq!(record.ended(never, job(id), &failed(Reason::Stalled)), None);
        }
        assert_eq!(record.failed.len(), MOST);
    }
}
