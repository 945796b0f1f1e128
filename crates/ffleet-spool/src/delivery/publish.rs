//! Giving a staged result its final name, so that nobody ever sees half of it and nothing of
//! theirs is lost.

use std::io;

use ffleet_types::{Bytes, Reason};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, RenameFlags, Stat, linkat, renameat, renameat_with, unlinkat};
use rustix::io::Errno;

use super::stage::sync;
use super::{Delivery, kind, look, same_file};
use crate::error::{Error, quoted};
use crate::step::{Observer, Step};

/// When a result got its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// By this call.
    Now,
    /// Before it: by the call that a crash cut off.
    Before,
}

impl Delivery {
    /// Gives the sibling the target's name, on disk when this returns. A file that is there is
    /// replaced with `overwrite`, and never without.
    ///
    /// # Errors
    ///
    /// [`Reason::UserError`] if something is in the way by now; else what the kernel said. The
    /// sibling is then still there, for another try or for [`Delivery::undo`].
    pub fn publish(&self, overwrite: bool, observer: &Observer<'_>) -> Result<(), Error> {
        match self.rename(&self.open_dir()?, overwrite, observer)? {
            Published::Now => Ok(()),
            Published::Before => Err(Error::new(
                Reason::PlatformError,
                format!(
                    "cannot publish {}: somebody removed {}",
                    quoted(&self.target()),
                    quoted(&self.sibling())
                ),
            )),
        }
    }

    /// Finishes a publication that may have been cut off anywhere. Only for sealed attempts: the
    /// sibling was on disk before the seal, and nothing of ours removes it afterwards but its
    /// renaming. Others may remove it, though: where it is missing, the result counts as published
    /// only if the target is a plain file of the `size` that was sealed.
    ///
    /// # Errors
    ///
    /// As [`Delivery::publish`]; [`Reason::PlatformError`] if both the sibling and such a target
    /// are missing.
    pub fn settle(
        &self,
        overwrite: bool,
        size: Bytes,
        observer: &Observer<'_>,
    ) -> Result<Published, Error> {
        let dir = self.open_dir()?;
        let published = self.rename(&dir, overwrite, observer)?;
        if published == Published::Before {
            self.recognise(&dir, size)?;
        }
        Ok(published)
    }

    /// Makes sure that the target is what was sealed with `size`, as far as can be told.
    fn recognise(&self, dir: &OwnedFd, size: Bytes) -> Result<(), Error> {
        let failed = |errno: Errno| Error::of("look at", &self.target(), &io::Error::from(errno));
        let found = match look(dir, &self.name).map_err(failed)? {
            None => "nothing is there".to_owned(),
            Some(found) if kind(&found) != "a file" => format!("{} is there", kind(&found)),
            Some(found) if u64::try_from(found.st_size) == Ok(size.0) => return Ok(()),
            Some(found) => {
                format!("the file there has {} bytes and not {}", found.st_size, size.0)
            }
        };
        let text = format!(
            "cannot tell that {} was published: {found}, and {}, which was to become it, is gone; \
             somebody changed one of them: run the job again",
            quoted(&self.target()),
            quoted(&self.sibling())
        );
        Err(Error::new(Reason::PlatformError, text))
    }

    fn rename(
        &self,
        dir: &OwnedFd,
        overwrite: bool,
        observer: &Observer<'_>,
    ) -> Result<Published, Error> {
        let failed = |errno: Errno| Error::of("publish", &self.target(), &io::Error::from(errno));
        let published = match look(dir, &self.sibling).map_err(failed)? {
            None => Published::Before,
            Some(staged) => {
                observer(Step::Renaming);
                if overwrite {
                    self.replace(dir, &staged)?;
                } else {
                    self.name_new(dir, &staged)?;
                }
                observer(Step::Renamed);
                Published::Now
            }
        };
        // Also where it was renamed before: that may not have come to the disk.
        sync(dir).map_err(Error::doing("sync the directory of", &self.target()))?;
        if published == Published::Now {
            observer(Step::DirSynced);
        }
        Ok(published)
    }

    fn name_new(&self, dir: &OwnedFd, staged: &Stat) -> Result<(), Error> {
        match renameat_with(dir, &self.sibling, dir, &self.name, RenameFlags::NOREPLACE) {
            // Not every file system can, NFS among those that cannot; a hard link refuses just
            // as atomically to replace anything.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                let linked = linkat(dir, &self.sibling, dir, &self.name, AtFlags::empty());
                self.named(dir, staged, linked)?;
                self.forget_sibling(dir)
            }
            renamed => self.named(dir, staged, renamed),
        }
    }

    /// Judges an attempt to take the target's name. Where that exists already, it may be by our
    /// own link, which a crash kept us from following up.
    fn named(
        &self,
        dir: &OwnedFd,
        staged: &Stat,
        named: rustix::io::Result<()>,
    ) -> Result<(), Error> {
        let failed = |errno: Errno| Error::of("publish", &self.target(), &io::Error::from(errno));
        match named {
            Err(Errno::EXIST) => match look(dir, &self.name).map_err(failed)? {
                Some(found) if same_file(&found, staged) => self.forget_sibling(dir),
                Some(found) => Err(self.in_the_way(kind(&found))),
                None => Err(self.in_the_way("something that comes and goes")),
            },
            other => other.map_err(failed),
        }
    }

    fn replace(&self, dir: &OwnedFd, staged: &Stat) -> Result<(), Error> {
        let failed = |errno: Errno| Error::of("publish", &self.target(), &io::Error::from(errno));
        match look(dir, &self.name).map_err(failed)? {
            // rename(2) of two names of one file does nothing and says it has.
            Some(found) if same_file(&found, staged) => self.forget_sibling(dir),
            Some(found) if kind(&found) != "a file" => Err(self.in_the_way(kind(&found))),
            _ => renameat(dir, &self.sibling, dir, &self.name).map_err(failed),
        }
    }

    fn forget_sibling(&self, dir: &OwnedFd) -> Result<(), Error> {
        match unlinkat(dir, &self.sibling, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(Error::of("remove", &self.sibling(), &errno.into())),
        }
    }

    fn in_the_way(&self, what: &str) -> Error {
        let target = self.target();
        let text = format!(
            "cannot publish {}: {what} appeared there while the work was done, and was left \
             untouched: move it away, choose another name, or ask to overwrite it",
            quoted(&target)
        );
        Error::new(Reason::UserError, text)
    }
}
