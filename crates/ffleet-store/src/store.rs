//! The store: one value that every role shares.

use std::path::Path;
use std::sync::Arc;

use ffleet_base::{Clock, SystemClock};
use ffleet_types::node::{Description, Order};
use ffleet_types::task::Change;
use ffleet_types::{Bytes, JobNumber, JobRef, NodeId, TenantId, Timestamp};

use crate::error::{BackupError, Error, OpenError};
use crate::rows::{ActiveTask, Counts, Filter, JobRow, Listed, NodeRow, Page, Vitals};
use crate::sqlite::Sqlite;
use crate::verbs::{
    Accepted, Cancel, Canceled, Claim, Decline, Finish, Idempotency, NewJob, Prune, Pruned,
    Refusal, Reject, Report, Requeue, Seal, SubmitRefusal,
};

/// How the store is to be kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// Memory for pages of the database, for the writer; each reader has a quarter of it.
    pub cache: Bytes,
    /// Reads that may go on at once. Further ones wait for their turn.
    pub readers: usize,
    /// Most calls in one commit. 1 is one commit per call, each synced before the next, which is
    /// for measuring.
    pub group: usize,
    /// Whether the whole database is looked through when it is opened, which takes about a
    /// second per 200 MB. A crash does not call for it: the write-ahead log is made for that.
    pub check: bool,
    /// What commits are timed by.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache: Bytes::mib(8),
            readers: 4,
            group: 1_024,
            check: false,
            clock: Arc::new(SystemClock),
        }
    }
}

/// Durable state. Clones share it.
#[derive(Clone, Debug)]
pub enum Store {
    /// In a file on this machine.
    Sqlite(Sqlite),
}

/// What a list of items came to: each has an answer of its own, in the order of the items.
type Answers<T, R> = Result<Vec<Result<T, R>>, Error>;

macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident($item:ty) -> $answer:ty, $refusal:ty;)*) => {
        /// Writes. Each answers once it is on disk.
        ///
        /// # Errors
        ///
        /// The outer error is the store's own: nothing of the call is known to be on disk, and
        /// repeating it does no harm. The inner ones are refusals of single items.
        impl Store {$(
            $(#[$doc])*
            ///
            /// # Errors
            ///
            /// [`Error`], for all items, if the store cannot write.
            pub async fn $name(&self, items: Vec<$item>) -> Answers<$answer, $refusal> {
                match self {
                    Self::Sqlite(store) => store.$name(items).await,
                }
            }
        )*}
    };
}

verbs! {
    /// Accepts jobs. Each gets the next number, and one task, which is queued.
    submit(NewJob) -> Accepted, SubmitRefusal;
    /// Promises queued tasks to nodes.
    claim(Claim) -> Change, Refusal;
    /// Records that attempts have begun.
    start(Report) -> Change, Refusal;
    /// Gives assigned tasks back.
    decline(Decline) -> Change, Refusal;
    /// Records that attempts are frozen.
    pause(Report) -> Change, Refusal;
    /// Records that they run again.
    resume(Report) -> Change, Refusal;
    /// Makes each of these attempts the only one that may publish. Refused if it is superseded,
    /// does not run, or somebody has asked for its job to stop. [`Change::Already`] for one that
    /// is sealed; else the edge to `running` if that was recorded with it, or `running` to
    /// `running`.
    seal(Seal) -> Change, Refusal;
    /// Records how attempts ended, and what follows. A job that was asked to stop is not tried
    /// again: it then ends as canceled, and the answer says so. Refused to the controller for an
    /// attempt that is sealed: that one ends only by what its node reports.
    finish(Finish) -> Change, Refusal;
    /// Queues tasks whose pause is over.
    requeue(Requeue) -> Change, Refusal;
    /// Rejects queued tasks.
    reject(Reject) -> Change, Refusal;
    /// Cancels jobs, or asks for what runs of them to stop.
    cancel(Cancel) -> Canceled, Refusal;
}

