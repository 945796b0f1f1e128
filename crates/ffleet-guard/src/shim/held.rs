//! A child in the hands of a shim, from the guard's side, to its end.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use ffleet_base::chain;
use ffleet_types::attempt::Usage;
use tokio::sync::watch;

use super::wire::{Reply, Request};
use super::{Line, Place};
use crate::cgroup::{Base, Group};
use crate::child::Keep;
use crate::exit::Exit;
use crate::launch;

/// The first and the longest wait between two looks at what a lost shim left.
const LOOKS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));
/// After so long what does not die is left to the next start.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is left on disk of a child that was in the hands of a shim: how it ended. While there is one of
/// these the next life of the node finds that out, so whoever acts on a child's end keeps it until that is
/// written down. No other child may have its name meanwhile. A child without a shim leaves nothing.
#[derive(Clone, Debug, Default)]
#[must_use = "what a child left goes when this is dropped"]
pub struct Trace(Option<Arc<Left>>);

/// What a shim is found by. It is removed when the shim is gone and nobody needs it any more.
#[derive(Debug)]
pub(crate) struct Left {
    place: Place,
    /// Whether the shim is gone.
    over: AtomicBool,
}

impl Trace {
    /// That of a child whose shim may be alive.
    pub(crate) fn new(place: Place) -> Self {
        Self(Some(Arc::new(Left { place, over: AtomicBool::new(false) })))
    }

    pub(crate) fn left(&self) -> Weak<Left> {
        self.0.as_ref().map(Arc::downgrade).unwrap_or_default()
    }

    /// One more, if there is something left.
    pub(crate) fn of(left: &Weak<Left>) -> Self {
        Self(left.upgrade())
    }

    /// Its shim is gone.
    pub(crate) fn over(self) -> Self {
        if let Some(left) = &self.0 {
            left.over.store(true, Ordering::Relaxed);
        }
        self
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        if !self.over.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = self.place.clear() {
            tracing::warn!(place = ?self.place, %error, "what a shim was found by is left");
        }
    }
}

/// A child in the hands of a shim.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) line: Arc<Line>,
    /// Hears which request was answered last, and what was wrong with it.
    pub(crate) answered: watch::Sender<(u64, Option<String>)>,
    /// The shim: a pidfd; nothing if it never said anything.
    pub(crate) shim: Option<OwnedFd>,
    /// The child's cgroups.
    pub(crate) group: Option<Group>,
    /// What it is found by.
    pub(crate) trace: Trace,
    /// Dropped when nothing of it is left.
    pub(crate) keep: Keep,
    /// The directories that its group is in.
    pub(crate) base: Arc<Base>,
}

impl Held {
    /// Hears how the child ended, unless that is known, and lets the shim go.
    pub(crate) async fn see_to_it(self, child: &str, mut ended: Option<Exit>) -> (Exit, Keep) {
        let exit = loop {
            if let Some(exit) = ended.take() {
                self.line.say(&Request::Farewell);
                break exit;
            }
            match self.line.hear().await {
                Ok(Some(Reply::Answered { request, trouble })) => {
                    self.answered.send_replace((request, trouble));
                }
                Ok(Some(Reply::Ended(exit))) => ended = Some(*exit),
                lost => {
                    tracing::error!(child, ?lost, "a child's shim was lost, and the child with it");
                    break self.clear().await.0;
                }
            }
        };
        self.bury(child).await;
        drop((self.base, self.trace.over()));
        (exit, self.keep)
    }

    /// Clears away what there is of a child whose shim was lost before it said anything.
    pub(crate) async fn give_up(self, child: &str) -> Keep {
        let _exit = self.clear().await;
        self.bury(child).await;
        drop(self.trace.over());
        self.keep
    }

    /// Waits for the end of a shim that was told that it is not wanted and does not hear it, however long that
    /// takes, and clears away what there is of its child.
    pub(crate) async fn outlast(self, child: &str) -> Keep {
        // From here on its child cannot be started: what it would be put into is gone. Where there are no
        // cgroups it dies with its shim.
        while !self.clear().await.1 {}
        while let Ok(Some(_)) = self.line.hear().await {}
        tracing::info!(child, "a shim that had said nothing is gone");
        drop((self.base, self.trace.over()));
        self.keep
    }

    /// Clears away a child that did not come to be.
    pub(crate) async fn discard(self, child: &str) {
        self.bury(child).await;
        if let Some(Err(error)) = self.group.as_ref().map(Group::remove) {
            tracing::warn!(error = %chain(&error), "a cgroup is left");
        }
        drop(self.trace.over());
    }

    /// Kills and removes what a shim left that was killed itself, and whether that was all. Its child died
    /// with it.
    async fn clear(&self) -> (Exit, bool) {
        let mut wait = LOOKS.0;
        let mut strays = 0;
        let mut is_clear = true;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        if let Some(group) = self.group.clone() {
            loop {
                let looked = group.clone();
                let living = tokio::task::spawn_blocking(move || {
                    let living = looked.processes().len();
                    if living > 0 {
                        looked.kill();
                    }
                    living
                });
                let living = living.await.unwrap_or(0);
                strays = strays.max(living);
                if living == 0 || tokio::time::Instant::now() > deadline {
                    break;
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LOOKS.1);
            }
            if let Err(error) = group.remove() {
                is_clear = false;
                tracing::warn!(error = %chain(&error), "a cgroup is left for the next start");
            }
        }
        let exit = Exit {
            exit: ffleet_supervise::Exit::Signal(libc::SIGKILL),
            usage: Usage::default(),
            memory_kills: 0,
            tasks_refused: 0,
            strays,
            stderr_tail: String::new(),
            stdout_tail: String::new(),
            log_lost: 0,
            forsaken: false,
        };
        (exit, is_clear)
    }

    /// Waits for the shim's own end.
    async fn bury(&self, child: &str) {
        let shim = self.shim.as_ref().map(|shim| shim.try_clone().and_then(launch::watch));
        let gone = async {
            match &shim {
                Some(Ok(shim)) => drop(shim.readable().await),
                // With it the line ends.
                Some(Err(_)) | None => while let Ok(Some(_)) = self.line.hear().await {},
            }
        };
        if tokio::time::timeout(PATIENCE, gone).await.is_err() {
            tracing::warn!(child, "a shim does not end");
        }
    }
}
