//! Leases: which node may run an attempt, and until when.
//!
//! A running attempt is never taken away from a node. Its lease lapses, and the task gets a new
//! attempt under a higher fence; whatever the old holder still sends carries the old fence and is
//! refused, so a node that was only cut off can do no harm.

use std::time::Duration;

use ffleet_types::{Fence, NodeId, Timestamp};

/// How long a silent node is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Silence after which an attempt is given to another node, and a node counts as gone.
    pub term: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self { term: Duration::from_secs(10) }
    }
}

/// How far the holder has got with an attempt, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Planned; that the store has it written is not yet known.
    Offered,
    /// Written, and promised to the node.
    Assigned,
    /// The node works on it.
    Running,
    /// Its processes are frozen. The lease is renewed all the same.
    Paused,
}

/// A node's claim on an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The node that has the attempt.
    pub holder: NodeId,
    /// What its reports must carry to be believed.
    pub fence: Fence,
    /// When the holder was last heard from about it, by the planner's clock.
    pub renewed: Timestamp,
    /// How far it has got.
    pub stage: Stage,
}

/// What to do about one lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a decision that is dropped leaves its attempt with a dead node"]
pub enum Decision {
    /// The holder is heard from. Leave it alone.
    Keep {
        /// When to look again if nothing is heard until then.
        until: Timestamp,
    },
    /// The holder is gone and had not started: the attempt is given back, and costs nothing.
    GiveBack {
        /// For how long nothing was heard.
        silent: Duration,
    },
    /// The holder is gone while it worked: the attempt ends as lost.
    Lost {
        /// For how long nothing was heard.
        silent: Duration,
    },
}

impl Policy {
    /// Silence after which a node gets no new work: half of what it is trusted for.
    #[must_use]
    pub fn quiet(self) -> Duration {
        self.term / 2
    }

    /// Decides what is to become of `lease` at `now`.
    pub fn decide(self, lease: &Lease, now: Timestamp) -> Decision {
        // A clock that was set back must not make every node look dead: `since` saturates, and
        // such a lease counts as just renewed.
        let silent = now.since(lease.renewed);
        match lease.stage {
            _ if silent < self.term => Decision::Keep { until: lease.renewed.after(self.term) },
            Stage::Offered | Stage::Assigned => Decision::GiveBack { silent },
            Stage::Running | Stage::Paused => Decision::Lost { silent },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { term: Duration::from_secs(30) };

    /// The decision for a lease that was renewed at second 100.
    fn decide_at(seconds: u64, stage: Stage) -> Decision {
        let lease = Lease {
            holder: NodeId::from_bits(1),
            fence: Fence::FIRST,
            renewed: Timestamp::from_millis(100_000),
            stage,
        };
        POLICY.decide(&lease, Timestamp::from_millis(seconds * 1_000))
    }

    #[test]
    fn renewed_lease_is_kept_until_its_term() {
        let until = Timestamp::from_millis(130_000);
        assert_eq!(decide_at(129, Stage::Running), Decision::Keep { until });
    }

    #[test]
    fn lapsed_attempt_that_had_not_started_is_given_back() {
        let silent = Duration::from_secs(30);
        assert_eq!(decide_at(130, Stage::Offered), Decision::GiveBack { silent });
        assert_eq!(decide_at(130, Stage::Assigned), Decision::GiveBack { silent });
    }

    #[test]
    fn lapsed_attempt_that_had_started_is_lost_even_when_paused() {
        let silent = Duration::from_secs(31);
        assert_eq!(decide_at(131, Stage::Running), Decision::Lost { silent });
        assert_eq!(decide_at(131, Stage::Paused), Decision::Lost { silent });
    }

    #[test]
    fn clock_set_back_reclaims_nothing() {
        assert!(matches!(decide_at(3, Stage::Running), Decision::Keep { .. }));
    }
}
