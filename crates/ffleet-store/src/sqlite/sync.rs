//! The thread that puts on disk what the writer has committed, and answers.
//!
//! SQLite writes a commit to the write-ahead log and, at `synchronous=NORMAL`, leaves its sync to
//! us: what `FULL` would do at that place, one `fdatasync` of the log, is done here, while the
//! writer performs the next group. Nobody is answered before it. SQLite itself still syncs the
//! log before it folds it into the database, and the database before it begins the log anew, so
//! that a file is sound at every moment.
//!
//! After a sync that failed, the kernel may take what it could not write for written: what the
//! log holds is in doubt, and trying again proves nothing. So nothing more is taken until the
//! store is opened again, which reads the log with its checksums.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
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

/// What the thread has.
pub(super) struct Bench {
    pub(super) dir: Box<Path>,
    /// The write-ahead log.
    pub(super) log: File,
    pub(super) pulse: Arc<Pulse>,
    pub(super) clock: Arc<dyn Clock>,
}

/// The way to the thread.
pub(super) struct Syncer {
    groups: Option<SyncSender<Group>>,
    thread: Option<JoinHandle<()>>,
    trouble: Arc<OnceLock<Error>>,
}

impl Syncer {
    /// Starts the thread. It ends when it is finished with, or dropped.
    pub(super) fn start(bench: Bench) -> io::Result<Self> {
        // Of no capacity: while one group syncs, the next is performed, and waits here until the
        // sync is over. A longer line would only cut the groups smaller.
        let (groups, inbox) = sync_channel(0);
        let trouble = Arc::new(OnceLock::new());
        let found = Arc::clone(&trouble);
        let thread = std::thread::Builder::new()
            .name("store-sync".to_owned())
            .spawn(move || bench.work(&inbox, &found))?;
        Ok(Self { groups: Some(groups), thread: Some(thread), trouble })
    }

    /// Why nothing more can be taken, once a sync has failed.
    pub(super) fn trouble(&self) -> Option<Error> {
        self.trouble.get().cloned()
    }

    /// Has a group put on disk and answered.
    pub(super) fn take(&self, group: Group) {
        if let Some(groups) = &self.groups
            && let Err(unsent) = groups.send(group)
        {
            // The thread is gone, which takes a panic in it.
            for call in unsent.0.calls {
                call.fail(Error::Closed);
            }
        }
    }

    /// Waits until everything that was taken is answered.
    pub(super) fn finish(&mut self) {
        drop(self.groups.take());
        if let Some(thread) = self.thread.take() {
            // What a panic there left unanswered has been told by its dropped ways back.
            let _ended = thread.join();
        }
    }
}

impl Bench {
    fn work(self, inbox: &Receiver<Group>, trouble: &OnceLock<Error>) {
        for group in inbox {
            let outcome = match trouble.get() {
                // Its commit was under way when the one before it failed.
                Some(error) => Err(error.clone()),
                None => self.log.sync_data().map_err(|source| {
                    let error = Error::unsynced(&self.dir, source);
                    trouble.get_or_init(|| error).clone()
                }),
            };
            self.answer(group, outcome);
        }
    }

    fn answer(&self, group: Group, outcome: Result<(), Error>) {
        match outcome {
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
}
