//! The attempts that a node is at, what is wanted of each, and how each gets on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ffleet_api::control::{Phase, Progress};
use ffleet_guard::Holdings;
use ffleet_supervise::{Order, Stop};
use ffleet_types::node::Capacity;
use ffleet_types::{AttemptId, Bytes, JobNumber};
use tokio::sync::watch;

use crate::ledger::Ledger;

/// All attempts of a node.
#[derive(Debug)]
pub(crate) struct Roster {
    inner: Mutex<Inner>,
    holdings: Arc<Holdings>,
}

#[derive(Debug)]
struct Inner {
    ledger: Ledger,
    running: BTreeMap<AttemptId, Running>,
}

#[derive(Debug)]
struct Running {
    orders: watch::Sender<Order>,
    display: Display,
    /// What of it was left to the next life of the node, if it was.
    left: Option<(JobNumber, Rest)>,
}

/// What there is of an attempt that is left to the next life of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// A child in the hands of its shim, and what it has made.
    Child,
    /// What was made.
    Files,
}

/// Where an attempt says how it gets on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Display(Arc<Mutex<Progress>>);

/// An attempt's own end: what is wanted of it, and where it says how it gets on. When it is
/// dropped, the attempt is off the roster and its capacity is free.
#[derive(Debug)]
pub(crate) struct Place {
    roster: Arc<Roster>,
    attempt: AttemptId,
    /// What is wanted of it.
    pub(crate) orders: watch::Receiver<Order>,
    display: Display,
    /// Whether it is not given back.
    kept: bool,
}

/// Why an attempt gets no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// It has one: the assignment came twice.
    Has,
    /// There is no room; this is left.
    Full(Capacity),
}

impl Roster {
    /// For a node with this capacity, of whose memory `holdings` keeps account.
    pub(crate) fn new(capacity: Capacity, holdings: &Arc<Holdings>) -> Arc<Self> {
        holdings.bound(capacity.memory);
        let inner = Inner { ledger: Ledger::new(capacity), running: BTreeMap::new() };
        Arc::new(Self { inner: Mutex::new(inner), holdings: Arc::clone(holdings) })
    }

    /// Gives `attempt` a place, and debits its need.
    pub(crate) fn enter(
        self: &Arc<Self>,
        attempt: AttemptId,
        need: Capacity,
    ) -> Result<Place, NoPlace> {
        let mut inner = self.lock();
        if inner.running.contains_key(&attempt) {
            return Err(NoPlace::Has);
        }
        self.promise(&mut inner, |ledger| ledger.debit(attempt, need))
            .map_err(NoPlace::Full)?;
        let (sender, orders) = watch::channel(Order::Run);
        let display = Display::default();
        inner
            .running
            .insert(attempt, Running { orders: sender, display: display.clone(), left: None });
        Ok(Place { roster: Arc::clone(self), attempt, orders, display, kept: false })
    }

    /// Wants `order` of `attempt`, and says whether it is here. An order to stop is final.
    pub(crate) fn order(&self, attempt: AttemptId, order: Order) -> bool {
        let inner = self.lock();
        let running = inner.running.get(&attempt);
        if let Some(running) = running {
            running.order(order);
        }
        running.is_some()
    }

    /// Wants all of them to stop.
    pub(crate) fn stop_all(&self, stop: Stop) {
        for running in self.lock().running.values() {
            running.order(Order::Stop(stop));
        }
    }

    /// Wants all of them to end now.
    pub(crate) fn kill_all(&self, stop: Stop) {
        for running in self.lock().running.values() {
            running.order(Order::Kill(stop));
        }
    }

    /// The jobs of those that were left to the next life of the node with a child that runs.
    pub(crate) fn left(&self) -> Vec<JobNumber> {
        let inner = self.lock();
        let left = inner.running.values().filter_map(|running| running.left);
        left.filter(|&(_, rest)| rest == Rest::Child)
            .map(|(job, _)| job)
            .collect()
    }

    /// How each of them gets on.
    pub(crate) fn progress(&self) -> Vec<(AttemptId, Progress)> {
        self.lock()
            .running
            .iter()
            .map(|(&attempt, running)| (attempt, running.display.shown()))
            .collect()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().running.is_empty()
    }

    /// Whether this attempt is here.
    pub(crate) fn has(&self, attempt: AttemptId) -> bool {
        self.lock().running.contains_key(&attempt)
    }

    /// What of the node's memory its rings have.
    pub(crate) fn rings(&self) -> Bytes {
        self.holdings.rings()
    }

