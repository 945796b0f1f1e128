//! What of a feed's inputs outlives us: what programs write into, and how far we had read it.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use ffleet_guard::{Kept, Node};
use rustix::fs::fstat;

/// Who keeps it, and what an earlier life has left of it that was not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Keeping {
    /// Nobody, where nothing is to outlive us.
    node: Option<Arc<Node>>,
    /// What names of this feed begin with.
    prefix: String,
    left: Mutex<Vec<Kept>>,
}

impl Keeping {
    /// For a feed whose children are called so. What an earlier life has left of it is there from now on.
    pub(crate) fn new(node: &Arc<Node>, label: &str) -> Arc<Self> {
        // No label has a stroke in it.
        let prefix = format!("{label}/");
        let left = Mutex::new(node.left(&prefix));
        Arc::new(Self { node: Some(Arc::clone(node)), prefix, left })
    }

    /// What an earlier life has left under a name that begins so.
    pub(crate) fn take(&self, name: &str) -> Option<Kept> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = |kept: &Kept| {
            let rest = kept.name().strip_prefix(&self.prefix);
            rest.is_some_and(|rest| rest.starts_with(name))
        };
        let at = left.iter().position(begins)?;
        Some(left.swap_remove(at))
    }

    /// Has it outlive us. Where it does not, that is said.
    pub(crate) async fn keep(&self, name: &str, fd: OwnedFd, is_watched: bool) -> Option<Kept> {
        let node = self.node.as_ref()?;
        match node.keep(&format!("{}{name}", self.prefix), fd, is_watched).await {
            Ok(kept) => Some(kept),
            Err(error) => {
                tracing::warn!(
                    name, of = self.prefix, %error,
                    "it is not kept: when ffleet ends, whoever writes there meets a broken pipe"
                );
                None
            }
        }
    }
}

/// Whether both are of the same file.
pub(crate) fn is_same(one: impl AsFd, other: impl AsFd) -> bool {
    let place = |fd| fstat(fd).map(|found| (found.st_dev, found.st_ino)).ok();
    let one = place(one.as_fd());
    one.is_some() && one == place(other.as_fd())
}
