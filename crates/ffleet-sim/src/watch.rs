//! What must hold, watched from outside: none of this is known to those who decide.
//!
//! Everything is kept incrementally, so that each step is checked in O(log n), whatever the size of the fleet.

use std::collections::{BTreeMap, BTreeSet};

use ffleet_sched::queue::{Lane, Policy};
use ffleet_types::node::Capacity;
use ffleet_types::{Fence, Timestamp};
use serde::Serialize;

use crate::work::{self, Job};

/// Violations that are told; the rest are counted.
const MOST_TOLD: usize = 20;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Violation {
    /// Seconds after the start.
    pub second: u64,
    /// What was seen.
    pub what: String,
}

/// What is true of a job, whoever knows of it.
#[derive(Clone, Copy, Debug, Default)]
struct Truth {
    /// Under which fence it was published.
    published: Option<Fence>,
    /// Under which fence somebody holds it.
    live: Option<Fence>,
    /// The highest fence that it was given out under.
    highest: Fence,
    ended: bool,
    /// A plan has given it to a node once: it may rest, and is in no order any more.
    moved: bool,
}

/// The watch.
#[derive(Debug)]
pub(crate) struct Watch {
    start: Timestamp,
    now: Timestamp,
    jobs: Vec<Truth>,
    /// What children take of each node, and what it has.
    taken: Vec<(Capacity, Capacity)>,
    order: Policy,
    /// Jobs that wait for their first node, of one tenant, lane and recipe, by when they were accepted.
    fifos: BTreeMap<(u8, Lane, u8), BTreeSet<(Timestamp, u32)>>,
    /// Those of tenants without a quota, of one recipe, by when they are due.
    dues: BTreeMap<u8, BTreeSet<(Timestamp, u32, Lane)>>,
    /// Everything that may wait, of one lane, by when it is due.
    lanes: BTreeMap<Lane, BTreeSet<(Timestamp, u32)>>,
    violations: Vec<Violation>,
    pub(crate) count: u64,
    pub(crate) checks: u64,
}

impl Watch {
    pub(crate) fn new(start: Timestamp, capacities: &[Capacity]) -> Self {
        let taken = capacities.iter().map(|&has| (Capacity::default(), has));
        Self {
            start,
            now: start,
            jobs: Vec::new(),
            taken: taken.collect(),
            order: Policy::default(),
            fifos: BTreeMap::new(),
            dues: BTreeMap::new(),
            lanes: BTreeMap::new(),
            violations: Vec::new(),
            count: 0,
            checks: 0,
        }
    }