    /// Changes what is promised, in view of what the rings have.
    fn promise<T>(&self, inner: &mut Inner, change: impl FnOnce(&mut Ledger) -> T) -> T {
        self.holdings.jobs(|rings| {
            inner.ledger.leave(rings);
            (change(&mut inner.ledger), inner.ledger.memory())
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

impl Running {
    fn order(&self, order: Order) {
        self.orders.send_if_modified(|wanted| {
            match (*wanted, order) {
                // Why it ends stays as it is; only how soon may change.
                (Order::Stop(stop), Order::Kill(_)) => *wanted = Order::Kill(stop),
                (Order::Stop(_) | Order::Kill(_), _) => return false,
                (before, after) if before == after => return false,
                _ => *wanted = order,
            }
            true
        });
    }
}

impl Place {
    /// Says what it is at now.
    pub(crate) fn enter_phase(&self, phase: Phase) {
        let percent = self.display.shown().percent;
        self.display.show(Progress { phase, percent, ..Progress::default() });
    }

    /// Gives its capacity back: nothing of it is alive any more. It stays on the roster, for
    /// orders and against another of the same name, until it is dropped.
    pub(crate) fn release(&self) {
        let mut inner = self.roster.lock();
        self.roster.promise(&mut inner, |ledger| ledger.credit(self.attempt));
    }

    /// Leaves the attempt to the next life of the node. It stays on the roster, with what it was promised, so that its
    /// lease is renewed to the end and nobody settles it meanwhile.
    pub(crate) fn leave(mut self, job: JobNumber, rest: Rest) {
        self.kept = true;
        if let Some(running) = self.roster.lock().running.get_mut(&self.attempt) {
            running.left = Some((job, rest));
        }
    }

    /// Where it says how it gets on.
    pub(crate) fn display(&self) -> Display {
        self.display.clone()
    }

    /// Asks for up to `wanted` memory instead of what it has, and answers what it has then: what
    /// it had at least, and no more than there is.
    pub(crate) fn grow(&self, wanted: Bytes) -> Bytes {
        let mut inner = self.roster.lock();
        self.roster
            .promise(&mut inner, |ledger| ledger.grow(self.attempt, wanted))
    }
}

impl Display {
    /// What is shown.
    pub(crate) fn shown(&self) -> Progress {
        lock(&self.0).clone()
    }

    /// Says how it gets on.
    pub(crate) fn show(&self, progress: Progress) {
        *lock(&self.0) = progress;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let mut inner = self.roster.lock();
        inner.running.remove(&self.attempt);
        self.roster.promise(&mut inner, |ledger| ledger.credit(self.attempt));
    }
}

/// What is under these locks is whole after every statement, so that a panic elsewhere spoils
/// nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use ffleet_types::{Fence, JobId, TaskId};

    use super::*;

    const ATTEMPT: AttemptId =
        AttemptId { task: TaskId::whole(JobId::from_bits(1)), fence: Fence::FIRST };
    const ONE: Capacity =
        Capacity { cpu: ffleet_types::Cpu(0), memory: Bytes(0), scratch: Bytes(0), tasks: 1 };

    #[test]
    fn assignment_that_came_twice_has_one_place() {
        let roster = Roster::new(Capacity { tasks: 2, ..ONE }, &Arc::default());
        let place = roster.enter(ATTEMPT, ONE).unwrap();
        assert_eq!(roster.enter(ATTEMPT, ONE).unwrap_err(), NoPlace::Has);
        drop(place);
        assert!(roster.is_empty() && roster.enter(ATTEMPT, ONE).is_ok());
    }

    #[test]
    fn full_node_gives_no_place() {
        let roster = Roster::new(ONE, &Arc::default());
        let _place = roster.enter(ATTEMPT, ONE).unwrap();
        let next = AttemptId { fence: ATTEMPT.fence.next(), ..ATTEMPT };
        assert!(matches!(roster.enter(next, ONE), Err(NoPlace::Full(_))));
        assert!(roster.has(ATTEMPT) && !roster.has(next));
    }

    #[test]
    fn job_gets_no_memory_that_a_ring_has() {
        let holdings = Arc::default();
        let need = Capacity { memory: Bytes::mib(60), ..ONE };
        let roster = Roster::new(Capacity { memory: Bytes::mib(100), tasks: 9, ..ONE }, &holdings);
        let ring = holdings.hold(Bytes::mib(50)).unwrap();
        let Err(NoPlace::Full(free)) = roster.enter(ATTEMPT, need) else {
            panic!("60 of 50 MiB");
        };
        assert_eq!((free.memory, roster.rings()), (Bytes::mib(50), Bytes::mib(50)));
        drop(ring);
        let place = roster.enter(ATTEMPT, need).unwrap();
        holdings.hold(Bytes::mib(50)).unwrap_err();
        let _ring = holdings.hold(Bytes::mib(30)).unwrap();
        assert_eq!(place.grow(Bytes::mib(100)), Bytes::mib(70), "as far as there is any");
        place.release();
        drop(holdings.hold(Bytes::mib(70)).unwrap());
    }

    #[test]
    fn nothing_leads_back_from_stopping() {
        let roster = Roster::new(ONE, &Arc::default());
        let place = roster.enter(ATTEMPT, ONE).unwrap();
        assert!(roster.order(ATTEMPT, Order::Pause));
        roster.stop_all(Stop::Canceled);
        assert!(roster.order(ATTEMPT, Order::Run));
        roster.stop_all(Stop::Interrupted);
        assert_eq!(*place.orders.borrow(), Order::Stop(Stop::Canceled));
        roster.kill_all(Stop::Interrupted);
        assert_eq!(
            *place.orders.borrow(),
            Order::Kill(Stop::Canceled),
            "sooner, for the same reason"
        );
    }

    #[test]
    fn attempt_that_is_left_stays_on_the_roster_with_what_it_was_promised() {
        let roster = Roster::new(Capacity { tasks: 2, ..ONE }, &Arc::default());
        let other = AttemptId { fence: ATTEMPT.fence.next(), ..ATTEMPT };
        roster.enter(ATTEMPT, ONE).unwrap().leave(JobNumber(7), Rest::Child);
        roster.enter(other, ONE).unwrap().leave(JobNumber(8), Rest::Files);
        assert!(roster.has(ATTEMPT) && roster.has(other));
        assert_eq!(roster.left(), [JobNumber(7)], "of the other nothing runs");
        let third = AttemptId { fence: other.fence.next(), ..ATTEMPT };
        assert!(matches!(roster.enter(third, ONE), Err(NoPlace::Full(_))));
    }
}
