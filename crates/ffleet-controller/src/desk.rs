//! What the controller knows of its nodes from moment to moment: who is there, what each holds,
//! how it gets on, what it is to be told next.
//!
//! None of this is on disk. The store says who holds what and is read when the controller starts;
//! a node that registers is told what the store believes it to hold. The lock is held for the
//! time of a look-up, never across a wait.

mod closed;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ffleet_api::control::{Assignment, Command, Held, Progress};
use ffleet_media::Spec;
use ffleet_types::attempt::Artifact;
use ffleet_types::node::{Capacity, Description, Order, State as NodeState};
use ffleet_types::task::State;
use ffleet_types::{AttemptId, Bytes, JobId, JobNumber, NodeId, Reason, TaskId, Timestamp};
use tokio::sync::Notify;

/// Specifications of waiting tasks that are kept in memory; those of others are read from the
/// store when their turn comes.
const MOST_WAITING: usize = 4_096;
/// Commands that a node may leave unread before it counts as lost.
const MOST_COMMANDS: usize = 65_536;

/// A task that waits for a node.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) number: JobNumber,
    pub(crate) spec: Arc<Spec>,
    /// The size of its input, as far as it was seen.
    pub(crate) input: Bytes,
    pub(crate) accepted: Timestamp,
    /// Attempts that were charged to its retries.
    pub(crate) charged: u32,
    /// Why its last attempts failed, oldest first.
    pub(crate) failures: Vec<Reason>,
}

/// A task that a node holds.
#[derive(Clone, Debug)]
pub(crate) struct Holding {
    pub(crate) node: NodeId,
    pub(crate) work: Waiting,
    pub(crate) need: Capacity,
    /// Assigned, running or paused.
    pub(crate) state: State,
    pub(crate) started: Option<Timestamp>,
    pub(crate) sealed: Option<Vec<Artifact>>,
    /// Whether somebody has asked for it to stop. Its node is told until it has ended: a command
    /// may be lost with the node's queue or on its way.
    pub(crate) canceled: bool,
    pub(crate) progress: Option<Progress>,
}

impl Holding {
    pub(crate) fn assignment(&self, attempt: AttemptId) -> Assignment {
        Assignment {
            attempt,
            number: self.work.number,
            spec: Spec::clone(&self.work.spec),
            need: self.need,
            accepted: self.work.accepted,
        }
    }
}

/// What a node's claim on an attempt is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It goes on.
    Good,
    /// It is the node's, and is to stop.
    Canceled,
    /// It is not the node's any more.
    Lost,
}

