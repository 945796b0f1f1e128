//! The model: what may happen next, what comes of it, and what must always be so.

use std::collections::BTreeSet;

use ffleet_types::Fence;
use ffleet_types::task::State as TaskState;
use stateright::{Model, Property};

use crate::action::{Action, At, Call, Heard};
use crate::fair;
use crate::rules::{Break, Size};
use crate::state::{Stage, State, Tree};

/// What must always be so, by name.
pub mod property {
    /// Of a job at most one attempt may publish: has the seal, or believes so and has something to publish.
    pub const ONE_PUBLISHER: &str = "one attempt may publish";
    /// A job's result is given its name once.
    pub const ONCE: &str = "published once";
    /// A completed job was published.
    pub const FILE: &str = "completed has its file";
    /// A job that ended otherwise was not.
    pub const NO_FILE: &str = "only completed has a file";
    /// A job is canceled because somebody asked for it.
    pub const ASKED: &str = "canceled as asked";
    /// No job fails by what happens to workers, controllers and messages.
    pub const UNHARMED: &str = "no job fails";
    /// No child is started for which there is no room.
    pub const LEDGER: &str = "ledger holds";
    /// Nothing is taken from a worker that was not listened to for a whole lease.
    pub const IN_TIME: &str = "in time is not too late";
    /// Every job ends, and nothing of it is left, if nothing more goes wrong.
    pub const ENDS: &str = "every job ends";
}

