//! Tasks: the unit that is scheduled, its states, and the edges between them.
//!
//! [`Task::apply`] is the only way from one state to another. It is given what happened and
//! says what that changes; it is told the fence that a report carries and refuses a stale one;
//! the same call twice changes nothing the second time. The store writes what it answers, with
//! time, actor and reason, in one transaction.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::Fence;
use crate::outcome::{Outcome, Reason};
use crate::units::ParseError;

mod custody;

pub use custody::{Barred, By, Custody, Sealing, Stopping};

/// What a task is doing. A job's state is folded from its tasks' (see [`crate::job::state`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Accepted, on disk, waiting for room.
    Queued,
    /// Promised to a node that has not started it yet.
    Assigned,
    /// A node works on it.
    Running,
    /// Its processes are frozen.
    Paused,
    /// An attempt failed in a way that may pass; the next one waits for its time.
    Retrying,
    /// Done; its artifacts are published.
    Completed,
    /// Failed for good.
    Failed,
    /// Its wall-clock limit passed.
    TimedOut,
    /// It took down several workers in a row, and is kept apart.
    Quarantined,
    /// No node that is known could ever run it.
    Rejected,
    /// Stopped because somebody asked.
    Canceled,
}

impl State {
    /// All of them, in the order of a task's life.
    pub const ALL: [Self; 11] = [
        Self::Queued,
        Self::Assigned,
        Self::Running,
        Self::Paused,
        Self::Retrying,
        Self::Completed,
        Self::Failed,
        Self::TimedOut,
        Self::Quarantined,
        Self::Rejected,
        Self::Canceled,
    ];

    /// Whether it never changes again.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Queued | Self::Assigned | Self::Running | Self::Paused | Self::Retrying => false,
            Self::Completed
            | Self::Failed
            | Self::TimedOut
            | Self::Quarantined
            | Self::Rejected
            | Self::Canceled => true,
        }
    }

    /// Whether a node holds a lease on it.
    #[must_use]
    pub const fn is_held(self) -> bool {
        matches!(self, Self::Assigned | Self::Running | Self::Paused)
    }

    /// Whether the table of legal edges has one from here to `to`.
    #[must_use]
    pub const fn may_become(self, to: Self) -> bool {
        use State as S;
        match self {
            S::Queued => matches!(to, S::Assigned | S::Rejected | S::Canceled),
            S::Assigned => matches!(to, S::Running | S::Queued | S::Canceled),
            S::Running => matches!(
                to,
                S::Completed
                    | S::Paused
                    | S::Retrying
                    | S::Failed
                    | S::TimedOut
                    | S::Quarantined
                    | S::Canceled
            ),
            // A frozen process can still be killed, and its node can still be lost.
            S::Paused => {
                matches!(to, S::Running | S::Retrying | S::Failed | S::Quarantined | S::Canceled)
            }
            S::Retrying => matches!(to, S::Queued | S::Canceled),
            S::Completed | S::Failed | S::TimedOut | S::Quarantined | S::Rejected | S::Canceled => {
                false
            }
        }
    }

    /// Its name on the wire, in the store and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Assigned => "assigned",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Retrying => "retrying",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Quarantined => "quarantined",
            Self::Rejected => "rejected",
            Self::Canceled => "canceled",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for State {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|state| state.name() == text).ok_or_else(|| {
            ParseError::new(
                text,
                "a state: queued, assigned, running, paused, retrying, completed, failed, \
                 timed_out, quarantined, rejected or canceled",
            )
        })
    }
}

/// What happened to a task, or is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The planner gives it to a node, under this fence.
    Assign {
        /// One more than the fence before.
        fence: Fence,
    },
    /// The node will not take it, or its lease lapsed before it started. Nothing is charged.
    Decline {
        /// The attempt that is given back.
        fence: Fence,
    },
    /// The node has begun.
    Start {
        /// The attempt that began.
        fence: Fence,
    },
    /// The attempt's processes are frozen.
    Pause {
        /// The attempt that is frozen.
        fence: Fence,
    },
    /// They run again.
    Resume {
        /// The attempt that runs again.
        fence: Fence,
    },
    /// The attempt has ended, and this is to follow.
    Finish {
        /// The attempt that ended.
        fence: Fence,
        /// How it ended.
        outcome: Outcome,
        /// What the retry policy makes of it.
        next: Next,
    },
    /// The pause after a failed attempt is over.
    Requeue,
    /// No node could ever run it.
    Reject,
    /// Somebody asks for it to stop. Of a held task this is final only once its node has
    /// reported [`Outcome::Canceled`]; here it means that there is nothing left to wait for.
    Cancel,
}

/// What follows a finished attempt: the retry policy's answer, see `ffleet-sched`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// The task is at its end, in the state that its outcome says.
    End,
    /// Another attempt later, charged to the job's retries.
    RetryCharged,
    /// Another attempt later that costs the job nothing.
    RetryFree,
    /// It has taken down enough workers.
    Quarantine,
}

