//! Opening: files, settings of the connection, schema, and what the writer must know.

use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use ffleet_base::{FileLock, files};
use ffleet_types::Bytes;
use rusqlite::{Connection, OpenFlags};

use super::pulse::Pulse;
use super::reader::Readers;
use super::row::Known;
use super::sync::{Bench, Syncer};
use super::writer::{self, Desk, Writer};
use super::{FILE, Sqlite, schema};
use crate::error::{Error, OpenError};
use crate::store::Options;

/// Pages in the write-ahead log after which the writer folds it into the database, itself: a
/// thread of its own for that halves the rate, and the log grows without end. 8 MiB.
const FOLD_AFTER: i64 = 2_000;
/// What is left of the log's file after a reader had held it back: 64 MiB.
const LOG_LIMIT: i64 = 64 << 20;
/// Statements that stay prepared. There are fewer.
const STATEMENTS: usize = 64;

pub(super) fn open(dir: &Path, options: Options) -> Result<Sqlite, OpenError> {
    if !dir.is_dir() {
        files::create_private_dir(dir).map_err(OpenError::Dir)?;
    }
    let lock = FileLock::acquire(&dir.join("store.lock"))?;
    let path = dir.join(FILE);
    let failed = |source| OpenError::Store(Error::new(dir, source));
    make_private(dir, &path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(&path, flags).map_err(failed)?;
    // The schema is looked at before anything is written: another program's file stays as it is.
    schema::check(&conn, dir, &path)?;
    settle(&conn, options.cache).map_err(failed)?;
    if options.check {
        sound(&conn, &path).map_err(failed)??;
    }
    schema::migrate(&mut conn).map_err(failed)?;
    let tally = writer::tally(&conn).map_err(failed)?;
    let pulse = Arc::new(Pulse::new(tally.counts));
    let readers = Readers::new(path.clone(), options.readers, Bytes(options.cache.0 / 4));
    // SQLite has made the log by now: the tally was read through it.
    let log = path.with_extension("db-wal");
    let file = File::open(&log).map_err(failed_at("open", &log))?;
    let bench = Bench::new(dir, file, &pulse, &options.clock);
    let desk = Desk {
        conn,
        tally,
        known: Known::default(),
        pulse: Arc::clone(&pulse),
        dir: dir.into(),
        options,
        syncer: Syncer::start(bench).map_err(OpenError::Thread)?,
        failing: false,
        lock,
    };
    let writer = Writer::start(desk).map_err(OpenError::Thread)?;
    Ok(Sqlite { writer, readers: Arc::new(readers), pulse, path: Arc::new(path) })
}

fn failed_at(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Files { action, path, source }
}

/// Makes sure that the database is there and readable by its owner alone. SQLite gives the files
/// that it makes beside it the same permissions.
fn make_private(dir: &Path, path: &Path) -> Result<(), OpenError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(failed_at("open", path))?;
    let mode = file
        .metadata()
        .map_err(failed_at("look at", path))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))
            .map_err(failed_at("close off", path))?;
    }
    // A file whose name is not on disk is lost with all that was synced into it.
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(failed_at("sync directory", dir))?;
    Ok(())
}

fn settle(conn: &Connection, cache: Bytes) -> rusqlite::Result<()> {
    conn.busy_timeout(std::time::Duration::from_secs(5))?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    // Write-ahead logging: readers and the writer do not wait for each other, and a commit is
    // one sync of one file. NORMAL: that sync is ours, before anybody is answered ([`sync`]).
    //
    // [`sync`]: super::sync
    conn.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "normal")?;
    let kibibytes = i64::try_from(cache.0 >> 10).unwrap_or(i64::MAX);
    conn.pragma_update(None, "cache_size", -kibibytes)?;
    conn.pragma_update(None, "temp_store", "memory")?;
    conn.pragma_update(None, "wal_autocheckpoint", FOLD_AFTER)?;
    conn.pragma_update(None, "journal_size_limit", LOG_LIMIT)
}

/// Looks the whole database through.
fn sound(conn: &Connection, path: &Path) -> rusqlite::Result<Result<(), OpenError>> {
    let found = quick_check(conn)?;
    Ok(match found {
        None => Ok(()),
        Some(found) => Err(OpenError::Unsound { path: path.to_owned(), found }),
    })
}

/// The first thing that is wrong with a database.
pub(super) fn quick_check(conn: &Connection) -> rusqlite::Result<Option<String>> {
    let found: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}
