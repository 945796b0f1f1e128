//! A controller that plans, or waits for its turn: it has the office, the fleet's value and a plan that is being
//! written.

use std::collections::BTreeSet;
use std::time::Duration;

use ffleet_sched::fleet::{self, Standing};
use ffleet_sched::lease::Stage;
use ffleet_sched::queue::Entry;
use ffleet_sched::{Event, Fleet, Plan};
use ffleet_types::node::Order;
use ffleet_types::task::{self, State};
use ffleet_types::{AttemptId, Fence, NodeId, TenantId, Timestamp};

use crate::node::Node;
use crate::rows::{LEASE, MARGIN, OFFICE, Rows};
use crate::scenario::Broken;
use crate::work::{self, Catalog};

/// How often the office is said to be held, and looked at by those who would take it.
const KEEP: Duration = Duration::from_secs(1);

/// What a controller that plans knows.
#[derive(Debug)]
struct Mind {
    epoch: u64,
    fleet: Fleet,
    /// Whether a plan is being written.
    writes: bool,
    kept: Timestamp,
}

/// A controller.
#[derive(Debug)]
pub(crate) struct Controller {
    /// Whether it runs; one that stands still goes on with what it knew.
    pub(crate) up: bool,
    /// Grows when it dies.
    pub(crate) life: u32,
    looked: Timestamp,
    mind: Option<Mind>,
}

/// What planners are made of, and what they look up.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) catalog: Catalog,
    pub(crate) cpus: u64,
    pub(crate) bounded: BTreeSet<u8>,
    pub(crate) broken: Option<Broken>,
}

impl Setting {
    fn share(&self, tenant: u8) -> ffleet_sched::share::Share {
        let share = work::share(tenant, self.cpus);
        match self.broken {
            Some(Broken::NoQuota) => {
                ffleet_sched::share::Share { quota: ffleet_sched::share::Quota::default(), ..share }
            }
            _ => share,
        }
    }

    pub(crate) fn entry(&self, rows: &Rows, job: u32) -> Entry {
        let row = rows.row(job);
        self.catalog.entry(job, &row.job, row.submitted)
    }

    fn queued(&self, rows: &mut Rows, job: u32) {
        let row = rows.row(job);
        let (kind, submitted) = (row.job, row.submitted);
        let bounded = self.bounded.contains(&kind.tenant);
        rows.watch.queued(job, &kind, submitted, bounded);
    }
}

impl Controller {
    pub(crate) const fn new() -> Self {
        Self { up: true, life: 0, looked: Timestamp::EPOCH, mind: None }
    }

    /// It dies, with all it knew.
    pub(crate) fn dies(&mut self) {
        self.up = false;
        self.life += 1;
        self.mind = None;
    }

    /// Looks at its office, and plans if it has it: what is to be written, under which epoch.
    pub(crate) fn tick(
        &mut self,
        rows: &mut Rows,
        nodes: &[Node],
        setting: &Setting,
    ) -> Option<(u64, Plan)> {
        let clock = rows.clock();
        let is_due = clock.since(self.looked) >= KEEP || clock < self.looked;
        if self.mind.is_none() {
            if is_due {
                self.looked = clock;
                self.take(rows, nodes, setting);
            }
            return None;
        }
        if !self.keep(rows) {
            self.mind = None;
            return None;
        }
        let mind = self.mind.as_mut()?;
        if mind.writes {
            return None;
        }
        for event in std::mem::take(&mut rows.feed) {
            if let Event::Submitted(Entry { task, .. }) = &event {
                setting.queued(rows, work::number(*task));
            }
            mind.fleet.apply(event);
        }
        if is_due {
            self.looked = clock;
            mind.listen(rows);
        }
        let plan = mind.fleet.plan(clock);
        for assign in &plan.assigns {
            let number = work::number(assign.task);
            let row = rows.row(number);
            let (kind, submitted) = (row.job, row.submitted);
            rows.watch.went(number, &kind, submitted);
        }
        if plan.is_empty() {
            return None;
        }
        mind.writes = true;
        Some((mind.epoch, plan))
    }

