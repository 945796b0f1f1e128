//! Role groups: how many processes of which class a node may have, and how fast it may start them.
//!
//! [`Ledger`] is the node's account as a value. A child is asked for before it exists and credited
//! when nothing of it is left, so the sum of what is promised never passes what there is: not in a
//! group, and not on the node. Who finds no room waits behind those who came before; the queue is
//! bounded, and its end is a refusal that says why.
//!
//! Two more things stop a storm of starts: a bucket of starts per group that fills at its
//! spawn rate, and a fuse that opens when too many children of a group have failed in a short time.
//! When its time is over, one child is let through; what becomes of that one decides.

mod fuse;
mod held;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use ffleet_types::{Bytes, Cpu, Rate, Reason, RoleGroup, Span};

use fuse::Fuse;
pub use held::NoRoom;

/// Children that may wait in a group, unless it says so.
pub const QUEUE: u32 = 64;
/// How long they may, unless it says so.
pub const PATIENCE: Span = Span::secs(600);
/// How fast children may be started, unless a group says so.
pub const SPAWN_RATE: Rate = Rate::per_second(1_000);
/// How many failures open the fuse, unless a group says so.
pub const FUSE: Rate = Rate::per_minute(60);
/// Whether a failure counts to the fuse: it may be the node's, so that the next child would fail like
/// this one. One for want of a better input or wish is the job's own.
#[must_use]
pub const fn counts(reason: Reason) -> bool {
    matches!(reason, Reason::RuntimeError | Reason::ResourceError | Reason::PlatformError)
}

/// How long it stays open, unless a group says so.
pub const COOL_DOWN: Span = Span::secs(30);

/// What a child takes, and what is promised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// First processes: one a child.
    pub processes: u32,
    /// Processes and threads together.
    pub threads: u32,
    /// Processor time.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Bytes,
}

/// What may be promised at most; what is not said is not bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// First processes.
    pub processes: Option<u32>,
    /// Processes and threads together.
    pub threads: Option<u32>,
    /// Processor time.
    pub cpu: Option<Cpu>,
    /// Memory.
    pub memory: Option<Bytes>,
}

/// The rules of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What its children may take together.
    pub most: Bounds,
    /// What share of a busy disk each of them gets beside the node's other children, from 1 to 10000; 100
    /// is that of whose group says nothing.
    pub io_weight: Option<u16>,
    /// How fast they may be started; as many at once as in a second.
    pub spawn_rate: Rate,
    /// How many may wait.
    pub queue: u32,
    /// How long each may.
    pub patience: Span,
    /// How many failures in how much time open the fuse.
    pub fuse: Rate,
    /// How long it stays open.
    pub cool_down: Span,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            most: Bounds::default(),
            io_weight: None,
            spawn_rate: SPAWN_RATE,
            queue: QUEUE,
            patience: PATIENCE,
            fuse: FUSE,
            cool_down: COOL_DOWN,
        }
    }
}

/// A place in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// What a child that asks is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It may start: its amount is debited.
    Go,
    /// It waits: until somebody is credited, and until then at the latest if a time is said.
    Wait(Ticket, Option<Duration>),
    /// It may not.
    Refused(Refusal),
}

/// Why a child may not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such group.
    Unknown(RoleGroup),
    /// It takes more than there ever is.
    Never {
        /// Of which group, or nothing for the whole node.
        group: Option<RoleGroup>,
        /// Of what, with both figures.
        what: String,
    },
    /// Too many wait already.
    Full(RoleGroup, u32),
    /// It has waited too long.
    Late(RoleGroup, Span),
    /// Too many have failed.
    Broken(RoleGroup, Rate),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(group) => write!(
                f,
                "there is no role group {group} on this node: `role-groups` in its configuration names them"
            ),
            Self::Never { group: Some(group), what } => write!(
                f,
                "the role group {group} never has room for it: {what}; raise its limit or lower the job's"
            ),
            Self::Never { group: None, what } => {
                write!(f, "this node never has room for it: {what}")
            }
            Self::Full(group, queue) => write!(
                f,
                "the role group {group} is at its limit, and {queue} wait already; try again later, or \
                 raise its limits"
            ),
            Self::Late(group, patience) => write!(
                f,
                "the role group {group} had no room for {patience}; try again later, or raise its limits"
            ),
            Self::Broken(group, fuse) => write!(
                f,
                "children of the role group {group} fail too often (more than {fuse}): no more are \
                 started for a while"
            ),
        }
    }
}

