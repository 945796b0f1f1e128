//! Looking at a target before any work is done for it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use ffleet_types::Reason;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;

use super::{Delivery, kind, look};
use crate::error::{Error, quoted};

impl Delivery {
    /// Looks whether the target can be written: its directory is there and may be written to,
    /// nothing is in the way (a plain file is not, with `overwrite`), and it is not the `input`
    /// under another name.
    ///
    /// What is found may change while the work is done; publishing is safe against that. This is
    /// for saying no before the work rather than after it.
    ///
    /// # Errors
    ///
    /// What is wrong and what to do, [`Reason::UserError`] in the main.
    pub fn check(&self, input: Option<&Path>, overwrite: bool) -> Result<(), Error> {
        let dir = self.open_dir()?;
        let target = self.target();
        let refuse = |why: &str| {
            let text = format!("cannot write to {}: {why}", quoted(&target));
            Err(Error::new(Reason::UserError, text))
        };
        self.try_out(&dir)
            .map_err(|errno| Error::of("write to the directory", &self.dir, &errno.into()))?;
        let found =
            look(&dir, &self.name).map_err(|errno| Error::of("look at", &target, &errno.into()))?;
        let Some(found) = found else { return Ok(()) };
        if input.is_some_and(|input| leads_to_one(input, &target)) {
            return refuse("it is the input itself: choose another name for the result");
        }
        match kind(&found) {
            "a file" if overwrite => Ok(()),
            "a file" => refuse(
                "there is a file already: remove it, choose another name, or ask to overwrite it",
            ),
            other => refuse(&format!("there is {other}, not a plain file: choose another name")),
        }
    }
}

impl Delivery {
    /// Finds out whether files can be made in the target's directory, by making one that never
    /// has a name. Permission bits alone do not say it: root passes them all, and some file
    /// systems and servers have the last word.
    fn try_out(&self, dir: &OwnedFd) -> rustix::io::Result<()> {
        let nameless = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
        match openat(dir, ".", nameless, Mode::RUSR) {
            Ok(_gone) => Ok(()),
            // Not every file system has such files; a sibling that lives for a moment tells too.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => {
                let named = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                match openat(dir, &self.sibling, named, Mode::RUSR) {
                    Ok(_made) => unlinkat(dir, &self.sibling, AtFlags::empty()),
                    Err(Errno::EXIST) => Ok(()),
                    Err(errno) => Err(errno),
                }
            }
            Err(errno) => Err(errno),
        }
    }
}

/// Whether both paths, links followed, lead to one file.
fn leads_to_one(one: &Path, other: &Path) -> bool {
    let identity = |path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    identity(one).is_some_and(|one| identity(other) == Some(one))
}