/// What an event changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a change that is not written is lost"]
pub enum Change {
    /// It moved.
    Moved {
        /// From here.
        from: State,
        /// To there.
        to: State,
    },
    /// It was so already: the same event came before. Nothing is to be written.
    Already,
}

/// Why an event changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It comes from an attempt that has been superseded.
    StaleFence {
        /// What the report carried.
        carried: Fence,
        /// What the task is at.
        current: Fence,
    },
    /// There is no such edge.
    NoEdge {
        /// Where the task is.
        from: State,
        /// Where the event would have taken it.
        to: State,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StaleFence { carried, current } => {
                write!(f, "attempt {carried} has been superseded by attempt {current}")
            }
            Self::NoEdge { from, to } => write!(f, "a task that is {from} cannot become {to}"),
        }
    }
}

impl std::error::Error for Refusal {}

/// What the edges depend on. The rest of a task's row is the store's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Task {
    /// Where it is.
    pub state: State,
    /// The fence of its latest attempt; [`Fence::NONE`] before the first.
    pub fence: Fence,
    /// Attempts that failed and were charged to the job's retries.
    pub charged: u32,
}

impl Default for Task {
    fn default() -> Self {
        Self { state: State::Queued, fence: Fence::NONE, charged: 0 }
    }
}

impl Task {
    /// Applies `event`, or says why it does not apply. On a refusal nothing has changed.
    ///
    /// # Errors
    ///
    /// [`Refusal::StaleFence`] for a report of a superseded attempt, [`Refusal::NoEdge`] for an
    /// event that the present state does not allow.
    pub fn apply(&mut self, event: &Event) -> Result<Change, Refusal> {
        let to = Self::target(event);
        match event {
            Event::Assign { fence } => {
                if *fence == self.fence && self.state.is_held() {
                    return Ok(Change::Already);
                }
                if *fence != self.fence.next() {
                    return Err(Refusal::StaleFence { carried: *fence, current: self.fence });
                }
                let change = self.step(to)?;
                self.fence = *fence;
                Ok(change)
            }
            Event::Decline { fence } => {
                self.check(*fence)?;
                // Given back already: the next assignment would have raised the fence.
                if self.state == State::Queued {
                    return Ok(Change::Already);
                }
                self.step(to)
            }
            Event::Start { fence } => {
                self.check(*fence)?;
                // A report that was overtaken by a pause is not an order to go on.
                if matches!(self.state, State::Running | State::Paused) {
                    return Ok(Change::Already);
                }
                self.step(to)
            }
            Event::Pause { fence } | Event::Resume { fence } => {
                self.check(*fence)?;
                if self.state == to {
                    return Ok(Change::Already);
                }
                // `running` is also reached from `assigned`, but not by resuming.
                if self.state == State::Assigned {
                    return Err(Refusal::NoEdge { from: self.state, to });
                }
                self.step(to)
            }
            Event::Finish { fence, next, .. } => {
                self.check(*fence)?;
                if self.state == to || (self.state == State::Queued && to == State::Retrying) {
                    return Ok(Change::Already);
                }
                // An attempt that nobody holds any more has no end of its own to report.
                if !self.state.is_held() {
                    return Err(Refusal::NoEdge { from: self.state, to });
                }
                let change = self.step(to)?;
                if *next == Next::RetryCharged {
                    self.charged = self.charged.saturating_add(1);
                }
                Ok(change)
            }
            Event::Requeue if self.state == State::Assigned => {
                Err(Refusal::NoEdge { from: self.state, to })
            }
            Event::Requeue | Event::Reject | Event::Cancel => {
                if self.state == to {
                    return Ok(Change::Already);
                }
                self.step(to)
            }
        }
    }

    /// Where `event` leads.
    const fn target(event: &Event) -> State {
        match event {
            Event::Assign { .. } => State::Assigned,
            Event::Start { .. } | Event::Resume { .. } => State::Running,
            Event::Pause { .. } => State::Paused,
            Event::Decline { .. } | Event::Requeue => State::Queued,
            Event::Reject => State::Rejected,
            Event::Cancel => State::Canceled,
            Event::Finish { outcome, next, .. } => match (outcome, next) {
                (Outcome::Completed, _) => State::Completed,
                (Outcome::Canceled, _) => State::Canceled,
                (Outcome::Failed { .. }, Next::RetryCharged | Next::RetryFree) => State::Retrying,
                (Outcome::Failed { .. }, Next::Quarantine) => State::Quarantined,
                (Outcome::Failed { reason: Reason::Timeout, .. }, Next::End) => State::TimedOut,
                (Outcome::Failed { .. }, Next::End) => State::Failed,
            },
        }
    }

    fn check(&self, carried: Fence) -> Result<(), Refusal> {
        if carried == self.fence {
            Ok(())
        } else {
            Err(Refusal::StaleFence { carried, current: self.fence })
        }
    }

    fn step(&mut self, to: State) -> Result<Change, Refusal> {
        let from = self.state;
        if !from.may_become(to) {
            return Err(Refusal::NoEdge { from, to });
        }
        self.state = to;
        Ok(Change::Moved { from, to })
    }
}

#[cfg(test)]
mod tests;