/// A group with what is promised of it.
#[derive(Clone, Debug)]
struct Group {
    rules: Rules,
    used: Amount,
    /// What of the memory is no child's.
    held: Bytes,
    /// In the order in which they came, and what each asks for.
    queue: VecDeque<(Ticket, Amount)>,
    /// Starts that are left, in the time that one takes to come back.
    saved: Duration,
    filled_at: Duration,
    fuse: Fuse,
    refused: u64,
}

/// How a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its rules.
    pub rules: Rules,
    /// What is promised of it.
    pub used: Amount,
    /// How many wait.
    pub waiting: u32,
    /// How many were refused since the start.
    pub refused: u64,
    /// Whether its fuse is open.
    pub broken: bool,
}

/// What of a node's processes is promised, by role group.
#[derive(Clone, Debug)]
pub struct Ledger {
    whole: Bounds,
    used: Amount,
    groups: BTreeMap<RoleGroup, Group>,
    next: u64,
}

impl Rules {
    /// What a child may take that does not say: as much as leaves the same for all that there may be.
    #[must_use]
    pub fn share(&self) -> Bounds {
        let parts = self.most.processes.unwrap_or(1).max(1);
        let Bounds { threads, cpu, memory, .. } = self.most;
        Bounds {
            processes: None,
            threads: threads.map(|threads| (threads / parts).max(1)),
            cpu: cpu.map(|cpu| Cpu((cpu.0 / parts).max(10))),
            memory: memory.map(|memory| Bytes(memory.0 / u64::from(parts))),
        }
    }
}

impl Amount {
    const fn plus(self, other: Self) -> Self {
        Self {
            processes: self.processes.saturating_add(other.processes),
            threads: self.threads.saturating_add(other.threads),
            cpu: Cpu(self.cpu.0.saturating_add(other.cpu.0)),
            memory: Bytes(self.memory.0.saturating_add(other.memory.0)),
        }
    }

    const fn less(self, other: Self) -> Self {
        Self {
            processes: self.processes.saturating_sub(other.processes),
            threads: self.threads.saturating_sub(other.threads),
            cpu: Cpu(self.cpu.0.saturating_sub(other.cpu.0)),
            memory: Bytes(self.memory.0.saturating_sub(other.memory.0)),
        }
    }
}

impl Bounds {
    /// As much of `cpu` as they leave.
    #[must_use]
    pub fn cap_cpu(&self, cpu: Cpu) -> Cpu {
        self.cpu.map_or(cpu, |most| cpu.min(most))
    }

    /// As much of `memory` as they leave.
    #[must_use]
    pub fn cap_memory(&self, memory: Bytes) -> Bytes {
        self.memory.map_or(memory, |most| memory.min(most))
    }

    /// Whether `amount` is within them.
    #[must_use]
    pub fn hold(&self, amount: &Amount) -> bool {
        self.passed_by(amount).is_none()
    }

    /// What of `amount` passes them, with both figures.
    fn passed_by(&self, amount: &Amount) -> Option<String> {
        let Amount { processes, threads, cpu, memory } = *amount;
        if self.processes.is_some_and(|most| processes > most) {
            return Some(format!("{processes} processes of {}", self.processes.unwrap_or(0)));
        }
        if self.threads.is_some_and(|most| threads > most) {
            return Some(format!("{threads} threads of {}", self.threads.unwrap_or(0)));
        }
        if self.cpu.is_some_and(|most| cpu > most) {
            return Some(format!("{cpu} of {} CPU", self.cpu.unwrap_or(Cpu(0))));
        }
        if self.memory.is_some_and(|most| memory > most) {
            let most = self.memory.unwrap_or(Bytes(0));
            return Some(format!("{} of {} memory", memory.human(), most.human()));
        }
        None
    }
}

impl Group {
    fn new(rules: Rules) -> Self {
        Self {
            rules,
            used: Amount::default(),
            held: Bytes(0),
            queue: VecDeque::new(),
            saved: rules.spawn_rate.per(),
            filled_at: Duration::ZERO,
            fuse: Fuse::default(),
            refused: 0,
        }
    }

    /// Lets the bucket fill up to now.
    fn fill(&mut self, now: Duration) {
        let since = now.saturating_sub(self.filled_at);
        self.saved = self.saved.saturating_add(since).min(self.rules.spawn_rate.per());
        self.filled_at = now.max(self.filled_at);
    }

    /// When a start is in the bucket; nothing if one is.
    fn next_start(&mut self, now: Duration) -> Option<Duration> {
        self.fill(now);
        let price = self.rules.spawn_rate.interval();
        (self.saved < price).then(|| now + price.saturating_sub(self.saved))
    }
}

