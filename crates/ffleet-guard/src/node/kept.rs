//! Descriptors that belong to no child, and outlive us.

use std::io;
use std::os::fd::OwnedFd;

use super::Node;
use crate::shim::keeper::Kept;

impl Node {
    /// Has a process that outlives us keep `fd` open, under a name that nothing else has at the time: as long as what is
    /// answered is there, and when we die until our next life asks for it ([`left`](Self::left)) or the orphan grace is
    /// over. If `is_watched`, it is the reading end of a FIFO of which is noted meanwhile where its writers have gone.
    ///
    /// # Errors
    ///
    /// If that process cannot be started. `fd` is of this process alone then.
    pub async fn keep(&self, name: &str, fd: OwnedFd, is_watched: bool) -> io::Result<Kept> {
        self.keeper.keep(name, fd, is_watched).await
    }

    /// What an earlier life has had kept under names that begin with `prefix`, once.
    #[must_use]
    pub fn left(&self, prefix: &str) -> Vec<Kept> {
        self.keeper.left(prefix)
    }

    /// Lets go of everything that is kept, for our next life, as our death would; or, unless it `goes_on`, ends it. Before
    /// what it belongs to is closed.
    pub fn leave_kept(&self, goes_on: bool) {
        self.keeper.part(goes_on);
    }
}
