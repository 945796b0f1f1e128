//! Seats: no child without one.
//!
//! A seat is what the ledger of role groups (`ffleet_sched::roles`) has promised a child. It is taken
//! before the child exists, and given back when it is dropped: with the last of what is held of a
//! child, after its cgroup is empty.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ffleet_base::Clock;
use ffleet_sched::roles::{
    Amount, Answer, Bounds, Ledger, NoRoom, Refusal, Rules, Standing, Ticket,
};
use ffleet_types::{Bytes, Cpu, RoleGroup};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::spec::Limits;

/// The node's account, and whoever waits for room in it.
#[derive(Debug)]
pub(crate) struct Seats {
    ledger: Mutex<Ledger>,
    /// Told when somebody has left or was credited.
    changed: watch::Sender<()>,
    clock: Arc<dyn Clock>,
}

/// What a child was promised. Dropping it gives that back.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    group: RoleGroup,
    amount: Amount,
    limits: Limits,
}

/// Memory of a group that is no child's. Dropping it gives that back.
#[derive(Debug)]
pub(crate) struct Holding {
    seats: Arc<Seats>,
    group: RoleGroup,
    memory: Bytes,
}

/// The same in words, which a shim keeps for whoever takes its child over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Promise {
    group: RoleGroup,
    processes: u32,
    threads: u32,
    /// In thousandths of one.
    cpu: u32,
    /// In bytes.
    memory: u64,
}

impl Seats {
    pub(crate) fn new(
        whole: Bounds,
        groups: BTreeMap<RoleGroup, Rules>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let ledger = Mutex::new(Ledger::new(whole, groups));
        Arc::new(Self { ledger, changed: watch::Sender::new(()), clock })
    }

    /// Waits for room in `group` for a child with these limits, behind those who came before. What it
    /// does not limit itself is limited to its share of the group. May be dropped at any time.
    pub(crate) async fn take(
        self: &Arc<Self>,
        group: &RoleGroup,
        limits: Limits,
    ) -> Result<Seat, Refusal> {
        let Some(rules) = self.lock().left(group) else {
            return Err(Refusal::Unknown(group.clone()));
        };
        let limits = shared(limits, &rules);
        let amount = amount(&limits);
        let mut place = Waiting { seats: self, group, ticket: None };
        let late = self.clock.monotonic() + rules.patience.0;
        let mut changed = self.changed.subscribe();
        loop {
            let now = self.clock.monotonic();
            let answer = self.lock().ask(group, amount, place.ticket, now);
            let again = match answer {
                Answer::Go => {
                    place.ticket = None;
                    // Behind the first there may be another whom it does not stand in the way of any more.
                    self.changed.send_replace(());
                    return Ok(Seat {
                        seats: Arc::clone(self),
                        group: group.clone(),
                        amount,
                        limits,
                    });
                }
                Answer::Refused(refusal) => return Err(refusal),
                Answer::Wait(ticket, again) => {
                    place.ticket = Some(ticket);
                    if now >= late {
                        return Err(Refusal::Late(group.clone(), rules.patience));
                    }
                    again.unwrap_or(late).min(late)
                }
            };
            tokio::select! {
                // Whoever asks keeps the sender alive.
                _ = changed.changed() => {}
                () = tokio::time::sleep(again.saturating_sub(now)) => {}
            }
        }
    }

    /// The seat of a child of an earlier life, which is there already.
    pub(crate) fn take_over(self: &Arc<Self>, promise: Promise) -> Option<Seat> {
        let Promise { group, processes, threads, cpu, memory } = promise;
        let amount = Amount { processes, threads, cpu: Cpu(cpu), memory: Bytes(memory) };
        let mut ledger = self.lock();
        ledger.rules(&group)?;
        ledger.take_over(&group, amount);
        drop(ledger);
        Some(Seat { seats: Arc::clone(self), group, amount, limits: Limits::default() })
    }

    /// Memory of `group` for what is no child.
    pub(crate) fn hold(
        self: &Arc<Self>,
        group: &RoleGroup,
        memory: Bytes,
    ) -> Result<Holding, NoRoom> {
        self.lock().hold(group, memory)?;
        Ok(Holding { seats: Arc::clone(self), group: group.clone(), memory })
    }

    pub(crate) fn failed(&self, group: &RoleGroup) {
        self.lock().failed(group, self.clock.monotonic());
    }

    pub(crate) fn worked(&self, group: &RoleGroup) {
        self.lock().worked(group);
        self.changed.send_replace(());
    }

    pub(crate) fn standings(&self) -> Vec<(RoleGroup, Standing)> {
        self.lock()
            .standings()
            .map(|(group, standing)| (group.clone(), standing))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a queue, given up when it is dropped.
struct Waiting<'a> {
    seats: &'a Seats,
    group: &'a RoleGroup,
    ticket: Option<Ticket>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.seats.lock().leave(self.group, ticket);
            self.seats.changed.send_replace(());
        }
    }
}

impl Seat {
    /// The group that it is in.
    #[must_use]
    pub const fn group(&self) -> &RoleGroup {
        &self.group
    }

    /// What its child is limited to.
    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What was promised, in words.
    pub(crate) fn promise(&self) -> Promise {
        let Amount { processes, threads, cpu, memory } = self.amount;
        Promise {
            group: self.group.clone(),
            processes,
            threads,
            cpu: cpu.0,
            memory: memory.0,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().credit(&self.group, self.amount);
        self.seats.changed.send_replace(());
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.seats.lock().release(&self.group, self.memory);
        self.seats.changed.send_replace(());
    }
}

/// `limits`, and the share of its group where they say nothing.
fn shared(limits: Limits, rules: &Rules) -> Limits {
    let share = rules.share();
    Limits {
        cpu: limits.cpu.or(share.cpu),
        memory: limits.memory.or(share.memory),
        tasks: limits.tasks.or(share.threads),
        io_weight: limits.io_weight.or(rules.io_weight),
        ..limits
    }
}

/// What a child takes that is limited to `limits`.
fn amount(limits: &Limits) -> Amount {
    Amount {
        processes: 1,
        threads: limits.tasks.unwrap_or(1),
        cpu: limits.cpu.unwrap_or_default(),
        memory: limits.memory.unwrap_or_default(),
    }
}