impl Ledger {
    /// For a node that has `whole`, with these groups.
    #[must_use]
    pub fn new(whole: Bounds, groups: BTreeMap<RoleGroup, Rules>) -> Self {
        let groups = groups.into_iter().map(|(name, rules)| (name, Group::new(rules)));
        Self { whole, used: Amount::default(), groups: groups.collect(), next: 0 }
    }

    /// The rules of a group.
    #[must_use]
    pub fn rules(&self, group: &RoleGroup) -> Option<&Rules> {
        self.groups.get(group).map(|group| &group.rules)
    }

    /// How every group stands.
    pub fn standings(&self) -> impl Iterator<Item = (&RoleGroup, Standing)> {
        self.groups.iter().map(|(name, group)| {
            let waiting = u32::try_from(group.queue.len()).unwrap_or(u32::MAX);
            let Group { rules, used, refused, .. } = *group;
            (name, Standing { rules, used, waiting, refused, broken: group.fuse.is_open() })
        })
    }

    /// Asks for `amount` of `group` at `now`; again with the ticket of an earlier answer, as often as
    /// that says or somebody was credited.
    pub fn ask(
        &mut self,
        group: &RoleGroup,
        amount: Amount,
        ticket: Option<Ticket>,
        now: Duration,
    ) -> Answer {
        let Some(found) = self.groups.get_mut(group) else {
            return Answer::Refused(Refusal::Unknown(group.clone()));
        };
        let never = found
            .rules
            .most
            .passed_by(&amount)
            .map(|what| Refusal::Never { group: Some(group.clone()), what })
            .or_else(|| {
                let what = self.whole.passed_by(&amount);
                what.map(|what| Refusal::Never { group: None, what })
            });
        if let Some(never) = never {
            return found.refuse(ticket, never);
        }
        if found.fuse.is_blown(now) {
            return found.refuse(ticket, Refusal::Broken(group.clone(), found.rules.fuse));
        }
        let first = found.queue.front().is_none_or(|(first, _)| Some(*first) == ticket);
        let fits = found.rules.most.hold(&found.used.plus(amount))
            && self.whole.hold(&self.used.plus(amount));
        let start = found.next_start(now);
        if first && fits && start.is_none() && found.fuse.lets_through() {
            found.dequeue(ticket);
            found.saved = found.saved.saturating_sub(found.rules.spawn_rate.interval());
            found.used = found.used.plus(amount);
            found.fuse.pass();
            self.used = self.used.plus(amount);
            return Answer::Go;
        }
        // Room is told of; time is not.
        let again = start.filter(|_| first && fits);
        if let Some(ticket) = ticket {
            return Answer::Wait(ticket, again);
        }
        if found.queue.len() >= usize::try_from(found.rules.queue).unwrap_or(usize::MAX) {
            let queue = found.rules.queue;
            return found.refuse(None, Refusal::Full(group.clone(), queue));
        }
        self.next += 1;
        let ticket = Ticket(self.next);
        found.queue.push_back((ticket, amount));
        Answer::Wait(ticket, again)
    }

    /// Debits `amount` whatever there is: for a child of an earlier life, which is there already.
    pub fn take_over(&mut self, group: &RoleGroup, amount: Amount) {
        if let Some(group) = self.groups.get_mut(group) {
            group.used = group.used.plus(amount);
            self.used = self.used.plus(amount);
        }
    }

    /// Gives a place in a queue up.
    pub fn leave(&mut self, group: &RoleGroup, ticket: Ticket) {
        if let Some(group) = self.groups.get_mut(group) {
            group.dequeue(Some(ticket));
        }
    }

    /// Takes the promise of `amount` back: nothing of the child is left.
    pub fn credit(&mut self, group: &RoleGroup, amount: Amount) {
        if let Some(group) = self.groups.get_mut(group) {
            group.used = group.used.less(amount);
            group.fuse.end();
            self.used = self.used.less(amount);
        }
    }

    /// A child of `group` failed, and not for want of a better input.
    pub fn failed(&mut self, group: &RoleGroup, now: Duration) {
        if let Some(group) = self.groups.get_mut(group) {
            group.fuse.failed(group.rules.fuse, group.rules.cool_down.0, now);
        }
    }

    /// A child of `group` did what it was to.
    pub fn worked(&mut self, group: &RoleGroup) {
        if let Some(group) = self.groups.get_mut(group) {
            group.fuse.worked();
        }
    }
}

impl Group {
    fn refuse(&mut self, ticket: Option<Ticket>, refusal: Refusal) -> Answer {
        self.dequeue(ticket);
        self.refused += 1;
        Answer::Refused(refusal)
    }

    fn dequeue(&mut self, ticket: Option<Ticket>) {
        self.queue.retain(|(queued, _)| Some(*queued) != ticket);
    }
}
