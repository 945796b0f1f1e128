//! The store in one file on this machine.
//!
//! One thread owns the connection that writes ([`writer`]); a few connections that only read are
//! lent to whoever asks ([`reader`]). Callers turn what they ask for into what the tables hold
//! before it goes to the writer, so that nothing is serialised on its thread.

mod access;
mod backup;
mod cancel;
mod code;
mod deeds;
mod list;
mod live;
mod members;
mod moves;
mod node;
mod opening;
mod prune;
mod pulse;
mod read;
mod reader;
mod row;
mod schema;
mod seal;
mod submit;
mod sync;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ffleet_types::node::{Description, Order};
use ffleet_types::task::Change;
use ffleet_types::{JobNumber, JobRef, NodeId, TenantId, Timestamp};

use crate::error::{BackupError, Error, OpenError};
use crate::rows::{ActiveTask, Counts, Filter, JobRow, Listed, NodeRow, Page, Vitals};
use crate::store::Options;
use crate::verbs::{
    Accepted, Cancel, Canceled, Claim, Decline, Finish, Idempotency, NewJob, Prune, Pruned,
    Refusal, Reject, Report, Requeue, Seal, SubmitRefusal,
};
use moves::{Move, Moves};
use pulse::Pulse;
use reader::Readers;
use writer::Writer;

/// The name of the database in its directory.
const FILE: &str = "ffleet.db";

/// A store in a file. Clones share it.
#[derive(Clone, Debug)]
pub struct Sqlite {
    writer: Writer,
    readers: Arc<Readers>,
    pulse: Arc<Pulse>,
    path: Arc<PathBuf>,
}

impl Sqlite {
    pub(crate) fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        opening::open(dir, options)
    }

    pub(crate) async fn close(self) -> Result<(), Error> {
        self.readers.close();
        self.writer.close().await
    }

    pub(crate) async fn submit(
        &self,
        jobs: Vec<NewJob>,
    ) -> Result<Vec<Result<Accepted, SubmitRefusal>>, Error> {
        self.writer.write(submit::Submit::new(jobs)).await
    }

    async fn moves<T>(
        &self,
        items: Vec<T>,
        to_move: impl Fn(T) -> Move,
    ) -> Result<Vec<Result<Change, Refusal>>, Error> {
        self.writer.write(Moves(items.into_iter().map(to_move).collect())).await
    }

    pub(crate) async fn claim(
        &self,
        items: Vec<Claim>,
    ) -> Result<Vec<Result<Change, Refusal>>, Error> {
        self.moves(items, Move::claim).await
    }

    pub(crate) async fn start(
        &self,
        items: Vec<Report>,
    ) -> Result<Vec<Result<Change, Refusal>>, Error> {
        self.moves(items, Move::start).await
    }

    pub(crate) async fn decline(
        &self,
        items: Vec<Decline>,
    ) -> Result<Vec<Result<Change, Refusal>>, Error> {
        self.moves(items, Move::decline).await
    }

    pub(crate) async fn pause(
        &self,
        items: Vec<Report>,
    ) -> Result<Vec<Result<Change, Refusal>>, Error> {
        self.moves(items, Move::pause).await
    }

    pub(crate) async fn resume(
        &self,
        items: Vec<Report>,
    ) -> Result<Vec<Result<Change, Refusal>>, Error> {
        self.moves(items, Move::resume).await
    }

    pub(crate) async fn finish(
        &self,
        items: Vec<Finish>,
    ) -> Result<Vec<Result<Change, Refusal>>, Error> {
        self.moves(items, Move::finish).await
    }

    pub(crate) async fn requeue(
        &self,
        items: Vec<Requeue>,
    ) -> Result<Vec<Result<Change, Refusal>>, Error> {
        self.moves(items, Move::requeue).await
    }

    pub(crate) async fn reject(
        &self,
        items: Vec<Reject>,
    ) -> Result<Vec<Result<Change, Refusal>>, Error> {
        self.moves(items, Move::reject).await
    }

    pub(crate) async fn seal(
        &self,
        items: Vec<Seal>,
    ) -> Result<Vec<Result<Change, Refusal>>, Error> {
        self.writer.write(seal::Seals::new(items)).await
    }

    pub(crate) async fn cancel(
        &self,
        items: Vec<Cancel>,
    ) -> Result<Vec<Result<Canceled, Refusal>>, Error> {
        self.writer.write(cancel::Cancels(items)).await
    }

    pub(crate) async fn upsert_node(
        &self,
        id: NodeId,
        description: Description,
        at: Timestamp,
    ) -> Result<(), Error> {
        self.writer.write(node::Upsert::new(id, &description, at)).await
    }

    pub(crate) async fn order_node(&self, id: NodeId, order: Order) -> Result<bool, Error> {
        self.writer.write(node::Command { id, order }).await
    }

    pub(crate) async fn prune(&self, policy: Prune) -> Result<Vec<Pruned>, Error> {
        self.writer.write(prune::Slice(policy)).await
    }

    pub(crate) async fn writable(&self) -> Result<(), Error> {
        self.writer.write(pulse::Beat).await
    }

    pub(crate) async fn job(&self, job: JobRef) -> Result<Option<JobRow>, Error> {
        self.readers.read(move |conn| read::job(conn, job)).await
    }

    pub(crate) async fn earlier(
        &self,
        tenant: TenantId,
        same: Idempotency,
    ) -> Result<Option<Result<Accepted, SubmitRefusal>>, Error> {
        let found = self
            .readers
            .read(move |conn| submit::earlier(conn, tenant.as_str(), &same))
            .await?;
        if found.is_some() {
            // Reads see what is committed and may not be on disk yet. This one is an answer to a
            // submission, which holds whatever comes.
            self.writer.write(pulse::Nothing).await?;
        }
        Ok(found)
    }

    pub(crate) async fn jobs(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        self.readers.read(move |conn| list::jobs(conn, &filter, page)).await
    }

    pub(crate) async fn active(
        &self,
        after: Option<JobNumber>,
        limit: usize,
    ) -> Result<Vec<ActiveTask>, Error> {
        self.readers.read(move |conn| read::active(conn, after, limit)).await
    }

    pub(crate) async fn nodes(&self) -> Result<Vec<NodeRow>, Error> {
        self.readers.read(node::all).await
    }

    pub(crate) fn counts(&self) -> Counts {
        self.pulse.counts()
    }

    pub(crate) fn vitals(&self) -> Vitals {
        self.pulse.vitals(&self.path)
    }

    pub(crate) async fn backup(&self, to: PathBuf) -> Result<(), BackupError> {
        let from = Arc::clone(&self.path);
        self.readers.alongside(move || backup::copy(&from, &to)).await?
    }
}
