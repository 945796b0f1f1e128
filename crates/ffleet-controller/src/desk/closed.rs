//! What nodes say of themselves: that they take no more work, and what is not for work.

use ffleet_types::node::Order;
use ffleet_types::{Bytes, NodeId};

use super::Desk;

impl Desk {
    /// A node says why it takes no more work, or that it does. Whether that is news.
    pub(crate) fn close(&self, node: NodeId, closed: Option<&str>) -> bool {
        let mut inner = self.lock();
        let Some(station) = inner.stations.get_mut(&node) else {
            return false;
        };
        let is_news = station.closed.as_deref() != closed;
        if is_news {
            station.closed = closed.map(str::to_owned);
        }
        is_news
    }

    /// A node says what of its memory its rings have. Whether that is news.
    pub(crate) fn set_rings(&self, node: NodeId, rings: Bytes) -> bool {
        let mut inner = self.lock();
        let station = inner.stations.get_mut(&node);
        station.is_some_and(|station| std::mem::replace(&mut station.rings, rings) != rings)
    }

    /// Why nothing that waits can begin: all nodes that are to take work have closed themselves.
    /// Nothing if one of them has not, or there is none.
    pub(crate) fn closed(&self) -> Option<String> {
        let inner = self.lock();
        let mut open = inner
            .stations
            .values()
            .filter(|station| station.registered && station.order == Order::Accept)
            .peekable();
        open.peek()?;
        let whys = open.map(|station| {
            let why = station.closed.as_deref()?;
            Some(format!("{}: {why}", station.description.name))
        });
        whys.collect::<Option<Vec<_>>>().map(|whys| whys.join("; "))
    }
}
