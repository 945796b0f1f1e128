//! A node: a machine with a worker process, its notes on disk, its children and its ledger.
//!
//! What it does is docs/design/lease.md, "What the worker does": it notes an assignment before it starts a
//! child, asks for the seal before it publishes, removes nothing before its end is acknowledged, and credits its
//! ledger when a child is gone.

use std::collections::BTreeMap;

use ffleet_types::node::{Capacity, Engine};
use ffleet_types::task::By;
use ffleet_types::{Fence, Outcome, Reason};

use crate::rows::{Heard, Reply, Report};
use crate::work;

/// What is to happen because of something that a node did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// A child was started: it runs for its time.
    Start { job: u32, fence: Fence, child: u32 },
    /// A child was told to die.
    Kill { job: u32, child: u32 },
    /// Something is to be reported, until it is answered.
    Say { job: u32, ask: u32 },
    /// A result is to get its name.
    Publish { job: u32, fence: Fence },
}

/// Where an attempt is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// It is not taken.
    Declined,
    /// Its child runs.
    Running,
    /// Its result is staged, and the seal asked for.
    Staged,
    /// It has the seal, and is given its name.
    Publishing,
    /// It is over; that is to be acknowledged.
    Ended(Outcome, By),
    /// It is not its own any more, and its child is dying.
    Leaving,
    /// Somebody wants it to stop, and its child is dying.
    Stopping,
}

/// An attempt that a node has.
#[derive(Clone, Debug)]
struct Work {
    fence: Fence,
    recipe: u8,
    phase: Phase,
    /// Its child, while there is anything of it.
    child: Option<u32>,
    /// Whether the ledger has its need.
    debited: bool,
    /// The number of the report that is not answered yet.
    ask: Option<u32>,
}

/// Whether calls and answers get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) hears: bool,
    pub(crate) is_heard: bool,
}

impl Link {
    pub(crate) const WHOLE: Self = Self { hears: true, is_heard: true };
}

/// A node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) capacity: Capacity,
    pub(crate) engines: Vec<Engine>,
    /// Whether its worker runs, and which life of it that is.
    pub(crate) up: bool,
    pub(crate) life: u32,
    pub(crate) link: Link,
    /// How many times as long it takes.
    pub(crate) slow: u32,
    /// The call that it waits for.
    pub(crate) call: u32,
    ledger: Capacity,
    works: BTreeMap<u32, Work>,
    next: u32,
    credits_early: bool,
}

impl Node {
    pub(crate) fn new((capacity, engines): (Capacity, Vec<Engine>), credits_early: bool) -> Self {
        Self {
            capacity,
            engines,
            up: true,
            life: 0,
            link: Link::WHOLE,
            slow: 1,
            call: 0,
            ledger: Capacity::default(),
            works: BTreeMap::new(),
            next: 0,
            credits_early,
        }
    }

    /// The attempts it has, on its disk.
    pub(crate) fn has(&self) -> Vec<(u32, Fence)> {
        self.works.iter().map(|(&job, work)| (job, work.fence)).collect()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.works.is_empty()
    }

    /// What it reports of an attempt, if that is still to be said under this number.
    pub(crate) fn report(&self, job: u32, ask: u32) -> Option<(Fence, Report)> {
        let work = self.works.get(&job).filter(|work| work.ask == Some(ask))?;
        let report = match &work.phase {
            Phase::Declined => Report::Declined,
            Phase::Running => Report::Started,
            Phase::Staged => Report::Seal,
            Phase::Ended(outcome, by) => Report::End(outcome.clone(), *by),
            Phase::Publishing | Phase::Leaving | Phase::Stopping => return None,
        };
        Some((work.fence, report))
    }

    /// It hears of an attempt that is assigned to it.
    pub(crate) fn begin(&mut self, job: u32, fence: Fence, recipe: u8) -> Vec<Act> {
        let mut acts = Vec::new();
        if let Some(before) = self.works.get(&job) {
            // An earlier attempt has to be gone first; the controller tells of this one again.
            if before.fence < fence {
                self.leave(job, &mut acts);
            }
            return acts;
        }
        let need = work::need(recipe);
        let fits = self.capacity.holds(&self.ledger.plus(&need));
        let phase = if fits { Phase::Running } else { Phase::Declined };
        let work = Work { fence, recipe, phase, child: None, debited: fits, ask: None };
        self.works.insert(job, work);
        if fits {
            self.ledger = self.ledger.plus(&need);
            self.start(job, &mut acts);
        }
        self.say(job, &mut acts);
        acts
    }

