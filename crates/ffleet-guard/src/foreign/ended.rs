//! The end of a process that is somebody else's child.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use super::Error;
use super::process::{Process, has_ended};
use crate::{launch, timespec};

/// How long its parent may take to wait for it, before we give up hearing how it ended.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a foreign process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// So; a kernel since 6.15 says it, once the parent has waited for it.
    So(ffleet_supervise::Exit),
    /// Nobody says.
    Unknown,
}

/// A foreign process whose end is waited for. No other process is ever taken for it.
#[derive(Debug)]
pub struct Watched {
    pidfd: OwnedFd,
}

impl Watched {
    /// Begins to watch `process`.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if it has ended.
    pub fn begin(process: Process) -> Result<Self, Error> {
        let pidfd = process.open().ok_or(Error::Gone(process.pid))?;
        Ok(Self { pidfd })
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        has_ended(&self.pidfd)
    }

    /// How it ended, once it has. Blocks for a second at most.
    #[must_use]
    pub fn ended(&self) -> Ended {
        // The kernel hangs up when the parent has waited for it; older ones never do.
        let mut waited = [PollFd::new(&self.pidfd, PollFlags::empty())];
        let mut patience = PATIENCE;
        loop {
            match launch::exit_of(self.pidfd.as_fd()) {
                Some(Some(status)) => return Ended::So(crate::exit::ended(status)),
                // There is no such question yet.
                None => return Ended::Unknown,
                Some(None) if patience.is_zero() => return Ended::Unknown,
                Some(None) => {
                    let step = Duration::from_millis(20).min(patience);
                    // It hangs up in the meantime, or not.
                    let _heard = poll(&mut waited, Some(&timespec(step)));
                    patience = patience.saturating_sub(step);
                    crate::pause(Duration::from_millis(1));
                }
            }
        }
    }
}

impl AsFd for Watched {
    /// It can be read when the process has ended (`pidfd_open(2)`).
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}
