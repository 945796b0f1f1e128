//! How long the planner takes over a large fleet.
//!
//! `cargo bench -p ffleet-sched --bench plan [-- --quick]` prints lines of a Markdown table, and fails where a promised
//! bound is missed. The fleet has 10,000 nodes of four kinds, of which a fifth lack an encoder; jobs are of six
//! recipes, five classes and twenty tenants, half of them with a quota, and no two need the same scratch space.
//! One thread does everything, and what is counted is its own CPU time: what else the machine does is not the planner's.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that fails says where, and prints a table"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ffleet_sched::fleet::{Policy, Then};
use ffleet_sched::pressure::Pressure;
use ffleet_sched::queue::Entry;
use ffleet_sched::share::{Quota, Share};
use ffleet_sched::{Event, Fleet, Plan};
use ffleet_testkit::measure::{Bound, Row, millis, quantile};
use ffleet_types::job::{Class, Priority};
use ffleet_types::node::{Capacity, Demand, Engine, Order};
use ffleet_types::placement::Wishes;
use ffleet_types::{AttemptId, Bytes, Cpu, JobId, NodeId, TaskId, TenantId, Timestamp};
use rustix::time::{ClockId, clock_gettime};

const NODES: u32 = 10_000;
const QUEUED: usize = 100_000;

/// What a job takes: CPUs, GiB of memory, encoder.
const RECIPES: [(u32, u64, &str); 6] = [
    (1, 1, "libx264"),
    (2, 2, "libx264"),
    (2, 3, "libx265"),
    (4, 4, "libx264"),
    (4, 8, "libsvtav1"),
    (8, 16, "libsvtav1"),
];

/// The fleet, and what is done to it.
struct World {
    fleet: Fleet,
    seed: u64,
    submitted: u64,
    now: Timestamp,
    running: Vec<(AttemptId, NodeId)>,
    demands: Vec<Arc<[Demand]>>,
    tenants: Vec<TenantId>,
}

/// The CPU time that this thread has had.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

fn engine(encoders: &[&str]) -> Engine {
    Engine {
        name: "ffmpeg".to_owned(),
        path: "/usr/bin/ffmpeg".to_owned(),
        version: "7.1".to_owned(),
        hash: String::new(),
        encoders: encoders.iter().map(|&name| name.to_owned()).collect(),
        decoders: Vec::new(),
        filters: vec!["scale".to_owned()],
        muxers: Vec::new(),
        listed: Vec::new(),
        unproven: BTreeMap::new(),
        threads: BTreeMap::new(),
        memory: BTreeMap::new(),
    }
}

impl World {
    fn new() -> Self {
        let demands = RECIPES.iter().map(|recipe| Arc::from([Demand::proven([recipe.2])]));
        let tenants = (0..20).map(|tenant| format!("tenant-{tenant}").parse().unwrap());
        let mut world = Self {
            fleet: Fleet::new(Policy::default()),
            seed: 1,
            submitted: 0,
            now: Timestamp::from_millis(1_000_000),
            running: Vec::new(),
            demands: demands.collect(),
            tenants: tenants.collect(),
        };
        for (index, tenant) in (0_u32..).zip(world.tenants.clone()) {
            let quota = Quota { running: (index % 2 == 0).then_some(3_000), ..Quota::default() };
            let share = Share { weight: 100 + 10 * index, quota };
            world.fleet.apply(Event::TenantShared { tenant, share });
        }
        for index in 0..NODES {
            let cpus = [8, 16, 16, 32, 64][usize::try_from(index % 5).unwrap()];
            let encoders: &[&str] = match index % 5 {
                1 => &["libx264", "libx265"],
                _ => &["libx264", "libx265", "libsvtav1"],
            };
            world.fleet.apply(Event::NodeJoined {
                node: NodeId::from_bits(u128::from(index) + 1),
                name: format!("node-{index}"),
                capacity: Capacity {
                    cpu: Cpu::whole(cpus),
                    memory: Bytes::gib(u64::from(cpus) * 2),
                    scratch: Bytes::gib(2_000),
                    tasks: cpus,
                },
                engines: vec![engine(encoders)],
                labels: BTreeMap::new(),
                order: Order::Accept,
                at: world.now,
            });
        }
        world
    }

