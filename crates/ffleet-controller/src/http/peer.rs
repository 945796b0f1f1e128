//! Machines of the fleet, as connections know them.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use ffleet_types::NodeId;

/// Who is at the other end of a connection, where TLS has shown it: in the extensions of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A machine of the fleet.
    Node(NodeId),
}

/// Who is a machine of the fleet now. A certificate says who somebody is; whether they may come in is asked of this
/// at each call, so that one who was removed is out at once, whatever connections it has open.
#[derive(Debug, Default)]
pub(crate) struct Members(RwLock<BTreeSet<NodeId>>);

impl Members {
    pub(crate) fn add(&self, node: NodeId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(node);
    }

    pub(crate) fn remove(&self, node: NodeId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&node);
    }

    pub(crate) fn contains(&self, node: NodeId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&node)
    }
}
