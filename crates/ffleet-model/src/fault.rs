//! What goes wrong, as often as it may.

use ffleet_types::task::State as TaskState;

use crate::action::{Action, At};
use crate::fleet::Fleet;
use crate::rules::Faults;
use crate::state::{Controller, End, Life, Stage, State, Tree};

/// Takes one from what may still go wrong.
fn spend(left: &mut u8) -> bool {
    let may = *left > 0;
    *left = left.saturating_sub(1);
    may
}

impl Fleet {
    /// What could go wrong now.
    pub(crate) fn faults(&self, state: &State, actions: &mut Vec<Action>) {
        let Faults { crashes, losses, controllers, lapses, leaps, stops, cancels, takings } =
            state.left;
        for worker in 0..state.workers.len() {
            if crashes > 0 {
                actions.extend([Action::Kill(worker), Action::Reboot(worker)]);
            }
            if losses > 0 {
                actions.push(Action::Lose(worker));
            }
            if stops > 0 {
                actions.push(Action::HandBack(worker));
            }
        }
        if controllers > 0 {
            actions.extend((0..state.controllers.len()).map(Action::Crash));
        }
        if lapses > 0 {
            actions.push(Action::Lapse);
        }
        if leaps > 0 {
            actions.push(Action::Leap);
        }
        if cancels > 0 {
            actions.extend((0..state.jobs.len()).map(Action::Cancel));
        }
        if takings > 0 {
            actions.extend((0..state.jobs.len()).map(Action::TakeAway));
        }
    }

    /// The office lapses: by itself where nobody has it any more, else as a fault.
    pub(crate) fn lapse(state: &mut State) {
        let held = state.controllers.iter().any(|one| state.is_planner(one));
        if state.office.epoch == 0 || state.office.lapsed {
            return;
        }
        if !held || spend(&mut state.left.lapses) {
            state.office.lapsed = true;
        }
    }

    pub(crate) fn leap(&self, state: &mut State) {
        if spend(&mut state.left.leaps) {
            self.grow_older(state);
        }
    }

    pub(crate) fn ask_to_stop(state: &mut State, job: usize) {
        if !state.jobs[job].state().is_terminal() && spend(&mut state.left.cancels) {
            Self::cancel(&mut state.jobs[job]);
        }
    }

    pub(crate) fn take_away(state: &mut State, job: usize) {
        if state.jobs[job].target.is_some() && spend(&mut state.left.takings) {
            state.jobs[job].target = None;
        }
    }

    pub(crate) fn crash(state: &mut State, controller: usize) {
        if state.controllers[controller].up && spend(&mut state.left.controllers) {
            state.controllers[controller] = Controller { up: false, epoch: 0, plan: None };
        }
    }

    /// The process of a worker dies, alone or with its machine: its memory is lost, its disk is not.
    pub(crate) fn kill(state: &mut State, worker: usize, machine: bool) {
        if state.workers[worker] != Life::Up || !spend(&mut state.left.crashes) {
            return;
        }
        state.workers[worker] = Life::Down;
        for attempt in state.jobs.iter_mut().flat_map(|job| &mut job.tries) {
            if usize::from(attempt.worker) != worker {
                continue;
            }
            attempt.stage = match attempt.stage {
                Stage::Absent | Stage::Offered => Stage::Absent,
                Stage::Ended(end) => Stage::Left(Some(end)),
                _ => Stage::Left(None),
            };
            if machine {
                attempt.tree = Tree::Gone;
            }
        }
    }

    /// A machine is gone for good, and its disk with it.
    pub(crate) fn lose(state: &mut State, worker: usize) {
        if state.workers[worker] == Life::Lost || !spend(&mut state.left.losses) {
            return;
        }
        state.workers[worker] = Life::Lost;
        for attempt in state.jobs.iter_mut().flat_map(|job| &mut job.tries) {
            if usize::from(attempt.worker) == worker {
                (attempt.stage, attempt.tree) = (Stage::Absent, Tree::Gone);
            }
        }
    }

    /// A worker is told to stop, and hands back what is not past its encode.
    pub(crate) fn hand_back(state: &mut State, worker: usize) {
        if state.workers[worker] != Life::Up || !spend(&mut state.left.stops) {
            return;
        }
        for attempt in state.jobs.iter_mut().flat_map(|job| &mut job.tries) {
            if usize::from(attempt.worker) != worker {
                continue;
            }
            match attempt.stage {
                Stage::Offered => attempt.end(End::Declined),
                Stage::Encoding => attempt.stop(End::Interrupted),
                _ => {}
            }
        }
    }

    /// The shim of a child whose worker is not there kills it.
    pub(crate) fn orphaned(state: &mut State, at: At) {
        let down = !state.is_up(at);
        let attempt = state.attempt_mut(at);
        if down && attempt.tree == Tree::Alive {
            attempt.tree = Tree::Gone;
        }
    }

    /// Whether what a job came to is not its own doing.
    pub(crate) fn is_unhappy(state: TaskState) -> bool {
        matches!(state, TaskState::Failed | TaskState::TimedOut | TaskState::Rejected)
    }
}
