//! Backups while the store is in use.
//!
//! The copy is made in one step, over a connection of its own, of the state at its beginning.
//! Smaller steps would begin again with every commit and never end under load; one step lets the
//! write-ahead log grow while it lasts, and the writer folds it in afterwards.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ffleet_base::chance;
use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use super::opening::quick_check;
use crate::error::BackupError;

/// Copies the database at `from` to a new file `to`.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let no_file = || BackupError::NoFile { path: to.to_owned() };
    let name = to.file_name().ok_or_else(no_file)?;
    let dir = to
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    if fs::symlink_metadata(to).is_ok() {
        return Err(BackupError::Exists { path: to.to_owned() });
    }
    // The ending is that of all unfinished files of ours, which are swept away after a crash.
    let mut part = std::ffi::OsString::from(".");
    part.push(name);
    part.push(format!(".{}.ffleet-part", chance::name(8)));
    let part = Part::new(dir.join(part))?;
    fill(from, &part.0)?;
    publish(&part.0, to, dir)
}

/// A name that goes when this is dropped, with what SQLite may have put beside it.
struct Part(PathBuf);

impl Part {
    fn new(path: PathBuf) -> Result<Self, BackupError> {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match made {
            Ok(_) => Ok(Self(path)),
            Err(source) => Err(BackupError::Write { action: "create", path, source }),
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        for ending in ["", "-wal", "-shm", "-journal"] {
            let mut path = self.0.clone().into_os_string();
            path.push(ending);
            // Most are not there; and where one cannot be removed, the error that led here says
            // more.
            let _gone = fs::remove_file(path);
        }
    }
}

fn fill(from: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::Copy { path: to.to_owned(), source };
    let read = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let from = Connection::open_with_flags(from, read).map_err(failed)?;
    let write = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(to, write).map_err(failed)?;
    Backup::new(&from, &mut copy)
        .and_then(|backup| backup.step(-1))
        .map_err(failed)?;
    // Without a log beside it, the copy is one file.
    copy.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))
        .map_err(failed)?;
    match quick_check(&copy).map_err(failed)? {
        None => Ok(()),
        Some(found) => Err(BackupError::Unsound { path: to.to_owned(), found }),
    }
}

/// Gives the finished copy its name, if nobody has taken that meanwhile.
fn publish(part: &Path, to: &Path, dir: &Path) -> Result<(), BackupError> {
    let failed = |action, source| BackupError::Write { action, path: to.to_owned(), source };
    File::open(part)
        .and_then(|file| file.sync_all())
        .map_err(|source| failed("sync", source))?;
    // A link, unlike a renaming, never replaces.
    fs::hard_link(part, to).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists { path: to.to_owned() },
        _ => failed("name", source),
    })?;
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|source| failed("sync the directory of", source))
}
