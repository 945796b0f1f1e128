//! The guarded writes: what the database makes of a call. Each is one transaction.

use ffleet_sched::retry::{self, Past};
use ffleet_types::task::{Barred, By, Event, Sealing, State as TaskState, Stopping};
use ffleet_types::{Fence, Outcome, Reason, Timestamp};

use crate::action::{At, Call};
use crate::fleet::Fleet;
use crate::rules::Break;
use crate::state::{Attempt, End, Job};

/// How often a job may fail by its own doing.
const RETRIES: u32 = 1;

/// What a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is written, or was before.
    Taken,
    /// The attempt is superseded, has ended or is not wanted.
    Stale,
    /// It has the seal, and must publish.
    Sealed,
}

impl Fleet {
    /// Carries out a call about the attempt at `at`.
    pub(crate) fn call(&self, job: &mut Job, at: At, call: Call) -> Answer {
        // Without fences whoever reports is believed to be the one who holds the job.
        let fence = match self.keeps(Break::NoFence) {
            true => at.fence,
            false => job.custody.task.fence,
        };
        match call {
            Call::Start => moved(job, &Event::Start { fence }),
            Call::Seal => seal(job, fence),
            Call::End(end) => self.end(job, fence, end),
            Call::Renew => renew(job, fence),
        }
    }

    fn end(&self, job: &mut Job, fence: Fence, end: End) -> Answer {
        let unaware = matches!(end, End::Interrupted | End::Canceled | End::Declined)
            && self.keeps(Break::UnawareEnds);
        let by = if unaware { By::Unaware } else { By::Holder };
        if job.custody.end(fence, by).is_err() {
            return Answer::Sealed;
        }
        let outcome = match end {
            End::Declined => return moved(job, &Event::Decline { fence }),
            End::Interrupted if job.state() == TaskState::Assigned => {
                return moved(job, &Event::Decline { fence });
            }
            End::Completed => Outcome::Completed,
            End::Canceled => Outcome::Canceled,
            End::Interrupted => Outcome::failed(Reason::Interrupted, ""),
            End::Missing => Outcome::failed(Reason::PlatformError, ""),
        };
        self.finish(job, fence, outcome)
    }

    /// Takes the attempt from a silent worker.
    pub(crate) fn reclaim(&self, job: &mut Job, fence: Fence) -> Answer {
        let barred = job.custody.end(fence, By::Controller).is_err();
        if barred && self.keeps(Break::SealedReclaimed) {
            return Answer::Sealed;
        }
        match job.state() {
            TaskState::Assigned => moved(job, &Event::Decline { fence }),
            _ => self.finish(job, fence, Outcome::failed(Reason::NodeLost, "")),
        }
    }

    fn finish(&self, job: &mut Job, fence: Fence, outcome: Outcome) -> Answer {
        let is_lost = outcome.reason() == Some(Reason::NodeLost);
        let reasons = job.reasons();
        let past = Past {
            charged: job.custody.task.charged,
            retries: RETRIES,
            reasons: &reasons,
            sealed: job.custody.sealed && self.keeps(Break::RetriedAfterSeal),
        };
        let next = retry::Policy::default()
            .decide(&outcome, &past, 0.0, Timestamp::EPOCH)
            .next;
        let before = job.custody.task;
        let answer = moved(job, &Event::Finish { fence, outcome, next });
        if job.custody.task != before {
            job.lost = if is_lost { job.lost + 1 } else { 0 };
        }
        answer
    }

    /// Gives a queued job to a worker.
    pub(crate) fn claim(job: &mut Job, worker: u8) -> Answer {
        let fence = job.custody.task.fence.next();
        if moved(job, &Event::Assign { fence }) == Answer::Taken {
            (job.holder, job.age, job.served) = (worker, 0, 0);
            job.tries.push(Attempt::new(worker));
            return Answer::Taken;
        }
        Answer::Stale
    }

    /// Writes that somebody asks for it to stop.
    pub(crate) fn cancel(job: &mut Job) {
        match job.custody.stop() {
            Ok(Stopping::Ask) => job.custody.cancel = true,
            Ok(Stopping::Now) => {
                job.custody.cancel = true;
                let _canceled = moved(job, &Event::Cancel);
            }
            Ok(Stopping::Asked | Stopping::Ended(_)) | Err(_) => {}
        }
    }
}

/// Lets the table of edges decide, and does what goes with the edge.
pub(crate) fn moved(job: &mut Job, event: &Event) -> Answer {
    let before = job.custody.task;
    if job.custody.task.apply(event).is_err() {
        return Answer::Stale;
    }
    if job.custody.task == before {
        return Answer::Taken;
    }
    if !job.state().is_held() {
        job.custody.sealed = false;
        (job.holder, job.age, job.served) = (0, 0, 0);
        if job.custody.cancel && !job.state().is_terminal() {
            // However an attempt ended: of what is to stop there is no other.
            return moved(job, &Event::Cancel);
        }
    }
    Answer::Taken
}

fn seal(job: &mut Job, fence: Fence) -> Answer {
    match job.custody.seal(fence) {
        Ok(Sealing::Already) => Answer::Taken,
        Ok(Sealing::Given) => {
            // What is sealed has begun, whether anybody said so or not.
            let _begun = moved(job, &Event::Start { fence });
            job.custody.sealed = true;
            Answer::Taken
        }
        Err(Barred::Edge(_) | Barred::CancelRequested | Barred::Sealed) => Answer::Stale,
    }
}

fn renew(job: &mut Job, fence: Fence) -> Answer {
    if !job.is_held_by(fence) {
        return Answer::Stale;
    }
    (job.age, job.served) = (0, 0);
    // Of a wish to stop its worker hears with each renewal.
    let stops = job.custody.cancel && !job.custody.sealed;
    if stops { Answer::Stale } else { Answer::Taken }
}
