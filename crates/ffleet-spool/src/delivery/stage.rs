//! Bringing a result to the hidden sibling of its target, and onto the disk.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::OnceLock;

use ffleet_types::{Bytes, Reason};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{Delivery, look};
use crate::copy::{Copying, copy};
use crate::error::{Error, quoted};
use crate::step::{Observer, Step};

impl Delivery {
    /// Brings the file `work` to the hidden sibling and onto the disk, and answers its size:
    /// moved where both are on one file system, else copied. It gets the permissions that a
    /// plain new file would have there. After this `work` may or may not still be there.
    ///
    /// Blocks, for as long as the copy takes; [`Copying::stop`] ends that.
    ///
    /// # Errors
    ///
    /// [`Reason::ResourceError`] for a full disk, [`Reason::UserError`] for a place that cannot be
    /// written to, [`Reason::Interrupted`] when stopped. The sibling is gone then.
    pub fn stage(
        &self,
        work: &Path,
        copying: &Copying,
        observer: &Observer<'_>,
    ) -> Result<Bytes, Error> {
        observer(Step::Staging);
        let staged = self.bring(work, copying, observer);
        if staged.is_err()
            && let Err(left) = self.undo()
        {
            tracing::warn!(error = %left, "a failed delivery left its sibling behind");
        }
        staged
    }

    fn bring(
        &self,
        work: &Path,
        copying: &Copying,
        observer: &Observer<'_>,
    ) -> Result<Bytes, Error> {
        let reading = |error: io::Error| match Error::of("read the result", work, &error) {
            // It is ours: that it is missing is nobody's mistake but ours.
            error if error.reason() == Reason::UserError => {
                Error::new(Reason::PlatformError, error.to_string())
            }
            error => error,
        };
        let from = fs::OpenOptions::new()
            .read(true)
            .custom_flags(i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0))
            .open(work)
            .map_err(reading)?;
        let made = rustix::fs::fstat(&from).map_err(|errno| reading(errno.into()))?;
        if FileType::from_raw_mode(made.st_mode) != FileType::RegularFile {
            let text = format!("the result {} is no plain file", quoted(work));
            return Err(Error::new(Reason::RuntimeError, text));
        }
        let size = u64::try_from(made.st_size).unwrap_or(0);
        let dir = self.open_dir()?;
        let writing = |error: io::Error| match error.kind() {
            ErrorKind::Interrupted => {
                let text = format!("stopped while writing {}", quoted(&self.target()));
                Error::new(Reason::Interrupted, text)
            }
            _ => Error::of("write", &self.sibling(), &error),
        };
        let moved = self.move_over(work, &made, &dir).map_err(writing)?;
        let staged = if moved {
            copying.count(size);
            from
        } else {
            let to = self.create(&dir).map_err(writing)?;
            let copied = copy(&from, &to, size, copying).map_err(writing)?;
            if copied != size {
                let text = format!(
                    "the result {} changed while it was copied: {size} bytes became {copied}",
                    quoted(work)
                );
                return Err(Error::new(Reason::PlatformError, text));
            }
            to
        };
        observer(Step::Staged);
        staged.sync_all().map_err(writing)?;
        sync(&dir).map_err(writing)?;
        observer(Step::Synced);
        Ok(Bytes(size))
    }

    /// Moves the file where that is possible, and answers whether it was.
    fn move_over(&self, work: &Path, made: &Stat, dir: &OwnedFd) -> io::Result<bool> {
        let place = rustix::fs::fstat(dir)?;
        // A new file in a set-group-id directory belongs to that directory's group; only the
        // kernel can give it away in every case.
        let other_group =
            Mode::from_raw_mode(place.st_mode).contains(Mode::SGID) && place.st_gid != made.st_gid;
        if place.st_dev != made.st_dev || other_group {
            return Ok(false);
        }
        fs::set_permissions(work, Permissions::from_mode(0o666 & !umask()?))?;
        match rustix::fs::renameat(rustix::fs::CWD, work, dir, &self.sibling) {
            Ok(()) => Ok(true),
            // One device, but two mounts of it.
            Err(Errno::XDEV) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Makes an empty sibling with the mode that any new file has. One from an attempt at this
    /// very delivery that was cut off is replaced.
    fn create(&self, dir: &OwnedFd) -> io::Result<File> {
        if look(dir, &self.sibling)?.is_some() {
            rustix::fs::unlinkat(dir, &self.sibling, AtFlags::empty())?;
        }
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o666);
        Ok(rustix::fs::openat(dir, &self.sibling, flags, mode)?.into())
    }
}

/// Puts on disk which names a directory has. File systems that cannot (some network ones) have
/// nothing to sync.
pub(super) fn sync(dir: &OwnedFd) -> io::Result<()> {
    match rustix::fs::fsync(dir) {
        Ok(()) | Err(Errno::INVAL) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// This process's umask, which can only be read from the outside without changing it, and nothing
/// changes.
fn umask() -> io::Result<u32> {
    static UMASK: OnceLock<u32> = OnceLock::new();
    if let Some(umask) = UMASK.get() {
        return Ok(*umask);
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let umask = status
        .lines()
        .find_map(|line| u32::from_str_radix(line.strip_prefix("Umask:")?.trim(), 8).ok())
        .ok_or_else(|| io::Error::other("/proc/self/status names no umask"))?;
    Ok(*UMASK.get_or_init(|| umask))
}
