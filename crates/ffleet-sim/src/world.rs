//! The world: who does what when, what goes wrong, and how calls get from one to another.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ffleet_sched::{Event, Plan};
use ffleet_types::node::Capacity;
use ffleet_types::{Fence, Outcome, Reason, Timestamp};

mod calls;
mod faults;

use calls::{Answer, Call};

use crate::agenda::Agenda;
use crate::chance::Chance;
use crate::node::{Act, Node};
use crate::planner::{Controller, Setting};
use crate::report::{Report as Came, Tally};
use crate::rows::{LEASE, Rows};
use crate::scenario::{Broken, Fault, Scenario};
use crate::watch::Watch;
use crate::work::{self, Catalog};

/// When it begins.
const START: Timestamp = Timestamp::from_millis(1_000_000_000);
/// How often a controller looks whether there is something to plan.
const TICK: Duration = Duration::from_millis(50);
/// After so long without the end of a job nothing more is waited for.
const STUCK: Duration = Duration::from_secs(7_200);

/// What happens.
#[derive(Debug)]
enum Happens {
    Submit,
    Cancel(u32),
    /// A controller looks whether there is something to plan.
    Tick(usize),
    Write {
        controller: usize,
        life: u32,
        epoch: u64,
        plan: Box<Plan>,
    },
    /// A call arrives at a controller.
    Call {
        node: u32,
        life: u32,
        call: Call,
    },
    /// An answer arrives at a node.
    Answer {
        node: u32,
        life: u32,
        answer: Answer,
    },
    /// A node hears of an attempt.
    Tell {
        node: u32,
        job: u32,
        fence: Fence,
    },
    /// A node is to be heard from.
    Beat {
        node: u32,
        life: u32,
    },
    /// A report is made again, unless it was answered.
    Again {
        node: u32,
        life: u32,
        job: u32,
        ask: u32,
        wait: Duration,
    },
    /// A child comes to its end, by itself or because it was told to.
    Exit {
        node: u32,
        job: u32,
        child: u32,
        outcome: Option<Outcome>,
    },
    Publish {
        node: u32,
        life: u32,
        job: u32,
        fence: Fence,
    },
    Fault,
    Heal {
        node: u32,
        fault: Fault,
    },
    Orphans {
        node: u32,
        life: u32,
    },
    Return {
        node: u32,
        life: u32,
    },
    Wake(usize),
    Second,
}

/// All there is.
#[derive(Debug)]
pub(crate) struct World {
    scenario: Scenario,
    chance: Chance,
    agenda: Agenda<Happens>,
    rows: Rows,
    nodes: Vec<Node>,
    /// The children that there really are, and what each takes.
    children: BTreeMap<(u32, u32), Capacity>,
    controllers: Vec<Controller>,
    setting: Setting,
    weights: BTreeMap<u8, u64>,
    submitted: u32,
    /// Between two submits, and two faults, on the average.
    pace: Duration,
    trouble: Duration,
    leapt: Timestamp,
    progress: (usize, Timestamp),
}

