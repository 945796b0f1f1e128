//! What is known of viewers: who they are, what they got, what they missed. Totals outlive them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ffleet_types::Timestamp;

/// The viewers of one stream.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    open: Mutex<BTreeMap<u64, Arc<Account>>>,
    next: AtomicU64,
    /// Of those who have left.
    delivered: AtomicU64,
    skips: AtomicU64,
    cut: AtomicU64,
    came: AtomicU64,
    /// The stream is gone, and its viewers are to go.
    closed: AtomicBool,
}

/// One viewer.
#[derive(Debug)]
pub(crate) struct Account {
    number: u64,
    of: Arc<Accounts>,
    /// Where they are.
    pub(crate) peer: SocketAddr,
    /// Since when.
    pub(crate) since: Timestamp,
    delivered: AtomicU64,
    skips: AtomicU64,
    lag: AtomicU64,
}

/// What a viewer is told by when it leaves: dropped, its account is closed.
#[derive(Debug)]
pub(crate) struct Open(Arc<Account>);

/// A moment of a stream's accounts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) viewers: u64,
    pub(crate) came: u64,
    pub(crate) delivered: u64,
    pub(crate) skips: u64,
    pub(crate) cut: u64,
}

impl Accounts {
    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Account>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens an account, if there are fewer than `most`.
    pub(crate) fn enter(
        self: &Arc<Self>,
        peer: SocketAddr,
        since: Timestamp,
        most: Option<u32>,
    ) -> Option<Open> {
        let mut open = self.open();
        if most.is_some_and(|most| open.len() >= most as usize) {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.came.fetch_add(1, Ordering::Relaxed);
        let account = Arc::new(Account {
            number,
            of: Arc::clone(self),
            peer,
            since,
            delivered: AtomicU64::new(0),
            skips: AtomicU64::new(0),
            lag: AtomicU64::new(0),
        });
        open.insert(number, Arc::clone(&account));
        Some(Open(account))
    }

    /// Has all viewers leave.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Whether they are to leave.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Counts a viewer that was cut off for its slowness.
    pub(crate) fn note_cut(&self) {
        self.cut.fetch_add(1, Ordering::Relaxed);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.open().len()
    }

    /// Those who are there, the first `most`.
    pub(crate) fn list(&self, most: usize) -> Vec<Arc<Account>> {
        self.open().values().take(most).cloned().collect()
    }

    /// All there are and were.
    pub(crate) fn totals(&self) -> Totals {
        let open = self.open();
        let sum = |of: fn(&Account) -> u64| open.values().map(|account| of(account)).sum::<u64>();
        Totals {
            viewers: open.len() as u64,
            came: self.came.load(Ordering::Relaxed),
            delivered: self.delivered.load(Ordering::Relaxed) + sum(Account::delivered),
            skips: self.skips.load(Ordering::Relaxed) + sum(Account::skips),
            cut: self.cut.load(Ordering::Relaxed),
        }
    }
}

impl Account {
    /// Which it is of all that ever came, from 0.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// Bytes that the kernel has taken for it.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// How often it fell out of the ring.
    pub(crate) fn skips(&self) -> u64 {
        self.skips.load(Ordering::Relaxed)
    }

    /// Bytes that it was behind when it was last looked at.
    pub(crate) fn lag(&self) -> u64 {
        self.lag.load(Ordering::Relaxed)
    }

    /// Notes how it stands.
    pub(crate) fn note(&self, delivered: u64, skips: u64, lag: u64) {
        self.delivered.store(delivered, Ordering::Relaxed);
        self.skips.store(skips, Ordering::Relaxed);
        self.lag.store(lag, Ordering::Relaxed);
    }

    /// The stream's.
    pub(crate) const fn of(&self) -> &Arc<Accounts> {
        &self.of
    }
}

impl std::ops::Deref for Open {
    type Target = Account;

    fn deref(&self) -> &Account {
        &self.0
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let accounts = Arc::clone(&self.0.of);
        let mut open = accounts.open();
        open.remove(&self.0.number);
        accounts.delivered.fetch_add(self.0.delivered(), Ordering::Relaxed);
        accounts.skips.fetch_add(self.0.skips(), Ordering::Relaxed);
    }
}