/// Something that is to be seen at some time, by name.
pub type Witness = (&'static str, fn(&Fleet, &State) -> bool);

/// The protocol, at some size, whole or with a rule broken.
#[derive(Debug)]
pub struct Fleet {
    /// How large.
    pub size: Size,
    /// The rule that it breaks.
    pub broken: Option<Break>,
    /// What must also be reachable, lest the rest be true of nothing.
    pub witnesses: Vec<Witness>,
    /// Whether states that differ by the names of workers and controllers alone are one. Names change under
    /// way then.
    pub folded: bool,
    pub(crate) ends: fair::Known,
}

impl Fleet {
    /// The protocol as it is to be.
    #[must_use]
    pub fn new(size: Size) -> Self {
        let ends = fair::Known::default();
        Self { size, broken: None, witnesses: Vec::new(), folded: true, ends }
    }

    /// The same without one of its rules, to be told about.
    #[must_use]
    pub fn without(size: Size, rule: Break) -> Self {
        Self { broken: Some(rule), folded: false, ..Self::new(size) }
    }

    /// Whether this rule is kept.
    pub(crate) fn keeps(&self, rule: Break) -> bool {
        self.broken != Some(rule)
    }

    /// What may happen without anything going wrong; what brings jobs forward comes first.
    pub(crate) fn steps(state: &State, actions: &mut Vec<Action>) {
        let (workers, controllers) = (state.workers.len(), state.controllers.len());
        actions.extend(
            (0..controllers)
                .filter(|&c| !state.controllers[c].up)
                .map(Action::Start),
        );
        actions.extend((0..workers).map(Action::Return));
        for (at, attempt) in state.all() {
            match attempt.stage {
                Stage::Absent => {}
                Stage::Offered => actions.push(Action::Begin(at)),
                Stage::Encoding => actions.push(Action::Stage(at)),
                Stage::Sealing => actions.push(Action::Carry(at, Call::Seal, Heard::Yes)),
                Stage::Sealed => actions.push(Action::Name(at)),
                Stage::Renamed => actions.push(Action::Note(at)),
                Stage::Ended(end) => {
                    actions.push(Action::Carry(at, Call::End(end), Heard::Yes));
                }
                Stage::Stopping(_) | Stage::Left(_) => {}
            }
            if attempt.tree == Tree::Dying || matches!(attempt.stage, Stage::Stopping(_)) {
                actions.push(Action::Empty(at));
            }
        }
        for (at, attempt) in state.all() {
            if attempt.stage == Stage::Encoding {
                actions.push(Action::Carry(at, Call::Start, Heard::Yes));
            }
            actions.push(Action::Renew(at, Heard::Yes));
        }
        actions.extend((0..state.jobs.len()).filter_map(|job| {
            let fence = state.jobs[job].custody.task.fence;
            (fence != Fence::NONE).then_some(Action::Hear(At { job, fence }))
        }));
        Self::plans(state, actions);
    }

    /// What controllers may do by themselves, and time.
    fn plans(state: &State, actions: &mut Vec<Action>) {
        let controllers = 0..state.controllers.len();
        if !state.controllers.iter().any(|one| state.is_planner(one)) {
            actions.push(Action::Lapse);
        }
        actions.extend(controllers.clone().map(Action::Take));
        actions.extend(controllers.clone().map(Action::Write));
        for by in controllers.clone() {
            for job in 0..state.jobs.len() {
                actions.push(Action::Requeue(by, job));
                let mut workers: Vec<usize> = (0..state.workers.len()).collect();
                workers.sort_by_key(|&worker| !Self::takes_work(state, worker));
                actions.extend(workers.into_iter().map(|to| Action::Assign(by, job, to)));
            }
        }
        actions.extend(
            (0..state.jobs.len()).flat_map(|job| [Action::Rescue(job), Action::Settle(job)]),
        );
        actions.extend(
            state
                .all()
                .filter(|(_, one)| one.sibling)
                .map(|(at, _)| Action::Sweep(at)),
        );
        for (at, attempt) in state.all() {
            actions.extend(controllers.clone().map(|by| Action::Decide(by, at)));
            if attempt.tree == Tree::Alive {
                actions.push(Action::Orphaned(at));
            }
        }
        actions.push(Action::Tick);
    }

    /// What of the network may come unasked: late, again, or with an answer that is lost.
    fn noise(state: &State, actions: &mut Vec<Action>) {
        for (at, attempt) in state.all() {
            for call in Call::REPORTS {
                if attempt.has_sent(call) {
                    actions.push(Action::Carry(at, call, Heard::No));
                }
            }
            actions.push(Action::Renew(at, Heard::No));
        }
    }

    /// What comes of an action; as before, where it cannot happen.
    pub(crate) fn step(&self, state: &mut State, action: Action) {
        match action {
            Action::Hear(at) => Self::hear(state, at),
            Action::Begin(at) => self.begin(state, at),
            Action::Stage(at) => self.stage(state, at),
            Action::Name(at) => self.name(state, at),
            Action::Note(at) => Self::note(state, at),
            Action::Empty(at) => self.empty(state, at),
            Action::Carry(at, call, heard) => self.carry(state, at, call, heard),
            Action::Renew(at, heard) => self.renew(state, at, heard),
            Action::Return(worker) => self.come_back(state, worker),
            Action::Start(controller) => state.controllers[controller].up = true,
            Action::Take(by) => self.take(state, by),
            Action::Requeue(by, job) => Self::requeue(state, by, job),
            Action::Assign(by, job, to) => Self::assign(state, by, job, to),
            Action::Decide(by, at) => self.decide(state, by, at),
            Action::Write(by) => self.write(state, by),
            Action::Rescue(job) => self.rescue(state, job),
            Action::Settle(job) => self.settle(state, job),
            Action::Sweep(at) => self.sweep(state, at),
            Action::Tick => self.tick(state),
            Action::Lapse => Self::lapse(state),
            Action::Leap => self.leap(state),
            Action::Cancel(job) => Self::ask_to_stop(state, job),
            Action::TakeAway(job) => Self::take_away(state, job),
            Action::Kill(worker) => Self::kill(state, worker, false),
            Action::Reboot(worker) => Self::kill(state, worker, true),
            Action::Lose(worker) => Self::lose(state, worker),
            Action::HandBack(worker) => Self::hand_back(state, worker),
            Action::Crash(controller) => Self::crash(state, controller),
            Action::Orphaned(at) => Self::orphaned(state, at),
        }
    }
}

impl Model for Fleet {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(&self.size)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        Self::steps(state, actions);
        Self::noise(state, actions);
        self.faults(state, actions);
        // What was tried often enough is followed to its end by `fair` alone.
        actions.retain(|action| match action {
            Action::Assign(_, job, _) => {
                state.jobs[*job].custody.task.fence.as_u64() < self.size.tries
            }
            _ => true,
        });
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        self.step(&mut next, action);
        if self.folded {
            next.fold();
        }
        (next != *last).then_some(next)
    }

    fn format_action(&self, action: &Action) -> String {
        action.to_string()
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(property::ONE_PUBLISHER, |_, state: &State| {
                (0..state.jobs.len()).all(|job| publishers(state, job).len() <= 1)
            }),
            Property::always(property::ONCE, |_, state: &State| {
                state.jobs.iter().all(|job| job.published <= 1)
            }),
            Property::always(property::FILE, |_, state: &State| {
                let done = |state: TaskState| state == TaskState::Completed;
                state.jobs.iter().all(|job| !done(job.state()) || job.published > 0)
            }),
            Property::always(property::NO_FILE, |fleet: &Self, state: &State| {
                let other = |state: TaskState| state.is_terminal() && state != TaskState::Completed;
                let meddled = state.left.takings < fleet.size.faults.takings;
                state
                    .jobs
                    .iter()
                    .all(|job| meddled || !other(job.state()) || job.published == 0)
            }),
            Property::always(property::ASKED, |_, state: &State| {
                let canceled = |state: TaskState| state == TaskState::Canceled;
                state
                    .jobs
                    .iter()
                    .all(|job| !canceled(job.state()) || job.custody.cancel)
            }),
            Property::always(property::UNHARMED, |fleet: &Self, state: &State| {
                let meddled = state.left.takings < fleet.size.faults.takings;
                meddled || !state.jobs.iter().any(|job| Self::is_unhappy(job.state()))
            }),
            Property::always(property::LEDGER, |_, state: &State| !state.crowded),
            Property::always(property::IN_TIME, |_, state: &State| !state.robbed),
            Property::always(property::ENDS, fair::ends),
        ];
        let seen = |&(name, condition): &Witness| Property::sometimes(name, condition);
        properties.extend(self.witnesses.iter().map(seen));
        properties
    }
}

/// The attempts of a job that may publish.
fn publishers(state: &State, job: usize) -> BTreeSet<Fence> {
    let row = &state.jobs[job];
    let sealed = row.custody.sealed.then_some(row.custody.task.fence);
    let believing = row.tries.iter().enumerate().filter_map(|(index, attempt)| {
        let may = attempt.stage == Stage::Sealed && attempt.sibling;
        may.then_some(At::new(job, index).fence)
    });
    believing.chain(sealed).collect()
}