    fn start(&mut self, job: u32, acts: &mut Vec<Act>) {
        self.next += 1;
        let child = self.next;
        if let Some(work) = self.works.get_mut(&job) {
            work.child = Some(child);
            acts.push(Act::Start { job, fence: work.fence, child });
        }
    }

    fn say(&mut self, job: u32, acts: &mut Vec<Act>) {
        self.next += 1;
        let ask = self.next;
        if let Some(work) = self.works.get_mut(&job) {
            work.ask = Some(ask);
            acts.push(Act::Say { job, ask });
        }
    }

    /// A child has come to its end by itself. While the worker is away, it finds that when it is back.
    pub(crate) fn done(&mut self, job: u32, child: u32, outcome: Outcome) -> Vec<Act> {
        let mut acts = Vec::new();
        let Some(work) = self.works.get_mut(&job).filter(|work| work.child == Some(child)) else {
            return acts;
        };
        work.child = None;
        if work.phase == Phase::Running {
            work.phase = match outcome {
                Outcome::Completed => Phase::Staged,
                outcome => Phase::Ended(outcome, By::Unaware),
            };
        }
        self.gone(job, &mut acts);
        acts
    }

    /// Nothing of a child is left.
    pub(crate) fn dead(&mut self, job: u32, child: u32) -> Vec<Act> {
        let mut acts = Vec::new();
        let Some(work) = self.works.get_mut(&job).filter(|work| work.child == Some(child)) else {
            return acts;
        };
        work.child = None;
        if work.phase == Phase::Running {
            let outcome = Outcome::failed(Reason::Interrupted, "its child was killed");
            work.phase = Phase::Ended(outcome, By::Unaware);
        }
        self.gone(job, &mut acts);
        acts
    }

    /// Credits what a child took, and goes on with what follows, if the worker is there to do it.
    fn gone(&mut self, job: u32, acts: &mut Vec<Act>) {
        self.credit(job);
        if !self.up {
            return;
        }
        match self.works.get(&job).map(|work| &work.phase) {
            Some(Phase::Leaving) => {
                self.works.remove(&job);
            }
            Some(Phase::Stopping) => self.end(job, Outcome::Canceled, acts),
            Some(Phase::Staged | Phase::Ended(..)) => self.say(job, acts),
            Some(Phase::Declined | Phase::Running | Phase::Publishing) | None => {}
        }
    }

    fn credit(&mut self, job: u32) {
        if let Some(work) = self.works.get_mut(&job)
            && std::mem::take(&mut work.debited)
        {
            self.ledger = self.ledger.less(&work::need(work.recipe));
        }
    }

    fn end(&mut self, job: u32, outcome: Outcome, acts: &mut Vec<Act>) {
        if let Some(work) = self.works.get_mut(&job) {
            work.phase = Phase::Ended(outcome, By::Unaware);
            self.say(job, acts);
        }
    }

    /// An attempt is not its own any more: it is undone once its child is gone.
    fn leave(&mut self, job: u32, acts: &mut Vec<Act>) {
        let Some(work) = self.works.get_mut(&job) else { return };
        match work.child {
            None => {
                self.works.remove(&job);
            }
            Some(_) if work.phase == Phase::Leaving => {}
            Some(child) => {
                let was_dying = work.phase == Phase::Stopping;
                work.phase = Phase::Leaving;
                work.ask = None;
                if !was_dying {
                    acts.push(Act::Kill { job, child });
                    self.told_to_die(job);
                }
            }
        }
    }

    fn stop(&mut self, job: u32, acts: &mut Vec<Act>) {
        let Some(work) = self.works.get_mut(&job) else { return };
        // What asks for the seal is told to stop in the answer.
        let Some(child) = work.child.filter(|_| work.phase == Phase::Running) else {
            return;
        };
        work.phase = Phase::Stopping;
        work.ask = None;
        acts.push(Act::Kill { job, child });
        self.told_to_die(job);
    }

