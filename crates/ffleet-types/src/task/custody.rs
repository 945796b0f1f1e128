//! Who may do what with a task, beside its edges: publish it, stop it, take it from its node.
//!
//! The seal is what a publication hangs on. It is given once, to the attempt that holds the task and
//! before anything has its final name; from then on nobody else may end the attempt, because it may have
//! published by now. A wish to stop that came first holds off the seal, and a seal that came first holds
//! off the wish: whoever writes rows asks this within the transaction that writes.

use super::{Refusal, State, Task};
use crate::ids::Fence;

/// What of a task's row decides who may do what with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Custody {
    /// Where it is, and under which fence.
    pub task: Task,
    /// Whether its latest attempt has the seal.
    pub sealed: bool,
    /// Whether somebody has asked for it to stop.
    pub cancel: bool,
}

/// What asking for the seal comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a seal that is not written is none"]
pub enum Sealing {
    /// It is to be written.
    Given,
    /// The attempt has it already.
    Already,
}

/// What asking for a stop comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a wish that is not written is lost"]
pub enum Stopping {
    /// Nobody holds it: it is canceled at once.
    Now,
    /// A node holds it: the wish is to be written, and the node told.
    Ask,
    /// The wish is written already.
    Asked,
    /// It had come to its end before.
    Ended(State),
}

/// Who says that an attempt is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The controller, of a node that is silent.
    Controller,
    /// Its node, which does not know of a seal: it would undo what is staged.
    Unaware,
    /// Its node, which knows whether it has the seal.
    Holder,
}

/// Why it may not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Barred {
    /// The fence is stale, or nobody holds the task.
    Edge(Refusal),
    /// Somebody has asked for it to stop: nothing of it is published.
    CancelRequested,
    /// It is being published.
    Sealed,
}

impl Custody {
    /// Whether the attempt under `fence` gets the seal.
    ///
    /// # Errors
    ///
    /// [`Barred::Edge`] for an attempt that is superseded, has ended or stands still;
    /// [`Barred::CancelRequested`].
    pub fn seal(&self, fence: Fence) -> Result<Sealing, Barred> {
        if fence != self.task.fence {
            let stale = Refusal::StaleFence { carried: fence, current: self.task.fence };
            return Err(Barred::Edge(stale));
        }
        if self.sealed {
            return Ok(Sealing::Already);
        }
        if !matches!(self.task.state, State::Assigned | State::Running) {
            let refusal = Refusal::NoEdge { from: self.task.state, to: State::Completed };
            return Err(Barred::Edge(refusal));
        }
        if self.cancel {
            return Err(Barred::CancelRequested);
        }
        Ok(Sealing::Given)
    }

    /// What a wish to stop comes to.
    ///
    /// # Errors
    ///
    /// [`Barred::Sealed`] once it is being published.
    pub const fn stop(&self) -> Result<Stopping, Barred> {
        let state = self.task.state;
        if state.is_terminal() {
            return Ok(Stopping::Ended(state));
        }
        if self.sealed {
            return Err(Barred::Sealed);
        }
        Ok(match (state.is_held(), self.cancel) {
            (true, true) => Stopping::Asked,
            (true, false) => Stopping::Ask,
            (false, _) => Stopping::Now,
        })
    }

    /// Whether the attempt under `fence` may be ended `by` somebody, as far as the seal goes. The edges
    /// say the rest.
    ///
    /// # Errors
    ///
    /// [`Barred::Sealed`] where only the attempt itself may, and must publish.
    pub fn end(&self, fence: Fence, by: By) -> Result<(), Barred> {
        let is_sealed = self.sealed && fence == self.task.fence;
        match by {
            By::Controller | By::Unaware if is_sealed => Err(Barred::Sealed),
            By::Controller | By::Unaware | By::Holder => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FENCE: Fence = Fence::FIRST;

    fn held(state: State) -> Custody {
        Custody { task: Task { state, fence: FENCE, charged: 0 }, ..Custody::default() }
    }

    #[test]
    fn seal_is_given_to_the_attempt_that_holds_the_task_and_to_no_other() {
        for state in State::ALL {
            let given = held(state).seal(FENCE);
            let holds = matches!(state, State::Assigned | State::Running);
            assert_eq!(given == Ok(Sealing::Given), holds, "{state}");
            let later = held(state).seal(FENCE.next());
            assert!(matches!(later, Err(Barred::Edge(Refusal::StaleFence { .. }))), "{state}");
        }
        let sealed = Custody { sealed: true, ..held(State::Running) };
        assert_eq!(sealed.seal(FENCE), Ok(Sealing::Already));
        assert!(sealed.seal(Fence::NONE).is_err(), "nor to one that was superseded");
    }

    #[test]
    fn wish_to_stop_and_seal_hold_off_each_other() {
        let asked = Custody { cancel: true, ..held(State::Running) };
        assert_eq!(asked.seal(FENCE), Err(Barred::CancelRequested));
        assert_eq!(asked.stop(), Ok(Stopping::Asked));
        let sealed = Custody { sealed: true, ..held(State::Running) };
        assert_eq!(sealed.stop(), Err(Barred::Sealed));
        assert_eq!(held(State::Paused).stop(), Ok(Stopping::Ask));
        assert_eq!(held(State::Retrying).stop(), Ok(Stopping::Now));
        assert_eq!(held(State::Failed).stop(), Ok(Stopping::Ended(State::Failed)));
    }

    #[test]
    fn sealed_attempt_is_ended_by_who_knows_of_its_seal() {
        let sealed = Custody { sealed: true, ..held(State::Running) };
        assert_eq!(sealed.end(FENCE, By::Controller), Err(Barred::Sealed));
        assert_eq!(sealed.end(FENCE, By::Unaware), Err(Barred::Sealed));
        assert_eq!(sealed.end(FENCE, By::Holder), Ok(()));
        assert_eq!(held(State::Running).end(FENCE, By::Controller), Ok(()));
    }
}
