//! A machine on which processes start, end, become other programs and are moved about, whose events are
//! lost, and on which attachments fail: whatever the order, nobody is governed twice, and whom a rule fits is
//! governed in the end.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    /// A process starts, by this parent, under this name; whether its event is heard.
    Start { parent: u32, name: usize, heard: bool },
    /// A process becomes another program.
    Exec { pid: u32, name: usize, heard: bool },
    /// A process ends.
    End { pid: u32, heard: bool },
    /// Somebody moves a process out of every group.
    Move { pid: u32 },
    /// What was to be done is done: how it ends.
    Carry { outcome: u8 },
    /// All processes are looked at.
    Scan,
    /// Time passes.
    Wait { seconds: u64 },
    /// The watch is killed and started again.
    Restart,
    /// Other rules.
    Reload { rules: usize },
}

const NAMES: [&str; 4] = ["ffmpeg", "sh", "gst-launch", "sshd"];
/// So few that numbers are given again soon.
const PIDS: u32 = 6;
const TRIES: u32 = 3;

fn event() -> impl Strategy<Value = Event> {
    let pid = || 1..=PIDS;
    let name = || 0..NAMES.len();
    prop_oneof![
        4 => (pid(), name(), any::<bool>())
            .prop_map(|(parent, name, heard)| Event::Start { parent, name, heard }),
        3 => (pid(), name(), any::<bool>())
            .prop_map(|(pid, name, heard)| Event::Exec { pid, name, heard }),
        2 => (pid(), any::<bool>()).prop_map(|(pid, heard)| Event::End { pid, heard }),
        1 => pid().prop_map(|pid| Event::Move { pid }),
        6 => any::<u8>().prop_map(|outcome| Event::Carry { outcome }),
        2 => Just(Event::Scan),
        2 => (0..40_u64).prop_map(|seconds| Event::Wait { seconds }),
        1 => Just(Event::Restart),
        1 => (0..3_usize).prop_map(|rules| Event::Reload { rules }),
    ]
}

#[derive(Clone, Debug)]
struct Process {
    id: Id,
    name: usize,
    print: u64,
    group: Option<Id>,
    born: Duration,
}

struct World {
    now: Duration,
    ticks: u64,
    processes: BTreeMap<u32, Process>,
    /// The groups that the kernel has, each with the limits it got.
    groups: BTreeMap<Id, Limits>,
    rules: usize,
    watch: Watch,
    acts: Vec<Act>,
    tries: BTreeMap<Id, u32>,
}

fn rules(number: usize) -> Policy {
    let mut policy = match number {
        0 => policy([rule("a", "ffmpeg"), Rule { age: s(20), ..rule("b", "gst-*") }]),
        1 => policy([rule("a", "f*")]),
        _ => {
            let mut other = rule("c", "ffmpeg");
            other.limits.memory = Some(Bytes::mib(64));
            policy([other])
        }
    };
    policy.rules.block = vec!["sshd".parse().unwrap()];
    policy
}

impl World {
    fn new() -> Self {
        Self {
            now: s(1_000),
            ticks: 0,
            processes: BTreeMap::new(),
            groups: BTreeMap::new(),
            rules: 0,
            watch: Watch::new(rules(0)),
            acts: Vec::new(),
            tries: BTreeMap::new(),
        }
    }

    fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.now += Duration::from_millis(1);
        self.ticks
    }

    fn sight(&self, process: &Process) -> Seen {
        let owner = process.group.map_or(Owner::Nobody, Owner::Group);
        let age = self.now - process.born;
        Seen { owner, age, ..Seen::new(process.id, NAMES[process.name]) }
    }

    fn take(&mut self, step: Step) {
        self.acts.extend(step.acts);
    }

    fn heard(&mut self, pid: u32) {
        let process = self.processes[&pid].clone();
        let step = self.watch.see(self.now, process.print, &mut self.sight(&process));
        self.take(step);
    }

    fn happen(&mut self, event: &Event) {
        let now = self.tick();
        match *event {
            Event::Start { parent, name, heard } => {
                let Some(pid) = (1..=PIDS).find(|pid| !self.processes.contains_key(pid)) else {
                    return;
                };
                let group = self.processes.get(&parent).and_then(|parent| parent.group);
                let id = Id { pid, started: now };
                let process = Process { id, name, print: now, group, born: self.now };
                self.processes.insert(pid, process);
                if heard {
                    self.heard(pid);
                }
            }
            Event::Exec { pid, name, heard } => {
                let Some(process) = self.processes.get_mut(&pid) else {
                    return;
                };
                (process.name, process.print) = (name, now);
                if heard {
                    self.heard(pid);
                }
            }
            Event::End { pid, heard } => {
                if self.processes.remove(&pid).is_some() && heard {
                    let step = self.watch.gone(pid);
                    self.take(step);
                }
            }
            Event::Move { pid } => {
                if let Some(process) = self.processes.get_mut(&pid) {
                    process.group = None;
                    self.tries.clear();
                }
            }
            Event::Carry { outcome } => self.carry(outcome),
            Event::Scan => self.scan(),
            Event::Wait { seconds } => {
                self.now += s(seconds);
                let step = self.watch.due(self.now);
                self.take(step);
                assert!(self.watch.next().is_none_or(|at| at > self.now));
            }
            Event::Restart => self.restart(),
            Event::Reload { rules: number } => {
                self.rules = number;
                self.tries.clear();
                self.watch.renew(rules(number));
            }
        }
    }

    /// Does the first thing that is to be done.
    fn carry(&mut self, outcome: u8) {
        if self.acts.is_empty() {
            return;
        }
        let step = match self.acts.remove(0) {
            Act::Take(id, rule) => {
                let outcome = self.try_to_take(id, &rule, outcome);
                self.watch.taken(self.now, id, outcome, 0.5)
            }
            Act::Look(id) => match self.processes.get(&id.pid) {
                Some(process) if process.id == id => {
                    let mut sight = self.sight(process);
                    self.watch.see(self.now, process.print, &mut sight)
                }
                _ => self.watch.gone(id.pid),
            },
            Act::Measure(first) => self.measure(first),
            Act::Change(first, rule) => {
                let why = (outcome > 200).then(|| "busy".to_owned());
                if let (None, Some(limits)) = (&why, self.groups.get_mut(&first)) {
                    *limits = rule.limits.clone();
                }
                self.watch.changed(first, rule, why)
            }
            Act::Release(first) => {
                let why = (outcome > 200).then(|| "busy".to_owned());
                if why.is_none() {
                    self.dissolve(first);
                }
                self.watch.released(first, why)
            }
            Act::Close(first) => {
                if self.members(first).is_empty() {
                    self.groups.remove(&first);
                } else if let Some(limits) = self.groups.get(&first) {
                    let rule = Rule { limits: limits.clone(), ..rule("before", "?") };
                    self.watch.adopt(first, Arc::new(rule));
                }
                Step::default()
            }
        };
        self.take(step);
    }

    fn try_to_take(&mut self, id: Id, rule: &Rule, outcome: u8) -> Outcome {
        let group = match self.processes.get_mut(&id.pid) {
            Some(process) if process.id == id => &mut process.group,
            _ => return Outcome::Gone,
        };
        if group.is_some() {
            return Outcome::Owned;
        }
        if outcome > 170 {
            let tries = self.tries.entry(id).or_default();
            *tries += 1;
            assert!(*tries <= TRIES, "{id:?} is tried for ever");
            return Outcome::Failed("busy".to_owned());
        }
        *group = Some(id);
        self.tries.remove(&id);
        // One that its first process was moved out of may be there still, with the limits that it has.
        self.groups.entry(id).or_insert_with(|| rule.limits.clone());
        Outcome::Taken
    }

    fn dissolve(&mut self, first: Id) {
        for process in self.processes.values_mut() {
            process.group = process.group.filter(|group| *group != first);
        }
        self.groups.remove(&first);
    }

    fn members(&self, first: Id) -> BTreeSet<u32> {
        let all = self.processes.values();
        all.filter(|process| process.group == Some(first))
            .map(|process| process.id.pid)
            .collect()
    }

    fn measure(&mut self, first: Id) -> Step {
        let processes = self.members(first);
        let reading = self
            .groups
            .contains_key(&first)
            .then(|| Reading { processes, ..Reading::default() });
        self.watch.measured(self.now, first, reading)
    }

    fn scan(&mut self) {
        let firsts: Vec<_> = self.watch.groups().keys().copied().collect();
        for first in firsts {
            let step = self.measure(first);
            self.take(step);
        }
        let begun = self.now;
        let all: Vec<_> = self.processes.values().cloned().collect();
        for process in &all {
            if self.watch.wants(self.now, process.id, process.print) {
                let step = self.watch.see(self.now, process.print, &mut self.sight(process));
                self.take(step);
            }
        }
        let there = all.iter().map(|process| process.id).collect();
        let step = self.watch.scanned(begun, &there);
        self.take(step);
    }

    /// What was to be done is not; what the kernel has is found again.
    fn restart(&mut self) {
        self.acts.clear();
        self.tries.clear();
        self.watch = Watch::new(rules(self.rules));
        for (first, limits) in &self.groups {
            let rule = Rule { limits: limits.clone(), ..rule("before", "?") };
            self.watch.adopt(*first, Arc::new(rule));
        }
    }

    fn check(&self) {
        let taking: Vec<_> = self
            .acts
            .iter()
            .filter_map(|act| match act {
                Act::Take(id, _) => Some(*id),
                _ => None,
            })
            .collect();
        let once: BTreeSet<_> = taking.iter().copied().collect();
        assert_eq!(once.len(), taking.len(), "one is to be taken twice: {:?}", self.acts);
    }

    /// Nothing happens any more, everything goes well, and all is held against the rules once more.
    fn settle(&mut self) {
        while !self.acts.is_empty() {
            self.carry(0);
        }
        self.watch.renew(rules(self.rules));
        for _ in 0..12 {
            self.now += s(100);
            let step = self.watch.due(self.now);
            self.take(step);
            self.scan();
            while !self.acts.is_empty() {
                self.carry(0);
            }
        }
    }

    fn judge_the_end(&self) {
        assert_eq!(self.watch.failing().count(), 0);
        let policy = rules(self.rules);
        for process in self.processes.values() {
            match policy.rules.judge_held(&mut self.sight(process)) {
                Verdict::Fits(rule) => {
                    let group = process.group.expect("a rule fits it");
                    let limits = self.groups.get(&group).expect("the group is there");
                    assert!(
                        group != process.id || *limits == rule.limits,
                        "{process:?} has {limits:?}"
                    );
                }
                Verdict::Young(_) => {}
                _ => assert!(process.group != Some(process.id), "{process:?} is held for nothing"),
            }
        }
        let known: BTreeSet<_> = self.watch.groups().keys().collect();
        assert_eq!(known, self.groups.keys().collect(), "what the kernel has and what is known");
        assert_eq!(self.watch.known(), self.processes.len(), "nobody who ended is remembered");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn whom_a_rule_fits_is_governed_in_the_end_and_nobody_twice(
        events in proptest::collection::vec(event(), 1..120),
    ) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
            world.check();
        }
        world.settle();
        world.judge_the_end();
    }
}
