//! Sees a child that is ours to its end: reaps it, clears away what it left, says how it ended.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use ffleet_base::{Clock, chain};
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

use super::Moment;
use crate::cgroup::Group;
use crate::exit::{self, Exit};
use crate::launch::Reaped;
use crate::seats::Seat;
use crate::stderr::Said;
use crate::tree::Tree;

/// How often threads are counted where the kernel does not.
const SAMPLE: Duration = Duration::from_secs(1);
/// The first and the longest wait between two looks at a tree that is being killed.
const LOOKS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));
/// After so many looks somebody should know (about 5 s).
const MANY_LOOKS: u32 = 50;
/// How long standard error is still read when nothing of the tree is alive: somebody outside of
/// it may hold the pipe.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// When a child came to life, and who has to know when nothing of it is left.
#[derive(Debug)]
pub(crate) struct Birth {
    pub(crate) executed: Moment,
    pub(crate) clock: Arc<dyn Clock>,
    /// Dropped when the tree is gone.
    pub(crate) keep: Keep,
}

/// What is held for a child until nothing of it is left.
#[derive(Debug)]
pub(crate) struct Keep {
    /// What it was promised; nothing if an earlier life did not write that down. It goes first.
    pub(crate) _seat: Option<Seat>,
    /// Its node waits for this.
    pub(crate) _alive: watch::Receiver<()>,
}

/// What has to be done at a child's end.
pub(super) struct End {
    pub(super) name: String,
    pub(super) tree: Arc<Tree>,
    pub(super) birth: Birth,
    pub(super) said: Said,
    pub(super) reader: Option<JoinHandle<()>>,
}

impl End {
    pub(super) async fn see_to_it(mut self, pidfd: AsyncFd<OwnedFd>) -> (Exit, Keep) {
        let peak_threads = self.first_process_ended(&pidfd).await;
        let reaped = self.reap();
        drop(pidfd);
        let strays = self.everybody_gone().await;
        self.last_words().await;
        let now = self.birth.clock.monotonic();
        let wall = now.saturating_sub(self.birth.executed.monotonic);
        let exit = Exit {
            stderr_tail: self.said.tail(),
            log_lost: self.said.lost(),
            ..exit::of(&self.tree, reaped, peak_threads, strays, wall)
        };
        let tree = Arc::clone(&self.tree);
        let removed = tokio::task::spawn_blocking(move || tree.remove()).await;
        match removed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(child = self.name, error = %chain(&error), "a cgroup is left");
            }
            Err(error) => tracing::warn!(child = self.name, %error, "a cgroup is left"),
        }
        (exit, self.birth.keep)
    }

    /// Waits for it, and counts threads where the kernel does not.
    async fn first_process_ended(&self, pidfd: &AsyncFd<OwnedFd>) -> u64 {
        let counted = self.tree.group().is_some_and(Group::keeps_peak_tasks);
        let mut sample = tokio::time::interval(SAMPLE);
        let mut most = 0;
        loop {
            tokio::select! {
                ended = pidfd.readable() => {
                    if let Err(error) = ended {
                        tracing::warn!(child = self.name, %error, "a child is not watched");
                    }
                    return most;
                }
                _ = sample.tick(), if !counted => most = most.max(self.tree.tasks()),
            }
        }
    }

    fn reap(&self) -> Option<Reaped> {
        self.tree.reap().unwrap_or_else(|error| {
            // Somebody else has waited for our child.
            tracing::error!(child = self.name, %error, "a child's end was lost");
            None
        })
    }

    /// Kills whoever was left behind, until nobody is; how many that were at first.
    async fn everybody_gone(&self) -> usize {
        let (mut wait, longest) = LOOKS;
        let mut strays = 0;
        for look in 0_u32.. {
            let tree = Arc::clone(&self.tree);
            // Without cgroups this reads all of /proc.
            let living = tokio::task::spawn_blocking(move || {
                let living = tree.living();
                if living > 0 {
                    tree.kill();
                }
                living
            });
            let living = living.await.unwrap_or(0);
            strays = strays.max(living);
            if living == 0 {
                break;
            }
            if look == MANY_LOOKS {
                tracing::warn!(child = self.name, living, "killed processes do not die");
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(longest);
        }
        strays
    }

    async fn last_words(&mut self) {
        let Some(reader) = self.reader.take() else { return };
        let stop = Stop(reader.abort_handle());
        // Late or not, what was heard is kept.
        let _late = tokio::time::timeout(LAST_WORDS, reader).await;
        drop(stop);
    }
}

/// Ends a task when it is dropped.
struct Stop(AbortHandle);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
