//! Putting on disk what the writer has committed, and answering.
//!
//! SQLite writes a commit to the write-ahead log and, at `synchronous=NORMAL`, leaves its sync to
//! us: what `FULL` would do at that place, one `fdatasync` of the log, is done here. Nobody is
//! answered before it. SQLite itself still syncs the log before it folds it into the database, and
//! the database before it begins the log anew, so that a file is sound at every moment.
//!
//! Where the next group is large already, a thread does it while the writer performs that one.
//! Where few calls come, the writer does it itself: the next ones gather meanwhile, and a commit
//! for each handful would cost more of the CPUs than it saves of the disk's time.
//!
//! After a sync that failed, the kernel may take what it could not write for written: what the
//! log holds is in doubt, and trying again proves nothing. So nothing more is taken until the
//! store is opened again, which reads the log with its checksums.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ffleet_base::Clock;

use super::pulse::Pulse;
use super::writer::AnyCall;
use crate::error::Error;
use crate::rows::Counts;

/// Calls that share a commit, which has been made.
pub(super) struct Group {
    pub(super) calls: Vec<Box<dyn AnyCall>>,
    /// How many jobs are in each state after it.
    pub(super) counts: Counts,
    /// When their transaction began.
    pub(super) began: Duration,
}

/// What syncing takes.
pub(super) struct Bench {
    dir: Box<Path>,
    /// The write-ahead log. One sync at a time: of two at once, only one is told of an error.
    log: Mutex<File>,
    pulse: Arc<Pulse>,
    clock: Arc<dyn Clock>,
    trouble: OnceLock<Error>,
}

/// The way to the thread, and past it.
pub(super) struct Syncer {
    bench: Arc<Bench>,
    groups: Option<SyncSender<Group>>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    /// Starts the thread. It ends when it is finished with, or dropped.
    pub(super) fn start(bench: Bench) -> io::Result<Self> {
        let bench = Arc::new(bench);
        // Of no capacity: while one group syncs, the next is performed, and waits here until the
        // sync is over. A longer line would only cut the groups smaller.
        let (groups, inbox) = sync_channel::<Group>(0);
        let with = Arc::clone(&bench);
        let thread =
            std::thread::Builder::new()
                .name("store-sync".to_owned())
                .spawn(move || {
                    for group in inbox {
                        with.settle(group);
                    }
                })?;
        Ok(Self { bench, groups: Some(groups), thread: Some(thread) })
    }

    /// Why nothing more can be taken, once a sync has failed.
    pub(super) fn trouble(&self) -> Option<Error> {
        self.bench.trouble.get().cloned()
    }

    /// Puts a group on disk and answers it.
    pub(super) fn settle(&self, group: Group) {
        self.bench.settle(group);
    }

    /// Has a group put on disk and answered, once the one before it is.
    pub(super) fn hand_over(&self, group: Group) {
        if let Some(groups) = &self.groups
            && let Err(unsent) = groups.send(group)
        {
            // The thread is gone, which takes a panic in it.
            self.bench.settle(unsent.0);
        }
    }

    /// Waits until everything that was handed over is answered.
    pub(super) fn finish(&mut self) {
        drop(self.groups.take());
        if let Some(thread) = self.thread.take() {
            // What a panic there left unanswered has been told by its dropped ways back.
            let _ended = thread.join();
        }
    }
}

impl Bench {
    pub(super) fn new(dir: &Path, log: File, pulse: &Arc<Pulse>, clock: &Arc<dyn Clock>) -> Self {
        Self {
            dir: dir.into(),
            log: Mutex::new(log),
            pulse: Arc::clone(pulse),
            clock: Arc::clone(clock),
            trouble: OnceLock::new(),
        }
    }

    fn settle(&self, group: Group) {
        match self.sync() {
            Ok(()) => {
                let took = self.clock.monotonic().saturating_sub(group.began);
                self.pulse.committed(group.counts, group.calls.len(), took);
                for call in group.calls {
                    call.acknowledge();
                }
            }
            Err(error) => {
                self.pulse.failed();
                for call in group.calls {
                    call.fail(error.clone());
                }
            }
        }
    }

    fn sync(&self) -> Result<(), Error> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        // What was committed while the sync before it failed is in doubt as well.
        if let Some(error) = self.trouble.get() {
            return Err(error.clone());
        }
        log.sync_data().map_err(|source| {
            let error = Error::unsynced(&self.dir, source);
            self.trouble.get_or_init(|| error).clone()
        })
    }
}
