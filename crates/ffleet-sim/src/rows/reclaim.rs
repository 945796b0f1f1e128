//! What is done about a node that is silent.

use ffleet_sched::Event;
use ffleet_sched::fleet::Then;
use ffleet_sched::lease::{Lease, Stage};
use ffleet_types::task::{By, State};
use ffleet_types::{AttemptId, Fence, Outcome, Reason};

use super::{LEASE, OFFICE, Rows};
use crate::scenario::Broken;
use crate::work;

impl Rows {
    /// Takes an attempt from a silent node: what the planner is to be told, or nothing where it is left alone.
    pub(crate) fn reclaim(&mut self, epoch: u64, attempt: AttemptId) -> Option<Event> {
        let (job, fence, at) = (work::number(attempt.task), attempt.fence, self.clock());
        let row = self.row(job);
        let state = row.custody.task.state;
        if row.custody.task.fence != fence || !state.is_held() {
            return None;
        }
        let stage = if state == State::Assigned {
            Stage::Assigned
        } else {
            Stage::Running
        };
        let lease = Lease { holder: work::node(row.node), fence, renewed: row.renewed, stage };
        if self.broken != Some(Broken::NoSecondLook) {
            OFFICE.reclaim(self.office.as_ref()?, epoch, &lease, at).ok()?;
        }
        let silent = self.now.since(row.heard);
        self.watch.must(silent >= LEASE.term, || {
            format!(
                "attempt {fence} of job {job} was taken {silent:?} after it was answered as good"
            )
        });
        if self.row(job).custody.sealed {
            self.settle(job, fence);
            return Some(Event::Ended { attempt, then: Then::End });
        }
        self.tally.reclaimed += 1;
        if stage == Stage::Assigned {
            return self
                .give_back(job, fence, By::Controller)
                .then(|| self.given_back(attempt, at));
        }
        let outcome = Outcome::failed(Reason::NodeLost, "nothing was heard of the node");
        let then = self.end(job, fence, &outcome, By::Controller).ok()?;
        Some(Event::Ended { attempt, then })
    }

    /// Publishes in the place of a node that has the seal and is silent.
    fn settle(&mut self, job: u32, fence: Fence) {
        self.tally.settled += 1;
        self.publish(job, fence);
        // Whoever settles knows of the seal.
        let ended = self.end(job, fence, &Outcome::Completed, By::Holder);
        self.watch
            .must(ended.is_ok(), || format!("job {job} could not be settled: {ended:?}"));
    }
}
