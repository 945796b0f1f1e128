//! Copying a result to another file system, in pieces that can be stopped between.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, copy_file_range, fallocate};
use rustix::io::Errno;

/// What is copied between two looks at the order to stop.
const PIECE: usize = 4 << 20;
/// The buffer where the kernel cannot copy by itself.
const BUFFER: usize = 1 << 20;

/// A copy that somebody watches and may stop.
#[derive(Debug, Default)]
pub struct Copying {
    stopped: AtomicBool,
    copied: AtomicU64,
}

impl Copying {
    /// Stops it at the next piece.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether it was told to stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Bytes copied so far, over all files.
    #[must_use]
    pub fn copied(&self) -> u64 {
        self.copied.load(Ordering::Relaxed)
    }

    /// Counts bytes that were brought over.
    pub(crate) fn count(&self, bytes: u64) {
        self.copied.fetch_add(bytes, Ordering::Relaxed);
    }

    fn go_on(&self) -> io::Result<()> {
        if self.is_stopped() {
            return Err(ErrorKind::Interrupted.into());
        }
        Ok(())
    }
}

/// Copies all of `from`, which has `size` bytes, to the empty `to`. Answers what was copied.
///
/// Room is set aside first, so that a disk that is too full is found out before the time is
/// spent; file systems that cannot do that find out on the way.
pub(crate) fn copy(from: &File, to: &File, size: u64, copying: &Copying) -> io::Result<u64> {
    if size > 0
        && let Err(errno @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) =
            fallocate(to, FallocateFlags::KEEP_SIZE, 0, size)
    {
        return Err(errno.into());
    }
    let mut total = 0;
    loop {
        copying.go_on()?;
        match copy_file_range(from, None, to, None, PIECE) {
            // Some file systems answer 0 for what they cannot copy.
            Ok(0) if total < size => return by_hand(from, to, total, copying),
            Ok(0) => return Ok(total),
            Ok(count) => {
                total += count as u64;
                copying.count(count as u64);
            }
            Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => {
                return by_hand(from, to, total, copying);
            }
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Goes on, by reads and writes, where the kernel's own copy stopped: both files' positions are
/// after the `done` bytes.
fn by_hand(mut from: &File, mut to: &File, done: u64, copying: &Copying) -> io::Result<u64> {
    let mut buffer = vec![0; BUFFER];
    let mut total = done;
    loop {
        copying.go_on()?;
        match from.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(count) => {
                to.write_all(&buffer[..count])?;
                total += count as u64;
                copying.count(count as u64);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_copy_every_byte() {
        let dir = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let path = dir.path().join("from");
        ffleet_base::write_atomic(&path, &content, 0o600).unwrap();
        for way in [copy, |from: &File, to: &File, _, copying: &Copying| {
            by_hand(from, to, 0, copying)
        }] {
            let (from, into) = (File::open(&path).unwrap(), dir.path().join("to"));
            let to = File::create(&into).unwrap();
            let copying = Copying::default();
            let copied = way(&from, &to, content.len() as u64, &copying).unwrap();
            assert_eq!((copied, copying.copied()), (3_000_000, 3_000_000));
            assert!(std::fs::read(&into).unwrap() == content, "the copy differs");
        }
    }

    #[test]
    fn stopped_copy_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let file = File::create(dir.path().join("a")).unwrap();
        let copying = Copying::default();
        copying.stop();
        let error = copy(&file, &file, 0, &copying).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted);
    }
}
