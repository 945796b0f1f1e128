//! Random fleets under random events, with late, stale and repeated reports: after each plan
//! everything adds up.

use std::collections::BTreeMap;

use ffleet_types::node::{Demand, State};
use proptest::prelude::*;

use super::*;
use crate::place;

#[derive(Clone, Debug)]
enum Step {
    Submit {
        class: Class,
        cpus: u32,
        tenant: u8,
        /// What it wants of an engine.
        wants: Vec<&'static str>,
    },
    /// A node comes back with an engine that has these encoders.
    Rebuild {
        node: u128,
        encoders: Vec<&'static str>,
    },
    Wait {
        millis: u64,
    },
    Hear {
        node: u128,
    },
    Suspect {
        node: u128,
    },
    Order {
        node: u128,
        order: Order,
    },
    Plan {
        refuse: usize,
    },
    /// What a node says of its `nth` attempt, or of one it had before.
    Report {
        nth: usize,
        kind: u8,
        stale: bool,
    },
    Cancel {
        nth: usize,
    },
}

fn encoders() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(vec!["libx264", "libx265", "libsvtav1"], 0..=3)
}

fn step() -> impl Strategy<Value = Step> {
    let class = proptest::sample::select(Class::ALL);
    let order = proptest::sample::select(vec![Order::Accept, Order::Accept, Order::Drain]);
    prop_oneof![
        4 => (class, 1..6_u32, 0..3_u8, encoders())
            .prop_map(|(class, cpus, tenant, wants)| Step::Submit { class, cpus, tenant, wants }),
        1 => (1..4_u128, encoders()).prop_map(|(node, encoders)| Step::Rebuild { node, encoders }),
        2 => (0..8_000_u64).prop_map(|millis| Step::Wait { millis }),
        3 => (1..4_u128).prop_map(|node| Step::Hear { node }),
        1 => (1..4_u128).prop_map(|node| Step::Suspect { node }),
        1 => (1..4_u128, order).prop_map(|(node, order)| Step::Order { node, order }),
        4 => (0..12_usize).prop_map(|refuse| Step::Plan { refuse }),
        5 => (0..20_usize, 0..6_u8, any::<bool>())
            .prop_map(|(nth, kind, stale)| Step::Report { nth, kind, stale }),
        1 => (0..30_usize).prop_map(|nth| Step::Cancel { nth }),
    ]
}

/// The fleet, and what somebody who watches it from outside knows.
struct World {
    fleet: Fleet,
    now: Timestamp,
    submitted: u64,
    /// The latest fence each task was assigned under, as written.
    fences: BTreeMap<TaskId, Fence>,
    /// Attempts that were reclaimed, and of which the answer is still out.
    reclaimed: Vec<AttemptId>,
    plans: Vec<Plan>,
}

impl World {
    fn new() -> Self {
        let mut fleet =
            Fleet::new(Policy { patience: Duration::from_secs(5), ..Policy::default() });
        for id in 1..=3 {
            join(&mut fleet, id, 2 * u32::try_from(id).unwrap(), second(0));
        }
        Self {
            fleet,
            now: second(0),
            submitted: 0,
            fences: BTreeMap::new(),
            reclaimed: Vec::new(),
            plans: Vec::new(),
        }
    }

    fn attempts(&self) -> Vec<AttemptId> {
        self.fleet
            .leases()
            .map(|(task, lease)| AttemptId { task, fence: lease.fence })
            .collect()
    }

    fn take(&mut self, step: &Step) {
        let at = self.now;
        match *step {
            Step::Submit { class, cpus, tenant, ref wants } => {
                self.submitted += 1;
                let mut entry = entry(self.submitted, class, cpus, self.now);
                entry.tenant = format!("t{tenant}").parse().unwrap();
                entry.demands = wants.iter().map(|&name| Demand::proven([name])).collect();
                assert_eq!(self.fleet.apply(Event::Submitted(entry)), Effect::Applied);
            }
            Step::Rebuild { node: id, ref encoders } => {
                let cpus = 2 * u32::try_from(id).unwrap();
                let engines = vec![engines::engine(encoders)];
                join_built(&mut self.fleet, id, cpus, engines, at);
            }
            Step::Wait { millis } => {
                self.now = self.now.after(Duration::from_millis(millis));
            }
            Step::Hear { node: id } => {
                let of_node = self.fleet.leases().filter(|(_, lease)| lease.holder == node(id));
                let attempts: Vec<AttemptId> = of_node
                    .map(|(task, lease)| AttemptId { task, fence: lease.fence })
                    .collect();
                hear(&mut self.fleet, id, &attempts, at);
            }
            Step::Suspect { node: id } => {
                self.fleet.apply(Event::NodeSuspect { node: node(id) });
            }
            Step::Order { node: id, order } => {
                self.fleet.apply(Event::NodeOrdered { node: node(id), order });
            }
            Step::Plan { refuse } => self.plan(refuse),
            Step::Report { nth, kind, stale } => {
                let Some(&attempt) = self.attempts().get(nth) else {
                    return;
                };
                let fence = Fence::from_u64(attempt.fence.as_u64() - u64::from(stale));
                self.report(AttemptId { fence, ..attempt }, kind);
            }
            Step::Cancel { nth } => {
                self.fleet.apply(Event::Removed { task: task(nth as u64) });
            }
        }
    }

