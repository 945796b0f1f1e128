//! What of a node's memory is promised to what is no child: the rings of live bytes, which are this
//! process's own, beside the jobs that the worker has taken.
//!
//! Both are debited here, under one lock, so that their sum never passes what there is: a ring that does not fit
//! beside the jobs is refused, and a job sees what the rings have left.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ffleet_types::Bytes;

/// The account. Without a bound, until [`bound`](Self::bound) sets one.
#[derive(Debug, Default)]
pub struct Holdings(Mutex<Sums>);

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    whole: Option<Bytes>,
    jobs: Bytes,
    rings: Bytes,
}

/// A ring's memory, given back when this is dropped.
#[derive(Debug)]
pub struct Held {
    account: Arc<Holdings>,
    size: Bytes,
}

/// A ring does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "its ring of {} does not fit into the node's memory: of {}, {} are promised to jobs and {} to other \
     rings; lower `ring-bytes`, or raise `worker.memory`",
    size.human(), whole.human(), jobs.human(), rings.human()
)]
pub struct NoRoom {
    size: Bytes,
    whole: Bytes,
    jobs: Bytes,
    rings: Bytes,
}

impl Holdings {
    fn lock(&self) -> MutexGuard<'_, Sums> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets what there is for jobs and rings together.
    pub fn bound(&self, whole: Bytes) {
        self.lock().whole = Some(whole);
    }

    /// Debits a ring.
    ///
    /// # Errors
    ///
    /// If it does not fit now. Nothing is debited then.
    pub fn hold(self: &Arc<Self>, size: Bytes) -> Result<Held, NoRoom> {
        let mut sums = self.lock();
        let Sums { whole, jobs, rings } = *sums;
        let wanted = Bytes(rings.0.saturating_add(size.0));
        match whole {
            Some(whole) if wanted.0.saturating_add(jobs.0) > whole.0 => {
                Err(NoRoom { size, whole, jobs, rings })
            }
            _ => {
                sums.rings = wanted;
                Ok(Held { account: Arc::clone(self), size })
            }
        }
    }

    /// Has `change` promise memory to jobs, which knows what the rings have and answers what all jobs have
    /// then.
    pub fn jobs<T>(&self, change: impl FnOnce(Bytes) -> (T, Bytes)) -> T {
        let mut sums = self.lock();
        let (answer, jobs) = change(sums.rings);
        sums.jobs = jobs;
        answer
    }

    /// What the rings have.
    #[must_use]
    pub fn rings(&self) -> Bytes {
        self.lock().rings
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut sums = self.account.lock();
        sums.rings = Bytes(sums.rings.0.saturating_sub(self.size.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_and_jobs_share_what_there_is() {
        let account = Arc::new(Holdings::default());
        let before = account.hold(Bytes::gib(64)).expect("nothing bounds it yet");
        drop(before);
        account.bound(Bytes::mib(100));
        account.jobs(|rings| {
            assert_eq!(rings, Bytes(0));
            ((), Bytes::mib(80))
        });
        let one = account.hold(Bytes::mib(15)).unwrap();
        let told = account.hold(Bytes::mib(8)).unwrap_err().to_string();
        for part in ["ring of 8.00 MiB", "of 100 MiB, 80.0 MiB", "15.0 MiB to other rings"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(account.rings(), Bytes::mib(15), "what was refused is not debited");
        drop(one);
        let all = account.hold(Bytes::mib(20)).unwrap();
        assert_eq!(account.jobs(|rings| (rings, Bytes(0))), Bytes::mib(20));
        drop(all);
        assert_eq!(account.rings(), Bytes(0));
    }

    #[test]
    fn ring_of_any_size_is_refused_without_overflow() {
        let account = Arc::new(Holdings::default());
        account.bound(Bytes(u64::MAX));
        let _all = account.hold(Bytes(u64::MAX)).unwrap();
        account.jobs(|_| ((), Bytes(1)));
        account.bound(Bytes::mib(1));
        account.hold(Bytes(u64::MAX)).unwrap_err();
    }
}