    pub(crate) const fn at(&mut self, now: Timestamp) {
        self.now = now;
    }

    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Checks, and notes where it does not hold.
    pub(crate) fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.checks += 1;
        if holds {
            return;
        }
        self.count += 1;
        if self.violations.len() < MOST_TOLD {
            let second = self.now.since(self.start).as_secs();
            self.violations.push(Violation { second, what: what() });
        }
    }

    pub(crate) fn accepted(&mut self) {
        self.jobs.push(Truth::default());
    }

    fn truth(&mut self, job: u32) -> &mut Truth {
        &mut self.jobs[job as usize]
    }

    /// A node has an attempt from now on.
    pub(crate) fn claimed(&mut self, job: u32, fence: Fence) {
        let Truth { live, highest, ended, .. } = *self.truth(job);
        self.must(live.is_none(), || {
            format!("job {job} has two live leases: {live:?} and {fence}")
        });
        self.must(fence > highest, || format!("job {job}: fence {fence} after {highest}"));
        self.must(!ended, || format!("job {job} was given out after its end"));
        let truth = self.truth(job);
        truth.live = Some(fence);
        truth.highest = fence;
    }

    /// It has it no more.
    pub(crate) fn left(&mut self, job: u32) {
        self.truth(job).live = None;
    }

    /// A result got its name.
    pub(crate) fn published(&mut self, job: u32, fence: Fence, sealed: Option<Fence>) {
        let before = self.truth(job).published;
        let once = before.is_none_or(|before| before == fence);
        self.must(once, || {
            format!("job {job} was published twice: by attempts {before:?} and {fence}")
        });
        self.must(sealed == Some(fence), || {
            format!("job {job} was published by attempt {fence}, and {sealed:?} has the seal")
        });
        self.truth(job).published = Some(fence);
    }

    /// A job is at its end, completed or otherwise.
    pub(crate) fn ended(&mut self, job: u32, completed: bool) {
        let Truth { published, ended, .. } = *self.truth(job);
        self.must(!ended, || format!("job {job} has ended twice"));
        self.must(completed == published.is_some(), || match completed {
            true => format!("job {job} is completed and has no result"),
            false => format!("job {job} is not completed and has a result"),
        });
        self.truth(job).ended = true;
    }

    /// A child was started on a node, or the last of it is gone.
    pub(crate) fn child(&mut self, node: u32, need: &Capacity, starts: bool) {
        let (taken, has) = &mut self.taken[node as usize];
        *taken = if starts { taken.plus(need) } else { taken.less(need) };
        let (taken, has) = (*taken, *has);
        self.must(has.holds(&taken), || {
            format!("node {node} is over its budget: {taken:?} of {has:?}")
        });
    }

    /// A machine died with all of its children.
    pub(crate) fn died(&mut self, node: u32) {
        self.taken[node as usize].0 = Capacity::default();
    }

    /// Nothing must be left when everything is over.
    pub(crate) fn over(&mut self) {
        let lost: Vec<u32> = (0..)
            .zip(&self.jobs)
            .filter(|(_, job)| !job.ended)
            .map(|(number, _)| number)
            .collect();
        self.must(lost.is_empty(), || {
            format!("{} jobs have come to no end, the first is job {}", lost.len(), lost[0])
        });
        let taken = (0..)
            .zip(&self.taken)
            .filter(|(_, (taken, _))| *taken != Capacity::default());
        let left: Vec<u32> = taken.map(|(node, _)| node).collect();
        self.must(left.is_empty(), || {
            format!("children are left on {} nodes, the first is node {}", left.len(), left[0])
        });
    }

    fn due(&self, job: &Job, submitted: Timestamp) -> Timestamp {
        submitted.after(self.order.handicap(work::lane(job.class)))
    }

    /// The planner has a job in its queue.
    pub(crate) fn queued(&mut self, number: u32, job: &Job, submitted: Timestamp, bounded: bool) {
        let (lane, due) = (work::lane(job.class), self.due(job, submitted));
        self.lanes.entry(lane).or_default().insert((due, number));
        if self.truth(number).moved {
            return;
        }
        self.fifos
            .entry((job.tenant, lane, job.recipe))
            .or_default()
            .insert((submitted, number));
        if !bounded && !lane.is_live() {
            self.dues.entry(job.recipe).or_default().insert((due, number, lane));
        }
    }

    /// It is out of it.
    pub(crate) fn unqueued(&mut self, number: u32, job: &Job, submitted: Timestamp) {
        let (lane, due) = (work::lane(job.class), self.due(job, submitted));
        if let Some(lane) = self.lanes.get_mut(&lane) {
            lane.remove(&(due, number));
        }
        if let Some(fifo) = self.fifos.get_mut(&(job.tenant, lane, job.recipe)) {
            fifo.remove(&(submitted, number));
        }
        if let Some(dues) = self.dues.get_mut(&job.recipe) {
            dues.remove(&(due, number, lane));
        }
    }

    /// Forgets what the planner has in its queue: another begins.
    pub(crate) fn empty(&mut self) {
        self.fifos.clear();
        self.dues.clear();
        self.lanes.clear();
    }

    /// A plan gives a job to a node: nobody who could have gone in its place was to go before it.
    pub(crate) fn went(&mut self, number: u32, job: &Job, submitted: Timestamp) {
        let (lane, due) = (work::lane(job.class), self.due(job, submitted));
        if !self.truth(number).moved {
            let fifo = self.fifos.get(&(job.tenant, lane, job.recipe));
            let first = fifo.and_then(|fifo| fifo.first().copied());
            self.must(first.is_none_or(|first| first >= (submitted, number)), || {
                format!(
                    "job {number} went before job {first:?} of the same tenant, class and recipe"
                )
            });
            let waits = self.dues.get(&job.recipe).and_then(|dues| dues.first().copied());
            let turn = self.lanes.get(&lane).and_then(|lane| lane.first().copied());
            let overtaken = waits.filter(|&(first, _, other)| {
                let turn = turn.is_some_and(|(turn, _)| turn <= first);
                !lane.is_live() && other != lane && first < due && !turn
            });
            self.must(overtaken.is_none(), || {
                format!(
                    "job {number} of {lane:?} went before {overtaken:?}, which has waited its time"
                )
            });
        }
        self.unqueued(number, job, submitted);
        self.truth(number).moved = true;
    }
}