impl Store {
    /// Opens the store in `dir`, which is made if it is missing, and brings its schema up to
    /// date. The file is readable by its owner alone. Blocks; takes some 20 ms.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: the directory cannot be used, another process has the store open, a newer
    /// version has written it, or it is damaged.
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        Sqlite::open(dir, options).map(Self::Sqlite)
    }

    /// Finishes what was asked for, folds the write-ahead log into the database and closes both.
    /// Later calls, also those of clones, fail with [`Error::Closed`].
    ///
    /// # Errors
    ///
    /// [`Error`] if the log could not be folded in; nothing is lost, it is kept beside the database.
    pub async fn close(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(store) => store.close().await,
        }
    }

    /// Records a node that registers. What is wanted of it stays as it was.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot write.
    pub async fn upsert_node(
        &self,
        id: NodeId,
        description: Description,
        at: Timestamp,
    ) -> Result<(), Error> {
        match self {
            Self::Sqlite(store) => store.upsert_node(id, description, at).await,
        }
    }

    /// Records what is wanted of a node. False if it is not known.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot write.
    pub async fn order_node(&self, id: NodeId, order: Order) -> Result<bool, Error> {
        match self {
            Self::Sqlite(store) => store.order_node(id, order).await,
        }
    }

    /// Removes finished jobs, oldest first, and says which. Call it again while it answers as
    /// many as the limit.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot write.
    pub async fn prune(&self, policy: Prune) -> Result<Vec<Pruned>, Error> {
        match self {
            Self::Sqlite(store) => store.prune(policy).await,
        }
    }

    /// Writes something small and waits until it is on disk: whether the store works.
    ///
    /// # Errors
    ///
    /// [`Error`], which says why not.
    pub async fn writable(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite(store) => store.writable().await,
        }
    }
}

/// Reads. They see everything that was acknowledged before they were called, and may see what is
/// about to be.
impl Store {
    /// Everything about one job.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot be read.
    pub async fn job(&self, job: JobRef) -> Result<Option<JobRow>, Error> {
        match self {
            Self::Sqlite(store) => store.job(job).await,
        }
    }

    /// What a submission of this tenant with this idempotency key would be answered without
    /// being accepted: the job that an earlier one has become, a refusal if the key stands for
    /// other work, or nothing if it is new.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot be read.
    pub async fn earlier(
        &self,
        tenant: TenantId,
        same: Idempotency,
    ) -> Result<Option<Result<Accepted, SubmitRefusal>>, Error> {
        match self {
            Self::Sqlite(store) => store.earlier(tenant, same).await,
        }
    }

    /// A page of the jobs that `filter` lets through, newest first.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot be read.
    pub async fn jobs(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        match self {
            Self::Sqlite(store) => store.jobs(filter, page).await,
        }
    }

    /// Tasks that are not at their end, in the order of acceptance: at most `limit` of those
    /// after job `after`. A page at a time, so that a long queue is never whole in memory here.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot be read.
    pub async fn active(
        &self,
        after: Option<JobNumber>,
        limit: usize,
    ) -> Result<Vec<ActiveTask>, Error> {
        match self {
            Self::Sqlite(store) => store.active(after, limit).await,
        }
    }

    /// All nodes that ever registered, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot be read.
    pub async fn nodes(&self) -> Result<Vec<NodeRow>, Error> {
        match self {
            Self::Sqlite(store) => store.nodes().await,
        }
    }

    /// How many jobs are in each state, as of the last commit. Reads nothing: it is kept.
    #[must_use]
    pub fn counts(&self) -> Counts {
        match self {
            Self::Sqlite(store) => store.counts(),
        }
    }

    /// How the store is doing.
    #[must_use]
    pub fn vitals(&self) -> Vitals {
        match self {
            Self::Sqlite(store) => store.vitals(),
        }
    }

    /// Copies the store, as it is now, to a new file, while it is in use. The copy is checked
    /// before it gets its name, and nothing is overwritten. To restore, put it in an empty
    /// directory as `ffleet.db`.
    ///
    /// # Errors
    ///
    /// [`BackupError`]; nothing is left at `to`.
    pub async fn backup(&self, to: &Path) -> Result<(), BackupError> {
        match self {
            Self::Sqlite(store) => store.backup(to.to_owned()).await,
        }
    }
}