/// A node, as it is known.
#[derive(Clone, Debug)]
pub(crate) struct Station {
    pub(crate) description: Description,
    pub(crate) order: Order,
    pub(crate) heard: Timestamp,
    /// Whether it has registered since the controller started.
    pub(crate) registered: bool,
    /// Why it takes no more work by itself, where it does not.
    pub(crate) closed: Option<String>,
    /// What of its memory its rings of live bytes have.
    pub(crate) rings: Bytes,
    commands: VecDeque<Command>,
    wake: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Inner {
    stations: BTreeMap<NodeId, Station>,
    held: BTreeMap<AttemptId, Holding>,
    waiting: BTreeMap<TaskId, Waiting>,
    /// Attempts that are claimed on disk and were canceled before a node was given them.
    canceled: BTreeSet<AttemptId>,
}

impl Inner {
    fn tell(&mut self, node: NodeId, command: Command) -> bool {
        let Some(station) = self.stations.get_mut(&node).filter(|station| station.registered)
        else {
            return false;
        };
        if station.commands.len() >= MOST_COMMANDS {
            return false;
        }
        station.commands.push_back(command);
        station.wake.notify_one();
        true
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Desk(Mutex<Inner>);

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node is known from before the start. It is there once it has registered.
    pub(crate) fn know(
        &self,
        node: NodeId,
        description: Description,
        order: Order,
        heard: Timestamp,
    ) {
        let station = Station {
            description,
            order,
            heard,
            registered: false,
            closed: None,
            rings: Bytes(0),
            commands: VecDeque::new(),
            wake: Arc::default(),
        };
        self.lock().stations.insert(node, station);
    }

    /// A node registers. What is wanted of it stays as it was.
    pub(crate) fn seat(&self, node: NodeId, description: Description, heard: Timestamp) -> Order {
        let mut inner = self.lock();
        let before = inner.stations.get(&node);
        let order = before.map_or(Order::Accept, |station| station.order);
        // Who waits for the commands of before it came back is woken, and finds none: what it was
        // to be told, it is told as what it holds.
        let wake = before.map(|station| Arc::clone(&station.wake)).unwrap_or_default();
        wake.notify_waiters();
        let station = Station {
            description,
            order,
            heard,
            registered: true,
            closed: None,
            rings: Bytes(0),
            commands: VecDeque::new(),
            wake,
        };
        inner.stations.insert(node, station);
        order
    }

    /// A node was heard from. False if it must register.
    pub(crate) fn hear(&self, node: NodeId, now: Timestamp) -> bool {
        let mut inner = self.lock();
        match inner.stations.get_mut(&node) {
            Some(station) if station.registered => {
                station.heard = now;
                true
            }
            _ => false,
        }
    }

    /// The next command for a node, or what wakes when there is one. Nothing if it must register.
    pub(crate) fn take(&self, node: NodeId) -> Option<Result<Command, Arc<Notify>>> {
        let mut inner = self.lock();
        let station = inner.stations.get_mut(&node).filter(|station| station.registered)?;
        Some(station.commands.pop_front().ok_or_else(|| Arc::clone(&station.wake)))
    }

    /// Tells a node something. False if it is not there, or does not listen.
    pub(crate) fn tell(&self, node: NodeId, command: Command) -> bool {
        self.lock().tell(node, command)
    }

    /// Remembers a task that waits, if there is room.
    pub(crate) fn wait(&self, task: TaskId, waiting: Waiting) {
        let mut inner = self.lock();
        if inner.waiting.len() < MOST_WAITING {
            inner.waiting.insert(task, waiting);
        }
    }

    /// The size of a waiting task's input, if it is remembered.
    pub(crate) fn input(&self, task: TaskId) -> Option<Bytes> {
        Some(self.lock().waiting.get(&task)?.input)
    }

    /// A waiting task's turn has come, or it waits no more.
    pub(crate) fn take_waiting(&self, task: TaskId) -> Option<Waiting> {
        self.lock().waiting.remove(&task)
    }

    /// A node is told to begin a task that was claimed for it, and then to cancel it if that was
    /// asked for meanwhile. False if the node is not there, or does not listen.
    ///
    /// All under one lock: a cancel that came between would reach the node before its task.
    pub(crate) fn give(&self, attempt: AttemptId, mut holding: Holding) -> bool {
        let mut inner = self.lock();
        let node = holding.node;
        let begin = Command::Begin(Box::new(holding.assignment(attempt)));
        let canceled = inner.canceled.remove(&attempt);
        holding.canceled |= canceled;
        inner.held.insert(attempt, holding);
        inner.tell(node, begin) && (!canceled || inner.tell(node, Command::Cancel { attempt }))
    }

    /// Tells whoever holds the attempt to cancel it. False if nobody does: it is then told to
    /// whom the attempt is given.
    pub(crate) fn cancel(&self, attempt: AttemptId) -> bool {
        let mut inner = self.lock();
        let holding = inner.held.get_mut(&attempt).map(|holding| {
            holding.canceled = true;
            holding.node
        });
        match holding {
            Some(node) => {
                inner.tell(node, Command::Cancel { attempt });
                true
            }
            None => {
                inner.canceled.insert(attempt);
                false
            }
        }
    }

    /// An attempt that was to be canceled is given to nobody any more.
    pub(crate) fn forget_cancel(&self, attempt: AttemptId) {
        self.lock().canceled.remove(&attempt);
    }

    /// A node has held a task since before the start.
    pub(crate) fn hold(&self, attempt: AttemptId, holding: Holding) {
        self.lock().held.insert(attempt, holding);
    }

    /// What is held under this attempt.
    pub(crate) fn holding(&self, attempt: AttemptId) -> Option<Holding> {
        self.lock().held.get(&attempt).cloned()
    }

    /// Changes what is known of an attempt that is held by `node`. False if it is not.
    pub(crate) fn update(
        &self,
        node: NodeId,
        attempt: AttemptId,
        change: impl FnOnce(&mut Holding),
    ) -> bool {
        match self
            .lock()
            .held
            .get_mut(&attempt)
            .filter(|holding| holding.node == node)
        {
            Some(holding) => {
                change(holding);
                true
            }
            None => false,
        }
    }

    /// A node says how it gets on with an attempt.
    pub(crate) fn renew(&self, node: NodeId, attempt: AttemptId, progress: &Progress) -> Claim {
        let mut inner = self.lock();
        match inner.held.get_mut(&attempt).filter(|holding| holding.node == node) {
            Some(holding) => {
                holding.progress = Some(progress.clone());
                if holding.canceled { Claim::Canceled } else { Claim::Good }
            }
            None => Claim::Lost,
        }
    }

    /// An attempt is held no more.
    pub(crate) fn release(&self, attempt: AttemptId) -> Option<Holding> {
        let mut inner = self.lock();
        inner.canceled.remove(&attempt);
        inner.held.remove(&attempt)
    }

    /// The attempt of a job that is held, if one is.
    pub(crate) fn of_job(&self, job: JobId) -> Option<(AttemptId, Holding)> {
        self.lock()
            .held
            .range(least(job)..)
            .next()
            .filter(|(attempt, _)| attempt.task.job == job)
            .map(|(&attempt, holding)| (attempt, holding.clone()))
    }

    /// How the job gets on, where that is known.
    pub(crate) fn progress(&self, job: JobId) -> Option<Progress> {
        self.lock()
            .held
            .range(least(job)..)
            .next()
            .filter(|(attempt, _)| attempt.task.job == job)
            .and_then(|(_, holding)| holding.progress.clone())
    }

    /// What a node is believed to hold, as it is told when it registers.
    pub(crate) fn held_by(&self, node: NodeId) -> Vec<Held> {
        self.lock()
            .held
            .iter()
            .filter(|(_, holding)| holding.node == node)
            .map(|(&attempt, holding)| Held {
                assignment: holding.assignment(attempt),
                sealed: holding.sealed.clone(),
                paused: holding.state == State::Paused,
            })
            .collect()
    }

    /// Attempts that are held and sealed: nobody else may publish, so that they are not given up.
    pub(crate) fn is_sealed(&self, attempt: AttemptId) -> bool {
        self.lock()
            .held
            .get(&attempt)
            .is_some_and(|holding| holding.sealed.is_some())
    }

    /// A node's name.
    pub(crate) fn name(&self, node: NodeId) -> Option<String> {
        self.lock()
            .stations
            .get(&node)
            .map(|station| station.description.name.clone())
    }

    /// All nodes, each with what of it is promised and how many jobs it holds.
    pub(crate) fn stations(&self) -> Vec<(NodeId, Station, Capacity, u32)> {
        let inner = self.lock();
        inner
            .stations
            .iter()
            .map(|(&node, station)| {
                let held = inner.held.values().filter(|holding| holding.node == node);
                let (promised, jobs) = held
                    .fold((Capacity::default(), 0), |(sum, count), holding| {
                        (sum.plus(&holding.need), count + 1)
                    });
                (node, station.clone(), promised, jobs)
            })
            .collect()
    }
}

impl Station {
    /// What the node is, by when it was heard from.
    pub(crate) fn state(&self, now: Timestamp, term: std::time::Duration) -> NodeState {
        let silent = now.since(self.heard);
        match self.registered {
            true if silent < term / 2 => NodeState::Active,
            true if silent < term => NodeState::Suspect,
            _ => NodeState::Gone,
        }
    }
}

/// The lowest attempt there could be of a job.
const fn least(job: JobId) -> AttemptId {
    AttemptId { task: TaskId::whole(job), fence: ffleet_types::Fence::NONE }
}

#[cfg(test)]
mod tests;
