//! What workers do: each step is what is done before the next thing that may go wrong.

use ffleet_types::task::State as TaskState;

use crate::action::{At, Call, Heard};
use crate::database::Answer;
use crate::fleet::Fleet;
use crate::rules::Break;
use crate::state::{Attempt, End, Job, Life, Stage, State, Tree};

impl Fleet {
    /// The worker hears of an assignment, by the call that it holds open.
    pub(crate) fn hear(state: &mut State, at: At) {
        let job = &state.jobs[at.job];
        let assigned = job.is_held_by(at.fence) && job.state() == TaskState::Assigned;
        if assigned && state.is_up(at) && state.is_served() {
            let attempt = state.attempt_mut(at);
            if attempt.stage == Stage::Absent {
                attempt.stage = Stage::Offered;
            }
        }
    }

    /// Debits the ledger and starts a child, or declines.
    pub(crate) fn begin(&self, state: &mut State, at: At) {
        if !state.is_up(at) || state.attempt(at).stage != Stage::Offered {
            return;
        }
        let worker = state.attempt(at).worker;
        let debited = state.all().any(|(_, one)| one.worker == worker && self.is_debited(one));
        if debited {
            return state.attempt_mut(at).end(End::Declined);
        }
        let beside = state
            .all()
            .any(|(_, one)| one.worker == worker && one.tree != Tree::Gone);
        state.crowded |= beside;
        let attempt = state.attempt_mut(at);
        (attempt.stage, attempt.tree) = (Stage::Encoding, Tree::Alive);
        attempt.send(Call::Start);
        attempt.send(Call::Renew);
    }

    /// Whether the worker's ledger has room set aside for it.
    fn is_debited(&self, attempt: &Attempt) -> bool {
        match attempt.tree {
            Tree::Gone => false,
            Tree::Alive => attempt.stage != Stage::Absent,
            Tree::Dying => self.keeps(Break::CreditedEarly),
        }
    }

    /// The child is done, the result staged and on disk.
    pub(crate) fn stage(&self, state: &mut State, at: At) {
        if !state.is_up(at) || state.attempt(at).stage != Stage::Encoding {
            return;
        }
        let attempt = state.attempt_mut(at);
        // A child that was killed has no result.
        if attempt.tree != Tree::Alive {
            return;
        }
        (attempt.tree, attempt.sibling) = (Tree::Gone, true);
        if self.keeps(Break::NoSeal) {
            attempt.stage = Stage::Sealing;
            attempt.send(Call::Seal);
        } else {
            attempt.stage = Stage::Sealed;
        }
    }

    /// The result gets its name. Whoever comes second finds it done.
    pub(crate) fn name(&self, state: &mut State, at: At) {
        if !state.is_up(at) || state.attempt(at).stage != Stage::Sealed {
            return;
        }
        if !self.keeps(Break::CompletedFirst) {
            return state.attempt_mut(at).end(End::Completed);
        }
        let found = rename(&mut state.jobs[at.job], at);
        let attempt = state.attempt_mut(at);
        match found {
            true => attempt.stage = Stage::Renamed,
            false => attempt.end(End::Missing),
        }
    }

    /// What is named is written down as the end.
    pub(crate) fn note(state: &mut State, at: At) {
        if state.is_up(at) && state.attempt(at).stage == Stage::Renamed {
            state.attempt_mut(at).end(End::Completed);
        }
    }

    /// The last process is gone. That the worker, if it is there, reports.
    pub(crate) fn empty(&self, state: &mut State, at: At) {
        let up = state.is_up(at);
        let attempt = state.attempt_mut(at);
        if attempt.tree == Tree::Dying {
            attempt.tree = Tree::Gone;
        }
        if up
            && attempt.tree == Tree::Gone
            && let Stage::Stopping(end) = attempt.stage
        {
            attempt.sibling &= self.keeps(Break::UndoneEarly);
            attempt.end(end);
        }
    }

