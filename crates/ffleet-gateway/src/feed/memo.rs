//! A page that outlives us, on which it is written what a producer's bytes are.
//!
//! Whoever goes on reading begins in the middle of something, where nothing tells of which format it is. The page is a
//! file in memory (`memfd_create(2)`) that is held for us beside what we read.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use ffleet_live::join::Format;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::io::{pread, pwrite};

/// Longer than the name of any format.
const LONG: usize = 64;

/// See the module.
#[derive(Debug)]
pub(crate) struct Memo(OwnedFd);

impl Memo {
    /// An empty one.
    pub(super) fn new() -> rustix::io::Result<Self> {
        memfd_create("ffleet-memo", MemfdFlags::CLOEXEC).map(Self)
    }

    /// One that was held.
    pub(super) const fn of(page: OwnedFd) -> Self {
        Self(page)
    }

    /// Writes that the bytes are of this format.
    pub(crate) fn write(&self, format: Format) {
        let written = ftruncate(&self.0, 0)
            .and_then(|()| pwrite(&self.0, format.name().as_bytes(), 0))
            .map(|_| ());
        if let Err(error) = written {
            tracing::warn!(%error, "what a feed gives is not noted: after a restart it begins anew");
        }
    }

    /// Writes that it is not known.
    pub(super) fn clear(&self) {
        // One that cannot be emptied is written over soon.
        let _stays = ftruncate(&self.0, 0);
    }

    /// Of which format the bytes are, if that was known.
    pub(super) fn read(&self) -> Option<Format> {
        let mut text = [0; LONG];
        let long = pread(&self.0, &mut text, 0).ok()?;
        Format::named(std::str::from_utf8(text.get(..long)?).ok()?)
    }
}

impl AsFd for Memo {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_says_what_was_written_last() {
        let memo = Memo::new().unwrap();
        assert_eq!(memo.read(), None);
        memo.write(Format::MultipartJpeg);
        memo.write(Format::MpegTs);
        let held = Memo::of(memo.as_fd().try_clone_to_owned().unwrap());
        assert_eq!(held.read(), Some(Format::MpegTs));
    }
}
