//! How a thread that waits in the kernel is told of pushes and newcomers.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, eventfd};

use super::Newcomer;

/// See the module.
#[derive(Debug)]
pub(crate) struct Bell {
    event: OwnedFd,
    news: Mutex<News>,
}

/// What has happened since it was last asked.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) newcomers: Vec<Newcomer>,
    /// Rings that were pushed to, by the names they know.
    pub(super) pushed: Vec<usize>,
    pub(super) stop: bool,
    /// Whether it has been rung since.
    rung: bool,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Arc::new(Self { event, news: Mutex::default() }))
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that there is something in the ring `name`.
    pub(crate) fn ring(&self, name: usize) {
        let mut news = self.news();
        if !news.pushed.contains(&name) {
            news.pushed.push(name);
        }
        self.wake(news);
    }

    pub(super) fn admit(&self, newcomer: Newcomer) {
        let mut news = self.news();
        news.newcomers.push(newcomer);
        self.wake(news);
    }

    pub(super) fn stop(&self) {
        let mut news = self.news();
        news.stop = true;
        self.wake(news);
    }

    fn wake(&self, mut news: MutexGuard<'_, News>) {
        if !std::mem::replace(&mut news.rung, true)
            && let Err(error) = rustix::io::write(&self.event, &1_u64.to_ne_bytes())
        {
            // Only a counter that is about to overflow refuses, and nobody counts that far.
            tracing::error!(%error, "a thread that writes to viewers cannot be woken");
        }
    }

    /// What has happened.
    pub(super) fn answer(&self) -> News {
        let mut count = [0; 8];
        let mut news = self.news();
        // `WouldBlock`: it was not rung.
        let _count = rustix::io::read(&self.event, &mut count);
        std::mem::take(&mut *news)
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}
