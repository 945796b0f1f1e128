//! What there is at one moment: the database, the controllers, the workers, their targets, the network.

use ffleet_types::task::{Custody, State as TaskState};
use ffleet_types::{Fence, Reason};

use crate::action::{At, Call};
use crate::rules::{Faults, Size};

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// What was accepted.
    pub jobs: Vec<Job>,
    /// The workers.
    pub workers: Vec<Life>,
    /// The controllers.
    pub controllers: Vec<Controller>,
    /// The planner's office, a row of the database.
    pub office: Office,
    /// What may still go wrong.
    pub left: Faults,
    /// Seen from outside: an attempt was taken from a worker that was not listened to for a whole lease.
    pub robbed: bool,
    /// Seen from outside: a child was started beside others for which, with it, there was no room.
    pub crowded: bool,
}

/// A job: its row in the database, its target, its attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Job {
    /// The part of the row that decides who may do what.
    pub custody: Custody,
    /// Who holds it, where somebody does.
    pub holder: u8,
    /// Ticks of the database's clock since the holder was heard from about it.
    pub age: u8,
    /// Seen from outside: ticks since then in which a planner was in office.
    pub served: u8,
    /// How many of the last attempts in a row took their node with them.
    pub lost: u8,
    /// The fence of the attempt whose result has the target's name.
    pub target: Option<Fence>,
    /// Seen from outside: how often a result was given that name.
    pub published: u8,
    /// Its attempts, by fence.
    pub tries: Vec<Attempt>,
}

/// An attempt: what its worker knows, what runs, what lies at the target, what was sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// The worker that it was given to.
    pub worker: u8,
    /// What the worker is at.
    pub stage: Stage,
    /// Its processes.
    pub tree: Tree,
    /// Whether its result lies beside the target, on disk.
    pub sibling: bool,
    /// The calls that were ever made for it, as bits of [`Call`].
    pub sent: u8,
}

/// What a worker is at with an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Nothing is here of it, in memory or on disk.
    #[default]
    Absent,
    /// It was heard of, and has not begun.
    Offered,
    /// Its child runs.
    Encoding,
    /// Its child is to go; then the end is reported.
    Stopping(End),
    /// Its result is staged, and the seal is asked for.
    Sealing,
    /// It has the seal.
    Sealed,
    /// Its result has its name.
    Renamed,
    /// Its end is written on the worker's disk, and reported until it is acknowledged.
    Ended(End),
    /// The worker is down: this is on its disk.
    Left(Option<End>),
}

/// How an attempt ends, as its worker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// It is published.
    Completed,
    /// The worker could not go on with it.
    Interrupted,
    /// It was asked to stop, or is not wanted any more.
    Canceled,
    /// It never began.
    Declined,
    /// It has the seal, and neither sibling nor target are there.
    Missing,
}

/// The processes of an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Tree {
    /// Its cgroup is empty.
    #[default]
    Gone,
    /// They work.
    Alive,
    /// They were killed, and are not gone.
    Dying,
}

/// Whether a worker is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Life {
    /// It runs and has registered.
    Up,
    /// Its process is dead.
    Down,
    /// Its machine is gone for good.
    Lost,
}

/// A controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Controller {
    /// Whether it runs.
    pub up: bool,
    /// The epoch of the office that it believes to have; 0 for none.
    pub epoch: u8,
    /// The attempt that it is about to take from its worker.
    pub plan: Option<At>,
}

/// The planner's office.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Office {
    /// How often it was taken.
    pub epoch: u8,
    /// Ticks since it was taken.
    pub since: u8,
    /// Whether it was not renewed in time.
    pub lapsed: bool,
}

impl State {
    /// All jobs accepted, nobody in office.
    pub(crate) fn new(size: &Size) -> Self {
        let idle = Controller { up: true, epoch: 0, plan: None };
        Self {
            jobs: vec![Job::default(); size.jobs],
            workers: vec![Life::Up; size.workers],
            controllers: vec![idle; size.controllers],
            office: Office::default(),
            left: size.faults,
            robbed: false,
            crowded: false,
        }
    }

    /// Names workers and controllers so that of those states that differ by their names alone there is one.
    pub(crate) fn fold(&mut self) {
        self.controllers.sort_unstable();
        let first = self.all().next().map(|(_, attempt)| attempt.worker);
        let turned = match (first, self.workers.as_slice()) {
            (Some(first), [_, _]) => first != 0,
            (None, [one, other]) => one > other,
            _ => false,
        };
        if turned {
            self.workers.reverse();
            for job in &mut self.jobs {
                job.holder = if job.custody.task.state.is_held() {
                    1 - job.holder
                } else {
                    0
                };
                job.tries.iter_mut().for_each(|one| one.worker = 1 - one.worker);
            }
        }
    }

    /// The attempt at `at`.
    pub(crate) fn attempt(&self, at: At) -> &Attempt {
        &self.jobs[at.job].tries[at.index()]
    }

    /// The same, to be changed.
    pub(crate) fn attempt_mut(&mut self, at: At) -> &mut Attempt {
        &mut self.jobs[at.job].tries[at.index()]
    }

    /// All attempts there are.
    pub(crate) fn all(&self) -> impl Iterator<Item = (At, &Attempt)> {
        self.jobs.iter().enumerate().flat_map(|(job, of)| {
            let at = move |index| At::new(job, index);
            of.tries.iter().enumerate().map(move |(index, one)| (at(index), one))
        })
    }

    /// Whether somebody answers calls.
    pub(crate) fn is_served(&self) -> bool {
        self.controllers.iter().any(|one| one.up)
    }

    /// Whether this controller is the planner, as the database sees it.
    pub(crate) fn is_planner(&self, controller: &Controller) -> bool {
        let office = &self.office;
        controller.up && controller.epoch > 0 && controller.epoch == office.epoch && !office.lapsed
    }

    /// Whether the attempt's worker runs.
    pub(crate) fn is_up(&self, at: At) -> bool {
        self.workers[usize::from(self.attempt(at).worker)] == Life::Up
    }
}

impl Job {
    /// Whether the attempt under `fence` holds it.
    pub(crate) fn is_held_by(&self, fence: Fence) -> bool {
        self.custody.task.fence == fence && self.custody.task.state.is_held()
    }

    /// Where its task is.
    #[must_use]
    pub fn state(&self) -> TaskState {
        self.custody.task.state
    }

    /// How its last attempts failed, for the retry policy.
    pub(crate) fn reasons(&self) -> Vec<Reason> {
        vec![Reason::NodeLost; usize::from(self.lost)]
    }
}

impl Attempt {
    /// One that was just given to `worker`.
    pub(crate) fn new(worker: u8) -> Self {
        Self { worker, stage: Stage::Absent, tree: Tree::Gone, sibling: false, sent: 0 }
    }

    /// Makes a call: from now on it may be carried out at any time.
    pub(crate) fn send(&mut self, call: Call) {
        self.sent |= call.bit();
    }

    /// Whether this call was ever made.
    pub(crate) fn has_sent(&self, call: Call) -> bool {
        self.sent & call.bit() != 0
    }

    /// Writes the end on the worker's disk, and begins to report it.
    pub(crate) fn end(&mut self, end: End) {
        self.stage = Stage::Ended(end);
        self.send(Call::End(end));
    }

    /// Has its child killed, and ends when that is gone.
    pub(crate) fn stop(&mut self, end: End) {
        if self.tree == Tree::Alive {
            self.tree = Tree::Dying;
        }
        self.stage = Stage::Stopping(end);
    }
}
