//! What controllers do. Any of them answers calls; one plans.

use std::time::Duration;

use ffleet_sched::lease::{self, Lease, Stage as LeaseStage};
use ffleet_sched::office::{self, Refusal};
use ffleet_types::task::{Event, State as TaskState};
use ffleet_types::{NodeId, Timestamp};

use crate::action::{At, Call};
use crate::database::{Answer, moved};
use crate::fleet::Fleet;
use crate::rules::Break;
use crate::state::{End, Life, State};
use crate::worker::rename;

/// What the database's clock shows: ages are counted back from here.
const NOW: u64 = 1_000;

const fn ago(ticks: u64) -> Timestamp {
    Timestamp::from_millis((NOW - ticks) * 1_000)
}

impl Fleet {
    /// The real policy of the office, a tick a second.
    fn policy(&self) -> office::Policy {
        let ticks = |count: u8| Duration::from_secs(u64::from(count));
        let margin = if self.keeps(Break::NoMargin) {
            self.size.margin
        } else {
            0
        };
        office::Policy {
            term: ticks(self.size.term),
            lease: lease::Policy { term: ticks(self.size.term) },
            margin: ticks(margin),
        }
    }

    /// The row of the office, if it was ever taken.
    fn office(&self, state: &State) -> Option<office::Office> {
        let office = &state.office;
        let silent = if office.lapsed { self.size.term } else { 0 };
        (office.epoch > 0).then(|| office::Office {
            epoch: u64::from(office.epoch),
            since: ago(u64::from(office.since)),
            renewed: ago(u64::from(silent)),
        })
    }

    /// A controller takes the office, if it is free.
    pub(crate) fn take(&self, state: &mut State, by: usize) {
        let Some(next) = self.policy().take(self.office(state).as_ref(), ago(0)) else {
            return;
        };
        if !state.controllers[by].up {
            return;
        }
        state.office.epoch = u8::try_from(next.epoch).unwrap_or(u8::MAX);
        (state.office.since, state.office.lapsed) = (0, false);
        state.controllers[by].epoch = state.office.epoch;
        state.controllers[by].plan = None;
    }

    /// The planner queues what was tried and may be tried again.
    pub(crate) fn requeue(state: &mut State, by: usize, job: usize) {
        if state.is_planner(&state.controllers[by])
            && state.jobs[job].state() == TaskState::Retrying
        {
            let _queued = moved(&mut state.jobs[job], &Event::Requeue);
        }
    }

    /// The planner gives a job to a worker.
    pub(crate) fn assign(state: &mut State, by: usize, job: usize, worker: usize) {
        if state.is_planner(&state.controllers[by])
            && state.jobs[job].state() == TaskState::Queued
            && let Ok(worker) = u8::try_from(worker)
        {
            let _claimed = Self::claim(&mut state.jobs[job], worker);
        }
    }

    /// A planner, or who believes to be one, decides to take an attempt.
    pub(crate) fn decide(&self, state: &mut State, by: usize, at: At) {
        let controller = state.controllers[by];
        let job = &state.jobs[at.job];
        if !controller.up || controller.epoch == 0 || controller.plan.is_some() {
            return;
        }
        let sealed = job.custody.sealed && self.keeps(Break::SealedReclaimed);
        if job.is_held_by(at.fence) && !sealed && self.may_reclaim(state, by, at) == Ok(()) {
            state.controllers[by].plan = Some(at);
        }
    }

    /// It writes what it decided, where that still may be.
    pub(crate) fn write(&self, state: &mut State, by: usize) {
        let Some(at) = state.controllers[by].plan.take().filter(|_| state.controllers[by].up)
        else {
            return;
        };
        let allowed = match self.may_write(state, by) {
            Err(Refusal::Superseded { .. } | Refusal::Lapsed) => {
                state.controllers[by].epoch = 0;
                return;
            }
            _ if !self.keeps(Break::NoSecondLook) => true,
            _ => self.may_reclaim(state, by, at) == Ok(()),
        };
        if !allowed || !state.jobs[at.job].is_held_by(at.fence) {
            return;
        }
        let job = &mut state.jobs[at.job];
        let served = job.served;
        let before = job.custody;
        let _answer = self.reclaim(job, at.fence);
        state.robbed |= job.custody != before && served < self.size.term;
    }

