//! The disk of the work directories: a node whose disk is nearly full takes no more work.
//!
//! Every job writes there: its results until they are published, its logs, what its next life would
//! need. Work that is begun on the last percents ends in the middle, and takes what is under way
//! down with it. So it waits instead, and the node says why, until there is room again. When that is, is
//! decided by [`ffleet_sched::disk`].

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ffleet_base::files::Space;
use ffleet_base::{chain, files};
use ffleet_sched::disk::{Door, Policy};
use tokio_util::sync::CancellationToken;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// The disk of a node, as it was last looked at.
#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    policy: Policy,
    /// Why no work is taken, if it is not.
    full: Mutex<Option<String>>,
}

impl Disk {
    /// The disk of `root`, looked at.
    pub(crate) fn new(root: &Path) -> Arc<Self> {
        let (policy, full) = (Policy::default(), Mutex::default());
        let disk = Self { root: root.to_owned(), policy, full };
        let _first = disk.look();
        Arc::new(disk)
    }

    /// Why no more work is taken, if it is not, by the last look.
    pub(crate) fn full(&self) -> Option<String> {
        self.full.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks, and says how it is. Blocks for as long as the file system does not answer.
    pub(crate) fn look(&self) -> Result<Space, files::Error> {
        let space = files::space(&self.root);
        if let Ok(space) = &space {
            self.set(*space);
        }
        space
    }

    /// Closes the node or opens it, as is decided by how the disk is.
    fn set(&self, space: Space) {
        let percent = space.percent();
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        let before = if full.is_some() { Door::Closed } else { Door::Open };
        *full = match self.policy.decide(before, percent) {
            Door::Open => None,
            Door::Closed => Some(format!(
                "the disk of {} is {percent} % full, {} are free: new jobs wait until it is at most {} % full",
                self.root.display(),
                space.free.human(),
                self.policy.room,
            )),
        };
    }

    /// Looks again and again until the end comes.
    pub(crate) async fn watch(self: Arc<Self>, ended: CancellationToken) {
        let mut failed = false;
        loop {
            tokio::select! {
                () = ended.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            let disk = Arc::clone(&self);
            // One that does not answer is waited for here, and by nobody else.
            let looked = tokio::select! {
                () = ended.cancelled() => return,
                looked = tokio::task::spawn_blocking(move || disk.look()) => looked,
            };
            match looked {
                Ok(Ok(_)) => failed = false,
                Ok(Err(error)) if !failed => {
                    failed = true;
                    tracing::warn!(error = %chain(&error), "the disk of the work directories");
                }
                Ok(Err(_)) => {}
                Err(error) => tracing::warn!(%error, "a look at the disk broke off"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ffleet_types::Bytes;

    use super::*;

    #[test]
    fn node_closes_when_it_is_full_and_opens_when_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::new(dir.path());
        let at = |percent: u64| {
            let (used, free) = (Bytes::gib(percent), Bytes::gib(100 - percent));
            disk.set(Space { used, free, total: Bytes::gib(100) });
            disk.full()
        };
        assert_eq!((at(0), at(94)), (None, None));
        let why = at(95).unwrap();
        assert!(why.contains("95 % full, 5.00 GiB are free"), "{why}");
        assert!(why.contains("at most 93 %"), "{why}");
        assert!(at(94).unwrap().contains("94 %"), "it stays closed for a while");
        assert_eq!((at(93), at(94)), (None, None), "and open");
        assert!(at(100).is_some());
        disk.look().unwrap();
    }
}
