//! The database: what is promised to anybody, and the guarded writes that change it.
//!
//! The guards are those of production: [`Custody`], `Task::apply`, [`retry`] and [`office`]. What is broken on
//! purpose is broken here.

use std::collections::BTreeSet;
use std::time::Duration;

use ffleet_sched::fleet::Then;
use ffleet_sched::lease;
use ffleet_sched::office::{self, Office};
use ffleet_sched::{Event, retry};
use ffleet_types::task::{self, Barred, By, Custody, Next, State, Stopping};
use ffleet_types::{AttemptId, Fence, Outcome, Reason, Timestamp};

mod reclaim;

use crate::report::Tally;
use crate::scenario::Broken;
use crate::watch::Watch;
use crate::work::{self, Job};

/// How long a silent node is trusted, and how much longer its work is left with it.
pub(crate) const LEASE: lease::Policy = lease::Policy { term: Duration::from_secs(10) };
pub(crate) const MARGIN: Duration = Duration::from_secs(2);
pub(crate) const OFFICE: office::Policy =
    office::Policy { term: Duration::from_secs(5), lease: LEASE, margin: MARGIN };

/// The row of a task.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) custody: Custody,
    pub(crate) node: u32,
    pub(crate) renewed: Timestamp,
    /// When that was by the one true clock, which nobody has.
    heard: Timestamp,
    pub(crate) submitted: Timestamp,
    pub(crate) not_before: Timestamp,
    reasons: Vec<Reason>,
    pub(crate) job: Job,
    begun: bool,
}

/// What a node is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Done,
    /// The attempt is not its own any more.
    Stale,
    /// It has the seal, and must publish.
    Sealed,
    /// It is to stop.
    Stop,
}

/// What a node reports of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    Started,
    Declined,
    Seal,
    End(Outcome, By),
}

/// The database.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) rows: Vec<Row>,
    pub(crate) active: BTreeSet<u32>,
    /// What each node holds.
    pub(crate) held: Vec<Vec<u32>>,
    pub(crate) office: Option<Office>,
    /// What the planner of this epoch has not heard of yet.
    pub(crate) feed: Vec<Event>,
    /// Nodes that have renewed since the planner has looked.
    pub(crate) renewed: BTreeSet<u32>,
    /// When each node was heard from at last, by its clock.
    pub(crate) last: Vec<Timestamp>,
    /// How far its clock is ahead of the true one.
    pub(crate) ahead: Duration,
    pub(crate) watch: Watch,
    pub(crate) tally: Tally,
    broken: Option<Broken>,
    now: Timestamp,
}

impl Rows {
    pub(crate) fn new(watch: Watch, tally: Tally, nodes: u32, broken: Option<Broken>) -> Self {
        Self {
            rows: Vec::new(),
            active: BTreeSet::new(),
            held: (0..nodes).map(|_| Vec::new()).collect(),
            office: None,
            feed: Vec::new(),
            renewed: BTreeSet::new(),
            last: vec![Timestamp::EPOCH; nodes as usize],
            ahead: Duration::from_secs(60),
            watch,
            tally,
            broken,
            now: Timestamp::EPOCH,
        }
    }

    pub(crate) const fn at(&mut self, now: Timestamp) {
        self.now = now;
        self.watch.at(now);
    }

    /// The database's clock.
    pub(crate) fn clock(&self) -> Timestamp {
        self.now.after(self.ahead)
    }

    pub(crate) fn row(&self, job: u32) -> &Row {
        &self.rows[job as usize]
    }

    fn row_mut(&mut self, job: u32) -> &mut Row {
        &mut self.rows[job as usize]
    }

    pub(crate) fn submit(&mut self, job: Job) -> u32 {
        let number = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let submitted = self.clock();
        self.rows.push(Row {
            custody: Custody::default(),
            node: 0,
            renewed: Timestamp::EPOCH,
            heard: Timestamp::EPOCH,
            submitted,
            not_before: Timestamp::EPOCH,
            reasons: Vec::new(),
            job,
            begun: false,
        });
        self.active.insert(number);
        self.watch.accepted();
        self.tally.accepted(&job);
        number
    }