    /// What the real policy says to a write of this controller's.
    fn may_write(&self, state: &State, by: usize) -> Result<(), Refusal> {
        let Some(office) = self.office(state) else {
            return Err(Refusal::Lapsed);
        };
        let answer = self
            .policy()
            .write(&office, u64::from(state.controllers[by].epoch), ago(0));
        match answer {
            Err(Refusal::Superseded { .. }) if !self.keeps(Break::NoEpoch) => Ok(()),
            Err(Refusal::Lapsed) if !self.keeps(Break::LapsedGoesOn) => Ok(()),
            answer => answer,
        }
    }

    /// What it says to taking this attempt.
    fn may_reclaim(&self, state: &State, by: usize, at: At) -> Result<(), Refusal> {
        let Some(mut office) = self.office(state) else {
            return Err(Refusal::Lapsed);
        };
        let mut epoch = u64::from(state.controllers[by].epoch);
        if !self.keeps(Break::NoEpoch) && epoch != office.epoch {
            // Who was planner for long enough goes by what it knew.
            (epoch, office.since, office.renewed) = (office.epoch, ago(NOW), ago(0));
        }
        if !self.keeps(Break::LapsedGoesOn) {
            office.renewed = ago(0);
        }
        if !self.keeps(Break::NoWait) {
            office.since = ago(NOW);
        }
        let job = &state.jobs[at.job];
        let stage = match job.state() {
            TaskState::Assigned => LeaseStage::Assigned,
            _ => LeaseStage::Running,
        };
        let lease = Lease {
            holder: NodeId::from_bits(u128::from(job.holder)),
            fence: at.fence,
            renewed: ago(u64::from(job.age)),
            stage,
        };
        self.policy().reclaim(&office, epoch, &lease, ago(0))
    }

    /// A controller publishes what a silent worker has sealed.
    pub(crate) fn rescue(&self, state: &mut State, job: usize) {
        if let Some(at) = self.silent_and_sealed(state, job) {
            let _found = rename(&mut state.jobs[job], at);
        }
    }

    /// And writes that it is done, once it is.
    pub(crate) fn settle(&self, state: &mut State, job: usize) {
        let Some(at) = self.silent_and_sealed(state, job) else {
            return;
        };
        if state.attempt(at).sibling {
            return;
        }
        let end = match state.jobs[job].target == Some(at.fence) {
            true => End::Completed,
            false => End::Missing,
        };
        let answer = self.call(&mut state.jobs[job], at, Call::End(end));
        debug_assert_eq!(answer, Answer::Taken, "a sealed attempt may end");
    }

    fn silent_and_sealed(&self, state: &State, job: usize) -> Option<At> {
        let row = &state.jobs[job];
        let at = At { job, fence: row.custody.task.fence };
        let silent = row.age >= self.size.term + self.size.margin;
        let may = self.size.shared && self.keeps(Break::NoRescue) && state.is_served();
        (may && silent && row.custody.sealed).then_some(at)
    }

    /// A controller removes what an attempt that is over has left beside a target that it reaches.
    pub(crate) fn sweep(&self, state: &mut State, at: At) {
        let over = !state.jobs[at.job].is_held_by(at.fence);
        if self.size.shared && over && state.is_served() {
            state.attempt_mut(at).sibling = false;
        }
    }

    /// A tick passes.
    pub(crate) fn tick(&self, state: &mut State) {
        let planned = state.controllers.iter().any(|one| state.is_planner(one));
        self.grow_older(state);
        for job in state.jobs.iter_mut().filter(|job| job.custody.task.state.is_held()) {
            if planned {
                job.served = (job.served + 1).min(self.size.term);
            }
        }
    }

    /// The database's clock goes on by a tick.
    pub(crate) fn grow_older(&self, state: &mut State) {
        let most = self.size.term + self.size.margin;
        for job in state.jobs.iter_mut().filter(|job| job.custody.task.state.is_held()) {
            job.age = (job.age + 1).min(most);
        }
        if state.office.epoch > 0 {
            state.office.since = (state.office.since + 1).min(most);
        }
    }

    /// Whether the planner would give work to this worker.
    pub(crate) fn takes_work(state: &State, worker: usize) -> bool {
        state.workers[worker] == Life::Up
            && !state.all().any(|(_, one)| {
                usize::from(one.worker) == worker && one.tree != crate::state::Tree::Gone
            })
    }
}