    fn told_to_die(&mut self, job: u32) {
        if self.credits_early {
            self.credit(job);
        }
    }

    /// It is told what became of what it has.
    pub(crate) fn heard(&mut self, heard: &Heard) -> Vec<Act> {
        let mut acts = Vec::new();
        for &(job, fence) in &heard.gone {
            if self.works.get(&job).is_some_and(|work| work.fence == fence) {
                self.leave(job, &mut acts);
            }
        }
        for &(job, fence) in &heard.stop {
            if self.works.get(&job).is_some_and(|work| work.fence == fence) {
                self.stop(job, &mut acts);
            }
        }
        acts
    }

    /// What it has reported is answered.
    pub(crate) fn answered(&mut self, job: u32, ask: u32, reply: Reply) -> Vec<Act> {
        let mut acts = Vec::new();
        let Some(work) = self.works.get_mut(&job).filter(|work| work.ask == Some(ask)) else {
            return acts;
        };
        work.ask = None;
        match (&work.phase, reply) {
            (Phase::Staged, Reply::Done) | (Phase::Ended(..), Reply::Sealed) => {
                work.phase = Phase::Publishing;
                acts.push(Act::Publish { job, fence: work.fence });
            }
            (Phase::Staged, Reply::Stop) => self.end(job, Outcome::Canceled, &mut acts),
            (Phase::Ended(..) | Phase::Declined, _) => {
                self.works.remove(&job);
            }
            (_, Reply::Done | Reply::Sealed | Reply::Stop) => {}
            (_, Reply::Stale) => self.leave(job, &mut acts),
        }
        acts
    }

    /// A result has its name: whether it was this attempt's to give.
    pub(crate) fn named(&mut self, job: u32, fence: Fence) -> Vec<Act> {
        let mut acts = Vec::new();
        let work = self.works.get_mut(&job).filter(|work| work.fence == fence);
        if let Some(work) = work.filter(|work| work.phase == Phase::Publishing) {
            work.phase = Phase::Ended(Outcome::Completed, By::Holder);
            self.say(job, &mut acts);
        }
        acts
    }

    /// Whether it is about to give a result its name.
    pub(crate) fn is_publishing(&self, job: u32, fence: Fence) -> bool {
        let work = self.works.get(&job).filter(|work| work.fence == fence);
        self.up && work.is_some_and(|work| work.phase == Phase::Publishing)
    }

    /// The worker dies; its children go on.
    pub(crate) const fn falls(&mut self) {
        self.up = false;
        self.life += 1;
    }

    /// The machine dies, with all that runs on it.
    pub(crate) fn crashes(&mut self) {
        self.falls();
        self.ledger = Capacity::default();
        for work in self.works.values_mut() {
            work.debited = false;
            if work.child.take().is_some() && work.phase == Phase::Running {
                let outcome = Outcome::failed(Reason::Interrupted, "its machine went down");
                work.phase = Phase::Ended(outcome, By::Unaware);
            }
        }
    }

    /// The children whose worker is away for too long.
    pub(crate) fn orphans(&self) -> Vec<(u32, u32)> {
        let children = self.works.iter().filter_map(|(&job, work)| Some((job, work.child?)));
        if self.up { Vec::new() } else { children.collect() }
    }

    /// The worker is there again, and goes on where it left off.
    pub(crate) fn returns(&mut self) -> Vec<Act> {
        let mut acts = Vec::new();
        self.up = true;
        let jobs: Vec<u32> = self.works.keys().copied().collect();
        for job in jobs {
            let Some(work) = self.works.get_mut(&job) else { continue };
            work.ask = None;
            match (&work.phase, work.child) {
                (Phase::Publishing, _) => acts.push(Act::Publish { job, fence: work.fence }),
                (Phase::Leaving, None) => {
                    self.works.remove(&job);
                }
                (Phase::Stopping, None) => self.end(job, Outcome::Canceled, &mut acts),
                (Phase::Leaving | Phase::Stopping, Some(child)) => {
                    acts.push(Act::Kill { job, child });
                }
                _ => self.say(job, &mut acts),
            }
        }
        acts
    }
}
