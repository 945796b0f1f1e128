//! What jobs are made of: recipes, classes and tenants, and how long each takes.

use std::sync::Arc;
use std::time::Duration;

use ffleet_sched::queue::{Entry, Lane};
use ffleet_sched::share::{Quota, Share};
use ffleet_types::job::{Class, Priority};
use ffleet_types::node::{Capacity, Demand, Engine};
use ffleet_types::placement::Wishes;
use ffleet_types::{Bytes, Cpu, JobId, NodeId, TaskId, TenantId, Timestamp};

use crate::chance::Chance;

/// Tenants, with what they get, how many of a hundred jobs are theirs, and what bounds them.
const TENANTS: [(&str, u32, u64, Option<u64>); 6] = [
    ("agency", 100, 20, None),
    ("broadcaster", 200, 30, None),
    ("cinema", 100, 15, None),
    ("deals", 50, 15, None),
    ("events", 100, 15, None),
    // A twenty-fifth of the fleet's CPUs at once.
    ("fringe", 100, 5, Some(25)),
];

/// How many of a hundred jobs are of each class.
const CLASSES: [(Class, u64); 5] = [
    (Class::Live, 2),
    (Class::High, 13),
    (Class::Medium, 50),
    (Class::Low, 15),
    (Class::Batch, 20),
];

/// What a job takes: CPUs, GiB of memory and of scratch, encoder, how many of a hundred.
const RECIPES: [(u32, u64, u64, &str, u64); 6] = [
    (1, 1, 5, "libx264", 40),
    (2, 2, 10, "libx264", 25),
    (2, 3, 10, "libx265", 12),
    (4, 4, 40, "libx264", 10),
    (4, 8, 40, "libsvtav1", 10),
    (8, 16, 60, "libsvtav1", 3),
];

/// How long one takes on the average.
const LASTS: Duration = Duration::from_secs(30);

/// Kinds of nodes: CPUs, GiB of memory, whether it has AV1, how many of a hundred.
const MACHINES: [(u32, u64, bool, u64); 4] =
    [(8, 16, true, 30), (16, 64, true, 40), (16, 32, false, 20), (32, 128, true, 10)];

/// A job, as it is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) tenant: u8,
    pub(crate) class: Class,
    pub(crate) recipe: u8,
    pub(crate) lasts: Duration,
}

/// What all of them are drawn from.
#[derive(Debug)]
pub(crate) struct Catalog {
    tenants: Vec<TenantId>,
    demands: Vec<Arc<[Demand]>>,
    wishes: Arc<Wishes>,
}

fn drawn(chance: &mut Chance, shares: impl Iterator<Item = u64>) -> usize {
    let mut left = chance.below(100);
    for (index, share) in shares.enumerate() {
        if left < share {
            return index;
        }
        left -= share;
    }
    0
}

impl Catalog {
    pub(crate) fn new() -> Self {
        let tenant =
            |(name, ..): &(&str, u32, u64, Option<u64>)| name.parse().expect("a tenant's name");
        let demands = |(_, _, _, encoder, _): &(u32, u64, u64, &str, u64)| {
            Arc::from([Demand::proven([*encoder])])
        };
        Self {
            tenants: TENANTS.iter().map(tenant).collect(),
            demands: RECIPES.iter().map(demands).collect(),
            wishes: Arc::default(),
        }
    }

    pub(crate) fn draw(chance: &mut Chance) -> Job {
        let tenant = drawn(chance, TENANTS.iter().map(|tenant| tenant.2));
        let class = CLASSES[drawn(chance, CLASSES.iter().map(|class| class.1))].0;
        let recipe = drawn(chance, RECIPES.iter().map(|recipe| recipe.4));
        let lasts = chance.lasting(LASTS).max(Duration::from_millis(100));
        let (tenant, recipe) = (small(tenant), small(recipe));
        Job { tenant, class, recipe, lasts }
    }

    /// CPU seconds that a job takes on the average, in thousandths.
    pub(crate) fn mean_cost() -> u64 {
        let cpus: u64 = RECIPES.iter().map(|recipe| u64::from(recipe.0) * recipe.4).sum();
        cpus * LASTS.as_secs() * 10
    }

    pub(crate) fn entry(&self, number: u32, job: &Job, submitted: Timestamp) -> Entry {
        Entry {
            task: task(number),
            class: job.class,
            priority: Priority::Medium,
            tenant: self.tenants[usize::from(job.tenant)].clone(),
            need: need(job.recipe),
            demands: Arc::clone(&self.demands[usize::from(job.recipe)]),
            wishes: Arc::clone(&self.wishes),
            submitted,
            sequence: u64::from(number),
        }
    }

    pub(crate) fn tenants(&self) -> impl Iterator<Item = (u8, &TenantId)> {
        (0_u8..).zip(&self.tenants)
    }
}

fn small(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// What a tenant gets of a fleet with so many CPUs.
pub(crate) fn share(tenant: u8, cpus: u64) -> Share {
    let (_, weight, _, part) = TENANTS[usize::from(tenant)];
    let cpu = |part: u64| Cpu(u32::try_from((cpus * 1_000 / part).max(8_000)).unwrap_or(u32::MAX));
    Share { weight, quota: Quota { cpu: part.map(cpu), ..Quota::default() } }
}

pub(crate) fn need(recipe: u8) -> Capacity {
    let (cpus, memory, scratch, ..) = RECIPES[usize::from(recipe)];
    Capacity {
        cpu: Cpu::whole(cpus),
        memory: Bytes::gib(memory),
        scratch: Bytes::gib(scratch),
        tasks: 1,
    }
}

pub(crate) fn lane(class: Class) -> Lane {
    Lane::of(class, Priority::Medium)
}

/// A node, as it is drawn: what it has, and with what.
pub(crate) fn machine(chance: &mut Chance) -> (Capacity, Vec<Engine>) {
    let (cpus, memory, av1, _) = MACHINES[drawn(chance, MACHINES.iter().map(|kind| kind.3))];
    let capacity = Capacity {
        cpu: Cpu::whole(cpus),
        memory: Bytes::gib(memory),
        scratch: Bytes::gib(500),
        tasks: cpus,
    };
    let mut encoders = vec!["libx264".to_owned(), "libx265".to_owned()];
    if av1 {
        encoders.push("libsvtav1".to_owned());
    }
    (capacity, vec![engine(encoders)])
}

fn engine(encoders: Vec<String>) -> Engine {
    Engine {
        name: "ffmpeg".to_owned(),
        path: "/usr/bin/ffmpeg".to_owned(),
        version: "7.1".to_owned(),
        hash: String::new(),
        encoders,
        decoders: Vec::new(),
        filters: Vec::new(),
        muxers: Vec::new(),
        listed: Vec::new(),
        unproven: std::collections::BTreeMap::new(),
        threads: std::collections::BTreeMap::new(),
        memory: std::collections::BTreeMap::new(),
    }
}

pub(crate) fn task(number: u32) -> TaskId {
    TaskId::whole(JobId::from_bits(u128::from(number) + 1))
}

/// Which job a task is of.
pub(crate) fn number(task: TaskId) -> u32 {
    u32::try_from(task.job.bits().saturating_sub(1)).unwrap_or(u32::MAX)
}

pub(crate) fn node(index: u32) -> NodeId {
    NodeId::from_bits(u128::from(index) + 1)
}

/// Which node an id is of.
pub(crate) fn index(node: NodeId) -> u32 {
    u32::try_from(node.bits().saturating_sub(1)).unwrap_or(u32::MAX)
}
