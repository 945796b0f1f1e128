//! What happens, for whoever watches.
//!
//! A change of a job is noted here by its id alone. Where somebody watches, the job is read from
//! the store once for all its changes of the last moment and sent to everybody; where nobody
//! does, nothing is read. A burst that is larger than a watcher could follow is answered with
//! "you missed some", after which a watcher reads anew what it shows.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use ffleet_api::event::Event;
use ffleet_types::{JobId, TenantId};
use tokio::sync::{Notify, broadcast, watch};

/// Events a watcher may be behind.
const CAPACITY: usize = 1_024;
/// Jobs whose changes are read one by one; more at once are a burst.
const BURST: usize = 256;

/// What is said, and whose work it is about.
#[derive(Debug)]
pub(crate) struct Said {
    /// Nothing where it is nobody's.
    pub(crate) tenant: Option<TenantId>,
    pub(crate) event: Event,
}

/// What happens. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    events: broadcast::Sender<Arc<Said>>,
    changes: Arc<watch::Sender<u64>>,
    dirty: Arc<Mutex<BTreeSet<JobId>>>,
    wake: Arc<Notify>,
}

/// What has changed since the last look.
pub(crate) enum Changed {
    /// These jobs.
    Jobs(Vec<JobId>),
    /// So many that nobody could follow.
    Burst(u64),
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self {
            events: broadcast::Sender::new(CAPACITY),
            changes: Arc::new(watch::Sender::new(0)),
            dirty: Arc::default(),
            wake: Arc::default(),
        }
    }

    /// Whether anybody watches.
    pub(crate) fn is_watched(&self) -> bool {
        self.events.receiver_count() > 0
    }

    /// How many watch.
    pub(crate) fn watchers(&self) -> usize {
        self.events.receiver_count()
    }

    /// A job has changed.
    pub(crate) fn changed(&self, job: JobId) {
        if self.changes.receiver_count() > 0 {
            self.changes.send_modify(|count| *count = count.wrapping_add(1));
        }
        if !self.is_watched() {
            return;
        }
        let mut dirty = self.dirty.lock().unwrap_or_else(PoisonError::into_inner);
        // One past the burst is enough to know that it is one.
        if dirty.len() <= BURST {
            dirty.insert(job);
        }
        drop(dirty);
        self.wake.notify_one();
    }

    /// Says what is known to everybody who watches and may know of it.
    pub(crate) fn say(&self, tenant: Option<TenantId>, event: Event) {
        if self.is_watched() {
            // An error means that the last watcher has just left.
            drop(self.events.send(Arc::new(Said { tenant, event })));
        }
    }

    /// Watches from now on.
    pub(crate) fn watch(&self) -> broadcast::Receiver<Arc<Said>> {
        self.events.subscribe()
    }

    /// Wakes at every change of any job.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Waits until something has changed, and takes it.
    pub(crate) async fn next(&self) -> Changed {
        loop {
            let dirty =
                std::mem::take(&mut *self.dirty.lock().unwrap_or_else(PoisonError::into_inner));
            match dirty.len() {
                0 => self.wake.notified().await,
                1..=BURST => return Changed::Jobs(dirty.into_iter().collect()),
                count => return Changed::Burst(count as u64),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn changes_of_a_moment_are_one() {
        let feed = Feed::new();
        let _watcher = feed.watch();
        let job = JobId::from_bits(7);
        feed.changed(job);
        feed.changed(job);
        assert!(matches!(feed.next().await, Changed::Jobs(jobs) if jobs == [job]));
    }

    #[tokio::test]
    async fn burst_is_said_to_be_one() {
        let feed = Feed::new();
        let _watcher = feed.watch();
        (0..1_000).for_each(|id| feed.changed(JobId::from_bits(id)));
        assert!(matches!(feed.next().await, Changed::Burst(_)));
    }

    #[test]
    fn where_nobody_watches_nothing_is_kept() {
        let feed = Feed::new();
        feed.changed(JobId::from_bits(1));
        assert!(feed.dirty.lock().unwrap().is_empty());
    }
}