    /// SplitMix64, so that every run is the same.
    fn below(&mut self, end: u64) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(u64::try_from(end).unwrap())).unwrap()
    }

    fn entry(&mut self) -> Entry {
        self.submitted += 1;
        let recipe = self.index(RECIPES.len());
        let (cpus, gib, _) = RECIPES[recipe];
        let (class, tenant) = (self.index(Class::ALL.len()), self.index(20));
        Entry {
            task: TaskId::whole(JobId::from_bits(u128::from(self.submitted))),
            class: Class::ALL[class],
            priority: Priority::Medium,
            tenant: self.tenants[tenant].clone(),
            need: Capacity {
                cpu: Cpu::whole(cpus),
                memory: Bytes::gib(gib),
                scratch: Bytes(Bytes::gib(5).0 + self.below(Bytes::gib(55).0)),
                tasks: 1,
            },
            demands: Arc::clone(&self.demands[recipe]),
            wishes: Arc::new(Wishes::default()),
            submitted: self.now,
            sequence: self.submitted,
        }
    }

    fn submit(&mut self) {
        let entry = self.entry();
        self.fleet.apply(Event::Submitted(entry));
    }

    /// Says of everything in the plan that it is written and has started.
    fn carry_out(&mut self, plan: &Plan) {
        for assign in &plan.assigns {
            let (attempt, at) = (assign.attempt(), self.now);
            self.fleet.apply(Event::Assigned { attempt, at });
            self.fleet.apply(Event::Started { attempt, at });
            self.running.push((attempt, assign.node));
        }
    }

    /// A hundred things that happen in a fleet that is busy.
    fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for turn in 0..100 {
            let nth = self.index(self.running.len());
            events.push(match turn % 20 {
                0..10 => {
                    let (attempt, _) = self.running.swap_remove(nth);
                    Event::Ended { attempt, then: Then::End }
                }
                10..15 => Event::Submitted(self.entry()),
                15..19 => {
                    let (attempt, node) = self.running[nth];
                    Event::NodeHeard { node, attempts: vec![attempt], at: self.now }
                }
                _ => {
                    let memory = u8::try_from(self.below(8)).unwrap();
                    let pressure = Pressure { memory, ..Pressure::default() };
                    Event::NodePressed { node: self.running[nth].1, pressure }
                }
            });
        }
        events
    }
}

/// Submits until so many wait, and plans.
fn fill(world: &mut World, queued: usize) -> Duration {
    loop {
        for _ in 0..20_000 {
            world.submit();
        }
        let begun = cpu();
        let plan = world.fleet.plan(world.now);
        let took = cpu().saturating_sub(begun);
        world.carry_out(&plan);
        if world.fleet.queued() >= queued {
            return took;
        }
    }
}

/// One round: the time of each of so many plans after a hundred events, and how long a placement in them took.
fn incremental(world: &mut World, plans: usize) -> (Vec<Duration>, f64) {
    let (mut times, mut placed) = (Vec::new(), 0_u32);
    for _ in 0..plans {
        let events = world.events();
        let begun = cpu();
        for event in events {
            black_box(world.fleet.apply(event));
        }
        let plan = world.fleet.plan(world.now);
        times.push(cpu().saturating_sub(begun));
        placed += u32::try_from(plan.assigns.len()).unwrap();
        world.carry_out(&plan);
    }
    let all: Duration = times.iter().sum();
    times.sort_unstable();
    (times, all.as_secs_f64() * 1e6 / f64::from(placed.max(1)))
}

/// The times of so many placements, one by one, in a fleet that has room.
fn placements(count: usize) -> Vec<Duration> {
    let mut world = World::new();
    for _ in 0..40_000 {
        world.submit();
    }
    let plan = world.fleet.plan(world.now);
    world.carry_out(&plan);
    let mut times = Vec::new();
    for _ in 0..count {
        let entry = world.entry();
        let begun = cpu();
        world.fleet.apply(Event::Submitted(entry));
        let plan = world.fleet.plan(world.now);
        times.push(cpu().saturating_sub(begun));
        world.carry_out(&plan);
    }
    times.sort_unstable();
    times
}

fn main() -> ExitCode {
    let quick = std::env::args().any(|word| word == "--quick");
    let (rounds, plans) = if quick { (1, 50) } else { (3, 300) };
    let mut world = World::new();
    let full = fill(&mut world, QUEUED + 25 * rounds * plans);
    let (mut p99, mut each) = (Vec::new(), Vec::new());
    let (mut one, mut worst) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (times, placement) = incremental(&mut world, plans);
        p99.push(millis(quantile(&times, 0.99)));
        each.push(placement);
        let times = placements(10 * plans);
        one.push(millis(quantile(&times, 0.5)) * 1_000.0);
        worst.push(millis(quantile(&times, 0.99)) * 1_000.0);
    }
    let nodes = "10,000 nodes, 100,000 queued";
    let taken = "10,000 nodes, a third taken: one task submitted and placed";
    let rows = [
        Row::new(
            format!("{nodes}: apply 100 events and plan, p99"),
            "ms",
            Bound::AtMost(50.0),
            &p99,
        ),
        Row::new(format!("{nodes}: the same, for each placement in it"), "µs", Bound::Open, &each),
        Row::new(format!("{taken}, median"), "µs", Bound::AtMost(20.0), &one),
        Row::new(format!("{taken}, p99"), "µs", Bound::Open, &worst),
        Row::new(
            format!("{nodes}: look at 20,000 more when all is full"),
            "ms",
            Bound::Open,
            &[millis(full)],
        ),
    ];
    let mut kept = true;
    for row in rows {
        println!("{row} `ffleet-sched --bench plan` |");
        kept &= row.is_kept();
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