    /// Takes the office if it may be taken, and reads what there is.
    fn take(&mut self, rows: &mut Rows, nodes: &[Node], setting: &Setting) {
        let clock = rows.clock();
        let Some(office) = OFFICE.take(rows.office.as_ref(), clock) else {
            return;
        };
        rows.office = Some(office);
        rows.feed.clear();
        rows.renewed.clear();
        rows.tally.takeovers += 1;
        let policy = fleet::Policy { lease: LEASE, margin: MARGIN, ..fleet::Policy::default() };
        let mut fleet = Fleet::new(policy);
        for (tenant, id) in setting.catalog.tenants() {
            let share = setting.share(tenant);
            fleet.apply(Event::TenantShared { tenant: TenantId::clone(id), share });
        }
        for (index, node) in (0_u32..).zip(nodes) {
            fleet.apply(Event::NodeJoined {
                node: work::node(index),
                name: format!("n{index}"),
                capacity: node.capacity,
                engines: node.engines.clone(),
                labels: std::collections::BTreeMap::new(),
                order: Order::Accept,
                at: clock,
            });
        }
        rows.watch.empty();
        let active: Vec<u32> = rows.active.iter().copied().collect();
        for job in active {
            let row = rows.row(job);
            let standing = match row.custody.task.state {
                State::Retrying => Standing::Retrying { until: row.not_before },
                State::Assigned | State::Running | State::Paused => {
                    let assigned = row.custody.task.state == State::Assigned;
                    let stage = if assigned { Stage::Assigned } else { Stage::Running };
                    Standing::Held { node: work::node(row.node), stage, renewed: clock }
                }
                _ => Standing::Queued,
            };
            let fence = row.custody.task.fence;
            let entry = setting.entry(rows, job);
            fleet.apply(Event::Recovered { entry, fence, standing });
            if standing == Standing::Queued {
                setting.queued(rows, job);
            }
        }
        let epoch = office.epoch;
        self.mind = Some(Mind { epoch, fleet, writes: false, kept: clock });
    }

    /// Says that it still plans; whether it may.
    fn keep(&mut self, rows: &mut Rows) -> bool {
        let Some(mind) = &mut self.mind else { return false };
        let clock = rows.clock();
        if !rows.may_plan(mind.epoch) {
            return false;
        }
        if clock.since(mind.kept) >= KEEP || clock < mind.kept {
            mind.kept = clock;
            if let Some(office) = &mut rows.office {
                office.renewed = clock;
            }
        }
        true
    }

    /// Writes a plan, item by item; who is to be told of an attempt.
    pub(crate) fn write(
        &mut self,
        rows: &mut Rows,
        setting: &Setting,
        epoch: u64,
        plan: Plan,
    ) -> Vec<(u32, u32, Fence)> {
        let mut told = Vec::new();
        let Some(mind) = self.mind.as_mut().filter(|mind| mind.epoch == epoch) else {
            return told;
        };
        mind.writes = false;
        if !rows.may_plan(epoch) {
            self.mind = None;
            return told;
        }
        let at = rows.clock();
        for reclaim in plan.reclaims {
            let event = rows.reclaim(epoch, reclaim.attempt);
            let event = event.unwrap_or(Event::Refused { task: reclaim.attempt.task, at });
            let waits = matches!(event, Event::Declined { .. });
            mind.fleet.apply(event);
            if waits {
                setting.queued(rows, work::number(reclaim.attempt.task));
            }
        }
        for task in plan.requeues {
            let number = work::number(task);
            let done = rows.step(number, &task::Event::Requeue);
            mind.answer(rows, task, done.then_some(Event::Requeued { task }));
            if done {
                setting.queued(rows, number);
            }
        }
        for reject in plan.rejects {
            let task = reject.task;
            let done = rows.step(work::number(task), &task::Event::Reject);
            mind.answer(rows, task, done.then_some(Event::Removed { task }));
        }
        for quarantine in plan.quarantines {
            *rows.tally.faults.entry("nodes put aside").or_default() += 1;
            mind.fleet
                .apply(Event::NodeOrdered { node: quarantine.node, order: Order::Accept });
        }
        for assign in plan.assigns {
            let AttemptId { task, fence } = assign.attempt();
            let (number, node) = (work::number(task), work::index(assign.node));
            let done = rows.claim(number, node, fence);
            let attempt = assign.attempt();
            mind.answer(rows, task, done.then_some(Event::Assigned { attempt, at }));
            if done {
                told.push((node, number, fence));
                mind.check(rows, assign.node);
            }
        }
        told
    }
}

impl Mind {
    /// Hears of the nodes that have renewed.
    fn listen(&mut self, rows: &mut Rows) {
        for node in std::mem::take(&mut rows.renewed) {
            let at = rows.last[node as usize];
            let held = rows.held[node as usize].iter();
            let attempts = held.filter_map(|&job| {
                let row = rows.row(job);
                let attempt = AttemptId { task: work::task(job), fence: row.custody.task.fence };
                (row.renewed == at).then_some(attempt)
            });
            let attempts = attempts.collect();
            self.fleet
                .apply(Event::NodeHeard { node: work::node(node), attempts, at });
        }
    }

    /// Tells the fleet what became of something it asked for.
    fn answer(&mut self, rows: &Rows, task: ffleet_types::TaskId, done: Option<Event>) {
        let ended = rows.row(work::number(task)).custody.task.state.is_terminal();
        let at = rows.clock();
        self.fleet.apply(match done {
            Some(event) => event,
            None if ended => Event::Removed { task },
            None => Event::Refused { task, at },
        });
    }

    /// What is promised of a node is never more than it has.
    fn check(&self, rows: &mut Rows, node: NodeId) {
        let promised = self.fleet.promised(node);
        let has = self.fleet.node(node).map(|node| node.capacity).unwrap_or_default();
        rows.watch.must(has.holds(&promised), || {
            format!("{promised:?} of {has:?} is promised of {node}")
        });
    }
}