    /// A controller carries out a report, and its worker hears what came of it or does not.
    pub(crate) fn carry(&self, state: &mut State, at: At, call: Call, heard: Heard) {
        if !state.is_served() || !state.attempt(at).has_sent(call) {
            return;
        }
        let waits = state.is_up(at)
            && match (state.attempt(at).stage, call) {
                (Stage::Encoding, Call::Start) | (Stage::Sealing, Call::Seal) => true,
                (Stage::Ended(end), Call::End(called)) => end == called,
                _ => false,
            };
        if heard == Heard::Yes && !waits {
            return;
        }
        let answer = self.call(&mut state.jobs[at.job], at, call);
        if heard == Heard::Yes {
            self.answered(&mut state.jobs[at.job], at, answer);
        }
    }

    /// What a worker makes of the answer to a report.
    fn answered(&self, job: &mut Job, at: At, answer: Answer) {
        let attempt = &mut job.tries[at.index()];
        match (attempt.stage, answer) {
            (Stage::Sealing, Answer::Taken) => attempt.stage = Stage::Sealed,
            (Stage::Sealing | Stage::Encoding, Answer::Stale) => attempt.stop(End::Canceled),
            // It has the seal from a call whose answer was lost.
            (Stage::Ended(_), Answer::Sealed) => attempt.stage = Stage::Sealed,
            (Stage::Ended(end), Answer::Taken | Answer::Stale) => {
                if end == End::Completed && !self.keeps(Break::CompletedFirst) {
                    let _named = rename(job, at);
                }
                // Now that nobody can give it the seal any more, what it staged may go.
                let attempt = &mut job.tries[at.index()];
                (attempt.stage, attempt.sibling) = (Stage::Absent, false);
            }
            _ => {}
        }
    }

    /// A renewal is carried out.
    pub(crate) fn renew(&self, state: &mut State, at: At, heard: Heard) {
        let stage = state.attempt(at).stage;
        let at_work = !matches!(stage, Stage::Absent | Stage::Offered | Stage::Left(_));
        let waits = at_work && state.is_up(at);
        if !state.is_served()
            || !state.attempt(at).has_sent(Call::Renew)
            || (heard == Heard::Yes && !waits)
        {
            return;
        }
        let answer = self.call(&mut state.jobs[at.job], at, Call::Renew);
        // Whoever has asked for the seal waits for that answer: it may have it already.
        if heard == Heard::Yes && answer == Answer::Stale && stage == Stage::Encoding {
            state.attempt_mut(at).stop(End::Canceled);
        }
    }

    /// A worker that was down starts, registers, and settles what it had.
    pub(crate) fn come_back(&self, state: &mut State, worker: usize) {
        if state.workers[worker] != Life::Down || !state.is_served() {
            return;
        }
        state.workers[worker] = Life::Up;
        for (number, job) in state.jobs.iter_mut().enumerate() {
            for index in 0..job.tries.len() {
                if usize::from(job.tries[index].worker) == worker {
                    self.settle_left(job, At::new(number, index));
                }
            }
        }
    }

    fn settle_left(&self, job: &mut Job, at: At) {
        let (held, sealed) = (job.is_held_by(at.fence), job.custody.sealed);
        if held {
            // To register is to be heard from.
            (job.age, job.served) = (0, 0);
        }
        let attempt = &mut job.tries[at.index()];
        let Stage::Left(report) = attempt.stage else { return };
        match (report, held) {
            (Some(end), _) => attempt.end(end),
            (None, true) if sealed => attempt.stage = Stage::Sealed,
            (None, true) if attempt.tree == Tree::Alive => attempt.stage = Stage::Encoding,
            (None, _) if !self.keeps(Break::Forsaken) => attempt.stage = Stage::Absent,
            // Without a note on disk nothing is known of its target: its children are killed, and
            // that is all.
            (None, false) if !self.keeps(Break::NotNoted) => {
                attempt.stop(End::Canceled);
                attempt.stage = Stage::Absent;
            }
            (None, true) => attempt.stop(End::Interrupted),
            (None, false) => attempt.stop(End::Canceled),
        }
    }
}

/// Gives the sibling the target's name, and says whether the target is this attempt's. An operator's
/// `overwrite` is taken for granted: it is not the file system that keeps two results apart.
pub(crate) fn rename(job: &mut Job, at: At) -> bool {
    let attempt = &mut job.tries[at.index()];
    if attempt.sibling {
        attempt.sibling = false;
        job.target = Some(at.fence);
        job.published += 1;
    }
    job.target == Some(at.fence)
}
