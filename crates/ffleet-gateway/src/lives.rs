//! Between two lives of ours: what is left to shims, and what of it nobody wants any more.

use std::time::Duration;

use crate::feed;
use crate::gateway::{Gateway, Tables};

/// How long feeds may take to let go of what they leave.
const HASTE: Duration = Duration::from_secs(2);

impl Gateway {
    /// Whether commands of feeds are left running when the server is stopped.
    #[must_use]
    pub fn leaves(&self) -> bool {
        let shop = self.shop();
        shop.options.leaves && shop.node.orphan_grace() != Some(Duration::ZERO)
    }

    /// Ends everything as [`close`](Self::close) does, but leaves to their shims what the next life can go on with, as
    /// the death of this process would: the feeds of which something goes on.
    pub async fn leave(&self) -> Vec<String> {
        let shop = self.shop();
        if self.leaves() {
            // Before what it belongs to is closed.
            shop.node.leave_kept(true);
            shop.leaving.cancel();
        }
        self.close();
        shop.node.leave_kept(false);
        shop.tasks.close();
        // What is ended instead is waited for with all other children.
        let _others = tokio::time::timeout(HASTE, shop.tasks.wait()).await;
        let mut left = shop.left.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        left.sort();
        std::mem::take(&mut left)
    }

    /// Ends what an earlier life left of feeds that are not declared any more.
    pub(crate) fn abandon(&self, tables: &Tables) {
        let own = tables.streams.values().filter_map(|stream| stream.shared.as_ref());
        let there: std::collections::BTreeSet<&str> = tables
            .feeds
            .values()
            .chain(own)
            .filter(|feed| feed.refused().is_none())
            .map(|feed| feed.label())
            .collect();
        feed::abandon(self.shop(), |label| there.contains(label));
        // Nobody has asked for it by now.
        drop(self.shop().node.left(""));
    }
}