    fn report(&mut self, attempt: AttemptId, kind: u8) {
        let at = self.now;
        let retry = Then::Retry { not_before: at.after(Duration::from_secs(3)) };
        let event = match kind {
            0 => Event::Started { attempt, at },
            1 => Event::Paused { attempt },
            2 => Event::Resumed { attempt },
            3 => Event::Declined { attempt, at },
            4 => Event::Ended { attempt, then: retry },
            _ => Event::Ended { attempt, then: Then::End },
        };
        if self.fleet.apply(event.clone()) == Effect::Applied {
            assert!(self.fleet.apply(event) == Effect::Stale, "a report counts once");
        }
    }

    /// Plans, checks the plan, and writes all of it but the item `refuse`.
    fn plan(&mut self, refuse: usize) {
        let (now, at) = (self.now, self.now);
        let plan = self.fleet.plan(now);
        let mut item = 0;
        let mut refused = || {
            item += 1;
            item == refuse
        };
        for assign in &plan.assigns {
            let node = self.fleet.node(assign.node).unwrap();
            assert_eq!(node.state(self.fleet.policy.lease, now), State::Active);
            assert_eq!(node.order, Order::Accept);
            let demands = &self.fleet.tasks[&assign.task].entry.demands;
            assert!(place::meets(&node.engines, demands), "{assign:?} of {demands:?}");
            for over in &assign.passed_over {
                let engines = &self.fleet.node(over.node).unwrap().engines;
                assert!(!place::meets(engines, demands) && !over.lacks.is_empty(), "{over:?}");
            }
            let before = self.fences.get(&assign.task).copied().unwrap_or(Fence::NONE);
            assert_eq!(assign.fence, before.next(), "fences go up one by one");
            if refused() {
                self.fleet.apply(Event::Refused { task: assign.task, at });
            } else {
                self.fences.insert(assign.task, assign.fence);
                let attempt = assign.attempt();
                assert_eq!(self.fleet.apply(Event::Assigned { attempt, at }), Effect::Applied);
            }
        }
        for &task in &plan.requeues {
            let event = if refused() {
                Event::Refused { task, at }
            } else {
                Event::Requeued { task }
            };
            assert_eq!(self.fleet.apply(event), Effect::Applied);
        }
        for reject in &plan.rejects {
            let says = ["CPU", "encoder"].iter().any(|what| reject.missing.contains(what));
            assert!(says, "{reject:?}");
            self.fleet.apply(Event::Removed { task: reject.task });
        }
        for reclaim in &plan.reclaims {
            let attempt = reclaim.attempt;
            assert!(!self.reclaimed.contains(&attempt), "{attempt} was reclaimed twice");
            // Planned and lapsed before it was ever written: the store has no such attempt.
            let written = self.fences.get(&attempt.task) == Some(&attempt.fence);
            if refused() || !written {
                self.fleet.apply(Event::Refused { task: attempt.task, at });
                continue;
            }
            self.reclaimed.push(attempt);
            let event = if reclaim.started {
                Event::Ended { attempt, then: Then::Retry { not_before: at } }
            } else {
                Event::Declined { attempt, at }
            };
            assert_eq!(self.fleet.apply(event), Effect::Applied);
        }
        self.plans.push(plan);
    }

    /// What holds at any time.
    fn check(&self) {
        let fleet = &self.fleet;
        let mut sums: BTreeMap<NodeId, Capacity> = BTreeMap::new();
        for (id, lease) in fleet.leases() {
            let sum = sums.entry(lease.holder).or_default();
            *sum = sum.plus(&fleet.tasks[&id].entry.need);
        }
        for (id, node) in fleet.nodes() {
            let sum = sums.get(&id).copied().unwrap_or_default();
            assert!(node.capacity.holds(&sum), "{id} is over its capacity: {sum:?}");
            assert_eq!(fleet.promised(id), sum, "{id}: the ledger and the leases agree");
        }
        let count =
            |test: fn(&At) -> bool| fleet.tasks.values().filter(|task| test(&task.at)).count();
        assert_eq!(fleet.queue.len(), count(|at| matches!(at, At::Queue)));
        let rests = count(|at| matches!(at, At::Resting { .. } | At::Retrying { .. }));
        assert_eq!(fleet.rests.len(), rests);
        assert_eq!(fleet.leases.len(), count(|at| matches!(at, At::Held(_))));
    }

    /// After a plan nothing that waits would fit anywhere, reckoned without what the queue
    /// remembers of its last look.
    fn check_nothing_fits(&mut self) {
        let plan = self.fleet.plan(self.now);
        let again = {
            let mut forgetful = self.fleet.clone();
            forgetful.queue.look_again();
            forgetful.plan(self.now)
        };
        assert!(again.assigns.is_empty(), "after {plan:?} there was still {again:?}");
        for assign in plan.assigns {
            self.fleet.apply(Event::Refused { task: assign.task, at: self.now });
        }
        for task in plan.requeues {
            self.fleet.apply(Event::Refused { task, at: self.now });
        }
        for reject in plan.rejects {
            self.fleet.apply(Event::Refused { task: reject.task, at: self.now });
        }
        for reclaim in plan.reclaims {
            self.fleet
                .apply(Event::Refused { task: reclaim.attempt.task, at: self.now });
        }
    }
}

proptest! {
    #[test]
    fn fleet_adds_up_whatever_happens(steps in prop::collection::vec(step(), 1..150)) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
            world.check();
        }
        world.check_nothing_fits();
        world.check();
    }

    #[test]
    fn same_events_give_the_same_plans(steps in prop::collection::vec(step(), 1..100)) {
        let run = || {
            let mut world = World::new();
            steps.iter().for_each(|step| world.take(step));
            world.plans
        };
        prop_assert_eq!(run(), run());
    }
}
