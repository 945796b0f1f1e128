//! Files that are whole or absent, directories that are ours alone, and locks that say who
//! holds them.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use ffleet_types::Bytes;
use rustix::fs::{FlockOperation, flock};

use crate::chance;

/// What the temporary siblings of [`write_atomic`] end with.
const TEMPORARY: &str = ".ffleet-part";

/// Something could not be done to a file or directory.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct Error {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl Error {
    /// What the kernel said, for callers that tell a full disk from a missing permission.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

/// Adds what was tried, on what, to an error of the kernel's.
fn naming(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error { action, path, source }
}

/// Writes `bytes` to `path` with permissions `mode`, so that a reader, now or after a crash,
/// sees the old file or the new one and nothing between. Returns when it is on disk.
///
/// A crash may leave a hidden sibling behind; [`sweep`] removes those.
///
/// # Errors
///
/// If any step fails; the old file is then still there, and the sibling is gone.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    write(path, bytes, mode, true)
}

/// The same for what nobody needs after the machine was restarted: a reader sees the old file or the
/// new one, but neither need be on disk, which saves two syncs of it.
///
/// # Errors
///
/// If any step fails; the old file is then still there, and the sibling is gone.
pub fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    write(path, bytes, mode, false)
}

fn write(path: &Path, bytes: &[u8], mode: u32, durable: bool) -> Result<(), Error> {
    let failed = |source| naming("write", path)(source);
    let (Some(name), Some(dir)) = (path.file_name(), path.parent()) else {
        return Err(failed(io::ErrorKind::InvalidInput.into()));
    };
    let dir = if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    };
    let mut sibling = std::ffi::OsString::from(".");
    sibling.push(name);
    sibling.push(format!(".{}{TEMPORARY}", chance::name(8)));
    let sibling = dir.join(sibling);

    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&sibling)?;
        // The mode above went through the umask.
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(bytes)?;
        if durable {
            file.sync_all()?;
        }
        fs::rename(&sibling, path)
    };
    write().map_err(|source| {
        // It may never have been made; what went wrong first is what is reported.
        let _gone = fs::remove_file(&sibling);
        failed(source)
    })?;
    if durable { sync_dir(dir) } else { Ok(()) }
}

/// Puts on disk which names are in `dir`.
///
/// # Errors
///
/// If it cannot be opened or synced.
pub fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(naming("sync", dir))
}

/// Removes what crashes in [`write_atomic`] left in `dir`, and says how many files that were.
/// For its owner, at start, when nobody writes there.
///
/// # Errors
///
/// If the directory cannot be read or a file in it cannot be removed.
pub fn sweep(dir: &Path) -> Result<usize, Error> {
    let mut count = 0;
    for entry in fs::read_dir(dir).map_err(naming("read", dir))? {
        let path = entry.map_err(naming("read", dir))?.path();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if name.starts_with(b".") && name.ends_with(TEMPORARY.as_bytes()) {
            fs::remove_file(&path).map_err(naming("remove", &path))?;
            count += 1;
        }
    }
    Ok(count)
}

/// Makes sure that there is a directory at `path` that nobody else can look into: missing ones
/// are made with mode 0700, one that is ours is closed to others.
///
/// # Errors
///
/// If it cannot be made, is no directory, or is (or is linked to by) someone else's.
pub fn create_private_dir(path: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(naming("create directory", path))?;
    let failed = |source| naming("use directory", path)(source);
    let target = fs::metadata(path).map_err(failed)?;
    let link = fs::symlink_metadata(path).map_err(failed)?;
    let us = rustix::process::geteuid().as_raw();
    if target.uid() != us || (link.uid() != us && link.uid() != 0) {
        let owner = if target.uid() == us { link.uid() } else { target.uid() };
        return Err(failed(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("it belongs to user {owner}, not to user {us}: choose another, or change it"),
        )));
    }
    if target.mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(failed)?;
    }
    Ok(())
}

/// How much room the file system of a path has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What this user may still write (`f_bavail` of `statvfs(3)`).
    pub free: Bytes,
    /// What is written (`f_blocks` less `f_bfree`).
    pub used: Bytes,
    /// Its size.
    pub total: Bytes,
}

impl Space {
    /// How full it is, in percent rounded up, as `df(1)` says: what is written of that and what this
    /// user may still write. What is reserved for root counts to neither. An empty one of no size is
    /// not full.
    #[must_use]
    pub fn percent(&self) -> u8 {
        let used = u128::from(self.used.0);
        let all = used + u128::from(self.free.0);
        let percent = (used * 100).checked_div(all).unwrap_or(0)
            + u128::from(all > 0 && used * 100 % all > 0);
        u8::try_from(percent).unwrap_or(100)
    }
}

/// The room on the file system of `path`.
///
/// # Errors
///
/// If `path` does not exist or cannot be asked about.
pub fn space(path: &Path) -> Result<Space, Error> {
    let fs = rustix::fs::statvfs(path)
        .map_err(|errno| naming("read the free space of", path)(errno.into()))?;
    let bytes = |blocks: u64| Bytes(blocks.saturating_mul(fs.f_frsize));
    Ok(Space {
        free: bytes(fs.f_bavail),
        used: bytes(fs.f_blocks.saturating_sub(fs.f_bfree)),
        total: bytes(fs.f_blocks),
    })
}

/// What this user may still write to the file system of `path`.
///
/// # Errors
///
/// As [`space`].
pub fn free_space(path: &Path) -> Result<Bytes, Error> {
    space(path).map(|space| space.free)
}

/// An exclusive lock on a file, held until this is dropped or the process dies.
///
/// The file keeps the holder's process id for people, and stays when the lock goes: to remove it
/// would let two processes hold locks on two files of one name.
#[derive(Debug)]
#[must_use = "the lock is let go when this is dropped"]
pub struct FileLock {
    file: File,
}

/// A lock that was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{} is locked by another process{}", path.display(), by(*.holder))]
    Held {
        /// The lock's file.
        path: PathBuf,
        /// Its process id, where it has said so.
        holder: Option<u32>,
    },
    /// The file could not be opened or locked.
    #[error(transparent)]
    File(#[from] Error),
}

fn by(holder: Option<u32>) -> String {
    holder.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

impl FileLock {
    /// Takes the lock on `path`, which is made if it is missing. Does not wait.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] if somebody has it, else what went wrong with the file.
    pub fn acquire(path: &Path) -> Result<Self, LockError> {
        let failed = |source| naming("lock", path)(source);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let said = fs::read_to_string(path).unwrap_or_default();
                return Err(LockError::Held {
                    path: path.to_owned(),
                    holder: said.trim().parse().ok(),
                });
            }
            Err(errno) => return Err(failed(errno.into()).into()),
        }
        let lock = Self { file };
        lock.sign().map_err(failed)?;
        Ok(lock)
    }

    /// Writes our process id into the file, for whoever finds it locked.
    fn sign(&self) -> io::Result<()> {
        self.file.set_len(0)?;
        (&self.file).write_all(format!("{}\n", std::process::id()).as_bytes())
    }
}

impl Drop for FileLock {
    /// Explicitly: the kernel keeps a lock for as long as anybody has a copy of its descriptor, and a process
    /// that is just being started has one until it runs its program.
    fn drop(&mut self) {
        // What cannot be unlocked is when the last copy is closed.
        let _or_later = flock(&self.file, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests;