impl World {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let mut chance = Chance::new(scenario.seed);
        let early = scenario.broken == Some(Broken::CreditedEarly);
        let nodes: Vec<Node> = (0..scenario.nodes)
            .map(|_| Node::new(work::machine(&mut chance), early))
            .collect();
        let capacities: Vec<Capacity> = nodes.iter().map(|node| node.capacity).collect();
        let cpus: u64 = capacities.iter().map(|has| u64::from(has.cpu.0) / 1_000).sum();
        let catalog = Catalog::new();
        let shares: Vec<_> = catalog
            .tenants()
            .map(|(tenant, _)| (tenant, work::share(tenant, cpus)))
            .collect();
        let quotas: BTreeMap<u8, u64> = shares
            .iter()
            .filter_map(|(tenant, share)| Some((*tenant, u64::from(share.quota.cpu?.0))))
            .collect();
        let bounded: BTreeSet<u8> = quotas.keys().copied().collect();
        let weights = shares.iter().map(|&(tenant, share)| (tenant, u64::from(share.weight)));
        let watch = Watch::new(START, &capacities);
        let rows = Rows::new(watch, Tally::new(quotas), scenario.nodes, scenario.broken);
        // A job takes so many thousandths of a CPU second, and so many of them come in one.
        let each = Catalog::mean_cost() * 100_000 / (cpus.max(1) * u64::from(scenario.load.max(1)));
        let pace = Duration::from_micros(each.max(1));
        let faults = u64::from(scenario.nodes / 2) + u64::from(scenario.jobs / 500) + 10;
        let trouble = pace.mul_f64(f64::from(scenario.jobs)).div_f64(count(faults));
        Self {
            weights: weights.collect(),
            setting: Setting { catalog, cpus, bounded, broken: scenario.broken },
            controllers: vec![Controller::new(), Controller::new()],
            agenda: Agenda::new(START),
            children: BTreeMap::new(),
            submitted: 0,
            leapt: START,
            progress: (0, START),
            scenario,
            chance,
            rows,
            nodes,
            pace,
            trouble: trouble.max(Duration::from_micros(1)),
        }
    }

    /// Runs to the end.
    pub(crate) fn run(mut self) -> Came {
        self.begin();
        while let Some(what) = self.agenda.next() {
            self.rows.at(self.agenda.now());
            if matches!(what, Happens::Second) && self.is_over() {
                break;
            }
            self.happen(what);
        }
        self.rows.watch.over();
        let took = self.agenda.now().since(START);
        let Rows { watch, tally, .. } = self.rows;
        let names = self.setting.catalog.tenants();
        let names = names.map(|(tenant, id)| (tenant, id.to_string())).collect();
        let mut report = Came::new(self.scenario, tally, &names, took);
        report.checks = watch.checks;
        report.violated = watch.count;
        report.violations = watch.violations().to_vec();
        report
    }

    fn begin(&mut self) {
        self.rows.at(START);
        self.agenda.after(Duration::from_secs(1), Happens::Submit);
        self.agenda.after(Duration::ZERO, Happens::Tick(0));
        self.agenda.after(TICK / 2, Happens::Tick(1));
        self.agenda.after(Duration::from_secs(1), Happens::Second);
        self.agenda.after(self.trouble, Happens::Fault);
        for node in 0..self.scenario.nodes {
            let first = self.chance.span(Duration::ZERO, LEASE.term / 3);
            self.agenda.after(first, Happens::Beat { node, life: 0 });
        }
    }

    /// Whether there is nothing more to wait for.
    fn is_over(&mut self) -> bool {
        let ended = self.rows.rows.len() - self.rows.active.len();
        let now = self.agenda.now();
        if ended != self.progress.0 || self.submitted < self.scenario.jobs {
            self.progress = (ended, now);
        }
        let done = self.submitted == self.scenario.jobs && self.rows.active.is_empty();
        let idle = || self.nodes.iter().all(|node| node.up && node.is_idle());
        (done && idle()) || now.since(self.progress.1) >= STUCK
    }

    fn has(&self, fault: Fault) -> bool {
        self.scenario.faults.has(fault)
    }

    fn happen(&mut self, what: Happens) {
        match what {
            Happens::Submit => self.submit(),
            Happens::Cancel(job) => self.rows.cancel(job),
            Happens::Tick(controller) => self.tick(controller),
            Happens::Write { controller, life, epoch, plan } => {
                self.write(controller, life, epoch, plan);
            }
            Happens::Call { node, life, call } => self.call(node, life, call),
            Happens::Answer { node, life, answer } => self.answer(node, life, answer),
            Happens::Tell { node, job, fence } => self.tell(node, job, fence),
            Happens::Beat { node, life } => self.beat(node, life),
            Happens::Again { node, life, job, ask, wait } => {
                if self.nodes[node as usize].life == life {
                    self.say(node, job, ask, wait);
                }
            }
            Happens::Exit { node, job, child, outcome } => self.exit(node, job, child, outcome),
            Happens::Publish { node, life, job, fence } => self.publish(node, life, job, fence),
            Happens::Fault => self.fault(),
            Happens::Heal { node, fault } => self.heal(node, fault),
            Happens::Orphans { node, life } => {
                if self.nodes[node as usize].life == life {
                    let orphans = self.nodes[node as usize].orphans();
                    for (job, child) in orphans {
                        self.act(node, Act::Kill { job, child });
                    }
                }
            }
            Happens::Return { node, life } => {
                if self.nodes[node as usize].life == life {
                    let acts = self.nodes[node as usize].returns();
                    self.agenda.after(Duration::ZERO, Happens::Beat { node, life });
                    acts.into_iter().for_each(|act| self.act(node, act));
                }
            }
            Happens::Wake(controller) => self.controllers[controller].up = true,
            Happens::Second => {
                self.rows.tally.look(&self.weights);
                self.agenda.after(Duration::from_secs(1), Happens::Second);
            }
        }
    }

    fn submit(&mut self) {
        let job = Catalog::draw(&mut self.chance);
        let number = self.rows.submit(job);
        let entry = self.setting.entry(&self.rows, number);
        self.rows.feed.push(Event::Submitted(entry));
        self.submitted += 1;
        if self.has(Fault::Jobs) && self.chance.happens(3_000) {
            let after = self.chance.lasting(Duration::from_secs(20));
            self.agenda.after(after, Happens::Cancel(number));
        }
        if self.submitted < self.scenario.jobs {
            let pause = self.chance.lasting(self.pace);
            self.agenda.after(pause, Happens::Submit);
        }
    }

    fn tick(&mut self, controller: usize) {
        self.agenda.after(TICK, Happens::Tick(controller));
        let here = &mut self.controllers[controller];
        if !here.up {
            return;
        }
        if let Some((epoch, plan)) = here.tick(&mut self.rows, &self.nodes, &self.setting) {
            let life = here.life;
            let pause = self.chance.span(Duration::from_millis(1), Duration::from_millis(10));
            let plan = Box::new(plan);
            self.agenda
                .after(pause, Happens::Write { controller, life, epoch, plan });
        }
    }

    fn write(&mut self, controller: usize, life: u32, epoch: u64, plan: Box<Plan>) {
        let here = &mut self.controllers[controller];
        if here.life != life {
            return;
        }
        if !here.up {
            // It stands still in the middle of it, and goes on as if nothing had been.
            self.agenda
                .after(TICK, Happens::Write { controller, life, epoch, plan });
            return;
        }
        for (node, job, fence) in here.write(&mut self.rows, &self.setting, epoch, *plan) {
            if self.nodes[node as usize].link.hears && !self.is_lost() {
                let pause = self.delay();
                self.agenda.after(pause, Happens::Tell { node, job, fence });
            }
        }
    }

    fn act(&mut self, node: u32, act: Act) {
        match act {
            Act::Start { job, fence: _, child } => {
                let kind = self.rows.row(job).job;
                let need = work::need(kind.recipe);
                self.children.insert((node, child), need);
                self.rows.watch.child(node, &need, true);
                let lasts = kind.lasts * self.nodes[node as usize].slow;
                let outcome = Some(self.outcome());
                self.agenda.after(lasts, Happens::Exit { node, job, child, outcome });
            }
            Act::Kill { job, child } => {
                let grace = self.chance.span(Duration::from_millis(20), Duration::from_secs(5));
                self.agenda
                    .after(grace, Happens::Exit { node, job, child, outcome: None });
            }
            Act::Say { job, ask } => self.say(node, job, ask, Duration::from_secs(1)),
            Act::Publish { job, fence } => {
                let life = self.nodes[node as usize].life;
                let pause = self.delay();
                self.agenda.after(pause, Happens::Publish { node, life, job, fence });
            }
        }
    }

    /// How a child ends.
    fn outcome(&mut self) -> Outcome {
        const ENDS: [(Reason, u64); 4] = [
            (Reason::InputError, 10_000),
            (Reason::RuntimeError, 10_000),
            (Reason::NetworkError, 15_000),
            (Reason::Stalled, 5_000),
        ];
        if !self.has(Fault::Jobs) {
            return Outcome::Completed;
        }
        let mut left = self.chance.below(1_000_000);
        for (reason, share) in ENDS {
            if left < share {
                return Outcome::failed(reason, "as drawn");
            }
            left -= share;
        }
        Outcome::Completed
    }

    fn exit(&mut self, node: u32, job: u32, child: u32, outcome: Option<Outcome>) {
        let Some(need) = self.children.remove(&(node, child)) else {
            return;
        };
        self.rows.watch.child(node, &need, false);
        let here = &mut self.nodes[node as usize];
        let acts = match outcome {
            Some(outcome) => here.done(job, child, outcome),
            None => here.dead(job, child),
        };
        acts.into_iter().for_each(|act| self.act(node, act));
    }

    fn publish(&mut self, node: u32, life: u32, job: u32, fence: Fence) {
        let here = &mut self.nodes[node as usize];
        if here.life != life || !here.is_publishing(job, fence) {
            return;
        }
        let acts = here.named(job, fence);
        self.rows.publish(job, fence);
        acts.into_iter().for_each(|act| self.act(node, act));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
const fn count(number: u64) -> f64 {
    number as f64
}
