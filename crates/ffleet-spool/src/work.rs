//! Work directories: `<data>/work/<job>.<index>.<fence>/`, one for each attempt, ours alone.
//!
//! Everything an attempt writes before it is published lies in there, so that what a crash left
//! is found by listing one directory, and undone by removing what nobody holds any more.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use ffleet_base::files::create_private_dir;
use ffleet_types::{AttemptId, Bytes, Reason};

use crate::error::Error;

/// The entries of one work directory that are counted at most: enough for any job, and a bound
/// for one that goes wild.
const COUNTED: usize = 100_000;

/// The place of all work directories of a node.
#[derive(Clone, Debug)]
pub struct Work {
    root: PathBuf,
}

impl Work {
    /// Opens `work` in the data directory `home`, which is made if it is missing.
    ///
    /// # Errors
    ///
    /// If it cannot be made, or belongs to someone else.
    pub fn open(home: &Path) -> Result<Self, Error> {
        let root = home.join("work");
        create_private_dir(&root)
            .map_err(|error| Error::new(Reason::PlatformError, ffleet_base::chain(&error)))?;
        Ok(Self { root })
    }

    /// Where they lie.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of an attempt, which may not be there.
    #[must_use]
    pub fn dir(&self, attempt: AttemptId) -> Dir {
        Dir { path: self.root.join(attempt.to_string()) }
    }

    /// Makes the directory of an attempt. One that is there already, from an assignment that came
    /// twice, is emptied.
    ///
    /// # Errors
    ///
    /// If it cannot be made: the disk is full, or the place is gone.
    pub fn make(&self, attempt: AttemptId) -> Result<Dir, Error> {
        let dir = self.dir(attempt);
        let make = || fs::DirBuilder::new().mode(0o700).create(&dir.path);
        match make() {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                dir.remove()?;
                make()
            }
            made => made,
        }
        .map_err(Error::doing("make the work directory", &dir.path))?;
        Ok(dir)
    }

    /// The attempts that have a directory, in order.
    ///
    /// # Errors
    ///
    /// If the directory of work directories cannot be read.
    pub fn list(&self) -> Result<Vec<AttemptId>, Error> {
        let mut attempts: Vec<_> = self
            .entries()?
            .iter()
            .filter_map(|path| path.file_name()?.to_str()?.parse().ok())
            .collect();
        attempts.sort();
        Ok(attempts)
    }

    /// Removes everything but the directories of `alive`, and says how many entries that were.
    /// For the start, before any attempt begins.
    ///
    /// # Errors
    ///
    /// The first thing that could not be removed; the others are.
    pub fn sweep(&self, alive: &BTreeSet<AttemptId>) -> Result<usize, Error> {
        let keep: BTreeSet<_> = alive.iter().map(|&attempt| self.dir(attempt).path).collect();
        let mut count = 0;
        let mut first = Ok(());
        for path in self.entries()?.into_iter().filter(|path| !keep.contains(path)) {
            match remove(&path) {
                Ok(()) => count += 1,
                Err(error) => first = first.and_then(|()| Err(Error::of("remove", &path, &error))),
            }
        }
        first.map(|()| count)
    }

    fn entries(&self) -> Result<Vec<PathBuf>, Error> {
        fs::read_dir(&self.root)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
            .map_err(Error::doing("list the work directories in", &self.root))
    }
}

/// An attempt's work directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dir {
    path: PathBuf,
}

impl Dir {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The place of a file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The disk space that it takes, in blocks that are really there; links are not followed. A
    /// file that goes away meanwhile counts nothing.
    ///
    /// # Errors
    ///
    /// If it, or a directory in it, cannot be read.
    pub fn size(&self) -> Result<Bytes, Error> {
        let mut blocks = 0;
        let mut counted = 0;
        let mut open = vec![self.path.clone()];
        while let Some(dir) = open.pop() {
            let failed = |error| Error::of("measure", &dir, &error);
            for entry in fs::read_dir(&dir).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let Ok(found) = entry.metadata() else { continue };
                blocks += found.blocks();
                if found.is_dir() {
                    open.push(entry.path());
                }
                counted += 1;
                if counted >= COUNTED {
                    return Ok(Bytes(u64::MAX));
                }
            }
        }
        Ok(Bytes(blocks * 512))
    }

    /// Removes it with everything in it, following no link out of it. Done already is done.
    ///
    /// # Errors
    ///
    /// If something in it cannot be removed.
    pub fn remove(&self) -> Result<(), Error> {
        remove(&self.path).map_err(Error::doing("remove", &self.path))
    }
}

/// Removes whatever `path` is; a link is removed, not what it leads to.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
