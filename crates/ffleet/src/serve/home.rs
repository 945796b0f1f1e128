//! The data directory: ours alone, one server at a time, with the key that its callers need.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ffleet_base::files::{self, LockError, create_private_dir};
use ffleet_base::{FileLock, Secret, chance, write_atomic};
use ffleet_controller::STREAM_SECRET;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::registration;

/// How long the lock of a process that is gone is waited for, and how long between two looks.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(10);

/// A data directory that this process alone works in, until it is dropped.
#[derive(Debug)]
pub(super) struct Home {
    /// Where it is.
    pub(super) path: PathBuf,
    /// What callers of its server must know. It stays the same over restarts, so that a script
    /// that was given it goes on.
    pub(super) key: Secret,
    /// What stream tokens are signed with, once there has been one.
    pub(super) stream_secret: Option<Secret>,
    _lock: FileLock,
}

impl Home {
    /// Takes the directory at `path`, which is made if it is missing. `runtime` is where a server
    /// that has it says so.
    ///
    /// # Errors
    ///
    /// If it is someone else's, cannot be written, or another server has it.
    pub(super) fn take(path: &Path, runtime: &Path) -> Result<Self, Failure> {
        let local = |error: files::Error| {
            Failure::local(&error).hint("choose another directory with --data DIR")
        };
        create_private_dir(path).map_err(local)?;
        let path = path
            .canonicalize()
            .map_err(|error| Failure::new(Exit::Local, format!("{}: {error}", path.display())))?;
        let lock = lock(&path.join("serve.lock")).map_err(|error| match error {
            LockError::Held { holder, .. } => in_use(&path, holder, runtime),
            LockError::File(error) => local(error),
        })?;
        files::sweep(&path).map_err(local)?;
        let key = key(&path.join("key"))?;
        let stream_secret = read_key(&path.join(STREAM_SECRET))?;
        Ok(Self { path, key, stream_secret, _lock: lock })
    }
}

/// Takes the lock. A server that was killed while it started a child leaves the lock with that
/// child until it ends, and one that starts with us has it a moment before it has said who it is:
/// both are a matter of milliseconds.
fn lock(file: &Path) -> Result<FileLock, LockError> {
    let mut looks = PATIENCE.as_millis() / LOOK.as_millis();
    loop {
        match FileLock::acquire(file) {
            Err(LockError::Held { holder, .. })
                if looks > 0 && holder.and_then(registration::start_time).is_none() =>
            {
                looks -= 1;
                std::thread::park_timeout(LOOK);
            }
            answer => return answer,
        }
    }
}

fn in_use(path: &Path, holder: Option<u32>, runtime: &Path) -> Failure {
    let who = holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    let servers = registration::all(runtime);
    let server = servers.iter().find(|server| Some(server.pid) == holder);
    let at = server
        .map(|server| format!(", the server at {}", server.address))
        .unwrap_or_default();
    Failure::new(Exit::Local, format!("{} is in use by {who}{at}", path.display()))
        .hint("stop that one first, or choose another directory with --data DIR")
}

/// The key in `file`, or a new one that is put there.
fn key(file: &Path) -> Result<Secret, Failure> {
    if let Some(key) = read_key(file)? {
        return Ok(key);
    }
    let key = chance::key();
    write_atomic(file, format!("{}\n", key.expose()).as_bytes(), 0o600)
        .map_err(|error| Failure::local(&error))?;
    Ok(key)
}

/// The key in `file`, if there is such a file.
fn read_key(file: &Path) -> Result<Option<Secret>, Failure> {
    match fs::read_to_string(file) {
        Ok(text) if is_key(text.trim()) => Ok(Some(Secret::new(text.trim().to_owned()))),
        Ok(_) => Err(Failure::new(Exit::Local, format!("{} holds no key", file.display()))
            .hint("remove it; a new key is made then, and the old one is void")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(Failure::new(Exit::Local, format!("cannot read {}: {error}", file.display())))
        }
    }
}

fn is_key(text: &str) -> bool {
    text.len() >= 40 && text.starts_with("ffk_") && text.bytes().all(|c| c.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn directory_is_private_and_its_key_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let first = Home::take(&path, dir.path()).unwrap();
        for (name, expected) in [("", 0o700), ("key", 0o600), ("serve.lock", 0o600)] {
            let mode = fs::metadata(path.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, expected, "{name:?}");
        }
        let key = first.key.clone();
        drop(first);
        assert!(Home::take(&path, dir.path()).unwrap().key == key);
    }

    #[test]
    fn second_server_is_told_who_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Home::take(dir.path(), dir.path()).unwrap();
        let told = Home::take(dir.path(), dir.path()).unwrap_err();
        assert_eq!(told.exit(), Exit::Local);
        let us = format!("is in use by process {}", std::process::id());
        assert!(told.to_string().contains(&us), "{told}");
    }

    #[test]
    fn lock_of_a_process_that_is_gone_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("lock");
        let held = FileLock::acquire(&file).unwrap();
        // No process has that id: the kernel's limit is 2²².
        write_in_place(&file, "4194305\n");
        let waiting = std::thread::spawn(move || lock(&file));
        std::thread::park_timeout(LOOK * 5);
        drop(held);
        let _lock = waiting.join().unwrap().expect("it was let go");
    }

    /// Writes to the file that is locked, not to a new one of its name.
    fn write_in_place(file: &Path, text: &str) {
        use std::io::Write as _;
        let mut file = fs::OpenOptions::new().write(true).truncate(true).open(file).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn key_that_is_none_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        write_atomic(&dir.path().join("key"), b"ffk_short\n", 0o600).unwrap();
        let told = Home::take(dir.path(), dir.path()).unwrap_err().to_string();
        assert!(told.contains("holds no key"), "{told}");
    }
}
