//! The one thread that writes, and how calls reach it.
//!
//! It sleeps until a call comes, takes everything that has come by then, performs it in one
//! transaction, and answers when that is on disk ([`sync`]). While it syncs, the next group
//! gathers; where that is large by then, another thread syncs, and this one performs it
//! meanwhile. There is no timer: an idle store does nothing, and a single call waits for nobody.
//!
//! An item that is refused has written nothing, so that groups need no savepoints. Any other
//! error undoes the whole group, and everybody in it is told.
//!
//! Why a thread, and not a lock around the connection: whoever held it would sync for itself
//! alone, and a commit that blocks must not stand on a thread of the runtime.
//!
//! [`sync`]: super::sync

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use ffleet_base::FileLock;
use ffleet_types::task::State;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::code;
use super::pulse::Pulse;
use super::row::Known;
use super::sync::{Group, Syncer};
use crate::error::Error;
use crate::rows::Counts;
use crate::store::Options;

/// Calls that may wait for the writer. Further ones wait for room here: nothing grows without end.
const WAITING: usize = 4_096;

/// Calls that are worth performing while the group before them syncs.
const LARGE: usize = 16;

/// Something to be written.
pub(super) trait Verb: Send + 'static {
    type Answer: Send + 'static;

    /// Writes it. On an error the whole group is undone.
    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<Self::Answer>;
}

/// A transaction that is under way.
pub(super) struct Writing<'a> {
    pub(super) conn: &'a Connection,
    pub(super) known: &'a mut Known,
    tally: Tally,
}

/// What the writer knows by heart, as of the last commit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    /// The highest number that any job ever had.
    pub(super) last_number: i64,
    pub(super) counts: Counts,
}

impl Writing<'_> {
    pub(super) const fn next_number(&self) -> i64 {
        self.tally.last_number + 1
    }

    pub(super) const fn took_number(&mut self, number: i64) {
        self.tally.last_number = number;
    }

    pub(super) fn keep_number(&self) -> rusqlite::Result<()> {
        self.conn
            .prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'last_number'")?
            .execute([self.tally.last_number])
            .map(drop)
    }

    pub(super) const fn appeared(&mut self, state: State) {
        self.tally.counts.0[state as usize] += 1;
    }

    pub(super) const fn vanished(&mut self, state: State) {
        self.tally.counts.0[state as usize] -= 1;
    }

    pub(super) const fn moved(&mut self, from: State, to: State) {
        self.vanished(from);
        self.appeared(to);
    }

    pub(super) fn ended(&self) -> u64 {
        self.tally.counts.ended()
    }
}

/// A verb with the way back to who asked.
struct Call<V: Verb> {
    verb: V,
    answer: Option<V::Answer>,
    reply: oneshot::Sender<Result<V::Answer, Error>>,
}

/// A [`Call`] of any verb.
pub(super) trait AnyCall: Send {
    fn perform(&mut self, to: &mut Writing<'_>) -> rusqlite::Result<()>;
    fn acknowledge(self: Box<Self>);
    fn fail(self: Box<Self>, error: Error);
}

impl<V: Verb> AnyCall for Call<V> {
    fn perform(&mut self, to: &mut Writing<'_>) -> rusqlite::Result<()> {
        self.answer = Some(self.verb.perform(to)?);
        Ok(())
    }

    fn acknowledge(self: Box<Self>) {
        let answer = self.answer.ok_or(Error::Closed);
        // Whoever asked may have gone; what was written stays.
        drop(self.reply.send(answer));
    }

    fn fail(self: Box<Self>, error: Error) {
        drop(self.reply.send(Err(error)));
    }
}

enum Order {
    Call(Box<dyn AnyCall>),
    Close(oneshot::Sender<Result<(), Error>>),
}

/// The way to the writer. Clones lead to the same one.
#[derive(Clone)]
pub(super) struct Writer {
    orders: mpsc::Sender<Order>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("waiting", &self.waiting()).finish()
    }
}

impl Writer {
    /// Starts the thread. It ends when it is closed, or nobody is left to call it.
    pub(super) fn start(desk: Desk) -> std::io::Result<Self> {
        let (orders, inbox) = mpsc::channel(WAITING);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || desk.work(inbox))?;
        Ok(Self { orders, thread: Arc::new(Mutex::new(Some(thread))) })
    }

    fn waiting(&self) -> usize {
        self.orders.max_capacity() - self.orders.capacity()
    }

    /// Performs `verb` and returns its answer once it is on disk. A caller that goes away while
    /// it waits takes nothing back.
    pub(super) async fn write<V: Verb>(&self, verb: V) -> Result<V::Answer, Error> {
        let (reply, answer) = oneshot::channel();
        let call = Box::new(Call { verb, answer: None, reply });
        self.orders
            .send(Order::Call(call))
            .await
            .map_err(|_closed| Error::Closed)?;
        answer.await.unwrap_or(Err(Error::Closed))
    }

    pub(super) async fn close(self) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        if self.orders.send(Order::Close(reply)).await.is_err() {
            return Ok(()); // Somebody else has closed it.
        }
        let outcome = answer.await.unwrap_or(Err(Error::Closed));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It has answered, and has nothing left to do but to let go of its files.
            let _ended = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        outcome
    }
}