    /// Whether the planner of `epoch` may write.
    pub(crate) fn may_plan(&self, epoch: u64) -> bool {
        let office = self.office.as_ref();
        office.is_some_and(|office| OFFICE.write(office, epoch, self.clock()).is_ok())
    }

    /// Writes a claim; whether it was.
    pub(crate) fn claim(&mut self, job: u32, node: u32, fence: Fence) -> bool {
        let (clock, now) = (self.clock(), self.now);
        let row = self.row_mut(job);
        if row.custody.task.apply(&task::Event::Assign { fence }).is_err() {
            return false;
        }
        row.custody.sealed = false;
        (row.node, row.renewed, row.heard) = (node, clock, now);
        let job_of = row.job;
        let waited = clock.since(row.submitted);
        let first = !std::mem::replace(&mut row.begun, true);
        self.held[node as usize].push(job);
        self.watch.claimed(job, fence);
        self.tally.holds(&job_of, true);
        let (held, quota) = self.tally.quota(job_of.tenant);
        self.watch.must(held <= quota, || {
            format!("tenant {} holds {held} of {quota} thousandths of a CPU", job_of.tenant)
        });
        if first {
            self.tally.waited(&job_of, waited);
        }
        true
    }

    /// A node is heard from about what it has: what is not its own any more, what is to stop, and what it does not
    /// know of.
    pub(crate) fn hear(&mut self, node: u32, has: &[(u32, Fence)]) -> Heard {
        let (clock, now) = (self.clock(), self.now);
        self.renewed.insert(node);
        self.last[node as usize] = clock;
        let mut heard = Heard::default();
        for &(job, fence) in has {
            let row = self.row_mut(job);
            let task = row.custody.task;
            if task.fence != fence || !task.state.is_held() || row.node != node {
                heard.gone.push((job, fence));
                continue;
            }
            (row.renewed, row.heard) = (clock, now);
            if row.custody.cancel {
                heard.stop.push((job, fence));
            }
        }
        for &job in &self.held[node as usize] {
            let fence = self.row(job).custody.task.fence;
            if !has.contains(&(job, fence)) {
                heard.begin.push((job, fence));
            }
        }
        heard
    }

    /// A node reports something of an attempt.
    pub(crate) fn report(&mut self, node: u32, job: u32, fence: Fence, report: Report) -> Reply {
        let row = self.row(job);
        let current = row.custody.task.fence;
        let fence = if self.broken == Some(Broken::NoFence) {
            current
        } else {
            fence
        };
        let is_foreign = row.node != node && self.broken != Some(Broken::NoFence);
        if fence != current || (is_foreign && row.custody.task.state.is_held()) {
            return Reply::Stale;
        }
        let attempt = AttemptId { task: work::task(job), fence };
        let at = self.clock();
        match report {
            Report::Started => {
                let applied = self.row_mut(job).custody.task.apply(&task::Event::Start { fence });
                if applied.is_err() {
                    return Reply::Stale;
                }
                self.feed.push(Event::Started { attempt, at });
                Reply::Done
            }
            Report::Declined => {
                if !self.give_back(job, fence, By::Unaware) {
                    return Reply::Stale;
                }
                self.tally.declined += 1;
                let declined = self.given_back(attempt, at);
                self.feed.push(declined);
                Reply::Done
            }
            Report::Seal => match self.row(job).custody.seal(fence) {
                Ok(_given) => {
                    self.row_mut(job).custody.sealed = true;
                    Reply::Done
                }
                Err(Barred::CancelRequested) => Reply::Stop,
                Err(_stale) => Reply::Stale,
            },
            Report::End(outcome, by) => match self.end(job, fence, &outcome, by) {
                Ok(then) => {
                    let event = Event::NodeJudged {
                        node: work::node(node),
                        job: work::task(job).job,
                        outcome,
                    };
                    self.feed.extend([event, Event::Ended { attempt, then }]);
                    Reply::Done
                }
                Err(Barred::Sealed) => Reply::Sealed,
                Err(_stale) => Reply::Stale,
            },
        }
    }

