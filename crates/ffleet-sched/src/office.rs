//! Which of several controllers plans, and when it may take an attempt from its node.
//!
//! The planner's office is one row of the database, and every time in it is of the database's own clock:
//! the clocks of the controllers do not meet. Whoever takes the office raises its epoch, and each write of a
//! planner is made only where the row still has the planner's epoch and has not lapsed, in the same
//! transaction. So a planner that stood still while another took over writes nothing.
//!
//! A node could say nothing while nobody listened. So an office that has lapsed is not gone on with, not even by
//! the one who had it: it begins anew, with a new epoch, and takes nothing from anybody before one whole
//! lease, so that every node has been listened to for as long as it was promised.

use std::time::Duration;

use ffleet_types::Timestamp;

use crate::lease::{self, Lease};

/// The row of the office. Times are of the database's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Office {
    /// One more each time it is taken; 0 before the first.
    pub epoch: u64,
    /// When this epoch began.
    pub since: Timestamp,
    /// When its holder last said that it is there.
    pub renewed: Timestamp,
}

/// How long things are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Silence of the planner after which another takes the office.
    pub term: Duration,
    /// What a node is promised: silence for less than this costs it nothing.
    pub lease: lease::Policy,
    /// By how much the database's clock may run ahead of a node's within a lease: what it leaps when
    /// another server takes over, and drift.
    pub margin: Duration,
}

/// Why a planner may not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another has taken the office since.
    Superseded {
        /// The epoch that it has now.
        current: u64,
    },
    /// It was not renewed in time: it is to be taken anew, with another epoch.
    Lapsed,
    /// The office is too new for anything to be taken from anybody.
    TooNew,
    /// The node was heard from lately.
    Heard,
}

impl Policy {
    /// The next office, where `found` may be taken at `now`.
    #[must_use]
    pub fn take(&self, found: Option<&Office>, now: Timestamp) -> Option<Office> {
        let epoch = match found {
            None => 0,
            Some(office) if self.is_lapsed(office, now) => office.epoch,
            Some(_) => return None,
        };
        Some(Office { epoch: epoch.saturating_add(1), since: now, renewed: now })
    }

    /// Whether the planner of `epoch` may write anything, and renew its office.
    ///
    /// # Errors
    ///
    /// [`Refusal::Superseded`], [`Refusal::Lapsed`]: it plans no more.
    pub fn write(&self, office: &Office, epoch: u64, now: Timestamp) -> Result<(), Refusal> {
        if office.epoch != epoch {
            return Err(Refusal::Superseded { current: office.epoch });
        }
        if self.is_lapsed(office, now) {
            return Err(Refusal::Lapsed);
        }
        Ok(())
    }

    /// Whether the planner of `epoch` may take `lease` from its holder. To be asked with the row of the
    /// lease as it is within the writing transaction: the holder may have been heard from since it was planned.
    ///
    /// # Errors
    ///
    /// As for [`Policy::write`]; [`Refusal::TooNew`], [`Refusal::Heard`]: it is to be looked at again later.
    pub fn reclaim(
        &self,
        office: &Office,
        epoch: u64,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.write(office, epoch, now)?;
        let patient = self.patience();
        if now.since(office.since) < patient.term {
            return Err(Refusal::TooNew);
        }
        match patient.decide(lease, now) {
            lease::Decision::Keep { .. } => Err(Refusal::Heard),
            lease::Decision::GiveBack { .. } | lease::Decision::Lost { .. } => Ok(()),
        }
    }

    /// The silence after which something is taken: the side that takes waits longer than it promised.
    #[must_use]
    pub fn patience(&self) -> lease::Policy {
        lease::Policy { term: self.lease.term.saturating_add(self.margin) }
    }

    fn is_lapsed(&self, office: &Office, now: Timestamp) -> bool {
        now.since(office.renewed) >= self.term
    }
}

#[cfg(test)]
mod tests {
    use ffleet_types::{Fence, NodeId};

    use super::*;
    use crate::lease::Stage;

    const POLICY: Policy = Policy {
        term: Duration::from_secs(5),
        lease: lease::Policy { term: Duration::from_secs(10) },
        margin: Duration::from_secs(2),
    };

    const fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn lease(renewed: u64) -> Lease {
        Lease {
            holder: NodeId::from_bits(1),
            fence: Fence::FIRST,
            renewed: at(renewed),
            stage: Stage::Running,
        }
    }

    #[test]
    fn office_that_lapsed_begins_anew_under_a_higher_epoch() {
        let first = POLICY.take(None, at(100)).unwrap();
        assert_eq!((first.epoch, first.since), (1, at(100)));
        assert_eq!(POLICY.take(Some(&first), at(104)), None, "it has a holder");
        assert_eq!(POLICY.write(&first, 1, at(104)), Ok(()));
        assert_eq!(POLICY.write(&first, 1, at(105)), Err(Refusal::Lapsed), "though nobody took it");
        let second = POLICY.take(Some(&first), at(105)).unwrap();
        assert_eq!((second.epoch, second.since), (2, at(105)));
        assert_eq!(POLICY.write(&second, 1, at(106)), Err(Refusal::Superseded { current: 2 }));
    }

    #[test]
    fn nothing_is_taken_before_the_office_and_the_silence_are_one_lease_and_the_margin_old() {
        let office = Office { epoch: 3, since: at(100), renewed: at(111) };
        let reclaim =
            |office: &Office, renewed, now| POLICY.reclaim(office, 3, &lease(renewed), now);
        assert_eq!(reclaim(&office, 0, at(111)), Err(Refusal::TooNew));
        assert_eq!(reclaim(&office, 0, at(112)), Ok(()));
        assert_eq!(reclaim(&office, 101, at(112)), Err(Refusal::Heard));
        let other = Office { epoch: 4, ..office };
        assert_eq!(reclaim(&other, 0, at(112)), Err(Refusal::Superseded { current: 4 }));
        assert_eq!(reclaim(&office, 0, at(116)), Err(Refusal::Lapsed));
    }
}