/// What the writing thread has.
pub(super) struct Desk {
    pub(super) conn: Connection,
    pub(super) tally: Tally,
    pub(super) known: Known,
    pub(super) pulse: Arc<Pulse>,
    pub(super) dir: Box<Path>,
    pub(super) options: Options,
    pub(super) syncer: Syncer,
    /// Whether the last group could not be written: said once, not ten thousand times a second.
    pub(super) failing: bool,
    /// Held as long as the connection, and let go after it.
    pub(super) lock: FileLock,
}

impl Desk {
    fn work(mut self, mut inbox: mpsc::Receiver<Order>) {
        let mut arrived = Vec::new();
        while inbox.blocking_recv_many(&mut arrived, self.options.group.max(1)) > 0 {
            let mut closing = None;
            let mut group = Vec::with_capacity(arrived.len());
            for order in arrived.drain(..) {
                match order {
                    Order::Call(call) if closing.is_none() => group.push(call),
                    Order::Call(call) => call.fail(Error::Closed),
                    Order::Close(reply) => closing = Some(reply),
                }
            }
            if !group.is_empty() {
                self.commit(group, &inbox);
            }
            if let Some(reply) = closing {
                inbox.close();
                self.syncer.finish();
                let outcome = self.fold();
                let Self { conn, lock, .. } = self;
                drop(conn);
                drop(lock);
                drop(reply.send(outcome));
                return;
            }
        }
    }

    /// Performs a group, and has it put on disk and answered. The next one gathers in `inbox`.
    fn commit(&mut self, mut calls: Vec<Box<dyn AnyCall>>, inbox: &mpsc::Receiver<Order>) {
        let began = self.options.clock.monotonic();
        let outcome = match self.syncer.trouble() {
            Some(error) => Err(error),
            None => self
                .transact(&mut calls)
                .map_err(|source| Error::new(&self.dir, source)),
        };
        match outcome {
            Ok(tally) => {
                if self.failing {
                    tracing::info!("the store writes again");
                }
                self.failing = false;
                self.tally = tally;
                let group = Group { calls, counts: tally.counts, began };
                if inbox.len().min(self.options.group) >= LARGE {
                    self.syncer.hand_over(group);
                } else {
                    self.syncer.settle(group);
                }
            }
            Err(error) => {
                self.pulse.failed();
                if !self.failing {
                    let why = ffleet_base::chain(&error);
                    tracing::error!(calls = calls.len(), why, "the store cannot write");
                }
                self.failing = true;
                for call in calls {
                    call.fail(error.clone());
                }
            }
        }
    }

    fn transact(&mut self, group: &mut [Box<dyn AnyCall>]) -> rusqlite::Result<Tally> {
        if !self.conn.is_autocommit() {
            // The last group could not be undone, or there would be none under way.
            self.conn.execute_batch("ROLLBACK")?;
        }
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let Self { conn, known, tally, .. } = self;
        let conn = &*conn;
        let mut writing = Writing { conn, known, tally: *tally };
        let outcome = group
            .iter_mut()
            .try_for_each(|call| call.perform(&mut writing))
            .and_then(|()| conn.prepare_cached("COMMIT")?.execute([]));
        match outcome {
            Ok(_) => Ok(writing.tally),
            Err(error) => {
                self.known.forget();
                // Some errors have undone the transaction already, and then this one fails.
                if !self.conn.is_autocommit() {
                    self.conn.execute_batch("ROLLBACK")?;
                }
                Err(error)
            }
        }
    }

    /// Folds the write-ahead log into the database, so that it is one file until it is opened again.
    fn fold(&self) -> Result<(), Error> {
        // A read that is under way keeps the log; the next one to open folds it in.
        self.conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(|source| Error::new(&self.dir, source))
    }
}

/// Reads what the writer must know by heart.
pub(super) fn tally(conn: &Connection) -> rusqlite::Result<Tally> {
    let last_number = conn.query_row(
        "SELECT max(value, (SELECT ifnull(max(number), 0) FROM jobs)) \
         FROM meta WHERE name = 'last_number'",
        [],
        |row| row.get(0),
    )?;
    let mut counts = Counts::default();
    // Both parts are counted in an index, and together they are all jobs.
    let mut statement = conn.prepare(
        "SELECT state, count(*) FROM jobs WHERE ended IS NULL GROUP BY state UNION ALL \
         SELECT state, count(*) FROM jobs WHERE ended IS NOT NULL GROUP BY state",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        use code::Columns as _;
        counts.0[row.state(0)? as usize] = row.unsigned(1)?;
    }
    Ok(Tally { last_number, counts })
}
