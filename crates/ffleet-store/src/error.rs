//! What can go wrong with the store as a whole. Refusals of single items are in the verbs.

use std::path::PathBuf;
use std::sync::Arc;

use ffleet_base::files;
use rusqlite::{ErrorCode, ffi};

/// The store could not do its work. Nothing of the call is known to be on disk.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// There is no room left.
    #[error("the disk of the store is full: make room in {}, then try again", dir.display())]
    Full {
        /// The store's directory.
        dir: PathBuf,
    },
    /// The database is damaged.
    #[error(
        "the store in {} is damaged: stop the server and restore a backup, or set it aside to \
         begin anew", dir.display()
    )]
    Damaged {
        /// The store's directory.
        dir: PathBuf,
        /// What was found.
        source: Arc<rusqlite::Error>,
    },
    /// Reading or writing failed.
    #[error("the store in {} could not be read or written", dir.display())]
    Failed {
        /// The store's directory.
        dir: PathBuf,
        /// What SQLite said.
        source: Arc<rusqlite::Error>,
    },
    /// What was written could not be put on disk, and what the disk holds of it is not known.
    #[error(
        "the store in {} could not be put on disk, and takes nothing more: check the disk, then \
         start the server again", dir.display()
    )]
    Unsynced {
        /// The store's directory.
        dir: PathBuf,
        /// What the kernel said.
        source: Arc<std::io::Error>,
    },
    /// The store has been closed, or its writer has ended.
    #[error("the store is closed: the server is stopping, or its writer has failed (see the log)")]
    Closed,
}

impl Error {
    pub(crate) fn new(dir: &std::path::Path, source: rusqlite::Error) -> Self {
        let dir = dir.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { dir },
            // The index of the write-ahead log could not grow, which has no other cause.
            _ if extended(&source) == Some(ffi::SQLITE_IOERR_SHMSIZE) => Self::Full { dir },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { dir, source: Arc::new(source) }
            }
            // What we have written ourselves no longer has the form we gave it.
            None if is_conversion(&source) => Self::Damaged { dir, source: Arc::new(source) },
            _ => Self::Failed { dir, source: Arc::new(source) },
        }
    }
}

impl Error {
    pub(crate) fn unsynced(dir: &std::path::Path, source: std::io::Error) -> Self {
        Self::Unsynced { dir: dir.to_owned(), source: Arc::new(source) }
    }
}

fn extended(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}

const fn is_conversion(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
    )
}

/// The store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its directory cannot be made.
    #[error(transparent)]
    Dir(files::Error),
    /// Its files cannot be used.
    #[error("cannot {action} {}", path.display())]
    Files {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error(transparent)]
    Locked(#[from] files::LockError),
    /// A later version of ffleet has written it.
    #[error(
        "the store {} has schema {found}, and this version of ffleet knows none after {known}: \
         start the version that wrote it, or a newer one", path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The latest that this version knows.
        known: u32,
    },
    /// It is the database of another program.
    #[error("{} is a database, but not one of ffleet's: choose another directory", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It has not passed the check.
    #[error("the store {} is damaged ({found}): restore a backup, or set it aside", path.display())]
    Unsound {
        /// The database.
        path: PathBuf,
        /// The first thing that was found.
        found: String,
    },
    /// It could not be read or written.
    #[error(transparent)]
    Store(#[from] Error),
    /// A thread for it could not be started.
    #[error("cannot start the writer of the store")]
    Thread(#[source] std::io::Error),
}

/// A backup was not made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something has that name already.
    #[error("{} exists already: name a file that does not", path.display())]
    Exists {
        /// The name.
        path: PathBuf,
    },
    /// The name has no directory or no last part.
    #[error("{} is no name for a file", path.display())]
    NoFile {
        /// The name.
        path: PathBuf,
    },
    /// It could not be written.
    #[error("cannot {action} the backup {}", path.display())]
    Write {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The copy could not be made.
    #[error("cannot copy the store to {}", path.display())]
    Copy {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The copy is not sound, and has been removed.
    #[error("the copy in {} is damaged ({found}): check the disk", path.display())]
    Unsound {
        /// The file.
        path: PathBuf,
        /// The first thing that was found.
        found: String,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] Error),
}
