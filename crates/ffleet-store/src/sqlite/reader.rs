//! Connections that only read, lent for one call each.
//!
//! SQLite blocks while it reads, so that reads run on the runtime's threads for blocking work.
//! They are few: a read holds back the write-ahead log while it lasts, and more at once than
//! there are cores make none of them faster.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ffleet_types::Bytes;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::error::Error;

/// The connections.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    cache: Bytes,
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, count: usize, cache: Bytes) -> Self {
        let turns = Arc::new(Semaphore::new(count.max(1)));
        Self { path, cache, turns, idle: Mutex::new(Vec::new()) }
    }

    /// Runs `query` on a connection that sees everything acknowledged so far, and that nobody
    /// else uses meanwhile.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|_closed| Error::Closed)?;
        let readers = Arc::clone(self);
        let work = move || {
            let found = readers.lend(query);
            drop(turn);
            found
        };
        spawn_blocking(work).await.unwrap_or(Err(Error::Closed))
    }

    /// Runs blocking `work` beside the reads, without taking a turn of theirs.
    pub(super) async fn alongside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        spawn_blocking(work).await.map_err(|_panicked| Error::Closed)
    }

    fn lend<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        let failed = |source| Error::new(self.path.parent().unwrap_or(&self.path), source);
        let idle = self.idle().pop();
        let conn = idle.map_or_else(|| self.connect(), Ok).map_err(failed)?;
        let found = snapshot(&conn, query);
        if conn.is_autocommit() && !self.turns.is_closed() {
            self.idle().push(conn);
        }
        found.map_err(failed)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&self.path, flags)?;
        let kibibytes = i64::try_from(self.cache.0 >> 10).unwrap_or(i64::MAX);
        conn.pragma_update(None, "cache_size", -kibibytes)?;
        conn.set_prepared_statement_cache_capacity(32);
        Ok(conn)
    }

    /// Lets go of the files. Reads that are under way finish.
    pub(super) fn close(&self) {
        self.turns.close();
        self.idle().clear();
    }
}

/// Runs `query` so that all its statements see the same state.
fn snapshot<T>(
    conn: &Connection,
    query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let read = conn.unchecked_transaction()?;
    let found = query(&read)?;
    read.finish()?;
    Ok(found)
}