    /// Gives an attempt back that was not begun; whether that was still so.
    fn give_back(&mut self, job: u32, fence: Fence, by: By) -> bool {
        let row = self.row_mut(job);
        if row.custody.task.state != State::Assigned || row.custody.end(fence, by).is_err() {
            return false;
        }
        if row.custody.task.apply(&task::Event::Decline { fence }).is_err() {
            return false;
        }
        self.leave(job);
        if self.row(job).custody.cancel {
            self.cancel_now(job);
        }
        true
    }

    /// What the planner is told of an attempt that was given back: its job may be at its end with that.
    fn given_back(&self, attempt: AttemptId, at: Timestamp) -> Event {
        match self.row(work::number(attempt.task)).custody.task.state.is_terminal() {
            true => Event::Removed { task: attempt.task },
            false => Event::Declined { attempt, at },
        }
    }

    /// Ends an attempt.
    fn end(&mut self, job: u32, fence: Fence, outcome: &Outcome, by: By) -> Result<Then, Barred> {
        let clock = self.clock();
        let row = self.row_mut(job);
        row.custody.end(fence, by)?;
        let past = retry::Past {
            charged: row.custody.task.charged,
            retries: 3,
            reasons: &row.reasons,
            sealed: row.custody.sealed,
        };
        let decision = retry::Policy::default().decide(outcome, &past, 0.5, clock);
        let event = task::Event::Finish { fence, outcome: outcome.clone(), next: decision.next };
        let was_held = row.custody.task.state.is_held();
        let _change = row.custody.task.apply(&event).map_err(Barred::Edge)?;
        if !was_held {
            return Err(Barred::Edge(task::Refusal::NoEdge {
                from: row.custody.task.state,
                to: row.custody.task.state,
            }));
        }
        row.reasons.extend(outcome.reason());
        row.not_before = decision.not_before;
        self.leave(job);
        if !matches!(decision.next, Next::RetryCharged | Next::RetryFree) {
            self.over(job);
            return Ok(Then::End);
        }
        self.tally.retried += 1;
        if self.row(job).custody.cancel {
            self.cancel_now(job);
            return Ok(Then::End);
        }
        Ok(Then::Retry { not_before: decision.not_before })
    }

    /// Gives a result its name. Whoever does it a second time finds it done.
    pub(crate) fn publish(&mut self, job: u32, fence: Fence) {
        let Custody { task, sealed, .. } = self.row(job).custody;
        let completed = task.state == State::Completed;
        let sealed = (sealed || completed).then_some(task.fence);
        self.watch.published(job, fence, sealed);
    }

    /// Somebody asks for a job to stop.
    pub(crate) fn cancel(&mut self, job: u32) {
        match self.row(job).custody.stop() {
            Ok(Stopping::Now) => {
                self.cancel_now(job);
                self.feed.push(Event::Removed { task: work::task(job) });
            }
            Ok(Stopping::Ask) => self.row_mut(job).custody.cancel = true,
            Ok(Stopping::Asked | Stopping::Ended(_)) | Err(_) => {}
        }
    }

    fn cancel_now(&mut self, job: u32) {
        if self.row_mut(job).custody.task.apply(&task::Event::Cancel).is_ok() {
            self.over(job);
        }
    }

    /// Writes an edge that the planner asked for; whether it was.
    pub(crate) fn step(&mut self, job: u32, event: &task::Event) -> bool {
        let done = self.row_mut(job).custody.task.apply(event).is_ok();
        if done && self.row(job).custody.task.state.is_terminal() {
            self.over(job);
        }
        done
    }

    /// A node holds it no more.
    fn leave(&mut self, job: u32) {
        let row = self.row(job);
        let (node, kind) = (row.node as usize, row.job);
        self.held[node].retain(|&held| held != job);
        self.watch.left(job);
        self.tally.holds(&kind, false);
    }

    fn over(&mut self, job: u32) {
        let row = self.row(job);
        let (state, kind, submitted) = (row.custody.task.state, row.job, row.submitted);
        self.active.remove(&job);
        self.watch.unqueued(job, &kind, submitted);
        self.watch.ended(job, state == State::Completed);
        self.tally.ended(&kind, state);
    }
}

/// What a node that was heard from is told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) gone: Vec<(u32, Fence)>,
    pub(crate) stop: Vec<(u32, Fence)>,
    pub(crate) begin: Vec<(u32, Fence)>,
}
